"""A function of one array, without state: what a call of a converted function costs over a call of ``jax.jit``.

The difference is taken a round at a time and the median of the differences is reported. A ratio would say little
here: both are a few microseconds and the smaller one depends on the JAX release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, spread

TITLE = "Function of one array, no state"
LIMIT = 8.0  # microseconds over jax.jit


def scale(x: jax.Array) -> jax.Array:
    """The program."""
    return jnp.tanh(x) * 2.0 + 1.0


def _running(fun: Callable[[jax.Array], Any]) -> Running:
    x = jnp.linspace(0.0, 1.0, 8)
    last: list[Any] = [x]

    def step() -> object:
        last[0] = fun(x)
        return last[0]

    return Running(step, lambda: last[0], rung(fun))


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _running(convert(scale))),
        Column("expert", lambda: _running(jax.jit(scale))),
        Column("eager", lambda: _running(scale)),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    over = measured.paired("janusx", "expert", lambda one, other: (one - other) * 1e6)
    difference = spread(over) if over else None
    return Result(
        "one_array",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (bar("over jax.jit", "<=", LIMIT, difference.median if difference else None, "µs"),),
        {"microseconds over jax.jit": difference},
        measured.errors,
        "median over the rounds of (converted - jit), each from blocks of one round",
    )
