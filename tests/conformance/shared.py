# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
"""What a program shares with others: objects that it hands on, classes that it makes, data of libraries' classes."""

from __future__ import annotations

import collections
import functools
import json
import threading

import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

X = jnp.array([1.0, 2.0])
BIG = 10**30


def other(value):
    """An equal object, which is another one."""
    return type(value)(str(value)) if not isinstance(value, bytes) else bytes(bytearray(value))


class Box:
    """Holds what it is given."""


def hands_on(value):
    def f(value, x):
        return [value], x * 2

    def handed(value, x):
        (found,), y = world.f(value, x)
        return found is value, y

    world = World(f=f, handed=handed)
    return world


@scenario("an argument that is returned is the same object", *[call("handed", other(BIG), X) for _ in range(3)])
def big_number():
    return hands_on(BIG)


@scenario("bytes that are returned are the same object", *[call("handed", other(b"abc" * 9), X) for _ in range(3)])
def bytes_given():
    return hands_on(b"")


@scenario("a float that is returned is the same object", *[call("handed", float("1.5e10"), X) for _ in range(3)])
def float_given():
    return hands_on(0.0)


@scenario(
    "two equal arguments are told apart in what is returned",
    call("f", BIG, BIG, X),
    call("f", BIG, other(BIG), X),
    call("f", other(BIG), BIG, X),
    call("f", BIG, BIG, X),
)
def two_equal():
    def inner(a, b, x):
        return b, a, x + 1

    world = World(inner=inner)

    def f(a, b, x):
        one, two, y = world.inner(a, b, x)
        return one is b, two is a, one is a, y

    world.f = f
    return world


@scenario(
    "an attribute takes the very object that another one has",
    call("f", X),
    change(lambda world: setattr(world.box, "n", other(BIG))),
    call("f", X),
    call("same"),
)
def from_attribute_to_attribute():
    box = Box()
    box.n = BIG

    def f(x):
        box.m = box.n
        return x * 2

    return World(f=f, box=box, same=lambda: box.m is box.n)


@scenario("a function makes a class, another one in each call", call("f", X), call("f", X), call("count"))
def makes_a_class():
    made = []

    def make(x):
        class A:
            value = 1

            def double(self, y):
                return y * 2 * self.value

        return A, A().double(x)

    world = World(make=make)

    def f(x):
        cls, y = world.make(x)
        made.append(cls)
        cls.value += len(made)
        return y, cls().double(x)

    world.f = f
    world.count = lambda: (len(set(made)), [cls.value for cls in made])
    return world


@scenario("a class made by a call is another one in each call", call("f", X), call("f", X), call("count"))
def calls_for_a_class():
    made = []

    def make(x):
        point = collections.namedtuple("point", "a b")
        return point, type("A", (), {"scale": 2}), tuple(point(x, x + 1))

    world = World(make=make)

    def f(x):
        *classes, y = world.make(x)
        made.extend(classes)
        return y

    world.f = f
    world.count = lambda: len(set(made))
    return world


class Cached(json.JSONEncoder):
    """Inherits from a library's class."""


@scenario(
    "data of a library's class are changed from outside",
    settled(call("f", X), "compiled"),
    change(lambda world: setattr(json.JSONEncoder, "item_separator", ":::")),
    call("f", X),
    change(lambda world: setattr(json.JSONEncoder, "item_separator", ", ")),
    call("f", X),
)
def data_of_a_class():
    def f(x):
        return x * len(json.JSONEncoder.item_separator) + len(Cached.item_separator)

    return World(f=f)


@scenario(
    "a program writes to what a library's class holds", call("f", X), call("f", X + 1), call("f", X), call("table")
)
def written_to_a_class():
    # A class of the module's, but not the one that all worlds share.
    decoder = type("Decoder", (), {"__module__": "json", "table": {"a": 1.0}})

    def f(x):
        decoder.table["a"] += 1.0
        decoder.table["last"] = x
        return x * decoder.table["a"]

    return World(f=f, table=lambda: dict(decoder.table))


