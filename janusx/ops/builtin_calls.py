"""Builtins on arrays and on symbolic host values."""

from __future__ import annotations

import collections
import dataclasses
import functools
import heapq
import itertools
import logging
import operator
import types
import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx import emitted, leaves
from janusx.ops import advancing, buffer_methods, buffers, dispatched, iterables, mathematics, ordering, predicates
from janusx.ops.effects import hold, stream_method
from janusx.ops.strings import text
from janusx.signals import Unsupported
from janusx.state import symbols
from janusx.state.buckets import Bucketed
from janusx.state.buffers import Buffer, check
from janusx.state.opaque import Opaque
from janusx.state.structure import refuse
from janusx.tracing import classes, context, methods
from janusx.tracing.effects import evaluate


def _scalar(kind: type) -> Callable[..., Any]:
    def convert(*args: Any) -> Any:
        if len(args) == 1 and symbols.is_array(args[0]):
            if args[0].size != 1 or (args[0].ndim and kind is not bool):
                return kind(args[0])  # raises, as it does outside of a trace
            array = args[0].reshape(())
            # Python converts the array itself, at commit; what the program goes on with is of the kind asked for.
            exact = kind is not int or not jnp.issubdtype(array.dtype, jnp.inexact)
            given = array.astype(jnp.result_type(kind)) if exact else None
            made = symbols.Sym(symbols.Device(array, kind), symbols.UNKNOWN, kind, given)
            if not exact:
                evaluate(context.current(), made)  # there is no integer for NaN
            return made
        if any(map(symbols.is_sym, args)):
            return symbols.apply(kind, *args)
        own = own_method(args[0], f"__{kind.__name__}__") if len(args) == 1 else None
        if own is None:
            return kind(*args)
        made = context.current().call(own)(args[0])  # which may be known only after the run
        if not isinstance(made, kind):
            raise Unsupported(f"{own.__qualname__} returns no {kind.__name__}")
        return made

    return convert


def own_method(value: Any, name: str) -> types.FunctionType | None:
    """A special method of a user's class; None if a value's class has none, or a library's."""
    found = None if symbols.is_sym(value) else methods.original(getattr(type(value), name, None))
    return found if isinstance(found, types.FunctionType) and not leaves.is_leaf(found) else None


def _len(value: Any) -> Any:
    if type(value) is Buffer:
        return buffers.length(value)
    if type(value) is Bucketed:
        return value.length
    check(value)
    if symbols.is_sym(value) and not hasattr(value, "shape"):
        return symbols.length(value)
    return len(value)


def _isinstance(value: Any, kinds: Any) -> bool:
    context.current().variants.check_number(value)
    refuse(value)
    return isinstance(value.padded if type(value) is Bucketed else value, kinds)


def _id(value: Any) -> Any:
    refuse(value)
    context.current().structures.walk(value)
    raise Unsupported("id(...) is called, which JanusX does not see into")


def _type(*args: Any) -> Any:
    refuse(*args)
    if len(args) != 1:
        classes.refuse()
    context.current().variants.check_number(args[0])
    stands_in = len(args) == 1 and (type(args[0]) is Buffer or symbols.is_sym(args[0]) or type(args[0]) is Opaque)
    return args[0].__class__ if stands_in else type(*args)


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if symbols.has_sym(args):
            if any(map(symbols.is_array, args)):
                return function(*(symbols.as_array(arg) for arg in args), **kwargs)
            return symbols.apply(function, *args, **kwargs)
        return function(*args, **kwargs)

    return run


def _lazily(name: str) -> Callable[..., Any]:
    """An op that is imported when it is called: it imports this module."""

    def run(*args: Any) -> Any:
        from janusx.ops import logical

        return getattr(logical, name)(*args)

    return run


def _sets(function: Callable[..., Any]) -> Callable[..., Any]:
    """`setattr` and `delattr`: what functions carry is followed only where code names it."""

    def run(target: Any, *args: Any) -> Any:
        if isinstance(target, types.FunctionType) and not emitted.is_emitted(target.__code__):
            raise Unsupported(f"{function.__name__} changes the function {target.__qualname__}")
        return function(target, *args)

    return run


