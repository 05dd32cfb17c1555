"""Functions of the user's that a library calls: in a trace of its own they may compute, and nothing else.

Where the library simply calls (`jax.tree.map`), the function is as free as any. Where it traces (`lax.scan`), what the
function would take for granted, hold until commit or write has no way out, but for Python values: that is found, and
the ladder goes down.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from janusx.signals import Unsupported
from janusx.state import kinds, policy, symbols
from janusx.tracing import context
from janusx.tracing.arrays import refuse_writes
from janusx.tracing.heap import Heap
from janusx.tracing.slots import slotted
from janusx.tracing.staging import closure_of


def confined(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a library gets it: what it does in a trace of the library's own is looked at."""
    outside = get_opaque_trace_state(convention="janusx")
    trace: Any = context.current()

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        free = get_opaque_trace_state(convention="janusx") == outside
        ours = context.active() is trace
        if free or not ours:
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
        if any(leaf for each in heap.writes() for leaf in _computed(_written(each), heap)):
            raise Unsupported(f"{name} writes an array to an object within a library's own trace")
        return value

    return run


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
