# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Whole algorithms as a researcher writes them in plain Python: objects, lists, loops that arrays end, gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, scenario, settled, steady

ONES = jnp.ones(3)
SMALL = jnp.full(3, 0.1, jnp.float32)
ROWS = jnp.sin(jnp.arange(24.0)).reshape(8, 3)

# Search --------------------------------------------------------------------------------------------------------------

TRANSITIONS = jax.nn.log_softmax(jnp.sin(jnp.arange(36.0) * 1.7).reshape(6, 6) * 2.0)
START = jax.nn.log_softmax(jnp.cos(jnp.arange(6.0)))
STOPS = START.at[5].set(2.0)


@scenario(
    "beam search over tokens ends as soon as the best of its beams has ended",
    settled(call("search", START, converted="Decoder.search"), "compiled"),
    call("search", STOPS, rung="compiled", converted="Decoder.search"),
    call("search", START * 2, rung="compiled", converted="Decoder.search"),
    change(lambda w: setattr(w.decoder, "table", w.decoder.table.at[:, 5].add(-3.0))),
    call("search", START, rung="compiled", converted="Decoder.search"),
    change(lambda w: setattr(w.decoder, "width", 2)),
    call("search", START, rung="compiled", converted="Decoder.search"),
    converted=("Decoder.search",),
)
def beam_search():
    class Decoder:
        end, longest = 5, 12

        def __init__(self, table, width):
            self.table, self.width = table, width
            self.searched = 0

        def search(self, first):
            scores, tokens = jax.lax.top_k(first, self.width)
            sequences = jnp.full((self.width, self.longest), self.end).at[:, 0].set(tokens)
            done = tokens == self.end
            step = 1
            while step < self.longest:
                if done[jnp.argmax(scores)]:
                    break
                after = self.table[sequences[:, step - 1]]
                kept = jnp.where(jnp.arange(6) == self.end, 0.0, -jnp.inf)
                after = jnp.where(done[:, None], kept, after)
                scores, flat = jax.lax.top_k((scores[:, None] + after).reshape(-1), self.width)
                parents, tokens = flat // 6, flat % 6
                sequences = sequences[parents].at[:, step].set(tokens)
                done = done[parents] | (tokens == self.end)
                step += 1
            self.searched += step
            best = jnp.argmax(scores)
            return sequences[best], scores[best], step

    w = World(Decoder=Decoder, decoder=Decoder(TRANSITIONS, 3))
    w.search = lambda first: w.decoder.search(first)
    return w


@scenario(
    "beam search keeps its beams as a Python list of pairs, and prunes it by score",
    settled(call("f", START), "compiled"),
    call("f", START[::-1], rung="compiled"),
    call("f", STOPS, rung="compiled"),
)
def beams_in_a_list():
    def f(first):
        beams = [(first[i], jnp.int32(i), jnp.full(5, 5).at[0].set(i)) for i in range(6)]
        for step in range(1, 5):
            scores = jnp.stack([score for score, _, _ in beams])
            order = jnp.argsort(-scores)[:2]
            if jnp.all(jnp.stack([last for _, last, _ in beams])[order] == 5):
                break
            grown = []
            for rank in range(2):
                last = jnp.stack([last for _, last, _ in beams])[order[rank]]
                path = jnp.stack([path for _, _, path in beams])[order[rank]]
                after = scores[order[rank]] + jnp.where(last == 5, -1.0, TRANSITIONS[last])
                for token in range(3):
                    best = jnp.argsort(-after)[token]
                    grown.append((after[best], best.astype(jnp.int32), path.at[step].set(best)))
            beams = grown
        return beams[0], len(beams)

    return World(f=f)


# Optimisation --------------------------------------------------------------------------------------------------------


