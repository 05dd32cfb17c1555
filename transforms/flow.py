"""Blocks of a function, and what flows from one to the next: which variables each needs, and which it binds."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from janusx.transforms.bindings import needed, stored, surely_bound

ENDS = ("goto", "branch", "call", "return")


class NotInBlocks(Exception):
    """The function cannot be cut; the text says why, `line` is the file line."""

    def __init__(self, reason: str, line: int):
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that run to their end, as a function.

    Attributes:
        text: one `def`. It returns the values of `stores`, as a tuple; before a branch that and the test; before a call
            that, the function, a tuple of arguments and a dictionary of them; at the end the function's result.
        first_line: the line of the user's file at which `text` begins.
        params: the variables that it needs.
        stores: the variables that it binds and others need.
        end: one of `ENDS`.
        next: the block after it; before a branch that where the test holds, and the other.
        result: the variable that holds what the call before this block returned, or "".
    """

    text: str
    first_line: int
    params: tuple[str, ...]
    stores: tuple[str, ...]
    end: str
    next: tuple[int, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """A function in blocks.

    Attributes:
        blocks: the first is where it begins.
        kept: the variables that a call may not change: those that a block after one needs.
        live: for each block the variables that it, or one after it, needs.
    """

    blocks: tuple[Block, ...]
    kept: tuple[str, ...]
    live: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Open:
    """A block in the making."""

    body: list[ast.stmt] = field(default_factory=list)
    end: str = ""
    values: tuple[ast.expr, ...] = ()
    next: tuple[int, ...] = ()
    result: str = ""


def define(name: str, args: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    """A new `def`."""
    made = ast.FunctionDef(name=name, args=args, body=body, decorator_list=[], returns=None)
    if sys.version_info >= (3, 12):
        made.type_params = []
    return made


_Node = TypeVar("_Node", bound=ast.AST)


def placed(node: _Node, at: ast.AST) -> _Node:
    """A new node, at the place of one of the user's."""
    for each in ast.walk(node):
        if not hasattr(each, "lineno"):
            ast.copy_location(each, at)
    return ast.copy_location(node, at)


class Flow:
    """What flows from block to block."""

    def __init__(self, function: ast.FunctionDef, blocks: Sequence[Open], free: Sequence[str], first_line: int):
        self._function = function
        self._first_line = first_line
        self._free = frozenset(free)
        self._params = frozenset(each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg))
        self._blocks = _reachable(blocks)
        stores = [stored(block.body) | ({block.result} - {""}) for block in self._blocks]
        self._local = self._params | frozenset().union(*stores)
        self._stores = stores
        self._needs = [needed([*block.body, *map(ast.Expr, block.values)]) & self._names for block in self._blocks]
        self._live = self._liveness()
        self._check_bound()

    @property
    def _names(self) -> frozenset[str]:
        return self._local | self._free

    def _liveness(self) -> list[frozenset[str]]:
        """For each block the variables that it, or one after it, needs."""
        live = [need - {block.result} for need, block in zip(self._needs, self._blocks, strict=True)]
        changed = True
        while changed:
            changed = False
            for i, block in enumerate(self._blocks):
                bound = surely_bound(block.body) | {block.result}
                found = (self._needs[i] | frozenset().union(*(live[k] for k in block.next)) - bound) - {block.result}
                changed |= found != live[i]
                live[i] = found
        return live

    def _check_bound(self) -> None:
        """Every variable is bound where it is read: whatever another activation bound is no matter."""
        every = self._names
        before = [every for _ in self._blocks]
        before[0] = self._params | self._free
        pending = [0]
        seen = set[int]()
        while pending:
            i = pending.pop()
            seen.add(i)
            block = self._blocks[i]
            after = surely_bound(block.body, before[i] | ({block.result} - {""})) & every
            for k in block.next:
                joined = before[k] & after
                if joined != before[k] or k not in seen:
                    before[k] = joined
                    pending.append(k)
        for i, block in enumerate(self._blocks):
            missing = sorted(self._needs[i] - before[i] - {block.result})
            if missing:
                raise NotInBlocks(f"{missing[0]} may be unbound where it is read", self._first_line)

    def blocks(self) -> Blocks:
        """The blocks as functions."""
        kept = frozenset().union(*(self._live[block.next[0]] for block in self._blocks if block.end == "call"))
        made = [self._block(i, block) for i, block in enumerate(self._blocks)]
        return Blocks(tuple(made), tuple(sorted(kept & self._local)), tuple(tuple(sorted(each)) for each in self._live))

    def _block(self, i: int, block: Open) -> Block:
        after = frozenset().union(*(self._live[k] for k in block.next))
        stores = tuple(sorted(stored(block.body) & after))
        params = tuple(sorted(self._needs[i] | (frozenset(stores) - surely_bound(block.body))))
        values = ast.Tuple([ast.Name(name, ast.Load()) for name in stores], ast.Load())
        what: ast.expr = block.values[0] if block.end == "return" else ast.Tuple([values, *block.values], ast.Load())
        at = block.values[0] if block.values else block.body[-1] if block.body else self._function
        args = ast.arguments([], [ast.arg(name) for name in params], None, [], [], None, [])
        function = define(f"block_{i}", args, [*block.body, placed(ast.Return(what), at)])
        first_line, text = self._text(ast.fix_missing_locations(ast.copy_location(function, self._function)))
        return Block(text, first_line, params, stores, block.end, block.next, block.result)

    def _text(self, function: ast.FunctionDef) -> tuple[int, str]:
        """A block's text, each statement on a line of its own that is the user's as far as may be; and the first."""
        text = ast.unparse(function)
        wanted = dict[int, int]()
        for mine, written in zip(ast.walk(function), ast.walk(ast.parse(text).body[0]), strict=True):
            if isinstance(written, ast.stmt) and isinstance(mine, ast.stmt) and mine is not function:
                wanted[written.lineno] = mine.lineno + self._first_line - 1
        first_line = max(wanted[2] - 1, 1)
        made: list[str] = []
        for row, line in enumerate(text.splitlines(), 1):
            made += [""] * (wanted.get(row, 0) - first_line - len(made))
            made.append(line)
        return first_line, "\n".join(made)


def _reachable(blocks: Sequence[Open]) -> list[Open]:
    """The blocks that can be reached, without those in which nothing happens, numbered anew."""

    def end_of(i: int) -> int:
        seen = {i}
        while not blocks[i].body and not blocks[i].result and blocks[i].end == "goto" and blocks[i].next[0] not in seen:
            i = blocks[i].next[0]
            seen.add(i)
        return i

    order: list[int] = []
    pending = [0]
    while pending:
        i = pending.pop()
        if i not in order:
            order.append(i)
            pending += [end_of(k) for k in reversed(blocks[i].next)]
    number = {i: n for n, i in enumerate(order)}
    for i in order:
        blocks[i].next = tuple(number[end_of(k)] for k in blocks[i].next)
    return [blocks[i] for i in order]
