# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Loops whose trips arrays decide, differentiated in reverse, and data that grow in such loops."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled, steady

ONES = jnp.ones(3)
SMALL = jnp.full(3, 0.1, jnp.float32)
BIG = jnp.full(3, 40.0, jnp.float32)
ROWS = jnp.sin(jnp.arange(24.0)).reshape(8, 3)

# Gradients of programs -----------------------------------------------------------------------------------------------


@scenario(
    "Newton's iteration with damping, value and gradient of the root",
    settled(call("f", jnp.float32(3.0)), "compiled"),
    steady("f", call("f", jnp.float32(7.0), rung="compiled"), call("f", jnp.float32(0.5), rung="compiled")),
)
def newton():
    def residual(y, a):
        return y * y * y - a

    def root(a):
        y = a + 1.0
        while jnp.abs(residual(y, a)) > 1e-3:
            step = residual(y, a) / (3 * y * y)
            rate = 1.0
            while jnp.abs(residual(y - rate * step, a)) > jnp.abs(residual(y, a)):
                rate = rate * 0.5
            y = y - rate * step
        return y

    def f(a):
        return jax.value_and_grad(root)(a)

    return World(f=f)


@scenario(
    "an adaptive Runge-Kutta solver accepts and rejects its steps, and the gradient goes through both",
    settled(call("f", ONES, jnp.float32(0.4)), "compiled"),
    call("f", ONES * 2, jnp.float32(0.2), rung="compiled"),
    call("f", ONES, jnp.float32(0.0), rung="compiled"),
)
def adaptive_ode():
    def slope(y, rate):
        return jnp.stack([y[1], -rate * y[0], y[0] * y[1] - y[2]])

    def solve(rate, y, end):
        t, h, rejected = 0.0, 0.2, 0
        while t < end:
            h = jnp.minimum(h, end - t)
            k1 = slope(y, rate)
            k2 = slope(y + 0.5 * h * k1, rate)
            k3 = slope(y + 0.75 * h * k2, rate)
            better = y + h * (2 * k1 + 3 * k2 + 4 * k3) / 9
            k4 = slope(better, rate)
            error = jnp.max(jnp.abs(h * (-5 * k1 / 72 + k2 / 12 + k3 / 9 - k4 / 8)))
            if error <= 1e-3:
                t = t + h
                y = better
            else:
                rejected += 1
            h = h * jnp.clip(0.9 * (1e-3 / (error + 1e-12)) ** (1 / 3), 0.3, 3.0)
        return y.sum(), rejected

    def f(y, end):
        (value, rejected), gradient = jax.value_and_grad(solve, argnums=1, has_aux=True)(jnp.float32(4.0), y, end)
        return value, rejected, gradient

    return World(f=f)


@scenario(
    "a fixed point is solved for, and its parameters are trained through the solver",
    settled(call("step", ONES, converted="Solver.step"), "compiled"),
    call("step", SMALL, rung="compiled", converted="Solver.step"),
    change(lambda w: setattr(w.solver, "w", w.solver.w * 0.5)),
    call("step", ONES, rung="compiled", converted="Solver.step"),
    converted=("Solver.step",),
)
def fixed_point():
    class Solver:
        def __init__(self):
            self.w = jnp.eye(3) * 0.3
            self.trips = 0

        def solve(self, w, x):
            z, before = jnp.tanh(x), jnp.zeros(3)
            while jnp.linalg.norm(z - before) > 1e-3:
                z, before = jnp.tanh(w @ z + x), z
                self.trips += 1
            return z

        def step(self, x):
            loss, gradient = jax.value_and_grad(lambda w: jnp.sum(self.solve(w, x) ** 2))(self.w)
            self.w = self.w - 0.1 * gradient
            return loss

    w = World(Solver=Solver, solver=Solver())
    w.step = lambda x: w.solver.step(x)
    return w


