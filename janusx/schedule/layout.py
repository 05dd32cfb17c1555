"""Where everything lies: the arrays that a schedule computes, and the tables that the compiled program is run by.

There is a buffer for each aval: first the arrays from around the structure, then what the phases give, in their order
(`order`). A phase that goes through steps has a block for what comes first (the level that reads nothing of the phase:
the widest of most structures), and one for each step; in both, lanes for each of its kinds. Tables are packed in one
array a dtype, since each input of a program costs the dispatch some microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from janusx.schedule.chains import FAN
from janusx.schedule.order import Order
from janusx.schedule.recording import Kind, Lanes

INDEX = np.dtype(np.int32)


@dataclass(frozen=True)
class Sizes:
    """What a program has room for.

    Attributes:
        rows: by kind, how many rows; for one that goes in steps, how many a step. With 0 the program does not have it.
        terms: by kind of chains that are one batch, how many terms all of them have.
        first: by kind, how many rows of the first level, which is no step.
        steps: by the kinds of a phase.
        batches: the phases of one kind that are one batch.
        late: kinds that may have no row, or none in the first level: before it has one, a kind does nothing.
    """

    rows: tuple[int, ...]
    first: tuple[int, ...]
    terms: Mapping[int, int] = field(default_factory=dict)
    steps: Mapping[tuple[int, ...], int] = field(default_factory=dict)
    late: frozenset[int] = frozenset()
    batches: frozenset[tuple[int, ...]] = frozenset()

    def phases(self, looped: bool) -> Collection[tuple[int, ...]]:
        """The phases that go through steps, or those that are one batch."""
        return self.steps.keys() if looped else self.batches


class Endless(dict[int, int]):
    """Numbers by step, for as many steps as are asked for."""

    def __init__(self, known: Mapping[int, int], other: int):
        super().__init__(known)
        self.other = other

    def __missing__(self, step: int) -> int:
        return self.other


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its place in the array of its dtype, and its shape."""

    dtype: Any
    start: int
    shape: tuple[int, ...]

    def of(self, packed: Mapping[Any, Any]) -> Any:
        """The table itself, a view where that is NumPy's."""
        return packed[self.dtype][self.start : self.start + math.prod(self.shape)].reshape(self.shape)


@dataclass(frozen=True)
class Layout:
    """The same for the program and for the tables that it is run by.

    Attributes:
        kinds: the kinds of array work.
        order: in which they are computed.
        sizes: what there is room for.
        outer: the avals of the arrays from around the structure.
        roots: the avals of the results.
        places: by kind and result, where in its buffer the first row's is; in steps, that of the first step.
        heads: likewise of the first level.
        blocks: by phase and aval, how long a step's block is.
        limits: by phase and aval, where what earlier phases gave ends.
        lengths: by aval, the length of its buffer.
        tables: by name: of a kind ("reads", "owners", "present", "0", "1", … for Python values) or of all
            ("roots"). Lanes of the first level come before those of the steps.
        packed: by dtype, how long the array of tables is.
    """

    kinds: tuple[Kind, ...]
    order: Order
    sizes: Sizes
    outer: tuple[int, ...]
    roots: tuple[int, ...]
    places: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    heads: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    blocks: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    limits: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    lengths: dict[int, int] = field(default_factory=dict, compare=False)
    tables: dict[tuple[int, str], Table] = field(default_factory=dict, compare=False)
    packed: dict[Any, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for aval in self.outer:
            self.lengths[aval] = self.lengths.get(aval, 0) + 1
        for number, phase in enumerate(self.order.phases):
            self.limits.update({(number, aval): length for aval, length in self.lengths.items()})
            self._place(number, [self.kinds[index] for index in phase if self.sizes.rows[index]])
        self._table((-1, "roots"), INDEX, (len(self.roots),))

    def _place(self, number: int, kinds: Sequence[Kind]) -> None:
        """What a phase gives, and the tables that it takes."""
        steps = self.steps(number)
        if steps:
            self._block(kinds, self.sizes.first, self.heads)
        blocks = self._block(kinds, self.sizes.rows, self.places)
        for aval, block in blocks.items():
            self.blocks[number, aval] = block
            self.lengths[aval] += block * (max(steps, 1) - 1)
        for kind in kinds:
            self._tables(kind, self.rows(kind, steps), FAN if steps else 0)
            if kind.index in self.sizes.late:
                self._table((kind.index, "present"), INDEX, (steps + 1,))

    def rows(self, kind: Kind, steps: int) -> int:
        """How many lanes a kind has: of the first level, and of all steps."""
        return self.sizes.first[kind.index] + self.sizes.rows[kind.index] * max(steps, 1)

    def _block(self, kinds: Sequence[Kind], rows: Sequence[int], places: dict[tuple[int, int], int]) -> dict[int, int]:
        """Room for some rows of each kind; by aval, how much."""
        begin = dict(self.lengths)
        for kind in kinds:
            for i, aval in enumerate(kind.gives):
                places[kind.index, i] = self.lengths.get(aval, 0)
                self.lengths[aval] = places[kind.index, i] + rows[kind.index]
        return {aval: length - begin.get(aval, 0) for aval, length in self.lengths.items()}

    def _tables(self, kind: Kind, rows: int, fan: int) -> None:
        index = kind.index
        if kind.chain and not fan:
            self._table((index, "reads"), INDEX, (self.sizes.terms[index],))
            self._table((index, "owners"), INDEX, (self.sizes.terms[index],))
        elif kind.reads:
            self._table((index, "reads"), INDEX, (rows, fan if kind.chain else len(kind.reads)))
        for i, host in enumerate(kind.hosts):
            self._table((index, str(i)), host.aval.dtype, (rows, *host.aval.shape))

    def lanes(self, *, endless: bool = False) -> list[Lanes]:
        """Where the rows of each kind go, for one recording; `endless`: in as many steps as it takes."""
        made: list[Lanes] = [Lanes(None, starts=[0] * len(kind.gives)) for kind in self.kinds]
        for number in range(len(self.order.phases)):
            for kind in self.phase(number):
                index, steps, results = kind.index, self.steps(number), range(len(kind.gives))
                first, width, spot = self.sizes.first[index], self.sizes.rows[index], self.order.spots[index]
                if spot is None:
                    made[index].starts = [self.places[index, i] for i in results]
                elif endless:
                    left = Endless({0: first}, width)
                    made[index] = Lanes(spot, left, Endless({}, 0), [Endless({}, 0) for _ in results])
                else:
                    rows = [0, *(first + i * width for i in range(steps))]
                    blocks = [(self.places[index, i], self.blocks[number, kind.gives[i]]) for i in results]
                    starts = [[0, *(place + i * block for i in range(steps))] for place, block in blocks]
                    for i, each in enumerate(starts):
                        each[0] = self.heads[index, i]
                    made[index] = Lanes(spot, [first, *[width] * steps], rows, starts)
        return made

    def _table(self, name: tuple[int, str], dtype: Any, shape: tuple[int, ...]) -> None:
        start = self.packed.get(dtype, 0)
        self.tables[name] = Table(dtype, start, shape)
        self.packed[dtype] = start + math.prod(shape)

    def steps(self, phase: int) -> int:
        """How many steps a phase has room for; 0 where it is one batch."""
        return self.sizes.steps.get(self.order.phases[phase], 0)

    def phase(self, number: int) -> list[Kind]:
        """The kinds of a phase that a program has room for."""
        return [self.kinds[index] for index in self.order.phases[number] if self.sizes.rows[index]]
