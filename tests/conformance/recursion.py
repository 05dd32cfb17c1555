# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""Recursion whose depth arrays decide: one program, for any depth."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled, steady
from tests.conformance.walk import Tolerance

CLOSE = Tolerance(1e-5, 1e-6)


def deeper(path, *arguments):
    """The first call often enough, then the others: nothing is compiled for another depth."""
    first, *rest = (call(path, *each) for each in arguments)
    others = [call(path, *each.args, rung="compiled") for each in rest]
    return (*settled(first, "compiled"), steady(path, *others))


def numbers(*values):
    """Arguments that are one integer each."""
    return [(jnp.array(value),) for value in values]


@scenario("two calls of itself in one expression", deeper("f", *numbers(5, 6, 7, 1, 10)))
def fibonacci():
    def f(n):
        if n < 2:
            return n
        return f(n - 1) + f(n - 2)

    return World(f=f)


@scenario(
    "a call of itself in tail position",
    deeper("f", *((jnp.array(a), jnp.array(b)) for a, b in [(12, 8), (35, 15), (100, 64), (7, 0)])),
)
def greatest_divisor():
    def f(a, b):
        if b == 0:
            return a
        return f(b, a % b)

    return World(f=f)


@scenario("a lambda that calls itself", deeper("f", *numbers(3, 5, 1, 6)))
def factorial():
    fact = lambda n: n * fact(n - 1) if n > 1 else n  # noqa: E731

    def f(n):
        return fact(n)

    return World(f=f)


@scenario("two functions that call each other as often as an array says", deeper("f", *numbers(4, 3, 9, 0)))
def even_and_odd():
    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        if n == 0:
            return False
        return even(n - 1)

    def f(n):
        return even(n)

    return World(f=f)


@scenario("a call of itself through a helper", deeper("f", *((jnp.array(n), jnp.ones(3)) for n in (3, 2, 5))))
def through_a_helper():
    def helper(n, w):
        return f(n - 1, w) + w.sum()

    def f(n, w):
        if n <= 0:
            return jnp.zeros(())
        return helper(n, w) * 0.5

    return World(f=f)


@scenario("a call of itself is the argument of another", deeper("f", *((jnp.array(n),) for n in (20, 99, 100, 101))))
def mccarthy():
    def f(n):
        if n > 100:
            return n - 10
        return f(f(n + 11))

    return World(f=f)


class Counter:
    """Counts what it is called for."""

    def __init__(self):
        self.calls = 0
        self.total = jnp.zeros(())
        self.scale = jnp.float32(1.5)
        self.found = []

    def walk(self, x, depth=0):
        self.calls += 1
        self.total = self.total + x
        if x < 1.0:
            return x * self.scale
        left = self.walk(x / 2, depth=depth + 1)
        return left + self.walk(x / 3, depth + 1) * 0.5

    def halvings(self, x, depth=0):
        if x < 1.0:
            return depth
        return self.halvings(x / 2, depth + 1)

    def __call__(self, x):
        if x < 1:
            return x
        return self(x - 1) + 1

    def collect(self, x):
        if x > 1:
            self.found.append(x)
            self.collect(x / 2)


HALVED = [(jnp.float32(x),) for x in (5.0, 9.0, 0.5, 20.0)]


@scenario(
    "a method that calls itself writes to its object at every level",
    deeper("f", *HALVED),
    change(lambda w: setattr(w.c, "scale", jnp.float32(3.0))),
    call("f", HALVED[1][0], rung="compiled"),
    tolerance=CLOSE,
)
def counted():
    c = Counter()
    return World(f=c.walk, c=c)


@scenario("a number of Python's is counted up on the way down", deeper("f", *HALVED))
def halvings():
    c = Counter()
    return World(f=c.halvings, c=c)


@scenario("an object that calls itself", deeper("f", *HALVED), tolerance=CLOSE)
def called():
    c = Counter()

    def f(x):
        return c(x)

    return World(f=f, c=c)


@scenario("a list of an object's gets an item at every level", deeper("f", *HALVED), tolerance=CLOSE)
def collected():
    c = Counter()
    return World(f=c.collect, c=c)


@scenario("it says something at every level", deeper("f", *numbers(3, 2, 5)))
def says():
    def f(n):
        print("at", int(n))
        if n <= 0:
            return 0
        result = f(n - 1) + 1
        print(f"left {n}")
        return result

    return World(f=f)


class Pair(NamedTuple):
    """Two of something."""

    a: object
    b: object


@scenario(
    "pairs go down and tuples come up",
    deeper("f", *numbers(3, 2, 7)),
    tolerance=CLOSE,
)
def pairs():
    def down(n, p):
        if n == 0:
            return p
        return down(n - 1, Pair(p.b, p.a + p.b))

    def up(n):
        if n == 0:
            return jnp.float32(0), jnp.ones(3)
        a, b = up(n - 1)
        return a + 1, b * 2

    def f(n):
        return down(n, Pair(jnp.float32(0), jnp.float32(1))), up(n)

    return World(f=f)