@scenario(
    "a recurrent network runs until its stop token, and is trained through as many steps as there were",
    settled(call("f", ONES * 0.5), "compiled"),
    call("f", -ONES, rung="compiled"),
    call("f", ONES * 3, rung="compiled"),
)
def recurrent():
    w = World(
        weights={
            "h": jnp.array([[0.9, 0.3, -0.2], [-0.3, 0.8, 0.1], [0.2, 0.1, 0.9]]),
            "stop": jnp.array([0.5, -0.4, 0.3]),
        }
    )

    def loss(weights, x):
        h, total, steps = x, 0.0, 0
        while True:
            h = jnp.tanh(weights["h"] @ h + 0.1)
            stop = jax.nn.sigmoid(weights["stop"] @ h)
            total = total + (1 - stop) * jnp.sum(h**2)
            steps += 1
            if stop < 0.5 or steps >= 12:
                break
        return total / steps

    def f(x):
        value, gradient = jax.value_and_grad(loss)(w.weights, x)
        w.weights = jax.tree.map(lambda p, g: p - 0.01 * g, w.weights, gradient)
        return value

    w.f = f
    return w


@scenario(
    "k-means until no centre moves, and how the result depends on the points",
    settled(call("f", ROWS), "compiled"),
    call("f", ROWS * 2 + 1, rung="compiled"),
)
def k_means():
    def inertia(points):
        centres, moved = points[:2], jnp.float32(jnp.inf)
        while moved > 1e-3:
            distances = jnp.sum((points[:, None] - centres) ** 2, axis=-1)
            member = jax.nn.one_hot(jnp.argmin(distances, axis=1), 2)
            new = member.T @ points / jnp.maximum(member.sum(0), 1.0)[:, None]
            moved = jnp.max(jnp.abs(new - centres))
            centres = new
        return jnp.sum(jnp.min(jnp.sum((points[:, None] - centres) ** 2, axis=-1), axis=1))

    def f(points):
        return jax.value_and_grad(inertia)(points)

    return World(f=f)


@scenario(
    "L-BFGS with a backtracking line search: gradients in a loop in which steps are tried",
    settled(call("f", ONES), "compiled"),
    call("f", ONES * -0.5, rung="compiled"),
)
def lbfgs():
    def objective(x):
        return jnp.sum(jnp.cosh(x) + 0.5 * (x - jnp.roll(x, 1)) ** 2) + jnp.sum(x**4)

    def minimise(x):
        gradient = jax.grad(objective)(x)
        s, y = jnp.zeros((2, 3)), jnp.zeros((2, 3))
        while jnp.max(jnp.abs(gradient)) > 1e-2:
            q, kept = gradient, []
            for i in range(2):
                rho = jnp.where(s[i] @ y[i] > 1e-9, 1 / jnp.maximum(s[i] @ y[i], 1e-9), 0.0)
                alpha = rho * (s[i] @ q)
                q = q - alpha * y[i]
                kept.append((rho, alpha))
            for i in (1, 0):
                rho, alpha = kept[i]
                q = q + s[i] * (alpha - rho * (y[i] @ q))
            rate = 1.0
            while objective(x - rate * q) > objective(x) - 1e-4 * rate * (gradient @ q):
                rate *= 0.5
            new = x - rate * q
            after = jax.grad(objective)(new)
            s, y = jnp.stack([new - x, s[0]]), jnp.stack([after - gradient, y[0]])
            x, gradient = new, after
        return x

    def f(x):
        return minimise(x), objective(x)

    return World(f=f)


@scenario(
    "power iteration until the vector settles, and the gradient of the eigenvalue",
    settled(call("f", ROWS.T @ ROWS), "compiled"),
    call("f", jnp.diag(jnp.array([3.0, 1.0, 0.5])), rung="compiled"),
)
def power_iteration():
    def eigenvalue(a):
        v, before = jnp.ones(3) / jnp.sqrt(3.0), jnp.zeros(3)
        while jnp.max(jnp.abs(v - before)) > 1e-3:
            before = v
            v = a @ v
            v = v / jnp.linalg.norm(v)
        return v @ a @ v

    return World(f=lambda a: jax.value_and_grad(eigenvalue)(a))


