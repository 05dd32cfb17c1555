# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
"""Functions that change state, given to JAX: what plain JAX does in tracing them once is done, no more and no less.

JAX traces a function that it does not know, and what that does to Python's objects happens then. It remembers what it
has traced. Where an array would be left behind in an object, JAX leaves a tracer, or raises: so do we.
"""

from __future__ import annotations

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.conformance.harness import World, call, change, scenario

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


def _rows(x):
    return jnp.stack([x, x / 2, -x])


def _with_vjp(f):
    made = jax.custom_vjp(f)
    made.defvjp(lambda x: (f(x), x), lambda kept, g: (g * jnp.ones_like(kept),))
    return made


def _with_backward(f):
    made = jax.custom_vjp(lambda v: (v**2).sum())
    made.defvjp(lambda x: ((x**2).sum(), x), lambda kept, g: (g * kept + f(kept),))
    return made


def _with_jvp(f):
    made = jax.custom_jvp(f)
    made.defjvp(lambda primals, tangents: (f(primals[0]), tangents[0].sum()))
    return made


# What is made of a function from an array to a scalar. All that is given to JAX is made in the call.
_GIVEN = {
    "scan": lambda f: lambda x: lax.scan(lambda h, v: (h + f(v), h), 0.0, _rows(x)),
    "map": lambda f: lambda x: lax.map(f, _rows(x)),
    "cond": lambda f: lambda x: lax.cond(x.sum() > 0, f, lambda v: f(v) + 1, x),
    "switch": lambda f: lambda x: lax.switch((x.sum() > 0).astype(int), [f, jnp.sum], x),
    "fori_loop": lambda f: lambda x: lax.fori_loop(0, 3, lambda i, h: h + f(x), 0.0),
    "while_loop": lambda f: lambda x: lax.while_loop(lambda h: h + 0 * f(x) < 3, lambda h: h + 4 + f(x) ** 2, 0.0),
    "vmap": lambda f: lambda x: jax.vmap(f)(_rows(x)),
    "checkpoint": lambda f: lambda x: jax.grad(jax.checkpoint(f))(x),
    "custom_vjp": lambda f: lambda x: (_with_vjp(f)(x), jax.grad(_with_vjp(f))(x), jax.grad(_with_backward(f))(x)),
    "custom_jvp": lambda f: lambda x: (_with_jvp(f)(x), jax.grad(_with_jvp(f))(x)),
    "jit": lambda f: lambda x: jax.jit(f)(x),
    "grad": lambda f: lambda x: jax.value_and_grad(f)(x),
}

# The same where JAX gets a function that was there before the call.
_KEPT = {
    "scan": lambda f: (lambda body: lambda x: lax.scan(body, 0.0, _rows(x)))(lambda h, v: (h + f(v), h)),
    "map": lambda f: lambda x: lax.map(f, _rows(x)),
    "cond": lambda f: lambda x: lax.cond(x.sum() > 0, f, f, x),
    "switch": lambda f: lambda x: lax.switch(0, [f, jnp.sum], x),
    "fori_loop": lambda f: (lambda body: lambda x: lax.fori_loop(0, 3, body, x))(lambda i, h: h + f(h)),
    "while_loop": lambda f: (lambda body: lambda x: lax.while_loop(lambda h: h.sum() < 9, body, x))(
        lambda h: h + 1 + f(h) ** 2
    ),
    "vmap": lambda f: (lambda made: lambda x: made(_rows(x)))(jax.vmap(f)),
    "checkpoint": lambda f: lambda x: jax.checkpoint(f)(x),
    "custom_vjp": lambda f: (lambda made: lambda x: (made(x), jax.grad(made)(x)))(_with_vjp(f)),
    "custom_jvp": lambda f: (lambda made: lambda x: (made(x), jax.grad(made)(x)))(_with_jvp(f)),
    "jit": lambda f: (lambda made: lambda x: made(x) + made(x + 1))(jax.jit(f)),
    "grad": jax.grad,
}


class Box:
    """Something with attributes."""


def _state():
    return World(
        count=0,
        names=["first"],
        table={"a": 1, "b": 2},
        seen={1},
        queue=collections.deque([1], maxlen=3),
        box=Box(),
        numbers=np.zeros(4),
        last=None,
    )


def _python_values(w, x):
    """Attributes, lists, dictionaries, sets, and what is said."""
    w.count += 1
    w.names.append(f"call {w.count}")
    w.names.sort(reverse=True)
    w.table[w.count] = w.table.pop("a", 0)
    w.seen.add(w.count % 3)
    w.queue.appendleft(w.count)
    w.box.tag = ("tag", w.count)
    if hasattr(w.box, "gone"):
        del w.box.gone
    else:
        w.box.gone = Box()
    print("call", w.count)
    return (jnp.sin(x) * len(w.names)).sum()


def _numpy_in_place(w, x):
    w.numbers[w.count % 4] += 1
    np.add(w.numbers, 1, out=w.numbers)
    return x.sum() * w.numbers[0]


def _an_array_into_numpy(w, x):
    w.count += 1
    w.numbers[0] = x[0]
    return x.sum()


def _a_number_of_an_array(w, x):
    w.count += 1
    w.last = float(x.sum())
    return x.sum()


def _an_array_kept(w, x):
    w.names.append(w.count)
    w.last = x * 2
    return x.sum()


