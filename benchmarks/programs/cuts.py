"""A function that is cut twice by opaque calls: what a cut costs over running the pieces as separate ``jit`` functions.

The expert's program is the same host code by hand: three functions under ``jax.jit``, with the opaque calls between
them. What is reported is the difference a call, divided by the number of cuts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, spread

TITLE = "Split regions: two opaque calls in a function"
LIMIT = 30.0  # microseconds a cut over separate functions under jax.jit
CUTS = 2


def timed(x: jax.Array) -> tuple[jax.Array, float]:
    """The program."""
    y = jnp.tanh(x) * 2.0
    z = y + jnp.sum(y)
    start = time.perf_counter()
    z = jnp.sin(z) + y
    y = y - z
    took = time.perf_counter() - start
    return jnp.sum(y * z), took


@jax.jit
def _first(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    y = jnp.tanh(x) * 2.0
    return y, y + jnp.sum(y)


@jax.jit
def _second(y: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    z = jnp.sin(z) + y
    return y - z, z


@jax.jit
def _third(y: jax.Array, z: jax.Array) -> jax.Array:
    return jnp.sum(y * z)


def expert(x: jax.Array) -> tuple[jax.Array, float]:
    """The same by hand."""
    y, z = _first(x)
    start = time.perf_counter()
    y, z = _second(y, z)
    took = time.perf_counter() - start
    return _third(y, z), took


def _running(fun: Callable[[jax.Array], Any], ran: Callable[[], str]) -> Running:
    x = jnp.linspace(0.0, 1.0, 8)
    last: list[Any] = [x]

    def step() -> object:
        last[0] = fun(x)[0]
        return last[0]

    return Running(step, lambda: last[0], ran)


def _converted() -> Running:
    fun = convert(timed)
    told = rung(fun)
    # Cut as it is, all that can be compiled is.
    return _running(fun, lambda: "compiled" if told() == "mixed" else told())


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", _converted),
        Column("expert", lambda: _running(expert, lambda: "compiled")),
        Column("eager", lambda: _running(timed, lambda: "compiled")),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    over = measured.paired("janusx", "expert", lambda one, other: (one - other) * 1e6 / CUTS)
    difference = spread(over) if over else None
    return Result(
        "cuts",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (bar("a cut over separate jit functions", "<=", LIMIT, difference.median if difference else None, "µs"),),
        {"microseconds a cut over separate jit functions": difference},
        measured.errors,
        "median over the rounds of (converted - by hand) / 2, each from blocks of one round",
    )
