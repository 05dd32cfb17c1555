"""Reads of variables that are perhaps not bound."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from janusx.ops.decided import decided
from janusx.signals import Unstageable, Unsupported
from janusx.state import symbols
from janusx.state.structure import refuse
from janusx.state.unbound import Maybe, Unbound
from janusx.tracing import context


def unbound(name: str) -> Unbound:
    """The value of a variable before it is bound."""
    return Unbound(name)


def read(value: Any, name: str) -> Any:
    """The value of a variable that is perhaps not bound.

    Raises:
        UnboundLocalError: it is not.
    """
    if isinstance(value, Unbound):
        raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
    if isinstance(value, Maybe):
        context.current().assume_staged(value.bound, True, f"'{name}' is bound", only=True)
        return value.value
    return value


def sure(value: Any) -> Any:
    """The value of a variable that is bound here whatever was decided, though no region knew it."""
    return value.value if isinstance(value, Maybe) else value


def subject(value: Any, deep: bool = False) -> Any:
    """What `match` looks into: Python does that itself, so a symbolic value is taken as the value that it has now.

    Args:
        value: the subject.
        deep: whether a pattern inside of another is `True` or `False`, of which Python asks whether the value is that
            object.
    """
    value = symbols.pin(value)
    for held in _held(value):
        refuse(held)
        if symbols.is_sym(held) and held._jx_kind in (list, dict):
            # Python asks of what type it really is.
            if isinstance(held._jx_expr, symbols.Input):
                context.current().unrelax(held._jx_expr.path)
            raise Unstageable(f"a pattern looks into a large or growing {held._jx_kind.__name__}")
    if deep and type(value) is tuple:
        value = tuple(_known(each) for each in value)  # `match state, done:` has made it
    if deep and _holds_changing_bool(value):
        raise Unsupported("a pattern asks for True or False inside of a value in which that changes")
    return value


def _known(value: Any) -> Any:
    """A bool that Python knows, under a guard; any other value as it is."""
    changes = symbols.is_sym(value) and value.__class__ is bool
    return decided(value, "a pattern finds the same bool") if changes else value


def _holds_changing_bool(value: Any) -> bool:
    return any(
        symbols.is_sym(held) and (held.__class__ is bool or isinstance(held, list | dict | tuple))
        for held in _held(value)
    )


def _held(value: Any) -> Iterator[Any]:
    """A value, and all that is inside of it."""
    left, seen = [value], set[int]()
    while left:
        value = left.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            if not symbols.is_sym(value) and not symbols.is_array(value):
                left += _parts(value)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    members = [member for cls in type(value).__mro__ for member in vars(cls).values()]
    slots = [member for member in members if isinstance(member, types.MemberDescriptorType)]
    fields = vars(value) if hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType) else {}
    return [*fields.values(), *(slot.__get__(value) for slot in slots if hasattr(value, slot.__name__))]