@scenario("it calls itself in loops, and leaves them early", deeper("f", *numbers(3, 2, 5, 6)))
def in_loops():
    def f(n):
        total = jnp.int32(0)
        for i in range(2):
            if n > i:
                total += f(n - 1 - i)
        while n > 0:
            n = n - 1
            if n == 2:
                continue
            if total > 50:
                break
            total = total + f(n)
        else:
            total = total + 1
        return total

    return World(f=f)


@scenario(
    "a function is handed down, and decides",
    deeper("f", *((jnp.float32(c),) for c in (2.0, 3.0, 7.0))),
    tolerance=CLOSE,
)
def bisection():
    def root(g, low, high, depth):
        middle = (low + high) / 2
        if depth == 0 or jnp.abs(g(middle)) < 1e-3:
            return middle
        if g(low) * g(middle) < 0:
            return root(g, low, middle, depth - 1)
        return root(g, middle, high, depth - 1)

    def f(c):
        return root(lambda t: t * t - c, jnp.float32(0), c + 1, 20)

    return World(f=f)


@scenario(
    "an adaptive quadrature splits its interval in two",
    deeper("f", *((jnp.float32(w),) for w in (2.0, 5.0, 0.5))),
    tolerance=Tolerance(1e-4, 1e-5),
)
def simpson():
    def integrate(g, a, b, eps):
        m = (a + b) / 2

        def rule(a, b):
            return (b - a) / 6 * (g(a) + 4 * g((a + b) / 2) + g(b))

        whole, parts = rule(a, b), rule(a, m) + rule(m, b)
        if jnp.abs(whole - parts) < eps:
            return parts
        return integrate(g, a, m, eps / 2) + integrate(g, m, b, eps / 2)

    def f(w):
        return integrate(lambda t: jnp.sin(w * t), jnp.float32(0), jnp.float32(3), jnp.float32(1e-3))

    return World(f=f)


@scenario(
    "a closure calls itself, over a value of the call",
    deeper("f", *((jnp.float32(x),) for x in (3.0, 4.0, 7.0))),
    tolerance=CLOSE,
)
def closure():
    def f(x):
        k = x * 2

        def go(n):
            if n < 1:
                return k
            return go(n - 1) * 1.1

        return go(x)

    return World(f=f)


@scenario(
    "quicksort in place of an array",
    deeper("f", *((jax.random.normal(jax.random.key(i), (8,)),) for i in range(4))),
)
def quicksort():
    def sort(xs, low, high):
        if low >= high:
            return xs
        pivot, i = xs[high], low
        for j in range(8):
            if j >= low and j < high and xs[j] < pivot:
                a, b = xs[i], xs[j]
                xs = xs.at[i].set(b).at[j].set(a)
                i = i + 1
        a, b = xs[i], xs[high]
        xs = xs.at[i].set(b).at[high].set(a)
        xs = sort(xs, low, i - 1)
        return sort(xs, i + 1, high)

    def f(xs):
        return sort(xs, jnp.int32(0), jnp.int32(7))

    return World(f=f)


@scenario(
    "the best of a tree that lies in an array is searched for",
    deeper("f", *((jax.random.normal(jax.random.key(i), (15,)), jnp.float32(0.5)) for i in range(4))),
)
def tree_search():
    def best(values, i, bound):
        if i >= 15 or values[i % 15] > bound:
            return jnp.float32(-9)
        left = best(values, 2 * i + 1, bound)
        right = best(values, 2 * i + 2, bound)
        return jnp.maximum(values[i], jnp.maximum(left, right))

    def f(values, bound):
        return best(values, jnp.int32(0), bound)

    return World(f=f)


@scenario("random keys are split on the way down", deeper("f", *((jax.random.key(i), jnp.array(3)) for i in range(4))))
def keys():
    def f(key, n):
        if n == 0:
            return jax.random.normal(key)
        one, other = jax.random.split(key)
        return f(one, n - 1) + f(other, n - 1)

    return World(f=f)


@scenario(
    "an exception at some depth is Python's",
    *settled(call("f", jnp.array(4)), "compiled"),
    call("f", jnp.array(3)),
    call("f", jnp.array(6), rung="compiled"),
    call("f", jnp.array(7)),
)
def raises():
    def f(n):
        if n < 0:
            raise ValueError(f"{n} is odd")
        if n == 0:
            return 1
        return f(n - 2) + 1

    return World(f=f)


@scenario(
    "deeper than there is room for",
    *settled(call("f", jnp.array(3)), "compiled"),
    call("f", jnp.array(50), rung="compiled"),
    call("f", jnp.array(5), rung="compiled"),
    call("f", jnp.array(300), rung="compiled"),
    call("f", jnp.array(4), rung="compiled"),
)
def deep():
    def f(n):
        if n == 0:
            return 0
        return f(n - 1) + 1

    return World(f=f)


WEIGHTS = jnp.eye(3) * 0.5


