"""`assert`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "the message is a lambda",
        """
        def f(x):
            assert x > 0, log(x)
            assert x > 1
        """,
        """
        def f(x):
            jx.assert_(x > 0, lambda: jx.call(log)(x), site=1)
            jx.assert_(x > 1, site=2)
        """,
        calls=((2,), (1,), (0,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_asserts(case: Case) -> None:
    check(case)
