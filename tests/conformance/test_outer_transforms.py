"""Converted functions under JAX's transforms, by behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.core import Tracer

from tests.conformance import outer_transforms
from tests.conformance.harness import PLAIN, Scenario, Subject, check, scenarios
from tests.conformance.outer_transforms import BATCH, DOWN, UP, branching, branching_for_jax


@pytest.mark.parametrize("case", scenarios(vars(outer_transforms)))
def test_outer_transforms(case: Scenario, subject: Subject) -> None:
    check(case, subject)


@pytest.fixture
def g(subject: Subject) -> Any:
    """`branching`, converted; in the self-test the same as plain JAX takes it."""
    return branching_for_jax if subject is PLAIN else subject.convert(branching, **subject.options)


def summed(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: f(x).sum()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("transform", "x"),
    [
        pytest.param(jax.jit, UP, id="jit"),
        pytest.param(lambda f: jax.grad(summed(f)), UP, id="grad"),
        pytest.param(lambda f: jax.value_and_grad(summed(f)), UP, id="value_and_grad"),
        pytest.param(jax.jacfwd, UP, id="jacfwd"),
        pytest.param(jax.vmap, BATCH, id="vmap"),
        pytest.param(lambda f: jax.jit(jax.grad(summed(f))), UP, id="jit of grad"),
        pytest.param(lambda f: jax.vmap(jax.grad(summed(f))), BATCH, id="vmap of grad"),
        pytest.param(lambda f: lambda x: lax.scan(lambda h, v: (f(h + v), v), x, BATCH), UP, id="scan"),
        pytest.param(lambda f: lambda x: lax.cond(x[0] > 0, f, lambda v: v, x), UP, id="cond"),
        pytest.param(jax.checkpoint, UP, id="checkpoint"),
        pytest.param(lambda f: lambda x: jax.eval_shape(f, x).shape[0] * x, UP, id="eval_shape"),
    ],
)
def test_control_flow_on_arrays_is_staged_under(
    g: Any, transform: Callable[..., Any], x: jax.Array, sign: float
) -> None:
    found, expected = transform(g)(x * sign), transform(branching_for_jax)(x * sign)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)


@pytest.mark.parametrize("first", ["inside", "outside"])
def test_calls_under_a_transform_and_without_one_do_not_disturb_each_other(g: Any, first: str) -> None:
    for _ in range(6):
        if first == "outside":
            np.testing.assert_allclose(g(UP), branching_for_jax(UP), rtol=1e-5)
        np.testing.assert_allclose(jax.jit(g)(DOWN), branching_for_jax(DOWN), rtol=1e-5)
        np.testing.assert_allclose(g(DOWN), branching_for_jax(DOWN), rtol=1e-5)


def test_a_write_that_cannot_be_threaded_is_a_clear_error(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python leaks")
    kept: dict[str, Any] = {"total": jnp.zeros(3)}

    def step(x: Any) -> Any:
        kept["total"] = kept["total"] + x
        return kept["total"] * 2

    with pytest.raises(Exception, match=r"JX\d{4}"):
        jax.jit(subject.convert(step))(UP)
    assert not isinstance(kept["total"], Tracer), "no tracer may be left behind"


def test_speculate_false_stages_everything(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    g = subject.convert(branching, speculate=False)
    for x in (UP, DOWN, UP, DOWN):
        np.testing.assert_allclose(g(x), branching_for_jax(x), rtol=1e-5)
    assert subject.stats is None or subject.stats(g).violations == 0
