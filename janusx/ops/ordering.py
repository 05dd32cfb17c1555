"""`sorted`, `list.sort`, `max` and `min` by arrays: one sort of the program where arrays can change places there.

Objects cannot. Which of them comes where is taken for granted: the order as a whole, not each comparison of Python's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx.ops.conditionals import if_exp
from janusx.ops.decided import index_of, order_of
from janusx.signals import Unsupported
from janusx.state import symbols
from janusx.tracing import context

_MISSING = object()


def extreme(function: Callable[..., Any], right: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """`max` and `min`: Python's left fold, each step a conditional expression.

    Args:
        function: the builtin.
        right: the comparison of an item with the best so far, after which the item is the best.
    """

    def run(*args: Any, key: Any = None, default: Any = _MISSING) -> Any:
        one = len(args) == 1
        if one and symbols.is_sym(args[0]) and key is None:
            return symbols.apply(function, *args, **({} if default is _MISSING else {"default": default}))
        items = list(args[0]) if one else list(args)
        if not items and one and default is not _MISSING:
            return default
        by = items if key is None else list(map(_converted(key), items))
        if not items or not (one or default is _MISSING) or not any(map(_is_computed, by)):
            if key is not None:
                return function(items, key=_known(by))
            return _of_host(function, items) if one else _of_host(function, *items)
        if key is None and not any(map(symbols.is_array, items)):
            return _of_host(function, items) if one else _of_host(function, *items)
        if key is None:
            return functools.reduce(lambda best, item: if_exp(right(item, best), lambda: item, lambda: best), items)
        if _alike(items) is not None and all(map(symbols.is_array, by)):
            pairs = zip(by, items, strict=True)
            return functools.reduce(
                lambda best, pair: if_exp(right(pair[0], best[0]), lambda: pair, lambda: best), pairs
            )[1]
        return items[index_of(_place(by, right), len(items), f"`{function.__name__}` finds the same item")]

    return run


def _place(by: list[Any], right: Callable[[Any, Any], Any]) -> Any:
    """The number of the item that a left fold ends with."""
    values = _stacked(by)
    best, place = values[0], jnp.asarray(0)
    for i in range(1, len(by)):
        better = right(values[i], best)
        best, place = jnp.where(better, values[i], best), jnp.where(better, i, place)
    return place


def sorted_(items: Any, /, *, key: Any = None, reverse: Any = False) -> Any:
    """`sorted`."""
    if key is None and symbols.is_sym(items):
        return symbols.apply(sorted, items, reverse=reverse)
    return _in_order(list(items), key, reverse)


def sort(items: list[Any], /, *, key: Any = None, reverse: Any = False) -> None:
    """`list.sort`. As in Python, a key function that looks at the list finds it empty."""
    held = list(items)
    items.clear()
    try:
        held = _in_order(held, key, reverse)
    finally:
        changed = bool(items)
        items[:] = held
    if changed:
        raise ValueError("list modified during sort")


def _in_order(items: list[Any], key: Any, reverse: Any) -> list[Any]:
    by = items if key is None else list(map(_converted(key), items))
    backwards = bool(reverse)
    if len(items) < 2 or not any(map(_is_computed, by)):
        if key is None and symbols.has_sym(items):
            return symbols.apply(sorted, items, reverse=backwards)  # type: ignore[no-any-return]
        return sorted(items, key=_known(by), reverse=backwards)
    if key is None and not any(map(symbols.is_array, items)):
        return _of_numbers(items, backwards)
    order, weak = _order(_stacked(by), backwards), _alike(items)
    if weak is None:
        return [items[i] for i in order_of(order, "what is sorted has the same order")]
    return [symbols.weakened(row) if weak else row for row in jnp.stack(items)[order]]


def _of_host(function: Callable[..., Any], *args: Any) -> Any:
    return symbols.apply(function, *args) if symbols.has_sym(args) else function(*args)


def _of_numbers(items: list[Any], backwards: bool) -> list[Any]:
    """The items of a list of Python numbers that Python sorts after the run. The program knows them, too, if it may."""
    kinds, whole = {each.__class__ for each in items}, symbols.apply(sorted, items, reverse=backwards)
    if len(kinds) != 1:
        return whole  # type: ignore[no-any-return]
    kind = kinds.pop()
    known: list[Any] = [None] * len(items)
    if all(map(_is_exact, items)) and context.current().settings.speculate:
        values = _stacked(items)
        known = [*values[_order(values, backwards)]]
    exprs = [symbols.Apply(symbols.item_of, (whole._jx_expr, symbols.Constant(i))) for i in range(len(items))]
    return [symbols.Sym(expr, symbols.UNKNOWN, kind, array) for expr, array in zip(exprs, known, strict=True)]


def _order(values: Any, backwards: bool) -> Any:
    if jnp.issubdtype(values.dtype, jnp.inexact):
        context.current().assume_staged(~jnp.isnan(values).any(), True, "nothing that is sorted is NaN", only=True)
    # Backwards, those that are equal keep their order, too.
    order = jnp.argsort(values[::-1] if backwards else values, stable=True)
    return (len(values) - 1 - order)[::-1] if backwards else order


def _is_computed(value: Any) -> bool:
    """Whether a value is known only after the run."""
    return symbols.is_array(value) or (symbols.is_sym(value) and value._jx_value is symbols.UNKNOWN)


def _stacked(by: list[Any]) -> Any:
    """The keys as one array, in which they compare as in Python."""
    arrays = [symbols.as_array(each) if _is_exact(each) else each for each in by]
    kinds = {(each.shape, each.dtype) for each in arrays if symbols.is_array(each)}
    if len(kinds) != 1 or not all(map(symbols.is_array, arrays)) or arrays[0].size != 1:
        raise Unsupported("what is compared to find an order are not scalar arrays of one type")
    return jnp.stack(arrays).reshape(-1)


def _is_exact(value: Any) -> bool:
    """Whether it is Python's number for an array's value: the program's own is in the same place."""
    return symbols.is_sym(value) and value._jx_array is not None


def _alike(items: list[Any]) -> bool | None:
    """Whether arrays of one type are weakly typed; None if the items are not arrays of one type."""
    if not all(map(symbols.is_array, items)):
        return None
    kinds = {(x.shape, x.dtype, x.weak_type) for x in map(jnp.asarray, items)}
    return kinds.pop()[2] if len(kinds) == 1 else None


def _converted(key: Callable[..., Any]) -> Callable[..., Any]:
    return context.current().call(key)  # type: ignore[no-any-return]


def _known(by: list[Any]) -> Callable[[Any], Any]:
    """A key function that gives what is known of the items, in order: each is asked for once."""
    left = iter(by)
    return lambda item: next(left)


def largest(count: Any, items: Any, key: Any = None) -> list[Any]:
    """`heapq.nlargest`, which is told to be `sorted(items, key=key, reverse=True)[:count]`."""
    return _in_order(list(items), key, True)[: max(count, 0)]


def smallest(count: Any, items: Any, key: Any = None) -> list[Any]:
    """`heapq.nsmallest`, likewise."""
    return _in_order(list(items), key, False)[: max(count, 0)]
