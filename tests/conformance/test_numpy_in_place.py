"""NumPy arrays written in place, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import numpy_in_place
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(numpy_in_place)))
def test_numpy_in_place(case: Scenario, subject: Subject) -> None:
    check(case, subject)
