"""What a list whose length only the run knows does besides growing and shrinking at its ends: a new order, a part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from janusx.guards.staged import DOUBLE
from janusx.ops.buffers import leaves_of, remove_at
from janusx.state import symbols
from janusx.state.buffers import Buffer
from janusx.tracing import context
from janusx.tracing.skeleton import Arr, Py, specs, unflatten


def _present(buffer: Buffer) -> Any:
    """For each place whether there is an item."""
    return jnp.arange(buffer.room) < buffer.length


def _across(mask: Any, array: Any) -> Any:
    return mask.reshape(-1, *[1] * (array.ndim - 1))


def _reordered(buffer: Buffer, places: Any) -> None:
    buffer.arrays = [array[places] for array in buffer.arrays]


def _scalars(buffer: Buffer) -> Any:
    """The items, where they are numbers."""
    single = isinstance(buffer.item, Arr | Py) and not specs(buffer.item)[0].shape
    if not single or jnp.issubdtype(buffer.arrays[0].dtype, jnp.complexfloating):
        buffer.refuse()
    return buffer.arrays[0]


def _assume(buffer: Buffer, holds: Any, what: str) -> None:
    """Take for granted what Python raises without, or does in an order of its own."""
    where = replace(buffer.where, key=(f"that {what} in " + buffer.where.key[0], buffer.where.key[1]))
    context.current().assume_staged(holds, True, what, where, True)


def insert(buffer: Buffer, index: Any, item: Any) -> None:
    """`list.insert`: an index out of range is the nearest one."""
    new, trace = leaves_of(buffer, item), context.current()
    fits, what = buffer.length < buffer.room, f"a list has at most {buffer.room} items"
    trace.assume_staged(fits, True, what, buffer.where, capacity=buffer.room, growth=DOUBLE * DOUBLE)
    place = jnp.asarray(symbols.as_array(index))
    place = jnp.clip(jnp.where(place < 0, place + buffer.length, place), 0, buffer.length)
    at = jnp.arange(buffer.room)
    moved = []
    for array, one in zip(buffer.arrays, new, strict=True):
        after = jnp.where(_across(at > place, array), jnp.roll(array, 1, 0), array)
        moved.append(jnp.where(_across(at == place, array), one.astype(array.dtype), after))
    buffer.arrays = moved
    buffer.length = buffer.length + 1


def _equal(buffer: Buffer, item: Any) -> Any:
    new = leaves_of(buffer, item)
    return jnp.logical_and(_scalars(buffer) == new[0], _present(buffer))


def remove(buffer: Buffer, item: Any) -> None:
    """`list.remove`: the first that is equal."""
    equal = _equal(buffer, item)
    _assume(buffer, equal.any(), "an item that is removed is in the list")
    remove_at(buffer, jnp.argmax(equal))


def contains(buffer: Buffer, item: Any) -> Any:
    """`item in buffer`."""
    return symbols.device_scalar(_equal(buffer, item).any(), bool)


def index(buffer: Buffer, item: Any) -> Any:
    """`list.index`."""
    equal = _equal(buffer, item)
    _assume(buffer, equal.any(), "an item that is looked for is in the list")
    return symbols.device_scalar(jnp.argmax(equal).astype(jnp.int32), int)


def count(buffer: Buffer, item: Any) -> Any:
    """`list.count`."""
    return symbols.device_scalar(_equal(buffer, item).sum(dtype=jnp.int32), int)


def sort(buffer: Buffer, *, key: Any = None, reverse: Any = False) -> None:
    """`list.sort` of numbers: stable. Among NaN Python's order depends on how it goes about it."""
    if key is not None or type(reverse) is not bool:
        buffer.refuse()
    values, present = _scalars(buffer), _present(buffer)
    if jnp.issubdtype(values.dtype, jnp.inexact):
        _assume(buffer, jnp.logical_not(jnp.any(jnp.isnan(values) & present)), "there is no NaN among what is sorted")
    at = jnp.arange(buffer.room)
    if not reverse:
        _reordered(buffer, jnp.lexsort((at, values, ~present)))
        return
    ascending = jnp.lexsort((-at, values, ~present))  # of equal ones the first comes first once it is turned round
    _reordered(buffer, ascending[_turned(buffer)])


def reverse(buffer: Buffer) -> None:
    """`list.reverse`."""
    _reordered(buffer, _turned(buffer))


def _turned(buffer: Buffer) -> Any:
    at = jnp.arange(buffer.room)
    return jnp.where(_present(buffer), buffer.length - 1 - at, at)


def sliced(buffer: Buffer, part: slice) -> Buffer:
    """`buffer[start:stop]`: a new list."""
    bounds = [part.start, part.stop]
    if (
        part.step not in (None, 1)
        or buffer.cls is not list
        or not all(each is None or _is_number(each) for each in bounds)
    ):
        buffer.refuse()

    def place(bound: Any, default: Any) -> Any:
        at = default if bound is None else jnp.asarray(symbols.as_array(bound))
        return jnp.clip(jnp.where(at < 0, at + buffer.length, at), 0, buffer.length).astype(jnp.int32)

    start, stop = place(part.start, jnp.int32(0)), place(part.stop, buffer.length)
    places = jnp.minimum(jnp.arange(buffer.room) + start, buffer.room - 1)
    arrays = [array[places] for array in buffer.arrays]
    return Buffer(jnp.maximum(stop - start, 0), arrays, buffer.item, buffer.where, buffer.cls)


def _is_number(value: Any) -> bool:
    return type(value) is int or (symbols.is_sym(value) and value._jx_kind is int)


def copy(buffer: Buffer) -> Buffer:
    """`list.copy`."""
    return Buffer(buffer.length, buffer.arrays, buffer.item, buffer.where, buffer.cls)


def _folded(name: str) -> Callable[[Buffer], Any]:
    def fold(buffer: Buffer) -> Any:
        values = _scalars(buffer)
        if jnp.issubdtype(values.dtype, jnp.bool_):
            buffer.refuse()
        # Of no items the sum is a Python number, and an extreme is an error.
        _assume(buffer, buffer.length > 0, f"there is something to take the {name} of")
        if jnp.issubdtype(values.dtype, jnp.inexact) and name != "sum":
            present = jnp.any(jnp.isnan(values) & _present(buffer))
            _assume(buffer, jnp.logical_not(present), f"there is no NaN to take the {name} of")
        if name == "sum":
            made = jnp.sum(values, where=_present(buffer), dtype=values.dtype)
        else:
            first = jnp.where(_present(buffer), values, values[0])
            made = jnp.max(first) if name == "max" else jnp.min(first)
        if isinstance(buffer.item, Arr) and buffer.item.weak:
            made = symbols.weakened(made)
        return unflatten(buffer.item, iter([made]))

    return fold


FOLDS: dict[Any, Callable[[Buffer], Any]] = {sum: _folded("sum"), max: _folded("max"), min: _folded("min")}
