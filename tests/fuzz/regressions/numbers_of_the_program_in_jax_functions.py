"""A Python number that the program computes was refused by functions of JAX, and by a range without variables."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.n = 0


def f(x, s, box):
    u = -s % 97
    t = jnp.where(u * 3 > 5, -u, int(u)) % 97
    for _ in range(int(x[-1] % 4)):
        box.n += 1
    for i in range(6):
        t = jnp.maximum(t, i)
    if x[0] > 1:
        t = jnp.minimum(t, int(s))
    return t


box = Box()
other = Box()

STEPS = """
f(jnp.array([5, -7]), jnp.array(-2), box)
f(jnp.array([1, 3]), jnp.array(4), box)
f(jnp.array([2, 0]), jnp.array(-2), box)
"""
OPTIONS = {"profile_runs": 1}
EAGER = 0
