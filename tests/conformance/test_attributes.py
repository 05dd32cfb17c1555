"""Attributes of what is shared, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import attributes
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(attributes)))
def test_attributes(case: Scenario, subject: Subject) -> None:
    check(case, subject)
