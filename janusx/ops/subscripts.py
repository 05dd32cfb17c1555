"""Subscripts whose index may be a host value that the program computes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from janusx.state import symbols
from janusx.tracing import context

_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "@=": operator.imatmul,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}


def item(value: Any, index: Any) -> Any:
    """`value[index]`."""
    return value[_index(value, index)]


def set_item(new: Any, value: Any, index: Any) -> None:
    """`value[index] = new`; the arguments are in the order in which Python evaluates them."""
    value[_index(value, index)] = new


def update_item(value: Any, index: Any, sign: str, operand: Callable[[], Any]) -> None:
    """`value[index] += operand()`, for any augmented assignment."""
    index = _index(value, index)
    if symbols.is_sym(value) and isinstance(value, np.ndarray):
        context.current().arrays.update(value, index, _IN_PLACE[sign], operand)
        return
    old = value[index]
    value[index] = _IN_PLACE[sign](old, operand())


def _index(value: Any, index: Any) -> Any:
    if not symbols.has_sym(index) or symbols.is_sym(value):
        return index
    if symbols.is_array(value) or type(value).__module__.startswith("jax"):
        return _for_array(index)
    return _spelled(index)


def _for_array(index: Any) -> Any:
    if type(index) is tuple:
        return tuple(map(_for_array, index))
    if type(index) is slice:
        return slice(*map(_spelled, (index.start, index.stop, index.step)))
    if symbols.is_sym(index) and index._jx_value is not symbols.UNKNOWN and isinstance(index, bool | str):
        return symbols.pin(index)
    return symbols.as_array(index)


def _spelled(index: Any) -> Any:
    """The index as the value that it has now: what Python's own containers need."""
    if type(index) is tuple:
        return tuple(map(_spelled, index))
    if type(index) is slice:
        return slice(*map(_spelled, (index.start, index.stop, index.step)))
    return symbols.pin(index)
