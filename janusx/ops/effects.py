"""Effects that only happen outside (`print`, `logging`): held with their values and let go at commit, in order."""

from __future__ import annotations

from typing import Any

from janusx.signals import Unsupported
from janusx.state import policy, symbols
from janusx.state.opaque import Opaque
from janusx.tracing import context
from janusx.tracing.trace import Effect


def hold(function: Any, *args: Any, **kwargs: Any) -> None:
    """Have `function(*args, **kwargs)` called at commit, with the values that the arguments have now."""
    frozen = tuple(map(freeze, args))
    context.current().effects.append(Effect(function, frozen, {name: freeze(arg) for name, arg in kwargs.items()}))


def freeze(value: Any) -> Any:
    """A copy of a value that later changes do not reach."""
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
