"""The gradient through a ``while`` loop whose trips an array decides, against a bounded masked ``scan`` by hand.

The loop ends after 44 trips. The expert, who knows no more than that it takes some forty, gives it 64. Both wait for
each call: a converted program reads whether its bound was enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure

TITLE = "Gradient through a while loop: 44 trips, 64 units, batch of 8"
LIMIT = 1.2  # times the expert's time
UNITS, BATCH, TRIPS, BOUND = 64, 8, 44, 64


def advance(weights: jax.Array, h: jax.Array) -> jax.Array:
    """One trip."""
    return jnp.tanh(weights @ h) * 0.999


def loss(weights: jax.Array, h: jax.Array, limit: jax.Array) -> jax.Array:
    """The program."""
    while h.sum() > limit:
        h = advance(weights, h)
    return jnp.sum(h**2)


def value_and_grad(weights: jax.Array, h: jax.Array, limit: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What is converted."""
    return jax.value_and_grad(loss)(weights, h, limit)


def by_hand(weights: jax.Array, h: jax.Array, limit: jax.Array) -> jax.Array:
    """The program as an expert writes it."""

    def trip(h: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.where(h.sum() > limit, advance(weights, h), h), None

    h, _ = jax.lax.scan(trip, h, None, length=BOUND)
    return jnp.sum(h**2)


def _running(fun: Callable[..., Any]) -> Running:
    weights, h = jnp.eye(UNITS) * 1.02, jnp.full((UNITS, BATCH), 0.9)
    after = h
    for _ in range(TRIPS):
        after = advance(weights, after)
    limit = after.sum()
    last: list[Any] = [h]

    def step() -> object:
        last[0] = jax.block_until_ready(fun(weights, h, limit))
        return last[0]

    return Running(step, lambda: last[0], rung(fun))


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _running(convert(value_and_grad))),
        Column("janusx, checkpoints", lambda: _running(convert(value_and_grad, loop_grad="checkpoint"))),
        Column("expert", lambda: _running(jax.jit(jax.value_and_grad(by_hand)))),
        Column("eager", lambda: _running(value_and_grad), every=40),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    ratios = measured.ratios("expert")
    times = ratios.get("janusx/expert")
    reached = bar("time over a masked scan by hand", "<=", LIMIT, times.median if times else None, "×")
    return Result("dynamic", TITLE, measured.seconds(), ratios, (reached,), {}, measured.errors)
