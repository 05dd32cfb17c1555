# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""What C code of Python's decides on array values: truths, orders, groups, types; and what it leaves of an iterator."""

from __future__ import annotations

import abc
import collections
import functools
import heapq
import itertools
import math

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, of, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
MIXED = jnp.array([-1.0, 2.0, -3.0])
TIED = jnp.array([2.0, 1.0, 2.0])
NAN = jnp.array([2.0, jnp.nan, 1.0])
ORDERS = [jnp.array(values) for values in itertools.permutations([1.0, 2.0, 3.0])]


class Scored:
    """An object with a score that is an array."""

    def __init__(self, score, name):
        self.score = score
        self.name = name
        self.rank = None


@scenario(
    "filter keeps other items from call to call, then as many again",
    settled(call("f", UP), "compiled"),
    call("f", MIXED),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
    call("f", MIXED, rung="compiled"),
    call("f", NAN),
)
def filters():
    def f(x):
        kept = list(filter(lambda v: v > 0, x))
        left = list(itertools.filterfalse(lambda v: v > 0, x))
        true = [v for v in filter(None, [x[0] > 0, x[1] * 0, 3, x[2]])]
        return kept, left, len(kept), true

    return World(f=f)


@scenario(
    "filter, takewhile and dropwhile call their function as late as Python does",
    settled(call("f", UP), "compiled"),
    call("f", MIXED),
    call("f", DOWN),
    call("f", MIXED, rung="compiled"),
)
def lazily():
    w = World(asked=[])

    def f(x):
        def positive(v):
            print("asked", v)
            w.asked.append(v)
            return v > 0

        it = filter(positive, x)
        first = next(it, None)
        print("first", first)
        head = list(itertools.takewhile(positive, x))
        tail = list(itertools.dropwhile(positive, iter(x)))
        return first, list(it), head, tail

    w.f = f
    return w


@scenario(
    "an iterator that any or all stopped in goes on where they stopped",
    settled(call("f", UP), "compiled"),
    call("f", MIXED),
    call("f", DOWN),
    call("f", UP),
)
def stopped():
    def f(x):
        one, two, three = iter(list(x)), iter(x > 0), (v for v in x)
        flags = any(v > 0 for v in one), all(two), any(map(lambda v: v > 0, three))
        return flags, list(one), list(two), list(three)

    return World(f=f)


@scenario(
    "any and all of a function that counts, prints and appends, over many items",
    settled(call("f", UP), "compiled"),
    call("f", MIXED, rung="compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", jnp.arange(-4.0, 4.0)),
)
def any_does():
    w = World(asked=0, seen=[])

    def f(x):
        def positive(v):
            w.asked += 1
            w.seen.append(v)
            print("asked", w.asked)
            return v > 0

        return any(positive(v) for v in x), w.asked, all([positive(v) for v in x])

    w.f = f
    return w


@scenario(
    "any of a generator whose function raises on what comes after the answer",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", MIXED),
    call("f", UP),
)
def any_raises():
    def f(x):
        def check(v):
            if v < 0:
                raise ValueError("negative")
            return v > 0

        return any(check(v) for v in x), x * 2

    return World(f=f)


@scenario(
    "objects are sorted by a score, ranked and the best is changed",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", TIED),
    call("f", UP, rung="compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", NAN),
)
def objects_in_order():
    def f(x):
        scored = [Scored(v, name) for v, name in zip(x, "abc")]
        ordered = sorted(scored, key=lambda each: each.score)
        for rank, each in enumerate(ordered):
            each.rank = rank
        scored.sort(key=lambda each: each.score, reverse=True)
        best, worst = max(ordered, key=lambda each: each.score), min(ordered, key=lambda each: float(each.score))
        best.score = best.score * 2
        few = heapq.nlargest(2, ordered, key=lambda each: each.score), heapq.nsmallest(1, x)
        return [each.name for each in ordered], [each.rank for each in scored], best is scored[0], worst, few

    return World(f=f)


@scenario(
    "an order of objects that changes from call to call",
    *(call("f", order) for order in ORDERS * 2),
    call("f", ORDERS[3], rung="mixed"),
    call("f", ORDERS[4], rung="mixed"),
)
def unstable_order():
    def f(x):
        y = jnp.tanh(x)
        scored = [Scored(v, name) for v, name in zip(x, "abc")]
        scored.sort(key=lambda each: each.score)
        return [each.name for each in scored], y * 2

    return World(f=f)


