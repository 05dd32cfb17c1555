"""A Python number in a field, which a staged loop sets to an array, became an array even where the loop had no trip."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.best = jnp.array(2)


def f(x, s, box):
    k0 = jnp.array(0)
    while k0 < 3 and x[0] < x[-1]:
        k0 = k0 + 1
        box.best = s % 97
    return x


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2]), jnp.array(1), box)
f(jnp.array([1, 2]), jnp.array(1), box)
box.best = 3
f(jnp.array([5, -7]), jnp.array(1), box)
f(jnp.array([1, 2]), jnp.array(4), box)
box.best = 3
f(jnp.array([1, 2]), jnp.array(4), box)
f(jnp.array([5, -7]), 3, box)
"""
OPTIONS = {"profile_runs": 1}
