# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false, reportOptionalIterable=false
"""Recursion over Python structures: another structure is another schedule, not another program."""

from __future__ import annotations

import ast
import random

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.harness import World, call, change, of, scenario, settled, steady
from tests.conformance.walk import Tolerance

CLOSE = Tolerance(1e-4, 1e-5)
WIDTH = 4
WORDS = 10


class Node:
    """A node of a tree."""

    def __init__(self, word, children=(), op="+"):
        self.word = word
        self.children = list(children)
        self.op = op

    @property
    def left(self):
        return self.children[0] if self.children else None

    def is_leaf(self):
        return not self.children


def grow(rng, size, arity=3):
    """A random tree of a size."""
    if size <= 1:
        return Node(rng.randrange(WORDS))
    parts, rest = [], size - 1
    while rest and len(parts) < arity:
        count = rest if len(parts) == arity - 1 else rng.randrange(1, rest + 1)
        parts.append(grow(rng, count, arity))
        rest -= count
    return Node(rng.randrange(WORDS), parts, rng.choice("+*"))


def forest(count=12, size=14, arity=3):
    """Trees of many shapes; the first is the largest, so that there is room for all others."""
    rng = random.Random(0)
    return [grow(rng, size * 4, arity), *(grow(rng, rng.randrange(10, size), arity) for _ in range(count - 1))]


class Model:
    """Weights for words and nodes."""

    def __init__(self):
        keys = jax.random.split(jax.random.key(0), 4)
        self.words = jax.random.normal(keys[0], (WORDS, WIDTH)) * 0.5
        self.up = jax.random.normal(keys[1], (WIDTH, WIDTH)) * 0.5
        self.keep = jax.random.normal(keys[2], (WIDTH, WIDTH)) * 0.5
        self.out = jax.random.normal(keys[3], (3, WIDTH)) * 0.5
        self.steps = 0

    def state(self, node):
        """The state of a node of a binary or any other tree."""
        if node.is_leaf():
            return self.words[node.word]
        return jnp.tanh(self.up @ sum(self.state(child) for child in node.children) + self.words[node.word])

    def cell(self, node):
        """A child-sum TreeLSTM."""
        hidden, memories = [], []
        for child in node.children:
            h, c = self.cell(child)
            hidden.append(h)
            memories.append(c)
        x = self.words[node.word]
        c = jax.nn.sigmoid(self.up @ sum(hidden, jnp.zeros(WIDTH))) * jnp.tanh(x)
        for h, memory in zip(hidden, memories, strict=True):
            c = c + jax.nn.sigmoid(self.keep @ h + x) * memory
        return jnp.tanh(c), c


def trees(*indices):
    """The trees of these numbers, as an argument."""
    if len(indices) == 1:
        return of(lambda w: w.trees[indices[0]])
    return of(lambda w: [w.trees[i] for i in indices])


def others(*more, path="f", model=True):
    """Calls with other trees, for which nothing is compiled."""
    given = (of(lambda w: w.model),) if model else ()
    calls = [call("f", *given, trees(i), *more, rung="compiled") for i in range(2, 12)]
    return (*calls, steady(path, *calls))  # the first time they may bring a kind of work that no tree had before


MODEL = of(lambda w: w.model)
FIRST = settled(call("f", MODEL, trees(0)), "compiled")


def world(f, **fields):
    """A world of trees and a model."""
    return World(f=f, model=Model(), trees=forest(), **fields)


@scenario("a tree is walked by a method that calls itself", FIRST, others(), tolerance=CLOSE)
def tree_rnn():
    def f(model, tree):
        return model.out @ model.state(tree)

    return world(f)


@scenario("a TreeLSTM over nodes with any number of children", FIRST, others(), tolerance=CLOSE)
def tree_lstm():
    def f(model, tree):
        h, c = model.cell(tree)
        return h.sum() + c.sum()

    return world(f)


BATCHES = [trees(0, 1, 2, 3), trees(4, 5, 6, 7), trees(8, 9, 10, 11), trees(3, 4, 9, 1)]
LABELS = [jnp.array([0, 1, 2, 1]), jnp.array([2, 2, 0, 1])]


@scenario(
    "a batch of trees is trained on, with labels in an array",
    settled(call("f", MODEL, BATCHES[0], LABELS[0]), "compiled"),
    steady("f", *(call("f", MODEL, batch, LABELS[i % 2], rung="compiled") for i, batch in enumerate(BATCHES))),
    tolerance=CLOSE,
)
def train_on_a_batch():
    def f(model, batch, labels):
        def loss_of(params):
            model.words, model.up, model.out = params
            total = 0.0
            for tree, label in zip(batch, labels, strict=False):
                total += -jax.nn.log_softmax(model.out @ model.state(tree))[label]
            return total / len(batch)

        params = model.words, model.up, model.out
        loss, grads = jax.value_and_grad(loss_of)(params)
        model.words, model.up, model.out = (p - 0.1 * g for p, g in zip(params, grads, strict=True))
        model.steps += 1
        return loss

    return world(f)


