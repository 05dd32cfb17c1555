# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Under somebody else's transform: `jax.jit(g)`, `jax.grad(g)`, `jax.vmap(g)`, `lax.scan(g, ...)` of a converted g.

Plain JAX refuses an `if` on a tracer, so `branching` is compared with the same written with `jnp.where`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from tests.conformance.harness import World, call, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
BATCH = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)


def straight(x):
    """A program that JAX's transforms take as it is."""
    for k in range(3):
        x = jnp.sin(x) + k
    return x * 2


@scenario(
    "jit, grad, vmap and scan around a converted function without decisions on arrays",
    *(call(name, UP, converted="g") for name in ("jitted", "graded", "mapped", "scanned", "graded", "jitted")),
    call("g", UP),
    call("jitted", DOWN, converted="g"),
    converted=("g",),
)
def without_decisions():
    w = World(g=straight)
    w.jitted = lambda x: jax.jit(w.g)(x)
    w.graded = lambda x: jax.grad(lambda v: w.g(v).sum())(x)
    w.mapped = lambda x: jax.vmap(w.g)(x)
    w.scanned = lambda x: lax.scan(lambda h, v: (w.g(h + v), h), x, jnp.stack([x, x]))
    return w


@scenario(
    "grad around a converted function with an if, called directly by JAX",
    settled(call("graded", UP, converted="g"), ("profiled", "compiled", "mixed", "eager")),
    call("graded", DOWN, converted="g"),
    call("g", UP),
    call("g", DOWN),
    converted=("g",),
)
def grad_with_if():
    w = World()

    def g(x):
        if x.sum() > 0:
            return (x**2).sum()
        return (x**3).sum()

    w.g = g
    w.graded = lambda x: (jax.grad(w.g)(x), jax.value_and_grad(w.g)(x))
    return w


def branching(x):
    """The converted program: an `if`, a loop and an early return, all on arrays."""
    if x.sum() > 0:
        return x * 2
    k = 0
    while k < 3:
        x = x - 1
        k += 1
    for v in x:
        x = x + v
    return x


def branching_for_jax(x):
    """The same, as plain JAX takes it."""
    y = x - 3
    for i in range(3):
        y = y + (x - 3)[i]
    return jnp.where(x.sum() > 0, x * 2, y)
