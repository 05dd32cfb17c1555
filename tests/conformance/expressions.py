# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Expressions on array values: membership, identity, walrus, comprehensions of all kinds, generator expressions."""

from __future__ import annotations

import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
ZERO = jnp.zeros(3)
ROWS = jnp.arange(12.0).reshape(4, 3)


@scenario(
    "in an array decides an if, and is a value",
    settled(call("f", UP, 2.0), "compiled"),
    call("f", UP, 5.0, rung="compiled"),
    call("f", DOWN, 2.0, rung="compiled"),
)
def in_array():
    def f(x, v):
        if v in x:
            x = x * 10
        if 7 not in x:
            x = x + 1
        return x

    return World(f=f)


@scenario(
    "in and not in a set, a text, a range and a dict's views that change",
    settled(call("f", UP, 2), "compiled"),
    call("f", DOWN, 7),
    change(lambda w: w.known.add(7)),
    call("f", UP, 7),
    change(lambda w: w.named.clear()),
    call("f", UP, 2),
)
def in_containers():
    w = World(known={1, 2}, named={"a": 2})

    def f(x, n):
        if n in w.known:
            x = x + 1
        if n not in w.named.values():
            x = x * 2
        if ("a", 2) in w.named.items() and "b" not in w.named.keys():
            x = x * 3
        return x, n in range(0, 10, 2), str(n) in "12345"

    w.f = f
    return w


@scenario(
    "is and is not decide a staged branch's side, of None, of objects and of arrays",
    settled(call("f", UP, None), "compiled"),
    call("f", DOWN, None, rung="compiled"),
    call("f", UP, ZERO),
    call("f", DOWN, ZERO),
)
def is_in_branch():
    marker = object()

    def f(x, y, kind=marker):
        best = None
        if x.sum() > 0:
            best = x
        else:
            best = x * 2
        if best is not None and y is None:
            best = best + 1
        return best, y is x, kind is marker, kind is not None

    return World(f=f)


@scenario(
    "an array that a staged branch hands through is the object that it was",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP),
    arrays_by_identity=True,
)
def handed_through():
    def f(x):
        if x.sum() > 0:
            best = x
        else:
            best = x * 2
        return best, best is x

    return World(f=f)


@scenario(
    "a walrus in a while's test, in an elif, in an argument and in a comprehension",
    settled(call("f", UP, [UP, DOWN]), ("compiled", "mixed")),
    call("f", DOWN, [UP, DOWN]),
    call("f", UP * 50, [DOWN, DOWN]),
)
def walrus_everywhere():
    def f(x, items):
        while (top := jnp.abs(x).max()) > 1:
            x = x / 2
        if x.sum() > 100:
            y = x
        elif (low := x.min()) < 0:
            y = x - low
        else:
            y = jnp.maximum(z := x + 1, 2.0) + z
        sums = [s * 2 for v in items if (s := v.sum()) > -100]
        return y, top, sums, s

    return World(f=f)


@scenario(
    "and, or and not as values in a staged loop",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS, rung="compiled"),
    call("f", ROWS * 0, rung="compiled"),
)
def logic_in_loop():
    def f(rows):
        last = jnp.array(0.0)
        n = jnp.array(0)
        for row in rows:
            last = row.sum() or last - 1
            if not (row[0] > 2 and row[1] > 3) or last < 0:
                n = n + 1
        return last, n, not last

    return World(f=f)


@scenario(
    "a chained comparison with a call in its middle and one that mixes Python and arrays",
    settled(call("f", UP, 1), "compiled"),
    call("f", DOWN, 1, rung="compiled"),
    call("f", UP, 7),
)
def chains():
    w = World(calls=0)

    def middle(x):
        w.calls += 1
        return x.sum()

    def f(x, n):
        y = x * 2 if -5 < middle(x) <= 6 != n else x
        return y + 1 if 0 < n < x.max() else y

    w.f = f
    return w


# Comprehensions ----------------------------------------------------------------------------------------------------


@scenario(
    "list, dict, set and nested comprehensions over lists of arrays",
    settled(call("f", [UP, DOWN], {"a": 1, "b": 2}), "compiled"),
    call("f", [DOWN, UP], {"a": 1, "b": 2}, rung="compiled"),
    call("f", [UP], {"a": 3}),
    call("f", [], {}),
)
def all_kinds():
    def f(items, named):
        sums = [x.sum() for x in items]
        table = {name: [k * x for x in items] for name, k in named.items()}
        kinds = {k % 2 for k in named.values()}
        pairs = [(i, j, x - y) for i, x in enumerate(items) for j, y in enumerate(items) if i != j]
        return sums, table, kinds, pairs

    return World(f=f)


