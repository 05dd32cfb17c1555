"""Libraries in user code, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import libraries
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(libraries)))
def test_libraries(case: Scenario, subject: Subject) -> None:
    check(case, subject)
