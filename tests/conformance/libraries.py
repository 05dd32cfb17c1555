# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Libraries: JAX's transforms called in user code, Equinox, Flax NNX and Optax, unmodified."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import nnx
from jax import lax
from jaxtyping import Float

from tests.conformance.harness import World, call, change, of, scenario, settled, steady
from tests.conformance.walk import Tolerance

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
LOOSE = Tolerance(relative=2e-5, absolute=1e-5)
BATCH = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)
TARGET = jnp.linspace(0.0, 1.0, 8).reshape(4, 2)

# JAX's transforms in user code -------------------------------------------------------------------------------------


@scenario(
    "grad of a function that branches, loops and mutates",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP, rung="compiled"),
)
def grad_inside():
    w = World(count=0, seen=jnp.zeros(3))

    def loss(x):
        w.count += 1
        for k in range(3):
            x = jnp.sin(x) + k
        if x.sum() > 3:
            x = x * 2
        return (x**2).sum()

    def f(x):
        g = jax.grad(loss)(x)
        w.seen = w.seen + g
        return g

    w.f = f
    return w


@scenario(
    "value_and_grad with has_aux and argnums",
    settled(call("f", UP, DOWN), "compiled"),
    call("f", DOWN, UP, rung="compiled"),
)
def value_and_grad_inside():
    w = World(losses=[])

    def loss(scale, x, y):
        error = (x * scale - y) ** 2
        if error.max() > 10:
            error = error / 10
        return error.mean(), {"error": error, "n": x.shape[0]}

    def f(x, y):
        (value, aux), grads = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(2.0, x, y)
        w.losses.append(float(value))
        return value, aux, grads

    w.f = f
    return w