@scenario(
    "a comprehension over the rows of an array, with a conditional expression on an array inside",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS, rung="compiled"),
    call("f", ROWS[:2]),
)
def over_rows():
    def f(rows):
        clipped = [row / row.max() if row.max() > 4 else row for row in rows]
        return clipped, jnp.stack([row.sum() for row in rows])

    return World(f=f)


@scenario(
    "a comprehension with a condition on an array changes its length",
    settled(call("f", [UP, DOWN, UP]), ("compiled", "mixed")),
    call("f", [DOWN, DOWN, UP]),
    call("f", [UP, UP, UP]),
    settled(call("f", [DOWN, DOWN, DOWN]), ("compiled", "mixed")),
    call("f", [UP, DOWN, UP]),
)
def length_by_array():
    def f(items):
        kept = {i: x for i, x in enumerate(items) if x.sum() > 0}
        return kept, len(kept)

    return World(f=f)


@scenario(
    "generator expressions consumed by sum, any, all, max, min, tuple, dict, join and next",
    settled(call("f", [UP, DOWN]), "compiled"),
    call("f", [DOWN, UP], rung="compiled"),
    call("f", [UP, UP, UP]),
)
def consumed():
    def f(items):
        total = sum(x.sum() for x in items)
        flags = any(x.ndim == 1 for x in items), all(x.shape == (3,) for x in items)
        top = max(x.max() for x in items)
        low = min((x.min() for x in items), default=0)
        halves = tuple(x / 2 for x in items)
        named = dict((str(i), x) for i, x in enumerate(items))  # noqa: C402
        names = ",".join(str(i) for i in range(len(items)))
        first = next(x * 3 for x in items)
        return total, flags, top, low, halves, named, names, first

    return World(f=f)


@scenario(
    "any and all of a generator expression on arrays stop at the first answer",
    settled(call("f", [UP, DOWN, UP]), "compiled"),
    call("f", [DOWN, DOWN, DOWN]),
    call("f", [UP, UP, UP]),
    call("f", [UP, DOWN, UP]),
)
def any_stops():
    w = World(asked=0)

    def positive(x):
        w.asked += 1
        return x.sum() > 0

    def f(items):
        if any(positive(x) for x in items):
            return items[0] * 2
        if all(positive(x) for x in items):
            return items[0]
        return items[0] - 1

    w.f = f
    return w


@scenario(
    "a comprehension that reads and writes state through a method",
    settled(call("f", [UP, DOWN]), "compiled"),
    call("f", [DOWN, UP], rung="compiled"),
    change(lambda w: setattr(w.meter, "total", jnp.array(100.0))),
    call("f", [UP, UP], rung="compiled"),
)
def comprehension_with_state():
    class Meter:
        def __init__(self):
            self.total, self.count = jnp.array(0.0), 0

        def add(self, x):
            self.count += 1
            self.total = self.total + x.sum()
            return self.total * self.count

    w = World(meter=Meter())
    w.f = lambda items: [w.meter.add(x) for x in items]
    return w


# Names -------------------------------------------------------------------------------------------------------------


@scenario(
    "a loop that begins with an int, goes on with a float and keeps a structure",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS, rung="compiled"),
    call("f", ROWS[:0]),
    call("f", ROWS),
)
def carry_types():
    def f(rows):
        total, best = 0, (0, {"max": -1})
        for row in rows:
            total = total + row.sum()
            best = (best[0] + 1, {"max": row.max()})
        return total, best

    return World(f=f)


@scenario(
    "del of names, items, slices and attributes, in a branch on an array too",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    change(lambda w: w.items.extend([1, 2, 3])),
    call("f", UP),
)
def deletions():
    w = World(items=[1, 2, 3, 4], named={"a": UP, "b": DOWN}, box=World(kept=1))

    def f(x):
        y, z = x * 2, x
        del z
        w.box.extra = y
        if x.sum() > 0:
            del w.box.extra
        else:
            del w.named["b"]
            w.named["b"] = x
        del w.items[1:2]
        w.items.append(len(w.items))
        return y

    w.f = f
    return w


@scenario(
    "tuple targets: swaps, nested, starred, of an array's rows, and into attributes and items",
    settled(call("f", UP, ROWS), "compiled"),
    call("f", DOWN, -ROWS, rung="compiled"),
    call("f", DOWN, ROWS[:3]),
)
def targets():
    w = World(a=ZERO, b={"k": ZERO})

    def f(x, rows):
        one, (two, *three) = x, rows
        one, two = two, one
        w.a, w.b["k"] = one + 1, two
        p, q, r = x
        for i, (k, v) in enumerate({"a": one, "b": two}.items()):
            if v.sum() > 0:
                p = p + i
        return one, two, three, p * q - r, k

    w.f = f
    return w