# Gradients of constructs ---------------------------------------------------------------------------------------------


@scenario(
    "the gradient of a while loop that is entered not at all, often, and more often than there is room for",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", jnp.full(3, 1e6, jnp.float32), rung="compiled"),
    steady("f", call("f", ONES, rung="compiled"), call("f", BIG, rung="compiled"), call("f", SMALL, rung="compiled")),
)
def grad_of_while():
    def loss(x):
        while x.sum() > 1.0:
            x = 0.7 * x + 0.01 * jnp.sqrt(x)
        return jnp.sum(x**2)

    return World(f=lambda x: jax.value_and_grad(loss)(x))


@scenario(
    "the gradient of nested while loops: inner ones go round another number of times in each outer trip",
    settled(call("f", ONES * 2), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", ONES * 20, rung="compiled"),
)
def grad_of_nested():
    def loss(x):
        count = 0
        while x.sum() > 1.0:
            y = x
            while jnp.max(y) > 0.3:
                y = y * 0.6
                count += 1
            x = 0.5 * x + 0.1 * jnp.log1p(y)
        return x.sum() * count, count

    return World(f=lambda x: jax.value_and_grad(loss, has_aux=True)(x))


@scenario(
    "the gradient of for loops with break, continue and return on arrays",
    settled(call("f", ONES, ROWS), "compiled"),
    call("f", SMALL, ROWS, rung="compiled"),
    call("f", ONES, -ROWS, rung="compiled"),
)
def grad_of_jumps():
    def loss(w, rows):
        h = jnp.full(3, 0.5, jnp.float32)
        for row in rows:
            if row.sum() < 0:
                continue
            h = jnp.sqrt(jnp.abs(h * w + row))
            if h[0] > 1.2:
                break
        for row in rows:
            h = h * w
            if h.sum() < 1.0:
                return jnp.log(h.sum() + 3.0)
        return h.sum()

    return World(f=lambda w, rows: jax.grad(loss)(w, rows))


@scenario(
    "the gradient of a loop over a range with an array for its bound",
    settled(call("f", ONES, jnp.int32(5)), "compiled"),
    steady("f", call("f", ONES, jnp.int32(0), rung="compiled"), call("f", ONES, jnp.int32(7), rung="compiled")),
    call("f", ONES, jnp.int32(30), rung="compiled"),
)
def grad_of_range():
    def loss(x, n):
        for i in range(int(n)):
            x = jnp.sin(x) * (1 + 0.01 * i)
        return x.sum()

    return World(f=lambda x, n: jax.grad(loss)(x, n))


@scenario(
    "a trip that does not happen divides by zero, and no gradient shows it",
    settled(call("f", jnp.float32(4.0), jnp.float32(0.5)), "compiled"),
    call("f", jnp.float32(0.0), jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(1.0), jnp.float32(0.25), rung="compiled"),
)
def no_poison():
    def loss(x, w):
        while x > 0.0:
            x = jnp.maximum(jnp.sqrt(x) * w - 0.5 / jnp.sqrt(x) * w, 0.0)
        return x + w

    return World(f=lambda x, w: jax.grad(loss, argnums=(0, 1))(x, w))


@scenario(
    "a loop that is differentiated counts in Python, writes to an object, appends to its list and prints",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", BIG, rung="compiled"),
    change(lambda w: w.log.clear()),
    call("f", ONES, rung="compiled"),
)
def effects_in_grad():
    w = World(steps=0, log=[], last=None)

    def loss(x):
        here = 0
        while x.sum() > 1.0:
            x = x * 0.6
            here += 1
            w.steps += 1
            w.log.append(w.steps)
            print("step", w.steps, here)
        w.last = here
        return jnp.sum(x**2)

    w.f = lambda x: jax.grad(loss)(x)
    return w


@scenario(
    "an assertion in a loop that is differentiated fails in a later call",
    settled(call("f", ONES), "compiled"),
    call("f", jnp.array([1.0, 1.0, -5.0])),
    call("f", jnp.array([1.0, 9.0, -5.0])),
    call("f", ONES, rung="compiled"),
)
def assertion_in_grad():
    w = World(seen=0)

    def loss(x):
        while x.sum() > 1.0:
            w.seen += 1
            x = x - 0.5
            assert x[2] > -6.0, "too low"
        return jnp.sum(x**2)

    w.f = lambda x: jax.grad(loss)(x)
    return w


@scenario(
    "second derivatives, Jacobians, vjp, jvp and linearize of a while loop",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", ONES * 3, rung="compiled"),
)
def every_derivative():
    def loss(x):
        while jnp.sum(x**2) > 0.9:
            x = jnp.sin(x) * 0.9
        return jnp.sum(x**3)

    def f(x):
        value, pull = jax.vjp(loss, x)
        _, push = jax.linearize(loss, x)
        return (
            jax.hessian(loss)(x),
            jax.grad(lambda y: jax.grad(loss)(y).sum())(x),
            jax.jvp(jax.grad(loss), (x,), (x,)),
            jax.jacrev(loss)(x),
            jax.jacfwd(loss)(x),
            pull(value),
            push(x),
        )

    return World(f=f)


@scenario(
    "a gradient function that was made outside, of a function with a while loop and state",
    settled(call("f", ONES), "compiled"),
    call("f", BIG, rung="compiled"),
)
def made_outside():
    w = World(calls=0, trips=0)

    def loss(x):
        w.calls += 1
        while x.sum() > 1.0:
            x = x * 0.7
            w.trips += 1
        return jnp.sum(x**2)

    gradient, both = jax.grad(loss), jax.value_and_grad(loss)
    w.f = lambda x: (gradient(x), both(x))
    return w


@scenario(
    "gradients through dynamic loops that are computed again from checkpoints",
    settled(call("f", ONES, ROWS), "compiled"),
    call("f", SMALL, ROWS, rung="compiled"),
    call("f", jnp.full(3, 1e6, jnp.float32), ROWS, rung="compiled"),
    call("f", ONES, ROWS * 0, rung="compiled"),
    options={"loop_grad": "checkpoint"},
)
def checkpoints():
    def loss(x, rows):
        while x.sum() > 1.0:
            x = 0.7 * x + 0.01 * jnp.sqrt(x)
        for row in rows:
            x = jnp.tanh(x + row)
            if x.sum() > 2.0:
                break
        return jnp.sum(x**2)

    return World(f=lambda x, rows: jax.grad(loss)(x, rows))


# Growing data --------------------------------------------------------------------------------------------------------


@scenario(
    "a list that a while loop grew is returned, counted, indexed and gone through",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(1e9), rung="compiled"),
    steady("f", call("f", jnp.float32(9.0), rung="compiled"), call("f", jnp.float32(2e8), rung="compiled")),
    call("f", jnp.float32(1.5), rung="compiled"),
)
def grown():
    def f(x):
        found = [x]
        while x > 1.0:
            x = x * 0.5
            found.append(x)
        total = x * 0
        for value in found:
            total = total + value * value
        for i in range(len(found)):
            total = total - found[i]
        return found, len(found), found[-1], found[0], total

    return World(f=f)


