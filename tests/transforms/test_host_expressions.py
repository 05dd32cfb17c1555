"""Array work in statements that stay in Python: pieces of their own, in the order of evaluation."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janusx.transforms import split
from tests.transforms.compare import source
from tests.transforms.random_functions import Writer
from tests.transforms.test_pipeline import outcome_of
from tests.transforms.test_split import build, original

CASES = {
    "arguments before the call, and what is done with its result after it": (
        "y = opaque(jnp.dot(x, w) + b) * 2",
        "y = piece_2(jx.call(opaque)(piece_1(x, w, b)))",
        ["return jnp.dot(x, w) + b", "return value_1 * 2"],
    ),
    "what Python evaluates before the call is evaluated before it, what comes after it after": (
        "y = jnp.sin(x) + opaque(x, k=b * 2) + w.mean + SCALE",
        "y = piece_3(piece_1(x), jx.call(opaque)(x, k=piece_2(b)), w)",
        ["return jnp.sin(x)", "return b * 2", "return value_1 + value_2 + w.mean + SCALE"],
    ),
    "a name from outside has the value that it had before the call": (
        "y = SCALE * opaque(x)",
        "y = piece_1(SCALE, jx.call(opaque)(x))",
        ["return value_1 * value_2"],
    ),
    "an attribute, too": (
        "y = w.scale @ opaque(x)",
        "y = piece_1(w.scale, jx.call(opaque)(x))",
        ["return value_1 @ value_2"],
    ),
    "a method of what array work gives is array work": (
        "opaque((x @ w).sum(axis=0), x.mean())",
        "jx.call(opaque)(piece_1(x, w), jx.call(x.mean)())",
        ["return (x @ w).sum(axis=0)"],
    ),
    "calls in calls": (
        "y = jnp.exp(opaque(jnp.log(opaque(-x)) - 1))",
        "y = piece_2(jx.call(opaque)(piece_1(jx.call(opaque)(-x))))",
        ["return jnp.log(value_1) - 1", "return jnp.exp(value_1)"],
    ),
    "every element of a display": (
        "y = [x @ w, opaque(b), *opaque(x * 2)]",
        "y = [piece_1(x, w), jx.call(opaque)(b), *jx.call(opaque)(piece_2(x))]",
        ["return x @ w", "return x * 2"],
    ),
    "targets are left alone": (
        "w[x + 1], b = opaque(x + 1)",
        "w[x + 1], b = jx.call(opaque)(piece_1(x))",
        ["return x + 1"],
    ),
    "what is taken out of a result is taken out in Python": (
        "y = opaque(x)[0].shape[1] * 2",
        "y = piece_1(jx.call(opaque)(x)[0].shape[1])",
        ["return value_1 * 2"],
    ),
    "short circuits stay: only what is evaluated is a piece": (
        "y = opaque(x) or (x @ w if opaque(b) else x @ b)",
        "y = jx.call(opaque)(x) or (piece_1(x, w) if jx.call(opaque)(b) else piece_2(x, b))",
        ["return x @ w", "return x @ b"],
    ),
    "a generator is given as one": (
        "y = jnp.sum((v for v in opaque(x)), w)",
        "y = piece_1((v for v in jx.call(opaque)(x)), w)",
        ["return jnp.sum(value_1, w)"],
    ),
    "no piece where a name is bound on the way, in comprehensions and lambdas": (
        "y = opaque((z := x) + x * z, [v * 2 for v in x], lambda v: v * 2)",
        "y = jx.call(opaque)((z := x) + x * z, [v * 2 for v in x], lambda v: v * 2)",
        [],
    ),
    "no piece for reads and comparisons": (
        "y = opaque(x[0], x.T, x > 0, -1)",
        "y = jx.call(opaque)(x[0], x.T, x > 0, -1)",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_array_work_in_a_cut_statement(name: str) -> None:
    line, host, pieces = CASES[name]
    text = f"def f(x, w, b):\n    {line}\n    return x\n"
    done = split(text, cuts={2}, is_leaf=lambda name: name.startswith("jnp."))
    assert done is not None
    assert [each.strip() for each in done.text.splitlines()] == ["def f(x, w, b):", host, "return x"]
    assert [piece.text.splitlines()[1].strip() for piece in done.pieces] == pieces
    assert [piece.first_line + 1 for piece in done.pieces] == [2] * len(pieces)


def test_what_is_bound_nowhere_yet_is_read_in_its_turn() -> None:
    text = source("""
        def f(x):
            y = opaque(x) + z
            z = y * 2
            return z
    """)
    done = split(text, cuts={2})
    assert done is not None
    assert "jx.call(opaque)(x) + z" in done.text


def test_several_lines() -> None:
    text = source("""
        def f(x, w):
            y = opaque(
                x @ w
                + x,  # one
                w,
            )
            return y
    """)
    done = split(text, cuts={3})
    assert done is not None
    assert [piece.first_line + 1 for piece in done.pieces] == [3]
    assert done.pieces[0].text.split() == "def f(x, w): return (x @ w + x )".split()


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_functions_do_the_same_where_any_function_may_be_a_leaf(random: Random) -> None:
    text = Writer(random).function()
    try:
        compile(text, "<random>", "exec")
    except SyntaxError:  # a name may turn out parameter and nonlocal
        return
    lines = range(2, len(text.splitlines()) + 1)
    array = {name for name in ("log", "len", "sum", "flip", "range") if random.random() < 0.6}
    done = split(text, cuts=list(lines), is_leaf=array.__contains__)
    if done is None:
        return
    for seed in range(3):
        args = (seed, 2)
        shown = f"{text}\n{done.text}\n" + "\n".join(piece.text for piece in done.pieces)
        assert outcome_of(build(done), args, seed) == outcome_of(original(text), args, seed), shown
