# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Functions and methods: calls between user functions, closures, globals, defaults, decorators, classes."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import itertools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, fresh_module, of, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


@scenario(
    "user functions calling user functions that branch on arrays",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def calls():
    def clip(x):
        if x.max() > 2:
            return x / x.max()
        return x

    def twice(g, x):
        return g(g(x))

    def f(x):
        return twice(clip, x) + clip(-x)

    return World(f=f)


@scenario(
    "nested functions and lambdas, several on one line",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def lambdas():
    def f(x):
        table = {"a": lambda v: v + 1, "b": lambda v: v * 2 if v.sum() > 0 else v}
        first, second = lambda v: v - 1, lambda v: v * 3

        def inner(v, k=2):
            if v.sum() > 0:
                return first(v) * k
            return second(v)

        return table["b"](inner(table["a"](x)))

    return World(f=f)


@scenario("a lambda is converted", settled(call("f", UP), "compiled"), call("f", DOWN, rung="compiled"))
def a_lambda():
    return World(f=lambda x: x * 2 if x.sum() > 0 else x - 1)


@scenario(
    "a closure counts with nonlocal, in a branch on an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def nonlocal_counter():
    count = 0
    total = jnp.zeros(3)

    def f(x):
        nonlocal count, total
        count += 1
        if x.sum() > 0:
            total = total + x
        return total * count

    return World(f=f)


@scenario(
    "nonlocal of an inner function, in a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def inner_nonlocal():
    def f(x):
        total = jnp.zeros(3)
        calls = 0

        def add(v):
            nonlocal total, calls
            total = total + v
            calls += 1

        for row in jnp.stack([x, x * 2, x * 3]):
            add(row)
        if x.sum() > 0:
            add(x)
        return total

    return World(f=f)


@scenario(
    "two closures share one cell",
    settled(call("f", UP), "compiled"),
    call("read", converted="f"),
    call("f", DOWN, rung="compiled"),
    call("read", converted="f"),
)
def shared_cell():
    value = jnp.zeros(3)

    def f(x):
        nonlocal value
        value = value + x
        return value.sum()

    def read():
        return value

    return World(f=f, read=read)


_GLOBALS = """
import jax.numpy as jnp

steps = 0
rate = 0.5
total = jnp.zeros(3)
history = []

def scale(x):
    return x * rate

def f(x):
    global steps, total
    steps += 1
    total = total + scale(x)
    history.append(steps)
    if total.sum() > 20:
        total = total * 0
    return total
"""


@scenario(
    "globals are read and written",
    settled(call("module.f", UP), "compiled"),
    change(lambda w: setattr(w.module, "rate", 2.0)),
    call("module.f", UP),
    call("module.f", DOWN),
    change(lambda w: setattr(w.module, "scale", lambda x: x + 1)),
    call("module.f", UP),
    change(lambda w: setattr(w.module, "total", jnp.ones(3))),
    call("module.f", UP),
    converted=("module.f",),
)
def globals_written():
    return World(module=fresh_module(_GLOBALS))


@scenario(
    "defaults, keyword-only, *args and **kwargs",
    settled(call("f", UP, DOWN, flag=True, extra=UP), "compiled"),
    call("f", UP, flag=False),
    call("f", UP, UP, UP, scale=3.0),
    call("f", UP),
)
def signatures():
    def f(x, *rest, scale=2.0, flag=False, **named):
        for y in rest:
            x = x + y
        if flag:
            x = -x
        return x * scale, sorted(named), len(rest)

    return World(f=f)


@scenario(
    "a wrong call raises Python's own TypeError",
    settled(call("f", UP), "compiled"),
    call("f"),
    call("f", UP, UP, UP),
    call("f", UP, nothing=1),
    call("f", UP),
)
def wrong_call():
    def f(x, k=1):
        return x * k

    return World(f=f)


@scenario(
    "a mutable default remembers",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def mutable_default():
    def f(x, seen=[]):
        seen.append(x)
        return seen[-1] + seen[0]

    return World(f=f)


@scenario(
    "decorated and partial functions are called",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def decorated():
    def logged(g):
        @functools.wraps(g)
        def run(*args, **kwargs):
            y = g(*args, **kwargs)
            return y + 1

        return run

    @logged
    def clip(x, high):
        if x.max() > high:
            return x * high / x.max()
        return x

    low = functools.partial(clip, high=1.0)

    @functools.lru_cache
    def factor(n):
        return n * 2

    def f(x):
        return low(x) * factor(3)

    return World(f=f)


@scenario(
    "functools.partial is converted",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def a_partial():
    def g(scale, x, shift):
        if x.sum() > 0:
            return x * scale
        return x + shift

    return World(f=functools.partial(g, 2.0, shift=1.0))


@scenario(
    "a decorated function is itself converted",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def converted_decorated():
    def doubled(g):
        @functools.wraps(g)
        def run(x):
            return g(x) * 2

        return run

    @doubled
    def f(x):
        if x.sum() > 0:
            return x + 1
        return x

    return World(f=f)


@scenario(
    "a method is converted on its class and serves every instance",
    settled(call("a.step", UP), "compiled"),
    call("b.step", UP, rung="compiled"),
    call("b.step", DOWN, rung="compiled"),
    call("a.step", DOWN, rung="compiled"),
    converted=("Model.step",),
)
def method():
    class Model:
        def __init__(self, scale):
            self.scale = scale
            self.count = 0
            self.w = jnp.ones(3) * scale

        def step(self, x):
            self.count += 1
            if x.sum() > 0:
                self.w = self.w + x
            return self.apply(x)

        def apply(self, x):
            return self.w * x * self.scale

    return World(Model=Model, a=Model(1.0), b=Model(2.0))


@scenario(
    "classmethod, staticmethod, property, __call__, super and private names",
    settled(call("f", of(lambda w: w.model), UP), "compiled"),
    call("f", of(lambda w: w.model), DOWN, rung="compiled"),
)
def class_features():
    class Base:
        factor = 2.0

        def __init__(self):
            self.__hidden = jnp.ones(3)
            self._rate = 1.0

        @property
        def rate(self):
            return self._rate

        @rate.setter
        def rate(self, value):
            self._rate = value * 1.5

        @classmethod
        def scaled(cls, x):
            return x * cls.factor

        @staticmethod
        def shifted(x):
            return x + 1

        def __call__(self, x):
            self.__hidden = self.__hidden + x
            return self.__hidden

    class Model(Base):
        factor = 3.0

        def __call__(self, x):
            y = super().__call__(x)
            if y.sum() > 0:
                y = self.scaled(y)
            return self.shifted(y)

    def f(model, x):
        model.rate = model.rate + 0.25
        return model(x) * model.rate

    return World(f=f, model=Model())


@scenario(
    "a callable object is converted",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def callable_object():
    class Counter:
        def __init__(self):
            self.calls = 0

        def __call__(self, x):
            self.calls += 1
            return x * self.calls

    return World(f=Counter())


@scenario(
    "dunder operators, __getattr__, __len__ and __getitem__",
    settled(call("f", of(lambda w: w.a), of(lambda w: w.b)), "compiled"),
    call("f", of(lambda w: w.b), of(lambda w: w.a), rung="compiled"),
)
def operators():
    class Vector:
        def __init__(self, data):
            self.data = data

        def __add__(self, other):
            return Vector(self.data + other.data)

        def __mul__(self, k):
            return Vector(self.data * k)

        __rmul__ = __mul__

        def __getitem__(self, i):
            return self.data[i]

        def __len__(self):
            return len(self.data)

        def __getattr__(self, name):
            if name == "total":
                return self.data.sum()
            raise AttributeError(name)

        def __bool__(self):
            return bool(self.data.sum() > 0)

    def f(a, b):
        c = a + 2 * b
        if c:
            return c.data * len(c)
        return c[0] + c.total

    return World(f=f, a=Vector(UP), b=Vector(DOWN))


@scenario(
    "dataclasses, namedtuples and enums made inside and returned",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def value_classes():
    class Mode(enum.Enum):
        TRAIN = "train"
        TEST = "test"

    class Out(NamedTuple):
        loss: object
        mode: object

    @dataclasses.dataclass
    class Batch:
        x: object
        weight: float = 0.5

        @property
        def weighted(self):
            return self.x * self.weight

    @dataclasses.dataclass(frozen=True)
    class Config:
        scale: float

    def f(x):
        batch = Batch(x)
        config = dataclasses.replace(Config(1.0), scale=2.0)
        mode = Mode("train")
        if mode is Mode.TRAIN:
            batch.weight = config.scale
        return Out(batch.weighted.sum(), mode), batch

    return World(f=f)


@scenario(
    "an abstract class, a metaclass and __slots__",
    settled(call("f", of(lambda w: w.model), UP), "compiled"),
    call("f", of(lambda w: w.model), DOWN, rung="compiled"),
)
def unusual_classes():
    class Meta(type):
        def __call__(cls, *args):
            made = super().__call__(*args)
            made.tag = cls.__name__
            return made

    class Layer(abc.ABC):
        @abc.abstractmethod
        def apply(self, x): ...

    class Slotted:
        __slots__ = ("count", "w")

        def __init__(self):
            self.count, self.w = 0, jnp.ones(3)

    class Tagged(metaclass=Meta):
        pass

    class Scale(Layer):
        def __init__(self):
            self.inner = Slotted()

        def apply(self, x):
            self.inner.count += 1
            self.inner.w = self.inner.w + x
            if self.inner.w.sum() > 0:
                return self.inner.w
            return x

    def f(model, x):
        tag = Tagged().tag
        return model.apply(x), tag

    return World(f=f, model=Scale())


@scenario(
    "builtins over arrays: sum, min, max, any, all, sorted, len, abs, map, filter, reduce, isinstance",
    settled(call("f", [UP, DOWN]), "compiled"),
    call("f", [DOWN, DOWN]),
    call("f", [UP, UP]),
)
def builtin_functions():
    def f(items):
        total = sum(items)
        largest = max(x.sum() for x in items)
        smallest = min(items[0])
        flags = any(x.sum() > 0 for x in items), all(x.sum() > 0 for x in items)
        doubled = list(map(lambda x: x * 2, items))
        positive = list(filter(lambda x: x[0] > 0, items))
        ordered = sorted(items[0])
        product = functools.reduce(operator.mul, items)
        pairs = list(itertools.product([1, 2], items))
        kinds = isinstance(total, jax.Array), len(items), abs(items[0]), round(float(total.sum()), 2)
        return largest, smallest, flags, doubled, positive, ordered, product, len(pairs), kinds

    return World(f=f)


@scenario(
    "getattr, setattr, hasattr and delattr by name",
    settled(call("f", of(lambda w: w.box), "value", UP), "compiled"),
    call("f", of(lambda w: w.box), "other", UP),
    call("f", of(lambda w: w.box), "value", DOWN),
)
def attribute_builtins():
    class Box:
        pass

    def f(box, name, x):
        if hasattr(box, name):
            setattr(box, name, getattr(box, name) + x)
        else:
            setattr(box, name, x)
        if hasattr(box, "value") and hasattr(box, "other"):
            del box.other
        return getattr(box, name, None)

    return World(f=f, box=Box())


@scenario(
    "mutual recursion and a function that returns a function",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def mutual():
    def even(x, n):
        return x if n == 0 else odd(x + 1, n - 1)

    def odd(x, n):
        return -x if n == 0 else even(x * 2, n - 1)

    def make(k):
        def scaled(x):
            return x * k

        return scaled

    def f(x):
        return make(3)(even(x, 5))

    return World(f=f)


@scenario(
    "a function returned from the call closes over this call's values",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
)
def returned_closure():
    def f(x):
        total = x + 1

        def later():
            return total

        return later

    return World(f=f)


@scenario(
    "a converted function calls a converted function",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("g", DOWN),
    converted=("g", "f"),
)
def converted_calls_converted():
    w = World(count=0)

    def g(x):
        w.count += 1
        if x.sum() > 0:
            return x * 2
        return x

    def f(x):
        return w.g(x) + 1

    w.g, w.f = g, f
    return w
