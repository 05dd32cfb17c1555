"""Values and host expressions in a few words, for reports and messages."""

from __future__ import annotations

from typing import Any

from janusx.state import symbols


def short(value: Any) -> str:
    """A value in a few words."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    text = name if isinstance(name, str) and callable(value) or type(value).__name__ == "module" else repr(value)
    text = str(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def show(expr: Any) -> str:
    """A host expression in words."""
    if isinstance(expr, symbols.Input):
        return str(expr.path)
    if isinstance(expr, symbols.Constant):
        return short(expr.value)
    if isinstance(expr, symbols.Apply):
        name = getattr(expr.function, "__name__", str(expr.function))
        return f"{name}({', '.join(map(show, expr.args))})"
    return "<array>"
