# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false, reportAssignmentType=false
"""Objects and containers: descriptors, metaclasses, dunders, what is made inside and stored outside."""

from __future__ import annotations

import collections
import dataclasses
import enum
import types
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, of, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
ROWS = jnp.arange(12.0).reshape(4, 3)

# Classes -----------------------------------------------------------------------------------------------------------


@scenario(
    "descriptors with __get__, __set__ and __set_name__, and a cached property",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.model, "rate", 0.25)),
    call("f", UP),
)
def descriptors():
    class Clamped:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, owner, kind=None):
            return self if owner is None else getattr(owner, self.name)

        def __set__(self, owner, value):
            setattr(owner, self.name, min(value, 1.0))

    class Model:
        rate = Clamped()

        def __init__(self):
            self.rate, self.w = 0.5, UP

        @property
        def norm(self):
            return jnp.sqrt((self.w**2).sum())

    w = World(model=Model())

    def f(x):
        w.model.rate = w.model.rate + 0.125
        if x.sum() > 0:
            w.model.w = w.model.w + x * w.model.rate
        return w.model.norm

    w.f = f
    return w


@scenario(
    "__getattr__, __setattr__, __getitem__, __setitem__, __contains__, __iter__, __len__ and __eq__ of the user's",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.store.data.update(c=UP)),
    call("f", UP),
)
def dunders():
    class Store:
        def __init__(self):
            self.__dict__["data"] = {"a": UP, "b": DOWN}

        def __getattr__(self, name):
            try:
                return self.__dict__["data"][name]
            except KeyError:
                raise AttributeError(name) from None

        def __setattr__(self, name, value):
            self.data[name] = value

        def __getitem__(self, name):
            return self.data[name]

        def __setitem__(self, name, value):
            self.data[name] = value * 2

        def __contains__(self, name):
            return name in self.data

        def __iter__(self):
            return iter(list(self.data))

        def __len__(self):
            return len(self.data)

        def __eq__(self, other):
            return isinstance(other, Store) and len(self) == len(other)

        __hash__ = None

    w = World(store=Store())

    def f(x):
        store = w.store
        store.a = store.a + x
        if x.sum() > 0:
            store["b"] = x
        total = jnp.zeros(3)
        for name in store:
            total = total + store[name]
        return total, "c" in store, len(store), store == Store(), hasattr(store, "zzz")

    w.f = f
    return w


@scenario(
    "a metaclass with attributes, __init_subclass__, class and static methods, and super in each",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.Child, "scale", 7.0)),
    call("f", UP),
)
def metaclasses():
    class Meta(type):
        registry: list = []

        def __new__(mcs, name, bases, space):
            made = super().__new__(mcs, name, bases, space)
            made.label = name.lower()
            return made

        @property
        def size(cls):
            return len(cls.label)

    class Base(metaclass=Meta):
        scale = 2.0

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.made = True

        @classmethod
        def build(cls, x):
            return cls.fix(x) * cls.scale

        @staticmethod
        def fix(x):
            return x + 1

    class Child(Base):
        scale = 3.0

        @classmethod
        def build(cls, x):
            return super().build(x) - cls.size

    def f(x):
        y = Child.build(x)
        if y.sum() > 0:
            y = Base.build(y)
        return y, Child.label, Child.made

    return World(f=f, Child=Child)


@scenario(
    "__slots__, namedtuples, enums with methods and flags, made and changed in a staged branch",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.state, "n", 10)),
    call("f", UP),
)
def slots_and_enums():
    class State:
        __slots__ = ("last", "mode", "n")

        def __init__(self):
            self.n, self.last, self.mode = 0, UP, Mode.LOW

    class Mode(enum.Enum):
        LOW = 1
        HIGH = 2

        def scale(self, x):
            return x * self.value

    class Access(enum.Flag):
        READ = enum.auto()
        WRITE = enum.auto()

    class Out(NamedTuple):
        y: object
        mode: object = Mode.LOW

    w = World(state=State())

    def f(x):
        s = w.state
        s.n += 1
        if x.sum() > 0:
            s.last = s.last + x
        else:
            s.last = s.last - x
        out = Out(s.mode.scale(s.last))
        s.mode = Mode.HIGH if s.n % 2 else Mode(1)
        return out._replace(mode=Mode["HIGH"]), Access.READ in (Access.READ | Access.WRITE), out._fields

    w.f = f
    return w


@scenario(
    "dataclasses made inside, in a loop too, and stored outside, keep fields, defaults and identity",
    settled(call("f", ROWS), ("compiled", "mixed")),
    call("f", -ROWS),
    change(lambda w: w.kept.clear()),
    call("f", ROWS),
)
def dataclasses_stored():
    @dataclasses.dataclass
    class Step:
        x: object
        tags: list = dataclasses.field(default_factory=list)
        done: bool = False

        def __post_init__(self):
            self.total = self.x.sum()

    w = World(kept=[], last=None)

    def f(rows):
        for i in range(2):
            step = Step(rows[i])
            step.tags.append(i)
            w.kept.append(step)
        w.last = w.kept[-1]
        w.last.done = True
        w.kept = w.kept[-3:]
        return dataclasses.replace(w.last, x=rows[0]), w.last is step, dataclasses.asdict(w.last)["tags"]

    w.f = f
    return w


