"""LSTM train step, written as a Python loop over the time steps; the expert writes ``lax.scan``.

Besides the time of a step, the time to the first one: how long tracing and compiling take, and how that grows with the
number of time steps. A loop that is unrolled compiles for as long as it is.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.columns import convert, explanation, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, must_be_compiled, ratio, reason, wait

TITLE = "LSTM train step as a Python loop, T = 35, batch 20, 64 units"
STEPS = 35
BATCH = 20
UNITS = 64
WORDS = 64
LENGTHS = (35, 70, 140)
PATIENCE = 20.0  # seconds of a first step, after which no longer ones are tried

Params = dict[str, jax.Array]
_clear_caches: Callable[[], object] = jax.clear_caches


class Lstm:
    """A word model: embedding, one LSTM layer, a projection to the words; counts its steps."""

    def __init__(self, seed: int, lr: float = 0.1) -> None:
        keys = jax.random.split(jax.random.key(seed), 3)
        self.embedding = jax.random.normal(keys[0], (WORDS, UNITS)) * 0.1
        self.kernel = jax.random.normal(keys[1], (2 * UNITS, 4 * UNITS)) * 0.1
        self.bias = jnp.zeros(4 * UNITS)
        self.head = jax.random.normal(keys[2], (UNITS, WORDS)) * 0.1
        self.lr = lr
        self.steps = 0

    def params(self) -> Params:
        """What is trained."""
        return {"embedding": self.embedding, "kernel": self.kernel, "bias": self.bias, "head": self.head}

    def cell(self, params: Params, x: jax.Array, h: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
        """One time step."""
        gates = jnp.concatenate([x, h], axis=1) @ params["kernel"] + params["bias"]
        i, f, g, o = jnp.split(gates, 4, axis=1)
        c = jax.nn.sigmoid(f + 1.0) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def loss(self, params: Params, words: jax.Array, targets: jax.Array) -> jax.Array:
        """Mean cross entropy over a batch of sentences, time first."""
        xs = params["embedding"][words]
        h = jnp.zeros((words.shape[1], UNITS))
        c = jnp.zeros((words.shape[1], UNITS))
        outputs = []
        for t in range(words.shape[0]):
            h, c = self.cell(params, xs[t], h, c)
            outputs.append(h)
        return cross_entropy(jnp.stack(outputs) @ params["head"], targets)

    def train_step(self, words: jax.Array, targets: jax.Array) -> Any:
        """The program: one step of gradient descent, by attribute assignment."""
        loss, grads = jax.value_and_grad(self.loss)(self.params(), words, targets)
        self.embedding = self.embedding - self.lr * grads["embedding"]
        self.kernel = self.kernel - self.lr * grads["kernel"]
        self.bias = self.bias - self.lr * grads["bias"]
        self.head = self.head - self.lr * grads["head"]
        self.steps += 1
        return loss


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean negative log-likelihood."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1))


def expert_loss(params: Params, words: jax.Array, targets: jax.Array) -> jax.Array:
    """The expert's loss: a scan over the time steps."""
    xs = params["embedding"][words]
    kernel, bias = params["kernel"], params["bias"]

    def body(carry: tuple[jax.Array, jax.Array], x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        h, c = carry
        gates = jnp.concatenate([x, h], axis=1) @ kernel + bias
        i, f, g, o = jnp.split(gates, 4, axis=1)
        c = jax.nn.sigmoid(f + 1.0) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((words.shape[1], UNITS))
    _, hs = lax.scan(body, (zeros, zeros), xs)
    return cross_entropy(hs @ params["head"], targets)


def expert_step(params: Params, words: jax.Array, targets: jax.Array, lr: float) -> tuple[jax.Array, Params]:
    """The expert's step, to be compiled with ``jax.jit``."""
    loss, grads = jax.value_and_grad(expert_loss)(params, words, targets)
    return loss, jax.tree.map(lambda param, grad: param - lr * grad, params, grads)


def unrolled_step(params: Params, words: jax.Array, targets: jax.Array, lr: float) -> tuple[jax.Array, Params]:
    """The same with the program's own Python loop, which jit unrolls."""
    loss, grads = jax.value_and_grad(Lstm(0).loss)(params, words, targets)
    return loss, jax.tree.map(lambda param, grad: param - lr * grad, params, grads)


def sentences(length: int) -> tuple[jax.Array, jax.Array]:
    """One batch of words and what follows them."""
    words = jax.random.randint(jax.random.key(1), (length + 1, BATCH), 0, WORDS)
    return words[:-1], words[1:]


def imperative(step_function: Callable[..., Any], length: int = STEPS) -> Running:
    """Sets the program up with its step replaced by ``step_function(model, words, targets)``."""
    model = Lstm(0)
    words, targets = sentences(length)
    last: list[Any] = [None]

    def step() -> object:
        last[0] = step_function(model, words, targets)
        return last[0]

    return Running(step, lambda: (last[0], model.params()), rung(step_function))


def pure(step_function: Callable[..., Any], length: int = STEPS) -> Running:
    """Sets a pure step up."""
    state: list[Any] = [None, Lstm(0).params()]
    words, targets = sentences(length)

    def step() -> object:
        state[:] = step_function(state[1], words, targets, 0.1)
        return state[0]

    return Running(step, lambda: state)


def columns(length: int = STEPS) -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: imperative(convert(Lstm.train_step), length)),
        Column("expert", lambda: pure(jax.jit(expert_step), length)),
        Column("eager", lambda: imperative(Lstm.train_step, length), every=40),
    )


