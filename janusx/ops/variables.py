"""Reads of variables that are perhaps not bound."""

from __future__ import annotations

from typing import Any

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


def subject(value: Any) -> Any:
    """What `match` looks into: Python does that itself, so a symbolic value is taken as the value that it has now."""
    return symbols.pin(value)
