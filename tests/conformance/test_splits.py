"""Functions that are cut at what must run in Python, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import splits
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(splits)))
def test_splits(case: Scenario, subject: Subject) -> None:
    check(case, subject)
