"""Comprehensions and guards."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "conditions ask for the truth",
        """
        def f(xs):
            return [x + 1 for x in xs if x > 1 if not x > 3]
        """,
        """
        def f(xs):
            return [x + 1 for x in xs if jx.truth(x > 1, site=1) if jx.truth(jx.not_(x > 3), site=2)]
        """,
        calls=(([1, 2, 3, 4],),),
    ),
    Case(
        "a case guard asks for the truth",
        """
        def f(x):
            match x:
                case [y] if y > 1:
                    return y
                case _:
                    return 0
        """,
        """
        def f(x):
            match x:
                case [y] if jx.truth(y > 1, site=1):
                    return y
                case _:
                    return 0
        """,
        calls=(([2],), ([1],), (3,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_comprehensions(case: Case) -> None:
    check(case)
