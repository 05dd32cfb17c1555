"""Converted functions under somebody else's trace: another converted function's, or `jax.jit`, `grad`, `vmap`."""

from __future__ import annotations

import types
from typing import Any

import jax
from jax.core import Tracer

from janusx import errors, logs
from janusx.compile import Call
from janusx.ops.calls import asked_for
from janusx.ops.calls import call as call_of
from janusx.signals import Unstageable
from janusx.state import diff, symbols
from janusx.state.opaque import Opaque, OpaqueMethod
from janusx.tracing import context
from janusx.tracing.arrays import writes_in
from janusx.tracing.effects import Effect
from janusx.tracing.settings import Settings
from janusx.tracing.trace import Inputs, Trace


def inline(record: Any, call: Call) -> Any:
    """Called by a library inside a trace of ours: part of that trace."""
    return asked_for(call.fun)(*call.args, **call.kwargs)


def under_transform(call: Call) -> bool:
    """Whether an argument is traced by somebody else, or everything is."""
    return _holds_tracer((call.args, call.kwargs)) or isinstance(jax.numpy.zeros(()) + 0, Tracer)


def is_eager(call: Call) -> bool:
    """Whether Python can decide on what is traced, as under an eager `jax.grad`, whose tracers have values."""
    told = jax.numpy.zeros((), bool)
    for leaf in jax.tree.leaves((call.args, call.kwargs)):
        if isinstance(leaf, Tracer) and not jax.numpy.issubdtype(leaf.dtype, jax.dtypes.extended):
            told = told | (leaf == leaf).any()  # of the leaf's own trace
    try:
        bool(told)
    except jax.errors.JAXTypeError:
        return False
    return True


def _holds_tracer(value: Any) -> bool:
    """Whether there is a tracer in a pytree, or in what JAX takes for none: cycles, dictionaries of unsortable keys."""
    left, seen = [value], set()
    while left:
        value = left.pop()
        if isinstance(value, Tracer):
            return True
        if type(value) in _ATOMS or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
        else:
            left += _parts(value)
    return False


_ATOMS = frozenset({bool, bytes, complex, float, int, str, type(None), types.FunctionType})


def _parts(value: Any) -> list[Any]:
    parts = jax.tree.leaves(value, is_leaf=lambda part: part is not value)
    return [] if len(parts) == 1 and parts[0] is value else parts


def trace_through(record: Any, call: Call) -> Any:
    """Run the converted function as part of the outer trace: everything staged, nothing speculated on."""
    settings = Settings(False, loop_grad=record.options.get("loop_grad"), relaxed=record.knowledge.relaxed)
    record.rewriter.wrap_leaves = True
    record.rewriter.assumed = {}
    trace = Trace(Inputs((), {}), settings, record.rewriter, call_of)
    trace.around.append("outer")
    try:
        with context.entered(trace):
            args, kwargs = [], {}
            for path, value, key in call.roots():
                shadow = trace.shadow.add_static(path, value) if key in call.static else trace.add_root(path, value)
                if isinstance(key, int):
                    args.append(shadow)
                else:
                    kwargs[key] = shadow
            result = asked_for(call.fun)(*args, **kwargs)
            found = list(diff.changes(trace.shadow))
            result = real_of(trace, result)
    finally:
        trace.unpatch()
    place = errors.Place.of_function(call.fun)
    if found:
        change = found[0]
        step = next(iter(change.changed), None)
        path = change.node.path / step if step is not None else change.node.path
        raise errors.OuterTransformWriteError(f"{path} is changed under a transform of JAX's.", place=place)
    for target, _ in (growth for effect in trace.effects for growth in effect.appended):
        raise errors.OuterTransformWriteError(
            f"{target._jx_expr.path} is appended to under a transform of JAX's.", place=place
        )
    for write in (each for effect in trace.effects for each in writes_in(effect)):
        where = trace.arrays.place(write.args[0])
        raise errors.OuterTransformWriteError(f"{where} is written to under a transform of JAX's.", place=place)
    _say(trace, record)
    record.calls += 1
    record.compiled += 1
    record.last_call = "compiled"
    return result


def _say(trace: Trace, record: Any) -> None:
    """Output happens while the outer trace is made, as in plain JAX; what a staged branch decides has no such time."""
    lost = False
    for effect in trace.effects:
        try:
            if not isinstance(effect, Effect) or effect.when is not None:
                raise Unstageable("a staged branch or loop decides whether it happens")
            args = [_shown(trace, arg) for arg in effect.args]
            named = {name: _shown(trace, arg) for name, arg in effect.kwargs.items()}
        except Unstageable:  # also a text that is made of array values
            lost = True
            continue
        (effect.function.real if type(effect.function) is OpaqueMethod else effect.function)(*args, **named)
    if lost:
        name = getattr(record.fun, "__qualname__", record.fun)
        what = f"{name} prints, logs or warns what only the run knows, under a transform of JAX's: nothing is shown."
        logs.warn(errors.EagerWarning(what, why="the transform returns arrays alone"))


def _shown(trace: Trace, value: Any) -> Any:
    """What stands for a value in an output."""
    if type(value) is Opaque:
        return value._jx_real
    if symbols.is_sym(value) and value._jx_value is not symbols.UNKNOWN:
        return value._jx_value
    return real_of(trace, value)


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