@scenario(
    "a stack of pairs: nodes are taken off and put on as arrays decide, until it is empty",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(900.0), rung="compiled"),
)
def stack_of_nodes():
    def f(x):
        todo, total, nodes, deepest = [(x, 0)], x * 0, 0, 0
        while todo:
            value, depth = todo.pop()
            total = total + value
            nodes += 1
            deepest = depth if depth > deepest else deepest
            if value > 1.0:
                todo.append((value * 0.5, depth + 1))
                todo.append((value * 0.25, depth + 1))
        return total, nodes, deepest

    return World(f=f)


@scenario(
    "a queue is served from the front while more is put at its end",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(60.0), rung="compiled"),
)
def queue():
    import collections

    def f(x):
        waiting, total = collections.deque([x]), x * 0
        while waiting:
            value = waiting.popleft()
            total = total * 0.9 + value
            if value > 1.0:
                waiting.append(value * 0.5)
                waiting.append(value * 0.3)
        return total, len(waiting), waiting

    return World(f=f)


PROGRAM = jnp.array([0, 0, 1, 2, 0, 1])


@scenario(
    "an interpreter of a stack machine whose program is an array",
    settled(call("f", PROGRAM, jnp.float32(0.5)), "compiled"),
    call("f", jnp.array([2, 0, 0, 0, 2, 2]), jnp.float32(0.5), rung="compiled"),
    call("f", jnp.array([1, 0, 0, 0, 2, 2]), jnp.float32(0.5)),
    call("f", PROGRAM, jnp.float32(1.5), rung="compiled"),
)
def stack_machine():
    def f(program, x):
        stack = [x]
        for op in program:
            if op == 0:
                stack.append(stack[-1] * 2.0)
            elif op == 1:
                top = stack.pop()
                stack[-1] = stack[-1] + top
            else:
                stack[-1] = jnp.sin(stack[-1])
        return stack

    return World(f=f)


