"""`match`: its subject and its guards."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "the subject goes through an op",
        """
        def f(x, y):
            match (x):
                case 1:
                    x = 2
            match x, *y:
                case 2, z:
                    return z
            match(log(x), y):
                case _:
                    return x
        """,
        """
        def f(x, y):
            match jx.subject(x):
                case 1:
                    x = 2
            match jx.subject((x, *y)):
                case 2, z:
                    return z
            match jx.subject((jx.call(log)(x), y)):
                case _:
                    return x
        """,
        calls=((1, [5]), (2, []), (3, [4])),
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
            match jx.subject(x):
                case [y] if jx.truth(y > 1, site=1):
                    return y
                case _:
                    return 0
        """,
        calls=(([2],), ([1],), (3,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_matches(case: Case) -> None:
    check(case)
