"""Effects, once and in order, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import effects
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(effects)))
def test_effects(case: Scenario, subject: Subject) -> None:
    check(case, subject)
