"""`enumerate`, `zip` and `reversed` over arrays: iterators that a loop can also take apart, to roll."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from janusx.ops.buckets import is_length
from janusx.signals import Unstageable
from janusx.state import symbols
from janusx.state.buckets import Bucketed


class Zip:
    """`zip` of things some of which are arrays. Iterates like `zip`; a loop sees the parts."""

    def __init__(self, parts: tuple[Any, ...], strict: bool = False):
        self.parts = parts
        self.strict = strict
        self._iterator: Iterator[Any] | None = None  # made at the first use: it takes arrays apart

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = zip(*self.parts, strict=self.strict)
        return next(self._iterator)


class Enumerate:
    """`enumerate` of an array or of another such iterable."""

    def __init__(self, part: Any, start: int = 0):
        self.part = part
        self.start = start
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = enumerate(self.part, self.start)
        return next(self._iterator)


class Reversed:
    """`reversed` of an array or a list."""

    def __init__(self, part: Any):
        self.part = part
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self.part[::-1]) if symbols.is_array(self.part) else reversed(self.part)
        return next(self._iterator)


class DynamicRange:
    """`range` with an array for a bound: a loop over it is staged."""

    def __init__(self, start: Any, stop: Any, step: int):
        self.start = start
        self.stop = stop
        self.step = step

    def first(self) -> Any:
        """The first item: a Python integer that the program computes."""
        return symbols.device_scalar(jnp.asarray(symbols.as_array(self.start), jnp.int32).reshape(()), int)

    def going(self, index: Any) -> Any:
        """Whether an item is in the range."""
        stop = jnp.asarray(symbols.as_array(self.stop)).reshape(())
        position = symbols.as_array(index)
        return position < stop if self.step > 0 else position > stop

    def __iter__(self) -> Iterator[Any]:
        raise Unstageable("a range with an array for a bound is taken apart outside of a loop")


def range_(*args: Any) -> Any:
    """`range`."""
    bounds = [arg for arg in args if symbols.is_array(arg) or symbols.unknown(arg) or is_length(arg)]
    if not bounds or (len(args) == 3 and any(arg is args[2] for arg in bounds)):
        return range(*args)
    if any(symbols.is_array(arg) and not jnp.issubdtype(arg.dtype, jnp.integer) for arg in bounds):
        return range(*args)  # raises, as it does outside of a trace
    start, stop = (0, args[0]) if len(args) == 1 else args[:2]
    return DynamicRange(start, stop, operator.index(args[2]) if len(args) == 3 else 1)


def _structured(value: Any) -> bool:
    return (
        symbols.is_array(value)
        or type(value) is Bucketed
        or isinstance(value, Zip | Enumerate | Reversed | range | list | tuple)
    )


def zip_(*parts: Any, strict: bool = False) -> Any:
    """`zip`."""
    return Zip(parts, strict) if parts and all(map(_structured, parts)) else zip(*parts, strict=strict)


def enumerate_(part: Any, start: int = 0) -> Any:
    """`enumerate`."""
    return Enumerate(part, start) if _structured(part) and not symbols.is_sym(start) else enumerate(part, start)


def reversed_(part: Any) -> Any:
    """`reversed`."""
    return (
        Reversed(part)
        if symbols.is_array(part) or type(part) is Bucketed or isinstance(part, list | tuple | range)
        else reversed(part)
    )
