"""`while`: Python's own loop while Python decides, `lax.while_loop` from the moment that an array does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from janusx.ops.conditionals import staged_predicate, truth_value
from janusx.ops.loops import checks_start, pack, retyped, trace_loop, unpack
from janusx.ops.sites import Where, speculate_trips
from janusx.signals import Unstageable
from janusx.tracing import context
from janusx.tracing.trace import Trace

ROLL_AFTER = 64
"""Trips of a loop that Python decides before it is tried rolled: not at once, as `while_loop` has no reverse mode."""


def while_loop(test: Callable[..., Any], body: Callable[..., Any], *variables: Any, site: Where | None = None) -> Any:
    """`while test(...): body(...)`; the body returns the carried variables."""
    trace = context.current()
    count = len(variables)
    trips = 0
    rollable = True
    while True:
        outcome = test(*variables)
        predicate = staged_predicate(outcome)
        if predicate is None:
            if not truth_value(outcome):
                return pack(variables)
            if rollable and trips == ROLL_AFTER:
                try:
                    return _staged(trace, test, body, jnp.asarray(True), variables, site, "scan")
                except Unstageable:
                    rollable = False
        else:
            try:
                return _staged(trace, test, body, predicate, variables, site, "stage")
            except Unstageable as why:
                if not speculate_trips(trace, site, predicate, trips, why.reason):
                    return pack(variables)
        variables = unpack(body(*variables), count)
        trips += 1


def _staged(
    trace: Trace, test: Any, body: Any, predicate: Any, variables: tuple[Any, ...], site: Where | None, rung: str
) -> Any:
    count = len(variables)

    def iteration(*given: Any) -> Any:
        after = unpack(body(*given), count)
        again = test(*after)
        decided = staged_predicate(again)
        return after, jnp.asarray(truth_value(again)) if decided is None else decided

    with trace.region() as key:
        loop = trace_loop(trace, key, iteration, variables, (), lambda leaves: (), [test, body], appends=False)
        if retyped(loop.initial, loop.carry.variables) and trace.settings.speculate:
            # With no trip the variable would keep the type that it had.
            trace.assume_staged(predicate, True, "the loop is entered", site, True)
        start = (predicate, loop.start(variables), checks_start(loop.region))

        def going(state: Any) -> Any:
            again, _, held = state
            for holds in held:
                again = jnp.logical_and(again, holds)  # a violated guard ends the loop
            return again

        def once(state: Any) -> Any:
            _, leaves, held = state
            new, _, checks, (again,) = loop.step(leaves, ())
            return again, new, [jnp.logical_and(a, b) for a, b in zip(held, checks, strict=True)]

        _, leaves, held = jax.lax.while_loop(going, once, start)
    trace.frames.bring_out(list(zip(held, loop.region.assumptions, strict=True)))
    trace.decide(site, "stage", "lax.while_loop")
    return pack(loop.finish(leaves))
