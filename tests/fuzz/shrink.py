"""Making a failing program small: statements, steps and expressions go, as long as it still fails in the same way."""

from __future__ import annotations

import ast
import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.fuzz.programs import Program
from tests.fuzz.run import run

Failure = Callable[[Program], str]
"""Says how a program fails, in a word that is the same for failures of one kind; "" if it does not fail."""

KEPT = re.compile(r"f|box|other|k\d+")
"""What the steps name, and the counters that bound loops: never taken out."""


def kind_of(error: BaseException) -> str:
    """The kind of a failure: what went wrong at which path, whatever the numbers are."""
    lines = [line for line in str(error).splitlines() if re.match(r"  \S", line)]
    path = re.sub(r"\[.*?\]|\d+", "", lines[-1 if len(lines) == 1 else 0].partition(":")[0]) if lines else ""
    return f"{type(error).__name__} {path}".strip()


def failure_of(program: Program) -> str:
    """How a program fails when it is run in both worlds."""
    try:
        run(program)
    except Exception as error:
        return kind_of(error)
    return ""


def shrink(program: Program, failure: Failure, seconds: float = 120.0) -> Program:
    """The smallest program found within a time that fails as the given one does."""
    wanted = failure(program)
    if not wanted:
        return program
    ends = time.monotonic() + seconds

    def fails(candidate: Program) -> bool:
        return failure(candidate) == wanted

    shrunk = True
    while shrunk and time.monotonic() < ends:
        shrunk = False
        for candidates in (_fewer_steps, _fewer_statements, _simpler_expressions):
            program, smaller = _reduced(program, candidates, fails, ends)
            shrunk = shrunk or smaller
    return program


def _reduced(
    program: Program, candidates: Callable[[Program], Iterator[Program]], fails: Callable[[Program], bool], ends: float
) -> tuple[Program, bool]:
    smaller, start = False, 0
    while time.monotonic() < ends:
        for number, candidate in enumerate(candidates(program)):
            if number < start:
                continue
            if time.monotonic() > ends:
                return program, smaller
            if candidate != program and _compiles(candidate) and fails(candidate):
                program, smaller, start = candidate, True, number
                break
        else:
            return program, smaller
    return program, smaller


def _compiles(program: Program) -> bool:
    try:
        compile(program.module, "program", "exec")
    except SyntaxError:
        return False
    return True


def _fewer_steps(program: Program) -> Iterator[Program]:
    for number in range(len(program.steps)):
        yield replace(program, steps=program.steps[:number] + program.steps[number + 1 :])


def _fewer_statements(program: Program) -> Iterator[Program]:
    """Without a statement, or with what a compound one holds in its place; the largest first."""
    tree = ast.parse(program.module)
    places = [(node, name, index) for node in ast.walk(tree) for name, index in _statements(node)]
    for number in range(len(places)):
        changed = copy.deepcopy(tree)
        node, name, index = _at(changed, number)
        body: list[ast.stmt] = getattr(node, name)
        statement = body[index]
        if _is_kept(statement):
            continue
        for inner in ([], *_held(statement)):
            body[index : index + 1] = inner or ([ast.Pass()] if len(body) == 1 and name == "body" else [])
            yield replace(program, module=ast.unparse(changed) + "\n")
            changed = copy.deepcopy(tree)
            node, name, index = _at(changed, number)
            body = getattr(node, name)


def _at(tree: ast.AST, number: int) -> tuple[ast.AST, str, int]:
    places = ((node, name, index) for node in ast.walk(tree) for name, index in _statements(node))
    return next(place for i, place in enumerate(places) if i == number)


def _statements(node: ast.AST) -> Iterator[tuple[str, int]]:
    for name in ("body", "orelse", "finalbody"):
        held = getattr(node, name, None)
        if isinstance(held, list):
            yield from ((name, index) for index in range(len(held)) if not isinstance(held[index], ast.Pass))


def _is_kept(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import | ast.ClassDef):
        return True
    if isinstance(statement, ast.FunctionDef):
        return KEPT.fullmatch(statement.name) is not None
    return _assigns_kept(statement)


def _assigns_kept(statement: ast.AST) -> bool:
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    return KEPT.fullmatch(statement.targets[0].id) is not None


def _held(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        held = getattr(statement, name, None)
        if held and not isinstance(statement, ast.FunctionDef):
            yield held


def _simpler_expressions(program: Program) -> Iterator[Program]:
    """With a part of an expression in its place."""
    tree = ast.parse(program.module)
    count = sum(isinstance(node, ast.expr) for node in ast.walk(tree))  # at least so many
    for number in range(count):
        for part in range(4):
            changed = copy.deepcopy(tree)
            if not _Simplify(number, part).apply(changed):
                break
            yield replace(program, module=ast.unparse(ast.fix_missing_locations(changed)) + "\n")


class _Simplify(ast.NodeTransformer):
    """Puts one part of the expression of a number in its place."""

    def __init__(self, number: int, part: int):
        self.left = number
        self.part = part
        self.done = False

    def apply(self, tree: ast.AST) -> bool:
        self.visit(tree)
        return self.done

    def visit_While(self, node: ast.While) -> Any:
        """A loop's own test keeps the comparison that bounds it; what is beside it may go."""
        if isinstance(node.test, ast.BoolOp):
            self.left -= 1
            if self.left == -1 and self.part == 0:
                node.test, self.done = node.test.values[0], True
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit(self, node: ast.AST) -> Any:
        if _assigns_kept(node):
            return node
        if isinstance(node, ast.While):
            return self.visit_While(node)
        if isinstance(node, ast.expr) and not isinstance(node, ast.FormattedValue):
            self.left -= 1
            if self.left == -1:
                parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
                if isinstance(node, ast.Attribute | ast.Name | ast.JoinedStr) or self.part >= len(parts):
                    return node
                self.done = True
                return parts[self.part]
        return self.generic_visit(node)
