"""Depth: what nests deep, and what is rewritten when the program that asks for it is deep in its own recursion."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from janusx.sources import compile_function, find_source
from janusx.transforms import rewrite
from janusx.transforms.depth import with_room
from janusx.transforms.observe import observe
from janusx.transforms.untouched import TOO_DEEP

T = TypeVar("T")


def near_the_limit(run: Callable[[], T], room: int = 60) -> T:
    """Run something where only so many calls are left on the stack."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]

    def down(left: int) -> T:
        return down(left - 1) if left > 0 else run()

    return down(sys.getrecursionlimit() - depth - room)


def branching(x: Any) -> Any:
    if x > 0 and x < 9:
        while x > 1:
            x = x - 1
    return x


def test_the_result_is_that_of_the_function_and_so_is_its_exception() -> None:
    assert with_room(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        with_room(lambda: 1 // 0)


def test_the_second_try_has_a_stack_of_its_own() -> None:
    threads: list[threading.Thread] = []

    def count(left: int) -> int:
        threads.append(threading.current_thread())
        return 0 if left == 0 else 1 + count(left - 1)

    assert near_the_limit(lambda: with_room(lambda: count(200))) == 200
    assert len(set(threads)) == 2


def test_what_is_too_deep_for_any_stack_says_so() -> None:
    def forever() -> int:
        return 1 + forever()

    with pytest.raises(RecursionError):
        with_room(forever)


@pytest.mark.parametrize("make", [rewrite, observe])
def test_the_rewrite_is_the_same_wherever_it_is_asked_for(make: Callable[..., Any]) -> None:
    source = find_source(branching)
    deep = near_the_limit(lambda: make(source.text))
    assert deep == make(source.text)
    assert not deep.refusals


def test_sources_are_found_and_compiled_deep_in_a_recursion() -> None:
    source = near_the_limit(lambda: find_source(branching))
    made = rewrite(source.text, first_line=source.first_line)
    code = near_the_limit(lambda: compile_function(made, source, ()), room=40)
    assert code.co_name == "branching"


@pytest.mark.parametrize("make", [rewrite, observe])
@pytest.mark.parametrize("body", [" + ".join("x" * 800), "x" + ".real" * 800, "not " * 800 + "x"])
def test_expressions_that_nest_too_deep_stay_as_they_are(make: Callable[..., Any], body: str) -> None:
    text = f"def f(x):\n    return {body}\n"
    made = make(text, first_line=7)
    assert (made.text, made.lines) == (text, (7, 8))
    assert [(refusal.line, refusal.construct, refusal.reason) for refusal in made.refusals] == [(7, "def", TOO_DEEP)]
