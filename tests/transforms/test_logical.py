"""`and`, `or`, `not`, chains, `in`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "what may be skipped is a lambda",
        """
        def f(a, b):
            return a and log(b), a or log(b), not a
        """,
        """
        def f(a, b):
            return jx.and_(a, lambda: jx.call(log)(b)), jx.or_(a, lambda: jx.call(log)(b)), jx.not_(a)
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
            return jx.chain(jx.call(log)(a), "<", lambda: jx.call(log)(2), "<=", lambda: jx.call(log)(3))
        """,
        calls=((1,), (5,)),
    ),
    Case(
        "a single comparison stays",
        """
        def f(a, b):
            return a < b, a is b, a is not b
        """,
        """
        def f(a, b):
            return a < b, a is b, a is not b
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
