"""Effects that only happen outside (`print`, `logging`): held with their values and let go at commit, in order."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from typing import Any

from janusx import emitted
from janusx.signals import Unsupported
from janusx.state import policy, symbols
from janusx.state.opaque import Opaque
from janusx.tracing import context
from janusx.tracing.trace import Effect


def hold(function: Any, *args: Any, **kwargs: Any) -> None:
    """Have `function(*args, **kwargs)` called at commit, with the values that the arguments have now."""
    frozen = tuple(map(freeze, args))
    named = {name: freeze(arg) for name, arg in kwargs.items()}
    context.current().effects.append(
        Effect(function, frozen, named, caller=None if function is print else user_caller())
    )


def _call(function: Any, args: Any, kwargs: Any) -> Any:
    return function(*args, **kwargs)


def user_caller() -> types.FunctionType | None:
    """A function that calls another from the line at which the user's own code does."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None and not emitted.is_emitted(frame.f_code):
        frame = frame.f_back
    if frame is None:
        return None
    name = frame.f_code.co_name
    # Every instruction of the call gets the user's line: an empty line table says "the first line" throughout.
    tree = ast.parse(inspect.getsource(_call))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = frame.f_lineno  # type: ignore[attr-defined]
    module = compile(tree, frame.f_code.co_filename, "exec")
    code = next(const for const in module.co_consts if isinstance(const, types.CodeType))
    scope = context.current().real_globals(frame.f_globals)
    return types.FunctionType(code.replace(co_name=name, co_qualname=name), scope)


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
    raise Unsupported(f"a {type(value).__name__} is printed or logged, which may change before it is shown")
