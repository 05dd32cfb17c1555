"""Structures: trees, linked lists, syntax trees that Python walks. They are not copied, and nothing in them is guarded.

What stands for one while a program is traced can be handed on, and what its attributes hold can be. Values in it are
host values. Whoever lets it decide something (what type it is, too) becomes a function that the host runs ahead of the
device (`janusx.schedule`). Code of JanusX that meets any value asks `is_structure` first.
"""

from __future__ import annotations

import operator
from typing import Any

from janusx.signals import Decides
from janusx.state import exprs

STRUCTURE = "it is a structure that Python walks"
"""Why an object is not copied."""


class Structure:
    """Stands for an object that Python walks."""

    __slots__ = ("_jx_expr", "_jx_value")

    def __init__(self, expr: exprs.Expr, value: Any):
        object.__setattr__(self, "_jx_expr", expr)
        object.__setattr__(self, "_jx_value", value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._jx_value, name)
        if callable(value):
            raise Decides(f"a method of a {_name(self)} is called")
        return part(self, exprs.Apply(getattr, (self._jx_expr, exprs.Constant(name))), value)

    def __getitem__(self, key: Any) -> Any:
        if type(key) not in (int, str):
            raise Decides(f"a {_name(self)} is looked into")
        value = self._jx_value[key]
        return part(self, exprs.Apply(operator.getitem, (self._jx_expr, exprs.Constant(key))), value)

    def _decides(self, *args: Any) -> Any:
        raise Decides(f"a {_name(self)} decides what happens")

    __setattr__ = __setitem__ = __delitem__ = __iter__ = __len__ = __bool__ = __contains__ = __call__ = _decides
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _decides
    __add__ = __radd__ = __sub__ = __mul__ = __enter__ = __exit__ = __str__ = __format__ = _decides

    @property  # type: ignore[misc]  # what it is decides, too
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise Decides(f"what a {_name(self)} is decides what happens")

    def __repr__(self) -> str:
        return f"Structure({_name(self)})"


def _name(structure: Structure) -> str:
    return type(structure._jx_value).__name__


def part(of: Structure, expr: exprs.Expr, value: Any) -> Any:
    """What stands for a part of a structure: host values for values, structures for objects."""
    from janusx.state import symbols

    if type(value) in (int, float, complex, bool, str):
        return symbols.Sym(expr, value)
    if value is None:
        raise Decides(f"something that a {_name(of)} may lack decides what happens")
    return Structure(expr, value)


def is_structure(value: Any) -> bool:
    """Whether a value stands for a structure; asking does not let it decide."""
    return type(value) is Structure


def refuse(*values: Any) -> None:
    """What is about to look at these values takes none that stands for a structure."""
    for value in values:
        if type(value) is Structure:
            raise Decides(f"what a {_name(value)} is decides what happens")


def depends(expr: Any, relaxed: Any) -> bool:
    """Whether an expression reads a structure."""
    if isinstance(expr, exprs.Input):
        return bool(relaxed.get(expr.path) == STRUCTURE)
    if isinstance(expr, exprs.Apply):
        return any(depends(each, relaxed) for each in (*expr.args, *(value for _, value in expr.kwargs)))
    return False
