"""`int()` of a floating array stayed a fraction where it left a staged region."""

import jax.numpy as jnp


class Box:
    pass


def f(x, y, s):
    n = 0

    def inner(t):
        nonlocal n
        n = int(s)

    for u in jnp.arange(6):
        u = inner(u)
    if x[0] > 3:
        n = int(s) * 2
    return y - n


box = Box()
other = Box()

STEPS = """
f(jnp.array([5, -7]), jnp.array([0, 0]), jnp.array(1.5))
f(jnp.array([2, -7]), jnp.array([0, 0]), jnp.array(-1.5))
f(jnp.array([5, -7]), jnp.array([0, 0]), jnp.array(2))
"""
OPTIONS = {"profile_runs": 1}
