"""Values and their exact types, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import values
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(values)))
def test_values(case: Scenario, subject: Subject) -> None:
    check(case, subject)
