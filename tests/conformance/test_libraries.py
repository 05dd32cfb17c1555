"""Libraries in user code, by behaviour and by rung."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

from tests.conformance import libraries
from tests.conformance.harness import PLAIN, Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(libraries)))
def test_libraries(case: Scenario, subject: Subject) -> None:
    check(case, subject)


@pytest.mark.parametrize("transform", [jax.grad, jax.value_and_grad, jax.jit, jax.checkpoint, jax.vmap])
def test_an_array_written_inside_a_transform_arrives_as_an_array(subject: Subject, transform: Any) -> None:
    # Plain JAX leaves a tracer behind here, so there is no plain world to compare with.
    if subject is PLAIN:
        pytest.skip("plain JAX leaks")
    kept: dict[str, Any] = {"last": None, "all": []}

    def inner(x: Any) -> Any:
        kept["last"] = x * 2
        kept["all"].append(x.sum())
        return (x**2).sum()

    def step(x: Any) -> Any:
        return transform(inner)(x)

    g = subject.convert(step, **subject.options)
    x = jnp.arange(6.0).reshape(2, 3)
    for k in range(8):
        g(x + k)
        assert isinstance(kept["last"], jax.Array) and not isinstance(kept["last"], Tracer)
        np.testing.assert_allclose(kept["last"], (x + k) * 2)
        assert len(kept["all"]) == k + 1
