"""`enumerate`, `zip` and `reversed` over arrays: iterators that a loop can also take apart, to roll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from janusx.state import symbols


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


def _structured(value: Any) -> bool:
    return symbols.is_array(value) or isinstance(value, Zip | Enumerate | Reversed | range | list | tuple)


def zip_(*parts: Any, strict: bool = False) -> Any:
    """`zip`."""
    return Zip(parts, strict) if parts and all(map(_structured, parts)) else zip(*parts, strict=strict)


def enumerate_(part: Any, start: int = 0) -> Any:
    """`enumerate`."""
    return Enumerate(part, start) if _structured(part) and not symbols.is_sym(start) else enumerate(part, start)


def reversed_(part: Any) -> Any:
    """`reversed`."""
    return Reversed(part) if symbols.is_array(part) or isinstance(part, list | tuple | range) else reversed(part)