@scenario(
    "a list is appended to now and then in a loop with break, and old items are dropped",
    settled(call("f", jnp.sin(jnp.arange(9.0))), "compiled"),
    call("f", jnp.sin(jnp.arange(9.0)) * 0.1, rung="compiled"),
    call("f", jnp.ones(9), rung="compiled"),
)
def window():
    def f(xs):
        last = []
        for x in xs:
            if x > -0.5:
                last.append(x)
            if len(last) > 3:
                last.pop(0)
            if x > 0.95:
                break
        return last

    return World(f=f)


@scenario(
    "the gradient through a list that grows in a while loop",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(1e8), rung="compiled"),
)
def grad_of_grown():
    def loss(x):
        found = [x]
        while x > 1.0:
            x = jnp.sqrt(x) * 0.8
            found.append(x)
        total = x * 0
        for value in found:
            total = total + value * value
        return total

    return World(f=lambda x: jax.value_and_grad(loss)(x))


@scenario(
    "lists that grow and are held by a tuple, compared, stacked, joined or of two types stay lists",
    *(settled(call("f", jnp.float32(9.0), kind), ("compiled", "mixed", "eager")) for kind in range(6)),
    *(call("f", jnp.float32(3.0), kind) for kind in range(6)),
    call("f", jnp.float32(0.5), 0),
)
def stays_a_list():
    def f(x, kind):
        found = []
        other, held = found, (found,)
        while x > 1.0:
            x = x * 0.5
            found.append(x if kind != 4 else (x if len(found) % 2 else 1.0))
        if kind == 0:
            return len(other), other is found, held
        if kind == 1:
            return other == [], [0 for _ in other], [2 * v for v in found]
        if kind == 2:
            return jnp.stack(found)
        if kind == 3:
            return found + [x], found[:2], sum(found)
        if kind == 4:
            return found
        return sorted(found), max(found), x in found

    return World(f=f)


@scenario(
    "what a loop has found goes to an object of the user's",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(40.0), rung="compiled"),
    change(lambda w: w.seen.append(jnp.float32(1.0))),
    call("f", jnp.float32(0.5)),
    call("f", jnp.float32(40.0)),
)
def found_for_object():
    w = World(seen=[])

    def f(x):
        found = []
        while x > 1.0:
            x = x * 0.5
            found.append(x)
        w.seen = found
        w.also = found
        return x

    w.f = f
    return w


