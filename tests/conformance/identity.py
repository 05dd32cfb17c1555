# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false
"""Identity: `is` asks about the objects, whatever stands for them in a trace."""

from __future__ import annotations

import threading

import jax.numpy as jnp

from tests.conformance.harness import World, call, change, of, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
MISSING = object()


class Box:
    """Something that holds arrays."""


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


@scenario(
    "arrays that staged branches hand through decide further branches, by what they are",
    settled(call("f", UP, DOWN), "compiled"),
    call("f", DOWN, UP, rung="compiled"),
    call("f", DOWN, DOWN / 2, rung="compiled"),
    call("f", UP, UP / 2, rung="compiled"),
    arrays_by_identity=True,
)
def handed_on():
    def f(x, y):
        best = x if x.sum() > y.sum() else y
        if best.sum() > 3:
            far = best
        elif best is y:
            far = best * 2
        else:
            far = y if y.min() > -2 else x + y
        return best, far, best is x, best is y, far is best, far is x, far is not y, float(x[0])

    return World(f=f)


@scenario(
    "a staged branch makes an array for two names: it is one array after it",
    settled(call("f", of_box := of(lambda w: w.box), UP), "compiled"),
    call("f", of_box, DOWN, rung="compiled"),
    change(lambda w: w.box.__dict__.update(p=DOWN, q=DOWN)),
    call("f", of_box, UP),
    arrays_by_identity=True,
)
def made_for_two():
    def f(box, x):
        if x.sum() > 0:
            box.p = box.q = x * 2
            r = box.p
        else:
            box.p = r = box.q = x - 1
        return r, box.p is box.q

    return World(f=f, box=Box())


@scenario(
    "one side of a staged branch makes an array for two names, the other makes two",
    settled(call("f", of_box, UP), "compiled"),
    call("f", of_box, DOWN, rung="compiled"),
    call("f", of_box, UP, rung="compiled"),
    arrays_by_identity=True,
)
def made_for_two_or_one():
    def f(box, x):
        if x.sum() > 0:
            box.p = box.q = x * 2
        else:
            box.p, box.q = x + 1, x + 2
        box.sizes.append(float(box.p[0]))
        return box.p is box.q

    box = Box()
    box.sizes = []
    return World(f=f, box=box)


@scenario(
    "what attributes hold changes places in a staged branch, and the host waits for a number",
    settled(call("f", of_box, UP), "compiled"),
    call("f", of_box, DOWN, rung="compiled"),
    call("f", of_box, UP, rung="compiled"),
    change(lambda w: setattr(w.box, "b", w.box.c)),
    call("f", of_box, UP),
    call("f", of_box, DOWN),
    arrays_by_identity=True,
)
def changing_places():
    def f(box, x):
        t = box.b * 2
        if x.sum() > 0:
            box.b, box.c = box.c, box.b
            box.a = box.b
        else:
            box.a = t
        return {"norm": float(x.sum()), "a": box.a, "t": t}

    box = Box()
    box.a, box.b, box.c = UP + 1, UP + 2, UP + 3
    return World(f=f, box=box)


@scenario(
    "two names for one array stay so, whichever side of a staged branch runs, though the host does not wait",
    settled(call("f", of_box, UP), "compiled"),
    call("f", of_box, DOWN, rung="compiled"),
    call("f", of_box, UP, rung="compiled"),
    arrays_by_identity=True,
)
def aliases_kept():
    def f(box, x):
        y = z = x * 2
        if x.sum() > 0:
            box.n = box.n + 1
            y = z
            box.q = box.p
        else:
            box.n = box.n * 2
            box.q = box.p
        return y, z

    box = Box()
    box.a = box.b = UP + 1
    box.p, box.q = UP + 2, UP + 3
    box.n = jnp.zeros(3)
    return World(f=f, box=box)


@scenario(
    "an array that a staged branch hands through is in a list of itself; of another one Python asks for its truth",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def among():
    def f(x):
        best = x if x.sum() > 0 else x * 2
        return x in [best], (x[0] if x[0] > 0 else x[1] * jnp.nan) in (x[0], x[1])

    return World(f=f)


@scenario(
    "an array is compared by identity with what a loop may have handed through",
    *(call("f", x, jnp.int32(n)) for _ in range(2) for x in (UP, UP * 99) for n in (0, 2)),
)
def handed_through_a_loop():
    def f(x, n):
        y = z = x
        while n > 0:
            y = y + 1
            if x.sum() > 100:
                z = x * 2
            n = n - 1
        return y is x, z is x, y is z, y is n, y

    return World(f=f)
