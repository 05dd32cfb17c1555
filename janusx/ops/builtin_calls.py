"""Builtins on arrays and on symbolic host values."""

from __future__ import annotations

import collections
import dataclasses
import functools
import logging
import operator
import types
import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx import emitted, leaves
from janusx.ops import iterables
from janusx.ops.effects import hold, stream_method
from janusx.ops.strings import text
from janusx.signals import Unsupported
from janusx.state import symbols
from janusx.state.opaque import Opaque
from janusx.tracing import classes, context
from janusx.tracing.effects import evaluate
from janusx.tracing.heap import Heap


def _scalar(kind: type) -> Callable[..., Any]:
    def convert(*args: Any) -> Any:
        if len(args) == 1 and symbols.is_array(args[0]):
            if args[0].size != 1:
                return kind(args[0])  # raises, as it does outside of a trace
            array = args[0].reshape(())
            # Python converts the array itself, at commit; what the program goes on with is of the kind asked for.
            given = array.astype(jnp.result_type(kind))
            made = symbols.Sym(symbols.Device(array, kind), symbols.UNKNOWN, kind, given)
            if kind is int and jnp.issubdtype(array.dtype, jnp.inexact):
                evaluate(context.current(), made)  # there is no integer for NaN
            return made
        return symbols.apply(kind, *args) if any(map(symbols.is_sym, args)) else kind(*args)

    return convert


def _len(value: Any) -> Any:
    if symbols.is_sym(value) and not hasattr(value, "shape"):
        return symbols.length(value)
    return len(value)


def _isinstance(value: Any, kinds: Any) -> bool:
    context.current().check_number(value)
    return isinstance(value, kinds)


def _type(*args: Any) -> Any:
    if len(args) != 1:
        classes.refuse()
    context.current().check_number(args[0])
    stands_in = len(args) == 1 and (symbols.is_sym(args[0]) or type(args[0]) is Opaque)
    return args[0].__class__ if stands_in else type(*args)


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if symbols.has_sym(args):
            if any(map(symbols.is_array, args)):
                return function(*(symbols.as_array(arg) for arg in args), **kwargs)
            return symbols.apply(function, *args, **kwargs)
        return function(*args, **kwargs)

    return run


_MISSING = object()


def _extreme(function: Callable[..., Any], right: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """`max` and `min`: Python's left fold, each step a conditional expression."""
    plain = _pure(function)

    def run(*args: Any, key: Any = None, default: Any = _MISSING) -> Any:
        from janusx.ops.conditionals import if_exp

        one = len(args) == 1
        if one and symbols.is_sym(args[0]) and key is None:
            return plain(*args, **({} if default is _MISSING else {"default": default}))
        items = list(args[0]) if one else list(args)
        if not items and one and default is not _MISSING:
            return default
        by = items if key is None else list(map(_converted(key), items))
        if not items or not (one or default is _MISSING) or not any(map(symbols.is_array, by)):
            if key is not None:
                return function(items, key=_known(by))
            return plain(items) if one else plain(*items)
        if key is None:
            return functools.reduce(lambda best, item: if_exp(right(item, best), lambda: item, lambda: best), items)
        pairs = zip(by, items, strict=True)
        return functools.reduce(lambda best, pair: if_exp(right(pair[0], best[0]), lambda: pair, lambda: best), pairs)[
            1
        ]

    return run


def _converted(key: Callable[..., Any]) -> Callable[..., Any]:
    from janusx.ops.calls import call

    return call(key)


def _known(by: list[Any]) -> Callable[[Any], Any]:
    """A key function that gives what is known of the items, in order: each is asked for once."""
    left = iter(by)
    return lambda item: next(left)


def _sorted(items: Any, /, *, key: Any = None, reverse: bool = False) -> Any:
    """`sorted`: by arrays, one sort of the program, if the items can change places there."""
    if symbols.is_sym(items) and key is None:
        return symbols.apply(sorted, items, reverse=reverse)
    items = list(items)
    by = items if key is None else list(map(_converted(key), items))
    if not any(map(symbols.is_array, by)):
        if key is None and symbols.has_sym(items):
            return symbols.apply(sorted, items, reverse=reverse)
        return sorted(items, key=_known(by), reverse=reverse)
    kinds = {(x.shape, x.dtype, x.weak_type) for x in map(jnp.asarray, items)} if _all_arrays(items) else set()
    if len(kinds) != 1 or not _all_arrays(by) or len({(x.shape, x.dtype) for x in by}) != 1 or by[0].size != 1:
        raise Unsupported("objects change places as arrays say")
    values = jnp.stack(by).reshape(-1)
    if jnp.issubdtype(values.dtype, jnp.inexact):
        context.current().assume_staged(~jnp.isnan(values).any(), True, "nothing that is sorted is NaN", only=True)
    # Backwards, those that are equal keep their order, too.
    order = jnp.argsort(values[::-1] if reverse else values, stable=True)
    order = (len(by) - 1 - order)[::-1] if reverse else order
    weak = kinds.pop()[2]
    return [symbols.weakened(row) if weak else row for row in jnp.stack(items)[order]]


def _all_arrays(values: list[Any]) -> bool:
    return all(map(symbols.is_array, values))


def _fold(function: Callable[..., bool]) -> Callable[..., Any]:
    """`any` and `all`: Python's own until an array decides, then one boolean of the program.

    What an iterator does after the first array is done only if that does not end it: it may do nothing but compute.
    """

    def run(items: Any) -> Any:
        from janusx.ops.conditionals import staged_predicate, truth_value

        stop = function is any
        trace = context.current()
        iterator = iter(items)
        found: Any = None
        for item in iterator:
            own = staged_predicate(item)
            if own is not None:
                found = own
                break
            if truth_value(item) is stop:
                return stop
        else:
            return not stop
        heap = Heap(trace, [*getattr(getattr(items, "gi_frame", None), "f_locals", {}).values()])
        with trace.frames.scope() as checks, trace.effect_scope() as effects:
            for item in iterator:
                own = staged_predicate(item)
                if own is not None:
                    found = (jnp.logical_or if stop else jnp.logical_and)(found, own)
                elif truth_value(item) is stop:
                    found = stop  # the arrays before it cannot change that
                    break
        if checks or effects or heap.writes():
            raise Unsupported(f"`{function.__name__}` stops where an array says, and what it goes through does things")
        return found if found is stop else symbols.device_scalar(found, bool)

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


_HANDLERS: dict[Any, Callable[..., Any]] = {
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
    type: _type,
    setattr: _sets(setattr),
    delattr: _sets(delattr),
    collections.namedtuple: classes.refuse,
    dataclasses.make_dataclass: classes.refuse,
    types.new_class: classes.refuse,
    abs: _pure(abs),
    all: _fold(all),
    any: _fold(any),
    round: _pure(round),
    divmod: _pure(divmod),
    pow: _pure(pow),
    sum: _pure(sum),
    max: _extreme(max, lambda item, best: item > best),
    min: _extreme(min, lambda item, best: item < best),
    sorted: _sorted,
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
    of_stream = stream_method(fn)
    if of_stream is not None:
        return of_stream
    owner = getattr(fn, "__self__", None)
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
