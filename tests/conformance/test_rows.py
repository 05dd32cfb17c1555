"""The constructs that the coverage table names one by one, by behaviour and by rung."""

from __future__ import annotations

import pytest

from tests.conformance import decided, expressions, jax_inside, libraries_kept, library_calls, objects, patterns
from tests.conformance.harness import Scenario, Subject, check, scenarios

MODULES = (decided, expressions, patterns, library_calls, objects, jax_inside, libraries_kept)


@pytest.mark.parametrize("case", [case for module in MODULES for case in scenarios(vars(module))])
def test_rows(case: Scenario, subject: Subject) -> None:
    check(case, subject)
