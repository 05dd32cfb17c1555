"""Values and host expressions in a few words, for reports and messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from janusx.state import symbols

_INDEX = re.compile(r"\[(\d+)\]")


def short(value: Any) -> str:
    """A value in a few words."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    text = name if (isinstance(name, str) and callable(value)) or type(value).__name__ == "module" else repr(value)
    text = str(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def show(expr: Any) -> str:
    """A host expression in words."""
    if isinstance(expr, symbols.Input | symbols.Object):
        return str(expr.path)
    if isinstance(expr, symbols.Constant):
        return short(expr.value)
    if isinstance(expr, symbols.Apply):
        name = getattr(expr.function, "__name__", str(expr.function))
        return f"{name}({', '.join(map(show, expr.args))})"
    return "<array>"


def fold(paths: Iterable[str]) -> list[str]:
    """Paths that differ in one index alone as one.

    Example:
        >>> fold(["m.layers[0].w", "m.layers[1].w", "m.layers[2].w", "m.rate"])
        ['m.layers[0..2].w', 'm.rate']
    """
    found: list[str] = []
    for group in _alike(list(dict.fromkeys(paths))):
        folded = _range(group) if len(group) > 1 else None
        found += group if folded is None else [folded]
    return found


def _alike(paths: Sequence[str]) -> Iterable[list[str]]:
    """Groups of paths that differ at most in their last index."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        head, tail = _cut(path)
        groups.setdefault((path,) if head is None else (head, tail), []).append(path)
    return groups.values()


def _cut(path: str) -> tuple[str | None, str]:
    indices = list(_INDEX.finditer(path))
    return (path[: indices[-1].start()], path[indices[-1].end() :]) if indices else (None, path)


def _range(group: Sequence[str]) -> str | None:
    numbers = sorted(int(_INDEX.findall(path)[-1]) for path in group)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    head, tail = _cut(group[0])
    return f"{head}[{numbers[0]}..{numbers[-1]}]{tail}"
