# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Split regions: what must run in Python does, and what is before, between and after it runs compiled."""

from __future__ import annotations

import contextlib
import io
import random

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, fresh_module, of, scenario, settled, steady

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
SQUARE = jnp.arange(9.0).reshape(3, 3) / 9


class Device:
    """An opaque thing: every call of `send` depends on all before."""

    def __init__(self):
        self.sent = []
        self.stream = io.StringIO()

    def send(self, value):
        self.stream.write(f"{float(value):.2g};")
        self.sent.append(float(value))
        return len(self.stream.getvalue())


@scenario(
    "the pieces before and after an opaque call are compiled, and once",
    settled(call("f", UP), "mixed"),
    steady("f", call("f", UP, rung="mixed"), call("f", DOWN, rung="mixed")),
    call("f", SQUARE),
    call("f", SQUARE, rung="mixed"),
)
def before_and_after():
    device = Device()

    def f(x):
        y = jnp.tanh(x) * 2
        z = y @ y.T
        n = device.send(z.sum())
        y = y + n
        return y * z, n

    return World(f=f, device=device)


@scenario(
    "the body of a Python loop is cut, and its pieces are compiled once",
    settled(call("f", UP, 3), "mixed"),
    steady("f", call("f", DOWN, 5, rung="mixed")),
)
def in_a_loop():
    device = Device()

    def f(x, n):
        total = jnp.zeros(3)
        for i in range(n):
            y = jnp.sin(x) * (i + 1)
            device.send(y.sum())
            total = total + y * y
            if i == 1:
                continue
            total = total / 2
        return total

    return World(f=f, device=device)


@scenario(
    "state is shared between pieces and the statements between them",
    settled(call("f", UP), "mixed"),
    change(lambda w: setattr(w.model, "rate", 0.5)),
    call("f", UP, rung="mixed"),
    change(lambda w: w.model.losses.clear()),
    call("f", DOWN, rung="mixed"),
    change(lambda w: setattr(w.model, "w", jnp.ones(3))),
    call("f", DOWN, rung="mixed"),
)
def shared_state():
    class Model:
        def __init__(self):
            self.w = jnp.zeros(3)
            self.steps = 0
            self.rate = 0.1
            self.losses = []

        def update(self, x):
            self.steps += 1
            self.w = self.w + self.rate * x
            return (self.w**2).sum()

    device = Device()
    w = World(model=Model(), device=device)

    def f(x):
        loss = w.model.update(x)
        w.model.last = device.send(loss)
        w.model.losses.append(float(loss))
        return w.model.update(x * w.model.last)

    w.f = f
    return w


@scenario(
    "what ran before an opaque call that raises stands",
    settled(call("f", UP, 1.0), "mixed"),
    call("f", UP, "no number"),
    call("f", DOWN, 2.0, rung="mixed"),
)
def opaque_raises():
    w = World(count=0, seen=[])
    device = Device()

    def f(x, value):
        w.count += 1
        w.seen.append(x * w.count)
        device.send(value)
        w.seen.append(x.sum())
        return w.seen[-1] * 2

    w.f = f
    return w


@scenario(
    "a piece that raises has the user's lines, and what ran before it stands",
    settled(call("f", UP), "mixed"),
    call("f", DOWN),
    call("f", UP, rung="mixed"),
)
def piece_raises():
    w = World(log=[], device=Device())

    def f(x):
        y = x * 2
        w.log.append(w.device.send(y.sum()))
        z = y + 1
        if z.sum() < 0:
            raise ValueError(f"bad {float(z.sum())}")
        return z

    w.f = f
    return w


@scenario(
    "a handler around a cut sees what was bound",
    settled(call("f", UP, 1.0), "mixed"),
    call("f", UP, "text"),
    call("f", DOWN, 3.0, rung="mixed"),
)
def handler():
    device = Device()

    def f(x, value):
        stage = "start"
        y = x
        try:
            y = jnp.sin(x) + 1
            stage = "one"
            n = device.send(value)
            y = y * n
            stage = "two"
        except ValueError as error:
            return stage, str(error)[:10], y
        else:
            y = y + 1
        finally:
            device.send(0)
        return stage, y

    return World(f=f, device=device)


@scenario(
    "a context manager of the user's with effects",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
)
def context_manager():
    device = Device()

    @contextlib.contextmanager
    def session(name):
        device.send(len(name))
        try:
            yield device
        finally:
            device.send(-1)

    def f(x):
        with session("train") as opened:
            y = jnp.tanh(x) @ x
            n = opened.send(y)
            z = y * n
        return z + 1

    return World(f=f, device=device)