def _of_buffer(function: Callable[..., Any], of_others: Callable[..., Any]) -> Callable[..., Any]:
    """A fold of a list whose length only the run knows; of anything else as ever."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and type(args[0]) is Buffer:
            return buffer_methods.FOLDS[function](args[0])
        return of_others(*args, **kwargs)

    return run


_HANDLERS: dict[Any, Callable[..., Any]] = {
    **mathematics.HANDLERS,
    float: _scalar(float),
    int: _scalar(int),
    bool: _scalar(bool),
    complex: _scalar(complex),
    str: text(str),
    repr: text(repr),
    ascii: text(ascii),
    format: text(format),
    len: _len,
    isinstance: _isinstance,
    id: _id,
    type: _type,
    logging.getLogger: lambda *args, **kwargs: logging.getLogger(*map(symbols.pin, args), **kwargs),  # always the same
    setattr: _sets(setattr),
    delattr: _sets(delattr),
    collections.namedtuple: classes.refuse,
    dataclasses.make_dataclass: classes.refuse,
    types.new_class: classes.refuse,
    abs: _pure(abs),
    all: predicates.fold(all),
    any: predicates.fold(any),
    round: _pure(round),
    divmod: _pure(divmod),
    pow: _pure(pow),
    sum: _of_buffer(sum, _pure(sum)),
    max: _of_buffer(max, ordering.extreme(max, lambda item, best: item > best)),
    min: _of_buffer(min, ordering.extreme(min, lambda item, best: item < best)),
    sorted: ordering.sorted_,
    heapq.nlargest: ordering.largest,
    heapq.nsmallest: ordering.smallest,
    filter: predicates.filter_,
    map: predicates.map_,
    functools.reduce: predicates.reduce,
    itertools.accumulate: predicates.accumulate,
    itertools.compress: predicates.compress,
    itertools.dropwhile: predicates.dropwhile,
    itertools.filterfalse: predicates.filterfalse,
    itertools.groupby: predicates.groupby,
    itertools.starmap: predicates.starmap,
    itertools.takewhile: predicates.takewhile,
    operator.not_: _lazily("not_"),
    operator.truth: lambda value: _lazily("not_")(_lazily("not_")(value)),
    operator.contains: _lazily("contains"),
    operator.is_: _lazily("same"),
    operator.is_not: lambda left, right: _lazily("not_")(_lazily("same")(left, right)),
    print: functools.partial(hold, print),
    warnings.warn: functools.partial(hold, warnings.warn),
    enumerate: iterables.enumerate_,
    zip: iterables.zip_,
    range: iterables.range_,
    next: advancing.next_,
    reversed: iterables.reversed_,
}


def handler(fn: Any) -> Callable[..., Any] | None:
    """What runs in place of a builtin, or of an output function."""
    try:
        found = _HANDLERS.get(fn)
    except TypeError:  # not hashable
        return None
    if found is not None:
        return found
    if isinstance(fn, types.FunctionType) and fn.__module__ == logging.__name__ and leaves.is_output(fn):
        return functools.partial(hold, fn)
    if isinstance(fn, types.FunctionType) and (of_type := dispatched.handler(fn)) is not None:
        return of_type
    of_stream = stream_method(fn)
    if of_stream is not None:
        return of_stream
    owner = getattr(fn, "__self__", None)
    if type(owner) is list and isinstance(fn, types.BuiltinMethodType) and fn.__name__ == "sort":
        return functools.partial(ordering.sort, owner)
    if symbols.is_array(owner):
        return _array_method(fn, owner)
    return None


def _array_method(fn: Any, array: Any) -> Callable[..., Any] | None:
    # A tracer's methods are all called "meth": what they are shows by comparison.
    function = getattr(fn, "__func__", None)
    name = next((name for name in ("item", "tolist") if getattr(getattr(array, name), "__func__", fn) is function), "")
    if name:
        return lambda *args: symbols.Sym(
            symbols.Apply(
                symbols.call_method, (symbols.Device(array, None), symbols.Constant(name), *map(symbols.expr_of, args))
            ),
            symbols.UNKNOWN,
            _item_kind(array) if name == "item" or array.ndim == 0 else list,
            array if name == "item" and not args and array.ndim == 0 else None,
        )
    return None


def _item_kind(array: Any) -> type:
    return {"b": bool, "i": int, "u": int, "c": complex}.get(array.dtype.kind, float)
