"""Effects that only happen outside (`print`, `logging`): held with their values and let go at commit, in order."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Sequence
from typing import Any

from janusx import emitted
from janusx.ops.strings import Rebuild, shows_place, spelled
from janusx.signals import Unsupported
from janusx.state import kinds, policy, symbols
from janusx.state.opaque import Opaque
from janusx.tracing import context
from janusx.tracing.effects import Effect, Row, Trips
from janusx.tracing.skeleton import read_whole, unflatten
from janusx.tracing.staging import Region


def hold(function: Any, /, *args: Any, **kwargs: Any) -> None:
    """Have `function(*args, **kwargs)` called at commit, with the values that the arguments have now."""
    frozen = tuple(map(freeze, args))
    named = {name: freeze(arg) for name, arg in kwargs.items()}
    caller = None if function is print else user_caller()
    context.current().say(Effect(function, frozen, named, caller=caller))


def of_trips(region: Region, stacked: Sequence[Any], count: Any) -> Trips:
    """The effects of a rolled loop.

    Args:
        region: its traced body.
        stacked: the leaves of the body's effects, of all trips.
        count: how many of the rows are trips that happened.
    """
    rows: list[Row] = []
    effects = []
    for effect, piece in region.effects:
        if isinstance(effect, Trips):  # its arrays are read as they were inside; the rest are numbers and bits
            inner = [row.raw for row in effect.rows]
            whole = inner + [False] * (piece.stop - piece.start - len(inner))
        else:
            whole = read_whole(piece.skeleton)
        own = list(map(Row, whole))
        rows += own
        effects.append(effect.with_values(unflatten(piece.skeleton, iter(own))))
    return Trips(tuple(effects), tuple(rows), tuple(stacked), count)


def _call(function: Any, args: Any, kwargs: Any) -> Any:
    return function(*args, **kwargs)


def user_caller() -> types.FunctionType | None:
    """A function that calls another from the line at which the user's own code does."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None and not emitted.is_emitted(frame.f_code):
        frame = frame.f_back
    if frame is None:
        return None
    line, own = frame.f_lineno, frame
    while own.f_back is not None and emitted.origin(own.f_code) is None:  # a branch or a body: part of a function
        own = own.f_back
    code = own.f_code if emitted.is_emitted(own.f_code) else frame.f_code
    name = code.co_name
    # Every instruction of the call gets the user's line: an empty line table says "the first line" throughout.
    tree = ast.parse(inspect.getsource(_call))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
    module = compile(tree, frame.f_code.co_filename, "exec")
    made = next(const for const in module.co_consts if isinstance(const, types.CodeType))
    scope = context.current().real_globals(frame.f_globals)
    return types.FunctionType(made.replace(co_name=name, co_qualname=code.co_qualname), scope)


def freeze(value: Any) -> Any:
    """A copy of a value that later changes do not reach."""
    for name in ("stdout", "stderr"):
        if value is getattr(sys, name):
            # Which stream that is, is asked at each call: somebody may have redirected it.
            return symbols.Sym(symbols.Apply(getattr, (symbols.Constant(sys), symbols.Constant(name))), value)
    if symbols.is_sym(value) or symbols.is_array(value) or type(value) is Opaque:
        return value
    if type(value) in (list, tuple):
        return type(value)(map(freeze, value))
    if type(value) is dict:
        return {key: freeze(item) for key, item in value.items()}
    category = policy.category(value)
    if category in ("constant", "scalar", "array") or isinstance(value, BaseException):
        return value
    if isinstance(category, kinds.Kind) and category not in (kinds.FUNCTION, kinds.METHOD, kinds.PARTIAL, kinds.CELL):
        return _copy(value, category)
    raise Unsupported(f"a {type(value).__name__} is printed or logged, which may change before it is shown")


def _copy(value: Any, kind: kinds.Kind) -> Any:
    """A copy of an object: what it shows is what it holds now."""
    late = spelled(value)
    if late is not value or shows_place(type(value)):
        return late
    fields = kind.fields(value)
    return Rebuild(kind, type(value), tuple(step for step, _ in fields))(*(freeze(item) for _, item in fields))
