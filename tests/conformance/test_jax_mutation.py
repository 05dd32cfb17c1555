"""Functions that change state, given to JAX, as pytest cases."""

from __future__ import annotations

import pytest

from tests.conformance import jax_mutation
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.filterwarnings("ignore::janusx.errors.EagerWarning")
@pytest.mark.parametrize("scenario", scenarios(vars(jax_mutation)))
def test_jax_mutation(scenario: Scenario, subject: Subject) -> None:
    check(scenario, subject)
