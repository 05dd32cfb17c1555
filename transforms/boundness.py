"""Which names are surely bound where: the forward analysis behind `jx.unbound` and `jx.read`."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from janusx.transforms.analysis import Analysis
from janusx.transforms.blocks import Block, always, else_of, small, then_of
from janusx.transforms.build import statements
from janusx.transforms.context_managers import Swallows

State = frozenset[str] | None
"""Names that are surely bound; None where control cannot be."""


class Boundness:
    """Walks a block in the order of execution.

    Attributes:
        before: for each statement the names surely bound before it.
        maybe: reads and deletions of the names asked about that may find them unbound.
    """

    def __init__(self, analysis: Analysis, swallows: Swallows, local: Iterable[str]) -> None:
        self._analysis = analysis
        self._swallows = swallows
        self._local = frozenset(local)
        self._breaks: list[list[State]] = []
        self._continues: list[list[State]] = []
        self._finally: list[set[str]] = []
        self.before: dict[cst.CSTNode, frozenset[str]] = {}
        self.maybe: set[cst.Name] = set()

    def block(self, body: Block, state: State) -> State:
        """The state after a block."""
        for statement in body:
            if state is None:
                return None
            self.before[statement] = state
            state = self._statement(statement, state)
        return state

    def _uses(self, node: cst.CSTNode, state: frozenset[str]) -> frozenset[str]:
        """The state after an expression or simple statement."""
        uses = self._analysis.uses(node)
        for name in (*uses.reads, *uses.deletes):
            if name.value in self._local and name.value not in state:
                self.maybe.add(name)
        return (state | uses.surely) - uses.unbinds

    def _statement(self, statement: cst.BaseStatement, state: frozenset[str]) -> State:
        line = small(statement)
        if line is not None:
            after = self._uses(statement, state)
            if isinstance(line, cst.Break):
                self._breaks[-1].append(self._crossing(after))
            elif isinstance(line, cst.Continue):
                self._continues[-1].append(self._crossing(after))
            return None if isinstance(line, (cst.Return, cst.Raise, cst.Break, cst.Continue)) else after
        if isinstance(statement, cst.If):
            state = self._uses(statement.test, state)
            return _join(self.block(then_of(statement), state), self.block(else_of(statement), state))
        if isinstance(statement, (cst.While, cst.For)):
            return self._loop(statement, state)
        if isinstance(statement, (cst.Try, cst.TryStar)):
            return self._try(statement, state)
        if isinstance(statement, cst.With):
            for item in statement.items:
                state = self._uses(item, state)
            after_body = self.block(statements(statement.body), state)
            unbound = self._analysis.block(statements(statement.body)).unbinds
            return _join(after_body, state - unbound) if self._swallows(statement) else after_body
        if isinstance(statement, cst.Match):
            return self._match(statement, state)
        return self._uses(statement, state)

    def _crossing(self, state: frozenset[str]) -> frozenset[str]:
        return state.difference(*self._finally)

    def _loop(self, loop: cst.While | cst.For, state: frozenset[str]) -> State:
        if isinstance(loop, cst.For):
            state = self._uses(loop.iter, state)
        head = state
        while True:
            self._breaks.append([])
            self._continues.append([])
            tested = self._uses(loop.test, head) if isinstance(loop, cst.While) else head
            start = tested if isinstance(loop, cst.While) else self._target(loop, head)
            end = self.block(then_of(loop), start)
            ends, broken = [end, *self._continues.pop()], self._breaks.pop()
            back = head
            for other in ends:
                back = back if other is None else back & other
            if back == head:
                break
            head = back
        left: State = None if isinstance(loop, cst.While) and always(loop.test) else tested
        after = self.block(else_of(loop), left)
        for state_at_break in broken:
            after = _join(after, state_at_break)
        return after

    def _target(self, loop: cst.For, state: frozenset[str]) -> frozenset[str]:
        target = cst.AssignTarget(loop.target)
        uses = self._analysis.uses(target)
        return self._uses(target, state) | uses.surely

    def _try(self, statement: cst.Try | cst.TryStar, state: frozenset[str]) -> State:
        body = statements(statement.body)
        final = statements(statement.finalbody.body) if statement.finalbody else []
        self._finally.append(self._analysis.block(final).unbinds)
        raised = state - self._analysis.block(body).unbinds
        after = self.block(body, state)
        if statement.orelse is not None:
            after = self.block(statements(statement.orelse.body), after)
        for handler in statement.handlers:
            caught = raised if handler.type is None else self._uses(handler.type, raised)
            name = handler.name.name.value if handler.name and isinstance(handler.name.name, cst.Name) else ""
            left = self.block(statements(handler.body), caught | {name} if name else caught)
            after = _join(after, None if left is None else left - {name})
        self._finally.pop()
        if statement.finalbody is None:
            return after
        unbound = self._analysis.uses(statement).unbinds
        pessimistic = state - unbound
        finished = self.block(final, pessimistic)
        if finished is None or after is None:
            return None
        return (after | (finished - pessimistic)) - self._analysis.block(final).unbinds

    def _match(self, statement: cst.Match, state: frozenset[str]) -> State:
        state = self._uses(statement.subject, state)
        after: State = None
        open_end: State = state
        for case in statement.cases:
            bound = self._uses(case.pattern, state) | self._analysis.uses(case.pattern).surely
            if case.guard is not None:
                bound = self._uses(case.guard, bound)
            after = _join(after, self.block(statements(case.body), bound))
            irrefutable = isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None
            if irrefutable and case.guard is None:
                open_end = None
        return _join(after, open_end)


def _join(one: State, other: State) -> State:
    if one is None or other is None:
        return other if one is None else one
    return one & other
