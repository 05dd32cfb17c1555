"""Blocks of statements in normal form: how control leaves them, and how to change those of a compound statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import libcst as cst

from janusx.transforms.analysis import uses_of
from janusx.transforms.build import block, statements
from janusx.transforms.lines import Mark, mark_of, put

Block: TypeAlias = Sequence[cst.BaseStatement]
Loop: TypeAlias = cst.While | cst.For
Compound = TypeVar("Compound", bound=cst.CSTNode)

RETURN, BREAK, CONTINUE = "return", "break", "continue"
HARD = "hard "
"""Before a jump's name: it leaves a `try`, `with` or `match` on its way, so no other form can stand for it."""


def small(statement: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """The statement on a line, None for a compound one."""
    return statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None


def then_of(statement: cst.If | Loop) -> list[cst.BaseStatement]:
    """The statements of the first block."""
    return statements(statement.body)


def else_of(statement: cst.If | Loop) -> list[cst.BaseStatement]:
    """The statements of the `else` block."""
    return statements(statement.orelse.body) if isinstance(statement.orelse, cst.Else) else []


def with_body(statement: Compound, body: Block) -> Compound:
    """The statement with another first block; comments of its header stay."""
    suite: cst.IndentedBlock = statement.body  # type: ignore[attr-defined]
    return statement.with_changes(body=suite.with_changes(body=block(body).body))


def with_else(statement: Compound, body: Block, line: int = 0) -> Compound:
    """The statement with another `else` block, none if it is empty; `line` is for an `else` that was not there."""
    if not body:
        return statement.with_changes(orelse=None)
    orelse: cst.Else | None = statement.orelse  # type: ignore[attr-defined]
    if orelse is None:
        at = line or mark_of(body[0]).line
        orelse = put(cst.Else(block(body)), Mark(at, at))
    return statement.with_changes(orelse=with_body(orelse, body))


def with_branches(statement: cst.If, then: Block, other: Block) -> cst.If:
    """An `if` with other branches."""
    return with_else(with_body(statement, then), other)


def map_blocks(statement: Compound, change: Callable[[list[cst.BaseStatement]], Block]) -> Compound:
    """The compound statement with each of its blocks changed."""
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef, cst.SimpleStatementLine)):
        return statement
    if isinstance(statement, cst.Match):
        return statement.with_changes(cases=[with_body(c, change(statements(c.body))) for c in statement.cases])
    changed = with_body(statement, change(statements(statement.body)))  # type: ignore[attr-defined]
    for part in ("orelse", "finalbody"):
        clause = getattr(changed, part, None)
        if clause is not None:
            changed = changed.with_changes(**{part: with_body(clause, change(statements(clause.body)))})
    if isinstance(statement, (cst.Try, cst.TryStar)):
        changed = changed.with_changes(handlers=[with_body(h, change(statements(h.body))) for h in statement.handlers])
    return changed


def blocks_of(statement: cst.BaseStatement) -> list[list[cst.BaseStatement]]:
    """All blocks of a compound statement of this function."""
    found: list[list[cst.BaseStatement]] = []

    def note(body: list[cst.BaseStatement]) -> Block:
        found.append(body)
        return body

    map_blocks(statement, note)
    return found


def jumps(statement: cst.BaseStatement) -> frozenset[str]:
    """Which jumps may leave a statement."""
    line = small(statement)
    if isinstance(line, (cst.Return, cst.Break, cst.Continue)):
        return frozenset({type(line).__name__.lower()})
    if isinstance(statement, (cst.SimpleStatementLine, cst.FunctionDef, cst.ClassDef)):
        return frozenset()
    if isinstance(statement, (cst.While, cst.For)):
        own = {BREAK, CONTINUE, HARD + BREAK, HARD + CONTINUE}
        left = jumps_of(then_of(statement)) - own | jumps_of(else_of(statement))
        return _hard(left) if why_stuck(statement) or mark_of(statement).native else left
    inside = frozenset[str]().union(*(jumps_of(b) for b in blocks_of(statement)))
    return inside if isinstance(statement, cst.If) else _hard(inside)


def _hard(found: frozenset[str]) -> frozenset[str]:
    return frozenset(HARD + j.removeprefix(HARD) for j in found)


def why_stuck(loop: Loop) -> str | None:
    """Why a loop has no functional form, wherever it stands."""
    if any(j.startswith(HARD) for j in jumps_of([*then_of(loop), *else_of(loop)])):
        return "a jump leaves it from within a try, with or match"
    if isinstance(loop, cst.While) and loop.orelse is not None and uses_of(loop.test).writes:
        return "its test binds a name, and it has an else"
    return None


def jumps_of(body: Block) -> frozenset[str]:
    """Which jumps may leave a block."""
    return frozenset[str]().union(*(jumps(s) for s in body))


def returns(statement: cst.BaseStatement) -> bool:
    """Whether there is a `return` in a statement."""
    return bool(jumps(statement) & {RETURN, HARD + RETURN})


def falls(body: Block) -> bool:
    """Whether control may reach the end of a block. In doubt, it may."""
    return not any(_ends(s) for s in body)


def _ends(statement: cst.BaseStatement) -> bool:
    if isinstance(small(statement), (cst.Return, cst.Raise, cst.Break, cst.Continue)):
        return True
    if isinstance(statement, cst.If):
        return not falls(then_of(statement)) and not falls(else_of(statement))
    if isinstance(statement, cst.While):
        return forever(statement)
    if isinstance(statement, (cst.Try, cst.TryStar)):
        if statement.finalbody is not None and not falls(statements(statement.finalbody.body)):
            return True
        tried = statements(statement.body)
        after = statements(statement.orelse.body) if statement.orelse else []
        return not falls([*tried, *after]) and not any(falls(statements(h.body)) for h in statement.handlers)
    if isinstance(statement, cst.Match):
        last = statement.cases[-1]
        catch_all = last.guard is None and isinstance(last.pattern, cst.MatchAs) and last.pattern.pattern is None
        return catch_all and not any(falls(statements(c.body)) for c in statement.cases)
    return False  # A `with` may swallow what is raised in it.


def always(test: cst.BaseExpression) -> bool:
    """Whether a loop's test is a literal that holds."""
    return (isinstance(test, cst.Name) and test.value == "True") or (
        isinstance(test, cst.Integer) and test.value == "1"
    )


def forever(loop: cst.While) -> bool:
    """Whether a loop is left only by `return` or an exception."""
    return always(loop.test) and not jumps_of(then_of(loop)) & {BREAK, HARD + BREAK}