def time_to_first(make: Callable[[], Running], repeats: int) -> float:
    """Seconds of the first step less those of a later one, from cold JAX caches; median of some repeats."""
    found = []
    for _ in range(repeats):
        _clear_caches()
        running = make()
        wait(running.ready())
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            running.step()
            wait(running.ready())
            seconds.append(time.perf_counter() - start)
        must_be_compiled(running)
        found.append(sum(seconds) - len(seconds) * min(seconds))
    return statistics.median(found)


def first_steps(options: Options) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Time to the first step of each column and length."""
    makers: dict[str, Callable[[int], Running]] = {
        "janusx": lambda length: imperative(convert(Lstm.train_step), length),
        "expert": lambda length: pure(jax.jit(expert_step), length),
        "unrolled": lambda length: pure(jax.jit(unrolled_step), length),
    }
    found: dict[str, dict[str, float]] = {}
    errors: dict[str, str] = {}
    for name, make in makers.items():
        if not options.wants(name):
            continue
        once = name == "unrolled" or options.quick
        try:
            for length in LENGTHS[:1] if once else LENGTHS:
                found.setdefault(name, {})
                seconds = time_to_first(functools.partial(make, length), 1 if once else 3)
                found[name][str(length)] = seconds
                if seconds > PATIENCE:
                    errors[f"{name}, first step, longer than {length}"] = f"left out: this one took {seconds:.0f} s"
                    break
        except Exception as error:
            errors[f"{name}, first step"] = reason(error)
    return found, errors


def own_timings() -> dict[str, Any]:
    """What a converted step says of its own time to the first call."""
    _clear_caches()
    converted = convert(Lstm.train_step)
    running = imperative(converted)
    for _ in range(4):
        running.step()
    found = explanation(converted).get("timings", {})
    return found if isinstance(found, dict) else {"timings": found}


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    first, errors = first_steps(options)
    over = ratio(measured, "janusx", "expert")
    ours, theirs = first.get("janusx", {}).get(str(STEPS)), first.get("expert", {}).get(str(STEPS))
    longest = str(LENGTHS[-1])
    growth = {name: lengths[longest] / lengths[str(STEPS)] for name, lengths in first.items() if longest in lengths}
    figures: dict[str, Any] = {
        "seconds to the first step, by T": first,
        f"growth from T = {STEPS} to {longest}": growth,
    }
    if "janusx" in first:
        figures["converted step's own timings"] = own_timings()
    return Result(
        "lstm",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (
            bar("time over hand-written scan", "<=", 1.05, over.median if over else None, "×"),
            bar("time to the first step over the scan's", "<=", 2.0, ours / theirs if ours and theirs else None, "×"),
            bar(f"time to the first step, T = {longest} over {STEPS}", "<=", 1.5, growth.get("janusx"), "×"),
        ),
        figures,
        {**measured.errors, **errors},
        "step: median of the paired ratios; first step: less a later one, JAX caches cleared, median of three; it "
        "covers everything before the first result (reading the source, rewriting, tracing, compiling, profiled calls)",
    )
