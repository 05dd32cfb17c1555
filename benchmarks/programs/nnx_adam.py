"""Flax NNX train step: 20 Linear layers and Adam through ``nnx.Optimizer``, about 123 state leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, ratio

TITLE = "NNX train step, 20 Linear layers, Adam"
LAYERS = 20
WIDTH = 16
BATCH = 8


class Tower(nnx.Module):  # type: ignore[misc,unused-ignore]
    """A plain stack of layers."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.Linear(WIDTH, WIDTH, rngs=rngs) for _ in range(LAYERS)])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = jnp.tanh(layer(x))
        return x


def train_step(model: Tower, optimizer: nnx.Optimizer[Tower], x: jax.Array, y: jax.Array) -> Any:
    """The program: one imperative step, as the Flax guide writes it."""

    def loss_of(model: Tower) -> jax.Array:
        return jnp.mean((model(x) - y) ** 2)

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


def set_up() -> tuple[Tower, nnx.Optimizer[Tower], jax.Array, jax.Array]:
    """Model, optimizer and one batch, always the same."""
    model = Tower(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    x = jax.random.normal(jax.random.key(1), (BATCH, WIDTH))
    y = jax.random.normal(jax.random.key(2), (BATCH, WIDTH))
    return model, optimizer, x, y


def _imperative(step_function: Callable[..., Any]) -> Running:
    model, optimizer, x, y = set_up()
    last: list[Any] = [None]

    def step() -> object:
        last[0] = step_function(model, optimizer, x, y)
        return last[0]

    return Running(step, lambda: (last[0], model.layers[0].kernel[...]), rung(step_function))


def _cached_partial() -> Running:
    model, optimizer, x, y = set_up()
    step_function = nnx.cached_partial(nnx.jit(train_step), model, optimizer)
    last: list[Any] = [None]

    def step() -> object:
        last[0] = step_function(x, y)
        return last[0]

    return Running(step, lambda: last[0])


def _expert() -> Running:
    """Jit on the flat leaves: what is left when everything that Flax does in Python a call is taken away."""
    model, optimizer, x, y = set_up()
    graphdef, state = nnx.split((model, optimizer))
    leaves, treedef = jax.tree.flatten(state)

    @jax.jit
    def flat_step(leaves: list[jax.Array], x: jax.Array, y: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        model, optimizer = nnx.merge(graphdef, jax.tree.unflatten(treedef, leaves))
        loss = train_step(model, optimizer, x, y)
        return loss, jax.tree.leaves(nnx.state((model, optimizer)))

    last: list[Any] = [None, leaves]

    def step() -> object:
        last[0], last[1] = flat_step(last[1], x, y)
        return last[0]

    return Running(step, lambda: last)


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _imperative(convert(train_step))),
        Column("expert", _expert),
        Column("nnx.jit", lambda: _imperative(nnx.jit(train_step))),
        Column("nnx.cached_partial", _cached_partial),
    )


def leaves() -> int:
    """How many arrays the state of model and optimizer has."""
    return len(jax.tree.leaves(nnx.state(set_up()[:2])))


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    over_flat = ratio(measured, "janusx", "expert")
    gained = ratio(measured, "nnx.jit", "janusx")
    return Result(
        "nnx_adam",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (
            bar("time over jax.jit on flat leaves", "<=", 1.25, over_flat.median if over_flat else None, "×"),
            bar("nnx.jit's time over ours", ">=", 8.0, gained.median if gained else None, "×"),
        ),
        {"state leaves": leaves()},
        measured.errors,
        "median of the paired ratios",
    )