@scenario(
    "a function within the loss walks, and labels are a list",
    settled(call("f", MODEL, BATCHES[0], [0, 1, 2, 1]), "compiled"),
    steady("f", *(call("f", MODEL, batch, [i % 3, 1, 0, 2], rung="compiled") for i, batch in enumerate(BATCHES))),
    tolerance=CLOSE,
)
def walker_in_the_loss():
    def f(model, batch, labels):
        def loss_of(params):
            words, up = params

            def walk(node):
                if not node.children:
                    return words[node.word]
                return jnp.tanh(up @ sum(walk(child) for child in node.children))

            return sum((model.out @ walk(tree))[label] for tree, label in zip(batch, labels, strict=True))

        return jax.value_and_grad(loss_of)((model.words, model.up))

    return world(f)


SOURCES = (  # of many kinds of nodes
    "def f(a, b):\n    for i in a:\n        if i > b:\n            return [i * k for k in range(b)]\n    return a\n",
    "x = 1\ny = f(x, 2) + 3",
    "class A:\n    def g(self):\n        return self.x",
    "while a < 3:\n    a += 1\nprint(a, b=2)",
    "import os\nwith open('x') as f:\n    z = f.read()",
)


@scenario(
    "syntax trees of the standard library's ast are walked",
    settled(call("f", MODEL, of(lambda w: w.parsed[0])), "compiled"),
    steady("f", *(call("f", MODEL, of(lambda w, i=i: w.parsed[i]), rung="compiled") for i in (1, 2, 3, 4, 0))),
    tolerance=CLOSE,
)
def syntax_trees():
    def walk(model, node):
        h = model.words[len(type(node).__name__) % WORDS]
        for child in ast.iter_child_nodes(node):
            h = h + jnp.tanh(model.up @ walk(model, child))
        return jnp.tanh(h)

    def f(model, node):
        return walk(model, node).sum()

    return World(f=f, model=Model(), parsed=[ast.parse(source) for source in SOURCES])


NESTED = [
    [[0.5, 0.25, [1.5, [2.0, 1.0], 0.125]], [[0.5, [0.1, 0.2]], 1.0], 2.0, [[[0.3]], 0.4]],
    [1.0, [2.0, [3.0]]],
    [[0.5], [0.25, 0.125, [0.0625]], [[[1.0]]]],
]


@scenario(
    "nested lists of numbers",
    settled(call("f", MODEL, NESTED[0]), "compiled"),
    steady("f", *(call("f", MODEL, nested, rung="compiled") for nested in (NESTED[1], NESTED[2], NESTED[0]))),
    tolerance=CLOSE,
)
def nested_lists():
    def f(model, nested):
        def walk(x):
            if isinstance(x, list):
                return sum(walk(item) for item in x)
            return jnp.sin(model.words[0] * x)

        return walk(nested)

    return World(f=f, model=Model())


@scenario("arrays are handed down, and sums come up", FIRST, others(), tolerance=CLOSE)
def top_down():
    def walk(model, node, h, depth=0):
        h = jnp.tanh(model.up @ h + model.words[node.word] / (depth + 1))
        if not node.children:
            return h.sum()
        total = 0.0
        for child in node.children:
            total = total + walk(model, child, h, depth=depth + 1)
        return total

    def f(model, tree):
        return walk(model, tree, jnp.ones(WIDTH))

    return world(f)


@scenario("two functions that call each other", FIRST, others(), tolerance=CLOSE)
def mutual():
    def even(model, node):
        if not node.children:
            return model.words[node.word]
        return jnp.tanh(sum(odd(model, child) for child in node.children))

    def odd(model, node):
        return jnp.sin(even(model, node.children[0]) * 2) if node.children else -model.words[node.word]

    def f(model, tree):
        return even(model, tree).sum()

    return world(f)


@scenario("an evaluator of expressions, with a decision on arrays in it", FIRST, others(), tolerance=CLOSE)
def evaluator():
    def evaluate(model, node):
        if not node.children:
            return model.words[node.word, 0] * (node.word / 7)
        values = [evaluate(model, child) for child in node.children]
        result = values[0]
        for value in values[1:]:
            if node.op == "+":
                result = result + value
            else:
                result = result * value
        if result > 1:
            result = 1 / result
        return result

    def f(model, tree):
        return evaluate(model, tree)

    return world(f)


@scenario("patterns decide, and a pair of an array and a count comes up", FIRST, others(), tolerance=CLOSE)
def patterns():
    def walk(model, node):
        match node:
            case Node(children=[]):
                return model.words[node.word], 1
            case Node(op="+", children=[only]):
                h, count = walk(model, only)
                return h + 1, count
            case _:
                h, count = jnp.zeros(WIDTH), 0
                for child in node.children:
                    other, more = walk(model, child)
                    h = h + other
                    count += more
                return jnp.tanh(h), count

    def f(model, tree):
        h, count = walk(model, tree)
        return h / count, count

    return world(f)


def chain(length):
    """A linked list."""
    made = None
    for i in range(length):
        made = {"value": np.float32(i % 3), "next": made}
    return made


