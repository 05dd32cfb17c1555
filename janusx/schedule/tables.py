"""From a recording to the arrays that the compiled program runs by: all of it NumPy, nothing row by row.

Rows that read no array come first, all of a kind at once. The others are put into *steps* of a fixed width, each of one
kind and level; levels follow each other. What a step gives lies together in the buffer of its aval, so the place of an
array is known from its step and lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from janusx.schedule.recording import Aval, Host, Kind, Missed, Recording

WIDEST = 256


@dataclass(frozen=True)
class Sizes:
    """What a program has room for.

    Attributes:
        width: rows of a step.
        steps: how many steps.
        free: for each kind without reads, how many rows.
    """

    width: int
    steps: int
    free: tuple[int, ...]


def room(count: int) -> int:
    """The next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def sizes_of(kinds: Sequence[Kind], recording: Recording, before: Sizes | None) -> Sizes:
    """Room for a recording, and for what there was room for before."""
    free = [room(len(rows.ints) // 2) if kind.free and kind.gives else 0 for kind, rows in _paired(kinds, recording)]
    levels = [_rows(kind, recording)[:, 0] for kind in kinds if not kind.free]
    counts = [np.unique(each, return_counts=True)[1] for each in levels if len(each)]
    groups = np.concatenate(counts) if counts else np.zeros(0, int)
    width = before.width if before is not None else min(room(-(-int(groups.sum()) // max(len(groups), 1))), WIDEST)
    steps = room(int((-(-groups // width)).sum())) if len(groups) else 0
    if before is not None:
        steps = max(steps, before.steps)
        free = [max(new, old) for new, old in zip(free, [*before.free, *[0] * len(free)], strict=False)]
    return Sizes(width, steps, tuple(free))


def _rows(kind: Kind, recording: Recording) -> np.ndarray[Any, Any]:
    """Level, number and reads of the rows of a kind."""
    return np.array(recording.rows[kind.index].ints, np.int64).reshape(-1, 2 + len(kind.reads))


def _paired(kinds: Sequence[Kind], recording: Recording) -> Any:
    return zip(kinds, recording.rows, strict=True)


@dataclass(frozen=True)
class Layout:
    """Where everything lies. The same for the program and for the arrays that it is run by.

    Attributes:
        kinds: the kinds of array work.
        sizes: what there is room for.
        outer: the avals of the arrays from around the structure.
        bases: by kind without reads and aval, where what it gives begins.
        per_row: by kind and aval, how many arrays a row gives.
        starts: by aval, where the steps begin.
        stride: by aval, how many places a row of a step has.
        reads: by aval, how many arrays a row of a step may read.
        hosts: likewise, by the aval of a Python value.
        rows: by aval, the length of its buffer.
    """

    kinds: tuple[Kind, ...]
    sizes: Sizes
    outer: tuple[int, ...]
    bases: dict[tuple[int, int], int] = field(default_factory=dict)
    per_row: dict[tuple[int, int], int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    stride: dict[int, int] = field(default_factory=dict)
    reads: dict[int, int] = field(default_factory=dict)
    hosts: dict[Aval, int] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = {*self.outer, *(aval for kind in self.kinds for aval in (*kind.gives, *kind.reads))}
        for aval in sorted(used):
            at = self.outer.count(aval)
            for kind in self.kinds:
                count = self.per_row[kind.index, aval] = kind.gives.count(aval)
                if kind.free:
                    self.bases[kind.index, aval] = at
                    at += count * self.sizes.free[kind.index]
            self.starts[aval] = at
            moving = [kind for kind in self.kinds if not kind.free]
            self.stride[aval] = max((kind.gives.count(aval) for kind in moving), default=0)
            self.reads[aval] = max((kind.reads.count(aval) for kind in moving), default=0)
            self.rows[aval] = max(at + self.sizes.steps * self.sizes.width * self.stride[aval], 1)
        for kind in self.kinds:
            if not kind.free:
                avals = [host.aval for host in kind.hosts]
                for each in avals:
                    self.hosts[each] = max(self.hosts.get(each, 0), avals.count(each))

    def moving(self) -> list[Kind]:
        """The kinds that go in steps."""
        return [kind for kind in self.kinds if not kind.free and kind.gives]

    def fixed(self) -> list[Kind]:
        """The kinds that are computed before all steps."""
        return [kind for kind in self.kinds if kind.free and kind.gives]


def ranks(items: Sequence[Any]) -> list[int]:
    """For each item how many like it come before."""
    return [list(items[:i]).count(item) for i, item in enumerate(items)]


def columns(hosts: Sequence[Host], values: list[Any]) -> list[np.ndarray[Any, Any]]:
    """The Python values of rows, an array for each."""
    found = []
    for i, host in enumerate(hosts):
        column = np.array(values[i :: len(hosts)], dtype=None if host.kind is np.ndarray else host.kind)
        if host.kind is int and column.size and (column.max() > 0x7FFFFFFF or column.min() < -0x80000000):
            raise Missed("a number that does not fit an array of JAX")
        found.append(column.astype(host.aval.dtype))
    return found


def tables(layout: Layout, recording: Recording, roots: Sequence[int]) -> list[np.ndarray[Any, Any]]:
    """The arrays that a program is run by, in the order in which `execution.run` takes them.

    Raises:
        Missed: there is no room for the recording.
    """
    sizes, kinds = layout.sizes, layout.kinds
    stride = recording.stride
    place = np.zeros(recording.next_row() * stride, np.int32)
    place[: recording.outer * stride : stride] = ranks(layout.outer)
    out: list[np.ndarray[Any, Any]] = []
    for kind in layout.fixed():
        rows, size = _rows(kind, recording), sizes.free[kind.index]
        if len(rows) > size:
            raise Missed("more rows than there is room for")
        _put(layout, kind, rows[:, 1] * stride, np.arange(len(rows)), place, layout.bases)
        for host, column in zip(kind.hosts, columns(kind.hosts, recording.rows[kind.index].hosts), strict=True):
            padded = np.zeros((size, *host.aval.shape), host.aval.dtype)
            padded[: len(column)] = column
            padded[len(column) :] = column[0] if len(column) else 0
            out.append(padded)
    if sizes.steps:
        out += _steps(layout, recording, place)
    elif any(recording.rows[kind.index].ints for kind in layout.moving()):
        raise Missed("steps where there were none")
    assert kinds is layout.kinds
    return [*out, place[list(roots)] if len(roots) else np.zeros(0, np.int32)]


def _put(layout: Layout, kind: Kind, numbers: Any, at: Any, place: Any, bases: dict[tuple[int, int], int]) -> None:
    """Note where the arrays lie that the rows of a kind give."""
    for i, (aval, rank) in enumerate(zip(kind.gives, ranks(kind.gives), strict=True)):
        if bases:
            place[numbers + i] = bases[kind.index, aval] + at * layout.per_row[kind.index, aval] + rank
        else:
            place[numbers + i] = layout.starts[aval] + at * layout.stride[aval] + rank


def _steps(layout: Layout, recording: Recording, place: Any) -> list[np.ndarray[Any, Any]]:
    width, steps = layout.sizes.width, layout.sizes.steps
    moving = layout.moving()
    rows = {kind.index: _rows(kind, recording) for kind in moving}
    order, groups = {}, []
    for number, kind in enumerate(moving):
        levels = rows[kind.index][:, 0]
        order[kind.index] = np.argsort(levels, kind="stable")
        unique, counts = np.unique(levels, return_counts=True)
        groups.append(np.stack([unique, np.full(len(unique), number), counts, -(-counts // width)]))
    every = np.concatenate(groups, axis=1)
    every = every[:, np.lexsort((every[1], every[0]))]
    used = int(every[3].sum())
    if used > steps:
        raise Missed("more steps than there is room for")
    which = np.full(steps, len(moving), np.int32)
    which[:used] = np.repeat(every[1], every[3])
    start = np.cumsum(every[3]) - every[3]
    valid = np.zeros(steps * width, bool)
    at: dict[int, Any] = {}
    for number, kind in enumerate(moving):
        mine = every[1] == number
        counts = every[2][mine]
        before = np.cumsum(counts) - counts
        within = np.arange(int(counts.sum())) - np.repeat(before, counts)
        lanes = np.repeat(start[mine] * width, counts) + within
        valid[lanes] = True
        at[kind.index] = np.empty(len(lanes), np.int64)
        at[kind.index][order[kind.index]] = lanes
        _put(layout, kind, rows[kind.index][:, 1] * recording.stride, at[kind.index], place, {})
    # A lane without a row does what the first of its step does: nothing that a gradient could not bear.
    own = np.arange(steps * width)
    source = np.where(valid, own, own - own % width)
    reads = {aval: np.zeros((steps * width, count), np.int32) for aval, count in layout.reads.items() if count}
    hosts = {
        aval: np.zeros((steps * width, count, *aval.shape), aval.dtype) for aval, count in layout.hosts.items() if count
    }
    for kind in moving:
        numbers = place[rows[kind.index][:, 2:]]
        for i, (aval, rank) in enumerate(zip(kind.reads, ranks(kind.reads), strict=True)):
            reads[aval][at[kind.index], rank] = numbers[:, i]
        avals = [host.aval for host in kind.hosts]
        for host, rank, column in zip(
            kind.hosts, ranks(avals), columns(kind.hosts, recording.rows[kind.index].hosts), strict=True
        ):
            hosts[host.aval][at[kind.index], rank] = column
    pools = [*reads.values(), *hosts.values()]
    return [which, *(pool[source].reshape(steps, width, *pool.shape[1:]) for pool in pools)]
