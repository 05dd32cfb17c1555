"""Which names statements read before they bind them, and which they surely bind (on Python's own syntax trees)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def needed(body: Sequence[ast.stmt], bound: frozenset[str] = frozenset()) -> frozenset[str]:
    r"""The names that statements may read before they bound them, where those of `bound` are bound.

    Example:
        >>> sorted(needed(ast.parse("y = x + 1\nz = y").body))
        ['x']
    """
    return _walk(body, bound)[0]


def surely_bound(body: Sequence[ast.stmt], bound: frozenset[str] = frozenset()) -> frozenset[str]:
    """The names that are bound after statements that were run to their end, whatever way they went."""
    return _walk(body, bound)[1]


def read(node: ast.AST) -> frozenset[str]:
    """The names that an expression, or a statement without others in it, reads of the scope that it is in."""
    return frozenset(_read(node))


def stored(body: Iterable[ast.AST]) -> frozenset[str]:
    r"""The names that statements may bind in the scope that they are in.

    Example:
        >>> sorted(stored(ast.parse("import os.path\nfor i in x: y = [j for j in i]").body))
        ['i', 'os', 'y']
    """
    return frozenset(name for node in body for name in _stored(node))


def _walk(body: Sequence[ast.stmt], bound: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    found: frozenset[str] = frozenset()
    for statement in body:
        before, parts = _parts(statement)
        found |= before - bound
        inside = bound | _first_bound(statement)
        ends = []
        for part in parts:
            reads, after = _walk(part, inside)
            found |= reads
            ends.append(after)
        if isinstance(statement, ast.If) and ends:
            bound = ends[0] & ends[1]
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            bound = ends[0]
        elif not parts:
            bound |= stored([statement])
    return found, bound


def _parts(node: ast.stmt) -> tuple[frozenset[str], list[list[ast.stmt]]]:
    """What a statement reads itself, and the blocks in it."""
    if isinstance(node, _SCOPES):
        return read(node), []
    blocks = [
        getattr(node, name) for name in ("body", "orelse", "finalbody") if isinstance(getattr(node, name, 0), list)
    ]
    inner: list[ast.AST] = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
    for child in list(inner):
        if isinstance(child, (ast.ExceptHandler, ast.match_case)):
            blocks.append(child.body)
            inner.remove(child)
            inner += [part for part in ast.iter_child_nodes(child) if not isinstance(part, ast.stmt)]
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        inner.append(ast.Name(node.target.id, ast.Load()))
    return frozenset(name for child in inner for name in _read(child)), blocks


def _first_bound(node: ast.stmt) -> frozenset[str]:
    """What is bound when the blocks of a statement begin."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return stored([node.target])
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return stored([item.optional_vars for item in node.items if item.optional_vars is not None])
    if isinstance(node, ast.Match):
        return stored([case.pattern for case in node.cases])
    if isinstance(node, ast.Try):
        return frozenset(handler.name for handler in node.handlers if handler.name)
    return frozenset()


def _read(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    inner = {name for child in ast.iter_child_nodes(node) for name in _read(child)}
    if isinstance(node, _COMPREHENSIONS):
        return inner - {name for part in node.generators for name in _stored(part.target)}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        body = node.body if isinstance(node.body, list) else [node.body]
        parameters = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        return inner - parameters - stored(body)
    return inner


def _stored(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Lambda, *_COMPREHENSIONS)):
        return {each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr)}
    found = {name for child in ast.iter_child_nodes(node) for name in _stored(child)}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        found.add(node.name)
    if isinstance(node, ast.MatchMapping) and node.rest:
        found.add(node.rest)
    return found