@scenario(
    "prints come in order across cuts",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
)
def prints():
    def f(x):
        y = x * 2
        print("before", y.sum())
        k = random.Random(0).random()
        print(f"{k:.3f} between {float(y[0]):.1f}")
        z = y + k
        print("after", z)
        return z

    return World(f=f)


@scenario(
    "a generator runs its pieces as it is asked",
    settled(call("g", UP, converted="f"), "mixed"),
    call("g", DOWN, rung="mixed", converted="f"),
    converted=("f",),
)
def generator():
    w = World(steps=0)

    def f(x):
        for i in range(4):
            w.steps += 1
            x = jnp.sin(x) * (i + 1)
            got = yield x
            if got is not None:
                x = x + got

    def g(x):
        made = w.f(x)
        first = next(made)
        second = made.send(jnp.ones(3))
        before = w.steps
        made.close()
        return first, second, before, [v.sum() for v in w.f(x)]

    w.f, w.g = f, g
    return w


@scenario(
    "a generator of another function is consumed",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN, rung=("compiled", "mixed")),
)
def consumes():
    device = Device()

    def batches(x):
        for i in range(3):
            device.send(i)
            yield x * i

    def f(x):
        total = jnp.zeros(3)
        for b in batches(x):
            total = total + jnp.tanh(b)
        return total

    return World(f=f, device=device)


@scenario(
    "a callee is cut where it must be, not its caller",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
)
def callee():
    device = Device()

    def inner(x, k):
        y = x * k
        n = device.send(y.sum())
        return y + n

    def f(x):
        a = jnp.sin(x)
        b = inner(a, 2)
        c = inner(b, 3)
        return a + b + c

    return World(f=f, device=device)


@scenario(
    "loops that are cut keep break, continue, return and else",
    settled(call("f", UP, 5), "mixed"),
    call("f", UP, 2, rung="mixed"),
    call("f", DOWN, 5, rung="mixed"),
    call("f", UP * 100, 5, rung="mixed"),
)
def jumps():
    device = Device()

    def f(x, n):
        total = jnp.zeros(())
        for i in range(n):
            y = x * i
            if device.send(i) % 2:
                continue
            total = total + y.sum()
            if total > 500:
                return "much", total
            if i == 3:
                break
        else:
            total = total - 1
        return "little", total

    return World(f=f, device=device)


@scenario(
    "a while loop on an array with an opaque call in it",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
    call("f", UP * 50, rung="mixed"),
)
def while_loop():
    device = Device()

    def f(x):
        n = 0
        while jnp.abs(x).max() > 1:
            x = x / 2
            n += 1
            device.send(n)
        return x, n

    return World(f=f, device=device)


@scenario(
    "methods keep super, private names, properties and defaults",
    settled(call("model.step", UP, converted="Model.step"), "mixed"),
    call("model.step", DOWN, k=3, rung="mixed", converted="Model.step"),
    change(lambda w: setattr(w.model, "scale", 5.0)),
    call("model.step", DOWN, rung="mixed", converted="Model.step"),
    converted=("Model.step",),
)
def methods():
    device = Device()

    class Base:
        def step(self, x):
            self.calls = getattr(self, "calls", 0) + 1
            return x + self.calls

    class Model(Base):
        def __init__(self):
            self.scale = 2.0
            self.__hidden = jnp.ones(3)

        @property
        def doubled(self):
            return self.scale * 2

        def step(self, x, *more, k=1):
            y = super().step(x) * self.doubled * k
            n = device.send(y.sum())
            self.__hidden = self.__hidden + y
            return self.__hidden * n + len(more)

    return World(Model=Model, model=Model(), device=device)


@scenario(
    "closures and nonlocal names across a cut",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
)
def closures():
    device = Device()
    count = 0

    def f(x):
        nonlocal count
        scale = jnp.sin(x).sum()

        def scaled(v):
            return v * scale

        count += 1
        y = scaled(x)
        device.send(y.sum())
        scale = scale + 1
        hooks = [lambda v, k=k: v * k + scale for k in range(2)]
        z = hooks[1](scaled(y))
        return z, count

    return World(f=f, device=device)


