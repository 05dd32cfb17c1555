"""Effects that only happen outside (`print`, `logging`): held with their values and let go at commit, in order."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from janusx import emitted
from janusx.ops.strings import Rebuild, shows_place, spelled
from janusx.signals import Unsupported
from janusx.state import kinds, policy, symbols
from janusx.state.opaque import Opaque
from janusx.tracing import context
from janusx.tracing.effects import Effect, Row, Trips, surroundings
from janusx.tracing.skeleton import unflatten
from janusx.tracing.staging import Region
from janusx.tracing.whole import read_whole


def hold(function: Any, /, *args: Any, **kwargs: Any) -> None:
    """Have `function(*args, **kwargs)` called at commit, with the values that the arguments have now."""
    trace = context.current()
    if surroundings() != trace.surroundings:
        raise Unsupported("it prints, logs or warns while streams or filters are replaced")
    if kwargs.get("exc_info") or getattr(function, "__name__", getattr(function, "name", "")) == "exception":
        raise Unsupported("it logs the exception that is being handled")
    frozen = tuple(map(freeze, args))
    named = {name: freeze(arg) for name, arg in kwargs.items()}
    trace.say(Effect(function, frozen, named, caller=None if function is print else user_caller(_level(args, kwargs))))


def stream_method(fn: Any) -> Callable[..., Any] | None:
    """What runs in place of a method of a standard stream."""
    stream = getattr(fn, "__self__", None)
    if stream is None or (stream is not sys.stdout and stream is not sys.stderr):
        return None
    name = fn.__name__

    def run(*args: Any) -> Any:
        if name not in ("write", "writelines", "flush"):
            raise Unsupported(f"{name}() asks a standard stream, which others may replace")
        context.current().say(Effect(symbols.call_method, (freeze(stream), name, *map(freeze, args)), {}))
        return symbols.apply(len, *args) if name == "write" else None

    return run


def _level(args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    """How many of the user's functions are asked for their place (`warnings.warn(text, category, stacklevel)`)."""
    given = kwargs.get("stacklevel", args[2] if len(args) > 2 else 1)
    return max(given, 1) if type(given) is int else 1


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


def user_caller(level: int = 1) -> Callable[..., Any] | None:
    """What calls a function from the line at which the user's own code does; from its callers' lines, up to `level`."""
    callers = [_caller_at(*place) for place in itertools.islice(_user_frames(), level)]
    if not callers:
        return None
    inner: Callable[..., Any] = callers[0]
    for caller in callers[1:]:
        inner = functools.partial(_through, caller, inner)
    return inner


def _through(caller: Callable[..., Any], inner: Callable[..., Any], *event: Any) -> Any:
    return caller(inner, event, {})


def _user_frames() -> Iterator[tuple[types.CodeType, int, dict[str, Any]]]:
    """The code, the line under way and the globals of each function of the user's that is running, innermost first."""
    frame: types.FrameType | None = sys._getframe()
    line = 0
    while frame is not None:
        if emitted.is_emitted(frame.f_code):
            line = line or frame.f_lineno  # in a branch or a body, which is part of a function
            if emitted.origin(frame.f_code) is not None:
                yield frame.f_code, line, frame.f_globals
                line = 0
        frame = frame.f_back


def _caller_at(code: types.CodeType, line: int, scope: dict[str, Any]) -> types.FunctionType:
    # Every instruction of the call gets the user's line: an empty line table says "the first line" throughout.
    tree = ast.parse(inspect.getsource(_call))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
    module = compile(tree, code.co_filename, "exec")
    made = next(const for const in module.co_consts if isinstance(const, types.CodeType))
    made = made.replace(co_name=code.co_name, co_qualname=code.co_qualname)
    return types.FunctionType(made, context.current().real_globals(scope))


def freeze(value: Any) -> Any:
    """A copy of a value that later changes do not reach."""
    for name in ("stdout", "stderr"):
        if value is getattr(sys, name):
            # Which stream that is, is asked at each call: somebody may have redirected it.
            return symbols.Sym(symbols.Apply(getattr, (symbols.Constant(sys), symbols.Constant(name))), value)
    if symbols.is_sym(value):
        return context.current().arrays.copied(value)
    if symbols.is_array(value) or type(value) is Opaque:
        return value
    if type(value) in (list, tuple):
        return type(value)(map(freeze, value))
    if type(value) is dict:
        return {key: freeze(item) for key, item in value.items()}
    category = policy.category(value)
    if isinstance(value, BaseException):
        return _exception(value)
    if category in ("constant", "scalar", "array"):
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


def _exception(error: BaseException) -> Any:
    """An exception to be shown: a copy without the traceback, which holds the whole trace."""
    shown = [spelled(error), *map(spelled, vars(error).values())]
    if any(symbols.is_sym(part) or symbols.is_array(part) for part in shown):
        raise Unsupported("an exception that holds an array is printed or logged")
    cls = type(error)
    made = cls.__new__(cls, *error.args)
    made.args = error.args
    made.__dict__.update(vars(error))
    return symbols.Sym(symbols.Apply(_itself, (symbols.Constant(made),)), made)


def _itself(value: Any) -> Any:
    return value
