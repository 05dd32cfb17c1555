"""Expressions of host values that leave a region: slots stand for the arrays, which leave it as leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from janusx.state import symbols


@dataclass(frozen=True, slots=True)
class Slot(symbols.Expr):
    """In the expression of a `Later`, the place of an array: which leaf, and what it is read back as."""

    index: int
    kind: type | None


def slotted(expr: symbols.Expr, arrays: list[Any]) -> symbols.Expr:
    """An expression with slots for its arrays, which are appended to `arrays`."""
    if isinstance(expr, symbols.Device):
        index = next((i for i, known in enumerate(arrays) if known is expr.array), len(arrays))
        if index == len(arrays):
            arrays.append(expr.array)
        return Slot(index, expr.kind)
    if isinstance(expr, symbols.Apply):
        args = tuple(slotted(arg, arrays) for arg in expr.args)
        return symbols.Apply(expr.function, args, tuple((name, slotted(arg, arrays)) for name, arg in expr.kwargs))
    return expr


def filled(expr: symbols.Expr, arrays: Sequence[Any]) -> symbols.Expr:
    """The inverse of `slotted`."""
    if isinstance(expr, Slot):
        return read_back(arrays[expr.index], expr.kind)
    if isinstance(expr, symbols.Apply):
        args = tuple(filled(arg, arrays) for arg in expr.args)
        return symbols.Apply(expr.function, args, tuple((name, filled(arg, arrays)) for name, arg in expr.kwargs))
    return expr


def read_back(leaf: Any, kind: type | None) -> symbols.Expr:
    """The expression of what the host gets of a leaf: of an array, or of the host's copy of one."""
    if not isinstance(leaf, symbols.Expr):
        return symbols.Device(leaf, kind)
    return leaf if kind is None else symbols.Apply(kind, (leaf,))
