"""Loops rolled into `scan` or `while_loop`, with the carry that tracing the body finds.

The body is traced until it maps the carry's types to themselves. What is carried: the variables that the pass lists,
and whatever the body writes to objects. A guess at both is refined by tracing, and kept by region for the next trace,
so that nested loops are not traced over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from janusx.ops.buffers import appended, exchange, offer, offering
from janusx.signals import Grows, Unstageable
from janusx.state.growing import Growing
from janusx.state.paths import Path, Step
from janusx.tracing import context
from janusx.tracing.heap import Heap, only_grew
from janusx.tracing.replaced import Replaced, fits, settled
from janusx.tracing.skeleton import (
    Arr,
    Made,
    Perhaps,
    Py,
    Rules,
    Skeleton,
    convert_all,
    expand,
    flatten,
    python_kind,
    specs,
    unflatten,
    unify,
)
from janusx.tracing.staging import Region, closure_of, trace_region
from janusx.tracing.trace import Trace

MAX_REFINEMENTS = 8
WIDEN = Rules(widen=True)


@dataclass(frozen=True)
class Carry:
    """A guess at what a loop carries.

    Attributes:
        variables: skeleton of the carried variables.
        writes: object (its place in the snapshot), step and skeleton of each field that the body writes.
        grown: lists (their places in the snapshot) that the body appends to.
    """

    variables: Skeleton
    writes: tuple[tuple[int, Step, Skeleton], ...] = ()
    grown: tuple[int, ...] = ()

    def specs(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of all carried leaves."""
        found = specs(self.variables)
        for _, _, skeleton in self.writes:
            found += specs(skeleton)
        return found


@dataclass(frozen=True)
class Iteration:
    """One iteration, placed.

    Attributes:
        carry: the carried leaves after it.
        rows: the leaves of appended items.
        checks: whether its guards hold.
        extra: what the body returned besides.
        said: the leaves of its effects.
    """

    carry: list[Any]
    rows: list[Any]
    checks: list[Any]
    extra: list[Any]
    said: list[Any]

    def held(self, before: Sequence[Any]) -> list[Any]:
        """The loop's guards after it: those that held before it and now."""
        return [jnp.logical_and(a, b) for a, b in zip(before, self.checks, strict=True)]


@dataclass
class Loop:
    """A loop whose body was traced.

    Attributes:
        carry: what it carries.
        region: the traced body.
        initial: the skeleton of the variables before the loop.
    """

    carry: Carry
    region: Region
    heap: Heap
    initial: Skeleton
    rows: list[tuple[int, int]] = field(
        default_factory=list
    )  # per item appended: place of the list, index of its piece

    def start(self, variables: tuple[Any, ...]) -> list[Any]:
        """The carried leaves before the first iteration."""
        leaves: list[Any] = []
        source = flatten(variables, self.heap, leaves)
        out = convert_all(self.carry.variables, source, leaves)
        for place, step, wanted in self.carry.writes:
            before: list[Any] = []
            skeleton = flatten(dict(self.heap.held(place).fields)[step], self.heap, before)
            out += convert_all(wanted, skeleton, before)
        return out

    def retypes(self) -> bool:
        """Whether a variable or a field has another type after an iteration than before the first."""
        if retyped(self.initial, self.carry.variables):
            return True
        for place, step, skeleton in self.carry.writes:
            before = dict(self.heap.held(place).fields)[step]
            if retyped(flatten(before, self.heap, []), skeleton):
                return True
        return False

    def step(self, leaves: Sequence[Any], inputs: Sequence[Any]) -> Iteration:
        """One iteration."""
        outs = self.region.place(*leaves, *inputs)
        value = self.region.value
        parts = expand(value.skeleton)
        assert isinstance(parts, Made)
        count = len(specs(parts.items[0]))
        own = value.of(outs)
        new = convert_all(self.carry.variables, parts.items[0], own[:count])
        for place, step, wanted in self.carry.writes:
            piece = self.region.writes[id(self.heap.held(place).value)].pieces[step]
            new += convert_all(wanted, piece.skeleton, piece.of(outs))
        rows_count = len(specs(parts.items[1]))
        rows = own[count : count + rows_count]
        checks = outs[self.region.checks[0] : self.region.checks[1]]
        said = [leaf for _, piece in self.region.effects for leaf in piece.of(outs)]
        return Iteration(new, rows, checks, own[count + rows_count :], said)

    def finish(self, leaves: Sequence[Any], entered: bool = False) -> tuple[Any, ...]:
        """Put the final carry in its places; returns the variables. `entered`: that there was a trip is known."""
        context.current().looped.update({id(leaf): leaf for leaf in leaves})
        rest = iter(leaves)
        parts = expand(self.region.value.skeleton)
        assert isinstance(parts, Made)
        after = settled(self.carry.variables, expand(parts.items[0])) if entered else self.carry.variables
        variables = unflatten(after, rest)
        changed: dict[int, dict[Step, Any]] = {}
        for place, step, skeleton in self.carry.writes:
            piece = self.region.writes[id(self.heap.held(place).value)].pieces[step]
            after = settled(skeleton, piece.skeleton) if entered else skeleton
            changed.setdefault(place, {})[step] = unflatten(after, rest)
        for place, values in changed.items():
            held = self.heap.held(place)
            held.kind.fill(held.value, [(step, values.get(step, value)) for step, value in held.fields])
        return variables  # type: ignore[no-any-return]


