"""What code does with an array that is padded: by the true length, under a mask, or on all rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from janusx.guards.staged import DOUBLE
from janusx.signals import Respecialise
from janusx.state import symbols
from janusx.state.buckets import LENGTH, REDUCTIONS, Bucketed
from janusx.tracing import context
from janusx.tracing.trace import WRAPPED, Trace
from janusx.tracing.where import Where

ELEMENTWISE = frozenset(
    """abs absolute add arccos arcsin arctan arctan2 ceil clip cos cosh divide equal exp exp2 expm1 floor floor_divide
    greater greater_equal isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and logical_not
    logical_or logical_xor maximum minimum mod multiply negative not_equal power reciprocal round sign sin sinh sqrt
    square subtract tan tanh true_divide where zeros_like ones_like celu elu gelu hard_tanh leaky_relu log_sigmoid relu
    relu6 selu sigmoid silu soft_sign softplus swish""".split()
)
"""Functions of `jax.numpy` and `jax.nn` that compute each element of their arrays by itself."""

LAST_AXIS = frozenset("softmax log_softmax logsumexp standardize".split())
"""Functions of `jax.nn` on one axis, by default the last (`logsumexp`: all, so it must be given)."""


def is_length(value: Any) -> bool:
    """Whether a number follows from the length of an array that is padded."""
    if not symbols.is_sym(value):
        return False
    pending = [value._jx_expr]
    while pending:
        expr = pending.pop()
        if isinstance(expr, symbols.Input) and expr.path.steps and expr.path.steps[-1] is LENGTH:
            return True
        if isinstance(expr, symbols.Apply):
            pending += [*expr.args, *(arg for _, arg in expr.kwargs)]
    return False


def mask(array: Bucketed) -> Any:
    """For each row whether it is one."""
    rows = jnp.arange(array.padded.shape[0]) < symbols.as_array(array.length)
    return rows.reshape(-1, *[1] * (array.ndim - 1))


def holds(array: Bucketed, relation: Callable[[Any, Any], Any], length: Any, bound: Any) -> bool:
    """Whether a length has this relation to a number, under a guard: the host's, or, if need be, the program's."""
    made = symbols.apply(relation, length, bound)
    if not symbols.unknown(made):
        return bool(made)
    context.current().assume_staged(symbols.as_array(made), True, "an array is long enough", array.where, True)
    return True


def rows_of(array: Bucketed) -> Any:
    """The array, its surplus rows such as are in it."""
    if array.where is None:
        return array.padded
    last = jnp.maximum(symbols.as_array(array.length) - 1, 0)
    return array.padded[jnp.minimum(jnp.arange(array.padded.shape[0]), last)]


def elementwise(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of each element by itself."""
    given = [arg for arg in (*args, *kwargs.values()) if type(arg) is Bucketed]
    first = given[0]
    if any(other.ndim != first.ndim for other in given):
        first.end("it meets an array of another rank")
    for other in given[1:]:
        _same_length(first, other)
    rows = min(array.padded.shape[0] for array in given)

    def own(arg: Any) -> Any:
        if type(arg) is Bucketed:
            return rows_of(arg)[:rows]
        if getattr(arg, "ndim", 0) > first.ndim or (getattr(arg, "ndim", 0) == first.ndim and arg.shape[0] != 1):
            first.end("it meets an array that has as many axes, and a first axis of its own")
        return symbols.as_array(arg)

    made = function(*map(own, args), **{name: own(arg) for name, arg in kwargs.items()})
    return first.like(made)


def _same_length(one: Bucketed, other: Bucketed) -> None:
    """Both are of one length, which is guarded where it is not plain."""
    if one.length is not other.length and not holds(one, operator.eq, one.length, other.length):
        one.end("it meets an array of another length")


def matmul(function: Callable[..., Any], array: Any, other: Any) -> Any:
    """`array @ other`, of each row by itself."""
    if type(array) is not Bucketed or array.ndim < 2 or type(other) is Bucketed or other.ndim > 2:
        known = array if type(array) is Bucketed else other
        return known.end("it is a factor of a matrix product that sums over its rows")
    return array.like(function(rows_of(array), other))


def reduce(name: str, array: Bucketed, axis: Any = None, **options: Any) -> Any:
    """`array.sum(axis)`, under a mask where it goes over the rows."""
    if options.keys() - {"keepdims"} or not (axis is None or type(axis) is int or type(axis) is tuple):
        array.end(f"{name} is asked for with {', '.join(options) or 'an axis that is no number'}")
    wanted: Any = range(array.ndim) if axis is None else axis if type(axis) is tuple else (axis,)
    axes = [each % array.ndim for each in wanted]
    if 0 not in axes:
        return array.like(getattr(jnp, name)(rows_of(array), axis=axis, **options))
    if name in ("max", "min"):
        if jnp.issubdtype(array.dtype, jnp.bool_):
            array.end("an extreme of truth values is asked for")
        if not holds(array, operator.gt, array.length, 0):
            array.end("an extreme of no rows is asked for")
        options["initial"] = _least(array.dtype) if name == "max" else _greatest(array.dtype)
    return getattr(jnp, name)(rows_of(array), axis=axis, where=mask(array), **options)


def _least(dtype: Any) -> Any:
    limits: Any = jnp.iinfo
    return -jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else limits(dtype).min


def _greatest(dtype: Any) -> Any:
    limits: Any = jnp.iinfo
    return jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else limits(dtype).max


def item(array: Bucketed, index: Any) -> Any:
    """`array[index]`."""
    first, *rest = index if type(index) is tuple else (index,)
    if type(first) is slice:
        part = _sliced(array, first)
        if not rest:
            return part
        whole = (slice(None), *(symbols.as_array(each) for each in rest))
        return part.like(part.padded[whole]) if type(part) is Bucketed else part[whole]
    if first is None or first is Ellipsis or any(type(each) is Bucketed for each in (first, *rest)):
        array.end("it is indexed by something else than numbers and slices")
    row = _row(array, first)
    return row[tuple(rest)] if rest else row


