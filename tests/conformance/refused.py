# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Programs that AutoGraph refuses or converts wrongly: here each runs and is right, and most run compiled."""

from __future__ import annotations

import jax.numpy as jnp

from tests.conformance.harness import World, call, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


@scenario(
    "a loop whose variable changes its shape",
    settled(call("f", UP, 3), "compiled"),
    call("f", DOWN, 3, rung="compiled"),
    call("f", UP, 5),
)
def changing_shape():
    def f(x, n):
        y = x[:1]
        for i in range(n):
            y = jnp.concatenate([y, x * i])
        return y

    return World(f=f)


@scenario(
    "a loop whose variable changes its dtype",
    settled(call("f", jnp.array([1, 2, 3]), 4), "compiled"),
    call("f", jnp.array([3, 2, 1]), 4, rung="compiled"),
    call("f", jnp.array([3, 2, 1]), 0),
)
def changing_dtype():
    def f(x, n):
        total = 0
        for _ in range(n):
            total = total + x.sum() / 2
            x = x * 1.5
        return total, x

    return World(f=f)


@scenario(
    "a loop whose variable changes its structure",
    settled(call("f", UP, 3), "compiled"),
    call("f", DOWN, 3, rung="compiled"),
)
def changing_structure():
    def f(x, n):
        state = x
        for i in range(n):
            state = (state, x * i)
        return state

    return World(f=f)


@scenario(
    "None in one branch",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
    call("f", DOWN, rung="compiled"),
)
def none_in_one_branch():
    def f(x):
        y = None
        if x.sum() > 0:
            y = x * 2
        if y is None:
            return x
        return y + 1

    return World(f=f)


@scenario(
    "break on an array in a loop over a Python list",
    settled(call("f", [UP, UP, DOWN, UP]), "compiled"),
    call("f", [DOWN, UP, UP, UP], rung="compiled"),
    call("f", [UP, UP, UP, UP], rung="compiled"),
)
def break_on_an_array():
    def f(xs):
        total = jnp.zeros(3)
        for x in xs:
            if x.sum() < 0:
                break
            total = total + x
        return total

    return World(f=f)


@scenario(
    "mutation hidden in a callee, in a branch and in a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def hidden_mutation():
    class Stats:
        def __init__(self):
            self.count = 0
            self.total = jnp.zeros(())
            self.log = []

        def see(self, x):
            self.count += 1
            self.total = self.total + x

    stats = Stats()

    def visit(stats, x):
        if x > 1:
            stats.see(x)

    def f(xs):
        for x in xs:
            visit(stats, x)
        stats.log.append(stats.total)
        return stats.count

    return World(f=f, stats=stats)


@scenario(
    "recursion over a Python structure",
    settled(call("f", (UP, (DOWN, (UP, None)))), "compiled"),
    call("f", (DOWN, (DOWN, (UP, None))), rung="compiled"),
    call("f", (UP, None)),
)
def recursion():
    def f(node):
        if node is None:
            return jnp.zeros(())
        value, rest = node
        return jnp.tanh(value).sum() + 0.5 * f(rest)

    return World(f=f)


@scenario(
    "a list comprehension over an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def comprehension():
    def f(x):
        rows = [v * 2 if v > 0 else -v for v in x]
        return jnp.stack(rows), sum(rows), len(rows)

    return World(f=f)


@scenario(
    "a generator with a decision on an array in it",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN, rung=("compiled", "mixed")),
)
def generators():
    def halved(x):
        while jnp.abs(x).max() > 1:
            yield x
            x = x / 2

    def f(x):
        total = jnp.zeros(3)
        for y in halved(x):
            total = total + jnp.sin(y)
        return total

    return World(f=f)


@scenario(
    "else of loops on arrays",
    settled(call("f", UP, 2.5), "compiled"),
    call("f", UP, 99.0, rung="compiled"),
    call("f", DOWN, -1.5, rung="compiled"),
)
def loop_else():
    def f(x, limit):
        for v in x:
            if v > limit:
                found = v * 10
                break
        else:
            found = x.sum()
        n = 0
        while n < 3:
            n += 1
            if x[0] > limit:
                break
        else:
            found = found + 1
        return found, n

    return World(f=f)


@scenario(
    "private names and name mangling",
    settled(call("c.step", UP, converted="Counter.step"), "compiled"),
    call("c.step", DOWN, rung="compiled", converted="Counter.step"),
    converted=("Counter.step",),
)
def private_names():
    class Counter:
        __made = 0

        def __init__(self):
            self.__seen = 0
            self.__best = jnp.array(-jnp.inf)

        def __better(self, x):
            return x > self.__best

        def step(self, x):
            self.__seen += 1
            Counter.__made += 1
            __local = x.max()
            if self.__better(__local):
                self.__best = __local
            return self.__best, self.__seen

    return World(Counter=Counter, c=Counter())


@scenario(
    "try in a loop, with a raise on an array that is caught",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    settled(call("f", jnp.array([1.0, -2.0, 3.0])), ("compiled", "mixed")),
)
def try_in_a_loop():
    def checked(v):
        if v < 0:
            raise ValueError("negative")
        return jnp.sqrt(v)

    def f(x):
        total, bad = jnp.zeros(()), 0
        for v in x:
            try:
                total = total + checked(v)
            except ValueError:
                bad += 1
                continue
            finally:
                total = total + 1
        return total, bad

    return World(f=f)


@scenario(
    "a variable that is bound in the loop alone",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP[:0]),
)
def bound_in_the_loop():
    def f(x):
        for v in x:
            last = v * 2
            if last > 4:
                break
        return last

    return World(f=f)
