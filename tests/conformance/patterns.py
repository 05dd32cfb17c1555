# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""`match` with all kinds of patterns, exceptions on array values, context managers, generators and recursion."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import types
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
BIG = jnp.array([100.0, 200.0, 300.0])
ROWS = jnp.arange(12.0).reshape(4, 3)

# match -------------------------------------------------------------------------------------------------------------


class Mode(enum.Enum):
    """What value patterns name."""

    ADD = "add"
    SCALE = "scale"


@dataclasses.dataclass
class Point:
    """What class patterns take apart."""

    x: object
    y: object


class Pair(NamedTuple):
    """A class pattern by position that is a sequence, too."""

    first: object
    second: object


@scenario(
    "match on an array's value: literal, or, capture and wildcard patterns",
    settled(call("f", UP, jnp.array(0)), ("compiled", "mixed")),
    call("f", UP, jnp.array(2)),
    call("f", UP, jnp.array(9)),
    call("f", DOWN, jnp.array(0)),
)
def match_array():
    def f(x, n):
        match n:
            case 0:
                return x
            case 1 | 2:
                return x * 2
            case _:
                return x * n

    return World(f=f)


@scenario(
    "match with value, class and keyword patterns whose parts are arrays",
    settled(call("f", Mode.ADD, Point(UP, 1)), "compiled"),
    call("f", Mode.ADD, Point(DOWN, 1), rung="compiled"),
    settled(call("f", Mode.SCALE, Pair(UP, DOWN)), "compiled"),
    call("f", Mode.SCALE, Point(UP, None)),
    call("f", Mode.ADD, {"x": UP, "y": 2}),
    call("f", Mode.ADD, 3),
)
def match_classes():
    def f(mode, item):
        match mode, item:
            case Mode.ADD, Point(x=v, y=int(k)) if v.sum() > 0:
                return v + k
            case Mode.ADD, Point(x=v):
                return v
            case Mode.SCALE, Pair(first, second):
                return first * second
            case _, Point(v, None) as whole:
                return v, whole
            case (Mode.ADD, {"x": v, **rest}):
                return v * rest["y"]
            case [_, int() | float() as number]:
                return number
        return None

    return World(f=f)


@scenario(
    "match with nested sequence patterns and a star, over lists that change",
    settled(call("f", ["add", [UP, DOWN]]), "compiled"),
    call("f", ["add", [DOWN, UP]], rung="compiled"),
    call("f", ["add", [UP]]),
    call("f", ["chain", ["add", [UP, UP]], 2]),
    call("f", []),
    call("f", ("neg", UP, UP, UP)),
)
def match_sequences():
    def f(command):
        match command:
            case ["add", [a, b]]:
                return a + b
            case ["add", [a]]:
                return a
            case ["chain", [name, [*items]], k]:
                return sum(items) * k, name
            case ("neg", *rest, last):
                return -last, len(rest)
            case []:
                return None

    return World(f=f)


@scenario(
    "match in a staged loop, with a guard on an array that takes turns",
    settled(call("f", ROWS, "up"), ("compiled", "mixed")),
    call("f", -ROWS, "up"),
    call("f", ROWS, "down"),
    call("f", -ROWS, "up"),
)
def match_in_loop():
    def f(rows, kind):
        total = jnp.zeros(3)
        for row in rows:
            match kind:
                case "up" if row.sum() > 10:
                    total = total + row
                case "up":
                    total = total - row
                case _:
                    total = total * 0.5
        return total

    return World(f=f)


# Exceptions --------------------------------------------------------------------------------------------------------


@scenario(
    "raise from, raise from None and a bare re-raise, on array values",
    settled(call("f", UP, 0), ("compiled", "mixed")),
    call("f", DOWN, 0),
    call("f", DOWN, 1),
    call("f", DOWN, 2),
    call("f", UP, 0),
)
def raises():
    w = World(log=[])

    def check(x):
        if x.sum() < 0:
            raise ValueError("negative", float(x[0]))
        return x

    def f(x, how):
        try:
            return check(x) * 2
        except ValueError as error:
            w.log.append(type(error).__name__)
            if how == 0:
                raise KeyError("no") from error
            if how == 1:
                raise KeyError("no") from None
            raise

    w.f = f
    return w


@scenario(
    "try, except, else and finally around each other, with return in finally's way",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", BIG),
    call("f", UP),
)
def finallys():
    w = World(log=[])

    def f(x):
        for k in range(2):
            try:
                if x.sum() > 100:
                    raise OverflowError(k)
                if x.sum() < 0:
                    return x * k
            except OverflowError:
                x = x / 100
                continue
            else:
                x = x + 1
            finally:
                w.log.append(k)
        return x

    w.f = f
    return w


@scenario(
    "an assert with a message of array values, in a callee and a loop",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS),
    call("f", ROWS, rung="compiled"),
    call("f", ROWS * 100),
)
def asserts():
    def checked(row):
        assert row.sum() < 1000, f"too large: {row.sum():.1f}"
        return row * 2

    def f(rows):
        total = jnp.zeros(3)
        for row in rows:
            assert (row >= 0).all(), ("negative", row.min())
            total = total + checked(row)
        return total

    return World(f=f)


@scenario(
    "an exception group and an exception with notes, raised on an array value",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", BIG),
    call("f", UP),
)
def groups():
    def f(x):
        if x.sum() < 0:
            error = ValueError("low")
            error.add_note("of three")
            raise error
        try:
            if x.max() > 10:
                raise ExceptionGroup("several", [ValueError("a"), TypeError("b")])
        except* ValueError as found:
            x = x * len(found.exceptions)
        except* TypeError:
            x = x + 1
        return x

    return World(f=f)