def _row(array: Bucketed, index: Any) -> Any:
    size = symbols.as_array(array.length)
    if type(index) is int:
        if not holds(array, operator.gt, array.length, index if index >= 0 else -index - 1):
            array.end("an index is out of range")
        place = index if index >= 0 else size + index
        return jax.lax.dynamic_index_in_dim(array.padded, place, keepdims=False)
    place = jnp.asarray(symbols.as_array(index))
    if place.ndim or not jnp.issubdtype(place.dtype, jnp.integer):
        array.end("it is indexed by an array")
    place = jnp.clip(jnp.where(place < 0, place + size, place), 0, size - 1)  # as JAX reads out of range
    return jax.lax.dynamic_index_in_dim(array.padded, place, keepdims=False)


def _sliced(array: Bucketed, index: slice) -> Any:
    start, stop = index.start or 0, index.stop
    if index.step not in (None, 1) or type(start) is not int or start < 0 or not (stop is None or type(stop) is int):
        array.end("it is cut by more than a number of rows at its start or its end")
    if stop is not None and stop >= 0:
        if not holds(array, operator.ge, array.length, stop):
            array.end("it is shorter than the part that is cut out of it")
        return array.padded[start:stop]
    length = array.length if stop is None else symbols.apply(operator.add, array.length, stop)
    if start or stop:
        length = symbols.apply(operator.sub, length, start)
        if array.where is None:
            length = symbols.apply(max, length, 0)
        elif not holds(array, operator.ge, length, 0):
            array.end("it is shorter than what is cut off")
    return Bucketed(array.padded[start:], length, where=array.where)


def through(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A library's function of arrays some of which are padded."""
    padded = [each for each in (*args, *kwargs.values()) if type(each) is Bucketed]
    name, module = getattr(fn, "__name__", ""), getattr(fn, "__module__", "") or ""
    if module.partition(".")[0] == "jax":
        if name in ELEMENTWISE:
            return elementwise(fn, *args, **kwargs)
        if name in ("matmul", "dot") and len(args) == 2 and not kwargs and getattr(args[1], "ndim", 3) <= 2:
            return matmul(fn, *args)
        if name in REDUCTIONS or name in ("amax", "amin"):
            return reduce(name.removeprefix("a") if name in ("amax", "amin") else name, *args, **kwargs)
        if name in LAST_AXIS and len(args) == 1 and args[0].ndim > 1 and kwargs.get("axis") == -1:
            return args[0].like(fn(rows_of(args[0]), **kwargs))
        if name == "append" and len(args) == 2 and (kwargs.get("axis") == 0 or (not kwargs and args[0].ndim == 1)):
            new = jnp.asarray(symbols.as_array(args[1]))
            return grow(args[0], new if "axis" in kwargs else new.reshape(-1))
    return padded[0].end(f"it is given whole to {name or fn}")


def reversed_rows(array: Bucketed) -> Any:
    """The rows from the last one on."""
    places = symbols.as_array(array.length) - 1 - jnp.arange(array.padded.shape[0])
    return array.like(array.padded[jnp.maximum(places, 0)])


# Arrays that grow in a loop ------------------------------------------------------------------------------------------

ROOM = 16


def growing(trace: Trace, value: Any, site: Where) -> Bucketed:
    """What stands for an array that gets more rows in each trip: room for as many as the profile suggests.

    That the room is enough is a staged guard, and a violation makes a program with four times as much.
    """
    if not trace.rewriter.wrap_leaves:
        trace.rewriter.wrap_leaves = True  # `jnp.concatenate` must be seen
        raise Respecialise(WRAPPED, True)
    key = ("an array in " + site.key[0], site.key[1])
    seen = 0 if trace.settings.profile is None else trace.settings.profile.most_trips(site.key)
    length = value.shape[0]
    room = trace.settings.capacities.get(key, max(ROOM, 1 << (length + seen).bit_length()))
    padded = jnp.concatenate([value, jnp.zeros((max(room - length, 0), *value.shape[1:]), value.dtype)])
    return Bucketed(padded, symbols.device_scalar(jnp.int32(length), int), where=replace(site, key=key))


def concatenate(fn: Any, items: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`jnp.concatenate([array, rows])`."""
    first, *rest = items
    if args not in ((), (0,)) or kwargs.keys() - {"axis"} or kwargs.get("axis", 0) != 0 or type(first) is not Bucketed:
        known: Bucketed = next(each for each in items if type(each) is Bucketed)
        return known.end(f"it is given to {fn.__name__} as something else than the first of what is put together")
    for each in rest:
        first = grow(first, each)
    return first


def grow(array: Bucketed, rows: Any) -> Any:
    """The array with some rows more."""
    fits = getattr(rows, "shape", ())[1:] == array.padded.shape[1:] and getattr(rows, "dtype", None) == array.dtype
    if array.where is None or type(rows) is Bucketed or not fits or rows.ndim != array.ndim:
        return array.end("it is put together with an array of another kind")
    room, length = array.padded.shape[0], symbols.as_array(array.length)
    enough = length + rows.shape[0] <= room
    what = f"an array has at most {room} rows"
    context.current().assume_staged(enough, True, what, array.where, capacity=room, growth=DOUBLE * DOUBLE)
    if rows.shape[0] > room:
        return array
    padded = jax.lax.dynamic_update_slice_in_dim(array.padded, rows, length, 0)
    return Bucketed(padded, symbols.device_scalar(length + rows.shape[0], int), where=array.where)
