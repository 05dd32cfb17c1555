# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Programs as people write them, over the libraries that they use."""

from __future__ import annotations

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax import nnx
from flax.training import train_state

from tests.conformance.harness import World, call, change, scenario, settled, steady
from tests.conformance.walk import Tolerance

LOOSE = Tolerance(relative=2e-4, absolute=2e-5)
IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6, 6, 1)), jnp.float32)
LABELS = jnp.array([0, 1, 2, 1])
BATCH = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3)), jnp.float32)
TARGET = jnp.asarray(np.random.default_rng(2).normal(size=(5, 2)), jnp.float32)


def _cnn():
    class CNN(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(1, 4, (3, 3), use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.drop = nnx.Dropout(0.2, rngs=rngs)
            self.out = nnx.Linear(4, 3, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.norm(self.conv(x)))
            x = self.drop(x.mean(axis=(1, 2)))
            return self.out(x)

    class Trainer:
        def __init__(self):
            self.model = CNN(nnx.Rngs(0))
            self.optimizer = nnx.Optimizer(self.model, optax.adamw(1e-2, eps=1e-2), wrt=nnx.Param)
            self.history = {"loss": [], "accuracy": []}
            self.best = float("inf")

        def train_step(self, x, y):
            def loss_fn(model):
                logits = model(x)
                loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
                return loss, logits

            (loss, logits), grads = nnx.value_and_grad(loss_fn, has_aux=True)(self.model)
            self.optimizer.update(self.model, grads)
            self.history["loss"].append(float(loss))
            if loss < self.best:
                self.best = float(loss)
            return loss

        def evaluate(self, x, y):
            self.history["accuracy"].append(float((self.model(x).argmax(-1) == y).mean()))
            return self.history["accuracy"][-1]

    return World(Trainer=Trainer, t=Trainer())


nnx_cnn = scenario(
    "an NNX CNN with BatchNorm and Dropout, train and eval modes switched from outside",
    settled(call("t.train_step", IMAGES, LABELS, converted="Trainer.train_step"), "compiled"),
    change(lambda w: w.t.model.eval()),
    settled(call("t.evaluate", IMAGES, LABELS, converted="Trainer.evaluate"), "compiled"),
    change(lambda w: w.t.model.train()),
    call("t.train_step", IMAGES, LABELS, converted="Trainer.train_step"),
    change(lambda w: w.t.history["accuracy"].append(0.5)),
    steady("Trainer.train_step", call("t.train_step", IMAGES, LABELS, rung="compiled", converted="Trainer.train_step")),
    change(lambda w: w.t.model.eval()),
    call("t.evaluate", IMAGES, LABELS, rung="compiled", converted="Trainer.evaluate"),
    converted=("Trainer.train_step", "Trainer.evaluate"),
    tolerance=LOOSE,
)(_cnn)


@scenario(
    "an Equinox MLP with filter_value_and_grad",
    settled(call("f", BATCH, TARGET), "compiled"),
    steady("f", call("f", -BATCH, TARGET, rung="compiled")),
    tolerance=LOOSE,
)
def equinox_mlp():
    w = World(model=eqx.nn.MLP(3, 2, 8, 2, key=jax.random.key(0)), steps=0)
    tx = optax.adam(1e-2)
    w.state = tx.init(eqx.filter(w.model, eqx.is_inexact_array))

    @eqx.filter_value_and_grad
    def loss_fn(model, x, y):
        return jnp.mean((jax.vmap(model)(x) - y) ** 2)

    def f(x, y):
        loss, grads = loss_fn(w.model, x, y)
        updates, w.state = tx.update(grads, w.state, eqx.filter(w.model, eqx.is_inexact_array))
        w.model = eqx.apply_updates(w.model, updates)
        w.steps += 1
        return loss

    w.f = f
    return w


@scenario(
    "Flax Linen with a TrainState",
    settled(call("f", BATCH, TARGET), "compiled"),
    steady("f", call("f", -BATCH, TARGET, rung="compiled")),
    tolerance=LOOSE,
)
def linen_train_state():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2)(nn.tanh(nn.Dense(8)(x)))

    net = Net()
    params = net.init(jax.random.key(0), BATCH)["params"]
    w = World(state=train_state.TrainState.create(apply_fn=net.apply, params=params, tx=optax.sgd(0.1, momentum=0.9)))

    def f(x, y):
        def loss_fn(params):
            return jnp.mean((w.state.apply_fn({"params": params}, x) - y) ** 2)

        loss, grads = jax.value_and_grad(loss_fn)(w.state.params)
        w.state = w.state.apply_gradients(grads=grads)
        return loss

    w.f = f
    return w


@scenario(
    "an Optax chain with a schedule and apply_if_finite",
    settled(call("f", BATCH), "compiled"),
    call("f", BATCH * jnp.nan, rung="compiled"),
    call("f", BATCH, rung="compiled"),
    tolerance=LOOSE,
)
def optax_chain():
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, 3, 20)
    tx = optax.apply_if_finite(
        optax.chain(
            optax.clip_by_global_norm(1.0), optax.scale_by_adam(eps=1e-2), optax.scale_by_learning_rate(schedule)
        ),
        max_consecutive_errors=2,
    )
    w = World(params={"w": jnp.ones((3, 2))}, skipped=0)
    w.state = tx.init(w.params)

    def f(x):
        loss, grads = jax.value_and_grad(lambda p: jnp.mean((x @ p["w"]) ** 2))(w.params)
        updates, w.state = tx.update(grads, w.state, w.params)
        w.params = optax.apply_updates(w.params, updates)
        if not jnp.isfinite(loss):
            w.skipped += 1
        return loss

    w.f = f
    return w


