# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Effects: prints, logging, warnings and opaque calls happen once, in order, with their values."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import math
import random
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, scenario, settled, steady

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])
XS = jnp.arange(18.0).reshape(6, 3) * 0.1


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
        self.lines.append(f"{record.levelname} {record.getMessage()} line {record.lineno} of {record.funcName}")


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
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("rest", converted="f"),
)
def iterator():
    w = World(numbers=iter(range(20)))

    def f(x):
        return x * next(w.numbers)

    w.f, w.rest = f, lambda: list(w.numbers)
    return w


@scenario(
    "prints in a rolled loop, of arrays, floats, texts and lists of them",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
    call("f", XS[:5]),
)
def rolled_prints():
    def f(xs):
        total = jnp.zeros(3)
        for i, x in enumerate(xs):
            total = total + x
            print("total", i, total[0], float(x.sum()), f"{float(total.sum()) * 0.1:.3f} {x}", [x, i])
        return total

    return World(f=f)


@scenario(
    "prints in branches of a rolled loop, with continue",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def rolled_branches():
    def f(xs):
        total = jnp.zeros(())
        for x in xs:
            if x.sum() < 1:
                print("skip", x)
                continue
            total = total + x.sum()
            if total > 3:
                print("large", total, float(total))
            print("end")
        return total

    return World(f=f)


@scenario(
    "prints in a rolled loop that an array leaves by break",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
    call("f", XS * 10, rung="compiled"),
)
def rolled_break():
    def f(xs):
        total = jnp.zeros(())
        for x in xs:
            print("before", x.sum())
            total = total + x.sum()
            if total > 3:
                print("leaving")
                break
            print("after", total)
        else:
            print("whole")
        return total

    return World(f=f)


@scenario(
    "prints in a while loop, and more trips than there was room for",
    settled(call("f", 8.0 * UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP * 1e20),
    call("f", UP * 1e30),
    call("f", UP * 3, rung="compiled"),
)
def while_prints():
    def f(x):
        n = 0
        while jnp.abs(x).max() > 1:
            x = x / 2
            n += 1
            print("halved", n, x, f"{float(x[0]):.4f}")
        return x, n

    return World(f=f)


@scenario(
    "prints in loops in loops, in Python's order",
    settled(call("f", XS * 10), "compiled"),
    call("f", XS, rung="compiled"),
)
def nested_prints():
    def f(xs):
        for x in xs:
            print("outer", x[0])
            while x.sum() > 1:
                x = x / 2
                print("  inner", x.sum())
                for k in range(6):
                    if x[0] > k * 0.1:
                        print("    k", k, float(x[0]))
            print("done", x.sum())
        return x

    return World(f=f)


@scenario(
    "logging and warnings in a rolled loop, with the user's line and function",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def rolled_logs():
    logger = logging.Logger("conformance")
    h = _Kept()
    logger.addHandler(h)

    def f(xs):
        for i, x in enumerate(xs):
            logger.info("step %d loss %.3f", i, x.sum())
            if x.sum() < 0:
                logger.warning(f"negative {float(x.sum())}")
                warnings.warn("neg")
        return xs.sum()

    return World(f=f, h=h, logger=logger)


@scenario(
    "a list of the user's that a rolled loop appends to",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def rolled_appends():
    w = World(losses=[])

    def f(xs):
        for x in xs:
            w.losses.append(float(x.sum()))
        return xs.sum()

    w.f = f
    return w


@scenario(
    "lists of the user's that a staged branch and a while loop append to",
    settled(call("f", UP * 8), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP * 1e30),
    steady("f", call("f", UP * 3), call("f", UP * 5)),
)
def staged_appends():
    w = World(losses=[], arrays=[])

    def f(x):
        if x.sum() > 0:
            w.losses.append("positive")
        while x.sum() > 1:
            x = x / 2
            w.losses.append(float(x.sum()))
            if x[0] > 1:
                w.arrays.append(x)
        return x

    w.f = f
    return w


@scenario(
    "a list is read after a loop that appended to it now and then",
    settled(call("f", XS), ("compiled", "mixed", "eager")),
    call("f", -XS),
)
def append_then_read():
    w = World(losses=[])

    def f(xs):
        for x in xs:
            if x.sum() > 1:
                w.losses.append(float(x.sum()))
        return len(w.losses), (w.losses[-1] if w.losses else None)

    w.f = f
    return w


@scenario(
    "a list is read in the loop that appends to it",
    settled(call("f", XS), "compiled"),
    call("f", -XS),
)
def append_and_read():
    w = World(losses=[])

    def f(xs):
        n = 0
        for x in xs:
            w.losses.append(float(x.sum()))
            n += len(w.losses)
        return n

    w.f = f
    return w


@scenario(
    "what a branch prints is computed only where the branch is taken",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP * 0, rung="compiled"),
)
def guarded_division():
    def f(x):
        if x[0] != 0:
            print(10 / float(x[0]))
        return x

    return World(f=f)


@scenario(
    "a text made on both sides of a staged branch",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def text_in_branches():
    def f(x):
        if x.sum() > 0:
            x = x + 1
            msg = f"{float(x.sum()):.2f}"
        else:
            x = x - 1
            msg = f"{float(x.sum()):.2f}"
        return x, msg

    return World(f=f)


@scenario(
    "Python floats collected and summed in a rolled loop",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def float_losses():
    def f(xs):
        losses = []
        total = 0.0
        for x in xs:
            loss = x.sum()
            losses.append(float(loss))
            total += float(loss)
        return losses, total, sum(losses) / len(losses), max(losses), jnp.array(losses).mean()

    return World(f=f)


@scenario("an int and a bool made in a branch", settled(call("f", UP), "compiled"), call("f", DOWN, rung="compiled"))
def int_in_branch():
    def f(x):
        n = 0
        if x.sum() > 0:
            n = int(x.sum())
        b = bool(x[0] > 1)
        return n, b, n * 2 + 1, float(n)

    return World(f=f)


@scenario(
    "text of containers that hold arrays, and str.format and join",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def container_text():
    def f(x):
        metrics = {"loss": float(x.sum()), "x": x, "n": 3, "parts": [x[0], (x[1], float(x[2]))]}
        a = f"{metrics}"
        b = str([x, float(x[0])])
        c = repr((x[0], "t"))
        d = "{} {loss:.2f} {!r}".format(x[0], x[1], loss=x.sum())  # noqa: UP032
        e = "{:>10.3f}|".format(float(x.sum()))  # noqa: UP032
        g = ", ".join([f"{v:.1f}" for v in (x[0], x[1])])
        h = ", ".join(str(v) for v in [x[0], float(x[1])])
        print(metrics, [x], a)
        return a, b, c, d, e, g, h

    return World(f=f)


@scenario(
    "percent formatting with a literal and with a name on the left",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def percent_names():
    fmt = "%s and %.3f"

    def f(x):
        both = fmt % (x[0], x.sum()), fmt % (float(x[0]), 2)
        return both, "%s" % x, "%d%%" % int(x[0] * 10)  # noqa: UP031

    return World(f=f)


@scenario(
    "Python scalars of array values, and arithmetic on them",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def scalars():
    def f(x):
        i = int(x.sum())
        return (
            float(x[0]),
            i,
            bool(x[0] > 0),
            x[0].item(),
            x.tolist(),
            x.sum().tolist(),
            (x > 0).tolist(),
            complex(x[0]),
            i + 1,
            i / 3,
            -float(x[0]),
            abs(float(x[0])),
            round(float(x[0]), 2),
            i % 2,
            str(i),
            float(x[0]) > 1,
            math.sqrt(abs(float(x[0]))),
            x.astype(int)[0].item(),
            x.item(1),
            divmod(i, 4),
            max(float(x[0]), 0.5),
            min(i, 3),
        )

    return World(f=f)


@scenario(
    "methods of a text that is known after the run",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def text_methods():
    def f(x):
        s = f"{x[0]:.1f}"
        t = s + "!" + s.rjust(8) + "a"
        u = "v: " + str(x[0])
        u += " end"
        return t, u.upper(), len(s), s.startswith("1")

    return World(f=f)


@scenario(
    "text of the user's objects that hold arrays",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def object_text():
    @dataclasses.dataclass
    class Point:
        a: object
        b: int = 1

    class Named:
        def __init__(self, v):
            self.v = v

        def __str__(self):
            return f"Named({self.v})"

        def __format__(self, spec):
            return "F" + format(self.v, spec)

    def f(x):
        p = Point(x[0])
        print(p, str(Named(x[1])), f"{Named(x[2]):.2f} {Named(x[1])!s}")
        return f"{p}", repr(p)

    return World(f=f)


@scenario(
    "prints of many kinds of values, starred arguments, and to stderr",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def many_kinds():
    def f(x):
        print(x.shape, x.dtype, x.ndim, {"a"}, [[x[0]], [1]], None, (), x > 1, sep="/")
        print(x, file=sys.stderr, flush=True)
        print(*x)
        print(*[f"{v}" for v in x], end="")
        return x

    return World(f=f)


@scenario(
    "prints and appends that need a Python counter and an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def counter_and_array():
    w = World(step=0, hist=[])

    def f(xs):
        for x in jnp.stack([xs] * 6):
            w.step += 1
            print(f"step {w.step}: {float(x.sum())}")
            if w.step % 3 == 0:
                print("third", w.step)
                w.hist.append((w.step, float(x.sum()), f"{x[0]}"))
        return xs

    w.f = f
    return w


@scenario("warnings in branches of a rolled loop", settled(call("f", XS), "compiled"), call("f", -XS, rung="compiled"))
def rolled_warnings():
    def f(xs):
        for x in xs:
            if x.sum() < 1:
                warnings.warn(f"small {float(x.sum()):.2f}", UserWarning)
        return xs

    return World(f=f)


@scenario(
    "a Python float that decides branches and is kept",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP * 10, rung="compiled"),
)
def best_loss():
    w = World(best=1e9, at=None, n=0)

    def f(x):
        loss = float((x**2).mean())
        if loss < w.best:
            w.best = loss
            w.n += 1
            print(f"best {loss:.4f}")
        elif loss > 2 * w.best:
            print("worse", loss, w.best)
        return loss

    w.f = f
    return w


@scenario(
    "a text and an int assigned in a rolled loop",
    settled(call("f", XS), "compiled"),
    call("f", -XS),
)
def text_in_loop():
    def f(xs):
        msg = ""
        n = 0
        for x in xs:
            msg = f"{float(x.sum()):.2f}"
            n = int(x.sum())
        return msg, n

    return World(f=f)


@scenario("texts collected in a rolled loop", settled(call("f", XS), "compiled"), call("f", -XS, rung="compiled"))
def texts_in_loop():
    def f(xs):
        lines = []
        for i, x in enumerate(xs):
            lines.append(f"{i}: {float(x.sum()):.2f}")
        return lines, "\n".join(lines)

    return World(f=f)


@scenario(
    "an int of a float array decides a branch and meets an array",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP * 0.3, rung="compiled"),
    call("f", UP * 1.4, rung="compiled"),
)
def int_decides():
    def f(x):
        n = int(x.sum() * 0.97)
        if n % 2 == 0:
            print("even", n)
            return x * 2
        return x * n + bool(x[0])

    return World(f=f)


@scenario(
    "lists of Python values, tuples and dictionaries that a rolled loop fills, and what is made of them",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def filled_lists():
    def f(xs):
        a, b, c, d, e, g = [], [], [], [], [], []
        for i, x in enumerate(xs):
            a.append(float(x.sum()))
            b.append(int(x.sum() * 3))
            c.append(f"{i}: {x.sum():.2f} {float(x[0])}")
            d.append((x, float(x[1]), i))
            e.append(bool(x[0] > 0.5))
            g.append({"k": float(x[0]) * 2, "x": x})
        made = jnp.array(a), np.mean(a), sum(a), a[-1] * 2, jnp.asarray(b) + 1, jnp.array(e), x * a[2] * b[-1]
        return a, b, c, d, e, g, made, sorted(a), len(a), min(a), a[1:3], np.array(a)

    return World(f=f)


@scenario(
    "lists that grow in loops in loops, one of them by two names",
    settled(call("f", XS), "compiled"),
    call("f", -XS, rung="compiled"),
)
def nested_lists():
    def f(xs):
        flat, rows = [], []
        names = {"all": flat}
        for x in xs:
            row = []
            for k in range(5):
                row.append(float(x.sum()) * k)
                for j in range(6):
                    flat.append(x[0] * k + j)
            names["all"].append(x[1])
            rows.append(row)
        return flat, names, rows

    return World(f=f)


class _Shown(logging.Handler):
    """Keeps more of what is logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        kind = record.exc_info[0] if record.exc_info else None
        more = getattr(record, "extra", None)
        self.lines.append(f"{record.levelname} {record.getMessage()} {record.lineno} {record.funcName} {kind} {more}")


@scenario("writes to the standard streams", settled(call("f", UP), "compiled"), call("f", DOWN))
def stream_writes():
    def f(x):
        sys.stdout.write("start\n")
        y = x * 2
        sys.stdout.write(f"{y[0]:.1f}\n")
        sys.stderr.write("err\n")
        sys.stdout.flush()
        return y

    return World(f=f)


@scenario(
    "loggers: levels, extra fields, the exception under way",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", UP),
)
def logger_features():
    logger = logging.Logger("conformance")
    h = _Shown()
    logger.addHandler(h)

    def f(x):
        try:
            if x[0] < 0:
                raise ValueError("neg")
            logger.log(logging.INFO, "v %s", x[0], extra={"extra": 3})
        except ValueError:
            logger.exception("caught")
            logger.error("again", exc_info=True)
        logger.warning("w %.2f %d", x.sum(), int(x[0]))
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("d %s", {"x": x})
        return x

    return World(f=f, h=h, logger=logger)


@scenario("a warning at its caller's line", settled(call("f", UP), "compiled"), call("f", DOWN))
def caller_warned():
    def helper(x):
        if x[0] < 0:
            warnings.warn("helper says", DeprecationWarning, stacklevel=2)

    def f(x):
        helper(x)
        helper(x * 2)
        return x

    return World(f=f)


@scenario(
    "warnings made errors for a while",
    settled(call("f", UP), ("compiled", "mixed", "eager")),
    call("f", DOWN),
    call("f", UP),
)
def warnings_as_errors():
    w = World(n=0)

    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            w.n += 1
            if x[0] < 0:
                warnings.warn("bad", RuntimeWarning)
            w.n += 1
        return x

    w.f = f
    return w


@scenario(
    "standard output redirected for a while", settled(call("f", UP), ("compiled", "mixed", "eager")), call("f", DOWN)
)
def redirected():
    def f(x):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            print("inner", x[0])
        print("outer")
        return out.getvalue()

    return World(f=f)


@scenario(
    "what is printed is what was there then", settled(call("f", UP), ("compiled", "mixed", "eager")), call("f", DOWN)
)
def printed_then_changed():
    w = World(log=[], d={})

    def f(x):
        held = [x[0]]
        print(held)
        held.append(2)
        print(held)
        w.d["x"] = float(x[1])
        print(w.d, w.log)
        w.log.append(float(x[0]))
        w.d["y"] = 2
        print(w.d, w.log, len(w.log))
        return held

    w.f = f
    return w


@scenario(
    "an exception that holds an array, caught, printed and kept as text",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", DOWN),
    call("f", UP),
)
def exception_text():
    w = World(seen=[])

    def f(x):
        try:
            if x[0] < 0:
                raise ValueError("bad", x[0])
        except ValueError as error:
            print(error)
            w.seen.append(f"{error}")
            w.seen.append(str(error.args[1]))
        return x

    w.f = f
    return w


@scenario(
    "a rolled loop that keeps statistics in a dictionary, prints and appends",
    settled(call("f", XS), "compiled"),
    call("f", -XS),
)
def loop_statistics():
    w = World(stats={"max": 0.0, "n": 0}, names=[])

    def f(xs):
        for i, x in enumerate(xs):
            w.stats["n"] += 1
            if x.max() > 0.5:
                w.stats["max"] = float(x.max())
                print(f"{i}: {w.stats['max']:.2f} {w.stats}")
                w.names.append((i, f"{x[0]:.1f}"))
        return w.stats["n"]

    w.f = f
    return w


@scenario(
    "a callee that prints and appends, in a while loop that returns",
    settled(call("f", UP * 40), "compiled"),
    call("f", DOWN),
    call("f", UP * 7),
)
def callee_in_while():
    class Log:
        def __init__(self):
            self.lines = []
            self.count = 0

        def say(self, *args):
            self.count += 1
            print(*args, sep=" - ")
            self.lines.append(" ".join(str(a) for a in args))

    log = Log()

    def f(x):
        n = 0
        while True:
            if x.max() < 1:
                log.say("done", n, x[0])
                return x
            if n > 50:
                return x * 0
            x = x * 0.5
            n += 1
            log.say("halved", float(x[0]), f"{x[1]:.3f}")

    return World(f=f, log=log)


@scenario(
    "thousands of appends in a while loop: room grows, and then stays",
    settled(call("f", jnp.array(50.0)), "compiled"),
    call("f", jnp.array(3000.0)),
    call("f", jnp.array(10.0)),
    call("f", jnp.array(3000.0), rung="compiled"),
)
def many_appends():
    w = World(h=[])

    def f(x):
        while x > 1:
            x = x - 1
            w.h.append(float(x))
        return x

    w.f = f
    return w


@scenario(
    "progress of a training loop, every ten steps",
    settled(call("f", jnp.ones((40, 3)) * 0.01), "compiled"),
    call("f", XS),
    call("f", jnp.ones((40, 3))),
)
def progress():
    w = World(best=1e9)

    def f(xs):
        p = jnp.ones(3)
        for step, x in enumerate(xs):
            g = 2 * p * x
            p = p - 0.1 * g
            loss = (p * x).sum()
            if step % 10 == 0:
                print(f"step {step:4d} | loss {loss:8.4f} | |p| {jnp.linalg.norm(p):.3f}")
            if loss < w.best:
                w.best = float(loss)
        print("best", w.best)
        return p

    w.f = f
    return w


class Printing(logging.Handler):
    """Prints what is logged."""

    def emit(self, record):
        print(record.levelname, record.funcName, record.getMessage())


@scenario(
    "a logger is asked for by its name in the function that logs, in a branch and a loop",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
    call("f", UP, rung="compiled"),
)
def asked_for_logger():
    logger = logging.getLogger("conformance.asked")
    logger.handlers, logger.propagate = [Printing()], False

    def f(x):
        log = logging.getLogger("conformance.asked")
        if x.sum() > 0:
            logging.getLogger("conformance.asked").warning("sum %.1f", x.sum())
        for v in x:
            log.error("value %s", v)
        return x * 2, log is logging.getLogger("conformance.asked")

    return World(f=f)