@scenario(
    "L-BFGS keeps its history in lists, and backtracks until the objective has fallen enough",
    settled(call("minimise", ONES, converted="LBFGS.minimise"), "compiled"),
    call("minimise", ONES * -0.5, rung="compiled", converted="LBFGS.minimise"),
    call("minimise", jnp.zeros(3), rung="compiled", converted="LBFGS.minimise"),
    change(lambda w: setattr(w.optimiser, "tolerance", 0.1)),
    call("minimise", ONES * 2, rung="compiled", converted="LBFGS.minimise"),
    converted=("LBFGS.minimise",),
)
def lbfgs():
    class LBFGS:
        def __init__(self, objective, memory=3, tolerance=1e-2):
            self.objective, self.memory, self.tolerance = objective, memory, tolerance
            self.evaluations = 0

        def direction(self, gradient, history):
            q, alphas = gradient, []
            for s, y in reversed(history):
                alpha = (s @ q) / (s @ y)
                q = q - alpha * y
                alphas.append(alpha)
            if history:
                s, y = history[-1]
                q = q * (s @ y) / (y @ y)
            for s, y in history:
                q = q + s * (alphas.pop() - (y @ q) / (s @ y))
            return -q

        def search(self, x, value, gradient, direction):
            rate, slope = 1.0, gradient @ direction
            while True:
                self.evaluations += 1
                if self.objective(x + rate * direction) <= value + 1e-4 * rate * slope or rate < 1e-6:
                    return rate
                rate = rate * 0.5

        def minimise(self, x):
            history = []
            value, gradient = jax.value_and_grad(self.objective)(x)
            for _ in range(20):
                if jnp.linalg.norm(gradient) < self.tolerance:
                    break
                direction = self.direction(gradient, history)
                rate = self.search(x, value, gradient, direction)
                new = x + rate * direction
                value, after = jax.value_and_grad(self.objective)(new)
                if (new - x) @ (after - gradient) > 1e-10:
                    history.append((new - x, after - gradient))
                if len(history) > self.memory:
                    history.pop(0)
                x, gradient = new, after
            return x, value

    def objective(x):
        return jnp.sum(jnp.cosh(x) + 0.5 * (x - jnp.roll(x, 1)) ** 2) + jnp.sum((x - 0.3) ** 4)

    w = World(LBFGS=LBFGS, optimiser=LBFGS(objective))
    w.minimise = lambda x: w.optimiser.minimise(x)
    return w


def _valley(x):
    # Newton's full step from further away than 1 leads further away still.
    return jnp.sum(jnp.sqrt(1.0 + (x - 0.5) ** 2)) + 0.05 * jnp.sum((x - jnp.roll(x, 1)) ** 2)


@scenario(
    "Newton's method halves its step until the gradient gets smaller, and says how it went",
    settled(call("f", jnp.array([1.0, 3.0, -2.0])), "compiled"),
    call("f", ONES * 5, rung="compiled"),
    call("f", SMALL, rung="compiled"),
    call("f", ONES * 0.5, rung="compiled"),
    steady("f", call("f", SMALL, rung="compiled"), call("f", jnp.array([2.5, 0.0, -2.0]), rung="compiled")),
)
def newton():
    def f(x):
        gradient = jax.grad(_valley)(x)
        steps = rejected = 0
        while jnp.linalg.norm(gradient) > 1e-2 and steps < 30:
            step = jnp.linalg.solve(jax.hessian(_valley)(x) + 1e-3 * jnp.eye(3), gradient)
            damping = 1.0
            while True:
                candidate = x - damping * step
                new = jax.grad(_valley)(candidate)
                if jnp.linalg.norm(new) < jnp.linalg.norm(gradient):
                    break
                damping /= 2
                rejected += 1
                if damping < 1e-3:
                    break
            x, gradient = candidate, new
            steps += 1
        print(f"{steps} steps, {rejected} rejected")
        return x, steps, rejected

    return World(f=f)


@scenario(
    "the root that a damped Newton finds is differentiated with respect to the equation's parameter",
    settled(call("f", jnp.float32(3.0)), "compiled"),
    steady("f", call("f", jnp.float32(7.0), rung="compiled"), call("f", jnp.float32(0.5), rung="compiled")),
    call("f", jnp.float32(5000.0), rung="compiled"),
)
def newton_root():
    def root(a):
        y, trips = a * 0.5 + 1.0, 0
        residual = y**3 - a
        while abs(residual) > 1e-3 * a:
            step, damping = residual / (3 * y**2), 1.0
            while abs((y - damping * step) ** 3 - a) > abs(residual):
                damping = damping * 0.5
            y = y - damping * step
            residual = y**3 - a
            trips += 1
        return y, trips

    def f(a):
        (value, trips), slope = jax.value_and_grad(root, has_aux=True)(a)
        return value, slope, trips

    return World(f=f)


# Integration and sampling --------------------------------------------------------------------------------------------


