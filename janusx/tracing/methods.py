"""Methods of the user's classes while a trace lasts: they run converted, whoever calls them (a library, an operator).

Without this, a dunder method or a method that a library calls would run as plain Python on tracers, and on the user's
real globals.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from janusx import emitted, leaves
from janusx.tracing import context

NATIVE = frozenset(
    """__new__ __init_subclass__ __class_getitem__ __getattribute__ __del__ __repr__ __hash__ __reduce__ __reduce_ex__
    __getstate__ __setstate__ __copy__ __deepcopy__ __instancecheck__ __subclasscheck__ __set_name__ __prepare__
    __sizeof__ __dir__""".split()
)
"""Methods that Python or JanusX itself calls at odd times; they stay as they are."""


def through(trace: Any, name: str, member: Any) -> Any:
    """What stands for a class's member while `trace` lasts: the same kind of member over converted functions."""
    if name in NATIVE:
        return member
    if isinstance(member, types.FunctionType):
        return _through(trace, member)
    if isinstance(member, staticmethod | classmethod):
        inner = _through(trace, member.__func__)
        return member if inner is member.__func__ else type(member)(inner)
    if type(member) is property:
        fget, fset, fdel = (_through(trace, part) for part in (member.fget, member.fset, member.fdel))
        return property(fget, fset, fdel, member.__doc__)
    return member


def _through(trace: Any, fn: Any) -> Any:
    if not isinstance(fn, types.FunctionType) or leaves.is_leaf(fn) or emitted.is_emitted(fn.__code__):
        return fn
    if fn.__code__.co_filename == "<string>" or hasattr(fn, "__wrapped__"):
        return fn

    @functools.wraps(fn)
    def method(*args: Any, **kwargs: Any) -> Any:
        active = context.active()
        if active is None or active is not trace:  # another thread's call meanwhile
            return fn(*args, **kwargs)
        return trace.call(fn)(*args, **kwargs)

    method.__dict__["__janusx_original__"] = fn
    return method


def original(fn: Any) -> Any:
    """The user's function that a stand-in of `through` stands for; anything else as it is."""
    found: Callable[..., Any] = (
        getattr(fn, "__dict__", {}).get("__janusx_original__", fn) if isinstance(fn, types.FunctionType) else fn
    )
    return found
