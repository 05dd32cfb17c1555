"""Reads of variables that are perhaps not bound."""

from __future__ import annotations

import types
from typing import Any

from janusx.signals import Unsupported
from janusx.state import symbols
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
    if deep and _holds_changing_bool(value):
        raise Unsupported("a pattern asks for True or False inside of a value in which that changes")
    return value


def _holds_changing_bool(value: Any) -> bool:
    left, seen = [value], set()
    while left:
        value = left.pop()
        if symbols.is_sym(value):
            if value.__class__ is bool or isinstance(value, list | dict | tuple):
                return True
        elif id(value) not in seen:
            seen.add(id(value))
            left += _parts(value)
    return False


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    members = [member for cls in type(value).__mro__ for member in vars(cls).values()]
    slots = [member for member in members if isinstance(member, types.MemberDescriptorType)]
    fields = vars(value) if hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType) else {}
    return [*fields.values(), *(slot.__get__(value) for slot in slots if hasattr(value, slot.__name__))]
