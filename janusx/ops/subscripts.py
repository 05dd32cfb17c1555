"""Subscripts whose index may be a host value that the program computes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from janusx.state import symbols
from janusx.state.buckets import Bucketed
from janusx.state.buffers import Buffer
from janusx.tracing import context
from janusx.tracing.effects import evaluate
from janusx.tracing.skeleton import arr

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
    if type(value) in (list, tuple) and value and symbols.is_sym(index) and index._jx_value is symbols.UNKNOWN:
        picked = _picked(value, index) if issubclass(index._jx_kind, int) else None
        if picked is not None:
            return picked
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


_PLAIN = (bool, int, float, complex, str, bytes)


def _picked(items: Sequence[Any], index: Any) -> Any | None:
    """The item at an index that the program computes, if what it is does not depend on the index; else None."""
    trace = context.current()
    if not any(map(symbols.is_array, items)):
        found = {item.__class__ for item in items}
        if len(found) != 1 or not found <= set(_PLAIN) or any(map(symbols.unknown, items)):
            return None
        kind = found.pop()
        known = not symbols.has_sym(tuple(items))
        number = known and (kind in (bool, float) or (kind is int and all(abs(item) < 2**31 for item in items)))
        array = jnp.asarray(items)[_within(items, index)] if number else None
        expr = symbols.Apply(operator.getitem, (symbols.expr_of(tuple(items)), symbols.expr_of(index)))
        made = symbols.Sym(expr, symbols.UNKNOWN, kind, array)
        evaluate(trace, made)  # out of range is for Python to say
        return made
    if not all(map(symbols.is_array, items)) or len({arr(item) for item in items}) != 1:
        return None
    if not trace.settings.speculate or not jnp.issubdtype(items[0].dtype, jnp.number):
        return None
    place = symbols.as_array(index)
    inside = jnp.logical_and(place >= -len(items), place < len(items))
    trace.assume_staged(inside, True, f"the index is one of {len(items)} items", only=True)
    row = jnp.stack(items)[_within(items, index)]
    return symbols.weakened(row) if arr(items[0]).weak else row


def _within(items: Sequence[Any], index: Any) -> Any:
    place = jnp.asarray(symbols.as_array(index))
    return jnp.clip(jnp.where(place < 0, place + len(items), place), 0, len(items) - 1)


def _index(value: Any, index: Any) -> Any:
    if not symbols.has_sym(index) or symbols.is_sym(value) or type(value) in (Buffer, Bucketed):
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
