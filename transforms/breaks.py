"""`break`, `continue` and a loop's `else`: flags, and the rest of the block where they are false."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.analysis import uses_of
from janusx.transforms.blocks import (
    BREAK,
    CONTINUE,
    Block,
    Loop,
    always,
    else_of,
    jumps_of,
    map_blocks,
    small,
    then_of,
    with_body,
    with_else,
)
from janusx.transforms.build import assign, block, simple, thunk
from janusx.transforms.lines import Mark, at, mark_of, put, update
from janusx.transforms.natives import native
from janusx.transforms.threads import Threading
from janusx.transforms.unit import Unit


class Breaks:
    """Lowers the jumps of one function's loops. Afterwards there are none, but in native loops."""

    def __init__(self, unit: Unit, did_return: str) -> None:
        self._unit = unit
        self._did_return = did_return

    def __call__(self, body: Block) -> list[cst.BaseStatement]:
        """A block, lowered: inner loops first, for a jump in their `else` belongs to the loop around them."""
        out: list[cst.BaseStatement] = []
        for statement in body:
            statement = map_blocks(statement, self)
            if isinstance(statement, (cst.While, cst.For)) and not native(statement):
                self._lower(statement, out)
            else:
                out.append(statement)
        return out

    def _lower(self, loop: Loop, out: list[cst.BaseStatement]) -> None:
        mark = mark_of(loop)
        if isinstance(loop, cst.While) and uses_of(loop.test).writes:
            loop = self._test_inside(loop)
        body, other = then_of(loop), else_of(loop)
        flag = self._flag(body, mark)
        cont = self._unit.fresh(f"cont_{mark.site}")
        threaded, used = self._threaded(body, flag, cont)
        if used:
            threaded = [at(assign([cont], cst.Name("False")), mark), *threaded]
        lowered = with_else(with_body(loop, threaded), [])
        if flag:
            lowered = self._flagged(update(lowered, flag=flag), flag, out)
            other = self._unless_broken(other, flag, mark)
        out += [lowered, *other]

    def _flag(self, body: Block, mark: Mark) -> str:
        """The flag of a loop's breaks; where all of them stand for returns, it is the function's own."""
        flags = {mark_of(s).flag for s in _breaks(body)}
        if not flags:
            return ""
        return self._did_return if flags == {self._did_return} else self._unit.fresh(f"brk_{mark.site}")

    def _flagged(self, loop: Loop, flag: str, out: list[cst.BaseStatement]) -> Loop:
        mark = mark_of(loop)
        starts = out and _sets(out[-1], flag)
        if isinstance(loop, cst.While):
            if flag != self._did_return:
                start = at(assign([flag], cst.Name("False")), mark).with_changes(leading_lines=loop.leading_lines)
                out.append(start)
                loop = loop.with_changes(leading_lines=[])
            unbroken = self._unit.ops("not_", cst.Name(flag))
            test = unbroken if always(loop.test) else self._unit.ops("both", unbroken, thunk(loop.test))
            return loop.with_changes(test=test)
        if starts:  # The call of a `for` starts its flag itself.
            return loop.with_changes(leading_lines=out.pop().leading_lines)  # type: ignore[attr-defined]
        return loop

    def _unless_broken(self, other: Block, flag: str, mark: Mark) -> list[cst.BaseStatement]:
        if not other:
            return []
        made = self._unit.added_branch("else", mark, f"not {flag}")
        return [put(cst.If(self._unit.ops("not_", cst.Name(flag)), block(other)), made)]

    def _test_inside(self, loop: cst.While) -> cst.While:
        """A loop whose test binds a name: the test moves into the body, for a function's binding would stay in it."""
        mark = mark_of(loop)
        leave = put(simple(cst.Break()), Mark(mark.line, mark.end))
        test = self._unit.ops("not_", loop.test)
        check = put(cst.If(test, block([leave])), self._unit.added_branch("test", mark, "not the loop's test"))
        return with_body(loop.with_changes(test=cst.Name("True")), [check, *then_of(loop)])

    def _threaded(self, body: Block, flag: str, cont: str) -> tuple[list[cst.BaseStatement], bool]:
        """The loop's body without jumps, and whether it uses the flag for `continue`."""
        if not jumps_of(body) & {BREAK, CONTINUE}:
            return list(body), False
        used: list[bool] = []

        def replace(statement: cst.BaseStatement, *, keep: bool) -> Block:
            mark = mark_of(statement)
            if isinstance(small(statement), cst.Continue):
                return [at(assign([cont], cst.Name("True")), mark)] if keep else []
            return [at(assign([flag], cst.Name("True")), mark)] if mark.flag != flag else []

        def guarded(found: frozenset[str], rest: Block, mark: Mark) -> Block:
            flags = [flag] if BREAK in found else []
            if CONTINUE in found:
                flags.append(cont)
                used.append(True)
            ops = self._unit.ops
            test: cst.BaseExpression = cst.Name(flags[0])
            if len(flags) == 2:
                test = ops("either", test, thunk(cst.Name(cont)))
            made = self._unit.added_branch("rest", mark, "not " + " or ".join(flags))
            return [put(cst.If(ops("not_", test), block(rest)), made)]

        sites = list(self._unit.sites)
        kinds = frozenset({BREAK, CONTINUE})
        threaded = Threading(kinds, lambda s: replace(s, keep=False), guarded)(body)
        if used:
            self._unit.sites[:] = sites
            threaded = Threading(kinds, lambda s: replace(s, keep=True), guarded)(body)
        return threaded, bool(used)


def _breaks(body: Block) -> list[cst.BaseStatement]:
    """The `break`s of the loop with this body."""
    found: list[cst.BaseStatement] = []
    for statement in body:
        if isinstance(small(statement), cst.Break):
            found.append(statement)
        elif isinstance(statement, cst.If):
            found += _breaks([*then_of(statement), *else_of(statement)])
    return found


def _sets(statement: cst.BaseStatement, name: str) -> bool:
    """Whether a statement is `name = False`."""
    line = small(statement)
    return (
        isinstance(line, cst.Assign)
        and isinstance(line.targets[0].target, cst.Name)
        and (line.targets[0].target.value == name)
    )
