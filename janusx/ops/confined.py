"""Functions of the user's that a library calls: in a trace of its own they may compute, and nothing else.

Where the library simply calls (`jax.tree.map`), the function is as free as any. Where it traces (`lax.scan`), what the
function would take for granted, hold until commit or write has no way out, but for Python values: that is found, and
the ladder goes down.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from janusx import emitted
from janusx.signals import Unsupported
from janusx.state import kinds, policy, symbols
from janusx.state.leaving import MADE
from janusx.tracing import context, methods
from janusx.tracing.arrays import refuse_writes
from janusx.tracing.effects import only_appends
from janusx.tracing.heap import Heap
from janusx.tracing.slots import slotted
from janusx.tracing.staging import closure_of


def is_known(value: Any) -> bool:
    """Whether JAX may know a function: it was there before the call, or is traced a second time in it."""
    trace = context.current()
    value = methods.original(value)
    if isinstance(value, types.FunctionType) and not emitted.is_emitted(value.__code__):
        return True
    if isinstance(value, types.MethodType):  # made anew whenever it is asked for
        return id(value) in trace.shadow.by_shadow
    met: dict[int, Any] = trace.memo.setdefault(_MET, {})
    return id(value) in trace.shadow.by_shadow or met.setdefault(id(value), _Seen(value)).again


class _Seen:
    """A function that a library got in this pass: kept, so that its number stays its own."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.times = 0

    @property
    def again(self) -> bool:
        """Whether it is got once more."""
        self.times += 1
        return self.times > 1


def is_confined(value: Any) -> bool:
    """Whether a library got this function already, and hands it on."""
    return isinstance(value, types.FunctionType) and value.__code__ is _RUN


def confined(fn: Callable[..., Any], remembered: bool = False, real: Any = None) -> Callable[..., Any]:
    """The function as a library gets it: what it does in a trace of the library's own is looked at.

    Args:
        fn: a converted function.
        real: the user's own function, which a library that keeps it may call when the trace is over.
        remembered: whether JAX may know the function that the user gave from an earlier call. Then it depends on what
            JAX remembers whether state that it changes is changed in this one.
    """
    outside = get_opaque_trace_state(convention="janusx")
    trace: Any = context.current()

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        free = get_opaque_trace_state(convention="janusx") == outside
        ours = context.active() is trace
        if not ours:
            return (fn if real is None else real)(*args, **kwargs)
        if free:
            return fn(*args, **kwargs)
        trace.refresh()
        heap = Heap(trace, [fn, *closure_of(fn), *args, *kwargs.values()])
        with trace.frames.scope() as checks, trace.effect_scope() as effects:
            value = fn(*args, **kwargs)
        refuse_writes(effects)
        name = getattr(fn, "__qualname__", "a function")
        if checks:
            what = checks[0].assumption.what
            raise Unsupported(f"{name} takes something for granted within a library's own trace: {what}")
        for effect in effects:
            if any(_computed(effect.values(), heap)):
                raise Unsupported(f"{name} says something within a library's own trace")
            trace.say(effect)
        written = heap.writes()
        if any(leaf for each in written for leaf in _computed(_written(each), heap)):
            raise Unsupported(f"{name} writes an array to an object within a library's own trace")
        if remembered and (effects or written):
            raise Unsupported(_ONCE.format(name))
        return value

    if real is None:
        run.__dict__[MADE] = True
    return run


def real_of(value: Any) -> Any:
    """The user's own function for one of a trace; None if it was made in the call."""
    trace = context.current()
    value = methods.original(value)
    if isinstance(value, types.MethodType):
        function, owner = real_of(value.__func__), real_of(value.__self__)
        return None if function is None or owner is None else types.MethodType(function, owner)
    node = trace.shadow.by_shadow.get(id(value))
    if node is not None:
        return node.real
    return value if isinstance(value, types.FunctionType) and not emitted.is_emitted(value.__code__) else None


_RUN = next(code for code in confined.__code__.co_consts if isinstance(code, types.CodeType) and code.co_name == "run")


_MET = (-1,)
"""Where a pass keeps the functions that libraries got: no region has this number."""

_ONCE = "{} changes state where JAX traces it once, and remembers that in later calls"


def once(fun: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    """A converted function that JAX would trace once; where it changes Python's state, Python says how often."""

    def run(*args: Any, **kwargs: Any) -> Any:
        trace: Any = context.current()
        heap = Heap(trace, [fun, *closure_of(fun), *args, *kwargs.values()])
        with trace.effect_scope() as effects:
            value = inner(*args, **kwargs)
        for effect in effects:
            trace.say(effect)
        written = heap.writes()
        kept = [effect.values() for effect in effects if only_appends(effect)] + [_written(each) for each in written]
        arrays = any(any(_computed(each, heap)) for each in kept)
        changes_once(fun, any(not only_appends(effect) for effect in effects), bool(kept), arrays)
        return value

    return run


def changes_once(fun: Any, said: bool, wrote: bool, arrays: bool) -> None:
    """Refuse a function that says something, or writes Python values, where JAX may know it already.

    One that writes arrays would leak them in plain JAX, and nobody relies on that.
    """
    if (said or (wrote and not arrays)) and is_known(fun):
        raise Unsupported(_ONCE.format(getattr(fun, "__qualname__", "a function")))


def _computed(value: Any, heap: Heap) -> Iterator[bool]:
    """For each array that a value holds, or is made of, whether it is one of the library's own trace."""
    pending, seen = [value], set[int]()
    while pending:
        held = pending.pop()
        if id(held) in seen or held in heap:
            continue
        seen.add(id(held))
        category = policy.category(held)
        if symbols.is_sym(held):
            slotted(symbols.expr_of(held), pending)
        elif isinstance(held, Tracer):
            yield all(held is not each for each in context.current().inputs.leaves)
        elif isinstance(category, kinds.Kind):
            pending += [item for _, item in category.fields(held)]


def _written(written: Any) -> list[Any]:
    return [written.after[step] for step in written.changed if step in written.after]