@scenario(
    "Dormand and Prince's adaptive solver, whose rejected steps count, is differentiated",
    settled(call("f", ONES, jnp.float32(0.6)), "compiled"),
    call("f", ONES * 2, jnp.float32(0.3), rung="compiled"),
    call("f", ONES, jnp.float32(0.0), rung="compiled"),
    change(lambda w: setattr(w.solver, "tolerance", 1e-5)),
    call("f", ONES, jnp.float32(0.6), rung="compiled"),
)
def dormand_prince():
    rows = (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    )
    errors = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

    class Solver:
        def __init__(self, tolerance):
            self.tolerance = tolerance
            self.accepted = self.rejected = 0

        def solve(self, slope, y, end):
            t, h = jnp.float32(0.0), jnp.float32(0.3)
            while t < end:
                h = jnp.minimum(h, end - t)
                stages = []
                for row in rows:
                    at = y
                    for weight, stage in zip(row, stages):
                        at = at + h * weight * stage
                    stages.append(slope(at))
                error = h * sum(weight * stage for weight, stage in zip(errors, stages))
                scaled = jnp.sqrt(jnp.mean((error / (self.tolerance * (1 + jnp.abs(y)))) ** 2)) + 1e-6
                if scaled <= 1.0:
                    t, y = t + h, at
                    self.accepted += 1
                else:
                    self.rejected += 1
                h = h * jnp.clip(0.9 * scaled**-0.2, 0.2, 5.0)
            return y

    w = World(solver=Solver(1e-3))

    def f(y, end):
        def loss(rate, y):
            final = w.solver.solve(lambda y: jnp.stack([y[1], -rate * y[0], y[0] * y[1] - y[2]]), y, end)
            return jnp.sum(final**2)

        return jax.value_and_grad(loss, argnums=(0, 1))(jnp.float32(9.0), y)

    w.f = f
    return w


@scenario(
    "NUTS doubles its trajectory until it turns, and draws from a posterior of two parameters",
    settled(call("draw", converted="Sampler.draw"), "compiled"),
    *[call("draw", rung="compiled", converted="Sampler.draw")] * 6,
    change(lambda w: setattr(w.sampler, "position", jnp.array([-1.5, 1.0]))),
    call("draw", rung="compiled", converted="Sampler.draw"),
    change(lambda w: setattr(w.sampler, "size", 0.1)),
    *[call("draw", rung="compiled", converted="Sampler.draw")] * 3,
    converted=("Sampler.draw",),
)
def nuts():
    def log_density(x):
        return -0.5 * (x[0] ** 2 / 0.5 + (x[1] - 0.4 * x[0] ** 2) ** 2 / 0.3)

    class Sampler:
        def __init__(self, key, size, depth):
            self.key, self.size, self.depth = key, size, depth
            self.position = jnp.array([0.2, -0.3])
            self.leapfrogs = self.divergences = 0

        def uniform(self):
            self.key, key = jax.random.split(self.key)
            return jax.random.uniform(key)

        def leapfrog(self, x, p, direction):
            step = direction * self.size
            p = p + 0.5 * step * jax.grad(log_density)(x)
            x = x + step * p
            p = p + 0.5 * step * jax.grad(log_density)(x)
            self.leapfrogs += 1
            return x, p

        def draw(self):
            self.key, key = jax.random.split(self.key)
            x, p = self.position, jax.random.normal(key, (2,))
            energy = log_density(x) - 0.5 * p @ p
            slice_ = energy + jnp.log(self.uniform())
            left, right = (x, p), (x, p)
            sample, count, going, depth = x, 1, True, 0
            while going and depth < self.depth:
                direction = jnp.where(self.uniform() < 0.5, -1.0, 1.0)
                at = left if direction < 0 else right
                new, inside, turned = at[0], 0, False
                for _ in range(2**depth):
                    at = self.leapfrog(*at, direction)
                    joint = log_density(at[0]) - 0.5 * at[1] @ at[1]
                    if slice_ <= joint:
                        inside += 1
                        if self.uniform() < 1.0 / inside:
                            new = at[0]
                    if joint < slice_ - 1000.0:
                        self.divergences += 1
                        turned = True
                        break
                if direction < 0:
                    left = at
                else:
                    right = at
                if not turned and self.uniform() < inside / count:
                    sample = new
                count += inside
                span = right[0] - left[0]
                going = not turned and span @ left[1] >= 0 and span @ right[1] >= 0
                depth += 1
            self.position = sample
            return sample, depth, count

    w = World(Sampler=Sampler, sampler=Sampler(jax.random.key(0), 0.35, 6))
    w.draw = lambda: w.sampler.draw()
    return w


