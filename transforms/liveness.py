"""Which names may still be read where: the backward analysis that says what a region carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

import libcst as cst

from janusx.transforms.analysis import Analysis
from janusx.transforms.blocks import Block, small
from janusx.transforms.build import statements
from janusx.transforms.context_managers import Swallows
from janusx.transforms.lines import mark_of
from janusx.transforms.natives import native

Names = frozenset[str]
_NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class _Targets:
    """What is live where a jump or an exception would go."""

    on_break: Names = _NONE
    on_continue: Names = _NONE
    on_return: Names = _NONE
    on_raise: Names = _NONE


class Liveness:
    """Walks a function's body against the order of execution.

    Attributes:
        after: for each statement the names live after it.
        entry: for each suite the names live before its first statement.
        head: for each loop the names live before its test or its next item.
        raising: for each statement the names live where an exception in it would go.
        exposed: names that a region binds and that code outside it sees when the region raises: they cannot be carried.
    """

    def __init__(self, analysis: Analysis, swallows: Swallows) -> None:
        self._analysis = analysis
        self._swallows = swallows
        self.after: dict[cst.CSTNode, Names] = {}
        self.entry: dict[cst.CSTNode, Names] = {}
        self.head: dict[cst.CSTNode, Names] = {}
        self.raising: dict[cst.CSTNode, Names] = {}
        self.exposed: set[str] = set()

    def function(self, body: Block) -> Names:
        """The names live at the start of a function."""
        return self._block(body, _NONE, _Targets())

    def _block(self, body: Block, live: Names, targets: _Targets) -> Names:
        for statement in reversed(body):
            self.after[statement] = live
            self.raising[statement] = targets.on_raise
            live = self._statement(statement, live, targets)
        return live

    def _suite(self, suite: cst.BaseSuite | None, live: Names, targets: _Targets) -> Names:
        if suite is None:
            return live
        entry = self._block(statements(suite), live, targets)
        self.entry[suite] = entry
        return entry

    def _else(self, clause: cst.If | cst.Else | None, live: Names, targets: _Targets) -> Names:
        return live if clause is None else self._suite(clause.body, live, targets)

    def _before(self, node: cst.CSTNode, live: Names) -> Names:
        uses = self._analysis.uses(node)
        return (live - uses.surely - uses.unbinds) | uses.read

    def _statement(self, statement: cst.BaseStatement, live: Names, targets: _Targets) -> Names:
        line = small(statement)
        if line is not None:
            if isinstance(line, cst.Return):
                live = targets.on_return
            elif isinstance(line, cst.Raise):
                live = targets.on_raise
            elif isinstance(line, cst.Break):
                live = targets.on_break
            elif isinstance(line, cst.Continue):
                live = targets.on_continue
            return self._before(statement, live) | targets.on_raise
        if isinstance(statement, (cst.If, cst.While, cst.For)) and not native(statement):
            self.exposed |= targets.on_raise.intersection(self._analysis.uses(statement).writes)
        if isinstance(statement, cst.If):
            then = self._suite(statement.body, live, targets)
            other = self._else(statement.orelse, live, targets)
            return self._before(statement.test, then | other) | targets.on_raise
        if isinstance(statement, (cst.While, cst.For)):
            return self._loop(statement, live, targets) | targets.on_raise
        if isinstance(statement, (cst.Try, cst.TryStar)):
            return self._try(statement, live, targets)
        if isinstance(statement, cst.With):
            inner = replace(targets, on_raise=targets.on_raise | live) if self._swallows(statement) else targets
            live = self._suite(statement.body, live, inner)
            for item in reversed(statement.items):
                live = self._before(item, live)
            return live | inner.on_raise
        if isinstance(statement, cst.Match):
            return self._match(statement, live, targets) | targets.on_raise
        return self._before(statement, live) | targets.on_raise

    def _loop(self, loop: cst.While | cst.For, live: Names, targets: _Targets) -> Names:
        left = self._else(loop.orelse, live, targets)
        flag = mark_of(loop).flag
        flags = frozenset({flag} if flag else ())  # The op looks at it after each run of the body.
        head = left
        while True:
            if isinstance(loop, cst.While):
                head = self._before(loop.test, head)
            inner = replace(targets, on_break=live, on_continue=head)
            start = self._suite(loop.body, head | flags, inner)
            if isinstance(loop, cst.For):
                start = self._before(cst.AssignTarget(loop.target), start) - flags
            grown = head | start | (self._before(loop.test, start) if isinstance(loop, cst.While) else _NONE)
            if grown == head:
                break
            head = grown
        self.head[loop] = head
        # The call of a `for` starts its flag itself.
        return self._before(loop.iter, head - flags) if isinstance(loop, cst.For) else head

    def _try(self, statement: cst.Try | cst.TryStar, live: Names, targets: _Targets) -> Names:
        inner = targets
        if statement.finalbody is not None:
            # A `finally` runs on every way out, and what is live where that way leads is live in it.
            beyond = live | targets.on_raise | targets.on_return | targets.on_break | targets.on_continue
            final = self._suite(statement.finalbody.body, beyond, targets)
            live = final
            inner = _Targets(final, final, final, final)
        after = self._suite(statement.orelse.body, live, inner) if statement.orelse is not None else live
        caught = inner.on_raise
        for handler in statement.handlers:
            entry = self._suite(handler.body, live, inner)
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                entry -= {handler.name.name.value}
            caught |= entry if handler.type is None else self._before(handler.type, entry)
        return self._suite(statement.body, after, replace(inner, on_raise=caught)) | caught

    def _match(self, statement: cst.Match, live: Names, targets: _Targets) -> Names:
        entry = live
        for case in statement.cases:
            start = self._suite(case.body, live, targets)
            if case.guard is not None:
                start = self._before(case.guard, start)
            # A pattern that fails may have bound some of its names before it did.
            entry |= (start - self._analysis.uses(case.pattern).surely) | self._analysis.uses(case.pattern).read
        return self._before(statement.subject, entry)
