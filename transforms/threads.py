"""Jump threading: a jump becomes an assignment to a flag, and what stood after it moves to where the flag is false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import libcst as cst

from janusx.transforms.blocks import Block, Loop, else_of, falls, jumps, small, then_of, with_branches
from janusx.transforms.lines import Mark, mark_of


@dataclass(frozen=True, slots=True)
class Threading:
    """How one kind of jump is replaced.

    Attributes:
        kinds: the jumps to replace.
        replace: the statements for one jump.
        guarded: the rest of a block as an `if` on the flags of the jumps that may have been taken before it.
        loop: a loop with such jumps in it, lowered.
    """

    kinds: frozenset[str]
    replace: Callable[[cst.BaseStatement], Block]
    guarded: Callable[[frozenset[str], Block, Mark], Block]
    loop: Callable[[Loop], Block] = lambda loop: [loop]

    def __call__(self, body: Block) -> list[cst.BaseStatement]:
        """The block without those jumps."""
        out: list[cst.BaseStatement] = []
        for index, statement in enumerate(body):
            rest = body[index + 1 :]
            found = jumps(statement) & self.kinds
            if not found:
                out.append(statement)
                continue
            if small(statement) is not None:
                out += self.replace(statement)
            elif isinstance(statement, cst.If):
                out += self._branch(statement, found, rest)
            else:
                assert isinstance(statement, (cst.While, cst.For)), "jumps out of try, with and match stay native"
                out += self.loop(statement)
                out += self.guarded(found, self(rest), mark_of(statement)) if rest else []
            return out  # The rest was moved, or cannot be reached.
        return out

    def _branch(self, statement: cst.If, found: frozenset[str], rest: Block) -> Block:
        then, other = then_of(statement), else_of(statement)
        if rest and falls(then) and falls(other):
            guarded = self.guarded(found, self(rest), mark_of(statement))
            return [with_branches(statement, self(then), self(other)), *guarded]
        if falls(then):
            then = [*then, *rest]
        elif falls(other):
            other = [*other, *rest]
        return [with_branches(statement, self(then), self(other))]
