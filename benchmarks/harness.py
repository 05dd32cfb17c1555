"""Times the columns of one program against each other: small interleaved blocks, medians, paired ratios.

A machine's speed drifts, most of all a shared one's. So the columns take turns in small blocks within one process, a
ratio is taken between the blocks of one round (both saw the same weather), and what is reported is the median over many
rounds with its quartiles. Nothing here is ever asserted on in a test.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

__all__ = [
    "Bar",
    "Column",
    "NotCompiled",
    "Options",
    "Result",
    "Running",
    "Spread",
    "bar",
    "measure",
    "must_be_compiled",
    "orders",
    "ratio",
    "reason",
    "spread",
    "wait",
]

wait: Callable[[object], object] = jax.block_until_ready

LEAD = 3
"""Calls before a block that are not counted."""


@dataclass(frozen=True)
class Running:
    """A program that was set up.

    Args:
        step: makes one call.
        ready: returns the arrays that a block waits for.
        rung: says where the last call ran. A converted program that does not run compiled has no figure: its time would
            be that of plain Python, and a difference of two such times may look like anything.
    """

    step: Callable[[], object]
    ready: Callable[[], object]
    rung: Callable[[], str] = lambda: "compiled"


@dataclass(frozen=True)
class Column:
    """One way to run a program.

    Args:
        name: what the table calls it.
        make: sets the program up from its seed; called once.
        every: takes part in each ``every``-th round only; for columns that are slow by orders of magnitude.
    """

    name: str
    make: Callable[[], Running]
    every: int = 1


@dataclass(frozen=True)
class Options:
    """How long to measure, and which columns (empty: all)."""

    columns: tuple[str, ...] = ()
    rounds: int = 240
    block_seconds: float = 0.015
    warmup: int = 6

    def wants(self, name: str) -> bool:
        """Whether the column ``name`` was asked for."""
        return not self.columns or name in self.columns

    @property
    def quick(self) -> bool:
        """Whether this is a smoke run, whose figures mean nothing."""
        return self.rounds < 10


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of one quantity over the rounds.

    ``error`` is the standard error of the median, estimated from the quartiles: two identical columns differ by that.
    """

    median: float
    lower: float
    upper: float
    count: int

    @property
    def error(self) -> float:
        """Standard error of the median, for a spread that is roughly normal: 0.93 interquartile ranges over √count."""
        return 0.93 * (self.upper - self.lower) / math.sqrt(self.count)


@dataclass(frozen=True)
class Bar:
    """A figure that must be reached: ``value`` against ``limit`` in the given sense (``"<="`` or ``">="``)."""

    text: str
    limit: float
    sense: str
    unit: str = ""
    value: float | None = None
    why_missing: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the bar was reached; None when there is no figure."""
        if self.value is None:
            return None
        return self.value <= self.limit if self.sense == "<=" else self.value >= self.limit


@dataclass(frozen=True)
class Result:
    """What one program's run found; made of plain data but for the dataclasses, so that it can go to JSON."""

    program: str
    title: str
    seconds: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    bars: tuple[Bar, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    method: str = ""


@dataclass(frozen=True)
class Measured:
    """Seconds a call for each column and round (None where a column sat a round out), and columns that failed."""

    rounds: dict[str, tuple[float | None, ...]]
    errors: dict[str, str]
    running: dict[str, Running]

    def seconds(self) -> dict[str, Spread]:
        """Seconds a call of every column."""
        return {name: spread([s for s in found if s is not None]) for name, found in self.rounds.items()}

    def paired(self, name: str, base: str, combine: Callable[[float, float], float]) -> list[float]:
        """``combine(seconds of name, seconds of base)`` for each round in which both took part."""
        if name not in self.rounds or base not in self.rounds:
            return []
        pairs = zip(self.rounds[name], self.rounds[base], strict=True)
        return [combine(one, other) for one, other in pairs if one is not None and other is not None]

    def ratios(self, base: str) -> dict[str, Spread]:
        """Time of every other column over the time of ``base``, paired by round."""
        found = {name: ratio(self, name, base) for name in self.rounds if name != base}
        return {f"{name}/{base}": value for name, value in found.items() if value is not None}


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles.

    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0]).median
    3.0
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, lower, upper, len(values))


