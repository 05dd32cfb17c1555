"""Staged guards: assumptions on array values, checked inside the program, read by the host as one packed output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

GROWTH = 8
"""How much more room a loop's effects get when it was too little: each step is a program."""

DOUBLE = 2
"""Likewise, where a program with room for more trips is a slower one."""

LIMIT = "the end of a loop in "
"""Begins the key of a guard that a loop ends some time."""

UNLIMITED = ("", -4)
"""Stands among the sites speculated on for: there are no such guards."""


@dataclass(frozen=True)
class Assumption:
    """What a staged guard stands for.

    Attributes:
        key: identifies the decision: the function's name, the site's number in it, and which of its occurrences in the
            trace.
        expected: the outcome that was taken for granted.
        what: in words, for reports.
        place: `file:line` of the user's code.
        only: whether no program can be made for the other outcome (it raises): Python answers then.
        capacity: if what was taken for granted is a number of trips, that number.
        growth: how many times as many there may be when it did not hold.
    """

    key: tuple[str, int, int]
    expected: Any
    what: str
    place: str
    only: bool = False
    capacity: int = 0
    growth: int = GROWTH

    @property
    def is_limit(self) -> bool:
        """Whether all that it says is that a loop ends some time: a program can do without."""
        return self.key[0].startswith(LIMIT)

    @property
    def is_part(self) -> bool:
        """Whether it is one bit of what C code of Python's decided: no site of the user's code has such a number."""
        return self.key[1] <= 0 and bool(self.key[0])

    @property
    def whole(self) -> Assumption:
        """What stands for all bits of one decision, where it is counted how often that changes."""
        return replace(self, key=(*self.key[:2], 0), expected=True) if self.is_part else self


@dataclass(frozen=True)
class Check:
    """A guard in a scope: `holds` is a boolean scalar of that scope."""

    holds: Any
    assumption: Assumption


class Frames:
    """The stack of scopes (the program, its branches and loop bodies); a check is raised in the innermost one."""

    def __init__(self) -> None:
        self._stack: list[list[Check]] = [[]]
        self.limited = False  # whether it is checked that loops end some time

    @property
    def depth(self) -> int:
        """How many scopes there are around what is being traced, besides the program."""
        return len(self._stack) - 1

    def add(self, holds: Any, assumption: Assumption) -> None:
        """Raise a check in the innermost scope."""
        self.limited = self.limited or assumption.is_limit
        self._stack[-1].append(Check(jnp.asarray(holds, bool).reshape(()), assumption))

    @contextmanager
    def scope(self) -> Iterator[list[Check]]:
        """A new scope; its checks are the caller's to bring out."""
        self._stack.append([])
        try:
            yield self._stack[-1]
        finally:
            self._stack.pop()

    def bring_out(
        self, checks: Sequence[tuple[Any, Assumption]], lift: Callable[[Any], Any] = lambda holds: holds
    ) -> None:
        """Raise an inner scope's checks in this one, each through `lift`.

        A branch that was not taken holds; a batch must all hold.
        """
        for holds, assumption in checks:
            self.add(lift(holds), assumption)

    def packed(self) -> tuple[Any, tuple[Assumption, ...]]:
        """All checks of the program as one boolean vector, and what each stands for."""
        checks = self._stack[0]
        if not checks:
            return None, ()
        return jnp.stack([check.holds for check in checks]), tuple(check.assumption for check in checks)


@dataclass(frozen=True)
class Violated:
    """A run in which guards did not hold.

    Attributes:
        first: the first that did not. What the program computed after it may be garbage.
        assumptions: all of the entry's.
        held: whether each held.
    """

    first: Assumption
    assumptions: tuple[Assumption, ...]
    held: tuple[bool, ...]

    def learn(self, knowledge: Any) -> None:
        """Turn the outcomes at the site round: all of them, or, where they differ, those that did not hold."""
        site = self.first.key[:2]
        if self.first.capacity:
            knowledge.capacities[site] = self.first.capacity * self.first.growth
            return
        self._turn(knowledge, site)
        # What C code decided has no branches: more of it than the first may be right for the run to come.
        parts = (a.key[:2] for a, held in zip(self.assumptions, self.held, strict=True) if a.is_part and not held)
        for other in dict.fromkeys(part for part in parts if part != site):
            self._turn(knowledge, other)

    def _turn(self, knowledge: Any, site: tuple[str, int]) -> None:
        here = [
            (a, held)
            for a, held in zip(self.assumptions, self.held, strict=True)
            if a.key[:2] == site and not a.capacity
        ]
        if len(here) == 1 and not knowledge.flips.get(site):
            knowledge.assumed[site] = not here[0][0].expected
        else:
            wrong = frozenset(a.key[2] for a, held in here if not held)
            knowledge.flips[site] = knowledge.flips.get(site, frozenset()) ^ wrong
