"""TreeRNN and TreeLSTM of 64 units over syntax trees: value and gradient of a minibatch that was never seen before.

The task is to tell from a statement of the standard library's source what encloses it: a function, a class, an `if`.
The imperative program is a recursion over `ast` nodes. By hand, it is batched by levels: a node's level is the length
of the longest way down, NumPy makes tables of nodes and edges, ``scan`` goes through levels. Each column sees another
batch in each step, so all of the host's work is in the time. Eager JAX and PyTorch are measured on few trees, since
they take as long for each as for the first one; PyTorch in a process of its own (`benchmarks/torch_trees.py`).
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import syntax
from benchmarks.columns import convert, rung
from benchmarks.harness import Bar, Column, Options, Result, Running, bar, measure, ratio
from benchmarks.syntax import CLASSES, KINDS

TITLE = "TreeRNN and TreeLSTM of 64 units, 25 syntax trees never seen before, value and gradient"
UNITS, SIZE, BATCHES, RATE = 64, 25, 240, 0.2
EAGER_TREES = 3
TORCH = "JANUSX_BENCH_TORCH"
"""Environment variable: a Python with PyTorch, where this one has none."""


class TreeRNN:
    """The model, as a researcher writes it."""

    weights = ("kinds", "up", "out")

    def __init__(self) -> None:
        keys = jax.random.split(jax.random.key(0), 3)
        self.kinds = jax.random.normal(keys[0], (len(KINDS), UNITS)) * 0.3
        self.up = jax.random.normal(keys[1], (UNITS, UNITS)) * 0.1
        self.out = jax.random.normal(keys[2], (len(CLASSES), UNITS)) * 0.1

    def __call__(self, node: Any) -> jax.Array:
        return self.out @ self.state(node)

    def state(self, node: Any) -> jax.Array:
        """The state of a node, from those of its children."""
        below = sum((self.state(child) for child in ast.iter_child_nodes(node)), jnp.zeros(UNITS))
        return jnp.tanh(self.kinds[KINDS[type(node)]] + self.up @ below)


class TreeLSTM:
    """The child-sum TreeLSTM of Tai et al. (2015), as a researcher writes it."""

    weights = ("kinds", "up", "keep", "out")

    def __init__(self) -> None:
        keys = jax.random.split(jax.random.key(0), 4)
        self.kinds = jax.random.normal(keys[0], (len(KINDS), 4 * UNITS)) * 0.3
        self.up = jax.random.normal(keys[1], (3 * UNITS, UNITS)) * 0.1
        self.keep = jax.random.normal(keys[2], (UNITS, UNITS)) * 0.1
        self.out = jax.random.normal(keys[3], (len(CLASSES), UNITS)) * 0.1

    def __call__(self, node: Any) -> jax.Array:
        h, _ = self.cell(node)
        return self.out @ h

    def cell(self, node: Any) -> tuple[jax.Array, jax.Array]:
        """State and memory of a node."""
        x = self.kinds[KINDS[type(node)]]
        below = [self.cell(child) for child in ast.iter_child_nodes(node)]
        gates = x[: 3 * UNITS] + self.up @ sum((h for h, _ in below), jnp.zeros(UNITS))
        i, o, u = jnp.split(gates, 3)
        c = jax.nn.sigmoid(i) * jnp.tanh(u)
        for h, memory in below:
            c = c + jax.nn.sigmoid(x[3 * UNITS :] + self.keep @ h) * memory
        return jax.nn.sigmoid(o) * jnp.tanh(c), c


Model = Any
MODELS: dict[str, Callable[[], Model]] = {"TreeRNN": TreeRNN, "TreeLSTM": TreeLSTM}


def step(model: Model, trees: list[Any], labels: list[int]) -> jax.Array:
    """The program: one step of gradient descent."""

    def loss_of(params: Any) -> jax.Array:
        for name, value in params.items():
            setattr(model, name, value)
        total: Any = 0.0
        for tree, label in zip(trees, labels, strict=True):
            total -= jax.nn.log_softmax(model(tree))[label]
        return total / len(trees)  # type: ignore[no-any-return]

    params = {name: getattr(model, name) for name in model.weights}
    loss: jax.Array
    loss, grads = jax.value_and_grad(loss_of)(params)
    for name, grad in grads.items():
        setattr(model, name, params[name] - RATE * grad)
    return loss


# By hand ------------------------------------------------------------------------------------------------------------


def levels(trees: list[Any]) -> tuple[Any, Any, Any, Any]:
    """Kinds of nodes by level and place; for each edge, by level, the place of the child and of its parent; roots."""
    counts: list[int] = []
    found: list[list[int]] = []
    edges: list[list[tuple[tuple[int, int], int]]] = []

    def walk(node: Any) -> tuple[int, int]:
        below = [walk(child) for child in ast.iter_child_nodes(node)]
        level = 1 + max((level for level, _ in below), default=-1)
        if level == len(counts):
            counts.append(0)
            found.append([])
            edges.append([])
        place = counts[level]
        counts[level] = place + 1
        found[level].append(KINDS[type(node)])
        edges[level] += [(each, place) for each in below]
        return level, place

    roots = [walk(tree) for tree in trees]
    depth, width = _room(len(counts), 4), _room(max(counts), 64)
    many = _room(max(map(len, edges)), 64)
    kinds = np.zeros((depth, width), np.int32)
    below = np.zeros((depth, many, 2), np.int32)
    below[:, :, 1] = width  # no parent
    for level, (row, links) in enumerate(zip(found, edges, strict=True)):
        kinds[level, : len(row)] = row
        for i, ((child, place), parent) in enumerate(links):
            below[level, i] = child * width + place, parent
    return kinds, below[:, :, 0], below[:, :, 1], np.array([level * width + place for level, place in roots], np.int32)


def _room(count: int, unit: int) -> int:
    return -(-count // unit) * unit


@jax.jit
def expert_rnn(params: Any, kinds: Any, children: Any, parents: Any, roots: Any, labels: Any) -> Any:
    """One step of the TreeRNN, level by level."""

    def loss_of(params: Any) -> jax.Array:
        depth, width = kinds.shape
        words = params["kinds"][kinds]

        def level(carry: Any, rows: Any) -> tuple[Any, None]:
            buffer, at = carry
            word, child, parent = rows
            below = jax.ops.segment_sum(buffer[child], parent, width)
            made = jnp.tanh(word + below @ params["up"].T)
            return (jax.lax.dynamic_update_slice_in_dim(buffer, made, at, 0), at + width), None

        start = jnp.zeros((depth * width, UNITS)), jnp.int32(0)
        (buffer, _), _ = jax.lax.scan(level, start, (words, children, parents))
        return _loss(buffer[roots] @ params["out"].T, labels)

    return _descend(loss_of, params)


@jax.jit
def expert_lstm(params: Any, kinds: Any, children: Any, parents: Any, roots: Any, labels: Any) -> Any:
    """One step of the TreeLSTM, level by level."""

    def loss_of(params: Any) -> jax.Array:
        depth, width = kinds.shape
        words = params["kinds"][kinds]

        def level(carry: Any, rows: Any) -> tuple[Any, None]:
            buffer, at = carry
            word, child, parent = rows
            both = buffer[child]
            h, c = both[:, :UNITS], both[:, UNITS:]
            gates = word[:, : 3 * UNITS] + jax.ops.segment_sum(h, parent, width) @ params["up"].T
            i, o, u = jnp.split(gates, 3, 1)
            keep = jax.nn.sigmoid(word[:, 3 * UNITS :][parent] + h @ params["keep"].T)
            c = jax.nn.sigmoid(i) * jnp.tanh(u) + jax.ops.segment_sum(keep * c, parent, width)
            made = jnp.concatenate([jax.nn.sigmoid(o) * jnp.tanh(c), c], 1)
            return (jax.lax.dynamic_update_slice_in_dim(buffer, made, at, 0), at + width), None

        start = jnp.zeros((depth * width, 2 * UNITS)), jnp.int32(0)
        (buffer, _), _ = jax.lax.scan(level, start, (words, children, parents))
        return _loss(buffer[roots, :UNITS] @ params["out"].T, labels)

    return _descend(loss_of, params)


def _loss(logits: Any, labels: Any) -> jax.Array:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))


def _descend(loss_of: Callable[[Any], jax.Array], params: Any) -> Any:
    loss, grads = jax.value_and_grad(loss_of)(params)
    return jax.tree.map(lambda p, g: p - RATE * g, params, grads), loss


EXPERTS: dict[str, Callable[..., Any]] = {"TreeRNN": expert_rnn, "TreeLSTM": expert_lstm}


def by_hand(name: str) -> Callable[..., jax.Array]:
    """The expert's step, called as the imperative one is."""

    def call(model: Model, trees: list[Any], labels: list[int]) -> jax.Array:
        params, loss = EXPERTS[name](dict(vars(model)), *levels(trees), np.array(labels))
        for weights, value in params.items():
            setattr(model, weights, value)
        return loss  # type: ignore[no-any-return]

    return call


