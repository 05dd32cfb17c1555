"""What an object holds besides the state that a function touches costs its calls nothing: counted, not timed."""

from __future__ import annotations

import functools
import logging
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import gymnasium
import jax.numpy as jnp
import pytest

import janusx
from janusx.explain import explain

X = jnp.ones(3)


class Trainer:
    def __init__(self, **others: Any) -> None:
        self.w, self.steps = jnp.zeros(3), 0
        self.losses: list[float] = []
        vars(self).update(others)

    def step(self, x):
        self.steps += 1
        self.w = self.w + 0.1 * (x - self.w)
        loss = ((x - self.w) ** 2).mean()
        if loss > 1:
            self.w = self.w / 2
        self.losses.append(float(loss))
        return loss


def settled(**others: Any) -> tuple[Callable[..., Any], Trainer]:
    g, trainer = janusx.convert(Trainer.step), Trainer(**others)
    for _ in range(4):
        g(trainer, X)
    assert janusx.stats(g).last_call == "compiled"
    return g, trainer


def lines_run(call: Callable[[], Any]) -> int:
    """How many lines of Python a call runs through, wherever they are."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_call_runs_through_a_line_or_two_for_each_thing_that_it_does_not_touch() -> None:
    with tempfile.TemporaryFile("w") as file:
        others = {
            "log": logging.getLogger("trainer"),
            "file": file,
            "lock": threading.Lock(),
            "env": gymnasium.make("CartPole-v1"),
        }
        plain, alone = settled()
        held, holder = settled(data=[jnp.full(1, k) for k in range(60_000)], **others)
        assert lines_run(lambda: held(holder, X)) - lines_run(lambda: plain(alone, X)) <= 3 * (1 + len(others))
        arrays = [len(explain(g).entries[0].reads) for g in (held, plain)]
    assert arrays[0] - arrays[1] <= 1, "the program reads more arrays than it needs"


def test_a_call_costs_the_same_however_large_the_data_are() -> None:
    lines, sources = set(), set()
    for size in (2_000, 60_000):
        g, trainer = settled(data=[jnp.full(1, k) for k in range(size)])
        lines.add(lines_run(functools.partial(g, trainer, X)))
        sources.add(explain(g).entries[0].gather_source)
    assert (len(lines), len(sources)) == (1, 1)
