"""The whole rewrite: random functions, the standard library, and what has to stay native."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janusx.transforms import Rewritten, rewrite, split, statement_line
from janusx.transforms.observe import observe
from janusx.transforms.untouched import TOO_DEEP, UNKNOWN
from tests.transforms.compare import make, same
from tests.transforms.random_functions import Writer


class Stopped(BaseException):
    """Ends a program that runs for too long; no handler of its own catches it."""


class World:
    """What random functions see: a trace of what they did, and truth values that depend on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.trace: list[Any] = []
        self._random = Random(seed)

    def names(self) -> dict[str, Any]:
        return {"log": self.log, "flip": self.flip, "swallow": self.swallow, "manager": self.manager}

    def log(self, value: Any) -> Any:
        self.trace.append("a function" if callable(value) else value)
        if len(self.trace) > 150:
            raise Stopped
        return value

    def flip(self, number: int) -> bool:
        self.log(("flip", number))
        return self._random.random() < 0.5

    @contextlib.contextmanager
    def swallow(self) -> Iterator[int]:
        try:
            yield 7
        except (ValueError, NameError):
            self.log("swallowed")

    @contextlib.contextmanager
    def manager(self) -> Iterator[int]:
        yield 9


def outcome(text: str, args: tuple[Any, ...], seed: int, ops_name: str | None = None) -> str:
    """Everything that a call can be seen to do.

    A cell that is read unbound raises NameError in a region function and UnboundLocalError outside: the two are taken
    for one.
    """
    return outcome_of(lambda names: make(text, names, ops_name), args, seed)


def outcome_of(build: Callable[[Mapping[str, Any]], Callable[..., Any]], args: tuple[Any, ...], seed: int) -> str:
    """Everything that a call of a function, made for a world, can be seen to do."""
    world = World(seed)
    try:
        result = build(world.names())(*args)
        done = "a function" if callable(result) else repr(result)
    except Stopped:
        done = "stopped"
    except NameError as error:
        names = re.findall(r"'(\w+)'", str(error))
        done = f"unbound {names}"
    except Exception as error:
        done = f"{type(error).__name__}: {error}".replace("UnboundLocalError", "NameError")
    return f"{done} after {world.trace}"


@settings(max_examples=150)
@given(st.randoms(use_true_random=False))
def test_random_functions_do_the_same(random: Random) -> None:
    text = Writer(random).function()
    try:
        compile(text, "<random>", "exec")
    except SyntaxError:  # A name may turn out parameter and nonlocal, or a pattern unreachable.
        return
    rewritten = rewrite(text)
    assert not any("beyond" in r.reason for r in rewritten.refusals)
    for seed in range(3):
        args = (seed, 2)
        found = outcome(rewritten.text, args, seed, rewritten.ops_name)
        assert found == outcome(text, args, seed), rewritten.text


def functions(module: str) -> Iterator[str]:
    """The sources of all functions in a module."""
    text = inspect.getsource(importlib.import_module(module))
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno])) + "\n"


@pytest.mark.parametrize("module", ["bisect", "heapq", "textwrap", "statistics", "difflib"])
def test_every_function_of_a_library_module_compiles(module: str) -> None:
    for text in functions(module):
        rewritten = rewrite(text, first_line=7)
        assert not any("beyond" in r.reason for r in rewritten.refusals), text
        assert len(rewritten.lines) == len(rewritten.text.splitlines())
        last = 6 + len(text.splitlines())
        assert all(7 <= line <= last for line in rewritten.lines), text


@pytest.mark.parametrize(
    "text",
    [
        "def f(n):\n    for i in range(n):\n        yield i and f(i)\n",
        "async def f(x):\n    if x:\n        await x\n",
        "def f(x):\n    if x:\n        y = 1\n    return locals()\n",
        "def f(x):\n    if x:\n        return eval('x')\n",
        "lambda: (yield)\n",
    ],
    ids=["generator", "coroutine", "locals", "eval", "lambda that yields"],
)
def test_a_function_that_stays_as_it_is_says_so(text: str) -> None:
    rewritten = rewrite(text)
    assert [r.construct for r in rewritten.refusals] == ["lambda" if "lambda" in text else "def"]
    kept = re.sub(r"jx\.call\((\w+)\)", r"\1", rewritten.text)  # what it calls is looked at all the same
    assert "jx." not in kept
    if "lambda" not in text:
        assert kept == text


