"""Comprehensions."""

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
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_comprehensions(case: Case) -> None:
    check(case)