_KINDS = {
    "changes Python's values": _python_values,
    "writes NumPy arrays in place": _numpy_in_place,
    "writes an array to a NumPy array": _an_array_into_numpy,
    "keeps a Python number of an array": _a_number_of_an_array,
    "keeps an array": _an_array_kept,
}
_OF_A_TRACER = ("writes an array to a NumPy array", "keeps a Python number of an array", "keeps an array")
# JanusX brings these out of the transform, where plain JAX leaves a tracer or raises (`docs/design/0001`).
_BROUGHT_OUT = ("vmap", "checkpoint", "jit", "grad")


def _world(made, kind):
    w = _state()
    w.f = lambda x: made(lambda v: kind(w, v))(x)
    return w


def _kept_world(made, kind):
    w = _state()
    inner = made(lambda v: kind(w, v))
    w.f = lambda x: inner(x)
    return w


_STEPS = (
    *[call("f", UP)] * 3,
    call("f", DOWN),
    change(lambda w: (w.names.clear(), setattr(w, "count", 7))),
    call("f", UP),
)

for _name, _made in _GIVEN.items():
    for _what, _kind in _KINDS.items():
        if _what in _OF_A_TRACER and _name in _BROUGHT_OUT:
            continue
        globals()[f"{_name}_{_kind.__name__}"] = scenario(f"a function in {_name} {_what}", *_STEPS)(
            functools.partial(_world, _made, _kind)
        )
for _name, _made in _KEPT.items():
    globals()[f"kept_{_name}"] = scenario(
        f"a function that JAX may know, in {_name}, changes Python's values", *_STEPS, call("f", UP[:2]), call("f", UP)
    )(functools.partial(_kept_world, _made, _python_values))


class Body:
    """A body of a scan that is an object."""

    def __init__(self, w):
        self.w = w

    def __call__(self, h, v):
        self.w.count += 1
        print("traced", self.w.count)
        return h + v.sum() * self.w.scale, h

    def step(self, h, v):
        self.w.last = (self.w.count, v) if self.w.keep else self.w.count
        return self(h, v)


@scenario(
    "partials, methods and objects that are called, in scan and cond, change state",
    *_STEPS[:3],
    change(lambda w: setattr(w, "keep", True)),
    call("f", DOWN),
    change(lambda w: setattr(w, "keep", False)),
    call("f", UP),
)
def bodies():
    w = World(count=0, scale=2.0, keep=False, last=None, names=[])
    w.body = Body(w)
    w.partial = functools.partial(Body.__call__, w.body)
    w.method = w.body.step

    def f(x):
        found = [lax.scan(body, 0.0, _rows(x))[0] for body in (w.body, w.partial, w.method, w.body.step, Body(w).step)]
        if w.keep:
            return found
        return found, lax.cond(x.sum() > 0, functools.partial(Body(w), 0.0), lambda v: (v[0], 0.0), x)

    w.f = f
    return w


@scenario(
    "one function of the call's own is given to JAX twice",
    *_STEPS,
)
def twice():
    w = _state()

    def f(x):
        def body(h, v):
            w.count += 1
            w.names.append(w.count)
            return h + v.sum(), h

        step = jax.jit(lambda v: body(0.0, v)[0] * w.count)
        return lax.scan(body, 0.0, _rows(x)), lax.scan(body, 0.0, _rows(x + 1)), step(x) + step(x)

    w.f = f
    return w


def _rules(logs):
    w = World(scale=2.0, clip=2.0, calls=[])

    @jax.custom_vjp
    def clipped(x):
        w.calls.append("plain")
        return x * w.scale

    def forward(x):
        w.calls.append("forward")
        return x * w.scale, x

    def backward(kept, g):
        if logs:
            w.calls.append("backward")
        return (jnp.clip(g * kept, -w.clip, w.clip),)

    clipped.defvjp(forward, backward)

    @jax.custom_jvp
    def scaled(x):
        return x * w.scale

    scaled.defjvps(lambda t, out, x: t * w.clip)

    def loss(x):
        return (clipped(x) * scaled(x)).sum()

    w.f = lambda x: (clipped(x), scaled(x), jax.value_and_grad(loss)(x))
    return w


_RULES = (
    call("f", DOWN),
    change(lambda w: setattr(w, "scale", 5.0)),
    call("f", UP),
    change(lambda w: setattr(w, "clip", 0.5)),
    call("f", UP),
)


@scenario(
    "custom rules that were made before the call read and change state, call after call",
    *[call("f", UP, rung="compiled")] * 4,
    *_RULES,
    call("f", DOWN, rung="compiled"),
)
def older_rules():
    return _rules(logs=False)


@scenario("a custom rule that changes state on the way back", *[call("f", UP)] * 3, *_RULES)
def way_back():
    return _rules(logs=True)


@scenario(
    "what JAX makes of functions of the call's own is kept in an object, and called after it",
    *[call("f", UP), call("later", UP)] * 3,
    change(lambda w: setattr(w, "scale", 3.0)),
    call("later", DOWN),
    call("f", DOWN),
    call("later", DOWN),
)
def kept_for_later():
    w = World(scale=2.0, kept={}, count=0)

    def scaled(x):
        return x.sum() * w.scale

    def f(x):
        def inner(v):
            w.count += 1
            return v.sum() * w.scale

        w.kept["jit"] = jax.jit(inner)
        w.kept["partial"] = functools.partial(inner)
        w.kept["grad"] = jax.grad(inner)
        w.kept["rule"] = _with_jvp(inner)
        w.kept["older"] = [jax.tree_util.Partial(scaled), jax.jit(scaled), functools.partial(scaled)]
        return jnp.sin(x) * inner(x)

    def later(x):
        w.scale += 1
        kept = w.kept
        return [kept[name](x) for name in ("jit", "partial", "grad", "rule")], [each(x) for each in kept["older"]]

    w.f, w.later = f, later
    return w
