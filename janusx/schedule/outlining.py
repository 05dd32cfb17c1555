"""A function of which the host walks with a part: that part as a function of its own."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from janusx import emitted, errors, sources, transforms
from janusx.schedule.functions import is_data, is_library
from janusx.state import symbols
from janusx.state.structure import is_structure
from janusx.tracing.rewriter import is_leaf_name


def outlined(
    trace: Any, fn: types.FunctionType, given: dict[str, Any]
) -> tuple[types.FunctionType, types.FunctionType] | None:
    """What is left of a function, and what walks; None where the host can walk with all of it.

    Args:
        trace: the one under way.
        fn: the function.
        given: what its parameters and free variables hold.
    """
    real = fn
    if emitted.is_emitted(fn.__code__):
        code = emitted.origin(fn.__code__)
        if code is None:
            return None
        cells = tuple(types.CellType() for _ in code.co_freevars)
        real = types.FunctionType(code, trace.real_globals(fn.__globals__), fn.__name__, fn.__defaults__, cells)
        real.__qualname__ = code.co_qualname
    try:
        source = sources.find_source(real)
    except errors.JanusXError:
        return None
    options: dict[str, Any] = {
        "host": {name for name, value in given.items() if is_structure(value) or symbols.is_sym(value)},
        "free": real.__code__.co_freevars,
        "first_line": source.first_line,
        "is_leaf": lambda name: is_leaf_name(real, name) or is_library(real, name),
        "is_data": lambda name: is_data(real, name),
    }
    try:
        transforms.skeleton(source.text, **options)
        return None
    except transforms.NotASkeleton:
        done = transforms.outline(source.text, **options)
    if done is None:
        return None
    made = [
        emitted.make_piece(dataclasses.replace(source, text=text + "\n", kind="def"), real)
        for text in (done.text, done.inner)
    ]
    return made[0], made[1]
