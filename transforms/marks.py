"""Marks of statements, and the user's lines, as lines of the text that is written of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from janusx.transforms.lines import lines_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def placed(text: str, made: ast.FunctionDef, first_line: int) -> tuple[tuple[int, ...], dict[str, frozenset[int]]]:
    """For each line of the text the file line, and by mark the lines of its statements.

    Args:
        text: what `ast.unparse` made of the function.
        made: the function; its statements may have the attribute `mark`.
        first_line: file line of the line 1 of the function.
    """
    marks: dict[str, set[int]] = {}
    lines = [first_line] * len(lines_of(text))
    again = ast.parse(text).body[0]
    for mine, written in zip(_statements(made), _statements(again), strict=True):
        line = getattr(mine, "lineno", 1) + first_line - 1
        for row in range(written.lineno, (written.end_lineno or written.lineno) + 1):
            lines[row - 1] = line
        mark = getattr(mine, "mark", None)
        if mark is not None:
            marks.setdefault(mark, set()).add(written.lineno)
    return tuple(lines), {mark: frozenset(rows) for mark, rows in marks.items()}


def _statements(node: ast.AST) -> Iterable[ast.stmt]:
    """The statements of a function, outer before inner, in the order of the source."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, _FUNCTIONS):
            yield from _statements(child)
