# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false, reportCallIssue=false
# pyright: reportMissingImports=false
"""Libraries beside JAX: state that Orbax saved, shapes that are named, functions given to code not looked into."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp
from jaxtyping import Array, Float, Int

from tests.conformance.harness import World, call, change, fresh_module, scenario, settled, steady
from tests.conformance.walk import Tolerance

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
BATCH = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)
LOOSE = Tolerance(relative=2e-5, absolute=1e-5)


@scenario(
    "training goes on from a state that Orbax saved and restored",
    settled(call("t.step", BATCH), "compiled"),
    change(lambda w: w.t.save()),
    steady("Trainer.step", *(call("t.step", -BATCH, rung="compiled") for _ in range(2))),
    change(lambda w: w.t.restore()),
    call("t.step", BATCH, rung="compiled"),
    call("t.step", -BATCH, rung="compiled"),
    converted=("Trainer.step",),
    tolerance=LOOSE,
)
def orbax():
    folder = Path(tempfile.gettempdir(), f"janusx_conformance_orbax_{os.getpid()}")  # of both worlds: a name is state

    class Trainer:
        def __init__(self):
            self.params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
            self.tx = optax.adam(1e-2)
            self.state = self.tx.init(self.params)
            self.steps = 0

        def step(self, x):
            def loss_fn(params):
                return ((x @ params["w"] + params["b"]) ** 2).mean()

            loss, grads = jax.value_and_grad(loss_fn)(self.params)
            updates, self.state = self.tx.update(grads, self.state, self.params)
            self.params = optax.apply_updates(self.params, updates)
            self.steps += 1
            if loss > 1e6:
                raise FloatingPointError("diverged")
            return loss

        def kept(self):
            return {"params": self.params, "state": self.state}

        def save(self):
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(folder / "one", self.kept(), force=True)

        def restore(self):
            with ocp.StandardCheckpointer() as checkpointer:
                found = checkpointer.restore(folder / "one", self.kept())
            self.params, self.state, self.steps = found["params"], found["state"], 0

    w = World(Trainer=Trainer, t=Trainer())
    w.close = lambda: shutil.rmtree(folder, ignore_errors=True)
    return w


@scenario(
    "jaxtyping annotations of arguments, results and fields, of shapes that change",
    settled(call("f", BATCH, jnp.arange(4)), "compiled"),
    call("f", -BATCH, jnp.arange(4), rung="compiled"),
    call("f", BATCH[:2], jnp.arange(2)),
)
def typed():
    def f(x: Float[Array, "n d"], i: Int[Array, " n"]) -> Float[Array, " d"]:  # noqa: F722
        total: Float[Array, " d"] = jnp.zeros(x.shape[1])  # noqa: F722
        for row, k in zip(x, i):
            if row.sum() > 0:
                total = total + row * k
        return total

    return World(f=f)


if importlib.util.find_spec("einops"):
    import einops

    @scenario(
        "einops rearranges, reduces and repeats",
        settled(call("f", BATCH), "compiled"),
        call("f", -BATCH, rung="compiled"),
        call("f", BATCH[:2]),
    )
    def rearranged():
        def f(x):
            y = einops.rearrange(x, "a b -> b a")
            if einops.reduce(y, "b a -> ", "sum") > 0:
                y = y * 2
            return einops.repeat(y, "b a -> b a k", k=2)

        return World(f=f)


if importlib.util.find_spec("chex"):
    import chex

    @scenario(
        "chex dataclasses as arguments, state and results",
        settled(call("f", UP), "compiled"),
        call("f", DOWN, rung="compiled"),
        change(lambda w: setattr(w.state, "n", 10)),
        call("f", UP),
    )
    def chex_state():
        @chex.dataclass
        class State:
            w: chex.Array
            n: int = 0

        world = World(state=State(w=UP))

        def f(x):
            world.state.n += 1
            if x.sum() > 0:
                world.state = world.state.replace(w=world.state.w + x)
            return jax.tree.map(lambda v: v * 2, world.state)

        world.f = f
        return world


# Functions given to code that is not looked into -------------------------------------------------------------------

STRANGE = """
def twice(fun, x):
    return fun(fun(x))
"""


def _library(source):
    """A module that counts as a library: what is in it is not converted."""
    module = fresh_module(source)
    module.twice.__globals__["__name__"] = "haiku.of_the_tests"
    module.twice.__module__ = "haiku.of_the_tests"
    return module


@scenario(
    "a function that is given to an unknown library branches and loops",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def given_away():
    w = World(library=_library(STRANGE), scale=2.0)

    def inner(x):
        if x.sum() > 0:
            x = x * w.scale
        for k in range(3):
            x = x - k
        return x

    w.f = lambda x: w.library.twice(inner, x)
    return w


@scenario(
    "a function that is given to an unknown library counts, appends and writes arrays",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: w.seen.clear()),
    call("f", UP),
)
def given_away_with_state():
    w = World(library=_library(STRANGE), count=0, seen=[], last=None)

    def inner(x):
        w.count += 1
        w.seen.append(w.count)
        w.last = x * 2
        if x.sum() > 0:
            w.count += 10
        return x - 1

    w.f = lambda x: w.library.twice(inner, x)
    return w


@scenario(
    "a function that is given to an unknown library raises on an array value",
    settled(call("f", UP * 9), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP * 9),
)
def given_away_and_raises():
    w = World(library=_library(STRANGE), count=0)

    def inner(x):
        w.count += 1
        if x.sum() < 0:
            raise ValueError("negative")
        return x - 1

    w.f = lambda x: w.library.twice(inner, x)
    return w
