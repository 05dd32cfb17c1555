"""Blocks become functions: what a region carries, and how its function is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import libcst as cst

from janusx.transforms.analysis import Scope
from janusx.transforms.blocks import Block, falls, map_blocks, small
from janusx.transforms.boundness import Boundness
from janusx.transforms.build import Region, assign, define, give, names, simple, statements, string
from janusx.transforms.context_managers import Swallows
from janusx.transforms.lines import Mark, at, mark_of, put
from janusx.transforms.liveness import Liveness
from janusx.transforms.unit import Unit

Emit: TypeAlias = Callable[["Regions", cst.If | cst.While | cst.For], Sequence[cst.BaseStatement]]


@dataclass(slots=True)
class Level:
    """One emitted function under construction.

    Attributes:
        before: names surely bound before each statement, seen from this function's start.
        needs: its own names that must have some value before a region is called, since the call names them.
    """

    before: dict[cst.CSTNode, frozenset[str]]
    needs: dict[str, None] = field(default_factory=dict)


class Regions:
    """Emits one function's body with its regions as functions; `emit` knows what becomes of an `if` or a loop."""

    def __init__(self, unit: Unit, scope: Scope, swallows: Swallows, liveness: Liveness, emit: Emit) -> None:
        self.unit = unit
        self.scope = scope
        self.liveness = liveness
        self._swallows = swallows
        self._emit = emit
        self._levels: list[Level] = []
        # The flags of the passes are not among the user's names: nobody looks at them after an exception.
        self.shared = scope.captured | scope.globals | scope.nonlocals | (liveness.exposed & scope.bound)

    # Emission

    def function_body(self, body: Block) -> tuple[list[cst.BaseStatement], list[str]]:
        """The function's own body, and the names that need a value at its top."""
        level = self._enter(body, self.scope.params)
        emitted = self.block(body)
        self._levels.pop()
        return emitted, list(level.needs)

    def block(self, body: Block) -> list[cst.BaseStatement]:
        """A block of the emitted function that is under construction."""
        out: list[cst.BaseStatement] = []
        for statement in body:
            out += self._statement(statement)
        return out

    def _statement(self, statement: cst.BaseStatement) -> Sequence[cst.BaseStatement]:
        if isinstance(statement, (cst.If, cst.While, cst.For)):
            return self._emit(self, statement)
        line = small(statement)
        if isinstance(line, cst.AnnAssign) and len(self._levels) > 1:
            return self._without_annotation(statement, line)
        return [map_blocks(statement, self.block)]

    def _without_annotation(self, statement: cst.BaseStatement, line: cst.AnnAssign) -> Sequence[cst.BaseStatement]:
        """`x: int = 1` as `x = 1` where `x` is `nonlocal`, as no annotated name can be. It is not evaluated anyway."""
        if not isinstance(line.target, cst.Name) or line.target.value not in self.shared:
            return [statement]
        plain = cst.Pass() if line.value is None else cst.Assign([cst.AssignTarget(line.target)], line.value)
        return [statement.with_changes(body=[plain])]

    def _enter(self, body: Block, params: Iterable[str]) -> Level:
        """Start an emitted function: its own names are unbound at its start, all others are somebody else's concern."""
        analysis = self.unit.analysis
        everything = analysis.block(body)
        own = set(everything.writes) - set(params)
        bound = Boundness(analysis, self._swallows, ())
        mentioned = set(everything.writes) | everything.read | set(params)
        bound.block(body, frozenset(mentioned - own))
        level = Level(bound.before)
        self._levels.append(level)
        return level

    # What the constructs ask for

    def carried(self, written: Iterable[str], live: frozenset[str]) -> list[str]:
        """Names that a region hands on: bound in it, live after it, and not reached through a cell."""
        return [name for name in dict.fromkeys(written) if name in live and name not in self.shared]

    def handed_in(self, suite: cst.BaseSuite | None, carried: Sequence[str]) -> list[str]:
        """Names that a block reads before it binds them for itself alone."""
        if suite is None:
            return []
        entry = self.liveness.entry[suite]
        written = self.unit.analysis.block(statements(suite)).writes
        return [name for name in self.carried(written, entry) if name not in carried]

    def need(self, statement: cst.BaseStatement, given: Iterable[str]) -> None:
        """A call of a region in place of the statement names these: they must have a value."""
        level = self._levels[-1]
        bound = level.before.get(statement)
        for name in given:
            if bound is not None and (name not in bound or name in self.scope.unbinds):
                level.needs[name] = None

    def function(
        self,
        name: str,
        params: Sequence[str],
        suite: cst.BaseSuite | None,
        mark: Mark,
        *,
        first: Sequence[cst.BaseStatement] = (),
        carried: Sequence[str] = (),
        handed_in: Sequence[str] = (),
    ) -> Region:
        """A block as a function that returns what it carries.

        Args:
            name: its name.
            params: its parameters.
            suite: the block; None for one that is not there.
            mark: the line it stands for where there is no block.
            first: statements before the block's.
            carried: names it returns.
            handed_in: names it gets as defaults.
        """
        body = statements(suite) if suite is not None else []
        level = self._enter(body, [*params, *handed_in])
        emitted = [*first, *self.block(body)]
        self._levels.pop()
        last = mark_of(body[-1]) if body else mark
        if carried and falls(body):
            emitted.append(at(give(names(carried)), last))
        own = self.unit.analysis.together(emitted)
        mine = [n for n in own.writes if n not in params and n not in handed_in]
        top = [self.unbound(n, mark) for n in level.needs if n in mine and n not in self.shared]
        emitted = [*self._declarations(own.writes, mark), *top, *emitted]
        made = define(name, params, _suite(emitted, suite), defaults=handed_in)
        return put(made, Mark(mark.line, mark.line)) if isinstance(made.body, cst.IndentedBlock) else made

    def unbound(self, name: str, mark: Mark) -> cst.SimpleStatementLine:
        """`y = jx.unbound("y")`."""
        return at(assign([name], self.unit.ops("unbound", string(name))), mark)

    def _declarations(self, written: Iterable[str], mark: Mark) -> list[cst.BaseStatement]:
        found: list[cst.BaseStatement] = []
        outside = [n for n in written if n in self.shared]
        for kind, wanted in ((cst.Global, self.scope.globals), (cst.Nonlocal, self.shared - self.scope.globals)):
            items = [cst.NameItem(cst.Name(n)) for n in outside if n in wanted]
            if items:
                found.append(at(simple(kind(items)), mark))
        return found


def _suite(emitted: list[cst.BaseStatement], suite: cst.BaseSuite | None) -> cst.BaseSuite:
    """The statements as a block with the old one's comments; a single made one on the line of its `def`."""
    if not emitted:
        emitted = [simple(cst.Pass())]
    old = suite if isinstance(suite, cst.IndentedBlock) else None
    only = emitted[0]
    if len(emitted) == 1 and isinstance(only, cst.SimpleStatementLine) and old is None:
        mark = mark_of(only) if only.trailing_whitespace.comment else Mark(0, 0)
        line = cst.SimpleStatementSuite(only.body)
        return put(line, mark) if mark.line else line
    if old is None:
        return cst.IndentedBlock(emitted)
    return old.with_changes(body=emitted)
