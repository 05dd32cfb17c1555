# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Effects: prints, logging, warnings and opaque calls happen once, in order, with their values."""

from __future__ import annotations

import io
import logging
import random
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, scenario, settled

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


@scenario(
    "prints of arrays, floats and f-strings, in order",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def prints():
    def f(x):
        print("start", 1, None)
        y = x * 2
        print(y, y.sum(), sep=" | ", end=";\n")
        print(f"loss {float(y.sum()):.3f} of {y.shape}, first {y[0]}, all {y}")
        print("loss %.2f" % float(y.sum()), f"{float(x[0]):>8.3f}")  # noqa: UP031
        return y

    return World(f=f)


@scenario(
    "f-strings and str of array values are returned and stored",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def strings():
    w = World(lines=[])

    def f(x):
        text = f"sum={float(x.sum()):.2f}"
        w.lines.append(text)
        return text, str(x), repr(x.sum()), f"{x.sum():.1f}"

    w.f = f
    return w


@scenario(
    "a print in one branch on an array",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def print_in_branch():
    def f(x):
        if x.sum() > 0:
            print("positive", x.sum())
            x = x + 1
        return x

    return World(f=f)


@scenario(
    "prints in a loop over Python and in a loop over rows",
    settled(call("f", jnp.ones((3, 3))), ("compiled", "mixed")),
    call("f", jnp.zeros((3, 3))),
)
def print_in_loop():
    def f(xs):
        for k in range(2):
            print("epoch", k)
        total = jnp.zeros(3)
        for x in xs:
            total = total + x
            print("total", total[0])
        return total

    return World(f=f)


@scenario(
    "a print before a raise is printed, one after it is not",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    call("f", UP),
)
def print_and_raise():
    def f(x):
        print("before", x[0])
        if x.sum() < 0:
            raise ValueError("negative")
        print("after")
        return x

    return World(f=f)


@scenario(
    "print to a stream of the program's own, and to stderr",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def print_to_stream():
    stream = io.StringIO()

    def f(x):
        print("value", x[0], file=stream)
        print("problem", file=sys.stderr)
        return x * 2

    return World(f=f, stream=stream)


class _Kept(logging.Handler):
    """Keeps the text of what is logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.levelname} {record.getMessage()} line {record.lineno}")


@scenario(
    "logging, with arguments that are array values",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: w.logger.setLevel(logging.ERROR)),
    call("f", UP),
)
def logs():
    logger = logging.Logger("conformance")
    handler = _Kept()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def f(x):
        logger.info("loss %s", float(x.sum()))
        logger.debug("never")
        if x.sum() < 0:
            logger.warning("negative")
        return x + 1

    return World(f=f, handler=handler, logger=logger)


@scenario(
    "warnings of the program are given once",
    settled(call("f", UP, 1), ("compiled", "mixed")),
    call("f", UP, 20),
    call("f", UP, 1),
)
def program_warnings():
    def f(x, n):
        if n > 10:
            warnings.warn("too many", stacklevel=1)
        return x * n

    return World(f=f)


@scenario(
    "an opaque call in the middle runs once a call, between what is before and after",
    settled(call("f", UP), ("mixed", "eager", "compiled")),
    call("f", DOWN),
)
def opaque_call():
    class Device:
        def __init__(self):
            self.stream = io.StringIO()

        def send(self, value):
            self.stream.write(f"{value:.2f};")
            return len(self.stream.getvalue())

    device = Device()

    def f(x):
        y = x * 2
        n = device.send(float(y.sum()))
        return y + n

    return World(f=f, device=device)


@scenario(
    "random and numpy.random advance their own state",
    settled(call("f", UP), ("mixed", "eager", "compiled")),
    call("f", DOWN),
)
def host_random():
    w = World(python=random.Random(0), numpy=np.random.default_rng(0))

    def f(x):
        k = w.python.random()
        noise = w.numpy.normal(size=3)
        return x * k + noise, k

    w.f = f
    return w


@scenario(
    "a caller's own list is appended to from a callback of the program",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
)
def user_callback():
    w = World(seen=[])

    def on_step(value):
        w.seen.append(value)

    def f(x, hook=on_step):
        y = x * 2
        hook(y.sum())
        return y

    w.f = f
    return w


@scenario(
    "pure_callback of the user is staged",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def pure_callback():
    def host(a):
        return np.asarray(a) * 2

    def f(x):
        if x.sum() > 0:
            x = x + 1
        return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    return World(f=f)


@scenario(
    "a generator is consumed inside",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
)
def generator():
    def scaled(x):
        for k in range(3):
            yield x * k

    def f(x):
        total = jnp.zeros(3)
        for y in scaled(x):
            total = total + y
        return total, sum(v.sum() for v in scaled(x))

    return World(f=f)


@scenario(
    "an iterator held in the state is advanced as far as Python does",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("rest", converted="f"),
)
def iterator():
    w = World(numbers=iter(range(20)))

    def f(x):
        return x * next(w.numbers)

    w.f, w.rest = f, lambda: list(w.numbers)
    return w
