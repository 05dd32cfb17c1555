"""Converted functions under somebody else's trace: another converted function's, or `jax.jit`, `grad`, `vmap`."""

from __future__ import annotations

from typing import Any

import jax
from jax.core import Tracer

from janusx import errors
from janusx.compile import Call
from janusx.ops.calls import call as call_of
from janusx.state import diff
from janusx.tracing import context
from janusx.tracing.settings import Settings
from janusx.tracing.trace import Inputs, Trace


def inline(record: Any, call: Call) -> Any:
    """Called by a library inside a trace of ours: part of that trace."""
    return call_of(call.fun)(*call.args, **call.kwargs)


def under_transform(call: Call) -> bool:
    """Whether an argument is traced by somebody else, or everything is."""
    leaves = jax.tree.leaves((call.args, call.kwargs))
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return True
    return isinstance(jax.numpy.zeros(()) + 0, Tracer)


def trace_through(record: Any, call: Call) -> Any:
    """Run the converted function as part of the outer trace: everything staged, nothing speculated on."""
    settings = Settings(speculate=False, relaxed=record.knowledge.relaxed)
    record.rewriter.wrap_leaves = True
    record.rewriter.assumed = {}
    trace = Trace(Inputs((), {}), settings, record.rewriter, call_of)
    try:
        with context.entered(trace):
            args, kwargs = [], {}
            for path, value, key in call.roots():
                shadow = trace.shadow.add_static(path, value) if key in call.static else trace.add_root(path, value)
                if isinstance(key, int):
                    args.append(shadow)
                else:
                    kwargs[key] = shadow
            result = call_of(call.fun)(*args, **kwargs)
            found = list(diff.changes(trace.shadow))
            result = real_of(trace, result)
    finally:
        trace.unpatch()
    if found:
        change = found[0]
        step = next(iter(change.changed), None)
        path = change.node.path / step if step is not None else change.node.path
        raise errors.OuterTransformWriteError(f"{path} is changed under a transform of JAX's.")
    record.calls += 1
    record.compiled += 1
    record.last_call = "compiled"
    return result


def real_of(trace: Trace, value: Any) -> Any:
    """The user's objects in place of their shadows, and arrays in place of symbolic host values."""
    from janusx.ops.calls import materialise

    node = trace.shadow.by_shadow.get(id(value))
    if node is not None:
        return node.real
    if type(value) in (list, tuple):
        return type(value)(real_of(trace, item) for item in value)
    if type(value) is dict:
        return {key: real_of(trace, item) for key, item in value.items()}
    return materialise(value)
