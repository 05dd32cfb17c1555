"""`v[i]`: loads, stores, and what stays native."""

from __future__ import annotations

import pytest

from janusx.transforms import rewrite
from tests.transforms.compare import Case, check, same

LIST = [1, 2, 3]

CASES = [
    Case(
        "an index of literals stays",
        """
        def f(x, d):
            x[0] = 1
            x[-1] += x[1:]
            return x[-1], x[1:2], x[:], d[None, ..., -2j], d["a" "b"], d[True, ()]
        """,
        """
        def f(x, d):
            x[0] = 1
            x[-1] += x[1:]
            return x[-1], x[1:2], x[:], d[None, ..., -2j], d["a" "b"], d[True, ()]
        """,
    ),
    Case(
        "a computed index goes through an op",
        """
        def f(x, i):
            return x[i], x[i + 1], x[x[i]]
        """,
        """
        def f(x, i):
            return jx.item(x, i), jx.item(x, i + 1), jx.item(x, jx.item(x, i))
        """,
        calls=((LIST, 0), (LIST, 1), (LIST, 5), (3, 0)),
    ),
    Case(
        "a slice is the object that Python makes of it",
        """
        def f(t, x=Probe()):
            return x[t:], x[:t], x[::t], x[t:t:t], x[:, t], x[t,], x[(t, 1)], x[..., :t, 0], x[t := 3]
        """,
        """
        def f(t, x=Probe()):
            return jx.item(x, jx.slice(t, None)), jx.item(x, jx.slice(None, t)), """
        """jx.item(x, jx.slice(None, None, t)), jx.item(x, jx.slice(t, t, t)), jx.item(x, (jx.slice(None), t)), """
        """jx.item(x, (t,)), jx.item(x, (t, 1)), """
        """jx.item(x, (..., jx.slice(None, t), 0)), jx.item(x, (t := 3))
        """,
        calls=((1,), (None,)),
    ),
    Case(
        "a star in an index stays native",
        """
        def f(t, x=Probe()):
            return x[*t], x[0, *t], x[(*t, 0)]
        """,
        """
        def f(t, x=Probe()):
            return x[*t], x[0, *t], jx.item(x, (*t, 0))
        """,
        calls=(((1, 2),),),
    ),
    Case(
        "a slice does not go by its own name, which may mean something else",
        """
        def f(x, i, slice):
            return x[i:slice], x[i]
        """,
        """
        def f(x, i, slice):
            return jx.item(x, jx.slice(i, slice)), jx.item(x, i)
        """,
        calls=((LIST, 0, 2),),
    ),
    Case(
        "a store evaluates the value, then the container, then the index",
        """
        def f(x, i):
            log(x)[log(i)] = log(7), 8
            x[i][log(0)] = x[log(2)]  # why
            return x
        """,
        """
        def f(x, i):
            jx.set_item((jx.call(log)(7), 8), jx.call(log)(x), jx.call(log)(i))
            jx.set_item(jx.item(x, jx.call(log)(2)), jx.item(x, i), jx.call(log)(0))  # why
            return x
        """,
        calls=(([[1], [2], 3], 0), ([[1], [2], 3], 1), ([[1], [2], 3], 9)),
    ),
    Case(
        "an update reads before the operand is evaluated",
        """
        def f(x, i):
            log(x)[log(i)] += log(7)
            x[i] **= x[0]
            return x
        """,
        """
        def f(x, i):
            jx.update_item(jx.call(log)(x), jx.call(log)(i), "+=", lambda: jx.call(log)(7))
            jx.update_item(x, i, "**=", lambda: x[0])
            return x
        """,
        calls=((LIST, 1), (LIST, 5)),
    ),
    Case(
        "an update whose operand binds a name stays native",
        """
        def f(x, i):
            x[i] += (y := 3)
            return x, y
        """,
        """
        def f(x, i):
            x[i] += (y := 3)
            return x, y
        """,
        calls=((LIST, 1),),
    ),
    Case(
        "other targets stay native, and what is read in them does not",
        """
        def f(x, i, y):
            x[i], y[x[i]] = 0, 1
            x[i] = y[i] = 5
            x[i]: int = y[i]
            with manager() as x[i]:
                del y[x[0]], y[y[0]]
            return x, y, [0 for y[0] in x]
        """,
        """
        def f(x, i, y):
            x[i], y[jx.item(x, i)] = 0, 1
            x[i] = y[i] = 5
            x[i]: int = jx.item(y, i)
            with jx.call(manager)() as x[i]:
                del y[x[0]], y[y[0]]
            return x, y, [0 for y[0] in x]
        """,
        calls=((LIST, 1, [4, 5, 6, 7, 0, 0, 0, 0, 0, 0]), (LIST, 0, [1, 1, 1])),
    ),
    Case(
        "a loop's target is stored natively",
        """
        def f(x, i):
            for x[i] in [4, 5]:
                log(x[i])
            return x
        """,
        """
        def f(x, i):
            def for_1_body(item):
                x[i] = item
                jx.call(log)(jx.item(x, i))
            jx.for_loop([4, 5], for_1_body, site=1)
            return x
        """,
        calls=((LIST, 1),),
    ),
    Case(
        "annotations are not asked for",
        """
        def f(x, i):
            y: dict[str, i] = x[i]
            def g(z: dict[str, int]) -> list[int]:
                return z
            return g(y)
        """,
        """
        def f(x, i):
            y: dict[str, i] = jx.item(x, i)
            def g(z: dict[str, int]) -> list[int]:
                return z
            return jx.call(g)(y)
        """,
        calls=((LIST, 1),),
    ),
    Case(
        "a subscript over several lines stays so",
        """
        def f(x, i):
            return x[
                i
            ] + x[
                i  # here
                + 1
            ]
        """,
        """
        def f(x, i):
            return jx.item(x,
                i
            ) + jx.item(x,
                i  # here
                + 1
            )
        """,
        calls=((LIST, 1), (LIST, 0)),
    ),
    Case(
        "a word that touches it keeps its distance",
        """
        def f(x, i):
            return(x)[i]
        """,
        """
        def f(x, i):
            return(jx.item(x, i))
        """,
        calls=((LIST, 1),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_subscripts(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("sign", "+ - * / // % ** & | ^ << >> @".split())
def test_every_augmented_assignment_is_the_operator_s(sign: str) -> None:
    text = f"def f(x, i, y):\n    x[i] {sign}= y\n    return x\n"
    rewritten = same(text, ([7, 3], 1, 2), ([7, 3], 2, 2), ([7, 3], 0, "a"))
    assert f'jx.update_item(x, i, "{sign}=", lambda: y)' in rewritten.text


def test_super_in_an_operand_finds_the_method_s_self() -> None:
    text = "def f(self, x, i):\n    x[i] += super().f(i)\n"
    assert 'jx.update_item(x, i, "+=", lambda: jx.call(super(__class__, self).f)(i))' in rewrite(text).text


def test_a_function_that_stays_native_keeps_its_subscripts() -> None:
    text = "def f(x, i):\n    x[i] += x[i]\n    yield x[i]\n"
    assert rewrite(text).text == text
