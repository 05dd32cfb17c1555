# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Control flow on array values: branches, loops, short circuits, and what is bound where."""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, scenario, settled, steady

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
BIG = jnp.array([100.0, 200.0, 300.0])
ZERO = jnp.zeros(3)
ROWS = jnp.arange(18.0).reshape(6, 3) * 0.1

# Branches ----------------------------------------------------------------------------------------------------------


@scenario(
    "an if takes the side that its array says, call after call",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
    call("f", ZERO, rung="compiled"),
)
def if_else():
    def f(x):
        if x.sum() > 0:
            y = x * 2
        else:
            y = x - 1
        return y

    return World(f=f)


@scenario(
    "an if without an else leaves its variable as it was",
    settled(call("f", DOWN), "compiled"),
    call("f", UP, rung="compiled"),
    call("f", DOWN, rung="compiled"),
)
def if_alone():
    def f(x):
        y = x + 1
        if jnp.any(x > 2):
            y = y * 10
        return y

    return World(f=f)


@scenario(
    "elif chains choose one of four sides",
    settled(call("f", UP), "compiled"),
    call("f", BIG, rung="compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", ZERO, rung="compiled"),
)
def elif_chain():
    def f(x):
        total = x.sum()
        if total > 100:
            y = x / 100
        elif total > 0:
            y = x + total
        elif total < 0:
            y = -x
        else:
            y = x + 7
        return y

    return World(f=f)


@scenario(
    "nested ifs, each with its own early return",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", BIG, rung="compiled"),
    call("f", ZERO, rung="compiled"),
)
def nested_returns():
    def f(x):
        if x.sum() > 0:
            if x.max() > 50:
                return x / 50
            x = x + 1
        else:
            if x.min() < -1:
                return -x
        x = x * 2
        return x

    return World(f=f)


