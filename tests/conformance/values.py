# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Values: what goes in and comes out, with its exact type; Python and NumPy beside arrays; shapes that change."""

from __future__ import annotations

import enum
import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, scenario, settled, steady
from tests.conformance.walk import Tolerance

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
EXACT = Tolerance(exact_floats=True)


class Mode(enum.Enum):
    """A mode, as users have them."""

    TRAIN = 1
    TEST = 2


@scenario(
    "float, int, bool, item and tolist give Python values",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def to_python():
    def f(x):
        total = x.sum()
        return float(total), int(total), bool(total), total.item(), x.tolist(), x[0].item(), len(x), x.shape

    return World(f=f)


@scenario(
    "arithmetic on a Python float that came from an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def symbolic_arithmetic():
    def f(x):
        loss = float(x.sum())
        n = int(x[1])
        return loss * 2 + 1, loss / 3, n // 2, n % 3, -n, n**2, abs(loss), round(loss, 1), x * loss, (loss, [n])

    return World(f=f)


@scenario(
    "a branch on a Python float that came from an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def symbolic_branch():
    def f(x):
        loss = float(x.sum())
        if loss < 0:
            return x, "negative"
        return x * loss, "positive"

    return World(f=f)


@scenario(
    "int(x) as an index, a slice and a range bound",
    settled(call("f", UP, jnp.array(1)), ("compiled", "mixed", "eager")),
    call("f", UP, jnp.array(2)),
    call("f", UP, jnp.array(0)),
    call("f", DOWN, jnp.array(1)),
)
def symbolic_index():
    def f(x, n):
        k = int(n)
        total = x[k]
        for i in range(k):
            total = total + i
        return total, ["a", "b", "c"][k], x[: k + 1]

    return World(f=f)


@scenario(
    "math functions on a float that came from an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", UP * 2),
)
def symbolic_math():
    def f(x):
        loss = float(x.sum())
        return math.sqrt(loss), math.isfinite(loss), math.floor(loss), max(loss, 2.0), min(loss, 2)

    return World(f=f)


@scenario(
    "Python scalars that change at every call compile once",
    settled(call("f", UP, 0.5, 1), "compiled"),
    call("f", UP, 0.25, 2),
    call("f", UP, 0.75, 3),
    call("f", UP, 0.8, 4),
    steady("f", *(call("f", UP, 0.1 * k, 10 + k, rung="compiled") for k in range(10))),
)
def changing_scalars():
    def f(x, lr, step):
        return x * lr + step, lr * 2, step + 1

    return World(f=f)


@scenario(
    "a Python scalar that decides a branch",
    settled(call("f", UP, 1), "compiled"),
    call("f", UP, 5),
    call("f", UP, 20),
    call("f", UP, 3),
    call("f", UP, 21),
)
def deciding_scalar():
    def f(x, n):
        if n > 10:
            return x * n
        return x - n

    return World(f=f)


@scenario(
    "scalars of other types: int, then float, then bool, then a NumPy scalar",
    settled(call("f", UP, 1), "compiled"),
    call("f", UP, 1.0),
    call("f", UP, True),
    call("f", UP, np.float32(1)),
    call("f", UP, np.int64(2)),
    call("f", UP, 1),
    call("f", UP, 1j),
)
def scalar_types():
    def f(x, k):
        return x * k, k + 1, type(k).__name__

    return World(f=f)


@scenario(
    "NumPy arguments and results keep NumPy's types and arithmetic",
    settled(call("f", UP, np.arange(3), np.float64(0.5)), ("compiled", "mixed")),
    call("f", DOWN, np.arange(3) + 1, np.float64(0.25)),
    call("f", DOWN, np.arange(3.0), np.float64(0.25)),
)
def numpy_values():
    def f(x, a, k):
        b = a * 2 + k
        return x * a, b, b.sum(), k * 3, np.asarray([1, 2]), a[0]

    return World(f=f)


@scenario(
    "a NumPy batch is an input, call after call",
    settled(call("f", np.ones((4, 3), np.float32)), "compiled"),
    steady("f", call("f", np.full((4, 3), 2, np.float32), rung="compiled")),
    steady("f", call("f", np.zeros((4, 3), np.float32), rung="compiled")),
)
def numpy_batch():
    def f(batch):
        x = jnp.asarray(batch)
        if x.sum() > 15:
            x = x / 2
        return x.mean(axis=0)

    return World(f=f)


@scenario(
    "np.asarray of a result, and NumPy functions on JAX arrays",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def numpy_of_jax():
    def f(x):
        y = x * 2
        return np.asarray(y), np.mean(np.asarray(y)), y

    return World(f=f)


@scenario(
    "a NumPy argument that is changed in place is changed for the caller",
    settled(call("f", UP, np.zeros(3)), "compiled"),
    call("f", DOWN, np.ones(3)),
)
def numpy_argument_in_place():
    def f(x, a):
        a += 1
        a[0] = 5
        return x * 2, a

    return World(f=f)


@scenario(
    "shapes that change between calls",
    settled(call("f", jnp.ones(3)), "compiled"),
    call("f", jnp.ones(4)),
    call("f", jnp.ones((2, 3))),
    call("f", jnp.ones(3), rung="compiled"),
    call("f", jnp.ones(0)),
    call("f", jnp.array(2.0)),
)
def changing_shapes():
    def f(x):
        if x.sum() > 3:
            x = x / 2
        return x * x.ndim + x.size, x.shape

    return World(f=f)


@scenario(
    "dtypes that change between calls",
    settled(call("f", jnp.ones(3)), "compiled"),
    call("f", jnp.ones(3, jnp.int32)),
    call("f", jnp.ones(3, jnp.bfloat16)),
    call("f", jnp.ones(3, bool)),
    call("f", jnp.ones(3, jnp.complex64)),
    call("f", jnp.ones(3), rung="compiled"),
)
def changing_dtypes():
    def f(x):
        y = x + 1
        if jnp.isrealobj(x) and y.sum() > 3:
            y = y * 2
        return y, y.dtype

    return World(f=f)


@scenario(
    "weak types come and go as in eager JAX",
    settled(call("f", jnp.asarray(2.0)), "compiled"),
    call("f", jnp.asarray(2.0, jnp.float32)),
    call("f", jnp.asarray(2.0)),
)
def weak_types():
    def f(x):
        y = x * 2
        return y, jnp.asarray(1.0), y + jnp.float16(1), y.astype(jnp.float32)

    return World(f=f)


NARROW = jnp.ones(3, jnp.int8)


@scenario(
    "a count of Python's that arrays decide makes no array another type",
    settled(call("f", NARROW, jnp.asarray(4), jnp.int32(3)), "compiled"),
    call("f", NARROW, jnp.asarray(4), jnp.int32(5), rung="compiled"),
    call("f", NARROW, jnp.int32(4), jnp.int32(2)),
    call("f", jnp.ones(3, jnp.float16), jnp.asarray(4), jnp.int32(2)),
)
def counts():
    def f(x, weak, n):
        count = 0
        while n > 0:
            count += 1
            n = n - 1
        return x + count, count * x, weak - count, count - weak, x < count

    return World(f=f)


@scenario(
    "what is made of an array that is weakly typed on some paths",
    *(call("f", jnp.float32(c), jnp.float32(d), jnp.asarray(3), jnp.int32(4)) for c in (1, -1) for d in (1, -1)),
    *(call("f", jnp.float32(c), jnp.float32(d), jnp.asarray(3), jnp.int32(4)) for c in (1, -1) for d in (1, -1)),
)
def made_of_soft():
    def f(c, d, weak, strong):
        x = weak if c > 0 else strong
        y = x + 0 if d > 0 else strong
        k = 1 if c > 0 else strong
        z = k + 0 if d > 0 else strong
        return y, z

    return World(f=f)


@scenario(
    "strings, None, enums, bytes and ranges pass through and decide",
    settled(call("f", UP, "relu", None, Mode.TRAIN), "compiled"),
    call("f", DOWN, "relu", None, Mode.TRAIN, rung="compiled"),
    call("f", UP, "tanh", None, Mode.TRAIN),
    call("f", UP, "tanh", UP, Mode.TEST),
    call("f", UP, "relu", None, Mode.TRAIN),
)
def other_arguments():
    def f(x, kind, mask, mode):
        if mask is not None:
            x = x * mask
        y = jax.nn.relu(x) if kind == "relu" else jnp.tanh(x)
        return y, kind.upper(), mask, mode, mode is Mode.TRAIN, b"ab", range(3)

    return World(f=f)


@scenario(
    "pytrees of arguments and results keep their structure",
    settled(call("f", {"a": [UP, (DOWN, None)], "b": 2}), "compiled"),
    call("f", {"a": [DOWN, (UP, None)], "b": 3}),
    call("f", {"a": [DOWN], "b": 3}),
    call("f", {}),
)
def pytrees():
    def f(tree):
        doubled = jax.tree.map(lambda v: v * 2, tree)
        return doubled, list(tree), jax.tree.leaves(tree)

    return World(f=f)


@scenario(
    "typed PRNG keys are arguments, results and state",
    settled(call("f", jax.random.key(0)), "compiled"),
    call("f", jax.random.key(7), rung="compiled"),
    call("f", jax.random.PRNGKey(3)),
)
def prng_keys():
    w = World(key=jax.random.key(1))

    def f(key):
        w.key, own = jax.random.split(w.key)
        noise = jax.random.normal(own, (3,)) + jax.random.uniform(key, (3,))
        if noise.sum() > 0:
            key = jax.random.fold_in(key, 1)
        return noise, key

    w.f = f
    return w


@scenario(
    "callables as arguments",
    settled(call("f", UP, jnp.tanh), "compiled"),
    call("f", UP, jnp.sin),
    call("f", UP, jnp.tanh),
    call("f", UP, len),
)
def callables():
    def f(x, g):
        return g(x)

    return World(f=f)


@scenario(
    "an argument returned is the same object",
    settled(call("f", UP, [1, UP], {"k": DOWN}, "s"), "compiled"),
    call("f", DOWN, [2, DOWN], {"k": UP}, "t"),
    arrays_by_identity=True,
)
def returned_arguments():
    def f(x, items, table, text):
        return x, items, table, text, items[1], (x, x)

    return World(f=f)


@scenario(
    "a result that is a constant of the program",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def constant_results():
    def f(x):
        return 1, 2.5, "text", None, (True, [x * 2, 3]), {"a": 1, "b": x}, ..., slice(1, 2)

    return World(f=f)


@scenario(
    "Python's own arithmetic on arguments is exact",
    settled(call("f", 3, 0.1), "compiled"),
    call("f", 10**20, 1e300),
    call("f", -7, 0.2),
    call("f", 0, 0.0),
    tolerance=EXACT,
)
def exact_arithmetic():
    def f(n, v):
        return n * n + 1, v * 3, n // 2, n % 3, v + 0.2, n << 2, n == 3, v < 0.15, divmod(n, 4)

    return World(f=f)


@scenario(
    "a division by zero of Python numbers raises, of arrays does not",
    settled(call("f", UP, 2), "compiled"),
    call("f", UP, 0),
    call("f", UP, 3),
)
def zero_division():
    def f(x, n):
        return x / n, 1 / n

    return World(f=f)


@scenario(
    "static arguments mean what they mean to jit",
    settled(call("f", UP, 3, mode="a"), "compiled"),
    call("f", UP, 4, mode="a"),
    call("f", UP, 3, mode="b"),
    options={"static_argnums": (1,), "static_argnames": ("mode",)},
)
def static_arguments():
    def f(x, n, *, mode):
        y = jnp.zeros(n) + (1 if mode == "a" else 2)
        return y.sum() * x

    return World(f=f)


@scenario(
    "f-strings of shapes, dtypes and Python values",
    settled(call("f", UP, "run", 1), "compiled"),
    call("f", jnp.ones((2, 2)), "run", 2),
)
def static_strings():
    def f(x, name, k):
        return f"{name}-{k}: {x.shape} {x.dtype!s:>8}", x * 2

    return World(f=f)
