"""Functions, methods and classes, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import functions
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(functions)))
def test_functions(case: Scenario, subject: Subject) -> None:
    check(case, subject)
