"""NumPy arrays that programs write to in place: buffers, statistics, batches; views, aliases, and what NumPy refuses.

What can be told while tracing stays in the program; where a value of the program is written and then read by the
program, the statement is cut. Never a stale value, a lost write, or memory that is another's than in NumPy.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, of, scenario, settled, steady

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = -UP
TABLE = jnp.arange(40.0).reshape(20, 2)


@scenario(
    "views: a column, a reverse, a transpose and a reshape of an array are written to",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.a.fill(2.0)),
    call("f", UP, rung="compiled"),
)
def views():
    w = World(a=np.arange(12.0).reshape(3, 4))
    w.column = None

    def f(x):
        column = w.a[:, 1]
        column += 1
        back = w.a[::-1]
        back[0, 0] = -5
        w.a.T[2] = [7, 8, 9]
        flat = w.a.reshape(-1)
        flat[3:5] *= 2
        w.column = column
        return x + jnp.asarray(w.a.sum(axis=1), jnp.float32), back, flat[:3], column.max()

    w.f = f
    return w


@scenario(
    "an array is an argument and an attribute at once, and then is not",
    settled(call("f", UP, of(lambda w: w.a)), "compiled"),
    call("f", UP, of(lambda w: w.other)),
    call("f", DOWN, of(lambda w: w.other)),
    call("f", DOWN, of(lambda w: w.a), rung="compiled"),
)
def argument_and_attribute():
    w = World(a=np.zeros(3), other=np.ones(3))

    def f(x, given):
        given += 1
        before = w.a.sum()
        w.a[0] = 10
        return x * before, given.sum(), given[:2]

    w.f = f
    return w


@scenario("an attribute is a view of another", settled(call("f", UP), ("mixed", "compiled")), call("f", DOWN))
def held_view():
    w = World(a=np.zeros(6))
    w.part = w.a[2:5]

    def f(x):
        w.part += 1
        w.a[3] *= 2
        return x * 2, w.part.sum(), w.a.sum()

    w.f = f
    return w


@scenario(
    "two arrays that become one memory",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w, "b", w.a[:3])),
    call("f", UP),
    change(lambda w: setattr(w, "b", np.zeros(3))),
    call("f", UP, rung="compiled"),
)
def one_memory():
    w = World(a=np.zeros(4), b=np.zeros(3))

    def f(x):
        w.a += 1
        w.b[0] = w.b[0] + 5
        return x * 2, w.a.sum() + w.b.sum()

    w.f = f
    return w


@scenario(
    "a write in a branch on an array, and one before and after it",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP),
)
def written_in_branch():
    w = World(counts=np.zeros(4, np.int64), log=[])

    def f(x):
        w.counts[0] += 1
        if x.sum() > 0:
            w.counts[1] += 1
            w.counts[2:] = 7
        w.counts[3] -= 1
        return x * 2, w.counts.sum()

    w.f = f
    return w


@scenario(
    "values of the program are written in a branch",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    call("f", UP),
)
def program_values_in_branch():
    w = World(a=np.zeros(3), i=0)

    def f(x):
        if x.sum() > 0:
            w.a[w.i % 3] = x.sum() * 2
            w.i += 1
        else:
            w.a[:] = x
        return x * 2

    w.f = f
    return w


@scenario(
    "a rolled loop writes a row a trip, and counts by a value",
    settled(call("f", TABLE), "compiled"),
    call("f", -TABLE),
)
def rows_of_trips():
    w = World(hist=np.zeros(8, np.int64), rows=np.zeros((20, 2)))

    def f(xs):
        total = jnp.zeros(2)
        for i, x in enumerate(xs):
            total = total + x
            w.hist[int(x.sum()) % 8] += 1
            w.rows[i] = total
        return total

    w.f = f
    return w


@scenario(
    "a rolled loop reads what it wrote",
    settled(call("f", jnp.arange(20.0)), ("compiled", "mixed")),
    call("f", -jnp.arange(20.0)),
)
def recurrence():
    w = World(a=np.zeros(21))

    def f(xs):
        total = jnp.zeros(())
        for i in range(20):
            w.a[i + 1] = w.a[i] + 1
            total = total + xs[i]
        return total, w.a.sum()

    w.f = f
    return w


@scenario(
    "an index out of range, and a value that does not fit",
    settled(call("f", UP, 1, 2.0), "compiled"),
    call("f", UP, 5, 2.0),
    call("f", UP, -4, 2.0),
    call("f", UP, 2, 2.0, rung="compiled"),
    call("f", UP, 2, "x"),
    call("f", UP, 2, [1.0, 2.0]),
    call("f", UP, 0, 2.0),
)
def refused_index():
    w = World(a=np.zeros(3), n=0)

    def f(x, i, v):
        w.n += 1
        w.a += 1
        w.a[i] = v
        w.n += 1
        return x * 2

    w.f = f
    return w


@scenario(
    "an index that the program computes is out of range",
    settled(call("f", UP), "compiled"),
    call("f", UP * 2),
    call("f", UP),
)
def refused_index_of_the_program():
    w = World(a=np.zeros(7), n=0, log=[])

    def f(x):
        w.n += 1
        w.a += 1
        try:
            w.a[int(x.sum())] = 3
        except IndexError:
            w.log.append("no")
        print("done", w.n)
        return x * 2

    w.f = f
    return w


@scenario(
    "an array that the function makes is filled, returned and kept", settled(call("f", UP), "compiled"), call("f", DOWN)
)
def made_inside():
    w = World(scale=np.arange(3.0), kept=None)

    def f(x):
        t = w.scale * 2
        view = t[1:]
        t[0] = -1
        view += 5
        w.kept = view
        u = np.array(x)
        u[0] = 100
        u += 1
        return t, t, u, w.scale * 2, w.scale * 2

    w.f = f
    return w


@scenario(
    "what was printed and kept before a write shows the values of that time",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def shown_before():
    w = World(a=np.zeros(3), log=[])

    def f(x):
        print("before", w.a, w.a.sum())
        w.log.append(w.a.copy())
        s = f"{w.a}"
        w.a += 1
        print(w.a)
        w.a[1] = x.sum()
        print(w.a, s)
        return w.a

    w.f = f
    return w


@scenario("overlapping slices of one array are moved", settled(call("f", UP), "compiled"), call("f", DOWN))
def moved():
    w = World(a=np.arange(6.0), b=np.zeros(2))

    def f(x):
        w.a[1:] = w.a[:-1]
        w.a[0] = x[0]
        w.b[:] = w.a[:2]
        w.a[-1], w.a[0] = w.a[0], w.a[-1]
        return x

    w.f = f
    return w


@scenario(
    "running mean and variance of Welford in float64",
    settled(call("f", UP, 0.5), "compiled"),
    call("f", DOWN, 0.25, rung="compiled"),
    change(lambda w: w.mean.fill(0)),
    call("f", UP, 1.0, rung="compiled"),
)
def welford():
    w = World(mean=np.zeros(3), m2=np.zeros(3), n=0)

    def f(x, v):
        w.n += 1
        delta = np.array([v, 2 * v, 3 * v]) - w.mean
        w.mean += delta / w.n
        w.m2 += delta * (np.array([v, 2 * v, 3 * v]) - w.mean)
        return x / jnp.asarray(np.sqrt(w.m2 / w.n + 1), jnp.float32)

    w.f = f
    return w


@scenario(
    "an array is replaced by one of another shape, dtype and layout",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w, "a", np.zeros((4, 2)))),
    call("f", UP),
    change(lambda w: setattr(w, "a", np.zeros((2, 4), np.float32).T)),
    call("f", UP),
    change(lambda w: setattr(w, "a", np.zeros((8, 4))[::2, ::2])),
    call("f", UP),
    change(lambda w: w.a.setflags(write=False)),
    call("f", UP),
    call("f", UP),
)
def other_layouts():
    w = World(a=np.zeros((4, 2), np.int32))

    def f(x):
        flat = w.a.reshape(-1)
        flat[0] = flat[0] + 1
        flat[1:3] += 2
        return x * 2, w.a.sum(), flat

    w.f = f
    return w


@scenario("casting that NumPy refuses", settled(call("f", UP), ("eager", "mixed", "compiled")), call("f", UP))
def refused_cast():
    w = World(a=np.zeros(3, np.int64), n=0)

    def f(x):
        w.n += 1
        w.a[0] = 1.7
        w.a += 0.5
        return x

    w.f = f
    return w


@scenario(
    "functions that write: copyto, put, at, fill, sort, clip, place",
    settled(call("f", UP), "compiled"),
    call("f", DOWN),
)
def writing_functions():
    w = World(a=np.arange(6.0)[::-1].copy(), b=np.zeros(6), c=np.zeros(6))

    def f(x):
        np.copyto(w.b, w.a * 2, where=w.a > 2)
        np.put(w.c, [0, 2], [5, 6])
        np.add.at(w.c, [1, 1, 3], 1)
        w.a.sort()
        np.clip(w.b, 0, 4, out=w.b)
        w.b[w.b == 4] = -1
        np.cumsum(w.a, out=w.a)
        w.a /= w.a.max()
        w.c.fill(w.b.sum())
        return x * jnp.asarray(w.c, jnp.float32)[:3], np.multiply(w.a, 2, out=w.a)

    w.f = f
    return w


@scenario("rows of a Python loop are changed in place", settled(call("f", UP), "compiled"), call("f", DOWN))
def rows_in_place():
    w = World(a=np.zeros((3, 2)), many=np.zeros((20, 2)))

    def f(x):
        for i, row in enumerate(w.a):
            row += i
        for row in w.many:
            row[0] += 1
        return x, w.a.sum()

    w.f = f
    return w


@scenario("gradients and loops around writes", settled(call("f", UP), ("compiled", "mixed")), call("f", DOWN))
def written_under_grad():
    w = World(n=np.zeros(2, np.int64))

    def f(x):
        def loss(p):
            w.n[0] += 1
            return (p * x).sum()

        g = jax.grad(loss)(x)
        w.n[1] += 2
        return g, w.n.copy()

    w.f = f
    return w


@scenario(
    "split and unstacked arrays are written to", settled(call("f", UP), ("compiled", "mixed", "eager")), call("f", DOWN)
)
def parts_in_containers():
    w = World(a=np.zeros(6), pair=(np.zeros(2), np.ones(2)), d={"x": np.zeros(2)})

    def f(x):
        one, two = np.split(w.a, 2)
        one += 1
        w.pair[1][0] = 4
        w.d["x"] -= 1
        two[0] = 3
        return x, w.a.sum(), w.d["x"]

    w.f = f
    return w


@scenario(
    "a ring buffer with priorities is filled, corrected and sampled by index",
    settled(call("step", UP, 0.5, [0, 2], converted="step"), "compiled"),
    change(lambda w: w.priorities.fill(0.1)),
    call("step", DOWN, 0.25, [1, 1], rung="compiled"),
    steady("step", call("step", UP, 0.75, [3, 0]), call("step", DOWN, 1.5, [2, 2])),
    converted=("step",),
)
def ring_buffer():
    w = World(frames=np.zeros((4, 3), np.float32), priorities=np.zeros(4), at=0, weight=jnp.ones(3))

    def step(frame, reward, chosen):
        slot = w.at % 4
        w.frames[slot] = frame
        w.priorities[slot] = max(reward, w.priorities.max())
        w.at += 1
        batch = jnp.asarray(w.frames[chosen])
        w.weight = w.weight * 0.5 + batch.mean(axis=0)
        w.priorities[chosen] *= 0.9
        return w.weight, w.priorities.argmax()

    w.step = step
    return w


@scenario(
    "images of a batch are scaled, cut out and flipped in place",
    settled(call("f", np.arange(48, dtype=np.float32).reshape(2, 4, 6)), "compiled"),
    call("f", np.ones((2, 4, 6), np.float32), rung="compiled"),
    call("f", np.ones((3, 4, 6), np.float32)),
    call("f", np.ones((2, 4, 6), np.float32)[:, :, ::-1]),
)
def image_batches():
    w = World(mean=np.zeros(1), seen=0)

    def f(images):
        images /= 255
        w.mean *= w.seen / (w.seen + 1)
        w.mean += images.mean() / (w.seen + 1)
        w.seen += 1
        images[:, 1:3, 2:4] = 0
        images[0] = images[0, ::-1].copy()
        return jnp.asarray(images).sum(axis=(1, 2)), images[1:]

    return World(f=f, w=w)


@scenario(
    "a value of the program is written and read by the host alone",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
    change(lambda w: w.losses.fill(1)),
    call("f", UP, rung="compiled"),
)
def losses_in_numpy():
    w = World(losses=np.zeros(4), at=0, best=np.inf)

    def f(x):
        loss = (x * 2 - 1).sum()
        w.losses[w.at % len(w.losses)] = float(loss)
        w.at += 1
        print(f"mean {w.losses.mean():.3f}")
        return x * 0.5, w.losses.mean(), w.losses[: w.at % 4]

    w.f = f
    return w


@scenario(
    "a value of the program is written and then read by the program",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
    change(lambda w: w.a.fill(1)),
    call("f", UP),
)
def written_and_read():
    w = World(a=np.zeros(3, np.float32))

    def f(x):
        y = jnp.tanh(x)
        w.a[1] = y[1]
        w.a += 0.5
        return jnp.asarray(w.a) * y

    w.f = f
    return w


@scenario(
    "a list of ten thousand NumPy arrays is read, and one of them is written to",
    settled(call("f", UP, 3), ("compiled", "mixed")),
    call("f", DOWN, 4),
    call("f", DOWN, 0),
)
def many_arrays():
    w = World(data=[np.full(2, float(k)) for k in range(10_000)], total=np.zeros(2))
    w.total = w.data[0]

    def f(x, k):
        w.total += w.data[k]
        w.data[k] -= 1
        return x * 2, w.data[k].sum()

    w.f = f
    return w


@scenario(
    "an array that is too large to copy is written to, and read",
    settled(call("f", UP), ("compiled", "mixed")),
    call("f", DOWN),
)
def large():
    w = World(big=np.zeros((1000, 300)), at=0)

    def f(x):
        w.big[w.at % 1000, :3] = x
        w.at += 1
        y = x * 2
        return y, w.big[: w.at].sum()

    w.f = f
    return w


@scenario(
    "NumPy functions take JAX arrays for NumPy's",
    settled(call("f", UP), "compiled"),
    call("f", DOWN, rung="compiled"),
)
def functions_of_arrays():
    w = World(shift=np.array([0.5, 1.0, 1.5]), kept=None)

    def f(x):
        y = x * 2
        both = np.concatenate([np.asarray(y), w.shift])
        w.kept = np.add(w.shift, y)
        host = np.array(y)
        host[0] = 7
        host *= 2
        return both, np.sin(y), np.argmax(np.asarray(y)), host, host.max(), float(np.asarray(y).sum())

    w.f = f
    return w


@scenario(
    "an index that the program computes picks from lists of arrays, texts and numbers",
    settled(call("f", UP, jnp.array(1)), "compiled"),
    call("f", DOWN, jnp.array(0), rung="compiled"),
    call("f", UP, jnp.array(-1), rung="compiled"),
    call("f", UP, jnp.array(5)),
    change(lambda w: w.names.reverse()),
    call("f", UP, jnp.array(2)),
    change(lambda w: w.layers.pop()),
    call("f", UP, jnp.array(2)),
    call("f", DOWN, jnp.array(1)),
)
def picked():
    w = World(names=["a", "b", "c"], layers=[UP, UP * 2, UP * 3], rates=(0.5, 0.25, 0.125), last=None, n=0)

    def f(x, k):
        w.n += 1
        i = int(k)
        w.last = w.names[i]
        return x * w.rates[i] + w.layers[i], w.rates[i], x + [10, 20, 30][i], [1, 2**40, 3][i], w.layers[i]

    w.f = f
    return w


@scenario(
    "NumPy warns of a division in place as often as in Python",
    settled(call("f", UP, 0.0), "compiled"),
    call("f", DOWN, 2.0, rung="compiled"),
    call("f", UP, 0.0, rung="compiled"),
)
def warned():
    w = World(a=np.ones(3))

    def f(x, by):
        w.a /= by
        return x * 2

    w.f = f
    return w
