"""NumPy arrays written in place: the writes, what undoes them, and copies of an array that have them.

Functions and values here are parts of expressions and of generated code, so they know nothing of a trace.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.state.exprs import Apply


@dataclass(frozen=True, slots=True)
class Write:
    """A change of an array in place: `how(target, *args, **kwargs)`.

    Attributes:
        how: makes the change.
        at_key: whether only what the first argument selects is changed.
    """

    how: Callable[..., Any]
    at_key: bool = False

    @property
    def __name__(self) -> str:
        return str(getattr(self.how, "__name__", type(self.how).__name__.lower()))


@dataclass(frozen=True, slots=True)
class Augment:
    """`target += other`, for any operator: what comes of it must be the target."""

    operator: Callable[[Any, Any], Any]

    def __call__(self, target: Any, other: Any) -> None:
        """Change the target."""
        if self.operator(target, other) is not target:
            raise TypeError(f"{self.operator.__name__} made another array")


@dataclass(frozen=True, slots=True)
class AugmentItem:
    """`target[key] += other`, for any operator."""

    operator: Callable[[Any, Any], Any]

    def __call__(self, target: Any, key: Any, other: Any) -> None:
        """Change the target."""
        target[key] = self.operator(target[key], other)


@dataclass(frozen=True, slots=True)
class Out:
    """`function(..., out=target)`; at `places` among the arguments stands the target itself."""

    function: Callable[..., Any]
    places: tuple[int, ...]

    def __call__(self, target: Any, *args: Any, **kwargs: Any) -> None:
        """Change the target."""
        given = list(args)
        for place in self.places:
            given.insert(place, target)
        self.function(*given, out=target, **kwargs)


@dataclass(frozen=True, slots=True)
class Named:
    """`target.name(...)`."""

    name: str

    def __call__(self, target: Any, *args: Any, **kwargs: Any) -> None:
        """Change the target."""
        getattr(target, self.name)(*args, **kwargs)


SET_ITEM = Write(operator.setitem, at_key=True)


@dataclass(frozen=True, slots=True)
class Enter:
    """An entry made in a dictionary or a set: `how(target, key, ...)`."""

    how: Callable[..., Any]


SET_ENTRY = Enter(dict.__setitem__)

ADD = Enter(set.add)

WRITING_METHODS = frozenset({"fill", "sort", "partition", "put"})
"""Methods of an array that change it and return nothing."""

REFUSED_METHODS = frozenset({"resize", "setflags", "setfield", "byteswap", "tofile", "dump", "itemset"})
"""Methods that change more of an array than what it holds, or write it somewhere."""

WRITING_FUNCTIONS = (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis)
"""Functions of NumPy's that change their first argument and return nothing."""

MAX_SIZE = 400
"""Nodes of the expression of what an array holds, beyond which it is not read within the call: each write is a copy."""

LARGEST_COPY = 1 << 20
"""Bytes of an array that is copied so that a call reads what it has written: 1 MiB took 23 to 46 µs (2 cores)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A copy of an array with a write made in it.

    Called with the whole array as it is now and, unless the write is to the whole, with the array and the part written
    to as they lie in memory; then with the write's own arguments. With `decided` the first argument says whether the
    write happens.
    """

    write: Write
    whole: bool
    decided: bool
    names: tuple[str, ...] = ()

    @property
    def __name__(self) -> str:
        return f"with_{self.write.__name__}"

    def __call__(self, *given: Any) -> Any:
        """The copy."""
        rest = list(given)
        happens = rest.pop(0) if self.decided else True
        copy = rest.pop(0).copy(order="K")
        target = copy
        if not self.whole:
            root, part = rest.pop(0), rest.pop(0)
            target = relocated(copy, root, part)
        if happens:
            count = len(rest) - len(self.names)
            self.write.how(target, *rest[:count], **dict(zip(self.names, rest[count:], strict=True)))
        return copy


def relocated(copy: Any, root: Any, part: Any) -> Any:
    """The part of a copy that lies where `part` lies in `root`.

    Example:
        >>> root = np.arange(6).reshape(2, 3)
        >>> relocated(root * 10, root, root[:, 1])
        array([10, 40])
    """
    if not part.size:
        return np.empty(part.shape, part.dtype)
    offset = start(part) - start(root)
    buffer = copy if copy.flags.c_contiguous else copy.T
    return np.ndarray(part.shape, part.dtype, buffer, offset, part.strides)


def is_dense(array: Any) -> bool:
    """Whether a copy of an array has its layout, and the array holds plain numbers."""
    return bool(array.flags.c_contiguous or array.flags.f_contiguous) and not array.dtype.hasobject


def start(array: Any) -> int:
    """The address of an array's first item."""
    return int(array.__array_interface__["data"][0])


def lies_in(part: Any, whole: Any) -> bool:
    """Whether all of an array lies in the memory of another."""
    low, high = np.lib.array_utils.byte_bounds(part)
    start, end = np.lib.array_utils.byte_bounds(whole)
    return bool(start <= low and high <= end and part.size)


