"""Loops with a reverse mode whose trips only the run will show: a `scan` of bounded length with its surplus masked.

`lax.while_loop` has no reverse mode, `lax.scan` has, and of every order. The bound is what the profile showed, rounded
up; that it was enough is a staged guard, and a violation makes a program with twice the room.

A trip that is too many computes on the state, and the row, of the last true one: on values for which the body is good.
Its result is not taken, and nothing flows back to them. A loop that is not entered has no such state; what flows back
from its trips is cut off by a select (not multiplied with zero: `0 * inf` is NaN), once for the loop. A select in every
trip, of the gradient of every weight, made a loop over 64 units take 1.8 times as long (2 busy cores, Python 3.11).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from janusx.guards.staged import DOUBLE
from janusx.ops.effects import of_trips
from janusx.ops.loops import Loop, checks_start
from janusx.ops.sites import Where
from janusx.signals import NeedsProfile, Unsupported
from janusx.tracing.trace import Trace

LEAST = 8
"""The least bound: a program for fewer trips is hardly faster."""

GUESS = 16
"""The first bound where nothing was observed."""

Step = Callable[[Any, Any], tuple[Any, Any]]


def bounded(trace: Trace, loop: Loop, predicate: Any, variables: tuple[Any, ...], site: Where | None) -> list[Any]:
    """Run a `while` whose body was traced; returns the carried leaves after it."""
    bound, growth = bound_of(trace, site)
    start = (predicate, loop.start(variables), checks_start(loop.region))

    def once(state: Any, _: Any) -> Any:
        step = loop.step(state[1], ())
        return (step.extra[0], step.carry, step.held(state[2])), step.said

    (again, leaves, held), said, live = masked_scan(trace, once, going, start, (), bound)
    trace.frames.bring_out(list(zip(held, loop.region.assumptions, strict=True)))
    ends = jnp.logical_not(going((again, leaves, held)))
    trace.assume_staged(ends, True, f"the loop ends within {bound} trips", site, capacity=bound, growth=growth)
    if loop.region.effects:
        trace.say(of_trips(loop.region, said, jnp.sum(live)))
    trace.decide(site, "stage", f"lax.scan of at most {bound} trips: it is differentiated in reverse")
    return leaves  # type: ignore[no-any-return]


def going(state: Any) -> Any:
    """Whether the loop goes on: a violated guard ends it."""
    again, _, held = state
    for holds in held:
        again = jnp.logical_and(again, holds)
    return again


def bound_of(trace: Trace, site: Where | None) -> tuple[int, int]:
    """For how many trips there is room, and how many times as many there may be when it was too little.

    As many as were observed, rounded up. Under `vmap` plain Python has nothing to show.
    """
    if site is None:
        raise Unsupported("a loop is differentiated in reverse, and where it is in the user's code is not known")
    if trace.settings.profile is None and "map" not in trace.around:
        raise NeedsProfile(f"the loop on `{site.text}` ({site.place}) is differentiated in reverse")
    seen = 0 if trace.settings.profile is None else trace.settings.profile.most_trips(site.key)
    room = trace.settings.capacities.get(site.key, rounded(seen) if seen else GUESS)
    return room, DOUBLE if seen else DOUBLE * DOUBLE


def rounded(trips: int) -> int:
    """The next power of two, or one and a half of one: at most a third of the trips are in vain at first."""
    bound = max(LEAST, 1 << max(trips - 1, 0).bit_length())
    return bound * 3 // 4 if trips <= bound * 3 // 4 and bound > LEAST else bound


def masked_scan(
    trace: Trace, once: Step, live: Callable[[Any], Any], start: Any, rows: Any, length: int
) -> tuple[Any, Any, Any]:
    """`lax.scan` of a step that is taken as long as `live(state)` holds.

    What reverse mode keeps is everything of every trip, or, where checkpoints were asked for, the states at the start
    of about `sqrt(length)` segments, of which it computes the rest again.

    Args:
        trace: the trace under way.
        once: `once(state, row)` → `(state, outs)`.
        live: whether a state goes on; once it does not, the state stays.
        start: the first state.
        rows: arrays whose first axis is run over.
        length: trips.

    Returns:
        The last state; the stacked outs, garbage where the step was not taken; for each trip whether it was.
    """
    first = jax.tree.map(lambda row: row[0] if length else jnp.zeros(row.shape[1:], row.dtype), rows)
    run, captured = hoisted(once, start, first)
    captured = cut_off(live(start), captured)

    def trip(carry: Any, row: Any) -> Any:
        state, safe = carry
        alive = live(state)
        given = _chosen(alive, (state, row), safe)
        new, outs = run(captured, *given)
        return (_chosen(alive, new, state), jax.lax.stop_gradient(given)), (outs, alive)

    begin = (start, jax.lax.stop_gradient((start, first)))
    if trace.settings.loop_grad == "store":
        (state, _), (outs, alive) = jax.lax.scan(trip, begin, rows, length=length)
        return state, outs, alive
    size = max(1, math.isqrt(length - 1) + 1) if length else 1
    whole = length // size

    def segment(carry: Any, part: Any) -> Any:
        def run(carry: Any, part: Any) -> Any:
            stacked = jax.eval_shape(lambda: jax.lax.scan(trip, carry, part, length=size))[1]
            nothing = jax.tree.map(lambda out: jnp.zeros(out.shape, out.dtype), stacked)
            return jax.lax.cond(
                live(carry[0]), lambda: jax.lax.scan(trip, carry, part, length=size), lambda: (carry, nothing)
            )

        return jax.checkpoint(run, prevent_cse=False)(carry, part)

    parts = jax.tree.map(lambda row: row[: whole * size].reshape(whole, size, *row.shape[1:]), rows)
    carry, (outs, alive) = jax.lax.scan(segment, begin, parts, length=whole)
    outs, alive = jax.tree.map(lambda out: out.reshape(whole * size, *out.shape[2:]), (outs, alive))
    if whole * size < length:
        carry, rest = _rest(trip, carry, rows, whole * size, length)
        outs, alive = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), (outs, alive), rest)
    return carry[0], outs, alive


def _chosen(alive: Any, one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(alive, a, b), one, other)


def _rest(trip: Any, state: Any, rows: Any, start: int, length: int) -> Any:
    """The trips that fill no segment."""
    part = jax.tree.map(lambda row: row[start:], rows)
    return jax.checkpoint(lambda state, part: jax.lax.scan(trip, state, part, length=length - start))(state, part)


def hoisted(function: Callable[..., Any], *examples: Any) -> tuple[Callable[..., Any], list[Any]]:
    """A function that takes, before its arguments, the arrays of the trace that it captured; and those arrays."""
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*examples)
    tree = jax.tree.structure(shape)

    def run(captured: Sequence[Any], *args: Any) -> Any:
        made = jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, list(captured)))
        return jax.tree.unflatten(tree, made(*jax.tree.leaves(args)))

    return run, list(closed.consts)


def cut_off(entered: Any, values: Sequence[Any]) -> list[Any]:
    """The values, through which nothing flows back where a loop is not entered: its trips are garbage then."""
    return [jnp.where(entered, value, jax.lax.stop_gradient(value)) if _flows(value) else value for value in values]


def _flows(value: Any) -> bool:
    return isinstance(value, Tracer) and bool(jnp.issubdtype(value.dtype, jnp.inexact))
