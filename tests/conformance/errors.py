# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Exceptions of the user's code: the type, the text, the cause, the user's lines and no others, and the state then."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


@scenario(
    "an exception three calls deep has the user's lines and no others",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", DOWN),
    call("f", UP),
)
def deep():
    def innermost(x):
        if x.sum() < 0:
            raise ValueError(
                "a text over two lines",
                {"k": 1},
            )
        return x

    class Layer:
        def apply(self, x):
            return innermost(x) + 1

    layer = Layer()

    def f(x):
        y = layer.apply(x)
        return y * 2

    return World(f=f)


@scenario(
    "raise from, and an exception of the user's own class with attributes",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
)
def raise_from():
    class Diverged(RuntimeError):
        def __init__(self, loss, step):
            super().__init__(f"diverged at step {step}: {loss:.2f}")
            self.loss, self.step = loss, step

    w = World(step=0)

    def f(x):
        w.step += 1
        if x.sum() < 0:
            try:
                {}["missing"]
            except KeyError as error:
                raise Diverged(float(x.sum()), w.step) from error
        return x

    w.f = f
    return w


@scenario(
    "a mistake in the program raises what Python raises, at its line",
    call("f", UP, 0),
    call("f", UP, 0),
    call("f", UP, 1),
    call("f", UP, 2),
    call("f", UP, 3),
    call("f", UP, 4),
    call("f", UP, 5),
    call("f", UP, 5),
)
def mistakes():
    def f(x, kind):
        y = x * 2
        if kind == 0:
            return y + undefined_name  # noqa: F821
        if kind == 1:
            return y.no_such_attribute
        if kind == 2:
            return y + "text"
        if kind == 3:
            return [y][3]
        if kind == 4:
            return {"a": y}["b"]
        return y[0]()

    return World(f=f)


@scenario(
    "shapes that do not fit raise JAX's own error, at the user's line",
    settled(call("f", UP, UP), "compiled"),
    call("f", UP, jnp.ones(2)),
    call("f", UP, jnp.ones(2)),
    call("f", UP, DOWN),
)
def wrong_shapes():
    def f(x, y):
        z = x * 2
        return z + y

    return World(f=f)


@scenario(
    "an error on one side of an if on an array is raised only where that side runs",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def error_in_branch():
    def f(x):
        if x.sum() < 0:
            return x + jnp.ones(7)
        return x * 2

    return World(f=f)


@scenario(
    "an exception caught inside leaves no trace outside",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def caught_inside():
    w = World(log=[])

    def f(x):
        for k in range(3):
            try:
                w.log.append(k)
                if k == 1:
                    raise LookupError(k)
                x = x + k
            except LookupError as error:
                w.log.append(str(error))
                continue
            finally:
                x = x * 2
        return x

    w.f = f
    return w


@scenario(
    "StopIteration, SystemExit and KeyboardInterrupt of the program's own",
    settled(call("f", UP, 0), "compiled"),
    call("f", UP, 1),
    call("f", UP, 2),
    call("f", UP, 3),
    call("f", UP, 0),
)
def unusual_exceptions():
    w = World(count=0)

    def f(x, kind):
        w.count += 1
        if kind == 1:
            raise StopIteration("done")
        if kind == 2:
            raise SystemExit(3)
        if kind == 3:
            raise KeyboardInterrupt
        return x + w.count

    w.f = f
    return w


@scenario(
    "an early stop that raises out of the training loop",
    *(call("f", UP * (0.5**k)) for k in range(10)),
)
def early_stop():
    class Stop(Exception):
        pass

    w = World(best=1e9, losses=[], Stop=Stop)

    def f(x):
        loss = (x**2).mean()
        w.losses.append(float(loss))
        if loss < 1e-3:
            raise Stop(len(w.losses))
        if loss < w.best:
            w.best = float(loss)
        return loss

    w.f = f
    return w


@scenario(
    "an exception inside grad",
    settled(call("f", UP), ("compiled", "mixed")),
    change(lambda w: setattr(w, "limit", 0.5)),
    call("f", UP),
    change(lambda w: setattr(w, "limit", 100.0)),
    call("f", UP),
)
def raise_in_grad():
    w = World(limit=100.0, calls=0)

    def loss(x):
        w.calls += 1
        if w.limit < 1:
            raise OverflowError("limit", w.limit)
        return (x**2).sum()

    def f(x):
        return jax.grad(loss)(x)

    w.f = f
    return w
