"""How tracing grows with nesting: branches in loops in branches, one to eight deep, in one function.

A staged construct whose region is traced twice costs twice as much a level, 2 ** depth in all. What is reported is the
time of rewriting and tracing by line and level; it must not grow.
"""

from __future__ import annotations

import linecache
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from benchmarks.columns import convert
from benchmarks.harness import Options, Result, bar, reason

TITLE = "Branches in loops, nested one to eight deep"
DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8)
LIMIT = 1.0  # time a line and level at the deepest, over that at two levels


def source(depth: int) -> str:
    """A function with that many loops in one another, each with a branch on an array around the next.

    >>> source(8).count(chr(10))
    50
    """
    lines, indent = ["def program(x, state):"], "    "
    for level in range(depth):
        lines += [
            f"{indent}for i{level} in range(6):",
            f"{indent}    if x.sum() > {level}:",
            f"{indent}        x = x * 0.5",
            f"{indent}        state.count += 1",
            f"{indent}    else:",
            f"{indent}        x = x + 0.25",
        ]
        indent += "        "
    return "\n".join([*lines, "    return x"]) + "\n"


class State:
    """What is counted on."""

    count = 0


def _function(depth: int, number: int) -> Callable[..., Any]:
    text, name = source(depth), f"<nesting {depth} {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope: dict[str, Any] = {}
    exec(compile(text, name, "exec"), scope)
    return scope["program"]  # type: ignore[no-any-return]


def seconds(depth: int, repeats: int) -> float:
    """Median time of making the program of a function nested so deep; nothing is compiled."""
    found = []
    for number in range(repeats):
        fun: Any = convert(_function(depth, number), on_unsupported="error")
        state = State()
        state.count = 0
        start = time.perf_counter()
        fun.lower(jnp.ones(3), state)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def run(options: Options) -> Result:
    """Measures the program."""
    figures: dict[str, Any] = {}
    errors: dict[str, str] = {}
    growth: float | None = None
    if options.wants("janusx"):
        try:
            seconds(1, 1)  # what is made once in a process
            depths = (2, 4) if options.quick else DEPTHS
            taken = {depth: seconds(depth, 1 if options.quick else 5) for depth in depths}
            each = {depth: taken[depth] / (depth * source(depth).count("\n")) for depth in depths}
            figures = {
                "seconds by depth": {str(depth): taken[depth] for depth in depths},
                "microseconds a line and level": {str(depth): each[depth] * 1e6 for depth in depths},
            }
            growth = each[depths[-1]] / each[2]
        except Exception as error:
            errors["janusx"] = reason(error)
    return Result(
        "nesting",
        TITLE,
        bars=(bar("a line and level at 8 levels over 2", "<=", LIMIT, growth, "×"),),
        figures=figures,
        errors=errors,
        method="median of fresh functions of the same text, rewritten, traced and lowered",
    )
