"""Recursion over Python structures, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import structures
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(structures)))
def test_structures(case: Scenario, subject: Subject) -> None:
    check(case, subject)