@scenario(
    "a PRNG key in an attribute is split in every call",
    settled(call("s.draw", 3, converted="Sampler.draw"), "compiled"),
    change(lambda w: setattr(w.s, "key", jax.random.key(7))),
    steady("Sampler.draw", call("s.draw", 3, rung="compiled", converted="Sampler.draw")),
    call("s.draw", 4, converted="Sampler.draw"),
    converted=("Sampler.draw",),
)
def prng_attribute():
    class Sampler:
        def __init__(self, seed):
            self.key = jax.random.key(seed)
            self.drawn = 0

        def next(self):
            self.key, key = jax.random.split(self.key)
            self.drawn += 1
            return key

        def draw(self, n):
            noise = jax.random.normal(self.next(), (n,))
            keep = jax.random.bernoulli(self.next(), 0.5, (n,))
            return jnp.where(keep, noise, 0.0)

    return World(Sampler=Sampler, s=Sampler(0))


@scenario(
    "a replay buffer that writes to NumPy arrays in place",
    settled(call("agent.step", BATCH[0], 1.0, converted="Agent.step"), "compiled"),
    change(lambda w: w.agent.buffer.rewards.fill(0.5)),
    call("agent.step", BATCH[1], -1.0, rung="compiled", converted="Agent.step"),
    call("agent.step", BATCH[2], 2.0, rung="compiled", converted="Agent.step"),
    converted=("Agent.step",),
    tolerance=LOOSE,
)
def replay_buffer():
    class Buffer:
        def __init__(self, size):
            self.seen = np.zeros((size, 3), np.float32)
            self.rewards = np.zeros(size, np.float32)
            self.at = 0
            self.full = False

        def add(self, seen, reward):
            self.seen[self.at] = seen
            self.rewards[self.at] = reward
            self.at = (self.at + 1) % len(self.rewards)
            self.full = self.full or self.at == 0

        def sample(self):
            n = len(self.rewards) if self.full else self.at
            return jnp.asarray(self.seen[:n]), jnp.asarray(self.rewards[:n])

    class Agent:
        def __init__(self):
            self.w = jnp.zeros(3)
            self.buffer = Buffer(4)

        def step(self, seen, reward):
            self.buffer.add(seen, reward)
            xs, ys = self.buffer.sample()
            loss, grad = jax.value_and_grad(lambda w: jnp.mean((xs @ w - ys) ** 2))(self.w)
            self.w = self.w - 0.1 * grad
            return loss

    return World(Agent=Agent, agent=Agent())


@scenario(
    "a Gymnasium CartPole loop: the environment is opaque, the agent is converted",
    settled(call("f", 3), "mixed"),
    change(lambda w: setattr(w.agent, "rate", 0.001)),
    call("f", 4, rung="mixed"),
    tolerance=LOOSE,
)
def cartpole():
    class Agent:
        def __init__(self):
            self.w = jnp.full((4,), 0.1)
            self.rate = 0.01
            self.episodes = 0

        def act(self, seen):
            return jnp.tanh(seen @ self.w)

        def learn(self, seen, rewards):
            weights = jnp.asarray(rewards, jnp.float32)
            grad = jax.grad(lambda w: (jnp.tanh(seen @ w) * weights).mean())(self.w)
            self.w = self.w + self.rate * grad
            self.episodes += 1

    w = World(env=gymnasium.make("CartPole-v1").unwrapped, agent=Agent(), lengths=[])

    def f(seed):
        seen, _ = w.env.reset(seed=seed)
        frames, rewards, done = [], [], False
        while not done and len(frames) < 12:
            action = w.agent.act(jnp.asarray(seen))
            frames.append(jnp.asarray(seen))
            seen, reward, done, _, _ = w.env.step(int(action > 0))
            rewards.append(reward)
        w.agent.learn(jnp.stack(frames), rewards)
        w.lengths.append(len(frames))
        return sum(rewards)

    w.f = f
    w.close = w.env.close
    return w