# Columns ------------------------------------------------------------------------------------------------------------


def _running(name: str, call: Callable[..., jax.Array], rung_of: Callable[[], str] = lambda: "compiled") -> Running:
    model = MODELS[name]()
    data = itertools.cycle(syntax.batches(SIZE, BATCHES))
    last: list[Any] = [None]

    def one() -> object:
        last[0] = jax.block_until_ready(call(model, *next(data)))
        return last[0]

    return Running(one, lambda: (last[0], model.up), rung_of)


def columns() -> tuple[Column, ...]:
    """All ways to run the programs that are compared in one process."""
    made: list[Column] = []
    for name in MODELS:

        def ours(name: str = name) -> Running:
            converted = convert(step)
            return _running(name, converted, rung(converted))

        def expert(name: str = name) -> Running:
            return _running(name, by_hand(name))

        made += [Column(f"janusx {name}", ours), Column(f"expert {name}", expert)]
    return tuple(made)


def eager_seconds(name: str) -> float:
    """What eager JAX takes for a tree: a few trees, after some that warm up what JAX caches for each operation."""
    model, every = MODELS[name](), syntax.batches(EAGER_TREES, 2)
    for batch in every:
        started = time.perf_counter()
        jax.block_until_ready(step(model, *batch))
        taken = (time.perf_counter() - started) / EAGER_TREES
    return taken