@scenario(
    "globals are written on both sides of a cut",
    settled(call("m.f", UP), "mixed"),
    change(lambda w: setattr(w.m, "SCALE", 3.0)),
    call("m.f", DOWN, rung="mixed"),
    converted=("m.f",),
)
def global_names():
    m = fresh_module(
        """
import random
import jax.numpy as jnp

SCALE = 2.0
COUNT = 0
TOTAL = jnp.zeros(3)
rng = random.Random(3)

def f(x):
    global COUNT, TOTAL
    COUNT += 1
    TOTAL = TOTAL + jnp.sin(x) * SCALE
    k = rng.random()
    TOTAL = TOTAL * k
    return TOTAL + COUNT
"""
    )
    return World(m=m)


@scenario(
    "recursion with an opaque call on each level",
    settled(call("f", UP, 3), "mixed"),
    call("f", DOWN, 4, rung="mixed"),
)
def recursion():
    device = Device()
    w = World(device=device)

    def f(x, depth):
        y = jnp.tanh(x) * depth
        device.send(depth)
        if depth == 0:
            return y
        return y + w.f(y, depth - 1)

    w.f = f
    return w


@scenario(
    "an array's value as a list index",
    settled(call("f", UP, ["a", "b", "c"]), "compiled"),
    call("f", DOWN, ["a", "b", "c"], rung="compiled"),
    call("f", UP, ["a"]),
)
def list_index():
    def f(x, names):
        k = jnp.argmax(x * 2)
        name = names[int(k)]
        return name, jnp.sin(x) + k

    return World(f=f)


@scenario(
    "NumPy arrays are changed in place between pieces",
    settled(call("f", UP), "mixed"),
    change(lambda w: w.buffer.fill(0)),
    call("f", DOWN, rung="mixed"),
)
def numpy_in_place():
    w = World(buffer=np.zeros((4, 3), np.float32), at=0)

    def f(x):
        y = jnp.tanh(x) + 1
        w.buffer[w.at % 4] = y
        w.at += 1
        return jnp.asarray(w.buffer.sum(axis=0)) * y

    w.f = f
    return w


@scenario(
    "names that a cut leaves unbound raise where Python does",
    settled(call("f", UP, True), "mixed"),
    call("f", UP, False),
    call("f", UP, True, rung="mixed"),
)
def unbound():
    device = Device()

    def f(x, bind):
        if bind:
            y = x * 2
        n = device.send(x.sum())
        if bind:
            del x
        return y + n

    return World(f=f, device=device)


@scenario(
    "match with a cut in a case",
    settled(call("f", UP, ("scale", 2)), "mixed"),
    call("f", UP, {"shift": 1.0}),
    call("f", UP, None),
    call("f", UP, ("scale", 3), rung="mixed"),
)
def matches():
    device = Device()

    def f(x, how):
        y = jnp.sin(x)
        match how:
            case ("scale", k):
                device.send(k)
                y = y * k + 1
            case {"shift": by}:
                y = y + by
            case _:
                pass
        return y @ y

    return World(f=f, device=device)


@scenario(
    "objects keep their identity from piece to piece",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
)
def identity():
    device = Device()
    w = World(kept=[])

    def f(x):
        box = {"x": x * 2, "again": []}
        box["again"].append(box)
        alias = box["again"]
        device.send(0)
        alias.append(x)
        box["x"] = box["x"] + 1
        w.kept = alias
        device.send(1)
        return box, alias is box["again"], w.kept is alias, box["again"][0] is box

    w.f = f
    return w


@scenario(
    "a program with user randomness learns as in Python",
    settled(call("f", of(lambda w: w.agent)), "mixed"),
    change(lambda w: setattr(w.agent, "rate", 0.01)),
    call("f", of(lambda w: w.agent), rung="mixed"),
)
def episode():
    class World_:
        def __init__(self):
            self.rng = np.random.default_rng(0)
            self.left = 0

        def reset(self):
            self.left = int(self.rng.integers(2, 6))
            return self.rng.normal(size=4).astype(np.float32)

        def step(self, action):
            self.left -= 1
            return self.rng.normal(size=4).astype(np.float32), float(action > 0), self.left == 0

    class Agent:
        def __init__(self):
            self.w = jnp.full((4,), 0.1)
            self.rate = 0.1
            self.returns = []

        def act(self, seen):
            return jnp.tanh(self.w @ seen)

        def learn(self, seen, reward):
            grad = jax.grad(lambda w: jnp.tanh(w @ seen) * reward)(self.w)
            self.w = self.w + self.rate * grad

    w = World(env=World_(), agent=Agent())

    def f(agent):
        seen, total, done = w.env.reset(), 0.0, False
        while not done:
            action = agent.act(seen)
            after, reward, done = w.env.step(float(action))
            agent.learn(seen, reward)
            seen = after
            total += reward
        agent.returns.append(total)
        return total

    w.f = f
    return w


