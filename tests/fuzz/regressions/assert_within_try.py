"""An assertion on an array that failed within `try` was passed over."""

import jax.numpy as jnp


class Box:
    def __init__(self):
        self.best = jnp.array(2)
        self.n = 0


def f(s, n, box):
    try:
        u = s
        assert u == box.best, u
        box.n += 1
    except AssertionError as error:
        print("caught", type(error).__name__, n)
    else:
        print("held", n)
    finally:
        box.n += 10
    return u


box = Box()
other = Box()

STEPS = """
f(3, 1, box)
f(jnp.array(2), 1, box)
f(jnp.array(2), 1, box)
f(jnp.array(3), 1, box)
f(jnp.array(3), 2, box)
box.best = jnp.array(3)
f(jnp.array(3), 2, other)
f(jnp.array(3), 2, box)
"""
OPTIONS = {"profile_runs": 2}
