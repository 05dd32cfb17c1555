"""Builtins on arrays and on symbolic host values."""

from __future__ import annotations

import functools
import logging
import types
import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx import leaves
from janusx.ops import iterables
from janusx.ops.effects import hold, stream_method
from janusx.ops.strings import text
from janusx.state import symbols
from janusx.state.opaque import Opaque
from janusx.tracing import context


def _scalar(kind: type) -> Callable[..., Any]:
    def convert(*args: Any) -> Any:
        if len(args) == 1 and symbols.is_array(args[0]):
            if args[0].size != 1:
                return kind(args[0])  # raises, as it does outside of a trace
            array = args[0].reshape(())
            # Python converts the array itself, at commit; what the program goes on with is of the kind asked for.
            given = array.astype(jnp.result_type(kind))
            return symbols.Sym(symbols.Device(array, kind), symbols.UNKNOWN, kind, given)
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


def _extreme(function: Callable[..., Any], right: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """`max` and `min`: Python's left fold, each step a conditional expression."""
    plain = _pure(function)

    def run(*args: Any, **kwargs: Any) -> Any:
        from janusx.ops.conditionals import if_exp

        items = list(args[0]) if len(args) == 1 and not symbols.is_sym(args[0]) else list(args)
        if kwargs or not items or not any(map(symbols.is_array, items)):
            return plain(*args, **kwargs)
        return functools.reduce(lambda best, item: if_exp(right(item, best), lambda: item, lambda: best), items)

    return run


def _fold(function: Callable[..., bool]) -> Callable[..., Any]:
    """`any` and `all`: Python's own until an array decides, then one boolean of the program."""

    def run(items: Any) -> Any:
        from janusx.ops.conditionals import staged_predicate, truth_value

        stop = function is any
        found: Any = None
        for item in items:
            own = staged_predicate(item)
            if own is None:
                if truth_value(item) is stop:
                    return stop  # the arrays before it cannot change that
                continue
            found = own if found is None else (jnp.logical_or if stop else jnp.logical_and)(found, own)
        return (not stop) if found is None else symbols.device_scalar(found, bool)

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
    abs: _pure(abs),
    all: _fold(all),
    any: _fold(any),
    round: _pure(round),
    divmod: _pure(divmod),
    pow: _pure(pow),
    sum: _pure(sum),
    max: _extreme(max, lambda item, best: item > best),
    min: _extreme(min, lambda item, best: item < best),
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
