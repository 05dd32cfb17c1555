"""Changes from outside, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import guards
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(guards)))
def test_guards(case: Scenario, subject: Subject) -> None:
    check(case, subject)