# Clusters ------------------------------------------------------------------------------------------------------------


@scenario(
    "k-means moves its centres until none moves any more, and keeps them for the next call",
    settled(call("fit", ROWS, converted="KMeans.fit"), "compiled"),
    call("fit", ROWS * 2 + 1, rung="compiled", converted="KMeans.fit"),
    change(lambda w: setattr(w.model, "centres", ROWS[:2])),
    call("fit", ROWS, rung="compiled", converted="KMeans.fit"),
    call("fit", ROWS[:6], converted="KMeans.fit"),
    converted=("KMeans.fit",),
)
def k_means():
    class KMeans:
        def __init__(self, centres):
            self.centres = centres
            self.inertia = None
            self.trips = 0

        def assign(self, points):
            distances = jnp.sum((points[:, None, :] - self.centres) ** 2, axis=-1)
            return jnp.argmin(distances, axis=1), jnp.min(distances, axis=1)

        def fit(self, points):
            before = None
            for trip in range(50):
                members, distances = self.assign(points)
                if before is not None and jnp.all(members == before):
                    break
                before = members
                means = []
                for k in range(len(self.centres)):
                    chosen = (members == k)[:, None]
                    if chosen.any():
                        means.append(jnp.sum(points * chosen, axis=0) / chosen.sum())
                    else:
                        means.append(self.centres[k])
                self.centres = jnp.stack(means)
                self.trips += 1
            self.inertia = distances.sum()
            return members, trip

    w = World(KMeans=KMeans, model=KMeans(ROWS[:2]))
    w.fit = lambda points: w.model.fit(points)
    return w


@scenario(
    "the centres of k-means depend on the points, and a gradient says how",
    settled(call("f", ROWS), "compiled"),
    call("f", ROWS * 2 + 1, rung="compiled"),
    call("f", jnp.zeros((8, 3)), rung="compiled"),
)
def k_means_gradient():
    def centres_of(points):
        centres = points[:2]
        while True:
            member = jax.nn.one_hot(jnp.argmin(jnp.sum((points[:, None] - centres) ** 2, axis=-1), axis=1), 2)
            new = member.T @ points / jnp.maximum(member.sum(0), 1.0)[:, None]
            if jnp.max(jnp.abs(new - centres)) < 1e-3:
                return new
            centres = new

    return World(f=lambda points: jax.value_and_grad(lambda points: jnp.sum(centres_of(points) ** 2))(points))


# Networks ------------------------------------------------------------------------------------------------------------

BATCH = jnp.sin(jnp.arange(4 * 6 * 3.0)).reshape(4, 6, 3)
LENGTHS = jnp.array([6, 2, 0, 4])


def _cell():
    return {"x": jnp.eye(3) * 0.5, "h": jnp.array([[0.9, 0.3, -0.2], [-0.3, 0.8, 0.1], [0.2, 0.1, 0.9]])}


@scenario(
    "a recurrent network goes on while any example of its batch does, and each example ends at its own length",
    settled(call("step", BATCH, LENGTHS), "compiled"),
    call("step", BATCH * 2, jnp.array([1, 1, 2, 0]), rung="compiled"),
    call("step", BATCH, jnp.zeros(4, int), rung="compiled"),
    steady("step", call("step", BATCH, LENGTHS, rung="compiled"), call("step", -BATCH, LENGTHS - 1, rung="compiled")),
    call("step", BATCH[:2], LENGTHS[:2]),
    converted=("step",),
)
def lengths_of_examples():
    w = World(weights=_cell(), trained=0)

    def loss(weights, xs, lengths):
        h, t = jnp.zeros((xs.shape[0], 3)), 0
        while jnp.any(t < lengths):
            new = jnp.tanh(xs[:, t] @ weights["x"] + h @ weights["h"])
            h = jnp.where((t < lengths)[:, None], new, h)
            t += 1
        return jnp.mean(h**2), t

    def step(xs, lengths):
        (value, steps), gradient = jax.value_and_grad(loss, has_aux=True)(w.weights, xs, lengths)
        w.weights = jax.tree.map(lambda p, g: p - 0.1 * g, w.weights, gradient)
        w.trained += steps
        return value, steps

    w.step = step
    return w


