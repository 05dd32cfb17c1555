"""A run that is observed against the same run in plain Python, op by op.

Whether a call is observed is the library's decision, so the observed run is asked for directly. The program
branches and loops on array values, raises on one, and mutates its state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import observed
from benchmarks.harness import Column, Options, Result, Running, bar, measure, ratio, reason

TITLE = "Observed run against plain eager"
LIMIT = 3.0  # times the plain eager run


class Diverged(Exception):
    """The loss is out of bounds."""


class Filter:
    """Smooths a signal until it is calm; branches and loops on array values."""

    def __init__(self) -> None:
        self.state = jnp.zeros(16)
        self.jumps = 0
        self.norms: list[jax.Array] = []

    def step(self, x: jax.Array) -> jax.Array:
        """The program."""
        error = jnp.abs(x - self.state).max()
        if error > 1e6:
            raise Diverged(f"error {error}")
        if error > 0.5:
            self.jumps += 1
            self.state = self.state + 0.5 * (x - self.state)
        else:
            self.state = x
        y = self.state
        while jnp.abs(y).max() > 0.25:
            y = y / 2
        for row in y.reshape(4, 4):
            y = y + jnp.sum(row) * 0.1
        self.norms = [*self.norms[-3:], jnp.sqrt(jnp.sum(y**2))]
        return y


def _running(step_function: Callable[[Filter, jax.Array], Any]) -> Running:
    model, x = Filter(), jnp.linspace(-1.0, 1.0, 16)
    last: list[Any] = [None]

    def step() -> object:
        last[0] = step_function(model, -x if model.jumps % 2 else x)  # so that it jumps again and again
        return last[0]

    return Running(step, lambda: (last[0], model.state))


def columns() -> tuple[Column, ...]:
    """Both ways to run the program."""
    return (
        Column("janusx", lambda: _running(observed(Filter.step))),
        Column("eager", lambda: _running(Filter.step)),
    )


def first_observed() -> float:
    """Seconds of the first observed run, which also reads and rewrites the source."""
    step, model, x = observed(Filter.step), Filter(), jnp.linspace(-1.0, 1.0, 16)
    start = time.perf_counter()
    step(model, x)
    return time.perf_counter() - start


def run(options: Options) -> Result:
    """Measures the program."""
    figures: dict[str, Any] = {}
    errors: dict[str, str] = {}
    measured = measure(columns(), options)
    if options.wants("janusx"):
        try:
            figures["seconds of the first observed run"] = first_observed()
        except Exception as error:
            errors["first observed run"] = reason(error)
    over = ratio(measured, "janusx", "eager")
    return Result(
        "profiler",
        TITLE,
        measured.seconds(),
        measured.ratios("eager"),
        bars=(bar("observed run over a plain one", "<=", LIMIT, over.median if over else None, "×"),),
        figures=figures,
        errors={**measured.errors, **errors},
        method="median of the paired ratios; the source was rewritten before",
    )