@scenario(
    "objects made inside refer to each other and to what was there before",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: w.chain.items.clear()),
    call("f", UP),
)
def made_graph():
    class Node:
        def __init__(self, value, before=None):
            self.value, self.before = value, before
            self.me = self

    w = World(chain=World(items=[], head=None))

    def f(x):
        node = Node(x * 2, w.chain.head)
        w.chain.head = node
        w.chain.items.append(node)
        if x.sum() > 0:
            node.value = node.value + 1
        older = node.before
        return older.value if older is not None else x

    w.f = f
    return w


# Containers --------------------------------------------------------------------------------------------------------


@scenario(
    "list: insert, remove, pop, reverse, sort, extend, clear, count, index, slices with steps and +=",
    settled(call("f", UP, 3), "compiled"),
    call("f", DOWN, 3, rung="compiled"),
    call("f", UP, 1),
    change(lambda w: w.items.extend([9, 8, 7])),
    call("f", UP, 3),
)
def list_methods():
    w = World(items=[5, 3, 4], arrays=[UP])

    def f(x, n):
        items = w.items
        items.insert(0, n)
        items += [n + 1, n]
        items.remove(n)
        items.sort(key=lambda v: -v)
        items.reverse()
        popped = items.pop()
        items[::2] = [0] * len(items[::2])
        items[1:2] = [7, 7]
        w.arrays.append(x * 2)
        w.arrays[0] = w.arrays[0] + x
        w.arrays[-1:] = []
        where = items.index(7), items.count(7)
        del items[3:]
        return popped, where, w.arrays[0] * len(items)

    w.f = f
    return w


@scenario(
    "dict and set: update, setdefault, pop, popitem, union, get, views and fromkeys",
    settled(call("f", UP, "a"), "compiled"),
    call("f", DOWN, "a", rung="compiled"),
    call("f", UP, "z"),
    change(lambda w: w.table.update(q=UP)),
    call("f", UP, "a"),
)
def dict_methods():
    w = World(table={"a": UP, "b": DOWN}, seen={1, 2}, count={})

    def f(x, key):
        w.table.update({key: x}, extra=x * 2)
        w.table.setdefault("new", x)
        gone = w.table.pop("extra")
        w.count[key] = w.count.get(key, 0) + 1
        w.seen |= {w.count[key]}
        w.seen.discard(1)
        merged = w.table | {"m": x}
        total = sum(merged.values())
        names = sorted(merged.keys() & {"a", "m", "q"})
        return total, gone, names, dict.fromkeys(names, 0), len(w.seen - {2})

    w.f = f
    return w


@scenario(
    "deque with maxlen, defaultdict and OrderedDict of arrays",
    settled(call("f", UP, "a"), "compiled"),
    call("f", DOWN, "a", rung="compiled"),
    call("f", UP, "b"),
    change(lambda w: w.recent.clear()),
    call("f", UP, "a"),
)
def collections_kept():
    w = World(
        recent=collections.deque(maxlen=3),
        sums=collections.defaultdict(lambda: jnp.zeros(3)),
        ordered=collections.OrderedDict(a=1, b=2),
    )

    def f(x, key):
        w.recent.append(x.sum())
        w.sums[key] = w.sums[key] + x
        w.ordered.move_to_end(key)
        if len(w.recent) == 3:
            w.recent.popleft()
            w.recent.rotate(1)
        return sum(w.recent), w.sums[key], list(w.ordered)

    w.f = f
    return w


@scenario(
    "a Counter of what was seen",
    settled(call("f", UP, "a"), "compiled"),
    call("f", DOWN, "a"),
    change(lambda w: w.counts.update("zzz")),
    call("f", UP, "b"),
)
def counter():
    w = World(counts=collections.Counter())

    def f(x, key):
        w.counts[key] += 1
        if x.sum() > 0:
            x = x * 2
        return x, w.counts.most_common(1)

    w.f = f
    return w


@scenario(
    "list.append and pop in rolled loops, with an index into what was appended",
    settled(call("f", ROWS), ("compiled", "mixed")),
    call("f", -ROWS),
    call("f", jnp.concatenate([ROWS] * 5)),
    call("f", ROWS),
)
def stack_in_loop():
    def f(rows):
        stack, out = [rows[0]], []
        for row in rows:
            stack.append(stack[-1] * 0.5 + row)
            out.append(row.sum())
            if row.sum() > 20:
                stack.pop()
        return stack, out

    return World(f=f)


