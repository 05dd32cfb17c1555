"""Under an eager `jax.grad`, the text of an exception showed what stands for a value in a trace."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.n = 1


def f(p, s, box):
    if s < box.n:
        raise ValueError(f"at {s * 1}", s + 1)
    return jnp.abs(p) * p * s


box = Box()
other = Box()

STEPS = """
f(jnp.array(0.5), jnp.array(3), box)
f(jnp.array(0.5), jnp.array(3), box)
grad(jnp.array(0.5), jnp.array(3), box)
grad(jnp.array(0.5), jnp.array(0), box)
f(jnp.array(0.5), jnp.array(0), box)
box.n = 0
grad(jnp.array(0.5), jnp.array(0), box)
"""
OPTIONS = {"profile_runs": 1}
