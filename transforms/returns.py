"""Early `return`: the rest of the block moves to the branch that goes on; else, and out of loops, it becomes flags."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.blocks import (
    HARD,
    RETURN,
    Block,
    Loop,
    else_of,
    falls,
    forever,
    jumps,
    map_blocks,
    returns,
    small,
    then_of,
    with_body,
    with_branches,
    with_else,
)
from janusx.transforms.build import assign, block, give, simple
from janusx.transforms.lines import Mark, at, mark_of, put, update
from janusx.transforms.natives import DEEPEST, make_native, native
from janusx.transforms.threads import Threading
from janusx.transforms.unit import Unit


class Returns:
    """Lowers the returns of one function.

    Afterwards a `return` stands at the end of a function, at the end of the branches of an `if` that all return, or in
    native code.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.did_return = unit.fresh("did_return")
        self._retval = unit.fresh("retval")
        self._thread = Threading(frozenset({RETURN}), self._set_flags, self._unless, self._loop)

    def __call__(self, body: Block) -> list[cst.BaseStatement]:
        """A function's body, lowered."""
        return self._tail(body) if any(returns(s) for s in body) else list(body)

    def _tail(self, body: Block, *, owner: Mark | None = None, depth: int = 0) -> list[cst.BaseStatement]:
        """A block at whose end the function ends; that of an `owner` gets the `return None` understood there."""
        out: list[cst.BaseStatement] = []
        for index, statement in enumerate(body):
            if not falls([statement]) and small(statement) is not None:
                return [*out, statement]  # What follows cannot be reached.
            if not returns(statement):
                out.append(statement)
                continue
            rest = body[index + 1 :]
            lowered = None if native(statement) or depth > DEEPEST else self._ending(statement, rest, depth + 1)
            if lowered is not None:
                return [*out, *lowered]
            if isinstance(statement, cst.If) and not native(statement):
                reason = "its return leaves a try, with or match, or nests too deep"
                statement = make_native(statement, self._unit, reason)
            out.append(self._settled(statement))
        if owner is not None and falls(out):
            out.append(at(give(cst.Name("None")), mark_of(out[-1]) if out else owner))
        return out

    def _ending(self, statement: cst.BaseStatement, rest: Block, depth: int) -> Block | None:
        """A statement with returns and the rest of its block, as one that returns at its end; None if it cannot be."""
        if isinstance(statement, (cst.While, cst.For)):
            return self._after_flags(statement, self._loop(statement), rest, depth)
        if not isinstance(statement, cst.If):
            return None
        then, other = then_of(statement), else_of(statement)
        if falls(then) and falls(other) and rest and not _is_trivial(rest):
            if HARD + RETURN in jumps(statement):
                return None
            return self._after_flags(statement, self._thread([statement]), rest, depth)
        then = [*then, *rest] if falls(then) else then
        other = [*other, *rest] if falls(other) else other
        owner = mark_of(statement)
        if not other:
            other = [at(give(cst.Name("None")), owner)]
        then, other = (self._tail(branch, owner=owner, depth=depth) for branch in (then, other))
        return [with_branches(statement, then, other)]

    def _after_flags(self, statement: cst.BaseStatement, lowered: Block, rest: Block, depth: int) -> Block:
        mark = mark_of(statement)
        start = self._flagged(statement, lowered)
        if isinstance(statement, cst.While) and forever(statement):
            return [*start, at(self._result(), mark)]
        return [*start, with_else(self._check(mark), self._tail(rest, owner=mark, depth=depth))]

    def _result(self) -> cst.SimpleStatementLine:
        """`return jx.sure(retval)`: where the flag is set it is bound, though the regions before do not know."""
        return give(self._unit.ops("sure", cst.Name(self._retval)))

    def _check(self, mark: Mark) -> cst.If:
        """`if did_return: return retval`."""
        result = at(self._result(), mark)
        branch = cst.If(cst.Name(self.did_return), block([result]))
        return put(branch, self._unit.added_branch("return", mark, self.did_return))

    def _flagged(self, statement: cst.BaseStatement, lowered: Block) -> list[cst.BaseStatement]:
        """The flag's first value, under the comments of the statement that it belongs to, and the statement lowered."""
        head, *others = lowered
        flag = at(assign([self.did_return], cst.Name("False")), mark_of(statement))
        leading = getattr(head, "leading_lines", ())
        return [flag.with_changes(leading_lines=leading), head.with_changes(leading_lines=[]), *others]

    # Flags

    def _set_flags(self, statement: cst.BaseStatement) -> Block:
        returned = small(statement)
        assert isinstance(returned, cst.Return)
        value = returned.value or cst.Name("None")
        kept = statement.with_changes(body=assign([self._retval], value).body)
        return [kept, at(assign([self.did_return], cst.Name("True")), mark_of(statement))]

    def _unless(self, _: frozenset[str], rest: Block, mark: Mark) -> Block:
        test = self._unit.ops("not_", cst.Name(self.did_return))
        made = self._unit.added_branch("rest", mark, f"not {self.did_return}")
        return [put(cst.If(test, block(rest)), made)]

    def _loop(self, loop: Loop) -> Block:
        """A loop that is left by `break` where it returned."""
        return [with_else(with_body(loop, self._in_loop(then_of(loop))), self._thread(else_of(loop)))]

    def _in_loop(self, body: Block) -> list[cst.BaseStatement]:
        out: list[cst.BaseStatement] = []
        for statement in body:
            mark = mark_of(statement)
            leave = put(simple(cst.Break()), Mark(mark.line, mark.end, flag=self.did_return))
            if isinstance(small(statement), cst.Return):
                return [*out, *self._set_flags(statement), leave]
            if returns(statement) and isinstance(statement, (cst.While, cst.For)):
                inner = with_body(statement, self._in_loop(then_of(statement)))
                made = self._unit.added_branch("return", mark, self.did_return)
                out += [with_else(inner, self._in_loop(else_of(statement)))]
                out += [put(cst.If(cst.Name(self.did_return), block([leave])), made)]
            else:
                out.append(map_blocks(statement, self._in_loop) if returns(statement) else statement)
        return out

    # Native code

    def _settled(self, statement: cst.BaseStatement) -> cst.BaseStatement:
        return map_blocks(statement, self._settle)

    def _settle(self, body: Block) -> list[cst.BaseStatement]:
        """A block of a native statement: returns may stay in it, but not inside what gets converted in it."""
        if not any(returns(s) for s in body):
            return list(body)
        if not falls(body) and not _leaves_otherwise(body):
            return self._tail(body, owner=mark_of(body[-1]))
        out: list[cst.BaseStatement] = []
        for statement in body:
            if not returns(statement) or native(statement):
                out.append(self._settled(statement))
            elif isinstance(statement, (cst.While, cst.For)):
                out += self._flagged(statement, self._loop(statement))
                out.append(update(self._check(mark_of(statement)), native=True))
            elif isinstance(statement, cst.If):
                reason = "its return leaves a block that else goes on"
                out.append(self._settled(make_native(statement, self._unit, reason)))
            else:
                out.append(self._settled(statement))
        return out


def _leaves_otherwise(body: Block) -> bool:
    return any(j.removeprefix(HARD) != RETURN for s in body for j in jumps(s))


def _is_trivial(rest: Block) -> bool:
    """Whether copying the rest of a block copies nothing to speak of."""
    last = small(rest[0])
    return isinstance(last, cst.Return) and isinstance(last.value, (cst.Name, cst.Integer, type(None)))
