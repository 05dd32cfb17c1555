"""An adaptive quadrature that calls itself twice where it is not yet good enough, over 256 integrals at once.

Each integral splits its interval as often as it needs: every lane of the batch has a depth of its own. Plain Python
goes through the lanes one by one; it does every 32nd of them, and its time is taken times 32. The expert writes the
stack of intervals by hand, in one `while_loop` under `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure

TITLE = "Adaptive quadrature by recursion, 256 lanes under vmap"
LANES, EVERY, ROOM = 256, 32, 32
LIMIT = 20.0  # times as fast as plain Python over the lanes
SPLIT = 1e-3


def rule(w: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """Simpson's rule for sin(w t²) from a to b."""

    def g(t: jax.Array) -> jax.Array:
        return jnp.sin(w * t * t)

    return (b - a) / 6 * (g(a) + 4 * g((a + b) / 2) + g(b))


def integrate(w: jax.Array, a: jax.Array, b: jax.Array, eps: jax.Array) -> jax.Array:
    """The program."""
    m = (a + b) / 2
    parts = rule(w, a, m) + rule(w, m, b)
    if jnp.abs(rule(w, a, b) - parts) < eps:
        return parts
    return integrate(w, a, m, eps / 2) + integrate(w, m, b, eps / 2)


def one(w: jax.Array) -> jax.Array:
    """One integral."""
    return integrate(w, jnp.float32(0), jnp.float32(3), jnp.float32(SPLIT))


def batched(ws: jax.Array) -> jax.Array:
    """What is converted."""
    return jax.vmap(one)(ws)


def by_hand(w: jax.Array) -> jax.Array:
    """The program as an expert writes it: the sum of what is good enough, and a stack of what is not."""

    def trip(state: Any) -> Any:
        count, stack, total = state
        a, b, eps = stack[count - 1]
        m = (a + b) / 2
        parts = rule(w, a, m) + rule(w, m, b)
        good = jnp.abs(rule(w, a, b) - parts) < eps
        stack = stack.at[count - 1].set(jnp.stack([m, b, eps / 2])).at[count].set(jnp.stack([a, m, eps / 2]))
        return jnp.where(good, count - 1, count + 1), stack, total + jnp.where(good, parts, 0.0)

    stack = jnp.zeros((ROOM, 3)).at[0].set(jnp.array([0.0, 3.0, SPLIT]))
    state = jnp.int32(1), stack, jnp.float32(0)
    return jax.lax.while_loop(lambda state: state[0] > 0, trip, state)[2]  # type: ignore[no-any-return]


def _running(fun: Callable[..., Any], every: int = 1) -> Running:
    ws = jnp.linspace(0.2, 6.0, LANES)[::every]
    last: list[Any] = [ws]

    def step() -> object:
        last[0] = jax.block_until_ready(fun(ws))
        return last[0]

    return Running(step, lambda: last[0], rung(fun))


def lanes(ws: jax.Array) -> list[jax.Array]:
    """Plain Python: lane by lane."""
    return [one(w) for w in ws]


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _running(convert(batched))),
        Column("expert", lambda: _running(jax.jit(jax.vmap(by_hand)))),
        Column("eager", lambda: _running(lanes, EVERY), every=40),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    ratios = measured.ratios("janusx")
    times = ratios.get("eager/janusx")
    value = times.median * EVERY if times else None
    reached = bar("plain Python over the lanes", ">=", LIMIT, value, "×")
    figures = {"lanes that plain Python goes through": LANES // EVERY}
    return Result("recursion", TITLE, measured.seconds(), ratios, (reached,), figures, measured.errors)
