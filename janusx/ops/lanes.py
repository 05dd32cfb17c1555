"""Loops in which the lanes of a batch leave off at different trips."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_batching.custom_vmap
def any_lane(value: Any) -> Any:
    """Whether a boolean holds in any lane of the batches around; in each lane the same."""
    return value


@any_lane.def_vmap
def _any_lane(size: int, batched: list[bool], value: Any) -> tuple[Any, bool]:
    return any_lane(jnp.any(value, axis=0)) if batched[0] else any_lane(value), False


def while_any(
    going: Callable[[Any], Any], once: Callable[[Any], Any], start: Any, loose: Callable[[Any], Collection[int]]
) -> Any:
    """`lax.while_loop` under `vmap`, but for some leaves that may be anything in a lane that has left off.

    JAX puts a select between the trips, on everything: a stack, of which a trip writes one row, is copied as a whole.

    Args:
        going: whether a state goes on.
        once: one trip.
        start: the first state.
        loose: of a state, the `id` of each leaf that is not asked for again where `going` does not hold.
    """

    def trip(state: Any) -> Any:
        alive, free = going(state), loose(state)

        def chosen(old: Any, new: Any) -> Any:
            return new if id(old) in free else jnp.where(alive, new, old)

        return jax.tree.map(chosen, state, once(state))

    return jax.lax.while_loop(lambda state: any_lane(going(state)), trip, start)
