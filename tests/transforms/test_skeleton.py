"""Functions that walk structures: their normal form means the same in plain Python, and says what is the host's."""

from __future__ import annotations

import ast
import inspect
import math
import random
import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from janusx.transforms import NotASkeleton, outline, skeleton

Node = SimpleNamespace


def grow(rng: random.Random, size: int) -> Node:
    """A random tree of numbers, whose sums are exact: from Python 3.12 on, `sum` of floats is not what `+` gives."""
    if size <= 1:
        return Node(value=rng.randrange(1024) / 1024, children=[], name="leaf")
    parts, rest = [], size - 1
    while rest:
        count = rng.randrange(1, rest + 1)
        parts.append(grow(rng, count))
        rest -= count
    return Node(value=rng.randrange(1024) / 1024, children=parts, name=rng.choice(["add", "mul"]))


def total(node: Any, scale: float) -> Any:
    """The doc goes."""
    if not node.children:
        return scale * node.value
    return sum(total(child, scale) for child in node.children)


def loops(node: Any, scale: float) -> float:
    result = 0.0
    for i, child in enumerate(node.children):
        if child.name == "leaf":
            result += scale * child.value
            continue
        result += loops(child, scale + 1) if i % 2 else -loops(child, scale)
    return math.tanh(result + node.value)


def pairs(node: Any, scale: float) -> tuple[float, int]:
    if not node.children:
        return node.value * scale, 1
    values, count = [], 0
    for child in node.children:
        value, more = pairs(child, scale)
        values.append(value)
        count += more
    best = values[0]
    for value in values[1:]:
        best = best * value if node.name == "mul" else best + value
    return best / count, count


def matched(node: Any, scale: float) -> Any:
    match node:
        case SimpleNamespace(children=[]):
            return node.value
        case SimpleNamespace(name="add", children=[only]):
            return matched(only, scale) + scale
        case _:
            squares = [matched(child, scale) ** 2 for child in node.children if child.value < 0.9]
            return max(squares, default=scale) + len(squares)


def nested(node: Any, scale: float) -> float:
    def inner(part: Any, depth: int = 0) -> float:
        x = scale * part.value
        for child in part.children:
            x = x + inner(child, depth + 1) / (depth + 1)
        return math.sin(x)

    return inner(node) * 2


def stack(node: Any, scale: float) -> float:
    pending, result = [node], scale
    while pending:
        part = pending.pop()
        result = math.tanh(result + part.value)
        for child in reversed(part.children):
            pending.append(child)
    return result


def zipped(node: Any, scale: list[float]) -> float:
    found = 0.0
    for (i, child), weight in zip(enumerate(node.children), scale, strict=False):
        found = found + weight * (child.value + i)
    return found


WALKERS = (total, loops, pairs, matched, nested, stack)


def _made(text: str, fn: Callable[..., Any], **names: Any) -> Any:
    scope = {**fn.__globals__, **names}
    exec(compile(text, "<made>", "exec"), scope)
    return scope[fn.__name__]


@pytest.mark.parametrize("fn", WALKERS, ids=lambda fn: fn.__name__)
def test_the_normal_form_means_the_same(fn: Callable[..., Any]) -> None:
    source = textwrap.dedent(inspect.getsource(fn))
    done = skeleton(source, host={"node"}, is_leaf=lambda name: name.startswith("math."))
    made = _made(done.text, fn)
    rng = random.Random(0)
    for _ in range(20):
        tree = grow(rng, rng.randrange(1, 12))
        assert made(tree, 1.5) == fn(tree, 1.5)


@pytest.mark.parametrize("fn", WALKERS, ids=lambda fn: fn.__name__)
def test_array_work_reads_nothing_of_the_structure(fn: Callable[..., Any]) -> None:
    source = textwrap.dedent(inspect.getsource(fn))
    done = skeleton(source, host={"node"}, is_leaf=lambda name: name.startswith("math."))
    made = ast.parse(done.text).body[0]
    inner = [
        each
        for node in ast.walk(made)
        if isinstance(node, ast.FunctionDef) and node is not made
        for each in ast.walk(node)
    ]
    for statement in ast.walk(made):
        if statement in inner:
            continue  # parted when it is called
        simple = isinstance(statement, ast.Assign | ast.AugAssign | ast.Return | ast.Expr)
        if isinstance(statement, ast.stmt) and simple and statement.lineno not in done.host:
            read = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            assert not read & {"node", "child", "part", "only", "children"}, ast.unparse(statement)


def test_arrays_beside_the_structure_are_looped_over_by_index() -> None:
    done = skeleton(textwrap.dedent(inspect.getsource(zipped)), host={"node"})
    assert "range(len(scale))" in done.text
    tree = grow(random.Random(1), 9)
    assert _made(done.text, zipped)(tree, [0.5, 2.0]) == zipped(tree, [0.5, 2.0])


def test_the_next_step_of_a_chain_is_alone() -> None:
    done = skeleton(
        "def f(w, nodes):\n    t = 0.0\n    for n in nodes:\n        t += w * f(w, n)\n    return t\n", host={"nodes"}
    )
    lines = done.text.splitlines()
    assert [lines[line - 1].strip() for line in sorted(done.alone)] == ["t += t_2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("node.seen = w", "attribute"),
        ("w[0] = node.value", "container"),
        ("print(node)", "besides computing"),
        ("while w > node.value:\n        w = w - 1", "decide"),
        ("global g", "other scopes"),
        ("f = lambda: node.value + w", "Lambda"),
    ],
)
def test_what_cannot_run_ahead_is_refused_at_its_line(text: str, reason: str) -> None:
    with pytest.raises(NotASkeleton, match=reason) as caught:
        skeleton(f"def f(w, node):\n    {text}\n    return w\n", host={"node"}, first_line=10)
    assert caught.value.line == 11


def weighted(node: Any, model: Any) -> Any:
    model.calls = model.calls + 1
    scale = model.scale
    result = 0.0
    for child in node.children:
        result += scale * child.value
    model.last = result
    return result / 2


def early(node: Any, model: Any) -> Any:
    model.calls = model.calls + 1
    for child in node.children:
        if child.value > 0.5:
            return model.scale * child.value
    return model.scale


@pytest.mark.parametrize("fn", [weighted, early], ids=lambda fn: fn.__name__)
def test_what_walks_is_taken_out(fn: Callable[..., Any]) -> None:
    done = outline(textwrap.dedent(inspect.getsource(fn)), host={"node"})
    assert done is not None
    inner = _made(done.inner, fn)
    outer = _made(done.text, fn)
    assert "model.calls" not in done.inner
    for seed in range(5):
        tree = grow(random.Random(seed), 6)
        mine, plain = Node(calls=0, scale=2.0, last=None), Node(calls=0, scale=2.0, last=None)
        assert outer(tree, mine, outlined=inner) == fn(tree, plain)
        assert mine == plain


def test_nothing_is_taken_out_of_what_walks_as_a_whole() -> None:
    assert outline("def f(node):\n    return g(node.left)\n", host={"node"}) is None
