"""An object that only a function called in a staged branch can reach kept what the branch wrote, taken or not."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.n = 1
        self.total = jnp.zeros((), int)


def add(x):
    box.total = box.total + x[0]
    return box.total


def f(x):
    y = x[1]
    if x.sum() > 0:
        y = add(x)
    return y


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2]))
f(jnp.array([-1, -2]))
f(jnp.array([5, 2]))
box.total = jnp.zeros((), int)
f(jnp.array([-5, 2]))
"""
OPTIONS = {"profile_runs": 1}
