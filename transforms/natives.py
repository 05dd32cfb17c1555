"""Which functions and constructs stay native Python, and why."""

from __future__ import annotations

from functools import cache, partial

import libcst as cst

from janusx.transforms.blocks import (
    BREAK,
    CONTINUE,
    HARD,
    Block,
    else_of,
    jumps,
    jumps_of,
    map_blocks,
    then_of,
    why_stuck,
    with_body,
    with_else,
)
from janusx.transforms.lines import mark_of, update
from janusx.transforms.unit import Unit
from janusx.transforms.walks import parts

DEEPEST = 20
"""How many functions may nest: Python takes no more than 100 levels of indentation."""

FRAME_READERS = {"locals": 0, "vars": 0, "dir": 0, "exec": 9, "eval": 9}
"""Builtins that read the caller's local variables, and the most arguments with which they do."""


def why_native(function: cst.FunctionDef | cst.Lambda) -> str | None:
    """Why a function stays as it is; None if it need not."""
    if isinstance(function, cst.FunctionDef) and function.asynchronous is not None:
        return "an async function runs in steps that its event loop decides"
    return _reason(function.body)


@cache
def _is_scope(kind: type) -> bool:
    return issubclass(kind, (cst.FunctionDef, cst.Lambda, cst.ClassDef))


def _reason(node: cst.CSTNode) -> str | None:
    kind = type(node)
    if _is_scope(kind):
        return None
    if kind is cst.Yield:
        return "a generator runs in steps that its consumer decides"
    if kind is cst.Await:
        return "an async function runs in steps that its event loop decides"
    if kind is cst.Call and (reader := _frame_reader(node)) is not None:
        return f"{reader}() sees the function's local variables by name"
    for part in parts(node):
        reason = _reason(part)
        if reason is not None:
            return reason
    return None


def _frame_reader(node: cst.CSTNode) -> str | None:
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Name):
        return None
    most = FRAME_READERS.get(node.func.value)
    return node.func.value if most is not None and len(node.args) <= most else None


def reads_frame(node: cst.CSTNode) -> bool:
    """Whether code reads the local variables of the function that it stands in by name."""
    if _is_scope(type(node)):
        return False
    return _frame_reader(node) is not None or any(map(reads_frame, parts(node)))


def mark_natives(body: Block, unit: Unit, *, in_native_loop: bool = False, depth: int = 0) -> list[cst.BaseStatement]:
    """Mark the loops that a jump leaves from within a `try`, `with` or `match`, and what jumps to such a loop."""
    out: list[cst.BaseStatement] = []
    for statement in body:
        if isinstance(statement, (cst.While, cst.For)):
            reason = _why_native_loop(statement, in_native_loop)
            # A jump in the `else` belongs to the loop around this one.
            then = mark_natives(then_of(statement), unit, in_native_loop=reason is not None, depth=depth + 1)
            other = mark_natives(else_of(statement), unit, in_native_loop=in_native_loop, depth=depth + 1)
            loop = with_else(with_body(statement, then), other)
            out.append(loop if reason is None else make_native(loop, unit, reason))
            continue
        inner = depth
        if isinstance(statement, cst.If):
            inner += 1
            why = _why_native_if(statement, in_native_loop, depth)
            statement = statement if why is None else make_native(statement, unit, why)
        changed = map_blocks(statement, partial(mark_natives, unit=unit, in_native_loop=in_native_loop, depth=inner))
        out.append(changed)
    return out


def _why_native_if(statement: cst.If, in_native_loop: bool, depth: int) -> str | None:
    inside = jumps(statement)
    if inside & {HARD + BREAK, HARD + CONTINUE} or (in_native_loop and inside & {BREAK, CONTINUE}):
        return "a jump leaves it for a loop that stays native"
    return "it nests too deep, as the end of a long elif chain does" if depth >= DEEPEST else None


def _why_native_loop(loop: cst.While | cst.For, in_native_loop: bool) -> str | None:
    if in_native_loop and jumps_of(else_of(loop)) & {BREAK, CONTINUE}:
        return "a jump in its else leaves a loop that stays native"
    return why_stuck(loop)


def make_native(statement: cst.BaseStatement, unit: Unit, reason: str) -> cst.BaseStatement:
    """The statement marked native, with a note."""
    construct = type(statement).__name__.lower()
    unit.refuse(mark_of(statement).line, construct, reason)
    return update(statement, native=True)


def native(statement: cst.BaseStatement) -> bool:
    """Whether a statement was marked native."""
    return mark_of(statement).native
