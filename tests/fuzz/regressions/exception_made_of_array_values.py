"""An exception whose text holds array values, raised in a loop's body, ended the call with a signal of the trace's."""

import jax.numpy as jnp


class Box:
    pass


def pick(a, s):
    def inner(t):
        raise ValueError(f"at {a}")

    for u in jnp.arange(3):
        u = inner(u)


def f(y, s):
    for v in range(6):
        if s > v:
            pick(y, s)
    return s


box = Box()
other = Box()

STEPS = """
f(jnp.zeros(2, int), jnp.array(0))
f(jnp.zeros(2, int), jnp.array(3))
f(jnp.zeros(2, int), jnp.array(0))
"""
OPTIONS = {"profile_runs": 1}
