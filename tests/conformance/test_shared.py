"""What a program shares with others, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import shared
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(shared)))
def test_shared(case: Scenario, subject: Subject) -> None:
    check(case, subject)
