"""Effects that a program holds until commit: of one moment, or of every trip of a rolled loop.

An effect leaves a region as values: those of its arguments, and whether it happened. What leaves a rolled loop is one
`Trips`: the values of all trips, stacked, and the effects of one trip with a `Row` where a value stood. Commit goes
through the trips, and within a trip through its effects, which is the order that Python has.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from janusx.tracing.library_warnings import shown_by


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """Stands, in the effects of a trip, for that trip's row of a stacked array.

    Attributes:
        raw: whether the effect is given the array itself; else it is only read, and its host copy will do.
    """

    raw: bool


@dataclass(frozen=True)
class Effect:
    """Something that happens at commit: a function called with values, if `when` (a boolean of the program) says so.

    `caller` makes the call, from the user's line: what logging and warnings name is the user's own place.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    when: Any = None
    caller: Callable[..., Any] | None = None

    def values(self) -> tuple[Any, ...]:
        """What must leave a region for the effect to happen outside of it."""
        return self.args[self._fixed :], tuple(self.kwargs.values()), self.when

    def with_values(self, values: tuple[Any, ...]) -> Effect:
        """The same effect with the values that it has outside."""
        args, named, when = values
        args = (*self.args[: self._fixed], *args)
        return replace(self, args=args, kwargs=dict(zip(self.kwargs, named, strict=True)), when=when)

    @property
    def _fixed(self) -> int:
        """How many of the arguments are the same outside of a region: a list that grows, which it does not read."""
        return int(self.function is list.append or self.function is list.extend)

    @property
    def appended(self) -> Iterator[tuple[Any, list[Any] | None]]:
        """Lists that it appends to, and the items, or None where it is not known whether it happens."""
        if self.function is list.append or self.function is list.extend:
            target, given = self.args
            items = [given] if self.function is list.append else list(given)
            yield target, items if self.when is None else None


@dataclass(frozen=True)
class Trips:
    """The effects of a rolled loop.

    Attributes:
        effects: those of one trip, in order, with rows as values.
        rows: what stands for a row of each stacked array.
        arrays: the values of all trips, stacked.
        count: how many trips there were: a number, or a scalar of the program.
        when: whether the loop was reached; None where it always is.
    """

    effects: tuple[Effect | Trips, ...]
    rows: tuple[Row, ...]
    arrays: tuple[Any, ...]
    count: Any
    when: Any = None

    def values(self) -> tuple[Any, ...]:
        """What must leave a region for the effects to happen outside of it."""
        return self.arrays, self.count, self.when

    def with_values(self, values: tuple[Any, ...]) -> Trips:
        """The same effects with the values that they have outside."""
        arrays, count, when = values
        return replace(self, arrays=arrays, count=count, when=when)

    @property
    def appended(self) -> Iterator[tuple[Any, list[Any] | None]]:
        """Lists that they append to; how many items is not known."""
        for effect in self.effects:
            for target, _ in effect.appended:
                yield target, None


def evaluated(value: Any) -> None:
    """Stands for an effect that is none: Python computes a value before anything is written, since that may raise."""


def evaluate(trace: Any, value: Any) -> None:
    """Have Python compute a value that it may raise on, whether or not anything is made of it."""
    trace.effects.append(Effect(evaluated, (value,), {}))


def surroundings() -> tuple[Any, ...]:
    """What decides, beside the values, what becomes of output: the standard streams, the filters of warnings."""
    return id(sys.stdout), id(sys.stderr), shown_by(), tuple(warnings.filters)


def under(effect: Effect | Trips, when: Any) -> Effect | Trips:
    """The effect, where it only happens if `when` holds."""
    return replace(effect, when=when if effect.when is None else jnp.logical_and(when, effect.when))


def only_appends(effect: Effect | Trips) -> bool:
    """Whether all that happens is that lists grow."""
    if isinstance(effect, Trips):
        return all(map(only_appends, effect.effects))
    return effect.function is list.append or effect.function is list.extend


def growth(effect: Effect | Trips) -> Iterator[tuple[Any, Any]]:
    """Lists that it appends to and by how many items they grow: a number, a scalar of the program, or None."""
    if isinstance(effect, Effect):
        for target, count in _items(effect):
            yield target, count if effect.when is None else jnp.where(effect.when, count, 0)
        return
    for inner in effect.effects:
        if isinstance(inner, Trips):
            yield from ((target, None) for target, _ in inner.appended)
            continue
        for target, count in _items(inner):
            grown = count * _times(effect, inner)
            yield target, grown if effect.when is None else jnp.where(effect.when, grown, 0)


def _items(effect: Effect) -> Iterator[tuple[Any, int]]:
    if effect.function is list.append or effect.function is list.extend:
        target, given = effect.args
        yield target, 1 if effect.function is list.append else len(list(given))


def _times(trips: Trips, effect: Effect) -> Any:
    """In how many of the trips it happened."""
    if effect.when is None:
        return trips.count
    happened = next(array for row, array in zip(trips.rows, trips.arrays, strict=True) if row is effect.when)
    return jnp.sum(jnp.logical_and(happened, jnp.arange(happened.shape[0]) < trips.count), dtype=jnp.int32)
