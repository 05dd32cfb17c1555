# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Exceptions of the user's code: the type, the text, the cause, the user's lines and no others, and the state then."""

from __future__ import annotations

import contextlib
import math

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
XS = jnp.arange(18.0).reshape(6, 3) * 0.1


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
    "an exception on Python state that changes says what Python says, also where it cannot say it",
    *(call("f", UP) for _ in range(5)),
    change(lambda w: setattr(w, "count", -9)),
    call("f", UP),
    change(lambda w: setattr(w, "mute", True)),
    *(call("f", UP) for _ in range(12)),
)
def exception_of_state():
    class Mute(Exception):
        def __str__(self):
            raise LookupError("nothing to say")

    w = World(count=0, mute=False)

    def check(x):
        if w.count > 2:
            if w.mute:
                raise Mute
            raise ValueError(f"bad {w.count}")
        return x * w.count

    def f(x):
        w.count += 1
        return check(x)

    w.f = f
    return w


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


@scenario(
    "an error of Python's own arithmetic on an array value, with what happened before it",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def late_error():
    w = World(n=0)

    def f(x):
        w.n += 1
        print("before")
        y = math.log(float(x[0]))
        w.n += 1
        print("after", y)
        return y

    w.f = f
    return w


@scenario(
    "int of a NaN raises at its line",
    settled(call("f", UP), "compiled"),
    call("f", UP * jnp.nan),
    call("f", UP, rung="compiled"),
)
def int_of_nan():
    w = World(n=0)

    def f(x):
        w.n += 1
        n = int(x[0])
        w.n += 1
        print(n)
        return x

    w.f = f
    return w


@scenario(
    "a format that does not fit an array raises",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
)
def bad_format():
    def f(x):
        print(f"{x:.3f}")
        return x

    return World(f=f)


@scenario(
    "a raise in a rolled loop, with what happened before it",
    settled(call("f", XS), "compiled"),
    call("f", XS - 0.5),
    call("f", XS, rung="compiled"),
)
def raise_in_loop():
    w = World(seen=[], n=0)

    def f(xs):
        total = jnp.zeros(())
        for i, x in enumerate(xs):
            w.n += 1
            print("trip", i, x.sum())
            if x.sum() < -1:
                raise ValueError(f"negative at {i}: {float(x.sum()):.2f}")
            total = total + x.sum()
            w.seen.append(float(total))
        return total

    w.f = f
    return w


@scenario(
    "an assert in a while loop",
    settled(call("f", UP * 8), "compiled"),
    call("f", DOWN * jnp.nan),
    call("f", UP * -100),
    call("f", UP * 8, rung="compiled"),
)
def assert_in_while():
    w = World(n=0)

    def f(x):
        while jnp.abs(x).max() > 1:
            x = x / 2
            w.n += 1
            assert x[0] > -40, f"too small: {x[0]}"
            print(x)
        return x

    w.f = f
    return w


@scenario(
    "raises in nested branches, with cause and notes",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP * 100),
    call("f", UP, rung="compiled"),
)
def raise_nested():
    w = World(n=0)

    def check(x):
        if x.sum() > 0:
            if x[0] > 50:
                error = OverflowError("large", float(x[0]))
                error.add_note(f"at {x[0]}")
                raise error
            return x
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("negative") from inner

    def f(x):
        w.n += 1
        y = check(x)
        w.n += 1
        return y * 2

    w.f = f
    return w


@scenario(
    "try, except, else and finally around a raise on an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", DOWN),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def try_all():
    w = World(log=[])

    def f(x):
        try:
            if x.sum() < 0:
                raise ValueError("negative")
            y = x * 2
        except ValueError as error:
            w.log.append(str(error))
            y = -x
        else:
            w.log.append("fine")
        finally:
            print("finally")
        return y

    w.f = f
    return w


@scenario(
    "a try in a rolled loop", settled(call("f", XS), "compiled"), call("f", XS - 0.7), call("f", XS, rung="compiled")
)
def try_in_loop():
    w = World(bad=0)

    def f(xs):
        total = jnp.zeros(())
        for x in xs:
            try:
                if x.sum() < -1:
                    raise ValueError("negative")
                total = total + x.sum()
            except ValueError:
                w.bad += 1
                total = total - 1
        return total

    w.f = f
    return w


@scenario(
    "a try around staged branches and loops",
    settled(call("f", XS), "compiled"),
    call("f", XS - 0.7, rung="compiled"),
    call("f", XS * 100),
    call("f", XS, rung="compiled"),
)
def try_around():
    w = World(bad=0)

    def f(xs):
        total = jnp.zeros(())
        try:
            if xs.sum() > 0:
                total = total + 1
            else:
                total = total - 1
            for x in xs:
                assert x.sum() < 50, "large"
                total = total + x.sum()
        except AssertionError as error:
            w.bad += 1
            print("caught", error)
        finally:
            print("total", total)
        return total

    w.f = f
    return w


@scenario(
    "a callee raises on an array and the caller catches",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def caller_catches():
    def g(x):
        if x[0] < 0:
            raise LookupError("no")
        return x + 1

    def f(x):
        try:
            return g(x)
        except LookupError:
            return x - 1

    return World(f=f)


@scenario(
    "nested try with a re-raise and two finally",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def reraise():
    w = World(n=0)

    def f(x):
        try:
            try:
                if x[0] < 0:
                    raise RuntimeError("inner")
                print("ok", x[0])
            except RuntimeError:
                w.n += 1
                raise
            finally:
                w.n += 10
        finally:
            w.n += 100
        return x

    w.f = f
    return w


@scenario(
    "the handler becomes the usual way", settled(call("f", UP), "compiled"), *[call("f", DOWN)] * 8, call("f", UP)
)
def handler_usual():
    def f(x):
        try:
            if x.sum() < 0:
                raise ValueError("negative")
            return x * 2
        except ValueError:
            return x - 1

    return World(f=f)


@scenario(
    "the first calls raise, later ones do not",
    call("f", DOWN),
    call("f", DOWN),
    call("f", DOWN),
    call("f", DOWN),
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def first_raise():
    w = World(n=0)

    def f(x):
        w.n += 1
        if x.sum() < 0:
            raise ValueError(f"negative {w.n}")
        return x * 2

    w.f = f
    return w


@scenario(
    "a training loop that stops at a loss that is not finite",
    settled(call("f", XS), "compiled"),
    call("f", XS * jnp.nan),
    call("f", XS, rung="compiled"),
)
def not_finite():
    class Diverged(Exception):
        def __init__(self, step, loss):
            super().__init__(step, loss)
            self.step = step

    w = World(losses=[], lr=0.1)

    def f(xs):
        p = jnp.ones(3)
        for step, x in enumerate(xs):
            loss = ((p * x) ** 2).sum()
            if not jnp.isfinite(loss):
                raise Diverged(step, float(loss))
            p = p - w.lr * loss
            w.losses.append(float(loss))
            if step % 2 == 0:
                print(f"{step:3d} {loss:.4f}")
        return p

    w.f = f
    return w


@scenario(
    "an exception that carries an array, raised in a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def raise_with_array():
    def f(x):
        for k in range(8):
            if x[0] < 0:
                raise ValueError("bad", x[0], k)
            x = x + k
        return x

    return World(f=f)


@scenario(
    "contextlib.suppress around a raise on an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP),
)
def suppressed():
    def f(x):
        y = x
        with contextlib.suppress(ValueError):
            if x[0] < 0:
                raise ValueError
            y = x * 2
        return y

    return World(f=f)
