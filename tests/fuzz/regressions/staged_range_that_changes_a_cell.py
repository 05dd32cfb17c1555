"""A tracer leaked from a range with an array for a bound, whose body changed a variable that a handler reads."""

import jax.numpy as jnp  # noqa: F401


class Box:
    def __init__(self):
        self.hist = []


def f(x, s, box):
    try:
        for i in range(x.shape[0]):
            for j in range(i):
                x = x.at[j].add(i)
                x = x % 97
        if s > 2:
            raise ValueError(s)
    except ValueError as error:
        print("caught", type(error).__name__)
        box.hist.append(x[1])
    finally:
        box.hist = box.hist[-2:]
    return x


box = Box()
other = Box()

STEPS = """
f(jnp.array([3, -1, 4, -1, 5, -9]), jnp.array(1), box)
f(jnp.array([3, -1, 4, -1, 5, -9]), jnp.array(1), box)
f(jnp.array([3, -1, 4, -1, 5, -9]), jnp.array(3), box)
f(jnp.array([3, -1, 4, -1, 5, -9]), jnp.array(3), box)
f(jnp.array([3, -1, 4, -1, 5, -9]), jnp.array(1), other)
"""
OPTIONS = {"profile_runs": 2}
