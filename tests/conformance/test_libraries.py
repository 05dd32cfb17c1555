"""Libraries in user code, by behaviour and by rung."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.core import Tracer

from tests.conformance import libraries
from tests.conformance.harness import PLAIN, Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(libraries)))
def test_libraries(case: Scenario, subject: Subject) -> None:
    check(case, subject)


@pytest.mark.parametrize(
    "transform",
    [
        jax.grad,
        jax.value_and_grad,
        jax.jit,
        jax.checkpoint,
        jax.vmap,
        jax.jacfwd,
        jax.jacrev,
        jax.hessian,
        pytest.param(lambda f: lambda x: jax.jvp(f, (x,), (x,)), id="jvp"),
        pytest.param(lambda f: lambda x: jax.vjp(f, x)[1](x.sum() * 0), id="vjp"),
        pytest.param(lambda f: lambda x: jax.linearize(f, x)[1](x), id="linearize"),
        pytest.param(lambda f: jax.grad(lambda x: jax.grad(f)(x).sum()), id="grad of grad"),
    ],
)
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


def scanned(f: Any) -> Any:
    return lambda x: lax.scan(lambda h, v: (h + f(v), h), 0.0, x)


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        pytest.param(lambda kept, x: (kept.update(last=x), x.sum())[1], "writes an array to an object", id="a write"),
        pytest.param(lambda kept, x: (print(x), x.sum())[1], "says something", id="a print"),
    ],
)
def test_what_a_function_does_in_a_librarys_own_trace_is_found(subject: Subject, inner: Any, reason: str) -> None:
    # Plain JAX leaks: there the ladder ends, in plain Python.
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    import janusx

    kept: dict[str, Any] = {}
    g = subject.convert(lambda x: scanned(lambda v: inner(kept, v))(x), on_unsupported="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g(jnp.ones((3, 2)))
    assert f"{reason} within a library's own trace" in " ".join(str(janusx.explain(g)).split())
