"""What the variables of functions that call each other hold, in any activation.

The functions are cut into blocks; these are traced, beginning with the arguments, until what their variables hold
settles. What is handed down as it is stays out of the loop, and off the stack.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from janusx import emitted
from janusx.ops.conditionals import staged_predicate, truth_value
from janusx.signals import Unstageable
from janusx.state import symbols
from janusx.tracing.heap import Heap
from janusx.tracing.recursion import Cut, code_of, cut, target_of
from janusx.tracing.skeleton import Arr, Made, Skeleton, expand, flatten, specs, unflatten, unify
from janusx.tracing.staging import trace_region
from janusx.tracing.structures import content_of
from janusx.tracing.trace import Trace

RESULT = ("return",)
"""Stands, instead of a name, for what a function returns."""

Key = tuple[int, Any]
"""A variable: the number of its function, its name."""

Spot = tuple[int, int]
"""A block: the number of its function, its own."""


@dataclass(frozen=True)
class Same(Skeleton):
    """What a variable holds in every activation: something from outside, which is not carried."""

    value: Any


@dataclass
class Part:
    """A function of the machine: how it was cut, its free variables."""

    cut: Cut
    free: dict[str, Any]


class Activations:
    """The blocks of functions that call each other, and what their variables hold in any activation.

    Attributes:
        trace: the trace under way.
        parts: the functions.
        known: what a variable holds.
        results: for a block after a call, the number of the function that was called.
        reached: the blocks that some activation reaches.
        heap: the objects that there are outside.
        given: what the parameters of the first function got.
    """

    def __init__(self, trace: Trace, fn: types.FunctionType, args: Any, kwargs: Any, cycle: frozenset[Any]):
        self.trace = trace
        self.parts: list[Part] = []
        self.known: dict[Key, Skeleton] = {}
        self.results: dict[Spot, int] = {}
        self.reached: set[Spot] = set()
        self.heap = Heap(trace, [*args, *kwargs.values()])
        self.given = self.bound(fn, args, kwargs)
        self._cycle = cycle
        self._visited: dict[Spot, None] = {}
        self._pending: list[Spot] = []
        self._settle(fn)

    def _settle(self, fn: types.FunctionType) -> None:
        """Trace the blocks until it is known what their variables hold."""
        number = self.number_of(fn, self.given)
        self.known.update({(number, name): Same(value) for name, value in self.given.items()})
        self._go((number, 0))
        while self._pending:
            spot = self._pending.pop()
            with self.trace.region():
                self._visit(spot)
        if (0, RESULT) not in self.known:
            raise Unstageable("it returns on no path")

    def _visit(self, spot: Spot) -> None:
        self._visited[spot] = None
        self.reached.add(spot)
        keys = [key for key in self._keys(spot) if not isinstance(self.known[key], Same)]
        shapes = [specs(self.known[key]) for key in keys]

        def enter(leaves: Sequence[Any]) -> Sequence[Any]:
            return (self.values(keys, leaves),)

        def explore(values: dict[Key, Any]) -> None:
            env = {**self.outside(spot[0]), **values}
            block = self.block(spot)
            first, *rest = self.execute(spot, env)
            if block.end == "return":
                self._learn((spot[0], RESULT), first)
                for after in [after for after, number in self.results.items() if number == spot[0]]:
                    self._return(after)
                return
            for name, value in zip(block.stores, first, strict=True):
                self._learn((spot[0], name), value)
            if block.end == "call":
                self._call(spot, *rest)
                return
            taken = block.next
            if block.end == "branch" and staged_predicate(rest[0]) is None:
                taken = block.next[:1] if truth_value(rest[0]) else block.next[1:]
            for number in taken:
                self._go((spot[0], number))

        trace_region(self.trace, explore, enter, [each for shape in shapes for each in shape], heap=self.heap)

    def execute(self, spot: Spot, env: dict[Key, Any]) -> tuple[Any, ...]:
        """What a block returns; at the end, what the function does, as the only item."""
        block, piece = self.block(spot), self.parts[spot[0]].cut.pieces[spot[1]]
        found = self.trace.function(piece)(*(env[(spot[0], name)] for name in block.params))
        return (found,) if block.end == "return" else found

    def _call(self, spot: Spot, callee: Any, args: Any, kwargs: Any) -> None:
        after = (spot[0], self.block(spot).next[0])
        result = (spot[0], self.block(after).result)
        target = self.target(callee)
        if target is None:
            self._learn(result, self.trace.call(callee)(*args, **kwargs))
            self._go(after)
            return
        given = self.bound(target[0], (*target[1], *args), kwargs)
        number = self.number_of(target[0], given)
        for name, value in given.items():
            self._learn((number, name), value)
        self._go((number, 0))
        if self.results.setdefault(after, number) != number:
            raise Unstageable("one call is of several functions that call each other")
        self._return(after)

    def _return(self, after: Spot) -> None:
        """The block after a call: what it gets is what the function that was called is known to return."""
        found = self.known.get((self.results[after], RESULT))
        if found is not None:
            key = (after[0], self.block(after).result)
            if self.known.get(key) != found:
                self._note(key, found)
            self._go(after)

    @staticmethod
    def bound(fn: types.FunctionType, args: Any, kwargs: Any) -> dict[str, Any]:
        """What the parameters of a function get."""
        bound = inspect.signature(fn).bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def target(self, callee: Any) -> tuple[types.FunctionType, tuple[Any, ...]] | None:
        """The function of the cycle that is called, or None for another."""
        return target_of(callee, self._cycle)

    def _learn(self, key: Key, value: Any) -> None:
        """A variable may hold this; where that is new, blocks that read it are traced again."""
        before = self.known.get(key)
        held = next((each for each in self.known.values() if isinstance(each, Same) and each.value is value), None)
        if held is not None and (before is None or (isinstance(before, Same) and before.value is value)):
            after: Skeleton = held
        else:
            after = opened(flatten(value, self.heap, []))
            if before is not None:
                old = opened(flatten(before.value, self.heap, [])) if isinstance(before, Same) else before
                after = unify(old, after)
        if after != before:
            self._note(key, after)

    def _note(self, key: Key, after: Skeleton) -> None:
        self.known[key] = after
        for spot in [spot for spot in self._visited if key in self._keys(spot)]:
            del self._visited[spot]
            self._go(spot)

    def _go(self, spot: Spot) -> None:
        """A block can be reached: trace it, unless that was done with what its variables hold."""
        if spot not in self._visited and spot not in self._pending and self._is_ready(spot):
            self._pending.append(spot)

    def _is_ready(self, spot: Spot) -> bool:
        return all(key in self.known for key in self._keys(spot))

    # --- blocks -----------------------------------------------------------------------------------------------------

    def block(self, spot: Spot) -> Any:
        """The block at a spot."""
        return self.parts[spot[0]].cut.blocks.blocks[spot[1]]

    def _keys(self, spot: Spot) -> list[Key]:
        """The variables that a block reads, but for free ones."""
        free = self.parts[spot[0]].free
        return [(spot[0], name) for name in self.block(spot).params if name not in free]

    def outside(self, number: int) -> dict[Key, Any]:
        """What is the same in every activation."""
        same = {key: each.value for key, each in self.known.items() if isinstance(each, Same)}
        return same | {(number, name): value for name, value in self.parts[number].free.items()}

    def values(self, keys: Sequence[Key], leaves: Sequence[Any]) -> dict[Key, Any]:
        """Variables made of their leaves; where one is weakly typed, the loop's is not."""
        rest = iter(leaves)
        found = {}
        for key in keys:
            skeleton = self.known[key]
            own = [symbols.weakened(next(rest)) if spec.weak_type else next(rest) for spec in specs(skeleton)]
            found[key] = unflatten(skeleton, iter(own))
        return found

    def number_of(self, fn: types.FunctionType, given: dict[str, Any]) -> int:
        """The number of a function among those of the machine."""
        code = code_of(fn)
        for number, part in enumerate(self.parts):
            if part.cut.fn.__code__ == code and part.cut.fn.__code__.co_filename == code.co_filename:
                return number
        own = fn if emitted.is_emitted(fn.__code__) else self.trace.function(fn)
        cells = emitted.cells_of(own)
        free = {name: content_of(cell) for name, cell in cells.items() if name in code.co_freevars}
        regions, key = self.trace.settings.regions, (code, "blocks", self._cycle)
        if key not in regions:
            regions[key] = cut(self.trace, fn, {**fn.__globals__, **free, **given}, self._cycle)
        self.parts.append(Part(regions[key], free))
        return len(self.parts) - 1


def opened(skeleton: Skeleton) -> Skeleton:
    """A skeleton with constant tuples as what they hold: another tuple may hold the same. No truth is weakly typed."""
    skeleton = expand(skeleton)
    if isinstance(skeleton, Arr) and skeleton.dtype == bool:
        return replace(skeleton, weak=False)  # it decides nothing, and nothing can make one
    return replace(skeleton, items=tuple(map(opened, skeleton.items))) if isinstance(skeleton, Made) else skeleton