@scenario(
    "sort and reverse of a list of array values in place",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def sort_in_place():
    w = World(scores=[])

    def f(x):
        w.scores.append(float(x.sum()))
        w.scores.sort()
        w.scores.reverse()
        return w.scores[0]

    w.f = f
    return w


@scenario(
    "NumPy arrays of arguments and attributes are written to by slices, masks and out=",
    settled(call("f", UP, of(lambda w: w.given)), "compiled"),
    call("f", DOWN, of(lambda w: w.given), rung="compiled"),
    change(lambda w: w.buffer.fill(3.0)),
    call("f", UP, of(lambda w: w.given)),
)
def numpy_in_place():
    w = World(buffer=np.zeros(3), given=np.ones((2, 3)), at=0)

    def f(x, given):
        w.buffer[w.at % 3] = x.sum()
        given[0, 1:] += 1
        given[given > 5] = 0
        np.add(w.buffer, 1, out=w.buffer)
        w.at += 1
        return x * jnp.asarray(given[0]), w.buffer.mean()

    w.f = f
    return w


@scenario(
    "module and class attributes and globals written through aliases, with augmented assignment",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.module, "total", UP)),
    call("f", UP, rung="compiled"),
)
def module_attributes():
    w = World(module=types.ModuleType("settings_of_the_user"))
    w.module.total, w.module.calls = jnp.zeros(3), 0

    class Shared:
        best = jnp.array(-1e9)

    w.Shared = Shared

    def f(x):
        settings = w.module
        settings.total += x
        settings.calls += 1
        if x.sum() > Shared.best:
            Shared.best = x.sum()
        return settings.total * settings.calls

    w.f = f
    return w


@scenario(
    "typed and raw PRNG keys in containers, split in a loop and folded by a counter",
    settled(call("f", UP, jax.random.key(0)), "compiled"),
    call("f", DOWN, jax.random.key(1), rung="compiled"),
    change(lambda w: w.keys.update(noise=jax.random.PRNGKey(9))),
    call("f", UP, jax.random.key(0)),
)
def prng_keys():
    w = World(keys={"noise": jax.random.PRNGKey(7), "typed": jax.random.key(3)}, n=0)

    def f(x, key):
        w.n += 1
        key = jax.random.fold_in(key, w.n)
        for _ in range(5):
            key, sub = jax.random.split(key)
            x = x + jax.random.normal(sub, (3,))
        w.keys["noise"], raw = jax.random.split(w.keys["noise"])
        if x.sum() > 0:
            w.keys["typed"] = jax.random.split(w.keys["typed"])[0]
        return x + jax.random.uniform(raw, (3,)), key

    w.f = f
    return w


@scenario(
    "augmented assignment in place, of containers and NumPy arrays that have another name",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    change(lambda w: w.items.clear()),
    call("f", UP),
)
def augmented_in_place():
    w = World(items=[1], seen={1}, table={0: 1}, array=np.zeros(3))
    w.names = [w.items, w.seen, w.table, w.array]

    def f(x):
        w.items += [len(w.items)]
        w.seen |= {len(w.items)}
        w.table |= {len(w.seen): 2}
        w.array += 1
        part = w.array[:2]
        part *= 2
        return x * len(w.table), part.sum()

    w.f = f
    return w


@scenario(
    "changing numbers are keys of dicts and elements of sets, frozen ones and within tuples",
    *(call("f", UP, n) for n in (1, 2, 3, 4, 5, 6, 7, 3, 1)),
)
def changing_keys():
    w = World(table={}, seen=set(), n=0, last=None)

    def f(x, n):
        w.n += 1
        w.table[n] = x * 2
        w.table[w.n, n] = n
        w.seen.add((w.n % 3, n))
        w.last = frozenset(k for k in (n, w.n))
        return {n: x, n + 1: 1}, {n, n * 2}, {k: len(w.table) for k in w.last}

    w.f = f
    return w


@scenario(
    "special methods that a class inherits answer bool, len, float and int, in tests and in calls",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    change(lambda w: setattr(w.o, "sets", 5)),
    call("f", UP, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def inherited_special():
    class Base:
        def __init__(self):
            self.sets = 0
            self.value = 0.0

        def __bool__(self):
            return self.sets % 3 != 0

        def __float__(self):
            return float(self.value)

        def __int__(self):
            return self.sets

        def __call__(self, x):
            self.sets += 1
            return x * self.sets

        def __iter__(self):
            yield from range(self.sets % 4)

    class Counter(Base):
        pass

    w = World(o=Counter())

    def f(x):
        o = w.o
        if x.sum() > 0:
            o.value = x[0] * 2
        y = o(x) if o else o(-x)
        return y, bool(o), not o, float(o), int(o), list(o), [1 if o else 2], o and 3

    w.f = f
    return w
