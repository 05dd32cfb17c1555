"""Loops whose trips arrays decide, and data that grow in them, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import dynamic
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(dynamic)))
def test_dynamic(case: Scenario, subject: Subject) -> None:
    check(case, subject)
