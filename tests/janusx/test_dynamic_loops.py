"""Reverse mode of loops that arrays decide: lanes, bounds, what is kept, and what somebody else's transform sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import janusx

LANES = jnp.array([3.0, 0.5, 8.0, 1.0], jnp.float32)
WEIGHTS = jnp.array([0.9, 0.8, 0.7])


def halving(x: Any) -> Any:
    """Of a lane that is done `sqrt` is NaN, and of one at 1 its derivative is infinite."""
    while x > 1.0:
        x = 0.5 * x + 0.1 * jnp.sqrt(x - 1.0)
    return x + jnp.log(x)


def weighted(weights: Any, x: Any) -> Any:
    trips = 0
    while x.sum() > 1.0:
        x = jnp.sin(x) * weights + 0.01 * jnp.sqrt(x)
        trips += 1
    return jnp.sum(x**2) * trips


def near(one: Any, other: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), one, other)


def by_lane(function: Callable[..., Any], lanes: Any) -> Any:
    return jnp.stack([function(lane) for lane in lanes])


@pytest.mark.parametrize("mode", ["store", "checkpoint"])
def test_each_lane_has_its_own_number_of_trips(mode: str) -> None:
    @janusx.convert(loop_grad=mode)
    def both(xs: Any) -> Any:
        return jax.vmap(jax.grad(halving))(xs), jax.grad(lambda xs: jax.vmap(halving)(xs).sum())(xs)

    for lanes in (LANES, LANES * 0.1, LANES):
        expected = by_lane(jax.grad(halving), lanes)
        near(both(lanes), (expected, expected))
    assert janusx.stats(both).last_call == "compiled"


def test_a_lane_that_is_done_poisons_no_weight_that_all_lanes_share() -> None:
    def shrink(weight: Any, x: Any) -> Any:
        while x > 0.0:
            x = jnp.sqrt(x) * weight - 0.5
        return x * weight

    @janusx.convert
    def gradient(weight: Any, xs: Any) -> Any:
        return jax.grad(lambda weight: jax.vmap(shrink, (None, 0))(weight, xs).sum())(weight)

    weight, lanes = jnp.float32(0.7), jnp.array([3.0, -0.5, 8.0, 0.0])
    near(gradient(weight, lanes), sum(jax.grad(shrink)(weight, lane) for lane in lanes))
    assert janusx.stats(gradient).last_call == "compiled"


def test_second_derivatives_of_lanes() -> None:
    @janusx.convert
    def curvature(xs: Any) -> Any:
        return jax.vmap(jax.grad(jax.grad(halving)))(xs)

    near(curvature(LANES), by_lane(jax.grad(jax.grad(halving)), LANES))


def test_the_bound_doubles_and_the_program_that_had_too_little_room_is_dropped() -> None:
    @janusx.convert
    def gradient(x: Any) -> Any:
        def loss(x: Any) -> Any:
            while x > 1.0:
                x = x * 0.5
            return x**2

        return jax.grad(loss)(x)

    def expected(x: float) -> float:
        trips = int(np.ceil(np.log2(x)))
        return float(2 * (x * 0.5**trips) * 0.5**trips)

    for _ in range(5):
        near(gradient(jnp.float32(5.0)), expected(5.0))
    before = janusx.stats(gradient)
    near(gradient(jnp.float32(3000.0)), expected(3000.0))
    after = janusx.stats(gradient)
    assert (before.violations, after.violations) == (0, 1)
    assert (before.entries, after.entries, after.last_call) == (1, 1, "compiled")
    for x in (5.0, 0.5, 60000.0):
        near(gradient(jnp.float32(x)), expected(x) if x > 1.0 else 2 * x)
    assert janusx.stats(gradient).violations == 1


def shapes_in(jaxpr: Any, found: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """The shapes of everything that a program computes."""
    for equation in jaxpr.eqns:
        found.update(tuple(getattr(var.aval, "shape", ())) for var in equation.outvars)
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    shapes_in(inner, found)
    return found


@pytest.mark.parametrize("mode", ["store", "checkpoint"])
def test_reverse_mode_keeps_states_and_no_copies_of_weights(mode: str) -> None:
    def loss(weights: Any, h: Any, rows: Any) -> Any:
        while h.sum() > 1.0:
            h = jnp.tanh(weights @ h)
        for row in rows:
            h = jnp.tanh(weights @ h + row)
            if h.sum() < -1.0:
                break
        return h.sum()

    @janusx.convert(loop_grad=mode)
    def gradient(weights: Any, h: Any, rows: Any) -> Any:
        return jax.grad(loss)(weights, h, rows)

    weights, h, rows = jnp.eye(7) * 0.95, jnp.ones(7), jnp.zeros((9, 7)) - 0.1
    for _ in range(4):
        near(gradient(weights, h, rows), jax.grad(loss)(weights, h, rows))
    entry, inputs = gradient._prepare((weights, h, rows), {})
    shapes = shapes_in(entry.program.trace(*inputs).jaxpr, set())
    assert (7, 7) in shapes
    assert not [shape for shape in shapes if len(shape) > 2 and shape[-2:] == (7, 7)]


@pytest.mark.parametrize("mode", ["store", "checkpoint"])
def test_a_checkpoint_keeps_fewer_states(mode: str) -> None:
    @janusx.convert(loop_grad=mode)
    def gradient(x: Any) -> Any:
        def loss(x: Any) -> Any:
            while x.sum() > 1.0:
                x = jnp.sin(x) * 0.999
            return x.sum()

        return jax.grad(loss)(x)

    x = jnp.full(5, 1.0, jnp.float32)
    for _ in range(4):
        gradient(x)
    entry, inputs = gradient._prepare((x,), {})
    kept = max(
        int(np.prod(shape[:-1])) for shape in shapes_in(entry.program.trace(*inputs).jaxpr, set()) if shape[-1:] == (5,)
    )
    trips, y = 0, x
    while y.sum() > 1.0:
        trips, y = trips + 1, jnp.sin(y) * 0.999
    assert kept >= trips if mode == "store" else kept < trips


TRANSFORMS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "grad": lambda g: jax.grad(g, argnums=(0, 1)),
    "jit of grad": lambda g: jax.jit(jax.grad(g, argnums=(0, 1))),
    "grad of jit": lambda g: jax.grad(jax.jit(g), argnums=(0, 1)),
    "vmap of grad": lambda g: (
        lambda w, x: jax.tree.map(
            lambda lanes: lanes[0], jax.vmap(jax.grad(g, argnums=(0, 1)), (None, 0))(w, jnp.stack([x, x * 3]))
        )
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_checkpoints_are_differentiated_by_somebody_else_with_no_bound(name: str) -> None:
    transformed = TRANSFORMS[name](janusx.convert(weighted, loop_grad="checkpoint"))
    for x in (jnp.ones(3), jnp.ones(3) * 0.1, jnp.ones(3) * 20):
        near(transformed(WEIGHTS, x), jax.grad(weighted, argnums=(0, 1))(WEIGHTS, x))


@pytest.mark.parametrize("options", [{"speculate": False}, {"profile_runs": 0}], ids=str)
def test_checkpoints_take_nothing_for_granted(options: dict[str, Any]) -> None:
    def gradient(w: Any, x: Any) -> Any:
        return jax.value_and_grad(weighted)(w, x)

    compiled = janusx.convert(gradient, loop_grad="checkpoint", **options)
    stored = janusx.convert(gradient, **options)
    with pytest.warns(janusx.errors.EagerWarning, match='loop_grad="checkpoint"'):
        near(stored(WEIGHTS, jnp.ones(3)), gradient(WEIGHTS, jnp.ones(3)))
    for x in (jnp.ones(3), jnp.ones(3) * 0.1):
        near(compiled(WEIGHTS, x), gradient(WEIGHTS, x))
    assert janusx.stats(compiled).last_call == "compiled"


def test_more_trips_than_there_are_slots_for() -> None:
    def decay(x: Any) -> Any:
        while x > 1.0:
            x = x * 0.999
        return x**2

    x = jnp.float32(500.0)
    trips = int(np.ceil(np.log(500.0) / -np.log(0.999)))
    assert trips > 64**2
    near(jax.jit(jax.grad(janusx.convert(decay, loop_grad="checkpoint")))(x), 2 * 500.0 * 0.999 ** (2 * trips))


def test_a_long_loop_under_an_eager_gradient_of_somebody_else() -> None:
    def decay(x: Any) -> Any:
        while x > 1.0:
            x = x * 0.97
        return x**2

    near(jax.grad(janusx.convert(decay))(jnp.float32(50.0)), jax.grad(decay)(jnp.float32(50.0)))


def test_forward_mode_of_somebody_else_needs_no_bound() -> None:
    x = jnp.ones(3)
    near(
        jax.jit(lambda v: jax.jvp(janusx.convert(weighted), (WEIGHTS, v), (WEIGHTS, v)))(x),
        jax.jvp(weighted, (WEIGHTS, x), (WEIGHTS, x)),
    )


def test_reverse_mode_of_somebody_else_is_never_a_truncated_answer() -> None:
    with pytest.raises(ValueError, match="Reverse-mode differentiation does not work for lax.while_loop"):
        jax.jit(jax.grad(janusx.convert(weighted)))(WEIGHTS, jnp.ones(3))

    def inner(w: Any) -> Any:
        return jax.grad(weighted)(w, jnp.ones(3)).sum()

    with pytest.raises(janusx.errors.UnsupportedError, match='loop_grad="checkpoint"'):
        jax.jit(janusx.convert(inner))(WEIGHTS)