def overlap(one: Any, other: Any) -> bool:
    """Whether two arrays may share memory, judged by their bounds."""
    return bool(np.may_share_memory(one, other))


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How arrays lie in memory, as far as a program that writes to some of them takes it for granted.

    Attributes:
        strides: of each array.
        extents: of each the bytes before and after its first item.
        written: the places of those that are written to.
        together: places of arrays in one memory, and how far the second starts behind the first.
        apart: places of arrays that share none, of which one is written to.
    """

    strides: tuple[tuple[int, ...], ...]
    extents: tuple[tuple[int, int], ...]
    written: tuple[int, ...]
    together: tuple[tuple[int, int, int], ...]
    apart: tuple[tuple[int, int], ...]

    @property
    def __name__(self) -> str:
        return "lie_in_memory_as_before"

    def __call__(self, *arrays: Any) -> bool:
        """Whether arrays lie like that."""
        for array, strides in zip(arrays, self.strides, strict=True):
            if array.strides != strides:
                return False
        for place in self.written:
            if not arrays[place].flags.writeable:
                return False
        if len(arrays) == 1:
            return True
        starts = [array.__array_interface__["data"][0] for array in arrays]
        for one, other, distance in self.together:
            if starts[other] - starts[one] != distance:
                return False
        bounds = [(at + low, at + high) for at, (low, high) in zip(starts, self.extents, strict=True)]
        return all(
            bounds[one][1] <= bounds[other][0] or bounds[other][1] <= bounds[one][0] for one, other in self.apart
        )


def arrangement(arrays: Sequence[Any], groups: Sequence[int], written: Sequence[int]) -> Arrangement:
    """How arrays lie.

    Args:
        arrays: the arrays.
        groups: for each the place of the first in the same memory.
        written: the places of those that are written to.
    """
    pairs = [(one, other) for other in range(len(arrays)) for one in range(other)]
    return Arrangement(
        tuple(array.strides for array in arrays),
        tuple(map(_extent, arrays)),
        tuple(written),
        tuple((one, at, start(arrays[at]) - start(arrays[one])) for at, one in enumerate(groups) if at != one),
        tuple(pair for pair in pairs if groups[pair[0]] != groups[pair[1]] and not set(pair).isdisjoint(written)),
    )


def _extent(array: Any) -> tuple[int, int]:
    if not array.size:
        return 0, 0
    spans = [(count - 1) * stride for count, stride in zip(array.shape, array.strides, strict=True)]
    return sum(min(span, 0) for span in spans), sum(max(span, 0) for span in spans) + array.itemsize


def quiet() -> Any:
    """NumPy does not warn while tracing: it will when the call is made."""
    return np.errstate(**{kind: "ignore" for kind, how in np.geterr().items() if how == "warn"})  # type: ignore[arg-type]


def perform(done: list[tuple[Any, Any, Any]], write: Write | Enter, target: Any, /, *args: Any, **kwargs: Any) -> None:
    """Make a write, after what it overwrites was kept in `done`."""
    if type(write) is Enter:
        _enter(done, write, target, args)
        return
    assert type(write) is Write
    key = args[0] if write.at_key and not _is_within(args[0], target) else ...
    done.append((target, key, np.array(target[key])))
    write.how(target, *args, **kwargs)


_ABSENT = object()


def _enter(done: list[tuple[Any, Any, Any]], write: Enter, target: Any, args: tuple[Any, ...]) -> None:
    key = args[0]
    before = _ABSENT if key not in target else None if type(target) is set else target[key]
    done.append((target, key, before))
    write.how(target, *args)


def _is_within(key: Any, target: Any) -> bool:
    """Whether an index is made of what it selects from."""
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(each, np.ndarray) and overlap(each, target) for each in keys)


def undo(done: Sequence[tuple[Any, Any, Any]]) -> None:
    """Undo writes, the last first."""
    for target, key, before in reversed(done):
        if before is not _ABSENT:
            if type(target) is not set:
                target[key] = before
        elif type(target) is set:
            target.discard(key)
        else:
            del target[key]


def perform_event(done: list[tuple[Any, Any, Any]], write: Any, args: Any, kwargs: Any) -> None:
    """Make a write that is one of a list of events."""
    perform(done, write, *args, **kwargs)


def size(expr: Any) -> int:
    """How many nodes an expression has, written out."""
    return 1 + sum(map(size, (*expr.args, *(arg for _, arg in expr.kwargs)))) if isinstance(expr, Apply) else 1


def is_changed(expr: Any) -> bool:
    """Whether an expression has a copy in it that was made for a write."""
    if not isinstance(expr, Apply):
        return False
    return type(expr.function) is Changed or any(map(is_changed, expr.args))


def is_one(one: Any, other: Any) -> bool:
    """Whether two expressions of what an array holds are one."""
    if one is other or not isinstance(one, Apply) or not isinstance(other, Apply):
        return one is other
    return one.function is relocated is other.function and all(map(operator.is_, one.args, other.args))


def arrays_in(value: Any) -> Iterator[Any]:
    """The NumPy arrays in a value, containers searched."""
    if type(value) is np.ndarray:
        yield value
    elif type(value) in (list, tuple):
        for item in value:
            yield from arrays_in(item)
    elif type(value) is dict:
        yield from arrays_in(list(value.values()))
