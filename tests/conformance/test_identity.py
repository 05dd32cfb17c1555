"""Identity of objects, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import identity
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(identity)))
def test_identity(case: Scenario, subject: Subject) -> None:
    check(case, subject)
