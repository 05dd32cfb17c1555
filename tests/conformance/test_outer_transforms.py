"""Converted functions under JAX's transforms, by behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.conformance import outer_transforms
from tests.conformance.harness import Scenario, Subject, check, scenarios
from tests.conformance.outer_transforms import BATCH, DOWN, UP, branching, branching_for_jax


@pytest.mark.parametrize("case", scenarios(vars(outer_transforms)))
def test_outer_transforms(case: Scenario, subject: Subject) -> None:
    check(case, subject)


@pytest.fixture
def g(subject: Subject) -> Any:
    """`branching`, converted; the self-test has nothing to say here, as plain Python cannot be traced."""
    if subject.stats is None and not subject.options:
        pytest.skip("plain Python branches on no tracer")
    return subject.convert(branching, **subject.options)


@pytest.mark.parametrize("x", [UP, DOWN])
@pytest.mark.parametrize(
    "transform",
    [
        pytest.param(jax.jit, id="jit"),
        pytest.param(lambda f: jax.grad(lambda x: f(x).sum()), id="grad"),
        pytest.param(jax.jacfwd, id="jacfwd"),
        pytest.param(lambda f: lambda x: jax.vmap(f)(BATCH + x), id="vmap"),
        pytest.param(lambda f: jax.jit(jax.grad(lambda x: f(x).sum())), id="jit of grad"),
        pytest.param(lambda f: jax.vmap(jax.grad(lambda x: f(x).sum())), id="vmap of grad"),
        pytest.param(lambda f: lambda x: lax.scan(lambda h, v: (f(h + v), v), x, BATCH), id="scan"),
        pytest.param(lambda f: jax.checkpoint(f), id="checkpoint"),
    ],
)
def test_control_flow_on_arrays_is_staged_under_a_transform(g: Any, transform: Callable[..., Any], x: jax.Array) -> None:
    if "vmap" in repr(transform) or transform is jax.vmap:
        x = jnp.atleast_2d(x)
    argument = BATCH if _maps_rows(transform) else x
    found, expected = transform(g)(argument), transform(branching_for_jax)(argument)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)


def _maps_rows(transform: Callable[..., Any]) -> bool:
    try:
        transform(branching_for_jax)(UP)
    except (ValueError, IndexError, TypeError):
        return True
    return False


@pytest.mark.parametrize("first", ["inside", "outside"])
def test_calls_under_a_transform_and_without_one_do_not_disturb_each_other(g: Any, first: str) -> None:
    for _ in range(6):
        if first == "outside":
            np.testing.assert_allclose(g(UP), branching_for_jax(UP), rtol=1e-5)
        np.testing.assert_allclose(jax.jit(g)(DOWN), branching_for_jax(DOWN), rtol=1e-5)
        np.testing.assert_allclose(g(DOWN), branching_for_jax(DOWN), rtol=1e-5)


def test_a_write_that_cannot_be_threaded_is_a_clear_error(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("plain Python leaks")
    kept: dict[str, Any] = {"total": jnp.zeros(3)}

    def step(x: Any) -> Any:
        kept["total"] = kept["total"] + x
        return kept["total"] * 2

    with pytest.raises(Exception, match=r"JX\d{4}"):
        jax.jit(subject.convert(step))(UP)
    assert not isinstance(kept["total"], jax.core.Tracer), "no tracer may be left behind"


def test_speculate_false_stages_everything(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("not about plain Python")
    g = subject.convert(branching, speculate=False)
    for x in (UP, DOWN, UP, DOWN):
        np.testing.assert_allclose(g(x), branching_for_jax(x), rtol=1e-5)
    assert subject.stats(g).violations == 0
