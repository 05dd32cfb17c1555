"""Functions of the user's that a library calls: in a trace of its own they may compute, and nothing else.

Where the library simply calls (`jax.tree.map`), the function is as free as any. Where it traces (`lax.scan`), what the
function would take for granted, hold until commit or write has no way out, but for Python values: that is found, and
the ladder goes down.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from janusx.signals import Unsupported
from janusx.tracing import context
from janusx.tracing.arrays import refuse_writes
from janusx.tracing.heap import Heap
from janusx.tracing.skeleton import flatten
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
            found: list[Any] = []
            flatten(effect.values(), heap, found, exact=True)
            if any(isinstance(leaf, Tracer) for leaf in found):
                raise Unsupported(f"{name} says something within a library's own trace")
            trace.say(effect)
        if any(isinstance(leaf, Tracer) for each in heap.writes() for leaf in _written(each)):
            raise Unsupported(f"{name} writes an array to an object within a library's own trace")
        return value

    return run


def _written(written: Any) -> list[Any]:
    return jax.tree.leaves([written.after[step] for step in written.changed if step in written.after])
