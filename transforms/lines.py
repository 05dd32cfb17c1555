"""Keeps original line numbers through the passes: until it is printed, each statement has a mark in a comment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TypeVar

import libcst as cst

TAG = "\ue000"
"""Starts a mark. A source that has this private-use character is left as it is (`pipeline`)."""

_MARK = re.compile(rf"#?{TAG}(\d+) (\d+) (\d+) (\d) (\w*) (\w*)$")
_PRINTED = re.compile(rf"\s*#?{TAG}(\d+) (\d+) [^\n]*$")
_Statement = TypeVar("_Statement", bound=cst.CSTNode)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a statement remembers.

    Attributes:
        line: file line of its first line.
        end: file line of the last line of a simple statement, or of a compound statement's header.
        site: its site id, 0 for none.
        native: it stays native Python.
        stem: the names of its region functions start so: `if_1`.
        flag: of a loop: the variable that says it was left by `break`.
    """

    line: int
    end: int
    site: int = 0
    native: bool = False
    stem: str = ""
    flag: str = ""


def mark_of(statement: cst.CSTNode) -> Mark:
    """The mark of a statement or suite.

    Raises:
        LookupError: it has none.
    """
    comment = _trailing(statement).comment
    found = _MARK.search(comment.value) if comment else None
    if found is None:
        raise LookupError("a statement without a mark")
    line, end, site, native, stem, flag = found.groups()
    return Mark(int(line), int(end), int(site), native == "1", stem, flag)


def put(statement: _Statement, mark: Mark) -> _Statement:
    """The statement with this mark, keeping the user's own comment."""
    trailing = _trailing(statement)
    own = trailing.comment.value.partition(TAG)[0] if trailing.comment else "#"
    text = f"{TAG}{mark.line} {mark.end} {mark.site} {int(mark.native)} {mark.stem} {mark.flag}"
    space = cst.SimpleWhitespace("  ") if trailing.comment is None else trailing.whitespace
    return _with_trailing(statement, trailing.with_changes(whitespace=space, comment=cst.Comment(own + text)))


def update(statement: _Statement, **changes: object) -> _Statement:
    """The statement with its mark changed."""
    return put(statement, replace(mark_of(statement), **changes))  # type: ignore[arg-type]


def at(statement: _Statement, mark: Mark) -> _Statement:
    """A made statement put on the line of a user's statement, as a plain line without a site."""
    return put(statement, Mark(mark.line, mark.end))


def read_back(code: str, first_line: int) -> tuple[str, tuple[int, ...]]:
    """Printed code without its marks, and the file line of each of its lines.

    Lines without a mark belong to the statement that ends below them: its earlier lines, or its comments.
    """
    out: list[str] = []
    lines: list[int] = []
    block: list[str] = []  # what has no mark yet
    for text in lines_of(code):
        found = _PRINTED.search(text)
        if found is None:
            block.append(text)
            continue
        start, end = int(found[1]), int(found[2])
        block.append(text[: found.start()])
        leading = next((i for i, t in enumerate(block) if t.strip() and not t.lstrip().startswith("#")), 0)
        # Spaces alone may go where the user's layout left them, but not from within a string.
        out += [t if t.strip() else "" for t in block[:leading]] + block[leading:]
        lines += [start] * leading + [min(start + i, end) for i in range(len(block) - leading)]
        block = []
    while block and not block[-1].strip():
        block.pop()
    out += [t if t.strip() else "" for t in block]
    lines += [lines[-1] if lines else first_line] * len(block)
    return "\n".join(out) + "\n", tuple(lines)


def lines_of(text: str) -> list[str]:
    r"""The lines of a source as Python counts them: `str.splitlines` would also split at form feeds, and in strings.

    Example:
        >>> lines_of("a = '\f'\nb = 1\n")
        ["a = '\x0c'", 'b = 1']
    """
    lines = re.split("\r\n?|\n", text)
    return lines if lines[-1] else lines[:-1]


def _trailing(statement: cst.CSTNode) -> cst.TrailingWhitespace:
    if isinstance(statement, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
        return statement.trailing_whitespace
    if isinstance(statement, cst.IndentedBlock):
        return statement.header
    if isinstance(statement, cst.Match):
        return statement.whitespace_after_colon
    body = getattr(statement, "body", None)
    if isinstance(body, (cst.IndentedBlock, cst.SimpleStatementSuite)):
        return _trailing(body)
    raise LookupError(f"{type(statement).__name__} cannot carry a mark")


def _with_trailing(statement: _Statement, trailing: cst.TrailingWhitespace) -> _Statement:
    changes: dict[str, cst.CSTNode]
    if isinstance(statement, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
        changes = {"trailing_whitespace": trailing}
    elif isinstance(statement, cst.IndentedBlock):
        changes = {"header": trailing}
    elif isinstance(statement, cst.Match):
        changes = {"whitespace_after_colon": trailing}
    else:
        body: cst.BaseSuite = statement.body  # type: ignore[attr-defined]
        changes = {"body": _with_trailing(body, trailing)}
    changed: _Statement = statement.with_changes(**changes)
    return changed
