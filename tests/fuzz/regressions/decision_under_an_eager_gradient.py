"""Under an eager `jax.grad`, a decision that has no staged form was an error, though its arrays have values."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.n = 1


def f(p, s, x, box):
    if s in x:
        p = p * box.n
        return p * x[0]
    assert s > 0, s
    return jnp.abs(p) * p


box = Box()
other = Box()

STEPS = """
f(jnp.array(0.5), jnp.array(3), jnp.array([1, 2]), box)
f(jnp.array(0.5), jnp.array(3), jnp.array([1, 2]), box)
grad(jnp.array(0.5), jnp.array(3), jnp.array([1, 2]), box)
grad(jnp.array(0.5), jnp.array(2), jnp.array([1, 2]), box)
grad(jnp.array(0.5), jnp.array(-1), jnp.array([1, 2]), box)
box.n = 4
grad(jnp.array(0.5), jnp.array(2), jnp.array([1, 2]), box)
"""
OPTIONS = {"profile_runs": 1}