@scenario(
    "a Python counter written inside grad, vmap and jit",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def counters_inside():
    w = World(count=0, names=[])

    def inner(x):
        w.count += 1
        w.names.append("seen")
        return (x**2).sum()

    def f(x):
        return jax.grad(inner)(x), jax.vmap(inner)(jnp.stack([x, x]))

    w.f = f
    return w


@scenario(
    "vmap of a function with control flow",
    settled(call("f", BATCH), "compiled"),
    call("f", -BATCH, rung="compiled"),
)
def vmap_inside():
    def one(x):
        while jnp.abs(x).max() < 4:
            x = x * 2 + 1
        if x[0] > 0:
            return x
        return -x

    def f(xs):
        return jax.vmap(lambda x: jnp.where(x > 0, x, 2 * x).sum())(xs), [one(x) for x in (xs[0], xs[1])]

    return World(f=f)


@scenario(
    "jit, checkpoint and nested grad inside",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def nested_transforms():
    def inner(x):
        return jnp.sum(jnp.sin(x) ** 3)

    def f(x):
        second = jax.grad(lambda y: jax.grad(inner)(y).sum())(x)
        kept = jax.checkpoint(inner)(x)
        if kept > 0:
            second = second + jax.jit(inner)(x)
        return second, jax.vmap(jax.grad(inner))(jnp.stack([x, -x])), jax.hessian(inner)(x)

    return World(f=f)


@scenario(
    "custom_vjp and custom_jvp of the user",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def custom_rules():
    @jax.custom_vjp
    def clipped(x):
        return x * 2

    def forward(x):
        return clipped(x), x

    def backward(x, g):
        return (jnp.clip(g, -1, 1) * x,)

    clipped.defvjp(forward, backward)

    @jax.custom_jvp
    def odd(x):
        return x**3

    @odd.defjvp
    def odd_jvp(primals, tangents):
        (x,), (t,) = primals, tangents
        return odd(x), 5 * x * t

    def f(x):
        g = jax.grad(lambda v: (clipped(v) * 3).sum() + odd(v).sum())(x)
        if g.sum() > 0:
            g = g + 1
        return g

    return World(f=f)


@scenario(
    "lax.scan, lax.cond and lax.while_loop of the user",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def lax_inside():
    def f(x):
        def body(h, v):
            return jnp.tanh(h + v), h.sum()

        h, sums = lax.scan(body, x, jnp.stack([x, x * 2]))
        h = lax.cond(h.sum() > 0, lambda v: v + 1, lambda v: v - 1, h)
        h = lax.while_loop(lambda v: jnp.abs(v).max() > 1, lambda v: v / 2, h)
        return h, sums

    return World(f=f)


@scenario(
    "tree.map with a user function that mutates and branches",
    settled(call("f", {"a": UP, "b": [DOWN]}), "compiled"),
    call("f", {"a": DOWN, "b": [UP]}, rung="compiled"),
)
def tree_map_inside():
    w = World(count=0)

    def clip(v):
        w.count += 1
        if v.max() > 2:
            return v / v.max()
        return v

    w.f = lambda tree: jax.tree.map(clip, tree)
    return w


# Equinox and Optax -------------------------------------------------------------------------------------------------


@scenario(
    "an Equinox model trained with Optax, in a trainer of the user's",
    settled(call("t.step", BATCH, TARGET), "compiled"),
    steady("Trainer.step", *(call("t.step", -BATCH, TARGET, rung="compiled") for _ in range(3))),
    change(lambda w: setattr(w.t, "optimizer", optax.sgd(0.5))),
    change(lambda w: setattr(w.t, "state", w.t.optimizer.init(eqx.filter(w.t.model, eqx.is_array)))),
    call("t.step", BATCH, TARGET),
    converted=("Trainer.step",),
    tolerance=LOOSE,
)
def equinox_training():
    class Net(eqx.Module):
        layers: list
        scale: float = 2.0

        def __init__(self, key):
            one, two = jax.random.split(key)
            self.layers = [eqx.nn.Linear(3, 4, key=one), eqx.nn.Linear(4, 2, key=two)]

        def __call__(self, x):
            for layer in self.layers[:-1]:
                x = jnp.tanh(layer(x))
            return self.layers[-1](x) * self.scale

    class Trainer:
        def __init__(self):
            self.model = Net(jax.random.key(0))
            self.optimizer = optax.adam(1e-2)
            self.state = self.optimizer.init(eqx.filter(self.model, eqx.is_array))
            self.losses = []

        def step(self, x, y):
            def loss_fn(model):
                return jnp.mean((jax.vmap(model)(x) - y) ** 2)

            loss, grads = eqx.filter_value_and_grad(loss_fn)(self.model)
            updates, self.state = self.optimizer.update(grads, self.state)
            self.model = eqx.apply_updates(self.model, updates)
            self.losses.append(loss)
            return loss

    return World(Trainer=Trainer, t=Trainer())


@scenario(
    "a pure Optax step over a dict of parameters",
    settled(call("f", BATCH, TARGET), "compiled"),
    call("f", -BATCH, TARGET, rung="compiled"),
    tolerance=LOOSE,
)
def optax_step():
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))
    w = World(params={"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}, step=0)
    w.state = tx.init(w.params)

    def loss_fn(params, x, y):
        return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)

    def f(x, y):
        loss, grads = jax.value_and_grad(loss_fn)(w.params, x, y)
        updates, w.state = tx.update(grads, w.state, w.params)
        w.params = optax.apply_updates(w.params, updates)
        w.step += 1
        if loss > 100:
            raise FloatingPointError("diverged")
        return loss

    w.f = f
    return w


@scenario(
    "a Flax Linen model, applied and differentiated",
    settled(call("f", BATCH), "compiled"),
    call("f", -BATCH, rung="compiled"),
    tolerance=LOOSE,
)
def linen():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2)(jnp.tanh(nn.Dense(4)(x)))

    net = Net()
    w = World(params=net.init(jax.random.key(0), BATCH), n=0)

    def f(x):
        w.n += 1
        loss, grads = jax.value_and_grad(lambda p: (net.apply(p, x) ** 2).mean())(w.params)
        w.params = jax.tree.map(lambda p, g: p - 0.1 * g, w.params, grads)
        return loss

    w.f = f
    return w


@scenario(
    "a function with jaxtyping annotations",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def annotated():
    def f(x: Float[jax.Array, n]) -> Float[jax.Array, n]:  # noqa: F821
        if x.sum() > 0:
            return x * 2
        return x

    return World(f=f)


# Flax NNX ----------------------------------------------------------------------------------------------------------


def _nnx_world():
    class Net(nnx.Module):
        def __init__(self, rngs):
            # No bias: before a BatchNorm its gradient is rounding noise, which Adam would make steps of.
            self.first = nnx.Linear(3, 4, use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.drop = nnx.Dropout(0.25, rngs=rngs)
            self.last = nnx.Linear(4, 2, rngs=rngs)
            self.calls = nnx.Variable(jnp.array(0))

        def __call__(self, x):
            self.calls[...] += 1
            x = nnx.relu(self.norm(self.first(x)))
            return self.last(self.drop(x))

    def train(model, optimizer, x, y):
        def loss_fn(model):
            return jnp.mean((model(x) - y) ** 2)

        loss, grads = nnx.value_and_grad(loss_fn)(model)
        optimizer.update(model, grads)
        return loss

    def predict(model, x):
        return model(x)

    model = Net(nnx.Rngs(0))
    return World(
        train=train,
        predict=predict,
        model=model,
        optimizer=nnx.Optimizer(model, optax.adam(1e-2, eps=1e-2), wrt=nnx.Param),
    )


_TRAIN = call("train", of(lambda w: w.model), of(lambda w: w.optimizer), BATCH, TARGET)

nnx_training = scenario(
    "an NNX model with BatchNorm, Dropout and Rngs, trained with nnx.Optimizer",
    settled(_TRAIN, "compiled"),
    steady("train", _TRAIN, _TRAIN),
    converted=("train",),
    tolerance=LOOSE,
)(_nnx_world)

nnx_modes = scenario(
    "an NNX model switched to eval and back to train from outside",
    call("predict", of(lambda w: w.model), BATCH),
    settled(call("predict", of(lambda w: w.model), BATCH), "compiled"),
    change(lambda w: w.model.eval()),
    settled(call("predict", of(lambda w: w.model), BATCH), "compiled"),
    change(lambda w: w.model.train()),
    call("predict", of(lambda w: w.model), BATCH, rung="compiled"),
    _TRAIN,
    call("predict", of(lambda w: w.model), BATCH),
    converted=("predict",),
    tolerance=LOOSE,
)(_nnx_world)


@scenario(
    "an NNX variable and a counter mutated in one branch of an if on an array",
    settled(call("f", of(lambda w: w.model), UP), "compiled"),
    call("f", of(lambda w: w.model), DOWN, rung="compiled"),
    call("f", of(lambda w: w.model), UP, rung="compiled"),
    tolerance=LOOSE,
)
def nnx_in_branch():
    class Net(nnx.Module):
        def __init__(self):
            self.w = nnx.Param(jnp.ones(3))
            self.hits = nnx.Variable(jnp.array(0))
            self.norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))

    def f(model, x):
        if x.sum() > 0:
            model.hits[...] += 1
            y = model.norm(jnp.stack([x, x * 2]))
        else:
            y = jnp.stack([x, x]) * model.w[...]
        return y

    return World(f=f, model=Net())


@scenario(
    "nnx.Rngs drawn from in a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def nnx_rngs():
    rngs = nnx.Rngs(0, noise=1)

    def f(x):
        for _ in range(3):
            x = x + jax.random.normal(rngs.noise(), x.shape)
        return x, rngs.params()

    return World(f=f, rngs=rngs)


@scenario(
    "an NNX model made, changed and swapped from outside",
    settled(call("predict", of(lambda w: w.model), BATCH), "compiled"),
    change(lambda w: setattr(w.model, "last", nnx.Linear(4, 5, rngs=nnx.Rngs(3)))),
    call("predict", of(lambda w: w.model), BATCH),
    change(lambda w: setattr(w.model.drop, "rate", 0.0)),
    call("predict", of(lambda w: w.model), BATCH),
    change(lambda w: w.model.first.kernel.set_value(jnp.ones((3, 4)))),
    call("predict", of(lambda w: w.model), BATCH),
    converted=("predict",),
    tolerance=LOOSE,
)
def nnx_changed():
    return _nnx_world()
