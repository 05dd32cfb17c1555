"""A run that is observed against the same run in plain Python, op by op.

The program needs its profile: it raises when an array value is out of bounds, and what cannot be staged is learned
first. An observed call is recognised by ``janusx.stats(g).last_call``; each round makes fresh wrappers, whose first
calls are observed.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, statistics
from benchmarks.harness import Options, Result, bar, reason, spread, wait

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


def _call(step: Any, model: Filter, x: jax.Array) -> float:
    start = time.perf_counter()
    wait(step(model, x))
    return time.perf_counter() - start


def compare(rounds: int) -> tuple[list[float], list[float], list[str]]:
    """Seconds of plain and of observed calls, in pairs, and on which rung the converted calls really ran."""
    x = jnp.linspace(-1.0, 1.0, 16)
    plain, observed, rungs = [], [], []
    _call(Filter.step, Filter(), x)
    for _ in range(rounds):
        watched, converted, model = Filter(), convert(Filter.step), Filter()
        _call(converted, watched, x)  # the first call reads and rewrites the source
        plain.append(_call(Filter.step, _same(model, watched), x))
        observed.append(_call(converted, watched, x))
        rungs.append(str(statistics(converted)["last_call"]))
    return plain, observed, rungs


def _same(model: Filter, other: Filter) -> Filter:
    """Gives ``model`` the state of ``other``, so that both take the same path."""
    model.state, model.jumps, model.norms = other.state, other.jumps, list(other.norms)
    return model


def run(options: Options) -> Result:
    """Measures the program."""
    figures: dict[str, Any] = {}
    errors: dict[str, str] = {}
    value: float | None = None
    missing = ""
    if options.wants("janusx"):
        try:
            plain, observed, rungs = compare(2 if options.quick else 20)
            figures["rungs of the second call"] = {rung: rungs.count(rung) for rung in sorted(set(rungs))}
            pairs = [o / p for p, o, rung in zip(plain, observed, rungs, strict=True) if rung == "profiled"]
            value = spread(pairs).median if pairs else None
            missing = "" if pairs else "no second call was a profiled one"
            figures["milliseconds, plain"] = spread([1e3 * seconds for seconds in plain])
            figures["milliseconds, second converted call"] = spread([1e3 * seconds for seconds in observed])
        except Exception as error:
            errors["janusx"] = missing = reason(error)
    return Result(
        "profiler",
        TITLE,
        bars=(bar("observed call over a plain one", "<=", LIMIT, value, "×", missing),),
        figures=figures,
        errors=errors,
        method="second call of a fresh wrapper (the first also reads the source) over a plain call on the same state, "
        "in pairs",
    )
