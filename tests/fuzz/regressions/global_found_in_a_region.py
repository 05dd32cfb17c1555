"""A global that a function called in a staged loop was the first to name was taken for a write of the loop's."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.n = 1
        self.best = jnp.array(2)


def walk(s, d):
    if d <= 0:
        return s % 97
    t = (max(s + box.n, s) if box.best >= s else s) % 97
    return walk(t // 2, d - 1)


def f(x, s, box):
    k0 = jnp.array(0)
    while k0 < 6:
        k0 = k0 + 1
        box.n = 2
        s = walk(s + x[0], 2)
    return s


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2]), jnp.array(5), box)
f(jnp.array([1, 2]), jnp.array(5), box)
box.best = jnp.array(-3)
f(jnp.array([4, 2]), jnp.array(1), box)
f(jnp.array([4, 2]), jnp.array(1), other)
"""
OPTIONS = {"profile_runs": 1}
