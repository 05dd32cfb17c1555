"""f-strings with array values: put together at commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from janusx.state import symbols

_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def fstring(*parts: Any) -> Any:
    """An f-string: literal pieces, and `(value, conversion, spec)` for each replacement field."""
    values = [part for part in parts if type(part) is tuple]
    if not any(symbols.has_sym(value) or any(map(symbols.is_array, value)) for value in values):
        return _join(*parts)
    args: list[Any] = []
    for part in parts:
        args.extend(part if type(part) is tuple else (part,))
    marks = tuple(type(part) is tuple for part in parts)
    return symbols.apply(join_marked, marks, *args)


def percent(template: Any, values: Any) -> Any:
    """`template % values` with a string on the left."""
    parts = values if type(values) is tuple else (values,)
    if any(symbols.is_sym(part) or symbols.is_array(part) for part in parts):
        return symbols.apply(format_percent, template, values)
    return template % values


def format_percent(template: str, values: Any) -> str:
    """`%` of a string as a function, so that it can be an expression."""
    return template % values  # type: ignore[no-any-return]


format_percent.gives_text = True  # type: ignore[attr-defined]


def join_marked(marks: tuple[bool, ...], *args: Any) -> str:
    """Join the pieces of an f-string; `marks` says which are replacement fields (three arguments each)."""
    rest = iter(args)
    return _join(*((next(rest), next(rest), next(rest)) if mark else next(rest) for mark in marks))


join_marked.gives_text = True  # type: ignore[attr-defined]  # whatever its arguments are


def _join(*parts: Any) -> str:
    text = ""
    for part in parts:
        if type(part) is tuple:
            value, conversion, spec = part
            part = format(_CONVERSIONS[conversion](value) if conversion else value, spec or "")
        text += part
    return text
