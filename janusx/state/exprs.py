"""Expressions over host inputs and device outputs: what symbolic host values stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.state.paths import Path


class Expr:
    """An expression over host inputs and device outputs, evaluated by plain Python in every call."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Input(Expr):
    """A host value read from the user's objects."""

    path: Path


@dataclass(frozen=True, slots=True)
class Gathered(Expr):
    """What is evaluated once in a call, before the program runs; commit gets the value."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class Object(Expr):
    """One of the user's objects, as it is: what the host reads while it runs ahead of the device."""

    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Device(Expr):
    """An array of the program, read back after the run: as `float`, `int`, `bool`, `complex`, or a list of its rows."""

    array: Any
    kind: type | None


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """A pure function of other expressions and constants."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Expr):
    """A value fixed when the program was made. Two are the same when type and value are."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(type(self.value))


def on_device(expr: Expr) -> bool:
    """Whether an expression needs what the program computes."""
    if isinstance(expr, Apply):
        return any(map(on_device, expr.args)) or any(on_device(arg) for _, arg in expr.kwargs)
    return isinstance(expr, Device)


def read_only(value: Any) -> Any:
    """A host value to look at: the user's own array is not to be written to while it is traced."""
    if type(value) is np.ndarray:
        value = value.view()
        value.flags.writeable = False
    return value


def same(a: Any, b: Any) -> bool:
    """Whether a constant may stand for the other: identical, or of one type and equal bit for bit as Python shows."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (a == b and str(a) == str(b)) or (a != a and b != b)
    if isinstance(a, (complex, np.ndarray, np.generic)):
        return repr(a) == repr(b) if a.__sizeof__() < 256 else bool(np.array_equal(a, b))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    code = getattr(a, "__code__", None)
    if code is not None:
        return (
            code is getattr(b, "__code__", None)
            and a.__globals__ is b.__globals__
            and same(a.__defaults__, b.__defaults__)
            and _same_cells(a.__closure__, b.__closure__)
        )
    try:
        return bool(a == b)
    except Exception:  # a comparison of the user's that fails says that the two are not known to be the same
        return False


def _same_cells(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    try:
        return len(a) == len(b) and all(same(x.cell_contents, y.cell_contents) for x, y in zip(a, b, strict=True))
    except (ValueError, RecursionError):  # an empty cell; functions that close over each other
        return False


def call_method(value: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """`value.name(*args, **kwargs)` as a function, so that it can be an expression."""
    return getattr(value, name)(*args, **kwargs)


def with_items(value: list[Any], *items: Any) -> list[Any]:
    """A list with more items, leaving the list as it is."""
    return [*value, *items]


def item_of(value: list[Any], index: int) -> Any:
    """An item of a list that is known to have it."""
    return value[index]


def make_tuple(*items: Any) -> tuple[Any, ...]:
    """A tuple of its arguments."""
    return items


def make_list(*items: Any) -> list[Any]:
    """A list of its arguments."""
    return list(items)


def owners(exprs: Iterable[Any], method: str) -> list[Any]:
    """The objects whose method of a name expressions call."""
    found = []
    for expr in exprs:
        if isinstance(expr, Apply):
            owner = getattr(expr.function, "__self__", None)
            if owner is not None and getattr(expr.function, "__name__", "") == method:
                found.append(owner)
            found += owners(expr.args, method)
    return found


def objects_in(exprs: Iterable[Any]) -> list[Path]:
    """The paths of the objects that expressions read as they are."""
    found: dict[Path, None] = {}
    for expr in exprs:
        if isinstance(expr, Gathered):
            found.update(dict.fromkeys(objects_in((expr.expr,))))
        elif isinstance(expr, Object):
            found[expr.path] = None
        elif isinstance(expr, Apply):
            found.update(dict.fromkeys(objects_in((*expr.args, *(value for _, value in expr.kwargs)))))
    return list(found)
