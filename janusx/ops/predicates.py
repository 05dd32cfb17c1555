"""`any`, `all`, `filter` and the iterators of itertools that ask a function of the user's for a truth.

Iterators stay Python's own, and as lazy: they are given a function whose answers Python knows.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp

from janusx.ops.conditionals import BranchRaises, stage, staged_predicate, truth_value
from janusx.ops.decided import decided, deciding, here
from janusx.signals import Respecialise, Unstageable, Unsupported
from janusx.state import symbols
from janusx.tracing import context
from janusx.tracing.heap import Heap
from janusx.tracing.iterators import is_alone, is_iterator

ALONE = 2
"""References to an iterator that nobody holds but the function that goes through it."""

DEEPEST = 32
"""Branches in branches that `any` and `all` are made of, at most."""


def fold(function: Callable[..., bool]) -> Callable[..., Any]:
    """`any` and `all`: Python's own until an array decides, then one boolean of the program."""
    stop = function is any

    def run(items: Any, /) -> Any:
        # Of an iterator that is used later on, it must be known how far it went.
        alone = iter(items) is not items or (sys.getrefcount(items) <= ALONE and is_alone(items))
        rest = _Rest(iter(items))
        for item in rest.items:
            own = staged_predicate(item)
            if own is not None and alone and here(_where(stop)).key not in context.current().settings.assumed:
                return _rest(function, own, rest)
            if (truth_value(item) if own is None else decided(own, _where(stop))) is stop:
                return stop
        return not stop

    return run


def _where(stop: bool) -> str:
    return f"`{'any' if stop else 'all'}` stops at the same item"


class _Rest:
    """What an iterator has left, which nobody else goes through: no snapshot is to look at it."""

    def __init__(self, iterator: Iterator[Any]):
        frame = getattr(iterator, "gi_frame", None)
        self.items = iterator
        # What it may write to, beside what others hold.
        self.reaches = [each for each in getattr(frame, "f_locals", {}).values() if not is_iterator(each)]


def _rest(function: Callable[..., bool], first: Any, rest: _Rest) -> Any:
    """What an array and the items after it come to. What those do besides is done as far as Python would go."""
    trace, stop = context.current(), function is any
    key = here(f"each step of `{function.__name__}`").key
    if key in trace.settings.assumed:
        return _step(first, rest, stop, 0)
    found = first
    heap = Heap(trace, rest.reaches)
    with trace.frames.scope() as checks, trace.effect_scope() as effects:
        for item in rest.items:
            own = staged_predicate(item)
            if own is not None:
                found = (jnp.logical_or if stop else jnp.logical_and)(found, own)
            elif truth_value(item) is stop:
                found = stop  # the arrays before it cannot change that
                break
    if checks or effects or heap.writes():
        raise Respecialise(key, True)
    return found if found is stop else symbols.device_scalar(found, bool)


def _step(own: Any, rest: _Rest, stop: bool, depth: int) -> Any:
    """The answer, if an array may be it; what comes after is a side of a branch."""
    if depth >= DEEPEST:
        raise Unsupported(f"what an array decides after {DEEPEST} others does things")

    def further() -> Any:
        for item in rest.items:
            after = staged_predicate(item)
            if after is not None:
                return _step(after, rest, stop, depth + 1)
            if truth_value(item) is stop:
                return _computed(stop)
        return _computed(not stop)

    sides = (lambda: _computed(True), further) if stop else (further, lambda: _computed(False))
    try:
        return stage(context.current(), own, *sides, roots=rest.reaches)
    except (Unstageable, BranchRaises):
        raise Respecialise(here(_where(stop)).key, True) from None


def _computed(answer: bool) -> Any:
    return symbols.device_scalar(jnp.asarray(answer), bool)


def filter_(test: Any, items: Any, /) -> Any:
    """`filter`."""
    return filter(_test(test, "`filter` keeps the same items"), items)


def takewhile(test: Any, items: Any, /) -> Any:
    """`itertools.takewhile`."""
    return itertools.takewhile(_test(test, "`takewhile` goes as far"), items)


def dropwhile(test: Any, items: Any, /) -> Any:
    """`itertools.dropwhile`."""
    return itertools.dropwhile(_test(test, "`dropwhile` drops as many"), items)


def filterfalse(test: Any, items: Any, /) -> Any:
    """`itertools.filterfalse`."""
    return itertools.filterfalse(_test(test, "`filterfalse` leaves out the same items"), items)


def compress(items: Any, selectors: Any) -> Any:
    """`itertools.compress`."""
    return itertools.compress(items, map(_test(None, "`compress` keeps the same items"), selectors))


def groupby(items: Any, key: Any = None) -> Any:
    """`itertools.groupby`."""
    by = _itself if key is None else context.current().call(key)
    groups = itertools.groupby(items, lambda item: _key(by(item)))
    return ((key.value if type(key) is _Key else key, group) for key, group in groups)


def _itself(value: Any) -> Any:
    return value


class _Key:
    """A key of `groupby` that is an array: whether it equals the one before is known to Python."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        against = other.value if type(other) is _Key else other
        return decided(self.value == against, "`groupby` makes the same groups")

    __hash__ = None  # type: ignore[assignment]


def _key(value: Any) -> Any:
    return _Key(value) if symbols.is_array(value) else value


def map_(function: Any, /, *items: Any) -> Any:
    """`map`."""
    return map(context.current().call(function), *items)


def reduce(function: Any, /, *items: Any) -> Any:
    """`functools.reduce`."""
    return functools.reduce(context.current().call(function), *items)


def accumulate(items: Any, func: Any = None, *, initial: Any = None) -> Any:
    """`itertools.accumulate`."""
    return itertools.accumulate(items, None if func is None else context.current().call(func), initial=initial)


def starmap(function: Any, items: Any, /) -> Any:
    """`itertools.starmap`."""
    return itertools.starmap(context.current().call(function), items)


def _test(test: Any, does: str) -> Callable[..., bool]:
    return deciding(_itself if test is None else context.current().call(test), does)
