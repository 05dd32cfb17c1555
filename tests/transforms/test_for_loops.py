"""`for`: a body function that gets the item, and `jx.for_loop`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "a plain name is the parameter",
        """
        def f(xs):
            total = 0
            for x in xs:
                total += x
            return total
        """,
        """
        def f(xs):
            total = 0
            def for_1_body(x, total):
                total += x
                return total
            total = jx.for_loop(xs, for_1_body, total, site=1)
            return total
        """,
        calls=(([1, 2],), ([],)),
    ),
    Case(
        "any other target is unpacked from the item",
        """
        def f(xs):
            h = 0
            for i, (a, *b) in xs:
                h += i + a + len(b)
            return h
        """,
        """
        def f(xs):
            h = 0
            def for_1_body(item, h):
                i, (a, *b) = item
                h += i + a + jx.call(len)(b)
                return h
            h = jx.for_loop(xs, for_1_body, h, site=1)
            return h
        """,
        calls=(([(1, (2, 3))],), ([],)),
    ),
    Case(
        "a target that is read after the loop is carried",
        """
        def f(xs):
            for x in xs:
                pass
            return x
        """,
        """
        def f(xs):
            x = jx.unbound("x")
            def for_1_body(item, x):
                x = item
                return x
            x = jx.for_loop(xs, for_1_body, x, site=1)
            return jx.read(x, "x")
        """,
        calls=(([1, 2],), ([],)),
    ),
    Case(
        "an iterable without parentheses gets them",
        """
        def f():
            for x in 1, 2:
                log(x)
        """,
        """
        def f():
            def for_1_body(x):
                jx.call(log)(x)
            jx.for_loop((1, 2), for_1_body, site=1)
        """,
        calls=((),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_for_loops(case: Case) -> None:
    check(case)
