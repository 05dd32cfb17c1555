"""Chains: `total = total + x` in a loop, or in walks one after the other, computed as one sum.

Step by step, a chain of a thousand additions would be a thousand levels, one row each. So an accumulation only notes
its terms (`Sum`); when something reads the result, they are added by rows of `FAN` terms, in halves where there are
more, or all at once where the sum is no part of the recursion. Floating-point results differ in rounding only.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from janusx.schedule.recording import Aval, Handle, Kind, Recording, Slot

FAN = 4
"""Terms of a row. Most nodes of trees have fewer children; a lane has room for all, so more would cost all."""

PAD, PLUS, MINUS = 0, 1, 2
"""What is done with a term: the two lowest bits of the numbers that rows of a chain read."""

_OPS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


@dataclass(frozen=True, slots=True)
class Accumulation:
    """A piece that does no more than `total += x`.

    Attributes:
        op: "+", "-" or "*".
        total: which of its arguments is the total.
        term: which is what is added.
    """

    op: str
    total: int
    term: int

    @staticmethod
    def of(text: str) -> Accumulation | None:
        """That of a piece's text; None for any other piece."""
        function = ast.parse(textwrap.dedent(text)).body[0]
        if not isinstance(function, ast.FunctionDef) or len(function.body) not in (1, 2):
            return None
        names = [arg.arg for arg in function.args.args]
        found = _added(function.body[0])
        if found is None or len(names) != 2 or set(found[1:]) != set(names):
            return None
        if len(function.body) == 2:
            back = function.body[1]
            if not isinstance(back, ast.Return) or not isinstance(back.value, ast.Name) or back.value.id != found[1]:
                return None
        return Accumulation(found[0], names.index(found[1]), names.index(found[2]))


def _added(node: ast.stmt) -> tuple[str, str, str] | None:
    """The operator, the total and the term of `total += x` or `total = total + x`."""
    total: ast.expr
    if isinstance(node, ast.AugAssign):
        total, op, term = node.target, node.op, node.value
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and len(node.targets) == 1:
        total, op, term = node.targets[0], node.value.op, node.value.right
        if not isinstance(node.value.left, ast.Name) or ast.dump(node.value.left) != ast.dump(_loaded(total)):
            return None
    else:
        return None
    if type(op) not in _OPS or not isinstance(total, ast.Name) or not isinstance(term, ast.Name):
        return None
    return _OPS[type(op)], total.id, term.id


def _loaded(node: ast.expr) -> ast.expr:
    return ast.Name(node.id, ast.Load()) if isinstance(node, ast.Name) else node


class Sum(Handle):
    """The result of an accumulation: its terms, until something reads it. A kind has a class of its own.

    Attributes:
        terms: what is added up; totals that follow each other share the list.
        count: how many of them are its own.
        lead: whether the first one is a total that the chain began with; else that was zero.
        value: the handle of the array, once something has read it.
        segment: the piece.
        flush: adds the rows.
    """

    __slots__ = ("count", "lead", "terms", "value")
    segment: Any
    flush: Callable[[Sum], Handle]

    def __init__(self, terms: list[Handle], count: int, lead: bool):
        self.terms = terms
        self.count = count
        self.lead = lead
        self.value: Handle | None = None

    def plus(self, term: Handle) -> Sum:
        """The next total."""
        if self.value is not None:
            return type(self)([self.value, term], 2, True)
        terms, count = self.terms, self.count
        if len(terms) == count:
            terms.append(term)
        else:  # two totals go on from this one
            terms = [*terms[:count], term]
        return type(self)(terms, count + 1, self.lead)

    def done(self) -> Handle:
        """The handle of the array."""
        if self.value is None:
            self.value = self.flush(self)
        return self.value


def sum_class(kind: Kind, handle: type[Handle]) -> type[Sum]:
    """The class of totals of a kind."""
    return type("Sum", (Sum,), {"__slots__": (), "aval": handle.aval, "shape": handle.shape, "segment": kind.segment})


def flusher(recording: Recording, kind: Kind) -> Callable[[Sum], Handle]:
    """What adds the rows for a total."""
    rows, lanes = recording.rows[kind.index], recording.lanes_of(kind)
    rest = MINUS if kind.chain == "-" else PLUS
    noted = recording.edges is not None

    def coded(chain: Sum) -> tuple[list[int], list[int]]:
        terms = chain.terms if len(chain.terms) == chain.count else chain.terms[: chain.count]
        if noted:
            recording.note(kind, terms)
        codes = [term.slot * 4 + rest for term in terms]
        levels = [term.level for term in terms]
        if chain.lead:
            codes[0] = terms[0].slot * 4 + PLUS
        else:
            codes.append(terms[0].slot * 4 + PAD)  # the zero
        return codes, levels

    def whole(chain: Sum) -> Handle:
        codes, _ = coded(chain)
        rows.terms += codes
        return recording.row(kind, 0, (len(codes),))[0]

    if lanes.spot is None:
        return whole
    # What `Lanes.take` and `Recording.row` do: one of these for every node of a tree.
    base, at, count = lanes.spot.base, lanes.spot.base + lanes.spot.position, lanes.spot.count
    left, first, starts = lanes.left, lanes.rows, lanes.starts[0]
    take, add = recording.taker(kind.gives[0]), rows.ints.extend

    def row(codes: list[int], level: int) -> Handle:
        step = (level - at) // count + 1 if level >= base else 0
        while not left[step]:
            step += 1
        left[step] = lane = left[step] - 1
        made = take()
        made.level, made.slot, made.kind = step * count + at, starts[step] + lane, kind.index
        codes += [codes[0] & -4] * (FAN - len(codes))
        add((first[step] + lane, *codes))
        return made

    def steps(chain: Sum) -> Handle:
        codes, levels = coded(chain)
        while len(codes) > FAN:
            made = [row(codes[i : i + FAN], max(levels[i : i + FAN], default=0)) for i in range(0, len(codes), FAN)]
            codes, levels = [each.slot * 4 + PLUS for each in made], [each.level for each in made]
        return row(codes, max(levels))

    return steps


def begun(accumulation: Accumulation, args: Sequence[Any], sums: Sequence[type[Sum]]) -> Sum | None:
    """The total of a chain that starts with these arguments: two arrays, or zero and one."""
    total, term = args[accumulation.total], args[accumulation.term]
    if not isinstance(term, Handle):
        return None
    known = [cls for cls in sums if cls.aval == term.aval]
    if not known:
        return None
    if isinstance(total, Handle) and total.aval == term.aval:
        return known[0]([total.done(), term.done()], 2, True)
    if type(total) in (int, float) and total == 0 and accumulation.op != "*":
        return known[0]([term.done()], 1, False)
    return None


def is_chain(
    accumulation: Accumulation | None, args: Sequence[Any], gives: Sequence[int], avals: Sequence[Aval]
) -> bool:
    """Whether a kind adds an array to another of the same aval, and gives no other."""
    if accumulation is None or len(gives) != 1 or avals[gives[0]].impl is not None or avals[gives[0]].dtype == bool:
        return False
    return all(type(arg) is Slot and arg.aval == gives[0] for arg in args)
