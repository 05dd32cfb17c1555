# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Builtins and the standard library over arrays: each that the coverage table names, so that none hides another."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
FEW = [jnp.array(3.0), jnp.array(-1.0), jnp.array(2.0)]
MORE = [jnp.array(-5.0), jnp.array(7.0), jnp.array(0.5)]


@scenario(
    "sum, len, abs, round, divmod and pow over arrays",
    settled(call("f", FEW, UP), "compiled"),
    call("f", MORE, DOWN, rung="compiled"),
    call("f", FEW[:2], UP),
)
def arithmetic():
    def f(items, x):
        total = sum(items, start=x)
        if total.sum() > 0:
            total = abs(total) * len(items)
        return total, sum(x), round(x, 1), divmod(x, 2.0), pow(x, 2), len(x)

    return World(f=f)


@scenario(
    "min and max of arrays, with several arguments, a key and a default",
    settled(call("f", FEW, UP), "compiled"),
    call("f", MORE, DOWN, rung="compiled"),
    call("f", FEW[:1], UP),
    call("f", [], UP),
)
def extremes():
    def f(items, x):
        low, high = min(items, default=x[0]), max(x[0], x[1], x[2] / 2)
        if high > 1:
            low = low - 1
        return low, high, max(x), min(3, 2, 5)

    return World(f=f)


