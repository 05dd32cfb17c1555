"""From a recording to the tables that the compiled program is run by: all of it NumPy, nothing row by row.

A phase that recurses begins with its first level, and goes through *steps*. In each, every kind of the phase has a
number of lanes; the rows of a kind and level come in one step after the other, not before all lower levels are done. So
a level may be wider than a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.schedule.chains import FAN
from janusx.schedule.layout import Layout, Sizes
from janusx.schedule.order import APART, Order
from janusx.schedule.recording import Host, Kind, Missed, Recording

Array = np.ndarray[Any, Any]


class Ordered(Missed):
    """A row reads what the order computes later."""


@dataclass(frozen=True)
class Found:
    """The rows of one kind.

    Attributes:
        levels: from 0, of each row; empty where all rows are one batch.
        gives: numbers of the arrays that rows give, a column each.
        reads: of those that they read; of chains coded (`chains`), or for a batch of chains how many they read.
        terms: coded numbers of what a batch of chains reads.
    """

    levels: Array
    gives: Array
    reads: Array
    terms: Array

    @staticmethod
    def of(kind: Kind, order: Order, recording: Recording) -> Found:
        """Those of a recording."""
        spot, rows = order.spots[kind.index], recording.rows[kind.index]
        leading, given = (1 if spot else 0), len(kind.gives)
        reads = (FAN if spot else 1) if kind.chain else len(kind.reads)
        width = leading + given + reads
        ints = np.array(rows.ints, np.int64).reshape(len(rows.ints) // max(width, 1), width)
        levels = (ints[:, 0] - spot.base) // spot.count if spot else np.zeros(0, np.int64)
        if spot and len(levels) and int(levels.max()) * spot.count >= APART:
            raise Missed("a structure that is too deep")
        terms = np.array(rows.terms, np.int64)
        return Found(levels, ints[:, leading : leading + given], ints[:, leading + given :], terms)

    @property
    def numbers(self) -> Array:
        """All numbers that are read."""
        return np.concatenate([self.reads.reshape(-1), self.terms])


def found_in(kinds: Sequence[Kind], order: Order, recording: Recording) -> list[Found]:
    """The rows of all kinds."""
    return [Found.of(kind, order, recording) for kind in kinds]


def edges(kinds: Sequence[Kind], found: Sequence[Found], recording: Recording) -> dict[tuple[int, int], int]:
    """Which kinds read which, and how often."""
    givers = [np.full(len(pool) + 1, -1) for pool in recording.pools]
    for kind, rows in zip(kinds, found, strict=True):
        for i, aval in enumerate(kind.gives):
            givers[aval][rows.gives[:, i]] = kind.index
    made: dict[tuple[int, int], int] = {}
    for kind, rows in zip(kinds, found, strict=True):
        if kind.chain:
            numbers = (rows.reads.reshape(-1) if not len(rows.terms) else rows.terms) >> 2
            columns = [(kind.gives[0], numbers)]
        else:
            columns = [(aval, rows.reads[:, i]) for i, aval in enumerate(kind.reads)]
        for aval, numbers in columns:
            for giver, count in zip(*np.unique(givers[aval][numbers], return_counts=True), strict=True):
                if giver >= 0:
                    key = int(giver), kind.index
                    made[key] = made.get(key, 0) + int(count)
    return made


# --- steps ------------------------------------------------------------------------------------------------------------


def starts(counts: Sequence[Array], widths: Sequence[int]) -> tuple[list[Array], int]:
    """In which step the rows of each kind and level begin, and how many steps there are.

    Args:
        counts: for each kind of a phase, how many rows each level has.
        widths: for each, how many lanes a step has.
    """
    if len(counts) == 1:
        blocks = -(-counts[0] // widths[0])
        return [np.cumsum(blocks) - blocks], int(blocks.sum())
    depth = max(map(len, counts), default=0)
    lists = [[*each.tolist(), *[0] * (depth - len(each))] for each in counts]
    made: list[list[int]] = [[] for _ in counts]
    last, position = -1, len(counts)
    for level in zip(*lists, strict=True):
        for i, count in enumerate(level):
            first = last if i > position else last + 1
            made[i].append(first)
            if count:
                last, position = first + (count - 1) // widths[i], i
    return [np.array(each, np.int64) for each in made], last + 1


def room(count: int) -> int:
    """The next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def _ample(count: int, spare: float) -> int:
    """Room for a count and some more, in eighths of a power of two: a row too many costs less than a compile."""
    wanted = int(count * spare) + 2
    unit = max(room(wanted) // 16, 1)
    return -(-wanted // unit) * unit


OVERHEAD = 48
"""What a step costs beside its lanes, in lanes: 67 with a TreeRNN of 16 units on 2 cores, fewer with more units."""

SURE = 8
"""Rows of a kind; with fewer, another structure may well have none."""

WIDTHS = (8, 16, 32, 64, 128, 256, 512)


def _steps_of(counts: Sequence[Array]) -> tuple[list[int], int]:
    """The widths that make a phase cheapest, and how many steps it has."""
    best: tuple[float, list[int], int] | None = None
    for width in WIDTHS:
        widths = [min(width, room(int(each.max()))) if len(each) else 1 for each in counts]
        steps = starts(counts, widths)[1]
        cost = steps * (OVERHEAD * len(counts) + sum(widths))
        if best is None or cost < best[0]:
            best = cost, widths, steps
    assert best is not None
    return best[1], best[2]


def sizes_of(
    kinds: Sequence[Kind], order: Order, found: Sequence[Found], before: Sizes | None, earlier: Order | None
) -> Sizes:
    """Room for a recording, and for what there was room for before."""
    same = earlier.phases if earlier is not None else ()
    made = _Sizes([0] * len(kinds), [0] * len(kinds), set(before.late if before is not None else ()))
    terms, steps = dict[int, int](), dict[tuple[int, ...], int]()
    for phase in order.phases:
        looped = order.spots[phase[0]] is not None
        known = before if before is not None and phase in same and (phase in before.steps) == looped else None
        if looped:
            steps[phase] = made.steps(phase, found, known)
            continue
        (index,) = phase
        count = len(found[index].gives)
        made.rows[index] = _grown(count if kinds[index].gives else 0, known.rows[index] if known is not None else 0)
        if kinds[index].chain:
            terms[index] = _grown(len(found[index].terms), known.terms.get(index, 0) if known is not None else 0)
        if count < SURE:
            made.late.add(index)
    return Sizes(tuple(made.rows), tuple(made.first), terms, steps, frozenset(made.late))


def _grown(count: int, before: int) -> int:
    """Room for rows that are one batch."""
    return before if count <= before else room(int(count * 1.1))


@dataclass
class _Sizes:
    """Sizes under way: see `Sizes`."""

    rows: list[int]
    first: list[int]
    late: set[int]

    def steps(self, phase: tuple[int, ...], found: Sequence[Found], known: Sizes | None) -> int:
        """Sets the widths of a phase; returns how many steps it has room for."""
        every = [np.bincount(found[index].levels, minlength=1) for index in phase]
        counts = [each[1:] for each in every]
        sure = SURE if len(phase) > 1 else 1  # what recurses alone has a row in the first level, or none at all
        self.late |= {index for index, each in zip(phase, every, strict=True) if each[0] < sure}
        widths = [known.rows[index] if known is not None else 0 for index in phase]
        old = known.steps[phase] if known is not None else 0
        for index, each in zip(phase, every, strict=True):
            self.first[index] = _grown(int(each[0]), known.first[index] if known is not None else 0)
        fits = all(width or not sum(each) for width, each in zip(widths, counts, strict=True))
        need = starts(counts, [max(width, 1) for width in widths])[1] if fits else 0
        if not old or not fits or need > old:
            best, need = _steps_of(counts)
            widths = list(map(max, widths, best))
            old = max(old, _ample(need, 1.25 if known is None else 1.5))
        for index, width in zip(phase, widths, strict=True):
            self.rows[index] = width
        return old


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(layout: Layout, recording: Recording, roots: Sequence[int]) -> list[Array]:
    """The arrays that a program is run by, one for each dtype, in the order of `layout.packed`.

    Raises:
        Missed: there is no room for the recording.
    """
    made = _Tables(layout, recording)
    for number in range(len(layout.order.phases)):
        if layout.steps(number):
            made.steps(number)
        else:
            made.batch(number)
    places = [made.place[aval][root] for aval, root in zip(layout.roots, roots, strict=True)]
    layout.tables[-1, "roots"].of(made.packed)[:] = places
    return list(made.packed.values())


class _Tables:
    """The tables of one recording, under way."""

    def __init__(self, layout: Layout, recording: Recording):
        self.layout = layout
        self.recording = recording
        self.packed = {dtype: np.zeros(max(size, 1), dtype) for dtype, size in layout.packed.items()}
        self.place = [np.full(len(pool) + 1, APART, np.int32) for pool in recording.pools]
        ranks: dict[int, int] = {}
        for handle in recording.outer:
            ranks[handle.aval] = ranks.get(handle.aval, -1) + 1
            self.place[handle.aval][handle.number] = ranks[handle.aval]

    def table(self, index: int, name: str) -> Array:
        """A table, to be filled."""
        return self.layout.tables[index, name].of(self.packed)  # type: ignore[no-any-return]

    def found(self, kind: Kind) -> Found:
        """The rows of a kind."""
        return Found.of(kind, self.layout.order, self.recording)

    def nothing(self, number: int) -> None:
        """Kinds of a phase that the program has no room for have no rows."""
        for index in self.layout.order.phases[number]:
            if not self.layout.sizes.rows[index] and self.recording.rows[index].ints:
                raise Missed("a kind of array work that was not there")

    def batch(self, number: int) -> None:
        """A kind whose rows are computed at once."""
        self.nothing(number)
        for kind in self.layout.phase(number):
            found, size = self.found(kind), self.layout.sizes.rows[kind.index]
            count = len(found.gives)
            if count > size or len(found.terms) > self.layout.sizes.terms.get(kind.index, 0):
                raise Missed("more rows than there is room for")
            lanes = np.arange(size)
            lanes[count:] = 0  # a lane without a row does what the first does: nothing that a gradient could not bear
            if kind.chain:
                self.chains(number, kind, found)
            elif kind.reads and count:
                self.table(kind.index, "reads")[:] = self.slots(number, kind, found.reads)[lanes]
            self.hosts(kind, lanes if count else None)
            self.presence(kind, np.array([count > 0]))
            for i, aval in enumerate(kind.gives):
                self.place[aval][found.gives[:, i]] = self.layout.places[kind.index, i] + np.arange(count)

    def chains(self, number: int, kind: Kind, found: Found) -> None:
        """Chains that are no part of a recursion: each term has an owner."""
        terms, owners = self.table(kind.index, "reads"), self.table(kind.index, "owners")
        count = len(found.terms)
        terms[:count] = self.coded(number, kind, found.terms)
        owners[:count] = np.repeat(np.arange(len(found.reads)), found.reads[:, 0])

    def steps(self, number: int) -> None:
        """The kinds of a phase that goes through steps."""
        self.nothing(number)
        layout, kinds = self.layout, self.layout.phase(number)
        found = [self.found(kind) for kind in kinds]
        widths = [layout.sizes.rows[kind.index] for kind in kinds]
        counts = [np.bincount(each.levels, minlength=1) for each in found]
        begin, used = starts([each[1:] for each in counts], widths)
        if used > layout.steps(number):
            raise Missed("more steps than there is room for")
        sources = []
        for kind, rows, count, start, width in zip(kinds, found, counts, begin, widths, strict=True):
            levels = rows.levels.astype(np.uint16) if len(count) < 1 << 16 else rows.levels
            order = np.argsort(levels, kind="stable")
            first, later = int(count[0]), count[1:]
            if first > layout.sizes.first[kind.index]:
                raise Missed("more rows than there is room for")
            head, tail = order[:first], order[first:]
            lanes = np.arange(len(tail)) + np.repeat(start[: len(later)] * width - (np.cumsum(later) - later), later)
            for i, aval in enumerate(kind.gives):
                block = layout.blocks[number, aval]
                at = lanes if block == width else lanes // width * block + lanes % width
                self.place[aval][rows.gives[head, i]] = layout.heads[kind.index, i] + np.arange(first)
                self.place[aval][rows.gives[tail, i]] = layout.places[kind.index, i] + at
            sources.append((head, self.lanes(kind, layout.steps(number), width, lanes, order, first)))
        for kind, rows, (head, source) in zip(kinds, found, sources, strict=True):
            if len(rows.gives):
                self.fill(number, kind, rows, head, source)

    def fill(self, number: int, kind: Kind, rows: Found, head: Array, source: Array) -> None:
        """What the rows of a kind read, and their Python values."""
        size = self.layout.sizes.first[kind.index]
        reads = (self.coded if kind.chain else self.slots)(number + 1, kind, rows.reads)
        values = columns(kind.hosts, self.recording.rows[kind.index].hosts)
        firsts = np.zeros(size, np.int64)
        firsts[: len(head)] = head
        firsts[len(head) :] = head[0] if len(head) else 0
        for prefix, lanes in (("first ", firsts), ("", source)) if size else (("", source),):
            if kind.reads:
                self.table(kind.index, f"{prefix}reads")[:] = reads[lanes]
            for i, column in enumerate(values):
                self.table(kind.index, f"{prefix}{i}")[:] = column[lanes]

    def lanes(self, kind: Kind, steps: int, width: int, lanes: Array, order: Array, first: int) -> Array:
        """The row of each lane. One without a row does what the first of its step does, or of the last that had one."""
        source = np.full((steps, width), -1)
        source.reshape(-1)[lanes] = order[first:]
        heads = source[:, 0]
        last = np.maximum.accumulate(np.where(heads >= 0, np.arange(steps), -1))
        self.presence(kind, np.concatenate([[first > 0], (last >= 0) | (first > 0)]))
        fill = np.where(last >= 0, heads[last], order[0] if len(order) else 0)
        return np.where(source >= 0, source, fill[:, None])

    def presence(self, kind: Kind, present: Array) -> None:
        """Whether a kind has had a row: in the first level, and in each step."""
        if kind.index in self.layout.sizes.late:
            self.table(kind.index, "present")[:] = present
        elif not present[0]:
            raise Missed("a kind of array work that is not there, or not at first")

    def slots(self, phase: int, kind: Kind, numbers: Array) -> Array:
        """Where arrays lie that a kind reads."""
        columns = []
        for i, aval in enumerate(kind.reads):
            columns.append(self.place[aval][numbers[:, i]])
            if len(numbers) and columns[-1].max() >= self.limit(phase, aval):
                raise Ordered("a row reads what is computed later")
        return np.stack(columns, 1)

    def coded(self, phase: int, kind: Kind, codes: Array) -> Array:
        """Likewise what chains read, with what is done with it."""
        aval = kind.gives[0]
        slots = self.place[aval][codes >> 2]
        if len(codes) and slots.max() >= self.limit(phase, aval):
            raise Ordered("a row reads what is computed later")
        return slots * 4 + (codes & 3).astype(np.int32)

    def limit(self, phase: int, aval: int) -> int:
        """Where ends what the phases before one have given."""
        if phase == len(self.layout.order.phases):
            return self.layout.lengths[aval]
        return self.layout.limits.get((phase, aval), 0)

    def hosts(self, kind: Kind, source: Array | None) -> None:
        """The Python values of rows that are one batch."""
        if source is not None:
            values = columns(kind.hosts, self.recording.rows[kind.index].hosts)
            for i, column in enumerate(values):
                self.table(kind.index, str(i))[:] = column[source]


def columns(hosts: Sequence[Host], values: list[Any]) -> list[Array]:
    """The Python values of rows, an array for each."""
    found = []
    for i, host in enumerate(hosts):
        column = np.array(values[i :: len(hosts)], dtype=None if host.kind is np.ndarray else host.kind)
        if host.kind is int and column.size and (column.max() > 0x7FFFFFFF or column.min() < -0x80000000):
            raise Missed("a number that does not fit an array of JAX")
        found.append(column.astype(host.aval.dtype))
    return found
