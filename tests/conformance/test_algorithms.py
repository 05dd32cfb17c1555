"""Whole algorithms in plain Python on arrays, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import algorithms
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(algorithms)))
def test_algorithms(case: Scenario, subject: Subject) -> None:
    check(case, subject)
