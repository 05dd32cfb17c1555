"""`while`: Python's own loop while Python decides, `lax.while_loop` from the moment that an array does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from janusx.guards.staged import DOUBLE, GROWTH, LIMIT, UNLIMITED
from janusx.ops.bounded_loops import bounded
from janusx.ops.buckets import growing
from janusx.ops.buffers import take_over
from janusx.ops.conditionals import cells_of, staged_predicate, truth_value
from janusx.ops.effects import of_trips
from janusx.ops.lanes import while_any
from janusx.ops.loops import checks_start, pack, trace_loop, unpack
from janusx.ops.sites import Where, is_entered, speculate_trips
from janusx.ops.unbounded_loops import unbounded
from janusx.signals import Buffered, Grows, Unstageable, Unsupported
from janusx.tracing import context
from janusx.tracing.heap import Heap
from janusx.tracing.skeleton import specs
from janusx.tracing.staging import Region
from janusx.tracing.trace import Trace

ROOM = 64
"""Trips for which there is room at first in a loop that has effects."""

LEAST_LIMIT, LIMIT_UNSEEN = 1 << 12, 1 << 16
"""The least number of trips after which the host has its say, and the first where nothing was observed."""

LONG = 1 << 18
"""From so many trips on the limit doubles: a run then takes longer than to make another program."""

ROLL_AFTER = 64
"""Trips of a loop that Python decides before it is tried rolled: not at once, as `while_loop` has no reverse mode."""


def while_loop(
    test: Callable[..., Any],
    body: Callable[..., Any],
    *variables: Any,
    site: Where | None = None,
    reached: Sequence[Any] = (),
    ends: bool = False,
) -> Any:
    """`while test(...): body(...)`; the body returns the carried variables.

    Where test and body are not the user's own but call them, `reached` names those. `ends`: it does, whatever happens.
    """
    trace = context.current()
    trace.looping += 1
    try:
        return _while(trace, test, body, variables, site, [test, body, *reached], ends)
    finally:
        trace.looping -= 1


def _while(
    trace: Trace,
    test: Any,
    body: Any,
    variables: tuple[Any, ...],
    site: Where | None,
    roots: Sequence[Any],
    ends: bool,
) -> Any:
    count = len(variables)
    trips = 0
    # Under an eager `jax.grad` of somebody else's, plain Python's loop has a gradient and a rolled one has none.
    rollable = "outer" not in trace.around or isinstance(jnp.zeros(()) + 0, Tracer)
    while True:
        outcome = test(*variables)
        predicate = staged_predicate(outcome)
        if predicate is None:
            if not truth_value(outcome):
                return pack(variables)
            if rollable and trips == ROLL_AFTER:
                try:
                    return staged_loop(trace, test, body, jnp.asarray(True), variables, site, roots, ends)
                except Unstageable:
                    rollable = False
        else:
            try:
                return staged_loop(trace, test, body, predicate, variables, site, roots, ends)
            except Unstageable as why:
                if not speculate_trips(trace, site, predicate, trips, why.reason):
                    return pack(variables)
        variables = unpack(body(*variables), count)
        trips += 1


def staged_loop(
    trace: Trace,
    test: Any,
    body: Any,
    predicate: Any,
    variables: tuple[Any, ...],
    site: Where | None,
    roots: Any,
    ends: bool = False,
    loose: slice = slice(0),
) -> Any:
    """The loop staged, its first test known; once more for each list whose length only the run turns out to know.

    Nobody asks for the variables of `loose`, all of them arrays, once the loop is over.
    """
    while True:
        try:
            return _place(trace, test, body, predicate, variables, site, roots, ends, loose)
        except Grows as signal:
            if site is None:
                raise Unstageable("an array grows in the loop") from None
            variables = tuple(
                growing(trace, value, site) if place in signal.places else value
                for place, value in enumerate(variables)
            )
        except Buffered as signal:
            swap = take_over(trace, signal, site, Heap(trace, [*roots, *variables, *cells_of(roots)]))
            variables = tuple(swap.get(id(value), value) for value in variables)


def _place(
    trace: Trace,
    test: Any,
    body: Any,
    predicate: Any,
    variables: tuple[Any, ...],
    site: Where | None,
    roots: Sequence[Any],
    ends: bool,
    loose: slice,
) -> Any:
    count = len(variables)

    def iteration(*given: Any) -> Any:
        after = unpack(body(*given), count)
        again = test(*after)
        decided = staged_predicate(again)
        return after, jnp.asarray(truth_value(again)) if decided is None else decided

    with trace.region() as key:
        loop = trace_loop(trace, key, iteration, variables, (), lambda leaves: (), roots, appends=False)
        # With no trip a variable would keep the type that it had.
        entered = loop.retypes() and trace.settings.speculate
        if entered and not is_entered(trace, site, predicate):
            return pack(variables)
        in_reverse = reverse_mode(trace, site)
        if in_reverse is not None:
            return pack(loop.finish(in_reverse(trace, loop, predicate, variables, site), entered))
        room = _room(trace, site) if loop.region.effects else 0
        limit = 0 if room or ends else _limit(trace, site)
        most = room or limit
        start = (predicate, loop.start(variables), checks_start(loop.region), _buffers(loop.region, room, limit))

        def going(state: Any) -> Any:
            again, _, held, buffers = state
            for holds in held:
                again = jnp.logical_and(again, holds)  # a violated guard ends the loop
            return jnp.logical_and(again, buffers[0] < most) if most else again

        def once(state: Any) -> Any:
            _, leaves, held, buffers = state
            step = loop.step(leaves, ())
            return step.extra[0], step.carry, step.held(held), _written(buffers, step.said)

        if "map" in trace.around and variables[loose]:
            again, leaves, held, buffers = while_any(going, once, start, lambda state: set(map(id, state[1][loose])))
        else:
            again, leaves, held, buffers = jax.lax.while_loop(going, once, start)
    trace.frames.bring_out(list(zip(held, loop.region.assumptions, strict=True)))
    if limit:
        within = jnp.logical_not(jnp.logical_and(again, buffers[0] >= limit))
        where = None if site is None else replace(site, key=(LIMIT + site.key[0], site.key[1]))
        growth = GROWTH if limit < LONG else DOUBLE
        what = f"the loop ends within {limit} trips"
        trace.assume_staged(within, True, what, where, capacity=limit, growth=growth)
    if room:
        fits = jnp.logical_not(jnp.logical_and(again, buffers[0] >= room))
        trace.assume_staged(fits, True, f"the loop says something in at most {room} trips", site, capacity=room)
        trace.say(of_trips(loop.region, buffers[1:], buffers[0]))
    trace.decide(site, "stage", "lax.while_loop")
    return pack(loop.finish(leaves, entered))


def reverse_mode(trace: Trace, site: Where | None) -> Callable[..., list[Any]] | None:
    """How a loop gets a reverse mode; None if it needs none, as far as is known.

    Under a transform of somebody else's nobody knows, and JAX says that a `while_loop` has none where it is missed.
    """
    inside = "reverse" in trace.around
    if inside and trace.settings.speculate:
        return bounded
    if trace.settings.loop_grad == "checkpoint" and (inside or "outer" in trace.around):
        once = trace.around.count("reverse") < 2 and "forward" not in trace.around
        if once or not inside:
            return unbounded
    if inside:
        place = "a loop" if site is None else f"the loop on `{site.text}` ({site.place})"
        raise Unsupported(
            f"{place} is differentiated in reverse, and how often it runs may not be taken for granted here; "
            'with loop_grad="checkpoint" a first derivative takes nothing for granted'
        )
    return None


def _room(trace: Trace, site: Where | None) -> int:
    """For how many trips there is room for what the loop says: as many as were observed, and as many again."""
    if not trace.settings.speculate or site is None:
        raise Unstageable("it prints, logs or appends in as many trips as only the run will show")
    known = trace.settings.capacities.get(site.key)
    if known is not None:
        return known
    seen = 0 if trace.settings.profile is None else trace.settings.profile.most_trips(site.key)
    return max(ROOM, 1 << (2 * seen - 1).bit_length())


def _limit(trace: Trace, site: Where | None) -> int:
    """After how many trips the host has its say: a program cannot be interrupted by Ctrl-C. 0: after none.

    Where the loop goes on, there is a program with eight times the limit, later with twice the limit, that begins anew.
    So who presses Ctrl-C waits about as long again as it took until then.
    """
    unlimited = UNLIMITED in trace.settings.assumed or trace.calls_back or not trace.settings.speculate
    if unlimited or site is None:
        return 0
    seen = 0 if trace.settings.profile is None else trace.settings.profile.most_trips(site.key)
    least = max(LEAST_LIMIT, 1 << (64 * seen - 1).bit_length()) if seen else LIMIT_UNSEEN
    limit = trace.settings.capacities.get((LIMIT + site.key[0], site.key[1]), least)
    return limit if limit < 2**31 else 0


def _buffers(region: Region, room: int, limit: int) -> list[Any]:
    """The number of trips so far, and room for the values of the effects of `room` trips."""
    if not room:
        return [jnp.asarray(0, jnp.int32)] if limit else []
    spots = [spot for _, piece in region.effects for spot in specs(piece.skeleton)]
    if any(jnp.issubdtype(spot.dtype, jax.dtypes.extended) for spot in spots):
        raise Unstageable("it prints, logs or appends a random key in as many trips as only the run will show")
    return [jnp.asarray(0, jnp.int32), *(jnp.zeros((room, *spot.shape), spot.dtype) for spot in spots)]


def _written(buffers: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """The buffers after a trip that said these values."""
    if not buffers:
        return []
    trip, *rows = buffers
    written = [
        jax.lax.dynamic_update_index_in_dim(row, jnp.asarray(value, row.dtype), trip, 0)
        for row, value in zip(rows, values, strict=True)
    ]
    return [trip + 1, *written]
