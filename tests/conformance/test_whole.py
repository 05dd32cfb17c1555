"""Programs of many constructs at once, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import whole
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(whole)))
def test_whole(case: Scenario, subject: Subject) -> None:
    check(case, subject)