def trace_loop(
    trace: Trace,
    key: tuple[int, ...],
    body: Callable[..., Any],
    variables: tuple[Any, ...],
    inputs: Sequence[jax.ShapeDtypeStruct],
    make_item: Callable[[Sequence[Any]], tuple[Any, ...]],
    roots: Sequence[Any],
    appends: bool,
) -> Loop:
    """Trace a loop's body until its carry is settled.

    Args:
        trace: the trace under way.
        key: the loop's region, by which the guess is kept.
        body: `body(*item, *variables)` → `(variables, extra)`; `extra` is handed through to `Loop.step`.
        variables: the carried variables before the loop.
        inputs: shapes and dtypes of what the loop runs over, one iteration.
        make_item: makes the body's first arguments of those.
        roots: values that the body can reach.
        appends: whether lists may grow (the trip count is known).

    Raises:
        Unstageable: the carry does not settle, or something in the body cannot be staged.
    """
    heap = Heap(trace, [*roots, *variables, *closure_of(body)])
    initial = expand(flatten(variables, heap, []))
    carry = trace.memo.get(key) or Carry(initial)
    if not _is_about(carry, initial, heap):
        carry = Carry(initial)  # other objects are reached than when the guess was made
    for _ in range(MAX_REFINEMENTS):
        read, seen = len(trace.lists_read), len(trace.arrays.reads)
        trace.rolling += 1
        trace.renumber()
        try:
            region = _trace_body(trace, body, carry, heap, inputs, make_item)
        finally:
            trace.rolling -= 1
        _check_lists(region, trace.lists_read[read:])
        trace.arrays.check_loop([effect for effect, _ in region.effects], seen)
        refined = _refine(trace, carry, region, heap, appends)
        if refined == carry:
            trace.memo[key] = carry
            return Loop(carry, region, heap, initial)
        carry = refined
    raise Unstageable("the types of the loop's variables do not settle")


def _is_about(carry: Carry, initial: Skeleton, heap: Heap) -> bool:
    """Whether a guess that was made in another trace is about the objects that are reached now."""
    for place, step, skeleton in carry.writes:
        before = dict(heap.held(place).fields)
        if step not in before or not fits(skeleton, flatten(before[step], heap, [])):
            return False
    return fits(carry.variables, initial)


def _trace_body(trace: Trace, body: Any, carry: Carry, heap: Heap, inputs: Any, make_item: Any) -> Region:
    count = len(carry.specs())
    growing: dict[int, Growing] = {}

    def enter(leaves: Sequence[Any]) -> Sequence[Any]:
        rest = iter(leaves[:count])
        given = unflatten(carry.variables, rest)
        for place, step, skeleton in carry.writes:
            held = heap.held(place)
            now = dict(held.kind.fields(held.value))
            now[step] = unflatten(skeleton, rest)
            held.kind.fill(held.value, list(now.items()))
        growing.update({place: Growing(heap.held(place).value) for place in carry.grown})
        swap = {id(each.real): each for each in growing.values()}
        exchange(heap, swap)
        given = tuple(swap.get(id(value), value) for value in given)
        return (*make_item(leaves[count:]), *given)

    back = {}

    def leave() -> None:
        back.update({id(each): each.real for each in growing.values()})
        exchange(heap, back)

    def run(*arguments: Any) -> Any:
        result, extra = offering(trace, body)(*arguments)
        reals = {id(each): each.real for each in growing.values()}
        result = tuple(reals.get(id(value), value) for value in result)
        return result, tuple(tuple(each.items) for each in growing.values()), extra

    return trace_region(trace, run, enter, [*carry.specs(), *inputs], heap=heap, leave=leave)


