"""`functools.singledispatch` and `singledispatchmethod`: the types are known, and what is registered is guarded."""

from __future__ import annotations

import abc
import functools
import types
from collections.abc import Callable
from typing import Any

from jax.core import Tracer

from janusx.guards.codegen import ARRAY_TYPE
from janusx.signals import Unsupported
from janusx.state import symbols
from janusx.state.structure import refuse
from janusx.tracing import context


def _generic(value: Any) -> None:
    """Only its wrappers are of interest."""


GENERIC: Any = functools.singledispatch(_generic)
METHOD: types.CodeType = functools.singledispatchmethod(_generic).__get__(None, object).__code__


def handler(fn: types.FunctionType) -> Callable[..., Any] | None:
    """What runs in place of a generic function, or of a bound generic method."""
    if fn.__code__ is GENERIC.__code__:
        generic: Any = fn
        return lambda *args, **kwargs: _call(generic.dispatch, generic, (), args, kwargs)
    if fn.__code__ is METHOD:
        cells = _closure(fn)
        dispatch = cells["dispatch"] if "dispatch" in cells else cells["self"].dispatcher.dispatch
        return lambda *args, **kwargs: _call(dispatch, fn, (cells["obj"], cells["cls"]), args, kwargs)
    if fn.__code__ is GENERIC.register.__code__:
        raise Unsupported("a function is registered for a type")
    return None


def _call(dispatch: Any, fn: Any, owner: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args:
        return fn(*args, **kwargs)  # raises, as it does outside of a trace
    trace = context.current()
    trace.variants.check_number(args[0])
    registry = _closure(dispatch)["registry"]
    real = next((node.real for node in trace.shadow.objects if node.shadow is registry), registry)
    path = trace.anchor("registry", real)
    if all(path != known for known, _ in trace.shadow.roots):
        trace.add_root(path, real)
    if any(hasattr(cls, "__abstractmethods__") for cls in real):
        # A class may be registered with an abstract one at any time.
        trace.assume_host(symbols.Apply(abc.get_cache_token, ()), abc.get_cache_token())
    _forget_token(trace, dispatch)
    chosen = dispatch(_class_of(args[0]))
    return trace.call(chosen.__get__(*owner) if owner else chosen)(*args, **kwargs)


def _forget_token(trace: Any, dispatch: Any) -> None:
    """Leave the number by which a generic function knows that its cache is stale to that function."""
    cell = (dispatch.__closure__ or ())[dispatch.__code__.co_freevars.index("cache_token")]
    node = next((node for node in trace.shadow.objects if node.shadow is cell or node.real is cell), None)
    if node is not None:
        node.pinned = False


def _class_of(value: Any) -> type:
    """The class that a value has outside of a trace."""
    refuse(value)
    return ARRAY_TYPE if isinstance(value, Tracer) else value.__class__


def _closure(fn: types.FunctionType) -> dict[str, Any]:
    return {name: cell.cell_contents for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)}
