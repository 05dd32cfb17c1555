# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false, reportCallIssue=false
# pyright: reportArgumentType=false
"""Higher-order JAX in user code and around it: functions inside that branch, loop, guard, print and change state."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import io_callback
from jax.sharding import PartitionSpec

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
BIG = jnp.array([100.0, 200.0, 300.0])
BATCH = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)


# Transforms with state ---------------------------------------------------------------------------------------------
# Plain JAX leaks a tracer where a function under a transform writes an array to an object, so these write Python values
# alone; arrays that leave are in test_libraries.py.


def _inner(w):
    def inner(x):
        w.count += 1
        w.names.append(f"call {w.count}")
        return (jnp.sin(x) * w.scale).sum()

    return inner


def _counting(transform):
    w = World(count=0, names=[], scale=2.0)
    inner = _inner(w)
    # A new function each time: JAX traces one that it knows no second time, and then nothing is counted.
    w.f = lambda x: transform(lambda v: inner(v))(x)
    return w


_TRANSFORMS = {
    "grad": jax.grad,
    "value_and_grad": jax.value_and_grad,
    "vmap": lambda f: lambda x: jax.vmap(f)(jnp.stack([x, 2 * x])),
    "checkpoint": jax.checkpoint,
    "grad of checkpoint": lambda f: jax.grad(jax.checkpoint(f)),
    "vmap of grad": lambda f: lambda x: jax.vmap(jax.grad(f))(jnp.stack([x, -x])),
    "grad of grad": lambda f: jax.grad(lambda v: jax.grad(f)(v).sum()),
    "jacfwd": jax.jacfwd,
    "jacrev": jax.jacrev,
    "hessian": jax.hessian,
    "jvp": lambda f: lambda x: jax.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: jax.vjp(f, x)[1](jnp.array(1.0)),
    "linearize": lambda f: lambda x: jax.linearize(f, x)[1](x),
    "scan": lambda f: lambda x: lax.scan(lambda h, v: (h + f(v), h), 0.0, jnp.stack([x, x, x])),
    "map": lambda f: lambda x: lax.map(f, jnp.stack([x, x, -x])),
    "cond": lambda f: lambda x: lax.cond(x.sum() > 0, f, lambda v: v.sum(), x),
    "switch": lambda f: lambda x: lax.switch(0, [f, jnp.sum], x),
    "fori_loop": lambda f: lambda x: lax.fori_loop(0, 3, lambda i, h: h + f(x), 0.0),
    "while_loop": lambda f: lambda x: lax.while_loop(lambda h: h < 3, lambda h: h + 4 + f(x) ** 2, 0.0),
    "associative_scan": lambda f: lambda x: lax.associative_scan(lambda a, b: a + b, x) + f(x),
    "tree.map": lambda f: lambda x: jax.tree.map(f, {"a": x, "b": [x]}),
    "eval_shape": lambda f: lambda x: x * jax.eval_shape(f, x).ndim,
    "custom_jvp": lambda f: lambda x: _with_jvp(f)(x),
}


def _with_jvp(f):
    made = jax.custom_jvp(f)
    made.defjvp(lambda primals, tangents: (f(primals[0]), tangents[0].sum()))
    return jax.value_and_grad(made)


for _name, _transform in _TRANSFORMS.items():
    globals()[f"counting_{_name.replace(' ', '_').replace('.', '_')}"] = scenario(
        f"a function that counts and appends Python values, inside {_name}",
        settled(call("f", UP), ("compiled", "mixed")),
        call("f", DOWN),
        change(lambda w: setattr(w, "scale", 3.0)),
        call("f", UP),
        call("f", UP),
    )(functools.partial(_counting, _transform))


@scenario(
    "grad, vjp and jvp of a function that branches and loops with state in Python",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.log.clear()),
    call("f", BIG),
    call("f", UP, rung="compiled"),
)
def branching_grad():
    w = World(log=[], calls=0)

    def loss(x):
        w.calls += 1
        if x.sum() > 0:
            x = x * 2
        for k in range(4):
            if x.max() > k:
                x = x - 0.1 * k
        return (x**2).sum()

    def f(x):
        value, g = jax.value_and_grad(loss)(x)
        primal, pullback = jax.vjp(loss, x)
        _, tangent = jax.jvp(loss, (x,), (g,))
        w.log.append(float(value))
        return g + pullback(jnp.ones_like(primal))[0], tangent

    w.f = f
    return w


@scenario(
    "grad of a function that raises on an array value",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def raising_grad():
    def loss(x):
        if x.sum() < 0:
            raise ValueError("negative")
        return (x**2).sum()

    def f(x):
        return jax.grad(loss)(x)

    return World(f=f)


@scenario(
    "a custom_vjp whose rules branch, on a function that reads state",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w, "scale", 5.0)),
    call("f", UP),
)
def branching_rules():
    w = World(scale=2.0)

    @functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
    def clipped(x, top):
        return x * w.scale

    def forward(x, top):
        return clipped(x, top), (x,)

    def backward(top, kept, g):
        return (jnp.minimum(g, top) * kept[0],)

    clipped.defvjp(forward, backward)
    w.f = lambda x: jax.grad(lambda v: clipped(v, 0.5).sum())(x)
    return w


@scenario(
    "lax.cond, switch and scan whose functions are methods, partials and lambdas that read state",
    settled(call("f", UP, 1), "compiled"),
    call("f", DOWN, 1, rung="compiled"),
    change(lambda w: setattr(w.cell, "gain", 0.5)),
    call("f", UP, 2),
)
def lax_with_methods():
    class Cell:
        def __init__(self):
            self.gain = 2.0

        def step(self, h, v):
            return jnp.tanh(h * self.gain + v), h

    w = World(cell=Cell())

    def f(x, k):
        h, hs = lax.scan(w.cell.step, x, jnp.stack([x, -x]))
        h = lax.cond(h.sum() > 0, functools.partial(jnp.multiply, 2.0), lambda v: v - w.cell.gain, h)
        h = lax.switch(k, [jnp.sin, lambda v: v * w.cell.gain, jnp.cos], h)
        return lax.fori_loop(0, 3, lambda i, v: v + i, h), hs

    w.f = f
    return w


@scenario(
    "tree functions over state: map with several trees, leaves, flatten, reduce and map_with_path",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.params.update(extra=UP)),
    call("f", UP),
)
def trees():
    w = World(params={"w": UP, "inner": [DOWN, (UP, None)]}, paths=[])

    def f(x):
        def step(path, p):
            w.paths.append(jax.tree_util.keystr(path))
            return p - 0.1 * x if x.sum() > 0 else p

        w.params = jax.tree_util.tree_map_with_path(step, w.params)
        leaves, treedef = jax.tree.flatten(w.params)
        total = jax.tree.reduce(lambda a, b: a + b.sum(), w.params, 0.0)
        del w.paths[:-3]
        return jax.tree.unflatten(treedef, leaves), total, jax.tree.structure(w.params) == treedef

    w.f = f
    return w


# Callbacks ---------------------------------------------------------------------------------------------------------


@scenario(
    "jax.debug.print and jax.debug.callback in a branch and a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", BIG, rung="compiled"),
)
def debug_callbacks():
    w = World(seen=[])

    def note(value):
        w.seen.append(float(value))

    def f(x):
        jax.debug.callback(note, x.sum(), ordered=True)
        if x.sum() > 0:
            x = x * 2
        jax.debug.print("x is {x}", x=x, ordered=True)
        jax.effects_barrier()
        return x

    w.f = f
    return w


@scenario(
    "an ordered io_callback runs once a call, and is never speculated on",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
    call("f", DOWN),
)
def io_callbacks():
    w = World(seen=[])

    def host(value):
        w.seen.append(float(value))
        return np.float32(len(w.seen))

    def f(x):
        n = io_callback(host, jax.ShapeDtypeStruct((), jnp.float32), x.sum(), ordered=True)
        if x.sum() < 0:
            raise ValueError("negative")
        return x * n

    w.f = f
    return w


@scenario(
    "an io_callback in a staged branch and in a rolled loop",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def io_callback_staged():
    w = World(seen=[])

    def host(value):
        w.seen.append(float(value))

    def f(x):
        for k in range(12):
            x = x * 0.5 + k
            if x.sum() > 20:
                io_callback(host, None, x.sum(), ordered=True)
        jax.effects_barrier()
        return x

    w.f = f
    return w


# Converted functions in converted functions, and under outer transforms --------------------------------------------


@scenario(
    "converted functions call each other, a method too, and each keeps its own state",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("inner", DOWN),
    change(lambda w: setattr(w.model, "n", 100)),
    call("f", UP, rung="compiled"),
    call("model.step", UP),
    converted=("f", "inner", "Model.step"),
)
def nested_converted():
    class Model:
        def __init__(self):
            self.n, self.w = 0, UP

        def step(self, x):
            self.n += 1
            if x.sum() > 0:
                self.w = self.w + x
            return self.w * self.n

    w = World(Model=Model, model=Model(), seen=0)

    def inner(x):
        w.seen += 1
        return x * 2 if x.sum() > 0 else x

    def f(x):
        return w.inner(w.model.step(x)) + w.inner(x)

    w.inner, w.f = inner, f
    return w


@scenario(
    "outer jit, grad, vmap, scan, checkpoint, jacfwd and shard_map around one converted function",
    *(
        call(name, UP, converted="g")
        for name in ("jitted", "graded", "mapped", "scanned", "kept", "forward", "sharded", "g", "sharded", "g")
    ),
    call("jitted", DOWN, converted="g"),
    settled(call("g", UP), "compiled"),
    change(lambda w: setattr(w, "scale", 3.0)),
    *(call(name, UP, converted="g") for name in ("jitted", "graded", "mapped", "scanned", "sharded", "g")),
    converted=("g",),
)
def outer_transforms():
    w = World(scale=2.0)

    def g(x):
        for k in range(3):
            x = jnp.sin(x) * w.scale + k
        return x

    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    w.g = g
    w.jitted = lambda x: jax.jit(w.g)(x)
    w.graded = lambda x: jax.grad(lambda v: w.g(v).sum())(x)
    w.mapped = lambda x: jax.vmap(w.g)(x)
    w.scanned = lambda x: lax.scan(lambda h, v: (w.g(h + v), h), x, jnp.stack([x, x]))
    w.kept = lambda x: jax.checkpoint(w.g)(x)
    w.forward = lambda x: jax.jacfwd(w.g)(x)
    specs = {"in_specs": PartitionSpec("d"), "out_specs": PartitionSpec("d")}
    w.sharded = lambda x: jax.shard_map(w.g, mesh=mesh, **specs)(x)
    return w


@scenario(
    "shard_map, scan and grad inside, over a converted function and a user function",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: setattr(w, "scale", 0.5)),
    call("f", UP),
    converted=("f", "g"),
)
def sharded_inside():
    w = World(scale=2.0)
    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = {"in_specs": PartitionSpec("d"), "out_specs": PartitionSpec("d")}
    w.g = lambda x: jnp.sin(x) * w.scale

    def f(x):
        y = jax.shard_map(lambda v: w.g(v) + v, mesh=mesh, **specs)(x)
        h, _ = lax.scan(lambda h, v: (w.g(h) + v, h), y, jnp.stack([x, x]))
        return h + jax.grad(lambda v: w.g(v).sum())(x)

    w.f = f
    return w