@scenario(
    "arguments of every kind cross a cut",
    settled(call("f", UP, 2, [DOWN, {"k": 1.5}], None, "text", np.arange(3.0)), "mixed"),
    call("f", DOWN, 3, [UP, {"k": 2.5}], None, "other", np.ones(3), rung="mixed"),
)
def arguments():
    device = Device()

    def f(x, n, nested, nothing, text, host, *, flag=True):
        y = x * n + nested[0] * nested[1]["k"]
        device.send(len(text))
        z = y + jnp.asarray(host, jnp.float32)
        nested.append(z)
        return z, nothing, text, host, flag, n, nested

    return World(f=f, device=device)


@scenario(
    "a branch that cannot be staged, and changes from call to call, is decided in Python",
    settled(call("f", UP), "compiled"),
    (call("f", DOWN), call("f", UP)) * 12,
    steady("f", call("f", DOWN, rung="mixed"), call("f", UP, rung="mixed")),
)
def unstable_branch():
    def f(x):
        y = jnp.sin(x)
        if y.sum() > 0:
            y = jnp.concatenate([y, y])
        else:
            y = y * 2
        return y + 1, (y * y).sum()

    return World(f=f)


@scenario(
    "array work in a cut statement: before the opaque call, around it, and in its arguments",
    settled(call("f", UP, SQUARE), "mixed"),
    steady("f", call("f", UP, SQUARE, rung="mixed"), call("f", DOWN, SQUARE.T, rung="mixed")),
    change(lambda w: setattr(w.device, "scale", 3.0)),
    call("f", UP, SQUARE),
    call("f", UP[:2], SQUARE[:2, :2]),
    call("f", UP, SQUARE[:2, :2]),
)
def in_the_statement():
    device = Device()
    device.scale = 2.0

    def f(x, w):
        y = jnp.tanh(x) * device.scale + device.send((w @ x).sum() + 1) * jnp.dot(x, w @ x)
        kept = {"n": device.send(jnp.max(y) * 2) - 1, "y": [y @ w, device.send(y[0])]}
        while device.send(jnp.sum(y * y)) < 40 and jnp.sum(y) < device.send(jnp.sum(y)) + 1:
            y += device.send(y @ y) * 0 + 1
        return kept, (y, jnp.sin(y) * device.send(0))

    return World(f=f, device=device)


@scenario(
    "a cut statement whose arguments raise, before and after the opaque call",
    settled(call("f", UP, UP), "mixed"),
    call("f", UP, SQUARE[:2]),
    call("f", UP, UP[:2]),
    call("f", UP, DOWN, rung="mixed"),
)
def raising_statement():
    device = Device()

    def f(x, w):
        y = device.send(jnp.dot(w, x)) + jnp.dot(x, w) * device.send(x[0]) + jnp.add(x, w)
        return y

    return World(f=f, device=device)


@scenario(
    "a closure, a global and a loop's item in the array work of a cut statement",
    settled(call("f", UP), "mixed"),
    call("f", DOWN, rung="mixed"),
    call("f", SQUARE),
)
def names_in_the_statement():
    device = Device()

    def f(x):
        scale = jnp.ones(3)
        total = []

        def grow():
            nonlocal scale
            scale = scale * 2
            device.send(scale[0])
            return scale

        for i, row in enumerate(SQUARE):
            total.append(row * scale + grow() * jnp.sin(row + i) - device.send(row.sum() * i) + scale)
        return total, scale * x

    return World(f=f, device=device)


@scenario(
    "a handler of a cut function goes on with what it caught, and its own lines run before that",
    settled(call("f", UP), "mixed"),
    call("f", DOWN),
    call("f", UP * 200),
    call("f", UP),
    call("f", UP * 200),
)
def going_on():
    device = Device()

    def doubled(x):
        if x.max() > 100:
            raise OverflowError("big") from ValueError("cause")
        if x.sum() < 0:
            raise KeyError(f"negative {device.send(x[0])}")
        return x * 2

    def f(x):
        try:
            y = doubled(x)
        except KeyError as error:
            device.sent.append(str(error))
            y = x
        except OverflowError as error:
            device.sent.append(repr(error.__cause__))
            raise
        finally:
            device.send(x.sum())
        return y

    return World(f=f, device=device)