# Context managers --------------------------------------------------------------------------------------------------


@scenario(
    "a context manager of the user's that changes state and restores it",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: setattr(w.config, "scale", 5.0)),
    call("f", UP),
)
def restoring():
    w = World(config=World(scale=1.0), depth=0)

    @contextlib.contextmanager
    def using(scale):
        before, w.config.scale = w.config.scale, scale
        w.depth += 1
        try:
            yield before
        finally:
            w.config.scale = before

    def apply(x):
        return x * w.config.scale

    def f(x):
        with using(3.0) as before:
            y = apply(x)
            if y.sum() > 0:
                y = y + before
        return y, apply(x)

    w.f = f
    return w


@scenario(
    "ExitStack, nullcontext, closing and suppress",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def exit_stacks():
    w = World(log=[])

    def f(x):
        with contextlib.ExitStack() as stack, contextlib.nullcontext(2.0) as k:
            stack.callback(w.log.append, "out")
            with contextlib.suppress(ValueError):
                if x.sum() < 0:
                    raise ValueError("swallowed")
                x = x * k
            w.log.append("in")
        return x

    w.f = f
    return w


# Generators and recursion ------------------------------------------------------------------------------------------


@scenario(
    "a generator with send, return value and yield from, consumed inside",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", UP),
)
def generators():
    def inner(x):
        got = yield x
        if x.sum() > 0:
            x = x + got
        yield x
        return x * 2

    def outer(x):
        result = yield from inner(x)
        yield result

    def f(x):
        made = outer(x)
        first = next(made)
        second = made.send(3.0)
        return first, second, list(made)

    return World(f=f)


@scenario(
    "a generator is the result and is read by the caller",
    *(step for x in (UP, UP, UP, DOWN, UP) for step in (call("f", x), change(lambda w: w.drain()))),
)
def generator_result():
    w = World(seen=[])

    def f(x):
        def rows(k):
            for i in range(k):
                yield x * i

        w.made = rows(3)
        return w.made is not None

    def drain():
        w.seen = [y + 1 for y in w.made]
        w.made = None

    w.f, w.drain = f, drain
    return w


@scenario(
    "a coroutine is made inside and driven by hand",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", UP),
)
def coroutines():
    @types.coroutine
    def pause(x):
        return (yield x)

    async def work(x):
        got = await pause(x + 1)
        if got.sum() > 0:
            return got * 2
        return got

    def f(x):
        made = work(x)
        shown = made.send(None)
        try:
            made.send(shown)
        except StopIteration as end:
            return end.value

    return World(f=f)


@scenario(
    "mutual recursion whose depth an array decides",
    settled(call("f", jnp.array(4)), "compiled"),
    call("f", jnp.array(3), rung="compiled"),
    call("f", jnp.array(6), rung="compiled"),
    call("f", jnp.array(4), rung="compiled"),
)
def mutual():
    def even(n):
        if n == 0:
            return n + 100
        return odd(n - 1)

    def odd(n):
        if n == 0:
            return n - 100
        return even(n - 1)

    def f(n):
        return even(n)

    return World(f=f)


@scenario(
    "recursion over a tree of objects that grows from outside",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.grow()),
    call("f", UP),
    call("f", DOWN),
)
def tree_recursion():
    class Node:
        def __init__(self, value, *children):
            self.value, self.children, self.seen = value, list(children), 0

    w = World(root=Node(UP, Node(DOWN), Node(BIG, Node(UP))))

    def fold(node, x):
        node.seen += 1
        total = node.value * x
        for child in node.children:
            total = total + fold(child, x)
        if total.sum() < 0:
            total = total * 0.5
        return total

    w.f = lambda x: fold(w.root, x)
    w.grow = lambda: w.root.children.append(Node(UP))
    return w


@scenario(
    "JAX's own context managers around a loop on an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", BIG, rung="compiled"),
)
def jax_contexts():
    def f(x):
        with jax.default_matmul_precision("highest"), jax.named_scope("loop"), jax.debug_nans(False):
            while (x @ x) > 100:
                x = x / 2
        return x

    return World(f=f)


class State(enum.Enum):
    IDLE = 0
    RUN = 1
    STOP = 2


@scenario(
    "a state machine matches pairs of a state and a bool that an array decides",
    settled(call("m.on", UP), ("compiled", "mixed")),
    call("m.on", DOWN),
    call("m.on", UP),
    call("m.on", UP, rung="compiled"),
    change(lambda w: setattr(w.m, "state", State.STOP)),
    call("m.on", UP),
    call("m.on", DOWN),
    converted=("Machine.on",),
)
def machine():
    class Machine:
        def __init__(self):
            self.state, self.v, self.trace, self.n = State.IDLE, jnp.zeros(3), [], 0

        def on(self, x):
            self.n += 1
            match self.state, bool(x.sum() > 0), self.n % 3 == 0:
                case State.IDLE, True, _:
                    self.state, self.v = State.RUN, x
                case State.RUN, True, False if self.v.sum() > 40:
                    self.state = State.STOP
                case State.RUN, True, _:
                    self.v = self.v + x
                case ((State.RUN | State.STOP), False, _):
                    self.state, self.v = State.IDLE, self.v * 0
                case state, _, third:
                    self.trace.append((state.name, third))
            return self.v, self.state.name

    return World(Machine=Machine, m=Machine())
