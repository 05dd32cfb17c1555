"""Dictionaries and sets of the user's that a program only adds to: `history[step] = loss`, `seen.add(name)`.

They are host data, whatever they have come to hold, and the entry is made at commit. A program that looks into one,
too, copies it, and is made anew when it has grown.
"""

from __future__ import annotations

from typing import Any

from janusx.signals import Unstageable
from janusx.state import symbols
from janusx.state.arrays import ADD, SET_ENTRY, Enter
from janusx.state.paths import Path
from janusx.tracing.effects import Effect


class Entries:
    """What a trace does with such containers."""

    def __init__(self, trace: Any):
        self._trace = trace
        self._looked: set[Path] = set()
        self._written: set[Path] = set()

    def look(self, *values: Any) -> None:
        """Values are about to be looked into."""
        for value in values:
            path = _path(value)
            if path is not None:
                self._looked.add(path)
                self._check(path)

    def set_item(self, target: Any, key: Any, value: Any) -> bool:
        """Hold `target[key] = value`; false where that is not possible."""
        return _path(target) is not None and target._jx_kind is dict and self._write(target, SET_ENTRY, (key, value))

    def add(self, target: Any, item: Any) -> bool:
        """Hold `target.add(item)`; false where that is not possible."""
        return _path(target) is not None and target._jx_kind is set and self._write(target, ADD, (item,))

    def _write(self, target: Any, write: Enter, args: tuple[Any, ...]) -> bool:
        # In a region the key may be another in each trip, and the container one that the next trip looks into.
        if self._trace.region_key or symbols.unknown(args[0]):
            return False
        try:
            hash(symbols.value_of(args[0]))
        except TypeError:  # as Python will say
            return False
        path = target._jx_expr.path
        self._written.add(path)
        self._check(path)
        self._trace.say(Effect(write, (target, *args), {}))
        return True

    def _check(self, path: Path) -> None:
        if path in self._looked and path in self._written:
            self._trace.unrelax(path)
            raise Unstageable("a dictionary or set that grows is looked into by the call that adds to it")


def _path(value: Any) -> Path | None:
    if not symbols.is_sym(value) or value._jx_kind not in (dict, set) or not isinstance(value._jx_expr, symbols.Input):
        return None
    path: Path = value._jx_expr.path
    return path
