"""Regions: a branch or a loop body traced once, its writes found and undone, to be placed in a `lax` construct later.

The trace is an inner `jax.jit` under `eval_shape`; placing it hits that jit's trace cache, so Python runs once however
deep regions nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from janusx.guards.staged import Assumption
from janusx.state.paths import Step
from janusx.tracing import origins
from janusx.tracing.effects import Effect, Trips
from janusx.tracing.heap import Heap, Held
from janusx.tracing.skeleton import Skeleton, flatten
from janusx.tracing.trace import Trace


@dataclass(frozen=True)
class Piece:
    """A value that leaves a region: its skeleton and where its leaves are among the region's outputs."""

    skeleton: Skeleton
    start: int
    stop: int

    def of(self, leaves: Sequence[Any]) -> list[Any]:
        """Its leaves."""
        return list(leaves[self.start : self.stop])


@dataclass
class ObjectWrites:
    """What a region did to one object: the steps that it has afterwards, and the pieces for those that changed."""

    held: Held
    steps: tuple[Step, ...]
    pieces: dict[Step, Piece]


@dataclass
class Region:
    """A traced region.

    Attributes:
        value: what its function returned.
        writes: by `id` of the object.
        effects: held effects with their values.
        assumptions: of the checks that it raised; their booleans are the last outputs.
        place: run it here: takes the input leaves, returns the output leaves.
        heap: the snapshot that it started from.
        origins: which objects the leaves of the value and of the writes are, if that was asked for.
        tellers: dtypes of what says so, which are the last outputs.
    """

    heap: Heap
    value: Piece = None  # type: ignore[assignment]
    writes: dict[int, ObjectWrites] = field(default_factory=dict)
    effects: list[tuple[Effect | Trips, Piece]] = field(default_factory=list)
    assumptions: tuple[Assumption, ...] = ()
    checks: tuple[int, int] = (0, 0)
    place: Callable[..., list[Any]] = None  # type: ignore[assignment]
    origins: list[origins.Left] = field(default_factory=list)
    tellers: list[Any] = field(default_factory=list)


def trace_region(
    trace: Trace,
    function: Callable[..., Any],
    enter: Callable[[Sequence[Any]], Sequence[Any]],
    inputs: Sequence[Any] = (),
    roots: Sequence[Any] = (),
    heap: Heap | None = None,
    leave: Callable[[], None] = lambda: None,
    named: bool = False,
) -> Region:
    """Trace a region once.

    Args:
        trace: the trace under way.
        function: the region's function.
        enter: given the tracers of the inputs, puts them in their places and returns the function's arguments.
        inputs: shapes and dtypes of the input leaves.
        roots: values that the region can reach besides the shadows (its arguments, its closure).
        heap: the snapshot to start from, if it was taken already.
        leave: called when the function has returned, before its writes are looked for.
        named: whether it is asked which objects the arrays are that leave it.
    """
    region = Region(heap or Heap(trace, [*roots, *closure_of(function)]))

    def run(*leaves: Any) -> list[Any]:
        trace.refresh()
        with trace.frames.scope() as checks, trace.effect_scope() as effects:
            mark = trace.replaced.mark
            value = function(*enter(leaves))
            leave()
            trace.replaced.settle(mark)
            out: list[Any] = []
            region.value = _piece(value, region.heap, out)
            for written in region.heap.writes():
                pieces = {step: _piece(written.after[step], region.heap, out) for step in written.changed}
                region.writes[id(written.held.value)] = ObjectWrites(written.held, tuple(written.after), pieces)
            leaving = len(out)
            for effect in effects:
                region.effects.append((effect, _piece(effect.values(), region.heap, out, exact=True)))
            region.assumptions = tuple(check.assumption for check in checks)
            region.checks = (len(out), len(out) + len(checks))
            out.extend(check.holds for check in checks)
            if named:
                known = len(out)
                region.origins = origins.leaving(out[:leaving], region.heap.arrays, out)
                region.tellers = [teller.dtype for teller in out[known:]]
        return out

    placed = jax.jit(run, inline=True)
    trace.heaps.append(region.heap)
    try:
        jax.eval_shape(placed, *inputs)
    finally:
        trace.heaps.pop()
        region.heap.restore()
    region.place = placed
    return region


def _piece(value: Any, heap: Heap, out: list[Any], exact: bool = False) -> Piece:
    start = len(out)
    skeleton = flatten(value, heap, out, exact)
    return Piece(skeleton, start, len(out))


def closure_of(function: Any) -> list[Any]:
    """The cells of a function: variables that its region shares with the code around it."""
    return list(getattr(function, "__closure__", None) or ())
