"""TreeRNN, loss and gradient over a batch of trees of ever other shapes, written as a recursion.

The expert's program is batched by levels by hand: NumPy puts the nodes of all trees into levels, ``scan`` goes through
them. The host's part is measured apart, since it grows with the trees: what ``janusx.explain`` reports for gather, over
the number of nodes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.columns import convert, explanation, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, ratio

TITLE = "TreeRNN, 64 random trees of 20 leaves, loss and gradient"
TREES, LEAVES, WIDTH, WORDS, KINDS = 64, 20, 16, 50, 3
BATCHES = 8
LIMIT = 50.0  # microseconds of the host for a tree of 40 nodes


class Node:
    """A node of a binary tree; a leaf has a word."""

    def __init__(self, word: int = 0, left: Node | None = None, right: Node | None = None) -> None:
        self.word = word
        self.left = left
        self.right = right


def tree(rng: random.Random, leaves: int) -> Node:
    """A random tree."""
    if leaves == 1:
        return Node(rng.randrange(WORDS))
    cut = rng.randrange(1, leaves)
    return Node(0, tree(rng, cut), tree(rng, leaves - cut))


class TreeRNN:
    """The model, as a researcher writes it."""

    def __init__(self) -> None:
        keys = jax.random.split(jax.random.key(0), 3)
        self.words = jax.random.normal(keys[0], (WORDS, WIDTH)) * 0.3
        self.up = jax.random.normal(keys[1], (WIDTH, 2 * WIDTH)) * 0.3
        self.out = jax.random.normal(keys[2], (KINDS, WIDTH)) * 0.3

    def __call__(self, node: Any) -> jax.Array:
        if node.left is None:
            return self.words[node.word]
        return jnp.tanh(self.up @ jnp.concatenate([self(node.left), self(node.right)]))


def step(model: TreeRNN, trees: list[Node], labels: list[int]) -> jax.Array:
    """The program: one step of gradient descent."""

    def loss_of(params: Any) -> jax.Array:
        model.words, model.up, model.out = params
        total: Any = 0.0
        for each, label in zip(trees, labels, strict=True):
            total -= jax.nn.log_softmax(model.out @ model(each))[label]
        return total / len(trees)  # type: ignore[no-any-return]

    params = model.words, model.up, model.out
    loss, grads = jax.value_and_grad(loss_of)(params)
    model.words, model.up, model.out = (p - 0.1 * g for p, g in zip(params, grads, strict=True))
    return loss


def batches() -> list[tuple[list[Node], list[int]]]:
    """Batches of trees with labels, always the same."""
    rng = random.Random(0)
    return [
        ([tree(rng, LEAVES) for _ in range(TREES)], [rng.randrange(KINDS) for _ in range(TREES)])
        for _ in range(BATCHES)
    ]


def _running(call: Callable[..., jax.Array], rung_of: Callable[[], str]) -> Running:
    model, data = TreeRNN(), batches()
    last: list[Any] = [None, 0]

    def one() -> object:
        last[1] += 1
        last[0] = call(model, *data[last[1] % BATCHES])
        return last[0]

    return Running(one, lambda: (last[0], model.up), rung_of)


# By hand ------------------------------------------------------------------------------------------------------------


def levels(trees: list[Node]) -> tuple[Any, Any, Any]:
    """Words of the leaves, the children of the inner nodes by level, and the places of the roots."""
    words: list[int] = []
    rows: dict[int, list[tuple[int, tuple[int, int], tuple[int, int]]]] = {}
    counts: dict[int, int] = {}

    def walk(node: Any) -> tuple[int, int]:
        if node.left is None:
            words.append(node.word)
            return 0, len(words) - 1
        left, right = walk(node.left), walk(node.right)
        level = 1 + max(left[0], right[0])
        place = counts.get(level, 0)
        counts[level] = place + 1
        rows.setdefault(level, []).append((place, left, right))
        return level, place

    roots = [walk(each) for each in trees]
    width = 1 << (max(counts.values()) - 1).bit_length()
    depth = -(-max(counts) // 4) * 4
    first = len(words)
    table = np.zeros((depth, width, 2), np.int32)

    def at(place: tuple[int, int]) -> int:
        return place[1] if place[0] == 0 else first + (place[0] - 1) * width + place[1]

    for level, found in rows.items():
        for place, left, right in found:
            table[level - 1, place] = at(left), at(right)
    return np.array(words, np.int32), table, np.array([at(root) for root in roots], np.int32)


@jax.jit
def expert_step(params: Any, words: Any, table: Any, roots: Any, labels: Any) -> tuple[Any, jax.Array]:
    """One step, level by level."""

    def loss_of(params: Any) -> jax.Array:
        embed, up, out = params
        leaves = embed[words]
        width = table.shape[1]
        buffer = jnp.concatenate([leaves, jnp.zeros((table.shape[0] * width, WIDTH))])

        def level(carry: Any, rows: Any) -> tuple[Any, None]:
            buffer, start = carry
            both = buffer[rows].reshape(width, 2 * WIDTH)
            made = jnp.tanh(both @ up.T)
            return (jax.lax.dynamic_update_slice_in_dim(buffer, made, start, 0), start + width), None

        (buffer, _), _ = jax.lax.scan(level, (buffer, jnp.int32(len(words))), table)
        logits = buffer[roots] @ out.T
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))

    loss, grads = jax.value_and_grad(loss_of)(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), loss


def _expert() -> Running:
    model = TreeRNN()

    def call(model: TreeRNN, trees: list[Node], labels: list[int]) -> jax.Array:
        params = model.words, model.up, model.out
        (model.words, model.up, model.out), loss = expert_step(params, *levels(trees), np.array(labels))
        return loss

    del model
    return _running(call, lambda: "compiled")


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""

    def ours() -> Running:
        converted = convert(step)
        return _running(converted, rung(converted))

    return (Column("janusx", ours), Column("expert", _expert))


def host_microseconds() -> float | None:
    """What the host takes for a tree of 40 nodes."""
    converted = convert(step)
    running = _running(converted, lambda: "compiled")
    for _ in range(600):
        running.step()
    per_call = (explanation(converted).get("timings") or {}).get("per call") or {}
    nodes = TREES * (2 * LEAVES - 1)
    return per_call["gather"] / nodes * 40 * 1e6 if "gather" in per_call else None


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    over = ratio(measured, "expert", "janusx")
    host = host_microseconds() if options.wants("janusx") else None
    return Result(
        "trees",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (
            bar("throughput over levels batched by hand", ">=", 0.97, over.median if over else None, "×"),
            bar("microseconds of the host for a tree of 40 nodes", "<=", LIMIT, host, "µs"),
        ),
        {"trees": TREES, "nodes of a tree": 2 * LEAVES - 1},
        measured.errors,
        "median of the paired ratios; the host's part is the gather that explain reports",
    )
