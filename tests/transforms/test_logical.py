"""`and`, `or`, `not`, chains, `in`."""

from __future__ import annotations

import pytest

from janusx.transforms import rewrite
from tests.transforms.compare import Case, check
from tests.transforms.compare import same as same_result

CASES = [
    Case(
        "what may be skipped is a lambda",
        """
        def f(a, b):
            return a and log(b), a or log(b), not a
        """,
        """
        def f(a, b):
            return jx.and_(a, lambda: jx.call(log)(b), site=1), jx.or_(a, lambda: jx.call(log)(b), site=3), jx.not_(a)
        """,
        calls=((1, 2), (0, 2)),
    ),
    Case(
        "a chain evaluates each operand once and stops early",
        """
        def f(a):
            return log(a) < log(2) <= log(3)
        """,
        """
        def f(a):
            return jx.chain(jx.call(log)(a), "<", lambda: jx.call(log)(2), "<=", lambda: jx.call(log)(3), site=1)
        """,
        calls=((1,), (5,)),
    ),
    Case(
        "of a chain that decides only the truth matters",
        """
        def f(a, b):
            assert 0 < log(a) < b
            return 1 if 2 <= a < b else 2
        """,
        """
        def f(a, b):
            jx.assert_(jx.holds(0, "<", lambda: jx.call(log)(a), "<", lambda: b, site=3), site=1)
            return jx.if_exp(jx.holds(2, "<=", lambda: a, "<", lambda: b, site=5), lambda: 1, lambda: 2, site=2)
        """,
        calls=((1, 0), (1, 5), (2, 3)),
    ),
    Case(
        "a single comparison stays",
        """
        def f(a, b):
            return a < b, a is None, None is not b
        """,
        """
        def f(a, b):
            return a < b, a is None, None is not b
        """,
        calls=((1, 2),),
    ),
    Case(
        "in asks the container",
        """
        def f(x, xs):
            return x in xs, x not in xs
        """,
        """
        def f(x, xs):
            return jx.contains(xs, x), jx.not_(jx.contains(xs, x))
        """,
        calls=((1, [1]), (1, [])),
    ),
    Case(
        "in keeps the order of evaluation",
        """
        def f(x):
            return log(x) in [log(1)]
        """,
        """
        def f(x):
            return jx.chain(jx.call(log)(x), "in", lambda: [jx.call(log)(1)])
        """,
        calls=((1,), (2,)),
    ),
    Case(
        "where only the truth matters both sides need nothing but a truth",
        """
        def f(a, b, xs):
            assert a or b
            while a and b > 0:
                b = b - 1
            y = 1 if a and (b or a) else 2
            return y, not (a and b), [x for x in xs if x or a], (a and b) + 0, a and (not (b or a))
        """,
        """
        def f(a, b, xs):
            jx.assert_(jx.either(a, lambda: b, site=5), site=1)
            def while_2_test(b): return jx.both(a, lambda: b > 0, site=6)
            def while_2_body(b):
                b = b - 1
                return b
            b = jx.while_loop(while_2_test, while_2_body, b, site=2)
            y = jx.if_exp(jx.both(a, lambda: jx.either(b, lambda: a, site=8), site=7), lambda: 1, lambda: 2, site=3)
            return y, jx.not_(jx.both(a, lambda: b, site=10)), """
        """[x for x in xs if jx.truth(jx.either(x, lambda: a, site=11), site=4)], """
        """(jx.and_(a, lambda: b, site=12)) + 0, jx.and_(a, lambda: jx.not_(jx.either(b, lambda: a, site=15)), site=13)
        """,
        calls=((1, 2, [0, 3]), (0, 2, [0, 3]), (0, 0, []), (2, 0, [])),
    ),
    Case(
        "an if asks for the truth, and what is in its branches need not",
        """
        def f(a, b):
            if a and b:
                return a and b
            elif [a or b]:
                return a or b
            return [a and b]
        """,
        """
        def f(a, b):
            def if_1_true():
                return jx.and_(a, lambda: b, site=4)
            def if_1_false():
                def if_2_true():
                    return jx.or_(a, lambda: b, site=6)
                def if_2_false():
                    return [jx.and_(a, lambda: b, site=7)]
                return jx.cond([jx.or_(a, lambda: b, site=5)], if_2_true, if_2_false, site=2)
            return jx.cond(jx.both(a, lambda: b, site=3), if_1_true, if_1_false, site=1)
        """,
        calls=((1, 2), (0, 2), (0, 0)),
    ),
    Case(
        "a walrus on the right keeps the operator native",
        """
        def f(a):
            b = 0
            c = a and (b := log(5))
            return b, c
        """,
        """
        def f(a):
            b = 0
            c = (b := jx.call(log)(5)) if jx.truth((and_1 := a)) else and_1
            return b, c
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a walrus in a chain keeps it native",
        """
        def f(a):
            return a < (b := 3) < 4
        """,
        """
        def f(a):
            return chain_1_1 < 4 if jx.truth((chain_1_1_holds := a < (chain_1_1 := (b := 3)))) else chain_1_1_holds
        """,
        calls=((1,), (9,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_logical(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("test", ["x is None", "None is not x", "x is ...", "x == y"])
def test_what_is_none_needs_no_op(test: str) -> None:
    text = f"def f(x, y):\n    return {test}\n"
    assert rewrite(text).text == text


def test_identity_goes_through_an_op() -> None:
    rewritten = same_result(
        "def f(x, y):\n    return x is y, x is not True, y is x is y\n", (1, 1), ([], []), (True, False)
    )
    assert rewritten.text == (
        "def f(x, y):\n"
        "    return jx.same(x, y), jx.not_(jx.same(x, True)), "
        'jx.chain(y, "is", lambda: x, "is", lambda: y, site=1)\n'
    )
