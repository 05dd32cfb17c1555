"""A loop that a jump leaves from within `except` was traced for ever: its test was said to hold each time."""

import jax.numpy as jnp  # noqa: F401  the steps use it


class Box:
    def __init__(self):
        self.n = 1


def f(x, s):
    k = x[0] * 0
    n = 0
    while k < 6:
        k = k + 1
        try:
            assert s > 3, n
        except Exception:
            if n > 100:
                return x
        n += 1
    return x + k, n


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2]), jnp.array(5))
f(jnp.array([1, 2]), jnp.array(5))
f(jnp.array([3, 2]), jnp.array(7))
f(jnp.array([1, 2]), jnp.array(1))
f(jnp.array([1, 2]), jnp.array(1))
f(jnp.array([1, 2]), jnp.array(5))
"""
OPTIONS = {"profile_runs": 1}