@scenario(
    "an early return and code after it that must not run",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def early_return():
    def f(x):
        if x[0] > 0:
            return x
        y = x
        for k in range(3):
            y = y + k
        return y

    return World(f=f)


@scenario(
    "a missing else returns None against an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
    settled(call("f", DOWN), ("compiled", "mixed")),
    call("f", UP, rung=("compiled", "mixed")),
)
def none_against_array():
    def f(x):
        if x.sum() > 0:
            return x * 3

    return World(f=f)


@scenario(
    "branches that return a tuple on one side and an array on the other",
    settled(call("f", UP), "compiled"),
    settled(call("f", DOWN), ("compiled", "mixed")),
    call("f", UP, rung=("compiled", "mixed")),
)
def different_structure():
    def f(x):
        if x.sum() > 0:
            return x, x.sum()
        return x

    return World(f=f)


@scenario(
    "branches that return different shapes",
    settled(call("f", UP), "compiled"),
    settled(call("f", DOWN), ("compiled", "mixed")),
    call("f", UP, rung=("compiled", "mixed")),
)
def different_shapes():
    def f(x):
        if x.sum() > 0:
            y = jnp.concatenate([x, x])
        else:
            y = x
        return y * 2

    return World(f=f)


@scenario(
    "branches of different dtype keep the dtype of the side that ran",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def different_dtypes():
    def f(x):
        if x.sum() > 0:
            return x.astype(jnp.int32)
        return x

    return World(f=f)


@scenario(
    "a Python number on one side and an array on the other keep their types",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def number_against_array():
    def f(x):
        if x.sum() > 0:
            y = 0
        else:
            y = x.sum()
        return y

    return World(f=f)


@scenario(
    "a variable defined in one branch only, not read where it is not bound",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
)
def bound_in_one_branch():
    def f(x):
        if x.sum() > 0:
            scale = x.sum()
        if x.sum() > 0:
            return x * scale
        return x

    return World(f=f)


@scenario(
    "a read of a name that is not bound raises UnboundLocalError, as in Python",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def unbound_read():
    def f(x):
        if x.sum() > 0:
            scale = x.sum()
        return x * scale

    return World(f=f)


@scenario(
    "a name that is deleted on one path is not bound after it",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def deleted_name():
    def f(x):
        y = x + 1
        if x.sum() < 0:
            del y
        return y

    return World(f=f)


@scenario(
    "a Python condition stays Python, an array condition beside it is staged",
    settled(call("f", UP, True), "compiled"),
    call("f", DOWN, True, rung="compiled"),
    settled(call("f", UP, False), "compiled"),
    call("f", DOWN, False, rung="compiled"),
    call("f", DOWN, True, rung="compiled"),
)
def python_and_array_conditions():
    def f(x, double):
        if double:
            x = x * 2
        if x.sum() > 0:
            x = x + 1
        return x

    return World(f=f)


# Expressions -------------------------------------------------------------------------------------------------------


@scenario(
    "and, or and not on arrays give what Python gives",
    settled(call("f", UP, DOWN), "compiled"),
    call("f", DOWN, UP, rung="compiled"),
    call("f", UP, UP, rung="compiled"),
    call("f", DOWN, DOWN, rung="compiled"),
)
def short_circuits():
    def f(x, y):
        if x.sum() > 0 and y.sum() > 0:
            return x + y
        if x.sum() > 0 or not y.sum() > 0:
            return x - y
        return x * y

    return World(f=f)


@scenario(
    "or as a value returns one of its operands",
    settled(call("f", jnp.array(0.0), UP), "compiled"),
    call("f", jnp.array(2.0), UP),
    call("f", jnp.array(0.0), DOWN),
)
def or_as_value():
    def f(x, y):
        return (x or y.sum()) * 2

    return World(f=f)


@scenario(
    "and, or between Python values return the operand itself",
    settled(call("f", 0, "no"), "compiled"),
    call("f", 3, "yes"),
    call("f", [], None),
    call("f", 0.0, {}),
)
def python_operands():
    def f(x, y):
        return (x and y, x or y, not x, not y)

    return World(f=f)


@scenario(
    "a short circuit does not evaluate its right side",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
)
def right_side_not_run():
    w = World()

    def seen(x):
        w.count += 1
        return x[0] > 0

    def f(x, items=()):
        if items and items[0] > 0:
            return x
        if x.sum() > 0 and seen(x):
            return x + 1
        return x - 1

    w.count = 0
    w.f = f
    return w


@scenario(
    "a chained comparison evaluates its middle once",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", BIG, rung="compiled"),
)
def chained():
    def f(x):
        if 0 < x.sum() <= 100:
            return x * 2
        return x

    return World(f=f)


@scenario(
    "a conditional expression on an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def conditional_expression():
    def f(x):
        y = x + 1 if x.sum() > 0 else x - 1
        return y * (2.0 if y.max() > 1 else 3.0)

    return World(f=f)


@scenario(
    "in and not in a list, a tuple, a dict and an array",
    settled(call("f", UP, 2, "a"), ("compiled", "mixed")),
    call("f", DOWN, 5, "b"),
    call("f", UP, 5, "a"),
)
def membership():
    def f(x, n, key):
        found = n in (1, 2, 3)
        if key not in {"a": 1}:
            x = x + 1
        if 2.0 in x:
            x = x * 10
        return x, found

    return World(f=f)


@scenario(
    "a walrus binds in the condition and is seen after it",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def walrus():
    def f(x):
        if (total := x.sum()) > 0:
            return x / total
        return x + total

    return World(f=f)


@scenario(
    "is and is not between names of one object",
    settled(call("f", UP, None), "compiled"),
    call("f", UP, DOWN),
    call("f", DOWN, None),
)
def identity():
    def f(x, y):
        z = x
        if y is None:
            return z * 2, z is x
        return z + y, y is x

    return World(f=f)


# while -------------------------------------------------------------------------------------------------------------


@scenario(
    "a while on an array",
    settled(call("f", UP), "compiled"),
    call("f", BIG, rung="compiled"),
    call("f", ZERO, rung="compiled"),
)
def while_array():
    def f(x):
        while jnp.abs(x).max() > 1:
            x = x / 2
        return x

    return World(f=f)


@scenario(
    "a while with a counter in Python that becomes an array's trip count",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", BIG),
    call("f", UP),
    call("f", BIG),
)
def while_counter():
    def f(x):
        n = 0
        while x.sum() > 1:
            x = x / 2
            n += 1
        return x, n

    return World(f=f)


@scenario(
    "a while over a Python counter with an array inside",
    settled(call("f", UP, 3), "compiled"),
    call("f", UP, 5),
    call("f", UP, 5),
    call("f", DOWN, 0),
)
def while_python():
    def f(x, n):
        while n > 0:
            x = x + n
            n -= 1
        return x, n

    return World(f=f)


@scenario(
    "while with break",
    settled(call("f", UP), "compiled"),
    call("f", BIG, rung="compiled"),
    call("f", DOWN, rung="compiled"),
)
def while_break():
    def f(x):
        while x.sum() < 1000:
            x = x * 2 + 1
            if x.max() > 40:
                break
            x = x + 1
        return x

    return World(f=f)


@scenario(
    "while with continue",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def while_continue():
    def f(x):
        y = x * 0
        n = jnp.array(0)
        while n < 5:
            n = n + 1
            if n % 2 == 0:
                continue
            y = y + x * n
        return y

    return World(f=f)


@scenario(
    "while with a return inside",
    settled(call("f", UP), "compiled"),
    call("f", BIG, rung="compiled"),
    call("f", DOWN, rung="compiled"),
)
def while_return():
    def f(x):
        k = jnp.array(0)
        while k < 6:
            x = x + 1
            if x.sum() > 10:
                return x * 2
            k = k + 1
        return x

    return World(f=f)


@scenario(
    "while True with break only",
    settled(call("f", UP), "compiled"),
    call("f", BIG, rung="compiled"),
)
def while_true():
    def f(x):
        while True:
            x = x / 2
            if x.max() < 1:
                break
        return x

    return World(f=f)


@scenario(
    "while with else, with and without the break taken",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def while_else():
    def f(x):
        n = jnp.array(0)
        while n < 4:
            n = n + 1
            if x.sum() + n < 0:
                break
        else:
            x = x + 100
        return x * n

    return World(f=f)


@scenario(
    "nested whiles, the inner with break, the outer with continue",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", BIG, rung="compiled"),
)
def nested_whiles():
    def f(x):
        i = jnp.array(0)
        total = x.sum() * 0
        while i < 4:
            i = i + 1
            if i == 2:
                continue
            j = jnp.array(0)
            while j < 5:
                total = total + x[0] * j
                if total > 20:
                    break
                j = j + 1
        return total

    return World(f=f)


@scenario(
    "a while whose carry begins as an int and becomes a float",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", BIG),
)
def while_carry_cast():
    def f(x):
        total = jnp.array(0)
        k = jnp.array(0)
        while k < 3:
            total = total + x.sum()
            k = k + 1
        return total

    return World(f=f)


@scenario(
    "a while whose carry grows",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", BIG),
    call("f", ZERO),
)
def while_growing():
    def f(x):
        while x.sum() < 30:
            x = jnp.concatenate([x, x + 1])
        return x

    return World(f=f)


@scenario(
    "a while that does not run leaves its variables unbound",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", ZERO),
    call("f", UP),
)
def while_unbound():
    def f(x):
        while x.sum() > 1:
            last = x.max()
            x = x / 2
        return last

    return World(f=f)


# for ---------------------------------------------------------------------------------------------------------------


@scenario(
    "for over the rows of an array",
    settled(call("f", jnp.arange(12.0).reshape(4, 3)), "compiled"),
    call("f", -jnp.arange(12.0).reshape(4, 3), rung="compiled"),
    settled(call("f", jnp.ones((2, 3))), "compiled"),
)
def for_rows():
    def f(xs):
        h = jnp.zeros(3)
        for x in xs:
            h = jnp.tanh(h + x)
        return h

    return World(f=f)


@scenario(
    "for over a range with many trips, rolled",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def for_range():
    def f(x):
        for i in range(40):
            x = x * 0.9 + i
        return x

    return World(f=f)


@scenario(
    "range with an array for a bound",
    settled(call("f", UP, jnp.array(4)), "compiled"),
    call("f", UP, jnp.array(7), rung="compiled"),
    call("f", DOWN, jnp.array(0), rung="compiled"),
)
def for_array_range():
    def f(x, n):
        for i in range(n):
            x = x + i
        return x

    return World(f=f)


@scenario(
    "range with a Python bound that changes",
    settled(call("f", UP, 4), "compiled"),
    call("f", UP, 6),
    call("f", UP, 0),
    call("f", DOWN, 6),
)
def for_python_range():
    def f(x, n):
        for i in range(n):
            x = x + i
        return x

    return World(f=f)


@scenario(
    "range with start, stop and step, downwards too",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def for_range_steps():
    def f(x):
        for i in range(10, 2, -3):
            x = x + i
        for i in range(2, 9, 2):
            x = x * 1.5 - i
        return x, i

    return World(f=f)


@scenario(
    "for over a list, a tuple and a dict's views",
    settled(call("f", [UP, DOWN], {"a": UP, "b": BIG}), "compiled"),
    call("f", [DOWN, UP], {"a": BIG, "b": UP}, rung="compiled"),
    call("f", [DOWN], {"b": UP}),
    call("f", [], {}),
)
def for_containers():
    def f(items, named):
        total = jnp.zeros(3)
        for x in items:
            total = total + x
        for key in named:
            total = total * 2
        for value in named.values():
            total = total - value
        for key, value in named.items():
            total = total + value * (2 if key == "a" else 3)
        for scale in (1.0, 2.0):
            total = total * scale
        return total

    return World(f=f)


@scenario(
    "enumerate, zip and reversed",
    settled(call("f", jnp.arange(6.0).reshape(2, 3), [UP, DOWN]), "compiled"),
    call("f", -jnp.arange(6.0).reshape(2, 3), [DOWN, UP], rung="compiled"),
)
def for_combined():
    def f(rows, items):
        total = jnp.zeros(3)
        for i, row in enumerate(rows):
            total = total + i * row
        for row, item in zip(rows, items):
            total = total + row * item
        for i, (row, item) in enumerate(zip(rows, items), start=1):
            total = total - i * row + item
        for item in reversed(items):
            total = total * 0.5 + item
        return total

    return World(f=f)


@scenario(
    "for with break on an array",
    settled(call("f", jnp.arange(15.0).reshape(5, 3)), "compiled"),
    call("f", 9 + jnp.arange(15.0).reshape(5, 3), rung="compiled"),
    call("f", -jnp.arange(15.0).reshape(5, 3), rung="compiled"),
)
def for_break():
    def f(xs):
        total = jnp.zeros(3)
        for x in xs:
            total = total + x
            if total.sum() > 20:
                break
        return total

    return World(f=f)


@scenario(
    "for with continue on an array",
    settled(call("f", jnp.arange(-6.0, 6.0).reshape(4, 3)), "compiled"),
    call("f", jnp.ones((4, 3)), rung="compiled"),
)
def for_continue():
    def f(xs):
        total = jnp.zeros(3)
        for x in xs:
            if x.sum() < 0:
                continue
            total = total + x
        return total

    return World(f=f)


@scenario(
    "for with a return inside and else after it",
    settled(call("f", jnp.arange(12.0).reshape(4, 3)), "compiled"),
    call("f", -jnp.arange(12.0).reshape(4, 3), rung="compiled"),
)
def for_return_else():
    def f(xs):
        total = jnp.zeros(3)
        for x in xs:
            if x.max() > 7:
                return total + x
            total = total - x
        else:
            total = total * 10
        return total

    return World(f=f)


@scenario(
    "for with else, with and without the break taken",
    settled(call("f", jnp.arange(12.0).reshape(4, 3)), "compiled"),
    call("f", -jnp.arange(12.0).reshape(4, 3), rung="compiled"),
)
def for_else():
    def f(xs):
        best = xs[0]
        for x in xs:
            if x.sum() > 20:
                best = x
                break
        else:
            best = best - 1
        return best

    return World(f=f)


@scenario(
    "nested fors with ifs, break in the inner one",
    settled(call("f", jnp.arange(9.0).reshape(3, 3)), "compiled"),
    call("f", -jnp.arange(9.0).reshape(3, 3), rung="compiled"),
)
def nested_fors():
    def f(m):
        total = jnp.array(0.0)
        for row in m:
            for v in row:
                if v < 0:
                    break
                if total > 10:
                    total = total - v
                else:
                    total = total + v
        return total

    return World(f=f)


@scenario(
    "the loop variable keeps its last value after the loop",
    settled(call("f", jnp.arange(6.0).reshape(2, 3)), "compiled"),
    call("f", -jnp.arange(6.0).reshape(2, 3), rung="compiled"),
)
def for_target_after():
    def f(xs):
        for x in xs:
            pass
        for i in range(4):
            x = x + i
        return x, i

    return World(f=f)


@scenario(
    "a loop over nothing leaves its target unbound",
    settled(call("f", [UP]), "compiled"),
    call("f", []),
    call("f", [DOWN]),
)
def for_over_nothing():
    def f(items):
        for x in items:
            pass
        return x

    return World(f=f)


@scenario(
    "nested tuple targets and a starred target",
    settled(call("f", [(UP, (1, 2)), (DOWN, (3, 4))]), "compiled"),
    call("f", [(DOWN, (1, 2)), (DOWN, (3, 4))], rung="compiled"),
)
def tuple_targets():
    def f(items):
        total = jnp.zeros(3)
        for x, (a, b) in items:
            total = total + x * a - b
        for first, *rest in items:
            total = total + first * len(rest)
        return total

    return World(f=f)


@scenario(
    "a comprehension with a condition over a list of arrays",
    settled(call("f", [UP, DOWN, BIG]), ("compiled", "mixed")),
    call("f", [DOWN, DOWN, BIG]),
    call("f", [UP, DOWN, BIG]),
)
def comprehension():
    def f(items):
        positive = [x * 2 for x in items if x.sum() > 0]
        sums = {i: x.sum() for i, x in enumerate(items)}
        return positive, sums

    return World(f=f)


@scenario(
    "a recursion over arrays",
    settled(call("f", UP, 4), ("compiled", "mixed")),
    call("f", DOWN, 4),
    call("f", DOWN, 2),
)
def recursion():
    def f(x, depth):
        def go(x, depth):
            if depth == 0:
                return x
            return go(x * 2, depth - 1) + 1

        return go(x, depth)

    return World(f=f)


@scenario(
    "a NumPy predicate is a host value",
    settled(call("f", UP, np.array([1.0, 2.0])), "compiled"),
    call("f", UP, np.array([-1.0, -2.0])),
    call("f", DOWN, np.array([1.0, 2.0])),
)
def numpy_predicate():
    def f(x, a):
        if a.sum() > 0:
            return x * 2
        return x

    return World(f=f)


# assert and raise --------------------------------------------------------------------------------------------------


@scenario(
    "an assert on an array that holds, then fails, then holds",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
    call("f", DOWN),
)
def assert_array():
    def f(x):
        assert x.sum() > 0, "the sum must be positive"
        return x * 2

    return World(f=f)


@scenario(
    "an assert's message is evaluated only when it fails",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def assert_message():
    w = World(count=0)

    def message(x):
        w.count += 1
        return f"got {int(x[0])}"

    def f(x):
        assert x[0] > 0, message(x)
        return x

    w.f = f
    return w


@scenario(
    "a raise on an array that is not reached, then is",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def raise_array():
    def f(x):
        if x.min() < 0:
            raise ValueError("negative entry", 3)
        return jnp.sqrt(x)

    return World(f=f)


@scenario(
    "a raise inside a loop on an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", BIG),
    call("f", UP),
)
def raise_in_loop():
    def f(x):
        k = jnp.array(0)
        while k < 4:
            x = x * 2
            if x.max() > 1000:
                raise OverflowError("too large")
            k = k + 1
        return x

    return World(f=f)


@scenario(
    "what was mutated before a raise stays mutated",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def raise_after_mutation():
    w = World(count=0, seen=[], total=jnp.zeros(3))

    def f(x):
        w.count += 1
        w.total = w.total + x
        w.seen.append(w.count)
        if x.sum() < 0:
            raise RuntimeError(f"stopped at {w.count}")
        w.count += 10
        return x

    w.f = f
    return w


@scenario(
    "try and except around a raise on an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def try_except():
    def check(x):
        if x.sum() < 0:
            raise ValueError("negative")
        return x + 1

    def f(x):
        try:
            y = check(x)
        except ValueError as error:
            return x * 0, str(error)
        else:
            y = y + 1
        finally:
            x = x + 100
        return y, "fine"

    return World(f=f)


# Breaking the profile ----------------------------------------------------------------------------------------------


@scenario(
    "an if in a loop in an if, with the outcome changing at every call",
    settled(call("f", UP), "compiled"),
    steady("f", call("f", DOWN), call("f", BIG), call("f", ZERO), call("f", UP)),
)
def deep_mixture():
    def f(x):
        if x.sum() >= 0:
            k = jnp.array(0)
            while k < 3:
                if x[0] > 10:
                    x = x / 10
                else:
                    x = x + 1
                k = k + 1
        else:
            for row in jnp.stack([x, x * 2]):
                x = x + row
        return x

    return World(f=f)


# match and with ----------------------------------------------------------------------------------------------------


@scenario(
    "match on Python values: literals, captures, sequences, mappings, classes, guards",
    *(
        call("f", UP, subject)
        for subject in (0, 1, "a", [1, 2], [1, 2, 3], {"k": 4, "z": 1}, 2.5, None, (7,), 1, "a", {"k": 9}, [1, 2])
    ),
)
def match_python():
    def f(x, subject):
        match subject:
            case 0:
                return x
            case 1 | 2:
                return x * 2
            case str() as text:
                return x * len(text)
            case [a, b]:
                return x * a + b
            case [first, *rest]:
                return x * first + len(rest)
            case {"k": value, **others}:
                return x * value + len(others)
            case float(v) if v > 2:
                return x * v
            case None:
                return -x
            case _:
                return None

    return World(f=f)


@scenario(
    "match with a guard on an array",
    settled(call("f", UP, "scale"), ("compiled", "mixed")),
    call("f", DOWN, "scale"),
    call("f", UP, "other"),
    call("f", DOWN, "scale"),
)
def match_array_guard():
    def f(x, kind):
        match kind:
            case "scale" if x.sum() > 0:
                y = x * 2
            case "scale":
                y = x - 1
            case _:
                y = x
        return y

    return World(f=f)


@scenario(
    "with a context manager of the user's, and one made of a generator",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", UP),
)
def with_statements():
    w = World(log=[])

    class Scope:
        def __enter__(self):
            w.log.append("in")
            return 2.0

        def __exit__(self, kind, error, trace):
            w.log.append("out" if kind is None else kind.__name__)
            return kind is ValueError

    @contextlib.contextmanager
    def doubled(k):
        w.log.append(k)
        yield k * 2
        w.log.append("done")

    def f(x):
        with Scope() as k, doubled(3) as d:
            x = x * k + d
            if x.sum() < 0:
                raise ValueError("swallowed")
            x = x + 1
        return x

    w.f = f
    return w


@scenario(
    "with JAX's own contexts",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def with_jax_contexts():
    def f(x):
        with jax.named_scope("part"), jax.default_matmul_precision("float32"):
            y = x @ x
        if y > 100:
            y = y / 100
        return y

    return World(f=f)


@scenario(
    "a Python number that a loop turns into an array on some paths, with continue",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS, rung="compiled"),
    call("f", ROWS * 10, rung="compiled"),
)
def number_or_array():
    def f(xs):
        total = 0.0
        for x in xs:
            if x.sum() < 1:
                print("skip", x)
                continue
            total = total + x.sum()
        return total

    return World(f=f)


@scenario(
    "a Python number that a loop turns into an array unless it is left at once",
    settled(call("f", ROWS), "compiled"),
    call("f", -ROWS, rung="compiled"),
    call("f", ROWS + 10, rung="compiled"),
)
def number_and_break():
    def f(xs):
        total = 0
        for x in xs:
            if x.sum() > 3:
                break
            total = total + x.sum()
            print("total", total, f"{total:.2f}")
        return total

    return World(f=f)


@scenario(
    "what is made of such a number, and its type",
    settled(call("f", ROWS), ("compiled", "mixed", "eager")),
    call("f", -ROWS),
    call("f", ROWS + 10),
)
def made_of_number():
    def f(xs):
        total = 0.0
        best = 0.1
        for x in xs:
            if x.sum() > 1:
                total = total + x.sum()
                best = x.max()
        return total / 2, best, total > 1, isinstance(total, float)

    return World(f=f)


@scenario(
    "a Python number that a while loop turns into an array on some paths",
    settled(call("f", jnp.array([10.0, 20.0, 30.0])), "compiled"),
    call("f", jnp.array([-1.0, -2.0, -3.0]), rung="compiled"),
    call("f", jnp.array([100.0, 200.0, 300.0]), rung="compiled"),
)
def number_in_while():
    def f(x):
        y = 0.0
        n = 0
        while x.sum() > 1 and n < 20:
            if x[0] < 2:
                y = y + x[0]
            x = x * 0.5
            n += 1
        return y, n

    return World(f=f)
