"""Functions that a program makes, in what leaves it: they are about what stands for the user's objects in a trace."""

from __future__ import annotations

import functools
import types
from typing import Any

from janusx import emitted
from janusx.tracing.wrapped import Wrapped

MADE = "__janusx_made__"
"""Marks what a library was given for a function that the program made."""

MOST = 10_000
"""Objects that are looked at: what is larger is data."""


def function_in(value: Any) -> str:
    """The name of a function of the program's that a library's object holds, or is; "" if there is none."""
    pending, seen = [value], dict[int, Any]()
    while pending and len(seen) < MOST:
        held = pending.pop()
        if id(held) in seen or isinstance(held, type | types.ModuleType):
            continue
        seen[id(held)] = held
        if isinstance(held, Wrapped):
            return "what a transform made"
        if isinstance(held, types.FunctionType):
            if emitted.is_emitted(held.__code__) or MADE in held.__dict__:
                return held.__qualname__
            pending += [*emitted.contents_of(held).values(), *(held.__defaults__ or ()), *held.__dict__.values()]
        elif isinstance(held, types.MethodType):
            pending += [held.__func__, held.__self__]
        elif isinstance(held, functools.partial):
            pending += [held.func, *held.args, *held.keywords.values()]
        elif isinstance(held, tuple | list | set | frozenset):
            pending += held
        elif isinstance(held, dict):
            pending += held.values()
        elif hasattr(held, "__dict__"):
            pending += vars(held).values()
    return ""