@scenario(
    "objects of the state change places as their scores do",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    change(lambda w: w.players.append(Scored(jnp.array(0.5), "d"))),
    call("f", UP),
    call("f", UP, rung="compiled"),
    change(lambda w: w.players.reverse()),
    call("f", UP),
)
def players():
    w = World(players=[Scored(jnp.array(float(i)), name) for i, name in enumerate("abc")])

    def f(x):
        for player, gain in zip(w.players, x):
            player.score = player.score * 0.5 + gain
        w.players.sort(key=lambda player: player.score, reverse=True)
        return w.players[0].name, w.players[-1].score

    w.f = f
    return w


@scenario(
    "a key function sees an empty list while the list is sorted, and may raise",
    settled(call("f", UP, False), "compiled"),
    call("f", DOWN, False),
    call("f", UP, True),
    call("f", UP, False),
)
def sees_empty():
    w = World(items=[])

    def f(x, fails):
        w.items[:] = [x[2], x[0], x[1]]

        def key(v):
            if fails and len(w.items) == 0:
                raise KeyError("empty")
            return v + len(w.items)

        w.items.sort(key=key)
        return len(w.items)

    w.f = f
    return w


@scenario(
    "Python numbers of array values are sorted in place, and an array meets the greatest",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", TIED, rung="compiled"),
    call("f", NAN),
)
def numbers_in_order():
    def f(x):
        values = [float(v) for v in x]
        values.sort()
        down = sorted(values, reverse=True)
        values.reverse()
        return values, down, x * down[0], max(values)

    return World(f=f)


@scenario(
    "groupby by arrays and by truths of arrays",
    settled(call("f", UP), "compiled"),
    call("f", TIED),
    call("f", DOWN * 0),
    call("f", UP),
)
def groups():
    def f(x):
        signs = [(len(list(group))) for _, group in itertools.groupby(x, lambda v: v > 1.5)]
        runs = [(key, len(list(group))) for key, group in itertools.groupby(x)]
        return signs, runs, [key for key, _ in itertools.groupby([1, 1, 2])]

    return World(f=f)


@scenario(
    "builtins are handed to map, reduce, accumulate and starmap",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", MIXED, rung="compiled"),
)
def handed_on():
    def f(x):
        largest, running = functools.reduce(max, x), list(itertools.accumulate(x, min))
        numbers = list(map(float, x)), list(map(int, x)), list(map(str, x)), list(map(bool, x)), list(map(abs, x))
        powers = list(itertools.starmap(pow, [(x[0], 2), (x[1], 3)]))
        return largest, running, numbers, powers, list(itertools.compress("abc", x > 0))

    return World(f=f)


@scenario(
    "math functions of arrays: pairs, integers, sequences, and predicates that decide",
    settled(call("f", UP), "compiled"),
    call("f", UP + 1e-6),
    call("f", DOWN),
    call("f", UP * 1e30),
    call("f", UP, rung="compiled"),
)
def more_math():
    def f(x):
        fraction, whole = math.modf(x[1] * 1.25)
        mantissa, exponent = math.frexp(x[2])
        total = math.fsum(x), math.dist([x[0]], [2.0]), math.gcd(x[1].astype(int), 4), math.log(x[2], 2)
        if math.isfinite(x[0]):
            x = x + math.floor(x[0])
        return fraction, whole, mantissa, exponent, total, math.isclose(x[0], 2.0), math.ceil(x[1]), x

    return World(f=f)


@scenario(
    "a math function that means another thing in JAX decides a branch",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", UP + 1e-5),
    call("f", UP + 0.5),
)
def other_meaning():
    def f(x):
        if math.isclose(x[0], 1.0):
            x = x * 2
        return x * math.remainder(x[1], 3.0)

    return World(f=f)


@scenario(
    "functions are registered with a generic function, and classes with an abstract one, between calls",
    settled(call("f", UP, 1), "compiled"),
    call("f", UP, "a"),
    call("f", UP, UP),
    change(lambda w: w.kind.register(str, lambda value, x: x * 5)),
    call("f", UP, "a"),
    call("f", UP, of(lambda w: w.other)),
    change(lambda w: w.Sized.register(type(w.other))),
    call("f", UP, of(lambda w: w.other)),
    call("f", UP, 1),
    call("f", UP, 1, rung="compiled"),
)
def registered():
    class Sized(abc.ABC):
        pass

    class Other:
        pass

    @functools.singledispatch
    def kind(value, x):
        return x

    @kind.register
    def _(value: int, x):
        return x * 2 if x.sum() > 0 else x

    @kind.register(jax.Array)
    def _(value, x):
        return x * value

    @kind.register(Sized)
    def _(value, x):
        return x - 1

    return World(f=lambda x, value: kind(value, x) + 1, kind=kind, Sized=Sized, other=Other())


