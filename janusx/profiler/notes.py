"""Where an observer counts, cheaply, before a profile is made of it."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections import deque
from typing import Any

import jax
import numpy as np

from janusx.profiler.assumptions import references
from janusx.profiler.records import (
    RECENT,
    VARIETY,
    BranchProfile,
    CallProfile,
    LoopProfile,
    Seen,
    Target,
    VariableProfile,
)
from janusx.sources import origin

ABSENT = object()
"""In the place of a value that is not there."""

_SCALARS = (bool, int, float, complex, str, types.NoneType)
_BASES = type.__dict__["__mro__"].__get__
_MEMBERS = type.__dict__["__dict__"].__get__
_PLAIN_READS = (object.__getattribute__, type.__getattribute__, types.ModuleType.__getattribute__)
# Longer text and larger numbers are data, not settings.
_LONGEST = 64
_MOST_BITS = 256


class BranchNotes:
    """Outcomes of a predicate, or of the left side of an `and` or `or`."""

    __slots__ = ("entered", "false", "neutral", "on_array", "on_python", "right", "true")

    def __init__(self) -> None:
        self.true = self.false = self.entered = self.right = 0
        self.neutral = self.on_array = self.on_python = False

    def __bool__(self) -> bool:
        return bool(self.true or self.false or self.entered)

    def profile(self) -> BranchProfile:
        """The record of it."""
        true, false = self.true, self.false
        if self.entered:
            # The right side of an `and` is reached when the left is true, that of an `or` when it is false.
            reached, decided = self.right, self.entered - self.right
            true, false = (reached, decided) if self.neutral else (decided, reached)
        return BranchProfile(true, false, self.on_array, self.on_python)


class VariableNotes:
    """What a variable was; `looks` says how often it was looked at."""

    __slots__ = ("_last", "_more", "_seen", "looks")

    def __init__(self) -> None:
        self.looks = 0
        self._last: Any = None
        self._seen: dict[Seen, None] = {}
        self._more = False

    def __bool__(self) -> bool:
        return bool(self._seen)

    def add(self, value: Any) -> None:
        """Takes a look at a value."""
        self.looks += 1
        kind = type(value)
        if issubclass(kind, jax.Array):  # Its name and that of its dtype take some µs to make.
            last = (kind, value.shape, value.dtype, getattr(value, "weak_type", False))
            if last == self._last:
                return
            self._last = last
        seen = look_at(value)
        if seen in self._seen:
            return
        if len(self._seen) < VARIETY:
            self._seen[seen] = None
        else:
            self._more = True

    def profile(self) -> VariableProfile:
        """The record of it."""
        return VariableProfile(tuple(self._seen), self._more)


class LoopNotes:
    """Runs of a loop."""

    __slots__ = ("_fewest", "_most", "_open", "_recent", "heads", "iterated", "on_array", "runs")

    def __init__(self) -> None:
        self.runs = 0
        self.iterated: set[str] = set()
        self.on_array = False
        self.heads: dict[str, VariableNotes] = {}
        self._fewest = self._most = 0
        self._recent: deque[int] = deque(maxlen=RECENT)
        # Trips of `while` loops under way, by frame. A frame's number may be used again, but then the loop begins anew.
        self._open: dict[int, int] = {}

    def begin(self, frame: int) -> None:
        """A `while` begins in a frame; one there that was left by `break`, `return` or an exception has ended."""
        left = self._open.pop(frame, None)
        if left is not None:
            self.finish(left)
        self._open[frame] = 0

    def trip(self, frame: int, goes_on: bool) -> int:
        """A `while` in a frame makes a trip, or ends. Returns the number of its trips."""
        trips = self._open.pop(frame, 0)
        if goes_on:
            trips += 1
            self._open[frame] = trips
        else:
            self.finish(trips)
        return trips

    def finish(self, trips: int) -> None:
        """A run has ended after so many trips."""
        self._fewest = min(self._fewest, trips) if self.runs else trips
        self._most = max(self._most, trips)
        self._recent.append(trips)
        self.runs += 1

    def finish_all(self) -> None:
        """Runs that were left in the middle have ended, too."""
        for trips in self._open.values():
            self.finish(trips)
        self._open.clear()

    def profile(self) -> LoopProfile:
        """The record of it."""
        heads = {name: notes.profile() for name, notes in self.heads.items()}
        recent = tuple(self._recent)
        return LoopProfile(self.runs, self._fewest, self._most, recent, frozenset(self.iterated), self.on_array, heads)


class CallNotes:
    """Targets of a call.

    Attributes:
        last: the target of the latest call, if the observer has found that it runs as it is, and may be kept.
        again: how often that was called again since: most calls are such, and counting them is cheap.
    """

    __slots__ = ("_counts", "_others", "again", "last")

    def __init__(self) -> None:
        self.last: Any = None
        self.again = 0
        # What a key is the number of is kept with its count, or the number might be used again.
        self._counts: dict[object, list[Any]] = {}
        self._others = 0

    def add(self, target: Any) -> None:
        """Counts a call of `target`."""
        if self.again:
            self._count(self.last, self.again)
            self.again = 0
        self._count(target, 1)

    def _count(self, target: Any, times: int) -> None:
        anchor = _anchor(target)
        key = anchor if isinstance(anchor, tuple) else id(anchor)
        known = self._counts.get(key)
        if known is not None:
            known[1] += times
        elif len(self._counts) < VARIETY:
            alive = None if isinstance(anchor, tuple) else weakref.ref(anchor)
            self._counts[key] = [anchor, times, _name(target), (*references(target), alive)]
        else:
            self._others += times

    def profile(self) -> CallProfile:
        """The record of it."""
        if self.again:
            self._count(self.last, self.again)
            self.again = 0
        targets = [Target(name, count, *refs) for _, count, name, refs in self._counts.values()]
        return CallProfile(tuple(sorted(targets, key=lambda target: -target.count)), self._others)


def look_at(value: Any) -> Seen:
    """One look at a value."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if kind in _SCALARS and _is_small(value):
        return Seen(name, value=value, is_scalar=True)
    # By its type: `isinstance` would ask the value for its `__class__`, which may be the program's own property.
    if issubclass(kind, (jax.Array, np.ndarray)):
        return Seen(name, tuple(value.shape), str(value.dtype), bool(getattr(value, "weak_type", False)))
    return Seen(name)


