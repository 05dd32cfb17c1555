"""A list that a function appends to, then also changes in other ways: `+=` made another list, `del` was refused."""

import jax.numpy as jnp  # noqa: F401


class Box:
    def __init__(self):
        self.hist = []
        self.more = []
        self.last = None


def grow(x, box):
    held = box.hist
    box.hist += [x[0]]
    held += (x[1], x[2])
    if x[0] > 0:
        box.hist.append(x[1])
    if box.hist:
        box.last = x[0]
    if len(held) > 4:
        box.last = x[1]
    fresh = [x[0]]
    box.hist.extend(fresh)
    fresh.clear()
    return held is box.hist


def f(x, box):
    box.more.append(x[0])
    if len(box.more) > 2:
        del box.more[0]
        box.more[0] = x[1]
    return grow(x, box)


box = Box()
other = Box()

STEPS = """
f(jnp.array([1, 2, 3]), box)
f(jnp.array([1, 2, 3]), box)
f(jnp.array([-1, 0, 0]), box)
f(jnp.array([0, 5, 9]), other)
box.hist.clear()
f(jnp.array([1, 2, 3]), box)
"""
OPTIONS = {"profile_runs": 1}
