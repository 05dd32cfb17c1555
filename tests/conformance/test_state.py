"""State and its commit, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import state
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(state)))
def test_state(case: Scenario, subject: Subject) -> None:
    check(case, subject)
