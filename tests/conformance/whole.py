# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportArgumentType=false
"""Programs of many constructs at once: nested, in classes, with state in staged loops; profiles break midway."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import heapq
import weakref

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
ZERO = jnp.zeros(3)
ROWS = jnp.arange(12.0).reshape(4, 3)


class Box:
    """Something with attributes."""


@scenario(
    "nested whiles with else, break, continue and return change attributes, counters and a log",
    settled(call("f", UP, 3), "compiled"),
    call("f", UP * 100, 3),
    call("f", DOWN, 3),
    call("f", UP, 7),
    call("f", ZERO, 3),
    call("f", UP, 3),
)
def nested_whiles():
    w = World(count=0, trace=[], box=Box())
    w.box.best, w.box.k = jnp.zeros(3), 0

    def f(x, n):
        i = 0
        while i < n:
            i += 1
            j = 0
            while jnp.abs(x).max() > 1:
                x = x / 2
                j += 1
                if x.sum() < -1:
                    continue
                w.box.best = jnp.maximum(w.box.best, x)
                w.box.k += 1
                if j > 3:
                    break
            else:
                w.trace.append(i)
            w.count += j
            if w.box.k > 20:
                return "early", x
        return x, i, j, w.count

    w.f = f
    return w


@scenario(
    "a class with a descriptor, a property, class methods and operators, whose state an array decides",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.Child, "scale", 5.0)),
    call("f", UP),
    change(lambda w: setattr(w.o, "extra", 1)),
    call("f", UP),
    call("f", DOWN),
)
def descriptors():
    class Doubled:
        def __set_name__(self, owner, name):
            self.name = f"_{name}"

        def __get__(self, instance, owner=None):
            return self if instance is None else getattr(instance, self.name, 0.0) * 2

        def __set__(self, instance, value):
            instance.sets += 1
            setattr(instance, self.name, value)

    class Base:
        scale, made = 2.0, 0
        value = Doubled()

        def __init__(self):
            self.sets = 0
            type(self).made += 1
            self.__secret = 3

        @property
        def total(self):
            return self.sets + self.__secret

        @total.setter
        def total(self, value):
            self.__secret = value

        @classmethod
        def make(cls):
            return cls()

        def __getattr__(self, name):
            if name.startswith("dyn_"):
                return len(name)
            raise AttributeError(name)

        def __matmul__(self, other):
            return other * self.scale

        def __len__(self):
            return self.sets + 1

    class Child(Base):
        def __call__(self, x):
            if x.sum() > 0:
                self.value = x
            else:
                self.value = x * 2 + 1
            self.total += 1
            return self @ self.value

    w = World(Base=Base, Child=Child, o=Child())

    def f(x):
        o = w.o
        found = hasattr(o, "extra"), hasattr(o, "nothing"), o.dyn_abc
        return o(x), o.total, o.value, len(o), found, Child.make().sets, Base.made, Child.made

    w.f = f
    return w


@scenario(
    "a stack of an object grows and shrinks in staged loops",
    settled(call("f", UP * 8), "compiled"),
    call("f", UP),
    call("f", DOWN * 64),
    call("f", UP * 8),
)
def stack_object():
    class Stack:
        def __init__(self):
            self.items, self.tops = [], 0

        def pop(self):
            self.tops += 1
            return self.items.pop()

    w = World(kept=[])

    def f(x):
        stack, seen = Stack(), []
        while jnp.abs(x).max() > 1:
            x = x / 2
            stack.items.append(x)
            seen.append(x[0])
        total = jnp.zeros(3)
        while len(stack.items) > 0:
            total = total + stack.pop()
        w.kept.append(len(seen))
        return total, seen, stack.tops

    w.f = f
    return w


@scenario(
    "class attributes, a nonlocal and what functions are called change from outside, midway",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w.Model, "K", 3.0)),
    call("f", UP),
    change(lambda w: w.Model.table.update(q=5.0)),
    call("f", DOWN),
    change(lambda w: setattr(w.Model, "act", staticmethod(lambda v: v * 0))),
    call("f", UP),
    change(lambda w: setattr(w, "g", lambda v: v - 1)),
    call("f", UP),
    call("f", DOWN),
)
def from_outside():
    class Model:
        K, table, count, hist = 2.0, {"q": 1.0}, 0, []
        act = staticmethod(jnp.tanh)

        @classmethod
        def tick(cls):
            cls.count += 1
            cls.hist.append(cls.count)

        def __call__(self, x):
            self.tick()
            return type(self).act(x * self.K) + Model.table["q"]

    w = World(Model=Model, g=lambda v: v + 1, m=Model())
    cell = 0.0

    def f(x):
        nonlocal cell
        y = w.g(w.m(x))
        if x.sum() > 0:
            cell = cell + y[0]
        else:
            cell = 0.0
        if Model.count > 8:
            w.m.K = 1.0
        return y, cell, Model.hist[-1]

    w.f = f
    return w


@scenario(
    "dropout whose key is state, in layers that are switched by an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def keys():
    w = World(key=jax.random.key(7), n=0)

    class Dropout:
        def __init__(self, rate):
            self.rate, self.on = rate, True

        def __call__(self, x):
            if not self.on or self.rate == 0:
                return x
            w.key, key = jax.random.split(w.key)
            w.n += 1
            return jnp.where(jax.random.bernoulli(key, 1 - self.rate, x.shape), x / (1 - self.rate), 0)

    w.layer = Dropout(0.5)

    def f(x):
        if x.sum() < 0:
            w.layer.on = False
        else:
            w.layer.on = True
        return w.layer(w.layer(x)), w.n, w.key

    w.f = f
    return w


@scenario(
    "try, else, finally, continue, break and return in one loop, with exceptions on arrays",
    settled(call("f", UP, 2), "compiled"),
    call("f", DOWN, 2),
    call("f", UP, 0),
    call("f", UP, 3),
    call("f", ZERO, 3),
    call("f", DOWN, 2),
)
def all_of_try():
    w = World(log=[])

    def f(x, n):
        for i in range(4):
            try:
                if i == n:
                    return "returned", x
                if x.sum() < 0:
                    raise ValueError(i)
                if i == 1:
                    continue
                x = x * 2
            except ValueError as error:
                w.log.append(("caught", error.args[0]))
                if error.args[0] >= 1:
                    break
                x = x + 1
            else:
                w.log.append(("else", i))
            finally:
                w.log.append(("finally", i))
                if len(w.log) > 40:
                    w.log.clear()
        return "ended", x

    w.f = f
    return w


@scenario(
    "functions made in a loop share a nonlocal, and are called in order and backwards",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def functions_of_a_loop():
    w = World(n=0)

    def f(x):
        made, total = [], x
        for i in range(3):

            def add(v, k=i):
                nonlocal total
                if v.sum() > 0:
                    total = total + v * k
                else:
                    total = total - k
                w.n += 1
                return total

            made.append(add)
        outs = [each(x) for each in made]
        x = x + 1
        return outs, [each(x) for each in reversed(made)], (lambda *a, **k: (a, k))(*outs[:1], z=total)[1]

    w.f = f
    return w


@scenario(
    "layers register themselves, are found by a generator, and have parameters that an array rescales",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    change(lambda w: setattr(w, "mode", "eval")),
    call("f", UP),
    call("f", DOWN),
    change(lambda w: setattr(w, "mode", "train")),
    call("f", UP),
)
def layers():
    class Layer:
        registered = []

        def __init_subclass__(cls, **options):
            super().__init_subclass__(**options)
            Layer.registered.append(cls)

        def __init__(self):
            self.params, self.training = {}, True

        def modules(self):
            yield self
            for value in list(self.__dict__.values()):
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, Layer):
                        yield from each.modules()

    class Scale(Layer):
        def __init__(self, k):
            super().__init__()
            self.k = k

        def __call__(self, x):
            return x * self.params.setdefault("w", jnp.ones(3) * self.k)

    class Norm(Layer):
        def __init__(self):
            super().__init__()
            self.mean, self.n = jnp.zeros(3), 0

        def __call__(self, x):
            if self.training:
                self.mean = 0.9 * self.mean + 0.1 * x
                self.n += 1
                return x - x.mean()
            return x - self.mean

    class Chain(Layer):
        def __init__(self, *layers):
            super().__init__()
            self.layers, self.extra = list(layers), Norm()

        def __call__(self, x):
            for layer in self.layers:
                x = layer(x)
                if x.sum() < -50:
                    x = self.extra(x)
            return x

    w = World(mode="train", net=Chain(Scale(2.0), Norm(), Scale(3.0)))

    def f(x):
        for module in w.net.modules():
            module.training = w.mode == "train"
        y = w.net(x)
        for module in w.net.modules():
            for name, value in module.params.items():
                if jnp.abs(y).max() > 5:
                    module.params[name] = value * 0.9
        return y, len(list(w.net.modules())), [cls.__name__ for cls in Layer.registered]

    w.f = f
    return w


@scenario(
    "slots, copies, deep copies and weak references of objects that an array chooses",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
    call("f", UP * 100),
    call("f", UP),
)
def copies():
    class Point:
        __slots__ = ("a", "b", "__weakref__")
        count = 0

        def __init__(self, a, b=None):
            self.a, self.b = a, b
            Point.count += 1

        def __copy__(self):
            return Point(self.a, self.b)

    w = World(p=Point(jnp.zeros(3)), Point=Point)

    def f(x):
        q = copy.copy(w.p)
        q.a = q.a + x
        if q.a.sum() > 60:
            w.p = Point(x * 0, q.b)
        else:
            w.p = q
            q.b = (x,)
        d = copy.deepcopy({"k": [x, 1]})
        d["k"][1] += 1
        return q.a, Point.count, d, weakref.ref(q)() is q, hasattr(w.p, "c")

    w.f = f
    return w


@scenario(
    "handlers that decorators have registered put work into a queue",
    settled(call("f", UP, [1, 2]), "compiled"),
    call("f", DOWN, [1]),
    call("f", UP, []),
    call("f", UP, [1, 2]),
)
def queue():
    w = World(queue=collections.deque(), done=[], bus={})

    def on(name):
        def register(fn):
            w.bus.setdefault(name, []).append(fn)
            return fn

        return register

    @on("add")
    def add(x, n):
        w.done.append(("add", n))
        return x + n

    @on("add")
    def check(x, n):
        if x.sum() > 10:
            w.queue.append(("halve", n))
        return x

    @on("halve")
    def halve(x, n):
        return x / 2

    def f(x, numbers):
        w.queue.extend(("add", n) for n in numbers)
        steps = 0
        while w.queue:
            name, n = w.queue.popleft()
            steps += 1
            for fn in w.bus[name]:
                x = fn(x, n)
        return x, steps

    w.f = f
    return w


@scenario(
    "context managers of a class and of a generator, one of which swallows what an array raises",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def managers():
    w = World(stack=[], depth=0)

    @dataclasses.dataclass
    class Named:
        name: str

        def __enter__(self):
            w.depth += 1
            w.stack.append(self.name)
            return self

        def __exit__(self, kind, value, traceback):
            w.depth -= 1
            w.stack.append(kind.__name__ if kind else "-")
            return kind is KeyError

    @contextlib.contextmanager
    def scaled(k):
        old, w.depth = w.depth, k
        try:
            yield k * 2
        finally:
            w.depth = old

    def f(x):
        with Named("a") as named, scaled(3) as k:
            y = x * k
            if y.sum() < 0:
                raise KeyError("negative")
            with contextlib.suppress(ZeroDivisionError), jax.named_scope("inner"):
                w.stack.append(1 / (k - 6))
            w.stack.append(named.name)
            return y, w.depth
        return "swallowed", w.depth

    w.f = f
    return w


@scenario(
    "what a list of any length holds is put into a deque, a heap and a counter that others see",
    settled(call("f", UP, [1, 2]), ("compiled", "mixed")),
    call("f", UP, [1]),
    call("f", UP, []),
    call("f", UP, [1, 2]),
    call("f", DOWN, [3, 1, 2]),
    call("f", UP, []),
    call("f", UP, [4]),
)
def containers():
    w = World(queue=collections.deque(), heap=[], count=collections.Counter(), seen=[])

    def queued(x, numbers):
        w.queue.extend(numbers)
        w.queue.extendleft(("twice", 2 * n) for n in numbers)
        steps = 0
        while w.queue:
            each = w.queue.pop()
            steps += 1
            x = x + (each if isinstance(each, int) else each[1])
        return x, steps

    def heaped(x, numbers):
        for n in numbers:
            heapq.heappush(w.heap, n)
        w.count.update(numbers)
        total = 0
        while w.heap:
            total += heapq.heappop(w.heap)
        for n in sorted(numbers, key=lambda n: (w.seen.append(n), -n)[1]):
            x = x * n
        return x + total, w.count.most_common(1)

    w.f = lambda x, numbers: (queued(x, numbers), heaped(x, numbers))
    return w