class Described:
    """A descriptor with state of its own."""

    def __init__(self):
        self.reads = 0
        self.last = None

    def __get__(self, instance, owner):
        if instance is None:
            return self
        self.reads += 1
        return instance.x * self.reads

    def __set__(self, instance, value):
        self.last = value
        instance.x = value


@scenario(
    "a descriptor of the user's keeps what it saw",
    call("f", X),
    call("f", X + 1),
    change(lambda world: setattr(world.descriptor, "reads", 10)),
    call("f", X),
    call("seen"),
)
def descriptor():
    descriptor = Described()

    class Holder:
        y = descriptor

        def __init__(self):
            self.x = X

    holder = Holder()

    def f(x):
        holder.y = x * 2
        return holder.y + holder.y

    return World(f=f, descriptor=descriptor, seen=lambda: (descriptor.reads, descriptor.last, holder.x))


@scenario(
    "a descriptor is an argument",
    call("f", X),
    call("f", X + 1),
    call("f", X),
    call("seen"),
    call("f", X),
    call("seen"),
)
def descriptor_given():
    descriptor = Described()

    def change_it(given, x):
        given.reads += 1
        given.last = x
        return x * given.reads

    world = World(change_it=change_it, seen=lambda: (descriptor.reads, descriptor.last))
    world.f = lambda x: world.change_it(descriptor, x)
    return world


@scenario(
    "a partial's attributes are read and written",
    call("f", X),
    call("f", X + 1),
    change(lambda world: setattr(world.partial, "scale", 5.0)),
    call("f", X),
    call("seen"),
)
def partial_with_attributes():
    def times(scale, x, *, shift):
        return x * scale + shift

    partial = functools.partial(times, 2.0, shift=X)
    partial.scale, partial.calls, partial.last = 3.0, 0, None

    def f(x):
        partial.calls += 1
        partial.last = x
        return partial(x) * partial.scale, partial.func is times, partial.args, partial.keywords

    return World(f=f, partial=partial, seen=lambda: dict(vars(partial)))


@scenario("a partial gets its first attribute", call("f", X), call("f", X + 1), call("f", X), call("seen"))
def partial_without_attributes():
    def double(x):
        return x * 2

    partial = functools.partial(double)

    def f(x):
        partial.calls = getattr(partial, "calls", 0) + 1
        return partial(x)

    return World(f=f, seen=lambda: dict(vars(partial)))


@scenario(
    "an object's `__dict__` goes from one part of a function to the next",
    call("f", X),
    call("f", X + 1),
    call("f", X),
    call("seen"),
)
def dict_of_an_object():
    box = Box()
    box.n = 2.0

    def f(x):
        held = box.__dict__
        held["first"] = x
        threading.get_ident()
        held["last"] = x * held["n"]
        held["n"] += 1
        return held is box.__dict__, box.last

    return World(f=f, seen=lambda: dict(vars(box)))


@scenario("an object is given with its `__dict__`", call("f", X), call("f", X + 1), call("f", X), call("seen"))
def dict_beside_its_object():
    box = Box()
    box.n = 2.0

    def both(held, box, x):
        held["n"] += 1
        box.last = x
        return box.n * x, held["last"]

    world = World(both=both, seen=lambda: dict(vars(box)))
    world.f = lambda x: world.both(vars(box), box, x)
    return world


class Base:
    """Whose method is called through a `super` object that is kept."""

    def __init__(self, x):
        self.x = x

    def step(self, x):
        self.x = self.x + x
        return self.x


class Derived(Base):
    """Keeps the `super` object while Python answers."""

    def step(self, x):
        parent = super()
        threading.get_ident()
        return parent.step(x) * 2


@scenario("a `super` object is kept over a cut", call("f", X), call("f", X + 1), call("f", X), call("seen"))
def kept_super():
    derived = Derived(X)
    return World(f=derived.step, seen=lambda: derived.x)


@scenario("`setattr` on a function", call("f", X), call("f", X + 1), call("f", X), call("seen"))
def set_on_a_function():
    def helper(x):
        return x * 2

    def f(x, names=("first", "last")):
        for name in names:
            setattr(helper, name, x)
        return helper(x)

    return World(f=f, seen=lambda: dict(vars(helper)))