@scenario(
    "a linked list of any length",
    settled(call("f", MODEL, of(lambda w: w.chains[0])), "compiled"),
    steady("f", *(call("f", MODEL, of(lambda w, i=i: w.chains[i]), rung="compiled") for i in (1, 2, 3))),
    tolerance=CLOSE,
)
def linked_list():
    def walk(model, link):
        if link is None:
            return model.words[0]
        return jnp.tanh(model.up @ walk(model, link["next"]) + link["value"])

    def f(model, link):
        return walk(model, link).sum()

    return World(f=f, model=Model(), chains=[chain(length) for length in (30, 12, 25, 9)])


@scenario("typed keys are handed down, and split on the way", FIRST, others(), tolerance=CLOSE)
def keys_handed_down():
    def walk(model, node, key):
        h = model.words[node.word] + jax.random.normal(key, (WIDTH,))
        for child in node.children:
            key, own = jax.random.split(key)
            h = h + jnp.tanh(walk(model, child, own))
        return h

    def f(model, tree):
        return walk(model, tree, jax.random.key(0)).sum()

    return world(f)


class Scaled(Model):
    """A walker that asks its base class."""

    def state(self, node, *scale):
        h = super().state(node)
        return h * 0.5 * scale[0] if node.op == "*" and scale else h


@scenario("walkers of classes and their bases, with any number of arguments", FIRST, others(), tolerance=CLOSE)
def inherited():
    def walk(model, node, *rest):
        h = model.state(node, *rest)
        for child in node.children:
            h = h - walk(model, child, *rest) * rest[1]
        return h

    def f(model, tree):
        return walk(model, tree, 0.5, 0.25).sum()

    return World(f=f, model=Scaled(), trees=forest())


def dag(seed):
    """Nodes that share nodes."""
    rng = random.Random(seed)
    nodes = [Node(i) for i in range(4)]
    for _ in range(8 + seed):
        nodes.append(Node(rng.randrange(WORDS), rng.sample(nodes, 2), rng.choice("+*")))
    return nodes[-1]


@scenario(
    "a memo of nodes that are shared",
    settled(call("f", MODEL, of(lambda w: w.dags[2])), "compiled"),
    steady("f", *(call("f", MODEL, of(lambda w, i=i: w.dags[i]), rung="compiled") for i in (1, 0, 2))),
    tolerance=CLOSE,
)
def memo():
    def f(model, node):
        seen = {}

        def walk(node):
            if node in seen:
                return seen[node]
            h = model.words[node.word]
            for child in node.children:
                h = h + jnp.tanh(model.up @ walk(child))
            seen[node] = h
            return h

        return walk(node).sum()

    return World(f=f, model=Model(), dags=[dag(seed) for seed in range(3)])


@scenario(
    "a memo that is read later, and a list of what was visited",
    settled(call("f", MODEL, of(lambda w: w.dags[0])), ("compiled", "mixed", "eager")),
    *(call("f", MODEL, of(lambda w, i=i: w.dags[i])) for i in (1, 2, 0)),
    tolerance=CLOSE,
)
def memo_read_later():
    def f(model, node):
        seen, order = {}, []

        def walk(node):
            if node in seen:
                return seen[node]
            order.append(node.word)
            h = model.words[node.word]
            if node.children:
                h = jnp.tanh(h + model.up @ sum(walk(child) for child in node.children))
            seen[node] = h
            return h

        return walk(node).sum(), order, len(seen)

    return World(f=f, model=Model(), dags=[dag(seed) for seed in range(3)])


class Bad:
    """A node that lacks what the program asks for."""

    def __init__(self):
        self.children = ["no node"]

    def is_leaf(self):
        return False


@scenario(
    "a structure that does not fit raises what Python raises",
    FIRST,
    call("f", MODEL, of(lambda w: w.bad)),
    call("f", MODEL, trees(3), rung="compiled"),
    tolerance=CLOSE,
)
def bad_structure():
    def f(model, tree):
        return model.state(tree)

    return world(f, bad=Bad())


@scenario(
    "what walks also counts: state is right, whatever it costs",
    settled(call("f", MODEL, trees(1)), ("compiled", "mixed", "eager")),
    call("f", MODEL, trees(2)),
    call("f", MODEL, trees(3)),
    tolerance=CLOSE,
)
def counted():
    def walk(model, node):
        model.steps += 1
        if not node.children:
            return model.words[node.word]
        return sum(walk(model, child) for child in node.children) * 0.5

    def f(model, tree):
        return walk(model, tree).sum()

    return world(f)


@scenario(
    "weights and words change from outside, and the structure itself",
    FIRST,
    call("f", MODEL, trees(2), rung="compiled"),
    change(lambda w: setattr(w.model, "up", w.model.up * 2)),
    call("f", MODEL, trees(2), rung="compiled"),
    change(lambda w: w.trees[2].children.append(Node(3))),
    call("f", MODEL, trees(2), rung="compiled"),
    tolerance=CLOSE,
)
def changes_from_outside():
    def f(model, tree):
        return model.state(tree)

    return world(f)
