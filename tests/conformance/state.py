# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""State: attributes, containers, aliases, cycles, objects made inside; read, written, and committed as Python would."""

from __future__ import annotations

import collections
import dataclasses
import logging
import tempfile
import threading

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest

from tests.conformance.harness import World, call, change, of, scenario, settled, steady
from tests.conformance.walk import Tolerance

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
EXACT = Tolerance(exact_floats=True)


class Box:
    """An object with whatever attributes it is given."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@scenario(
    "self.count += 1 and self.lr *= 0.9 are Python's own numbers, and compile once",
    settled(call("t.step", UP), "compiled"),
    steady("T.step", *(call("t.step", UP, rung="compiled") for _ in range(12))),
    converted=("T.step",),
    tolerance=EXACT,
)
def python_numbers():
    class T:
        def __init__(self):
            self.count, self.lr, self.w = 0, 0.1, jnp.zeros(3)

        def step(self, x):
            self.count += 1
            self.lr *= 0.9
            self.w = self.w - self.lr * x
            return self.count, self.lr

    return World(T=T, t=T())


@scenario(
    "Python numbers of every kind go in and come out as state",
    settled(call("f", UP), "compiled"),
    steady("f", *(call("f", UP, rung="compiled") for _ in range(4))),
    tolerance=EXACT,
)
def number_kinds():
    b = Box(i=1, f=0.5, c=1 + 2j, flag=True, big=2**70, text="a", pair=(1, 2.0))

    def f(x):
        b.i = b.i * 3 - 1
        b.f = b.f / 3 + b.i
        b.c = b.c * 1j
        b.flag = not b.flag
        b.big = b.big + 1
        b.pair = (b.pair[0] + 1, b.pair[1] * 2)
        return x * 2, b.i // 2, b.i % 5, -b.f, b.f**2, int(b.f), float(b.i), b.i > 3

    return World(f=f, b=b)


@scenario(
    "a branch on a Python counter takes turns",
    settled(call("f", UP), "compiled"),
    *(call("f", UP) for _ in range(8)),
)
def counter_branch():
    b = Box(count=0, w=jnp.zeros(3))

    def f(x):
        b.count += 1
        if b.count % 4 == 0:
            b.w = b.w * 0
        b.w = b.w + x
        return b.w

    return World(f=f, b=b)


@scenario(
    "a running average is kept in an attribute",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def running_average():
    b = Box(mean=jnp.zeros(3), n=0)

    def f(x):
        b.n += 1
        b.mean = 0.9 * b.mean + 0.1 * x
        return b.mean

    return World(f=f, b=b)


@scenario(
    "losses are appended to a list",
    settled(call("f", UP), "compiled"),
    steady("f", *(call("f", DOWN, rung="compiled") for _ in range(5))),
    change(lambda w: w.losses.clear()),
    call("f", UP),
)
def list_append():
    losses = []

    def f(x):
        loss = (x**2).mean()
        losses.append(loss)
        return loss

    return World(f=f, losses=losses)


@scenario(
    "Python floats of losses are appended to a list",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def float_append():
    losses = []

    def f(x):
        losses.append(float((x**2).sum()))
        return losses[-1]

    return World(f=f, losses=losses)


@scenario(
    "a dict of arrays is updated item by item",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.params.update(c=jnp.ones(3))),
    call("f", UP),
    change(lambda w: w.params.pop("a")),
    call("f", UP),
)
def dict_of_arrays():
    params = {"a": jnp.zeros(3), "b": jnp.ones(3)}

    def f(x):
        for name, value in params.items():
            params[name] = value - 0.5 * x
        return sum(params.values())

    return World(f=f, params=params)


@scenario(
    "nested lists and dicts",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.tree["layers"].append({"w": jnp.ones(3), "b": [0.0, jnp.ones(3)]})),
    call("f", UP),
    call("f", UP),
)
def nested_containers():
    tree = {"layers": [{"w": jnp.ones(3), "b": [0.5, jnp.zeros(3)]} for _ in range(2)], "step": 0, 3: (UP, [DOWN])}

    def f(x):
        tree["step"] += 1
        for layer in tree["layers"]:
            layer["w"] = layer["w"] + x
            layer["b"][0] += 1
            layer["b"][1] = layer["b"][1] - x
            x = x * layer["w"] + layer["b"][1] * layer["b"][0]
        tree[3][1][0] = x
        return x

    return World(f=f, tree=tree)


@scenario(
    "attributes are created and deleted",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: setattr(w.b, "extra", 1)),
    call("f", UP),
)
def attributes_come_and_go():
    b = Box(first=UP)

    def f(x):
        b.temporary = x * 2
        y = b.temporary + 1
        del b.temporary
        b.created = y
        if hasattr(b, "extra"):
            del b.extra
        return y

    return World(f=f, b=b)


@scenario(
    "an attribute is created in one branch only",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: w.b.__dict__.pop("best", None)),
    call("f", DOWN),
    call("f", UP),
)
def attribute_in_branch():
    b = Box()

    def f(x):
        if x.sum() > 0:
            b.best = x
        return x

    return World(f=f, b=b)


@scenario(
    "writes in a branch and in a loop body are committed, and only theirs",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def writes_in_regions():
    b = Box(hits=jnp.array(0), misses=jnp.array(0), w=jnp.zeros(3), inner=Box(v=jnp.ones(3)))

    def f(x):
        if x.sum() > 0:
            b.hits = b.hits + 1
            b.inner.v = b.inner.v * 2
        else:
            b.misses = b.misses + 1
        k = jnp.array(0)
        while k < 3:
            b.w = b.w + x
            b.inner.v = b.inner.v + 1
            k = k + 1
        return b.w

    return World(f=f, b=b)


@scenario(
    "a Python counter in a branch on an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def python_counter_in_branch():
    b = Box(hits=0, names=[])

    def f(x):
        if x.sum() > 0:
            b.hits += 1
            b.names.append("hit")
        return x * b.hits

    return World(f=f, b=b)


@scenario(
    "list.append in a rolled loop",
    settled(call("f", jnp.arange(24.0).reshape(8, 3)), "compiled"),
    call("f", -jnp.arange(24.0).reshape(8, 3), rung="compiled"),
)
def append_in_loop():
    def f(xs):
        out = []
        h = jnp.zeros(3)
        for x in xs:
            h = jnp.tanh(h + x)
            out.append(h)
        return jnp.stack(out), len(out), out[-1]

    return World(f=f)


@scenario(
    "list methods and slices",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def list_methods():
    items = [jnp.zeros(3), jnp.ones(3), jnp.ones(3) * 2]

    def f(x):
        nonlocal items
        items.insert(1, x)
        gone = items.pop()
        items[0] = gone
        items.extend([x * 2])
        items += [x * 3]
        items[1:3] = [x]
        items.reverse()
        del items[3:]
        items.append(items.pop(0))
        return len(items), items[0] + items[-1]

    return World(f=f, items=items)


@scenario(
    "dict, set, deque and defaultdict methods",
    settled(call("f", UP, "a"), ("compiled", "mixed")),
    call("f", DOWN, "a"),
    call("f", UP, "b"),
    call("f", UP, "a"),
)
def other_containers():
    w = World(
        seen=set(),
        recent=collections.deque(maxlen=2),
        sums=collections.defaultdict(float),
        table={"k": jnp.zeros(3)},
        ordered=collections.OrderedDict(a=1),
    )

    def f(x, key):
        w.seen.add(key)
        w.recent.append(x)
        w.sums[key] += 1.5
        w.table.setdefault(key, x)
        w.table.update({"last": x * 2})
        w.table["k"] = w.table.get("k") + w.table.pop("last")
        w.ordered.move_to_end("a")
        return sum(w.recent), len(w.seen), sorted(w.table)

    w.f = f
    return w


@scenario(
    "two names for one object stay so",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w.model, "tied", Box(w=jnp.ones(3)))),
    call("f", UP),
    call("f", DOWN),
)
def aliasing():
    shared = Box(w=jnp.zeros(3))
    model = Box(encoder=shared, tied=shared, items=[shared])

    def f(x):
        model.encoder.w = model.encoder.w + x
        return model.tied.w * 2, model.items[0].w, model.tied is model.encoder

    return World(f=f, model=model)


@scenario(
    "two arguments that are one object, and then are not",
    settled(call("f", of(lambda w: w.a), of(lambda w: w.a), UP), "compiled"),
    call("f", of(lambda w: w.a), of(lambda w: w.b), UP),
    call("f", of(lambda w: w.a), of(lambda w: w.a), DOWN),
    call("f", of(lambda w: w.b), of(lambda w: w.a), DOWN),
)
def argument_aliases():
    def f(a, b, x):
        a.w = a.w + x
        b.w = b.w * 2
        return a.w, a is b

    return World(f=f, a=Box(w=jnp.ones(3)), b=Box(w=jnp.zeros(3)))


@scenario(
    "an array under two names is one argument, and then two",
    settled(call("f", UP, UP), "compiled"),
    call("f", UP, DOWN),
    call("f", DOWN, DOWN),
)
def array_aliases():
    def f(a, b):
        if a is b:
            return a * 2
        return a - b

    return World(f=f)


@scenario(
    "cycles: a parent and its children",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def cycles():
    parent = Box(w=jnp.zeros(3), children=[])
    for k in range(2):
        parent.children.append(Box(parent=parent, w=jnp.ones(3) * k))
    parent.me = parent

    def f(x):
        for child in parent.children:
            child.w = child.w + x
            child.parent.w = child.parent.w + child.w
        return parent.me.w

    return World(f=f, parent=parent)


@scenario(
    "objects made inside are stored and returned, and are one object",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def objects_made_inside():
    keep = Box(last=None, all=[])

    class Result:
        def __init__(self, value, step):
            self.value, self.step = value, step

    def f(x):
        made = Result(x * 2, len(keep.all))
        made.me = made
        keep.last = made
        keep.all.append(made)
        return made

    return World(f=f, keep=keep)


@scenario(
    "a list argument is mutated, the same list is returned",
    settled(call("f", of(lambda w: w.items), UP), "compiled"),
    call("f", of(lambda w: w.items), DOWN),
    call("f", [UP], DOWN),
    call("f", [], DOWN),
)
def list_argument():
    def f(items, x):
        for i in range(len(items)):
            items[i] = items[i] + x
        return items

    return World(f=f, items=[jnp.zeros(3), jnp.ones(3)])


@scenario(
    "what is not touched keeps its identity, arrays too",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    arrays_by_identity=True,
)
def untouched():
    b = Box(used=jnp.ones(3), frozen=jnp.zeros(3), table={"a": UP}, again=None)
    b.again = b.frozen

    def f(x):
        b.used = b.used + x
        b.kept = x
        return b.frozen, x, b.table

    return World(f=f, b=b)


@scenario(
    "attributes swapped with each other",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def swap():
    b = Box(one=[1, jnp.zeros(3)], two=[2, jnp.ones(3)])

    def f(x):
        b.one, b.two = b.two, b.one
        b.one[0] += 1
        b.one[1] = b.one[1] + x
        return b.two[1]

    return World(f=f, b=b)


@scenario(
    "the optimizer of a beginner: momentum in a dict, mutable hyperparameters",
    settled(call("opt.step", of(lambda w: w.grads)), "compiled"),
    call("opt.step", of(lambda w: w.grads), rung="compiled"),
    change(lambda w: setattr(w.opt, "lr", 0.01)),
    call("opt.step", of(lambda w: w.grads)),
    converted=("Momentum.step",),
)
def optimizer():
    class Momentum:
        def __init__(self, params, lr):
            self.params, self.lr, self.velocity, self.t = params, lr, {}, 0

        def step(self, grads):
            self.t += 1
            for name, g in grads.items():
                if name not in self.velocity:
                    self.velocity[name] = jnp.zeros_like(g)
                self.velocity[name] = 0.9 * self.velocity[name] + g
                self.params[name] = self.params[name] - self.lr * self.velocity[name]
            if self.t % 5 == 0:
                self.lr = self.lr / 2

    params = {"w": jnp.ones(3), "b": jnp.zeros(2)}
    return World(Momentum=Momentum, opt=Momentum(params, 0.1), grads={"w": UP, "b": jnp.ones(2)})


@scenario(
    "class attributes are read and written",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w.Config, "scale", 3.0)),
    call("f", UP),
    call("f", DOWN),
)
def class_attributes():
    class Config:
        scale = 2.0
        calls = 0

    def f(x):
        Config.calls += 1
        return x * Config.scale * Config.calls

    return World(f=f, Config=Config)


@scenario(
    "a frozen dataclass is replaced, a mutable one is mutated",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def dataclass_state():
    @dataclasses.dataclass(frozen=True)
    class State:
        w: object
        step: int

    @dataclasses.dataclass
    class Meter:
        total: object
        n: int = 0

    holder = Box(state=State(jnp.zeros(3), 0), meter=Meter(jnp.zeros(3)))

    def f(x):
        holder.state = dataclasses.replace(holder.state, w=holder.state.w + x, step=holder.state.step + 1)
        holder.meter.total += x
        holder.meter.n += 1
        return holder.state

    return World(f=f, holder=holder)


@scenario(
    "NumPy state is changed in place, with NumPy's own arithmetic",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
    change(lambda w: w.b.counts.fill(5)),
    call("f", UP),
)
def numpy_state():
    b = Box(counts=np.zeros(3, np.int64), mean=np.ones(2), scalar=np.float64(0.1))

    def f(x):
        b.counts += 1
        b.counts[0] += 2
        b.mean = b.mean * 0.5
        b.scalar = b.scalar * 3
        return x * 2, b.counts.sum(), b.mean

    return World(f=f, b=b)


def _trainer_world():
    class Trainer:
        def __init__(self):
            self.w = jnp.zeros(3)
            self.data = [jnp.full((3,), float(k % 7)) for k in range(20)] * 3000
            self.logger = logging.getLogger("conformance")
            self.file = tempfile.TemporaryFile("w")
            self.lock = threading.Lock()
            self.env = gymnasium.make("CartPole-v1")
            self.env.reset(seed=0)
            self.step_count = 0
            self.history = []

        def step(self, x):
            with self.lock:
                self.step_count += 1
            if x.sum() > 0:
                self.w = self.w + x
            self.history.append(self.w.sum())
            return self.w * self.step_count

        def step_on_data(self, i):
            self.step_count += 1
            self.w = self.w + self.data[i]
            return self.w

    t = Trainer()
    return World(Trainer=Trainer, t=t, close=t.file.close)


trainer = scenario(
    "a trainer that also holds 60,000 arrays, a logger, a file, a lock and a Gymnasium environment",
    settled(call("t.step", UP), ("compiled", "mixed")),
    call("t.step", DOWN, rung=("compiled", "mixed")),
    converted=("Trainer.step",),
    marks=(pytest.mark.filterwarnings("ignore::DeprecationWarning"),),
)(_trainer_world)

trainer_on_data = scenario(
    "a trainer that reads one of its 60,000 arrays by index",
    settled(call("t.step_on_data", 3), ("compiled", "mixed")),
    call("t.step_on_data", 5),
    change(lambda w: w.t.data.__setitem__(5, UP)),
    call("t.step_on_data", 5),
    converted=("Trainer.step_on_data",),
    marks=(pytest.mark.filterwarnings("ignore::DeprecationWarning"),),
)(_trainer_world)


@scenario(
    "a list of objects that grows, read and changed by index",
    settled(call("t.step", UP, converted="Tree.step"), "compiled"),
    change(lambda w: w.t.nodes.__setitem__(0, w.t.nodes[3])),
    call("t.step", DOWN, converted="Tree.step"),
    change(lambda w: setattr(w.t.nodes[1], "ups", 77)),
    call("t.step", DOWN, rung="compiled", converted="Tree.step"),
    change(lambda w: setattr(w.t.nodes[1], "value", None)),
    call("t.step", DOWN, converted="Tree.step"),
    converted=("Tree.step",),
)
def list_of_objects():
    class Node:
        def __init__(self, value):
            self.value = value
            self.ups = 0

        def up(self):
            self.ups += 1
            if self.value is None:
                return jnp.zeros(3)
            self.value = self.value * 2
            return self.value

    class Tree:
        def __init__(self):
            self.nodes = []
            self.large = [Node(jnp.ones(3)) for _ in range(1500)]

        def step(self, x):
            self.nodes.append(Node(x))
            y = self.nodes[0].up() + self.nodes[-1].up() + self.large[7].up()
            if len(self.nodes) > 2:
                y = y + self.nodes[1].up() + self.nodes[-2].up()
            return y

    return World(Tree=Tree, t=Tree())


@scenario(
    "a dictionary gets a key and a set a name in each call",
    settled(call("f", jnp.float32(0.5)), "compiled"),
    steady(
        "f", call("f", jnp.float32(0.25)), call("f", jnp.float32(2.0)), call("f", jnp.float32(0.5), rung="compiled")
    ),
    change(lambda w: w.t.history.clear()),
    call("f", jnp.float32(1.0), rung="compiled"),
    change(lambda w: setattr(w.t, "step", 0)),
    call("f", jnp.float32(1.0), rung="compiled"),
)
def a_key_in_each_call():
    t = World(w=jnp.ones(3), history={}, seen=set(), step=0)

    def f(x):
        loss = ((t.w * x) ** 2).sum()
        t.w = t.w * 0.9
        t.history[t.step] = loss
        t.history[f"at {t.step}"] = {"loss": float(loss), "x": x}
        t.seen.add(t.step % 4)
        t.step += 1
        if loss > 9:
            raise ValueError("too large")
        return loss

    return World(f=f, t=t)


@scenario(
    "what a call puts into a dictionary it also reads",
    *(call("f", UP) for _ in range(5)),
    call("f", DOWN),
)
def a_key_read_again():
    t = World(history={"n": 0}, step=0)

    def f(x):
        t.step += 1
        before = len(t.history)
        t.history[t.step] = x.sum()
        return t.history[t.step] * before, len(t.history), t.step in t.history

    return World(f=f, t=t)


@scenario(
    "a list and a dictionary that grow have two names",
    *(call("f", UP) for _ in range(4)),
    change(lambda w: setattr(w.t, "other", w.t.list)),
    call("f", DOWN),
    call("f", UP),
)
def growing_under_two_names():
    shared = {}
    t = World(history=shared, again=shared, list=[], other=[], step=0)

    def f(x):
        t.history[t.step] = x.sum()
        t.list.append(x.sum())
        t.step += 1
        return len(t.again), len(t.other), x * 2

    return World(f=f, t=t)
