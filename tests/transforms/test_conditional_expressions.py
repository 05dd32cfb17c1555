"""`a if t else b`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "both sides are lambdas",
        """
        def f(x):
            return log(1) if x else log(2)
        """,
        """
        def f(x):
            return jx.if_exp(x, lambda: jx.call(log)(1), lambda: jx.call(log)(2), site=1)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a lambda becomes a def",
        """
        lambda x: x if x > 0 else -x
        """,
        """
        def lambda_(x):
            return jx.if_exp(x > 0, lambda: x, lambda: -x, site=1)
        """,
        calls=((1,), (-1,)),
    ),
    Case(
        "an assumed one checks and stays",
        """
        def f(x):
            return 1 if x else 2
        """,
        """
        def f(x):
            return 1 if jx.assume(x, True, site=1) else 2
        """,
        calls=((1,),),
        options={"assumed": {1: True}},
    ),
    Case(
        "a walrus in a side keeps it native",
        """
        def f(x):
            y = 0
            z = (y := 1) if x else 2
            return y, z
        """,
        """
        def f(x):
            y = 0
            z = (y := 1) if jx.truth(x, site=1) else 2
            return y, z
        """,
        calls=((1,), (0,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conditional_expressions(case: Case) -> None:
    check(case)
