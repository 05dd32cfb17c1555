"""In which order kinds of array work are computed: those that recurse together in one loop, all others once.

An edge says that rows of one kind have read what rows of another one gave. Kinds on a cycle of edges are a *phase* that
goes through steps; a kind on no cycle is a phase of its own, computed as one batch. Both follow what they read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Edges = Mapping[tuple[int, int], int]
"""By the kind that gave and the kind that read: how often."""

APART = 1 << 26
"""Levels of different phases differ by that much; below 2**30, Python's integers have one digit."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of a kind that goes in steps.

    Attributes:
        base: the first level of its phase.
        position: its own in each step, in the order in which the kinds of a step are computed.
        count: how many kinds a step has.
    """

    base: int
    position: int
    count: int

    def step(self, highest: int) -> int:
        """The first step that is after the highest level of what a row reads; 0 is the first level, no step."""
        return (highest - self.base - self.position) // self.count + 1 if highest >= self.base else 0

    def level(self, step: int) -> int:
        """The level of this kind in a step."""
        return self.base + step * self.count + self.position


@dataclass(frozen=True)
class Order:
    """The phases, first to last.

    Attributes:
        phases: the kinds of each.
        spots: for each kind its place in the steps of its phase, or None where all rows are one batch.
    """

    phases: tuple[tuple[int, ...], ...] = ()
    spots: tuple[Spot | None, ...] = ()

    @staticmethod
    def of(kinds: int, edges: Edges, rows: Mapping[int, int], halving: Collection[int]) -> Order:
        """The order for some kinds.

        Args:
            kinds: how many there are.
            edges: which read which.
            rows: how many rows each has.
            halving: kinds that read their own results where a row reads a lot.
        """
        phases = tuple(tuple(_within(group, edges, rows)) for group in _cycles(kinds, edges))
        spots: list[Spot | None] = [None] * kinds
        for number, phase in enumerate(phases, 1):
            first = phase[0]
            if len(phase) == 1 and (first, first) not in edges and first not in halving:
                continue
            for position, kind in enumerate(phase):
                spots[kind] = Spot(number * APART, position, len(phase))
        return Order(phases, tuple(spots))


def _cycles(kinds: int, edges: Edges) -> list[list[int]]:
    """The strongly connected kinds, what is read before what reads it (Tarjan, with a stack of its own)."""
    sources: dict[int, list[int]] = {kind: [] for kind in range(kinds)}
    for giver, reader in edges:
        sources[reader].append(giver)
    numbers: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    found: list[list[int]] = []
    done = set[int]()
    for root in range(kinds):
        work = [(root, iter(sources[root]))] if root not in numbers else []
        while work:
            kind, rest = work[-1]
            if kind not in numbers:
                numbers[kind] = low[kind] = len(numbers)
                path.append(kind)
            following = next(rest, None)
            if following is not None:
                if following not in numbers:
                    work.append((following, iter(sources[following])))
                elif following not in done:
                    low[kind] = min(low[kind], numbers[following])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[kind])
            if low[kind] == numbers[kind]:
                at = path.index(kind)
                found.append(path[at:])
                done |= set(path[at:])
                del path[at:]
    return found


def _within(group: list[int], edges: Edges, rows: Mapping[int, int]) -> list[int]:
    """The kinds of a cycle, so that few reads go back to the step before (Eades, Lin and Smyth 1993)."""
    left, head, tail = sorted(group), list[int](), list[int]()

    def balance(kind: int) -> tuple[int, int]:
        gives = sum(edges.get((kind, other), 0) for other in left if other != kind)
        takes = sum(edges.get((other, kind), 0) for other in left if other != kind)
        return gives - takes, rows.get(kind, 0)

    while left:
        last = [kind for kind in left if not any((kind, other) in edges for other in left if other != kind)]
        if last and len(left) > 1:
            tail.insert(0, last[0])
            left.remove(last[0])
            continue
        best = max(left, key=balance)
        head.append(best)
        left.remove(best)
    return [*head, *tail]
