"""Loops with a reverse mode that takes nothing for granted: for where no guard can be read.

`lax.while_loop` runs as often as it must. Its reverse mode runs it again, keeps the states at the start of `SLOTS`
segments, and of one segment after the other those at the start of `SLOTS` parts; those between are computed again.
That is what `jax.checkpoint` does by recursion, with segments as long as the run turned out to be (Stumm and
Walther, "New algorithms for optimal online checkpointing", 2010, have a finer schedule). Up to `SLOTS ** 2` trips the
state is computed four times; beyond, parts of more than one trip are gone through again for each of their trips.

It has one derivative, in reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from janusx.ops.bounded_loops import going, hoisted
from janusx.ops.loops import Loop, checks_start
from janusx.ops.sites import Where
from janusx.signals import Unstageable
from janusx.tracing.trace import Trace

SLOTS = 64
LEVELS = 2

Advance = Callable[[Any], Any]
Pull = Callable[[Any, Any], Any]


def unbounded(trace: Trace, loop: Loop, predicate: Any, variables: tuple[Any, ...], site: Where | None) -> list[Any]:
    """Run a `while` whose body was traced; returns the carried leaves after it."""
    if loop.region.effects:
        raise Unstageable("it prints, logs or appends in as many trips as only the run will show")
    start = (predicate, loop.start(variables), checks_start(loop.region))

    def once(state: Any) -> Any:
        step = loop.step(state[1], ())
        return step.extra[0], step.carry, step.held(state[2])

    step, captured = hoisted(once, start)
    trace.decide(site, "stage", "lax.while_loop, computed again from checkpoints where it is differentiated in reverse")
    _, leaves, held = while_with_reverse(step, start, captured)
    trace.frames.bring_out(list(zip(held, loop.region.assumptions, strict=True)))
    return leaves  # type: ignore[no-any-return]


def while_with_reverse(step: Callable[[Any, Any], Any], start: Any, captured: Sequence[Any]) -> Any:
    """`lax.while_loop` of `step(captured, state)`, as long as `going(state)`, with a reverse mode."""

    @jax.custom_vjp
    def run(start: Any, captured: Any) -> Any:
        return jax.lax.while_loop(going, lambda state: step(captured, state), start)

    def forward(start: Any, captured: Any) -> Any:
        def counted(at: Any) -> Any:
            return at[0] + 1, step(captured, at[1])

        trips, state = jax.lax.while_loop(lambda at: going(at[1]), counted, (jnp.int32(0), start))
        return state, (trips, start, captured)

    def reverse(kept: Any, flowing: Any) -> Any:
        trips, start, captured = kept

        def pull(state: Any, flows: Any) -> Any:
            back = jax.vjp(
                lambda a, b: _floats(step(_with(captured, b), _with(state, a))), *map(_floats, (state, captured))
            )[1]
            to_state, to_captured = back(flows[0])
            return to_state, [total + more for total, more in zip(flows[1], to_captured, strict=True)]

        flows = [flow for flow in jax.tree.leaves(flowing) if flow.dtype != jax.dtypes.float0]
        total = [jnp.zeros_like(value) for value in _floats(captured)]
        flows, total = go_back(lambda state: step(captured, state), pull, start, trips, (flows, total), LEVELS)
        return _like(start, flows), _like(captured, total)

    run.defvjp(forward, reverse)
    return run(start, list(captured))


def go_back(advance: Advance, pull: Pull, start: Any, trips: Any, flows: Any, levels: int) -> Any:
    """What flows to the state that `trips` steps lead away from, given what flows to the one that they lead to."""

    def after(count: Any) -> Any:
        return jax.lax.fori_loop(0, count, lambda _, state: advance(state), start)

    if not levels:
        return jax.lax.fori_loop(0, trips, lambda i, flows: pull(after(trips - 1 - i), flows), flows)
    length = jnp.maximum((trips + SLOTS - 1) // SLOTS, 1)

    def keep(i: Any, at: Any) -> Any:
        state, slots = at
        slot = i // length
        return advance(state), jax.tree.map(lambda all, one: _put(all, one, slot, i % length == 0), slots, state)

    slots = jax.tree.map(lambda one: jnp.broadcast_to(one, (SLOTS, *one.shape)), start)
    _, slots = jax.lax.fori_loop(0, trips, keep, (start, slots))
    count = (trips + length - 1) // length

    def segment(i: Any, flows: Any) -> Any:
        slot = count - 1 - i
        first = jax.tree.map(lambda all: jax.lax.dynamic_index_in_dim(all, slot, keepdims=False), slots)
        inside = jnp.minimum(length, trips - slot * length)
        return go_back(advance, pull, first, inside, flows, levels - 1)

    return jax.lax.fori_loop(0, count, segment, flows)


def _put(slots: Any, one: Any, slot: Any, whether: Any) -> Any:
    before = jax.lax.dynamic_index_in_dim(slots, slot, keepdims=False)
    return jax.lax.dynamic_update_index_in_dim(slots, jnp.where(whether, one, before), slot, 0)


def _flows(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jnp.inexact))


def _floats(tree: Any) -> list[Any]:
    """The leaves that have derivatives."""
    return [value for value in jax.tree.leaves(tree) if _flows(value)]


def _with(tree: Any, floats: Sequence[Any]) -> Any:
    """A tree with other such leaves."""
    rest = iter(floats)
    return jax.tree.map(lambda value: next(rest) if _flows(value) else value, tree)


def _like(tree: Any, floats: Sequence[Any]) -> Any:
    """What flows to a tree: nothing to the leaves that have no derivatives."""
    rest = iter(floats)
    return jax.tree.map(lambda value: next(rest) if _flows(value) else None, tree)