def _check_lists(region: Region, read: Sequence[Path]) -> None:
    """A trip that reads a list would have to see what those before it appended."""
    for effect, _ in region.effects:
        for target, _ in effect.appended:
            if target._jx_expr.path in read:
                raise Unstageable("a list that grows in the loop is also read in it")


def _refine(trace: Trace, carry: Carry, region: Region, heap: Heap, appends: bool) -> Carry:
    """A guess that also covers what this trace of the body showed."""
    value = expand(region.value.skeleton)
    assert isinstance(value, Made)
    after = expand(value.items[0])
    grows = _grown(carry.variables, after)
    if grows and not appends and trace.settings.speculate:
        raise Grows(grows)
    variables = unify(carry.variables, after, WIDEN)
    known = {(place, step): skeleton for place, step, skeleton in carry.writes}
    grown = dict.fromkeys(carry.grown)
    for written in region.writes.values():
        place = heap.place(written.held.value)
        before = dict(written.held.fields)
        if set(written.steps) != set(before):
            grew = only_grew(written.held, written.steps, tuple(written.pieces))
            if grew:
                trace.relax(written.held.value)
            if not appends or not grew:
                offer(trace, written.held.value, appended(written.steps, written.pieces))
                raise Unstageable(
                    f"a {type(written.held.value).__name__} gets other fields or another length in the loop"
                )
            grown[place] = None
            continue
        for step, piece in written.pieces.items():
            base = known.get((place, step)) or flatten(before[step], heap, [])
            known[place, step] = unify(base, piece.skeleton, WIDEN)
    writes = tuple(
        (place, step, skeleton) for (place, step), skeleton in sorted(known.items(), key=lambda entry: entry[0][0])
    )
    return replace(carry, variables=variables, writes=writes, grown=tuple(grown))


def _grown(before: Skeleton, after: Skeleton) -> tuple[int, ...]:
    """The places of arrays among a loop's variables that have more rows after a trip."""
    if not isinstance(before, Made) or not isinstance(after, Made):
        return ()
    return tuple(
        place
        for place, (a, b) in enumerate(zip(before.items, after.items, strict=True))
        if isinstance(a, Arr) and isinstance(b, Arr) and a.shape and a.shape[1:] == b.shape[1:]
        if len(a.shape) == len(b.shape) and a.shape[0] < b.shape[0] and a.dtype == b.dtype and not a.weak
    )


def retyped(before: Skeleton, after: Skeleton) -> bool:
    """Whether a variable has another type after an iteration than before the first."""
    if isinstance(after, Made) and isinstance(before, Made):
        return any(map(retyped, before.items, after.items))
    if isinstance(after, Py):
        return python_kind(before) is not after.kind
    if isinstance(after, Arr):
        return not isinstance(before, Arr) or before.dtype != after.dtype or before.weak != after.weak
    if isinstance(after, Perhaps) and isinstance(before, Perhaps):
        return retyped(before.item, after.item)
    if isinstance(after, Replaced):
        return after.retypes(before, retyped)
    return False


def checks_start(region: Region) -> list[Any]:
    """No check failed so far."""
    return [jnp.asarray(True) for _ in region.assumptions]


def pack(variables: Sequence[Any]) -> Any:
    """Variables as a region function returns them: none, the one, or a tuple."""
    if not variables:
        return None
    return variables[0] if len(variables) == 1 else tuple(variables)


def unpack(result: Any, count: int) -> tuple[Any, ...]:
    """The inverse of `pack`."""
    if count == 0:
        return ()
    return (result,) if count == 1 else tuple(result)