@scenario(
    "the gradient of a recursion, to weights that are handed down",
    *settled(call("f", WEIGHTS, jnp.array(3)), "compiled"),
    *(call("f", WEIGHTS * i, jnp.array(n), rung="compiled") for i, n in ((2, 2), (1, 6), (3, 5))),
    tolerance=CLOSE,
)
def gradient():
    def apply(w, x, n):
        if n == 0:
            return x
        return jnp.tanh(apply(w, x, n - 1) @ w)

    def f(w, n):
        return jax.value_and_grad(lambda w: apply(w, jnp.ones(3), n).sum())(w)

    return World(f=f)


class Tree(NamedTuple):
    """A trajectory of the No-U-Turn sampler."""

    left: object
    left_momentum: object
    right: object
    right_momentum: object
    chosen: object
    inside: object
    good: object
    steps: object


def nuts():
    """The naive sampler of Hoffman and Gelman (2014), algorithm 3, as they wrote it: a tree is built by recursion."""

    def energy(q):
        return 0.5 * q[0] ** 2 + 0.5 * (q[1] - 0.5 * q[0] ** 2) ** 2

    def leapfrog(q, p, step):
        p = p - 0.5 * step * jax.grad(energy)(q)
        q = q + step * p
        return q, p - 0.5 * step * jax.grad(energy)(q)

    def turns(left, right, p, r):
        span = right - left
        return jnp.logical_or(span @ p < 0, span @ r < 0)

    def build(key, q, p, slice_, direction, depth, step):
        if depth == 0:
            q, p = leapfrog(q, p, direction * step)
            joint = -energy(q) - 0.5 * p @ p
            return Tree(q, p, q, p, q, jnp.int32(slice_ <= joint), slice_ < joint + 1000.0, jnp.int32(1))
        key, one, other = jax.random.split(key, 3)
        tree = build(one, q, p, slice_, direction, depth - 1, step)
        if tree.good:
            if direction < 0:
                more = build(other, tree.left, tree.left_momentum, slice_, direction, depth - 1, step)
                ends = more.left, more.left_momentum, tree.right, tree.right_momentum
            else:
                more = build(other, tree.right, tree.right_momentum, slice_, direction, depth - 1, step)
                ends = tree.left, tree.left_momentum, more.right, more.right_momentum
            take = jax.random.uniform(key) < more.inside / jnp.maximum(tree.inside + more.inside, 1)
            chosen = jnp.where(take, more.chosen, tree.chosen)
            good = jnp.logical_and(more.good, jnp.logical_not(turns(ends[0], ends[2], ends[1], ends[3])))
            tree = Tree(*ends, chosen, tree.inside + more.inside, good, tree.steps + more.steps)
        return tree

    def sample(key, q, step):
        key, a, b = jax.random.split(key, 3)
        p = jax.random.normal(a, q.shape)
        slice_ = jnp.log(jax.random.uniform(b)) - energy(q) - 0.5 * p @ p
        left = right = q
        left_momentum = right_momentum = p
        count, good, depth, steps = jnp.int32(1), jnp.bool_(True), jnp.int32(0), jnp.int32(0)
        while good and depth < 5:
            key, a, b, c = jax.random.split(key, 4)
            direction = jnp.where(jax.random.bernoulli(a), 1.0, -1.0)
            if direction < 0:
                tree = build(b, left, left_momentum, slice_, direction, depth, step)
                left, left_momentum = tree.left, tree.left_momentum
            else:
                tree = build(b, right, right_momentum, slice_, direction, depth, step)
                right, right_momentum = tree.right, tree.right_momentum
            if tree.good and jax.random.uniform(c) < tree.inside / count:
                q = tree.chosen
            count = count + tree.inside
            steps = steps + tree.steps
            good = jnp.logical_and(tree.good, jnp.logical_not(turns(left, right, left_momentum, right_momentum)))
            depth = depth + 1
        return q, steps

    return sample


@scenario(
    "the No-U-Turn sampler builds its trees by recursion",
    *settled(call("f", jax.random.key(0), jnp.zeros(2), jnp.float32(0.4)), "compiled"),
    *(call("f", jax.random.key(i), jnp.array([0.5, 1.0]) * i, jnp.float32(0.4), rung="compiled") for i in (1, 2)),
    tolerance=Tolerance(1e-3, 1e-4),
)
def no_u_turn():
    return World(f=nuts())


@scenario(
    "defaults, keywords and a partial function",
    deeper("f", *numbers(3, 2, 5)),
)
def keywords():
    def g(n, *rest, base=2, k):
        if n == 0:
            return base + len(rest)
        return g(n - 1, *rest, base=base * 2, k=k) + k * rest[0]

    def f(n):
        return partial(g, k=3)(n, 1, 2)

    return World(f=f)


@scenario(
    "a recursion whose depth is an attribute that changes from outside",
    *settled(call("f"), "compiled"),
    change(lambda w: setattr(w, "n", jnp.array(7))),
    call("f", rung="compiled"),
    change(lambda w: setattr(w, "step", 2)),
    call("f"),
)
def from_outside():
    w = World(n=jnp.array(4), step=1)

    def down(n):
        if n <= 0:
            return n
        return down(n - w.step) + 1

    w.f = lambda: down(w.n)
    return w
