"""`next` of an iterator that the user holds: what it gives is data of the host, and it is advanced at commit."""

from __future__ import annotations

import ast
import copy
import itertools
from typing import Any

from janusx.signals import Unsupported
from janusx.state import policy, symbols
from janusx.state.opaque import Opaque, describe, is_one
from janusx.tracing import context
from janusx.tracing.effects import Effect

_COPIED = (
    type(iter(range(0))),
    type(iter(range(1 << 70))),
    type(iter(())),
    type(iter("")),
    type(iter("é")),
    type(iter(b"")),
)
"""Iterators over what does not change: a copy of one goes the same way."""


def next_(iterator: Any, /, *default: Any) -> Any:
    """`next`."""
    if type(iterator) is not Opaque or type(iterator._jx_real) not in (*_COPIED, itertools.count):
        return next(iterator, *default)
    trace = context.current()
    if trace.frames.depth:
        raise Unsupported(f"{describe(iterator)} is advanced in a staged region")
    before = 0
    for effect in trace.effects:
        if isinstance(effect, Effect) and effect.function is next:
            before += is_one(iterator, effect.args[0])
    place = symbols.Object(iterator._jx_node.path), symbols.Constant(before)
    has_more = more(iterator._jx_real, before)
    trace.assume_host(symbols.Apply(more, place), has_more)
    if not has_more:
        if default:
            return default[0]
        raise StopIteration
    value = ahead(iterator._jx_real, before)
    if not policy.is_data(value):
        raise Unsupported(f"{describe(iterator)} gives an object")
    trace.say(Effect(next, (iterator,), {}))
    expr = symbols.Apply(ahead, place)
    return trace.host_input(expr, value) if symbols.is_array(value) else symbols.Sym(expr, value)


def more(iterator: Any, count: int) -> bool:
    """Whether an iterator has an item after so many others. It stays where it is."""
    return any(True for _ in itertools.islice(_copy(iterator), count, None))


def ahead(iterator: Any, count: int) -> Any:
    """The item that an iterator gives after so many others. It stays where it is.

    Example:
        >>> numbers = iter(range(10))
        >>> ahead(numbers, 2), next(numbers)
        (2, 0)
    """
    for item in itertools.islice(_copy(iterator), count, None):
        return item
    raise IndexError("an iterator has come to its end")


def _copy(iterator: Any) -> Any:
    if type(iterator) is not itertools.count:
        return copy.copy(iterator)
    try:
        return itertools.count(*ast.literal_eval(f"({repr(iterator)[6:-1]},)"))
    except (SyntaxError, ValueError):  # it counts in something else than numbers
        raise Unsupported("an iterator counts in objects") from None
