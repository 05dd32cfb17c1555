"""What a trainer holds besides its state: 60,000 arrays, a logger, an open file, a lock and a simulator.

None of it is state that the step touches, so a call must cost what it costs without them. Both trainers run the same
step on the same state; the ratio is taken a round at a time.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import weakref
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, spread

TITLE = "A trainer that also holds 60,000 arrays, a logger, a file, a lock and a simulator"
LIMIT = 1.05  # of the time of a call without them
ARRAYS = 60_000


class Trainer:
    """An imperative trainer: a weight, a counter, a list of losses."""

    def __init__(self) -> None:
        self.weight = jnp.zeros(3)
        self.steps = 0
        self.losses: list[float] = []

    def step(self, x: jax.Array) -> jax.Array:
        """A step with a branch on the loss."""
        self.steps += 1
        self.weight = self.weight + 0.1 * (x - self.weight)
        loss = ((x - self.weight) ** 2).mean()
        if loss > 1:
            self.weight = self.weight * 0.5
        self.losses.append(float(loss))
        return loss


class Holder(Trainer):
    """The same, with much else."""

    def __init__(self) -> None:
        super().__init__()
        self.data = [jnp.full(1, number) for number in range(ARRAYS)]
        self.log = logging.getLogger("benchmarks")
        self.file = tempfile.TemporaryFile("w")  # noqa: SIM115  # it stays open as long as the trainer lives
        weakref.finalize(self, self.file.close)
        self.lock = threading.Lock()
        self.env = gymnasium.make("CartPole-v1")


def _running(trainer: Trainer, converted: bool) -> Running:
    fun = convert(type(trainer).step) if converted else type(trainer).step
    x = jnp.linspace(0.0, 1.0, 3)
    last: list[Any] = [x]

    def run() -> object:
        last[0] = fun(trainer, x)
        return last[0]

    return Running(run, lambda: last[0], rung(fun))


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _running(Holder(), True)),
        Column("without them", lambda: _running(Trainer(), True)),
        Column("eager", lambda: _running(Holder(), False)),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    ratios = measured.paired("janusx", "without them", lambda one, other: one / other)
    ratio = spread(ratios) if ratios else None
    return Result(
        "trainer",
        TITLE,
        measured.seconds(),
        measured.ratios("without them"),
        (bar("of the time without them", "<=", LIMIT, ratio.median if ratio else None, "×"),),
        {"ratio to a trainer without them": ratio},
        measured.errors,
        "median over the rounds of (with / without), each from blocks of one round",
    )
