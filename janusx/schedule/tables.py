"""From a recording to the tables that the compiled program is run by, in NumPy, and the sizes that it needs.

A phase that recurses begins with its first level, and goes through *steps*. In each, every kind of the phase has a
number of lanes. A row goes into the first step with a lane left (`recording.Lanes`): a level may be wider than a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.schedule.chains import FAN
from janusx.schedule.layout import Endless, Layout, Sizes
from janusx.schedule.order import Order
from janusx.schedule.recording import Aval, Host, Kind, Lanes, Missed, Recording

Array = np.ndarray[Any, Any]

# --- sizes ------------------------------------------------------------------------------------------------------------

OVERHEAD, LANE, PRODUCT = 10.0, 0.1, 1e-4
"""Microseconds that a kind costs in a step, a lane of it, and two numbers of which it may make a product; value and
gradient, measured with TreeRNNs of 16 and 64 units on 2 cores."""

SURE = 32
"""Rows of a kind; with fewer, another structure may well have none."""

ENDLESS = 1 << 30


@dataclass(frozen=True, slots=True)
class Count:
    """How much there is of a kind.

    Attributes:
        rows: how many rows.
        first: of these, how many in the first level of a phase.
        terms: of chains that are one batch, how many terms.
        depth: how many steps at least.
    """

    rows: int
    first: int = 0
    terms: int = 0
    depth: int = 0

    @staticmethod
    def of(kind: Kind, recording: Recording) -> Count:
        """That of a recording with endless lanes."""
        rows, lanes = recording.rows[kind.index], recording.lanes[kind.index]
        if lanes.spot is None:
            width = 2 if kind.chain else 1 + len(kind.reads)
            return Count(len(rows.ints) // width, 0, len(rows.terms))
        used = {step: ENDLESS - left for step, left in lanes.left.items()}
        return Count(sum(used.values()), used.get(0, 0), 0, max(used, default=0))


def endless(kinds: Sequence[Kind], order: Order) -> list[Lanes]:
    """Lanes for counting: each row in the first step that there is for it."""
    made = []
    for kind in kinds:
        zero: list[Any] = [Endless({}, 0) for _ in kind.gives]
        spot = order.spots[kind.index] if kind.index < len(order.spots) else None
        if spot is None:
            made.append(Lanes(None, starts=[0] * len(kind.gives)))
        else:
            made.append(Lanes(spot, Endless({}, ENDLESS), Endless({}, 0), zero))
    return made


def room(count: int) -> int:
    """The next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def ample(count: int, spare: float) -> int:
    """Room for a count and some more, in fractions of a power of two: a row too many costs less than a compile."""
    wanted = int(count * spare) + 2
    unit = max(room(wanted) // 16, 1)
    return -(-wanted // unit) * unit


def sizes_of(
    kinds: Sequence[Kind],
    avals: Sequence[Aval],
    order: Order,
    counts: Sequence[Count],
    before: Sizes | None,
) -> Sizes:
    """Room for what was counted, and for what there was room for before; steps are those of before, or not known."""
    rows, first = [0] * len(kinds), [0] * len(kinds)
    late = set(before.late if before is not None else ())
    terms, steps = dict[int, int](), dict[tuple[int, ...], int]()
    for phase in order.phases:
        looped = order.spots[phase[0]] is not None
        known = before if before is not None and phase in before.phases(looped) else None
        if looped:
            # What recurses alone has a row in the first level, or none at all.
            late |= {index for index in phase if counts[index].first < (SURE if len(phase) > 1 else 1)}
            widths = _widths([kinds[index] for index in phase], avals, counts)
            for index, width in zip(phase, widths, strict=True):
                rows[index] = max(width, known.rows[index] if known is not None else 0)
                first[index] = max(_even(counts[index].first), known.first[index] if known is not None else 0)
            steps[phase] = known.steps[phase] if known is not None else 1
            continue
        (index,) = phase
        rows[index] = _grown(
            counts[index].rows if kinds[index].gives else 0, known.rows[index] if known is not None else None
        )
        if kinds[index].chain:
            terms[index] = _grown(counts[index].terms, known.terms.get(index) if known is not None else None)
        if counts[index].rows < SURE:
            late.add(index)
    batches = frozenset(phase for phase in order.phases if phase not in steps)
    return Sizes(tuple(rows), tuple(first), terms, steps, frozenset(late), batches)


def _grown(count: int, before: int | None) -> int:
    """Room for rows that are one batch."""
    if before is not None and count <= before:
        return before
    return room(count) * (count > 0) if count < 4 else room(int(count * 1.25) + 4)


def _even(count: int) -> int:
    return -(-count // 8) * 8


def _widths(kinds: Sequence[Kind], avals: Sequence[Aval], counts: Sequence[Count]) -> list[int]:
    """How many lanes each kind of a phase has in a step, so that all steps together cost least."""
    depth = max(counts[kind.index].depth for kind in kinds) or 1
    rest = [counts[kind.index].rows - counts[kind.index].first for kind in kinds]
    best: tuple[float, list[int]] | None = None
    for share in (0.25, 0.5, 1.0, 2.0, 4.0):
        full = max(depth * share, 1.0)  # steps that are full, before those that only the deepest structures need
        widths = [max(-(-int(count * 1.1) // int(full)), 1) for count in rest]
        widths = [width if width < 4 else -(-width // 4) * 4 for width in widths]
        lanes = sum(width * _lane(kind, avals) for kind, width in zip(kinds, widths, strict=True))
        cost = (full + depth) * (OVERHEAD * len(kinds) + lanes)
        if best is None or cost < best[0]:
            best = cost, widths
    assert best is not None
    return best[1]


def _lane(kind: Kind, avals: Sequence[Aval]) -> float:
    """What a lane may cost."""
    read, given = (sum(int(np.prod(avals[aval].shape)) for aval in part) for part in (kind.reads, kind.gives))
    return LANE + (0.0 if kind.chain else PRODUCT * read * given)


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(layout: Layout, recording: Recording, roots: Sequence[int]) -> list[Array]:
    """The arrays that a program is run by, one for each dtype, in the order of `layout.packed`.

    Args:
        layout: where everything lies.
        recording: made with its lanes.
        roots: the places of the results.

    Raises:
        Missed: there is no room for the recording.
    """
    made = _Tables(layout, recording)
    for number in range(len(layout.order.phases)):
        made.phase(number)
    layout.tables[-1, "roots"].of(made.packed)[:] = roots
    return list(made.packed.values())


class _Tables:
    """The tables of one recording, under way."""

    def __init__(self, layout: Layout, recording: Recording):
        self.layout = layout
        self.recording = recording
        self.packed = {dtype: np.zeros(max(size, 1), dtype) for dtype, size in layout.packed.items()}

    def table(self, index: int, name: str) -> Array:
        """A table, to be filled."""
        return self.layout.tables[index, name].of(self.packed)  # type: ignore[no-any-return]

    def phase(self, number: int) -> None:
        """The kinds of a phase."""
        sizes = self.layout.sizes
        for index in self.layout.order.phases[number]:
            if not sizes.rows[index] and self.recording.rows[index].ints:
                raise Missed("a kind of array work that was not there")
        steps = self.layout.steps(number)
        for kind in self.layout.phase(number):
            rows = self.recording.rows[kind.index]
            reads = (FAN if steps else 1) if kind.chain else len(kind.reads)
            ints = np.array(rows.ints, np.int64).reshape(-1, 1 + reads)
            if steps:
                source = self.lanes(kind, steps, ints[:, 0])
            else:
                source = np.arange(sizes.rows[kind.index])
                if len(ints) > len(source):
                    raise Missed("more rows than there is room for")
                source[len(ints) :] = 0  # a lane without a row does what the first does
                self.presence(kind, np.array([len(ints) > 0]))
            self.fill(number, kind, ints[:, 1:], source)

    def fill(self, number: int, kind: Kind, reads: Array, source: Array) -> None:
        """What the lanes of a kind read, and their Python values."""
        if kind.chain and not self.layout.steps(number):
            self.chains(number, kind, reads[:, 0])
            return
        if not len(reads):
            return
        after = number + 1 if self.layout.steps(number) else number
        if kind.reads:
            places = reads >> 2 if kind.chain else reads
            for i, aval in enumerate(kind.reads[:1] if kind.chain else kind.reads):
                self.check(after, aval, places if kind.chain else places[:, i])
            self.table(kind.index, "reads")[:] = reads[source]
        for i, column in enumerate(columns(kind.hosts, self.recording.rows[kind.index].hosts)):
            self.table(kind.index, str(i))[:] = column[source]

    def chains(self, number: int, kind: Kind, counts: Array) -> None:
        """Chains that are no part of a recursion: each term has an owner."""
        codes = np.array(self.recording.rows[kind.index].terms, np.int64)
        if len(codes) > self.layout.sizes.terms[kind.index]:
            raise Missed("longer chains than there is room for")
        if len(codes):
            self.check(number, kind.gives[0], codes >> 2)
        self.table(kind.index, "reads")[: len(codes)] = codes
        self.table(kind.index, "owners")[: len(codes)] = np.repeat(np.arange(len(counts)), counts)

    def check(self, phase: int, aval: int, places: Array) -> None:
        """Make sure that nothing is read before it is there: another structure may have what no order allows for."""
        layout = self.layout
        whole = phase == len(layout.order.phases)
        limit = layout.lengths[aval] if whole else layout.limits.get((phase, aval), 0)
        if places.max() >= limit:
            raise Missed("a row reads what is computed later")

    def lanes(self, kind: Kind, steps: int, lanes: Array) -> Array:
        """The row of each lane. One without a row does what the first of its step does, or of the last that had one."""
        first, width = self.layout.sizes.first[kind.index], self.layout.sizes.rows[kind.index]
        source = np.full(first + steps * width, -1)
        source[lanes] = np.arange(len(lanes))
        heads = source[first + width - 1 :: width]  # lanes are given out from the last one
        begun = first > 0 and source[first - 1] >= 0
        last = np.maximum.accumulate(np.where(heads >= 0, np.arange(steps), -1))
        self.presence(kind, np.concatenate([[begun], (last >= 0) | begun]))
        before = source[first - 1] if begun else -1  # garbage could be infinite, and zero times that is no gradient
        fill = np.where(last >= 0, heads[last], before)
        fills = np.concatenate([np.full(first, before), np.repeat(fill, width)])
        return np.where(source >= 0, source, fills)

    def presence(self, kind: Kind, present: Array) -> None:
        """Whether a kind has had a row: in the first level, and in each step."""
        if kind.index in self.layout.sizes.late:
            self.table(kind.index, "present")[:] = present
        elif not present[0]:
            raise Missed("a kind of array work that is not there, or not at first")


def columns(hosts: Sequence[Host], values: list[Any]) -> list[Array]:
    """The Python values of rows, an array for each."""
    found = []
    for i, host in enumerate(hosts):
        column = np.array(values[i :: len(hosts)], dtype=None if host.kind is np.ndarray else host.kind)
        if host.kind is int and column.size and (column.max() > 0x7FFFFFFF or column.min() < -0x80000000):
            raise Missed("a number that does not fit an array of JAX")
        found.append(column.astype(host.aval.dtype))
    return found
