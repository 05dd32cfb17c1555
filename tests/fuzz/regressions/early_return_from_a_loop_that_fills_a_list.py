"""A loop with `continue`, an early return and an append on one path alone could not be compiled."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.best = jnp.array(0)
        self.n = 0
        self.hist = []
        self.last = None


def f(x, c):
    for v in x:
        if v < 0:
            continue
        if v > c.best:
            c.best = v
            c.n += 1
        if v > 7:
            return c.best
        c.hist.append(v)
    c.last = len(c.hist)


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2, -3, 4, 5, 6]), box)
f(jnp.array([1, 2, -3, 4, 5, 6]), box)
f(jnp.array([1, 9, -3, 4, 5, 6]), box)
box.best = jnp.array(0)
f(jnp.array([8, 9, -3, 4, 5, 6]), box)
f(jnp.array([-1, -1, -1, 0, 0, 0]), box)
f(jnp.array([-1, -1, -1, -1, 8, 7]), other)
f(jnp.array([1, 2, -3, 4, 5, 6]), other)
"""
OPTIONS = {"profile_runs": 1}
EAGER = 0