def ratio(measured: Measured, name: str, base: str) -> Spread | None:
    """Time of ``name`` over the time of ``base``, paired by round; None when one of them did not run."""
    values = measured.paired(name, base, lambda one, other: one / other)
    return spread(values) if values else None


def bar(text: str, sense: str, limit: float, value: float | None, unit: str = "", missing: str = "") -> Bar:
    """Makes a bar; ``missing`` says why there is no value."""
    return Bar(text, limit, sense, unit, value, "" if value is not None else missing or "a column is missing")


def reason(error: BaseException) -> str:
    """One line that says what went wrong."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _block(running: Running, calls: int) -> float:
    """Seconds a call, over a block that ends when its last arrays are there.

    What the column before left behind is not this one's: its garbage is collected, and its hold on the caches broken by
    calls that do not count.
    """
    step = running.step
    gc.collect()
    for _ in range(min(calls // 4, LEAD)):
        step()
    wait(running.ready())
    start = time.perf_counter()
    for _ in range(calls):
        step()
    wait(running.ready())
    return (time.perf_counter() - start) / calls


def _set_up(columns: Sequence[Column], options: Options) -> tuple[dict[str, Running], dict[str, str]]:
    running: dict[str, Running] = {}
    errors: dict[str, str] = {}
    for column in columns:
        if not options.wants(column.name):
            continue
        try:
            made = column.make()
            for _ in range(options.warmup if column.every == 1 else 1):
                made.step()
            wait(made.ready())
            must_be_compiled(made)
            running[column.name] = made
        except Exception as error:  # one column that fails must not cost the others their figures
            errors[column.name] = reason(error)
    return running, errors


class NotCompiled(Exception):
    """A converted program runs in plain Python."""


def must_be_compiled(running: Running) -> None:
    """Raises where a converted program does not run compiled."""
    if running.rung() != "compiled":
        raise NotCompiled(f"the converted program's last call was {running.rung()}; see janusx.explain")


def _calls(running: Running, seconds: float) -> int:
    """How many calls fill a block."""
    once = min(_block(running, 1) for _ in range(3)) if _block(running, 1) < 1.0 else 1.0
    return max(1, min(2000, round(seconds / max(once, 1e-7))))


def orders(columns: Sequence[Column], rounds: int) -> Iterator[list[Column]]:
    """An order for each round, by chance but the same in every run.

    In a fixed cycle, also one that starts elsewhere each round, one column always follows the slowest, which leaves
    cold caches and garbage, and another always the fastest.
    """
    chance = random.Random(0)
    for _ in range(rounds):
        yield chance.sample(columns, len(columns))


def measure(columns: Sequence[Column], options: Options) -> Measured:
    """Runs the columns in turns and returns what each round took."""
    running, errors = _set_up(columns, options)
    taking_part = [column for column in columns if column.name in running]
    calls = {column.name: _calls(running[column.name], options.block_seconds) for column in taking_part}
    found: dict[str, list[float | None]] = {column.name: [] for column in taking_part}
    gc.collect()
    gc.freeze()  # a collection between blocks then looks at what the columns made, not at all of JAX
    for number, order in enumerate(orders(taking_part, options.rounds)):
        for column in order:
            sits_out = number % column.every != 0
            name = column.name
            found[name].append(None if sits_out else _block(running[name], calls[name]))
    gc.unfreeze()
    for name, made in running.items():
        try:
            must_be_compiled(made)
        except NotCompiled as error:
            errors[name] = reason(error)
    kept = {name: tuple(values) for name, values in found.items() if name not in errors}
    return Measured(kept, errors, running)
