"""`match`: its subject and its guards."""

from __future__ import annotations

import pytest

from janusx.transforms import rewrite
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
                case case_1 if jx.truth(case_1 == 1, site=1):
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
        "numbers are compared, for the subject may be an array",
        """
        def f(x):
            match x:
                case -1 | 2.5:
                    return 1
                case 3 if x > 2:
                    return 2
                case "a" | 4:
                    return 3
                case [5, *_]:
                    return 4
        """,
        """
        def f(x):
            match jx.subject(x):
                case case_1 if jx.truth(jx.either(case_1 == -1, lambda: case_1 == 2.5), site=1):
                    return 1
                case 3 if jx.truth(x > 2, site=2):
                    return 2
                case "a" | 4:
                    return 3
                case [5, *_]:
                    return 4
        """,
        calls=((-1,), (2.5,), (3,), (4,), ("a",), ([5, 6],), (7,)),
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


@pytest.mark.parametrize(
    ("pattern", "deep"),
    [
        ("True", False),
        ("True | None", False),
        ("False as b", False),
        ("[a, None]", False),
        ("{'k': 'True'}", False),
        ("[a, True]", True),
        ("{'k': False}", True),
        ("C(x, flag=True)", True),
        ("1 | [True | None, *_]", True),
        ("[_, [_, False]] as whole", True),
    ],
)
def test_a_pattern_that_asks_for_true_inside_says_so(pattern: str, deep: bool) -> None:
    text = rewrite(f"def f(x):\n    match x:\n        case {pattern}:\n            return 1\n").text
    assert ("match jx.subject(x, True):" if deep else "match jx.subject(x):") in text