@scenario(
    "a list that grows has a second name, is filled by a helper or a bound method, or is only counted",
    *(settled(call("f", jnp.float32(9.0), kind), ("compiled", "mixed", "eager")) for kind in range(5)),
    *(call("f", jnp.float32(x), kind) for kind in range(5) for x in (0.5, 3.0)),
)
def second_names():
    def fill(found, x):
        while x > 1.0:
            x = x * 0.5
            found.append(x)
        return len(found)

    def counted(found, _):
        return [0 for _ in found], found == []

    def f(x, kind):
        found = []
        other, held, push = found, (found,), found.append
        if kind == 0:
            return fill(found, x), [0 for _ in found], other
        if kind == 1:
            return counted(found, fill(found, x))
        while x > 1.0:
            x = x * 0.5
            if kind == 2:
                push(x)
            else:
                found.append(x)
        return [0 for _ in other] if kind < 4 else [0 for _ in held[0]], other == [], found

    return World(f=f)


# Objects that loops replace ------------------------------------------------------------------------------------------


def _weights():
    return {"a": jnp.array([0.5, -0.3, 0.8]), "b": {"c": jnp.array([0.1, 0.2, -0.1])}, "n": 0}


@scenario(
    "weights in a dictionary are replaced in a while loop, and stay the same object if it has no trip",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", ONES * 4, rung="compiled"),
    steady("f", call("f", SMALL, rung="compiled"), call("f", ONES, rung="compiled")),
    change(lambda w: w.weights.update(a=jnp.ones(3))),
    call("f", SMALL, rung="compiled"),
    call("f", ONES, rung="compiled"),
)
def replaced():
    w = World(weights=_weights())

    def f(x):
        weights = w.weights
        while x.sum() > 1.0:
            weights = {"a": weights["a"] * 0.5, "b": {"c": weights["b"]["c"] + x}, "n": weights["n"] + 1}
            x = x * 0.5
        return weights, weights["b"], weights["a"].sum() + weights["n"]

    w.f = f
    return w


@scenario(
    "an attribute that holds an object is replaced in a loop in a loop, and read by a method",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", ONES * 4, rung="compiled"),
    change(lambda w: setattr(w, "kept", w.model.state)),
    call("f", SMALL, rung="compiled"),
    call("f", -ONES, rung="compiled"),
)
def replaced_attribute():
    import dataclasses

    @dataclasses.dataclass
    class State:
        value: object
        steps: int = 0

        def ahead(self, x):
            return State(self.value * 0.9 + x, self.steps + 1)

    class Model:
        def __init__(self):
            self.state = State(jnp.zeros(3))

    w = World(model=Model())

    def f(x):
        for row in ROWS:
            y = x + row
            while y.sum() > 1.0:
                w.model.state = w.model.state.ahead(y)
                y = y * 0.5
        return w.model.state, w.model.state.value.sum()

    w.f = f
    return w


@scenario(
    "the best weights so far are one of two objects, in a rolled loop and in a branch",
    settled(call("f", jnp.sin(jnp.arange(9.0))), "compiled"),
    call("f", -jnp.ones(9), rung="compiled"),
    call("f", jnp.arange(9.0), rung="compiled"),
)
def best_of():
    w = World(weights={"a": jnp.array([0.5, -0.3, 0.8])})

    def f(xs):
        weights = best = w.weights
        least = jnp.float32(0.5)
        for x in xs:
            weights = {"a": weights["a"] * 0.9 + x}
            loss = jnp.abs(weights["a"].sum() - 3.0)
            if loss < least:
                best, least = weights, loss
        if xs.sum() > 20.0:
            weights = w.weights
        return best, weights, least

    w.f = f
    return w


@scenario(
    "an object that may have been replaced is written to, compared, held by another, or the one before is written to",
    *(settled(call("f", ONES, kind), ("compiled", "mixed", "eager")) for kind in range(6)),
    *(call("f", SMALL, kind) for kind in range(6)),
    *(call("f", ONES * 2, kind) for kind in range(6)),
)
def replaced_and_written():
    w = World(weights={"a": jnp.array([0.5, -0.3, 0.8])}, seen=[], held=None)

    def f(x, kind):
        weights = w.weights
        while x.sum() > 1.0:
            if kind == 4:
                w.weights["a"] = w.weights["a"] + 1.0
            weights = {"a": weights["a"] * 0.5}
            x = x * 0.5
            if kind == 5:
                weights["a"] = weights["a"] + 1.0
        if kind == 0:
            weights["a"] = x
        elif kind == 1:
            return weights is w.weights, weights
        elif kind == 2:
            w.seen.append(weights)
            w.held = (weights, x)
        elif kind == 3:
            w.weights["a"] = x
        return weights["a"], weights

    w.f = f
    return w