@scenario(
    "a generic method, and a function that is registered with it later",
    settled(call("f", UP, 1), "compiled"),
    call("f", DOWN, "a"),
    change(lambda w: vars(type(w.model))["scaled"].register(str, lambda self, value, x: x * self.scale)),
    call("f", UP, "a"),
    change(lambda w: setattr(w.model, "scale", 7.0)),
    call("f", UP, "a"),
    call("f", UP, 1, rung="compiled"),
)
def generic_method():
    class Model:
        def __init__(self):
            self.scale = 3.0

        @functools.singledispatchmethod
        def scaled(self, value, x):
            return x

        @scaled.register
        def _(self, value: int, x):
            return x * value * self.scale

    w = World(model=Model())
    w.f = lambda x, value: w.model.scaled(value, x) + 1
    return w


@scenario(
    "an iterator made before a branch on an array is advanced in it",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", MIXED),
    call("f", UP),
)
def advanced_in_branch():
    def f(x):
        steps, later, counted = iter([1, 2, 3]), (v * 10 for v in [1, 2, 3]), itertools.count(5)
        if x[0] > 0:
            next(steps)
        if x[1] > 0:
            next(later)
        if x[2] > 0:
            next(counted)
        return x * next(steps), next(later), next(counted)

    return World(f=f)


@scenario(
    "an iterator made before a loop on an array is advanced in it",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", UP * 3),
    call("f", DOWN),
)
def advanced_in_loop():
    def f(x):
        steps = iter(range(1, 100))
        while x.sum() < 40:
            x = x + next(steps)
        return x, next(steps)

    return World(f=f)


@scenario(
    "opaque objects become one, and two again",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w.holder, "b", w.holder.a)),
    call("f", UP),
    call("f", UP, rung="compiled"),
    change(lambda w: setattr(w.holder, "b", w.other)),
    call("f", UP),
    call("f", UP, rung="compiled"),
)
def opaque_alias():
    holder, other = World(a=iter([1]), b=iter([2])), iter([3])

    def f(x):
        if holder.a is holder.b:
            return x * 2, holder.a == holder.b, holder.a in [holder.b]
        return x, holder.a == holder.b, holder.a in [holder.b]

    return World(f=f, holder=holder, other=other)


@scenario(
    "a Counter of classes that arrays decide, local and in the state",
    settled(call("f", UP, "a"), "compiled"),
    call("f", MIXED, "b"),
    call("f", DOWN, "a"),
    change(lambda w: w.counts.clear()),
    call("f", UP, "a"),
)
def counters():
    w = World(counts=collections.Counter())

    def f(x, key):
        local = collections.Counter()
        for v in x:
            if v > 0:
                local["up"] += 1
            else:
                local["down"] += 1
        w.counts[key] += 1
        w.counts.update(["seen", key])
        return local, w.counts + collections.Counter(a=1), sum(w.counts.values()), w.counts["never"]

    w.f = f
    return w


@scenario(
    "what a list held before is read after it was appended to",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.arrays.insert(0, jnp.zeros(3))),
    call("f", UP, rung="compiled"),
    change(lambda w: w.numbers.clear()),
    call("f", UP),
    call("f", UP),
)
def read_before():
    w = World(arrays=[], numbers=[])

    def f(x):
        w.arrays.append(x * 2)
        w.numbers.append(float(x.sum()))
        return w.arrays[0] + w.arrays[-1], w.numbers[0], x * w.numbers[0], len(w.arrays), w.arrays[-1][0]

    w.f = f
    return w


@scenario(
    "iterators of the user's are advanced twice in a call, become one, and come to their end",
    settled(call("f", UP, of(lambda w: w.one), of(lambda w: w.two)), "compiled"),
    call("f", DOWN, of(lambda w: w.one), of(lambda w: w.one)),
    call("f", DOWN, of(lambda w: w.one), of(lambda w: w.two), rung="compiled"),
    call("f", UP, of(lambda w: w.short), of(lambda w: w.two)),
    call("f", UP, of(lambda w: w.short), of(lambda w: w.two)),
    call("f", UP, of(lambda w: w.short), of(lambda w: w.two)),
    call("f", UP, of(lambda w: w.short), of(lambda w: w.rows)),
    call("rest", converted="f"),
)
def held_iterators():
    w = World(one=iter(range(99)), two=itertools.count(3), short=iter("ab"), rows=iter((UP, DOWN)), last=None)

    def f(x, one, two):
        w.last = next(one, "none")
        y = x * next(two)
        return y + next(two), next(one, None)

    w.f, w.rest = f, lambda: (next(w.one), next(w.two), list(w.short), list(w.rows))
    return w