@scenario(
    "each example of a batch goes through the network by itself, as many steps as its length says",
    settled(call("f", BATCH, LENGTHS), "compiled"),
    call("f", -BATCH, jnp.array([1, 1, 2, 0]), rung="compiled"),
    call("f", BATCH, jnp.zeros(4, int), rung="compiled"),
)
def one_by_one():
    w = World(weights=_cell())

    def last(weights, xs, length):
        h = jnp.zeros(3)
        for x in xs[: int(length)] if isinstance(length, int) else xs:
            h = jnp.tanh(x @ weights["x"] + h @ weights["h"])
            length = length - 1
            if length <= 0:
                break
        return h

    def loss(weights, batch, lengths):
        total = 0.0
        for xs, length in zip(batch, lengths):
            if length > 0:
                total = total + jnp.sum(last(weights, xs, length) ** 2)
        return total / len(batch)

    w.f = lambda batch, lengths: jax.value_and_grad(loss)(w.weights, batch, lengths)
    return w


# Machines ------------------------------------------------------------------------------------------------------------

PUSH, ADD, MULTIPLY, SINE, COPY, SWAP = range(6)
ARRAY = jnp.array([PUSH, PUSH, ADD, SINE, PUSH, MULTIPLY, COPY, ADD])
OTHER = jnp.array([PUSH, COPY, MULTIPLY, PUSH, SWAP, SINE, ADD, SINE])


@scenario(
    "a stack machine runs a program of op codes in an array",
    settled(call("f", ARRAY, jnp.float32(0.5)), "compiled"),
    call("f", OTHER, jnp.float32(0.5), rung="compiled"),
    call("f", ARRAY, jnp.float32(1.5), rung="compiled"),
    call("f", jnp.array([PUSH, ADD, PUSH, PUSH, PUSH, PUSH, PUSH, SINE]), jnp.float32(1.5)),
    call("f", OTHER, jnp.float32(2.5), rung="compiled"),
)
def machine_on_an_array():
    def f(program, x):
        stack, steps = [], 0
        for op in program:
            if op == PUSH:
                stack.append(x)
            elif op == ADD:
                stack.append(stack.pop() + stack.pop())
            elif op == MULTIPLY:
                stack.append(stack.pop() * stack.pop())
            elif op == SINE:
                stack[-1] = jnp.sin(stack[-1])
            elif op == COPY:
                stack.append(stack[-1])
            else:
                stack[-1], stack[-2] = stack[-2], stack[-1]
            steps += 1
        return stack[-1], len(stack), steps

    return World(f=f)


@scenario(
    "the result of a stack machine is differentiated with respect to what its program pushes",
    settled(call("f", ARRAY, jnp.float32(0.5)), "compiled"),
    call("f", OTHER, jnp.float32(0.5), rung="compiled"),
    call("f", ARRAY, jnp.float32(1.5), rung="compiled"),
)
def machine_gradient():
    def run(x, program):
        stack = []
        for op in program:
            if op == PUSH:
                stack.append(x)
            elif op == ADD:
                stack.append(stack.pop() + stack.pop())
            elif op == MULTIPLY:
                stack.append(stack.pop() * stack.pop())
            elif op == SINE:
                stack.append(jnp.sin(stack.pop()))
            elif op == COPY:
                stack.append(stack[-1])
            else:
                a, b = stack.pop(), stack.pop()
                stack.append(a)
                stack.append(b)
        return stack.pop()

    return World(f=lambda program, x: jax.value_and_grad(run)(x, program))


@scenario(
    "a machine with a program counter, jumps and a budget of steps",
    settled(call("f", jnp.array([0, 0, 1, 2, 3]), jnp.float32(9.0)), "compiled"),
    call("f", jnp.array([0, 0, 1, 2, 3]), jnp.float32(0.5), rung="compiled"),
    call("f", jnp.array([0, 1, 2, 2, 3]), jnp.float32(900.0), rung="compiled"),
    call("f", jnp.array([2, 2, 2, 2, 2]), jnp.float32(1e9), rung="compiled"),
)
def machine_with_jumps():
    def f(code, x):
        counter, steps, trace = 0, 0, []
        while steps < 60:
            op = code[counter]
            steps += 1
            if op == 3:
                break
            if op == 0:
                x = x * 0.5
            elif op == 1:
                trace.append(x)
            elif x > 1.0:
                counter = 0
                continue
            counter = (counter + 1) % 5
        return x, steps, trace

    return World(f=f)


