"""Real programs over libraries, and those that AutoGraph refuses, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import programs, refused
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(programs)))
def test_programs(case: Scenario, subject: Subject) -> None:
    check(case, subject)


@pytest.mark.parametrize("case", scenarios(vars(refused)))
def test_what_autograph_refuses(case: Scenario, subject: Subject) -> None:
    check(case, subject)