# Bad input -----------------------------------------------------------------------------------------------------------

NAN = jnp.array([1.0, jnp.nan, 2.0])


@scenario(
    "a loop whose condition sees a NaN ends, or goes on to its last trip, as in Python",
    *(settled(call("f", ONES, kind), "compiled") for kind in range(3)),
    *(call("f", NAN, kind, rung="compiled") for kind in range(3)),
    *(call("f", jnp.full(3, jnp.inf, jnp.float32), kind, rung="compiled") for kind in (1, 2)),
    *(call("f", ONES * 2, kind, rung="compiled") for kind in range(3)),
)
def not_a_number():
    w = World(trips=0)

    def ends(x):
        while jnp.max(x) > 0.1:
            x = x * 0.5
            w.trips += 1
        return x

    def goes_on(x):
        trips = 0
        while not jnp.max(x) <= 0.1:
            x = x * 0.5
            trips += 1
            if trips >= 40:
                break
        return x, trips

    def differentiated(x):
        def loss(x):
            while jnp.sum(x**2) > 0.1:
                x = jnp.sin(x) * 0.5
            return jnp.sum(x)

        return jax.value_and_grad(loss)(x)

    w.f = lambda x, kind: (ends, goes_on, differentiated)[kind](x)
    return w


@scenario(
    "a loop goes round more often than anybody would have thought",
    settled(call("f", jnp.float32(10.0)), "compiled"),
    call("f", jnp.float32(5000.0), rung="compiled"),
    call("f", jnp.float32(11.0), rung="compiled"),
    call("f", jnp.float32(5001.0), rung="compiled"),
)
def far_longer():
    w = World(calls=0)

    def f(x):
        w.calls += 1
        trips = 0
        while x > 0.0:
            x = x - 1.0
            trips += 1
        return trips

    w.f = f
    return w


@scenario(
    "a program with a loop calls back to Python, and so takes nothing for granted",
    settled(call("f", ONES), "compiled"),
    call("f", SMALL, rung="compiled"),
)
def loop_and_callback():
    def f(x):
        while x.sum() > 1.0:
            x = x * 0.5
        jax.debug.print("ended with {}", x.sum())
        return x

    return World(f=f)


# Arrays that grow ----------------------------------------------------------------------------------------------------


@scenario(
    "an array is put together row by row in a while loop, and used afterwards as an array of that length",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(1e9), rung="compiled"),
    steady("f", call("f", jnp.float32(9.0), rung="compiled"), call("f", jnp.float32(3e8), rung="compiled")),
)
def growing_array():
    def f(x):
        rows = jnp.stack([x, x * 2])[None]
        while x > 1.0:
            x = x * 0.5
            rows = jnp.concatenate([rows, jnp.stack([x, jnp.sin(x)])[None]])
        total = jnp.zeros(2)
        for row in rows:
            total = total * 0.5 + row
        return rows, len(rows), rows.shape, rows[-1], rows.sum(0), jnp.log(rows * 3.0).mean(), total, rows * 2.0

    return World(f=f)


@scenario(
    "the gradient through an array that grows in a while loop",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5), rung="compiled"),
    call("f", jnp.float32(1e8), rung="compiled"),
)
def grad_of_growing_array():
    def loss(x):
        path = x[None]
        while x > 1.0:
            x = jnp.sqrt(x) * 0.8
            path = jnp.append(path, x)
        return jnp.mean(jnp.log(path + 1.0) ** 2) + path.max()

    return World(f=lambda x: jax.value_and_grad(loss)(x))