@scenario(
    "a stack machine whose program is a list of Python's op codes is the program, compiled",
    settled(call("f", [0, 0, 1, 3, 0, 2], jnp.float32(0.5)), "compiled"),
    call("f", [0, 0, 1, 3, 0, 2], jnp.float32(1.5), rung="compiled"),
    call("f", [0, 4, 2, 3], jnp.float32(0.5)),
    call("f", [0, 1], jnp.float32(0.5)),
    call("f", [0, 0, 1, 3, 0, 2], jnp.float32(2.5), rung="compiled"),
)
def machine_on_a_list():
    def run(x, program):
        stack = []
        for op in program:
            if op == PUSH:
                stack.append(x)
            elif op in (ADD, MULTIPLY):
                a, b = stack.pop(), stack.pop()
                stack.append(a + b if op == ADD else a * b)
            elif op == SINE:
                stack.append(jnp.sin(stack.pop()))
            else:
                stack.append(stack[-1])
        return stack.pop()

    return World(f=lambda program, x: jax.value_and_grad(run)(x, program))


# Learning to learn ---------------------------------------------------------------------------------------------------

TASKS = jnp.array([[1.0, 0.0], [0.5, 1.0], [2.0, -1.0], [1.5, 0.3], [0.2, 0.4]])
XS = jnp.linspace(-1.0, 1.0, 6)


def _predict(weights, x):
    return jnp.tanh(x[:, None] * weights["a"] + weights["b"]) @ weights["c"]


def _meta_weights():
    return {"a": jnp.array([0.5, -0.3, 0.8]), "b": jnp.array([0.1, 0.2, -0.1]), "c": jnp.array([0.3, 0.6, -0.4])}


@scenario(
    "MAML: the outer gradient goes through gradient steps that a Python loop takes for each task",
    settled(call("train", TASKS[:3], converted="Maml.train"), "compiled"),
    call("train", -TASKS[:3], rung="compiled", converted="Maml.train"),
    change(lambda w: setattr(w.maml, "inner_steps", 2)),
    call("train", TASKS[:3], rung="compiled", converted="Maml.train"),
    call("train", TASKS, converted="Maml.train"),
    change(lambda w: setattr(w.maml, "rate", 0.05)),
    call("train", TASKS, rung="compiled", converted="Maml.train"),
    converted=("Maml.train",),
)
def maml():
    class Maml:
        def __init__(self):
            self.weights = _meta_weights()
            self.rate, self.inner_steps = 0.1, 3
            self.history = []

        def loss(self, weights, task):
            return jnp.mean((_predict(weights, XS) - jnp.sin(XS * task[0] + task[1])) ** 2)

        def adapt(self, weights, task):
            for _ in range(self.inner_steps):
                gradient = jax.grad(self.loss)(weights, task)
                weights = jax.tree.map(lambda p, g: p - self.rate * g, weights, gradient)
            return weights

        def outer(self, weights, tasks):
            total = 0.0
            for task in tasks:
                total += self.loss(self.adapt(weights, task), task)
            return total / len(tasks)

        def train(self, tasks):
            value, gradient = jax.value_and_grad(self.outer)(self.weights, tasks)
            self.weights = jax.tree.map(lambda p, g: p - 0.01 * g, self.weights, gradient)
            self.history.append(float(value))
            return value

    w = World(Maml=Maml, maml=Maml())
    w.train = lambda tasks: w.maml.train(tasks)
    return w


@scenario(
    "MAML adapts for as many steps as the loss of the task needs, and the outer gradient goes through them",
    settled(call("f", TASKS[0]), "compiled"),
    call("f", TASKS[2], rung="compiled"),
    call("f", TASKS[4], rung="compiled"),
    steady("f", call("f", TASKS[0], rung="compiled"), call("f", TASKS[4], rung="compiled")),
)
def maml_until_good():
    w = World(weights=_meta_weights())

    def loss(weights, task):
        return jnp.mean((_predict(weights, XS) - jnp.sin(XS * task[0] + task[1])) ** 2)

    def adapted(weights, task):
        steps = 0
        while loss(weights, task) > 0.1 and steps < 10:
            weights = jax.tree.map(lambda p, g: p - 0.2 * g, weights, jax.grad(loss)(weights, task))
            steps += 1
        return loss(weights, task), steps

    def f(task):
        (value, steps), gradient = jax.value_and_grad(adapted, has_aux=True)(w.weights, task)
        return value, steps, gradient

    w.f = f
    return w
