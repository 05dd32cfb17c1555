"""Where the time of a compiled call goes: a look at the clock in some calls, and running medians of what it showed."""

from __future__ import annotations

import statistics
import time
from collections import deque

FIRST = 8
"""So many calls after the first (which compiles) are looked at one after another."""
EVERY = 256
"""Later one call in so many is: averaged over all calls a sample costs 10 ns (2 cores, Python 3.11)."""
KEPT = 33
"""Samples that a median is made of."""

PARTS = ("gather", "run", "commit")
"""What is told apart: guards and gather; the program, until XLA has it or, with staged guards, until those were read;
commit, which waits for the program where it makes Python values of its outputs."""


class Timings:
    """The samples of one entry."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, ...]] = deque(maxlen=KEPT)

    def add(self, sample: tuple[float, ...], hits: int) -> int:
        """Keep the durations of one call of an entry with so many hits; returns how many it has when one is due."""
        self._samples.append(sample)
        return hits if hits < FIRST else hits + EVERY - 1

    @property
    def count(self) -> int:
        """How many calls the medians are of."""
        return len(self._samples)

    def medians(self) -> dict[str, float]:
        """Seconds by part; empty while no call was looked at.

        Example:
            >>> timings = Timings()
            >>> timings.add((3e-6, 5e-5, 1e-6), hits=1)
            1
            >>> timings.medians()["run"]
            5e-05
        """
        samples = list(self._samples)
        if not samples:
            return {}
        return {part: statistics.median(column) for part, column in zip(PARTS, zip(*samples, strict=True), strict=True)}


class Clock:
    """A look at the clock at the start of a call, and after each of its parts."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times = [time.perf_counter()]

    def tick(self) -> None:
        """A part has ended."""
        self._times.append(time.perf_counter())

    def durations(self) -> tuple[float, ...]:
        """Seconds of each part so far."""
        return tuple(after - before for before, after in zip(self._times, self._times[1:], strict=False))