def stored(owner: Any, name: str) -> Any:
    """What an attribute holds, if it is stored as it is; `ABSENT` if it is not, or finding out would run something."""
    if _in_class(type(owner), "__getattribute__") not in _PLAIN_READS:
        return ABSENT
    found = inspect.getattr_static(owner, name, ABSENT)
    if type(found) is types.MemberDescriptorType:
        try:
            return found.__get__(owner)
        except AttributeError:  # A slot that is empty.
            return ABSENT
    # What describes an attribute (a property, a function) is not what a read of it gives.
    return found if _in_class(type(found), "__get__") is ABSENT else ABSENT


def _in_class(kind: type, name: str) -> Any:
    """What a class has under a name, inherited or not; a metaclass is not asked."""
    return next((own[name] for own in map(_MEMBERS, _BASES(kind)) if name in own), ABSENT)


def _is_small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return not isinstance(value, int) or value.bit_length() <= _MOST_BITS


def _anchor(target: Any) -> Any:
    """What stays the same when the same thing is called: code or a class, which hold no data; or else names."""
    if isinstance(target, functools.partial):
        return _anchor(target.func)
    if type(target) is types.MethodType:
        return _anchor(target.__func__)
    if type(target) is types.FunctionType:
        return origin(target.__code__) or target.__code__
    if type(target) is types.BuiltinFunctionType:
        return target.__name__, type(target.__self__)
    if isinstance(target, type):
        return target
    # Objects of one class share their `__call__`; functions that a library has compiled share nothing but the class.
    name = getattr(target, "__qualname__", None)
    return (name, type(target)) if isinstance(name, str) else type(target)


def _name(target: Any) -> str:
    name = getattr(target, "__qualname__", None)
    return name if isinstance(name, str) else type(target).__qualname__
