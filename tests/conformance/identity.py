# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false
"""Identity: `is` asks about the objects, whatever stands for them in a trace."""

from __future__ import annotations

import threading

import jax.numpy as jnp

from tests.conformance.harness import World, call, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
MISSING = object()


@scenario(
    "a flag that changes is True, or is False, or is another thing that is true",
    settled(call("f", UP, True), "compiled"),
    settled(call("f", UP, False), "compiled"),
    call("f", UP, True),
    call("f", UP, 1),
    call("f", UP, None),
    call("f", UP, "True"),
    call("f", UP, False),
)
def flag():
    def f(x, training):
        y = x * 2 if training is True else x
        return y, training is False, training is not True, training is not False

    return World(f=f)


@scenario(
    "a bool that the function computes is the one True",
    settled(call("f", UP, 1), "compiled"),
    call("f", UP, 2),
    call("f", DOWN, 3),
)
def computed():
    def f(x, n):
        even = n % 2 == 0
        positive = bool(x.sum() > 0)
        return even is True, even is not False, positive is True, positive is False, even is positive, n is True

    return World(f=f)


@scenario(
    "a number is the same object as itself, and as what it was taken from",
    call("f", 1000, [1000, 2.5], UP),
    call("f", 2000, [3000, 4.5], UP),
    call("f", 4000, [5000, 4.5], DOWN),
)
def numbers():
    def f(n, items, x):
        first = items[0]
        return n is n, first is items[0], n is None, x is x, x + n

    return World(f=f)


@scenario(
    "a default that nobody else can pass is told from all that is passed",
    settled(call("f", UP), "compiled"),
    settled(call("f", UP, 2), "compiled"),
    call("f", UP, 3),
    call("f", UP, UP),
    call("f", UP),
)
def sentinel():
    def f(x, scale=MISSING):
        if scale is MISSING:
            return x
        return x * scale

    return World(f=f)


@scenario(
    "an object that is not looked into is compared with another",
    settled(call("f", UP, 0), "compiled"),
    call("f", UP, 1),
    call("f", DOWN, 0),
)
def opaque():
    locks = [threading.Lock(), threading.Lock()]

    def f(x, i):
        return locks[i] is locks[0], locks[i] is not locks[1], locks[i] is x, x + 1

    return World(f=f)


@scenario(
    "a chain of identities and a condition in a branch",
    settled(call("f", UP, True, True), "compiled"),
    call("f", UP, True, False),
    call("f", UP, False, False),
)
def chain():
    def f(x, a, b):
        if a is b is True:
            x = x + 1
        elif a is not b:
            x = x - 1
        return x

    return World(f=f)


class Switch:
    """Something with a flag."""

    __slots__ = ("on", "size")

    def __init__(self, on, size):
        self.on, self.size = on, size


@scenario(
    "a pattern asks for True inside of a list, a dictionary and an object",
    call("f", UP, [3, True], {"k": True}, Switch(True, 1)),
    call("f", UP, [3, False], {"k": False}, Switch(False, 1)),
    call("f", UP, [3, True], {"k": 1}, Switch(True, 2)),
    call("f", UP, [4, True], {"k": True}, Switch(1, 2)),
    call("f", UP, [4, False], {"k": True}, Switch(None, 2)),
)
def patterns():
    def f(x, items, table, switch):
        match items:
            case [n, True]:
                x = x + n
        match table:
            case {"k": True | None}:
                x = x * 2
        match switch:
            case Switch(on=False, size=size):
                return x - size
            case Switch(on=True):
                return -x
        return x

    return World(f=f)


class Sealed(threading.local):
    """Of a class that is not looked into."""


@scenario(
    "the type of an object that is not looked into is its own",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def opaque_type():
    one = Sealed()

    def f(x):
        return type(one) is Sealed, type(one) in {Sealed}, isinstance(one, threading.local), x + 1

    return World(f=f)