def test_deep_nesting_goes_native_before_python_gives_up() -> None:
    chain = "".join(f"    if x == {i}:\n        return {i}\n" for i in range(150))
    rewritten = same(f"def f(x):\n{chain}    return -1\n", (0,), (77,), (149,), (200,))
    assert "if_20_true" in rewritten.text
    assert "beyond" not in rewritten.refusals[0].reason


def test_a_long_elif_chain_still_compiles() -> None:
    branches = "".join(f"    elif x == {i}:\n        y = {i}\n" for i in range(1, 60))
    text = f"def f(x):\n    if x == 0:\n        y = 0\n{branches}    return y\n"
    rewritten = same(text, (0,), (37,), (59,), (200,))
    assert "if_20_true" in rewritten.text
    assert "elif jx.truth(x == 50, site=51):" in rewritten.text


def test_an_elif_chain_too_long_for_the_passes_stays_native() -> None:
    branches = "".join(f"    elif x == {i}:\n        y = {i}\n" for i in range(1, 150))
    rewritten = same(f"def f(x):\n    if x == 0:\n        y = 0\n{branches}    return y\n", (0,), (149,), (200,))
    assert [(refusal.construct, refusal.reason) for refusal in rewritten.refusals] == [("def", TOO_DEEP)]


def elifs(number: int) -> str:
    """A function with a chain of so many branches."""
    branches = "".join(f"    elif x == {i}:\n        y = {i}\n" for i in range(1, number))
    return f"def f(x):\n    if x == 0:\n        y = 0\n{branches}    return y\n"


@pytest.mark.parametrize("depth", [200, 300, 500, 800])
def test_what_nests_too_deep_for_the_parser_s_walks_stays_as_it_is(depth: int) -> None:
    chain = elifs(depth)
    rewritten = rewrite("@keep(\n    1)\n" + chain, first_line=5)
    assert (rewritten.text, len(rewritten.refusals), rewritten.refusals[0].line) == (chain, 1, 7)
    assert rewritten.lines == tuple(range(7, 7 + len(chain.splitlines())))


@pytest.mark.parametrize("body", ["x" + ".bit_length()" * 300, " + ".join("x" * 600), " and ".join("x" * 600)])
def test_a_lambda_that_nests_too_deep_becomes_a_def(body: str) -> None:
    rewritten = same(f"lambda x, y=lambda z: 3, *, w={{1: 2}}: {body}", (0,), (2,))
    assert rewritten.text.startswith("def lambda_(x, y=lambda z: 3, *, w={1: 2}): return (x")
    assert [r.construct for r in rewritten.refusals] == ["lambda"]


def test_a_source_with_the_mark_character_is_left_alone() -> None:
    rewritten = rewrite("def f(x):\n    if x:\n        return '\ue000'\n")
    assert len(rewritten.refusals) == 1 and "jx" not in rewritten.text


def test_semicolons_and_one_line_suites_mean_the_same() -> None:
    same("def f(x): y = 1; z = 2 if x else 3; return y, z", (0,), (1,))
    same("def f(x):\n    if x: y = 1; log(y)\n    else: y = 2\n    return y", (0,), (1,))


def test_super_works_in_methods_with_control_flow() -> None:
    text = "def f(self, x):\n    if x:\n        return super().f(x) + 1\n    return 0\n"
    rewritten = rewrite(text)
    body = "class A:\n    def f(self, x):\n        return x\n\nclass B(A):\n" + textwrap.indent(rewritten.text, "    ")
    scope: dict[str, Any] = {}
    make(body + "\ndef run(x):\n    return B().f(x)\n", scope, "jx", "run")
    run = make(body + "\ndef run(x):\n    return B().f(x)\n", {}, "jx", "run")
    assert (run(3), run(0)) == (4, 0)


@pytest.mark.parametrize("make_of", [rewrite, observe])
def test_syntax_that_only_python_knows_stays_native(make_of: Callable[[str], Rewritten]) -> None:
    text = "@staticmethod\ndef f(x):\n    (y): int\n    return g(x)\n"
    made = make_of(text)
    assert made.text == text.partition("\n")[2]
    assert [refusal.reason for refusal in made.refusals] == [UNKNOWN]
    assert split(text, cuts={3}) is None
    assert statement_line(text, [3]) is None


def test_what_python_refuses_is_refused() -> None:
    with pytest.raises(cst.ParserSyntaxError):
        rewrite("def f(:\n    pass\n")