@scenario(
    "max of an array and a Python number is the one or the other",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def array_or_number():
    def f(x):
        y = x * 2
        return max(x[0], 0.5), y

    return World(f=f)


@scenario(
    "max by a key on arrays, and sorted by one, give the objects themselves",
    settled(call("f", FEW), "compiled"),
    call("f", MORE),
    call("f", FEW),
)
def by_key():
    def f(items):
        named = [{"v": x, "i": i} for i, x in enumerate(items)]
        best = max(named, key=lambda one: one["v"])
        ordered = sorted(named, key=lambda one: -one["v"])
        return best["i"], [one["i"] for one in ordered], best["v"]

    return World(f=f)


@scenario(
    "sorted of arrays and of an array's entries, forwards and reversed",
    settled(call("f", FEW, UP), ("compiled", "mixed")),
    call("f", MORE, DOWN),
    call("f", FEW, DOWN),
)
def sorting():
    def f(items, x):
        return sorted(items), sorted(x, reverse=True), sorted([3, 1, 2])

    return World(f=f)


@scenario(
    "any and all of arrays decide an if",
    settled(call("f", FEW, UP), ("compiled", "mixed")),
    call("f", MORE, DOWN),
    call("f", FEW, DOWN),
)
def anys():
    def f(items, x):
        if any(v > 2.5 for v in items):
            x = x + 1
        if all(x > 0):
            x = x * 2
        return x, any(x > 3), all([True, 1])

    return World(f=f)


@scenario(
    "map, filter, zip and enumerate with user functions that branch on arrays",
    settled(call("f", FEW, UP), "compiled"),
    call("f", MORE, UP),
    call("f", FEW, DOWN),
)
def maps():
    def clip(x, top=2.0):
        return x * 0 + top if x > top else x

    def f(items, x):
        clipped = list(map(clip, items))
        kept = list(filter(lambda v: v > 0, items))
        both = [a * b for a, b in zip(map(clip, x), itertools.count(1))]
        return clipped, kept, both

    return World(f=f)


@scenario(
    "functools.reduce, partial, lru_cache and wraps",
    settled(call("f", FEW, UP), "compiled"),
    call("f", MORE, DOWN, rung="compiled"),
    call("f", FEW[:1], UP),
)
def functools_calls():
    def logged(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            return fn(*args, **kwargs) + 1

        return wrapper

    @logged
    def larger(a, b):
        return a if a > b else b

    @functools.lru_cache(maxsize=8)
    def table(n):
        return [k * 2 for k in range(n)]

    def f(items, x):
        top = functools.reduce(larger, items)
        low = functools.reduce(lambda a, b: a - b, items, 10.0)
        scaled = functools.partial(operator.mul, x)
        return scaled(top), low, sum(table(4)), larger.__name__

    return World(f=f)


@scenario(
    "functools.singledispatch on types of arguments",
    settled(call("f", UP, 1), "compiled"),
    call("f", DOWN, 1),
    call("f", UP, "a"),
)
def singledispatch():
    @functools.singledispatch
    def kind(value):
        return 1

    @kind.register
    def _(value: int):
        return 2

    def f(x, value):
        if x.sum() > 0:
            x = x * 2
        return x * kind(value)

    return World(f=f)


@scenario(
    "itertools: chain, accumulate, product, islice, repeat, cycle, pairwise, groupby, starmap, takewhile",
    settled(call("f", FEW, UP), "compiled"),
    call("f", MORE, DOWN),
    call("f", FEW[:2], UP),
)
def itertools_calls():
    def f(items, x):
        chained = sum(itertools.chain(items, x))
        running = list(itertools.accumulate(items))
        folded = list(itertools.accumulate(items, lambda a, b: a * 0.5 + b))
        pairs = [a * b for a, b in itertools.product(items, x)]
        first = list(itertools.islice(itertools.cycle(items), 4))
        steps = [b - a for a, b in itertools.pairwise(items)]
        powers = list(itertools.starmap(operator.mul, zip(items, itertools.repeat(2.0))))
        groups = {k: len(list(g)) for k, g in itertools.groupby([1, 1, 2])}
        some = list(itertools.takewhile(lambda v: v > 0, items))
        longest = list(itertools.zip_longest(items, [1, 2, 3, 4], fillvalue=x[0]))
        return chained, running, folded, pairs, first, steps, powers, groups, some, longest

    return World(f=f)


@scenario(
    "operator: arithmetic, comparison, itemgetter, attrgetter and methodcaller",
    settled(call("f", {"a": UP, "b": DOWN}), "compiled"),
    call("f", {"a": DOWN, "b": UP}, rung="compiled"),
)
def operator_calls():
    def f(named):
        a, b = operator.itemgetter("a", "b")(named)
        y = operator.add(a, operator.matmul(a, b))
        if operator.gt(y.sum(), 0):
            y = operator.neg(y)
        y = operator.iadd(y, 1)
        return y, operator.attrgetter("shape")(y), operator.methodcaller("sum")(y), operator.not_(y.sum())

    return World(f=f)


@scenario(
    "math functions of array values give Python floats",
    settled(call("f", UP), "compiled"),
    call("f", UP * 2),
    call("f", DOWN),
    call("f", UP),
)
def math_calls():
    def f(x):
        total = x.sum()
        root = math.sqrt(abs(total))
        y = x * root + math.pi
        return y, root, math.floor(total), math.isfinite(total), math.exp(float(x[0])), math.hypot(x[0], x[1])

    return World(f=f)


@scenario(
    "isinstance, type, callable, getattr, setattr, hasattr, vars and issubclass on what the program holds",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", 3.0),
    call("f", UP),
)
def introspection():
    w = World(box=World(scale=2.0))

    def f(x):
        if isinstance(x, jax.Array):
            x = x * getattr(w.box, "scale", 1.0)
        elif type(x) is float:
            x = x + 1
        setattr(w.box, "last", x)
        kinds = hasattr(w.box, "last"), hasattr(x, "shape"), callable(f), issubclass(bool, int)
        return x, kinds, getattr(w.box, "missing", None), isinstance(w.box.scale, (int, float))

    w.f = f
    return w


@scenario(
    "reversed, slices, enumerate with start and zip with strict, over what changes length",
    settled(call("f", FEW), "compiled"),
    call("f", MORE, rung="compiled"),
    call("f", FEW[:2]),
    call("f", []),
)
def orders():
    def f(items):
        total = jnp.array(0.0)
        for i, x in enumerate(reversed(items), start=1):
            total = total * 0.5 + x * i
        for a, b in zip(items, items[::-1], strict=True):
            total = total + a * b
        for row in reversed(jnp.arange(6.0).reshape(2, 3)):
            total = total - row[0]
        return total, items[1:], items[-1:]

    return World(f=f)


@scenario(
    "float, int, bool, complex, item and tolist of array values, in branches and loops",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP * 3),
)
def scalars():
    w = World(log=[])

    def f(x):
        best = 0.0
        for row in jnp.stack([x, x * 2]):
            if row.sum() > best:
                best = float(row.sum())
            w.log.append(int(row[0]))
        w.log.append(x.tolist())
        return best, bool(x[0] > 0), x[1].item(), complex(x[2]), [int(v) for v in x]

    w.f = f
    return w


@scenario(
    "callables as arguments: functions, lambdas, methods, partials, classes and builtins",
    settled(call("f", UP, jnp.tanh), "compiled"),
    call("f", DOWN, jnp.tanh, rung="compiled"),
    call("f", UP, jnp.sin),
    call("f", UP, functools.partial(jnp.multiply, 2.0)),
    call("f", UP, abs),
    call("f", DOWN, operator.neg),
)
def callables():
    def f(x, g, h=lambda v: v + 1):
        y = h(g(x))
        if y.sum() > 3:
            y = g(y)
        return y

    return World(f=f)


@scenario(
    "Python's arithmetic on array values raises, though nothing comes of its result",
    settled(call("f", UP, 0), "compiled"),
    call("f", UP * 0, 0),
    call("f", UP, 1),
    call("f", -UP, 1),
    call("f", UP * jnp.nan, 2),
    call("f", UP * 0, 3),
    call("f", UP, 3),
    call("f", UP, 0, rung="compiled"),
)
def raises_in_vain():
    w = World(count=0)

    def f(x, kind):
        w.count += 1
        total = float(x.sum())
        if kind == 0:
            x = x * (1.0 / total)
        elif kind == 1:
            math.sqrt(total)
        elif kind == 2:
            int(x.sum())
        elif total > 0:
            return x / (3 % total), round(total)
        return x

    w.f = f
    return w
