# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# pyright: reportIncompatibleMethodOverride=false
"""Attributes of functions, of enumerations' members, and of libraries' classes: state like any other."""

from __future__ import annotations

import enum
import threading
import types

import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario

X = jnp.array([1.0, 2.0])


@scenario("a function counts its own calls", call("f", X), call("f", X), call("f", X + 1), call("f", X))
def own_counter():
    def f(x, k=1):
        f.calls += k
        return x * f.calls, f.calls

    f.calls = 0
    return World(f=f)


@scenario(
    "a function's attribute is changed from outside",
    call("f", X),
    call("f", X),
    change(lambda world: setattr(world.helper, "scale", 5.0)),
    call("f", X),
    change(lambda world: setattr(world.helper, "shift", 7.0)),
    call("f", X),
)
def read_of_another():
    def helper(x):
        return x * helper.scale

    def f(x):
        return helper(x) + helper.shift, helper.scale

    helper.scale, helper.shift = 2.0, 1.0
    return World(f=f, helper=helper)


@scenario("a function keeps what it saw on another function", call("f", X), call("f", X + 1), call("f", X + 2))
def written_to_another():
    def helper(x):
        return x + 1

    def f(x):
        helper.calls += 1
        before, helper.last = helper.last, x
        return helper(x), helper.calls, before

    helper.calls, helper.last = 0, None
    return World(f=f, helper=helper)


@scenario("an attribute is made at the first call", call("f", X), call("f", X + 1), call("f", X + 2))
def made():
    def helper(x):
        return x

    def f(x):
        had = hasattr(helper, "cache")
        helper.cache = x
        return had, helper.cache + 1

    return World(f=f, helper=helper)


@scenario("members of an enumeration carry counts", call("f", X), call("f", X), call("f", X))
def members():
    class Mode(enum.Enum):
        TRAIN = 1
        TEST = 2

    Mode.TRAIN.count = 0

    def f(x):
        Mode.TRAIN.count += 1
        return x * Mode.TRAIN.count, Mode.TRAIN.count

    return World(f=f)


@scenario("a class and a module of a library are written to", call("f", X), call("f", X), call("f", X))
def library():
    class Table:
        made = 0

    Table.__module__ = "difflib"
    module = types.ModuleType("string")
    module.remembered = 0

    def f(x):
        Table.made += 1
        module.remembered = module.remembered + 2
        return x + 1, Table.made, module.remembered

    return World(f=f)


@scenario(
    "super() beside statements that Python runs",
    call("m.scale", X, 2, converted="Loud.scale"),
    call("m.scale", X, 2, converted="Loud.scale"),
    call("m.scale", X, 3, converted="Loud.scale"),
    converted=("Loud.scale",),
)
def super_in_pieces():
    class Quiet:
        def scale(self, x):
            return x * 2

    class Loud(Quiet):
        def scale(self, kept, x):
            y = x + 1
            threading.Event().set()
            first = super().scale(y)
            threading.Event().set()
            return super().scale(kept) + first

    return World(Loud=Loud, m=Loud())