@scenario(
    "an array that grew is given whole to a function: what follows is a program for each length",
    settled(call("f", jnp.float32(9.0)), ("compiled", "mixed")),
    *(call("f", jnp.float32(x)) for x in (0.5, 70.0, 9.0)),
)
def growing_array_whole():
    def f(x):
        path = x[None]
        while x > 1.0:
            x = x * 0.5
            path = jnp.concatenate([path, x[None]])
        return jnp.cumsum(path), path

    return World(f=f)


# Queues and lists of local names -------------------------------------------------------------------------------------

GRAPH = jnp.array([[0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]])


@scenario(
    "breadth-first search with a queue over a graph that is an array",
    settled(call("f", GRAPH, jnp.int32(0)), "compiled"),
    call("f", GRAPH, jnp.int32(3), rung="compiled"),
    call("f", GRAPH.T, jnp.int32(3), rung="compiled"),
    call("f", GRAPH * 0, jnp.int32(1), rung="compiled"),
)
def breadth_first():
    import collections

    def f(graph, start):
        distance = jnp.full(5, -1).at[start].set(0)
        waiting, order = collections.deque([start]), []
        while waiting:
            node = waiting.popleft()
            order.append(node)
            for other in jnp.arange(5):
                if graph[node, other] > 0 and distance[other] < 0:
                    distance = distance.at[other].set(distance[node] + 1)
                    waiting.append(other)
        return distance, order

    return World(f=f)


@scenario(
    "breadth-first search from a node that is a Python number",
    settled(call("f", GRAPH, 0), "compiled"),
    call("f", GRAPH.T, 0, rung="compiled"),
    call("f", GRAPH, 3),
    call("f", GRAPH * 0, 3),
)
def breadth_first_of_numbers():
    import collections

    def f(graph, start):
        seen, waiting, visited = jnp.zeros(5, bool).at[start].set(True), collections.deque([start]), 0
        while waiting:
            node = waiting.popleft()
            visited += 1
            for other in range(5):
                if graph[node, other] > 0 and not seen[other]:
                    seen = seen.at[other].set(True)
                    waiting.append(other)
        return seen, visited

    return World(f=f)


@scenario(
    "a priority queue is a list that is sorted, cut, searched and added up in a loop that arrays end",
    *(settled(call("f", jnp.float32(9.0), kind), "compiled") for kind in range(6)),
    *(call("f", jnp.float32(x), kind) for kind in range(6) for x in (3.0, 0.5, 400.0)),
)
def reordered_list():
    def f(x, kind):
        found, y = [x], x
        while y > 1.0:
            y = y * 0.6
            if kind == 0:
                found.insert(0, 1.0 / (1.0 + y))
                found.insert(-1, y)
                found.sort()
            elif kind == 1:
                found.append(jnp.tanh(y - 2.0))
                found.sort(reverse=True)
                if len(found) > 4:
                    found.pop()
            elif kind == 2:
                found.append(y)
                if y < 4.0:
                    found.remove(y)
            elif kind == 3:
                found.append(y)
                found.reverse()
                y = y - 0.01 * found[-1]
            elif kind == 4:
                found.append(y)
                last = found[-3:]
                y = y - 0.001 * sum(last) / len(last)
            else:
                found.append(1.0 / (1.0 + y))
                y = y - 0.01 * (max(found) - min(found))
        return found, len(found)

    return World(f=f)


@scenario(
    "Python numbers in a list that grows: looked up, counted, cut, and copied",
    settled(call("f", jnp.float32(9.0)), "compiled"),
    call("f", jnp.float32(0.5)),
    call("f", jnp.float32(400.0), rung="compiled"),
)
def numbers_in_list():
    def f(x):
        found, trips = [3], 0
        while x > 1.0:
            x = x * 0.6
            trips += 1
            found.append(trips % 3)
            if 7 in found:
                break
        kept = found[1:4]
        other = found.copy()
        other.append(9)
        return found, kept, other, found.index(1), found.count(2), sum(found), found[2:-1], found[::1], 5 in other

    return World(f=f)