def torch_seconds(options: Options) -> tuple[dict[str, float], str]:
    """What PyTorch takes for a tree, by model; and why there is no figure."""
    command = [os.environ.get(TORCH, sys.executable), "-m", "benchmarks.torch_trees", "3" if options.quick else "25"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    if done.returncode:
        return {}, f"no PyTorch in {command[0]}; `{TORCH}` may name a Python that has it"
    return json.loads(done.stdout), ""


def run(options: Options) -> Result:
    """Measures the programs."""
    measured = measure(columns(), options)
    seconds = measured.seconds()
    torch, why = torch_seconds(options)
    figures: dict[str, Any] = {"trees": SIZE, "units": UNITS}
    bars: list[Bar] = []
    for name in MODELS:
        own = seconds[f"janusx {name}"].median / SIZE if f"janusx {name}" in seconds else None
        eager = eager_seconds(name) if own else None
        figures |= {f"{name}, microseconds a tree": own and own * 1e6, f"{name}, eager JAX": eager and eager * 1e6}
        figures[f"{name}, PyTorch eager"] = torch[name] * 1e6 if name in torch else why
        over = ratio(measured, f"janusx {name}", f"expert {name}")
        bars += [
            bar(f"{name} over levels batched by hand", "<=", 1.3, over.median if over else None, "×"),
            bar(f"{name}, eager JAX over janusx", ">=", 1000, eager / own if own and eager else None, "×"),
            Bar(
                f"{name}, PyTorch over janusx", 3, ">=", "×", torch[name] / own if own and name in torch else None, why
            ),
        ]
    return Result(
        "syntax_trees",
        TITLE,
        seconds,
        {name: each for model in MODELS for name, each in measured.ratios(f"expert {model}").items() if model in name},
        tuple(bars),
        figures,
        measured.errors,
        "median of the paired ratios, another batch in each step; eager JAX and PyTorch a tree, apart",
    )
