"""Functions cut at statements: the host program and its pieces, run in plain Python, do what the original does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janusx.transforms import Split, split, statement_line
from tests.transforms.compare import make, source
from tests.transforms.plain_ops import PlainOps
from tests.transforms.random_functions import Writer
from tests.transforms.test_pipeline import outcome_of


def cut(text: str, *cuts: int, **options: Any) -> Split:
    done = split(source(text), cuts=cuts, **options)
    assert done is not None
    return done


def build(done: Split) -> Callable[[Mapping[str, Any]], Callable[..., Any]]:
    """The host program with its pieces as plain functions, over the same globals."""

    def made(names: Mapping[str, Any]) -> Callable[..., Any]:
        scope = {**names, done.ops_name: PlainOps()}
        for piece in done.pieces:
            own: dict[str, Any] = {}
            exec(piece.text, scope, own)
            scope[piece.name] = own["f"]
        exec(done.text, scope)
        return scope["f"]  # type: ignore[no-any-return]

    return made


def original(text: str) -> Callable[[Mapping[str, Any]], Callable[..., Any]]:
    return lambda names: make(text, names)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_functions_do_the_same_wherever_they_are_cut(random: Random) -> None:
    text = Writer(random).function()
    try:
        compile(text, "<random>", "exec")
    except SyntaxError:  # a name may turn out parameter and nonlocal
        return
    lines = range(2, len(text.splitlines()) + 1)
    done = split(text, cuts=random.sample(lines, min(len(lines), random.choice([0, 1, 2, 5]))))
    if done is None:
        return
    for seed in range(3):
        args = (seed, 2)
        shown = f"{done.text}\n" + "\n".join(piece.text for piece in done.pieces)
        assert outcome_of(build(done), args, seed) == outcome_of(original(text), args, seed), shown


CASES = [
    (
        "pieces take what they read and return what is read later",
        """
        def f(x):
            y = g(x)
            z = y * 2
            log(y)
            return z + y
        """,
        (4,),
        """
        def f(x):
            y, z = piece_1(x)
            jx.call(log)(y)
            return piece_2(y, z)
        """,
    ),
    (
        "a loop with a cut in it stays, and what is in it is a piece that is made once",
        """
        def f(xs, n):
            total = 0
            for i in range(n):
                total = total + g(xs, i)
                log(i)
            return total * 2
        """,
        (5,),
        """
        def f(xs, n):
            total = 0
            for i in range(n):
                total = piece_1(xs, i, total)
                jx.call(log)(i)
            return piece_2(total)
        """,
    ),
    (
        "tests of what stays are pieces where they compute",
        """
        def f(x):
            while g(x) > 0:
                x = x - 1
                if x.any():
                    log(x)
            return x
        """,
        (5,),
        """
        def f(x):
            while piece_1(x):
                x = piece_2(x)
                if piece_3(x):
                    jx.call(log)(x)
            return x
        """,
    ),
    (
        "what a loop goes through is a piece where it is computed, but not where an iterator may be made",
        """
        def f(x):
            for v in x * x.sum():
                log(v)
            for k in range(3):
                log(k)
            for w in g(x):
                log(w)
        """,
        (3, 5, 7),
        """
        def f(x):
            for v in piece_1(x):
                jx.call(log)(v)
            for k in range(3):
                jx.call(log)(k)
            for w in jx.call(g)(x):
                jx.call(log)(w)
        """,
    ),
]


@pytest.mark.parametrize(("title", "before", "cuts", "after"), CASES, ids=[case[0] for case in CASES])
def test_host_programs(title: str, before: str, cuts: tuple[int, ...], after: str) -> None:
    assert cut(before, *cuts).text == source(after)


def test_statements_that_share_a_line_stay_together() -> None:
    done = cut(
        """
        def f(x):
            a = g(x); b = g(a)
            log(b)
            if b: c = g(b); d = c
            else: d = 1
            return d
        """,
        3,
    )
    assert done.pieces[0].text == "def f(x):\n    a = g(x); b = g(a)\n    return b\n"
    assert done.pieces[1].text.splitlines()[-1] == "    return d"


def test_a_piece_keeps_the_lines_of_the_file() -> None:
    done = cut(
        """
        def f(x):
            log(x)
            # a comment
            y = g(
                x,
            )

            return y
        """,
        11,
        first_line=10,
    )
    (piece,) = done.pieces
    assert (piece.first_line, piece.last_line) == (12, 17)
    assert piece.text.splitlines()[1] == "    y = g("


def test_what_an_elif_leads_to_is_an_if() -> None:
    done = cut(
        """
        def f(x, n):
            if n == 1:
                log(n)
            elif n == 2:
                return g(x)
            return x
        """,
        3,
    )
    assert [piece.text for piece in done.pieces] == ["def f(x):\n        return g(x)\n"]


@pytest.mark.parametrize(
    "text",
    [
        """
        def f(x):
            h = lambda: y
            y = g(x)
            log(y)
            return h()
        """,
        """
        def f(x):
            try:
                y = g(x)
                z = g(y)
            except E:
                return y
            log(z)
        """,
        """
        def f(x):
            def h():
                nonlocal x
                x = 2
            h(); y = g(x)
            log(y)
        """,
    ],
    ids=["a closure sees what is bound later", "a handler sees what was bound", "a closure rebinds"],
)
def test_variables_that_others_see_are_bound_by_the_host(text: str) -> None:
    done = cut(text, 99)
    assert "y = jx.call(g)(x)" in done.text or "y = piece" in done.text
    assert not any("y = " in piece.text and "z = " in piece.text for piece in done.pieces)


def test_a_generator_is_cut_where_it_yields() -> None:
    done = cut("def f(x):\n    y = g(x)\n    yield y\n    z = g(y)\n    yield z\n")
    assert done.text == "def f(x):\n    y = piece_1(x)\n    yield y\n    z = piece_2(y)\n    yield z\n"


@pytest.mark.parametrize("text", ["lambda x: g(x)", "def f(x):\n    return locals()\n"])
def test_some_functions_cannot_be_cut(text: str) -> None:
    assert split(text, cuts={1}) is None


def test_the_line_of_a_statement_is_not_that_of_a_nested_function() -> None:
    text = "def f(x):\n    def g():\n        return x\n    y = g()\n    return y\n"
    assert statement_line(text, [3, 4]) == 4
    assert statement_line(text, [3]) is None
    assert statement_line(text, [12, 13], first_line=10) == 13
