"""Control flow, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import control
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(control)))
def test_control(case: Scenario, subject: Subject) -> None:
    check(case, subject)
