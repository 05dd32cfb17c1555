"""Loops that never end: Ctrl-C ends them, in each place that a loop can be in, and leaves everything as it was."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx

ENDS, ENDLESS = jnp.float32(0.5), jnp.float32(1.0)
X = jnp.full(3, 2.0, jnp.float32)
PATIENCE = 60.0


class State:
    """What the programs write to."""

    def __init__(self) -> None:
        self.calls = 0
        self.x = X
        self.log: list[Any] = []


def plain(state: State, rate: Any) -> Any:
    state.calls += 1
    x = state.x
    while x.sum() > 1.0:
        x = jnp.abs(jnp.sin(x) * 0 + x) * rate
    state.x = x + 1.0
    state.log.append(x)
    return x


def in_a_rolled_loop(state: State, rate: Any) -> Any:
    state.calls += 1
    x = state.x
    for row in jnp.ones((6, 3)):
        x = x + row
        while x.sum() > 1.0:
            x = jnp.abs(jnp.sin(x) * 0 + x) * rate
    state.x = x + 1.0
    return x


def in_a_loop_in_a_branch(state: State, rate: Any) -> Any:
    x, outer = state.x, 0
    while outer < 3 or x.sum() > 100.0:
        if x.sum() > 1.0:
            while jnp.max(x) > 0.1:
                x = jnp.abs(jnp.sin(x) * 0 + x) * rate
            state.calls += 1
        x = x + 1.0
        outer += 1
    state.x = x
    return x


def mapped(state: State, rate: Any) -> Any:
    def one(x: Any) -> Any:
        while x > 1.0:
            x = jnp.abs(jnp.sin(x) * 0 + x) * rate
        return x

    state.x = jax.vmap(one)(state.x) + 1.0
    return state.x


@contextmanager
def interrupted() -> Iterator[None]:
    """Ctrl-C after half a second, and again: what is pressed while Python collects garbage is lost."""
    over = threading.Event()

    def press() -> None:
        while not over.wait(0.5):
            os.kill(os.getpid(), signal.SIGINT)

    presses = threading.Thread(target=press)
    # What a shell starts in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presses.start()
    try:
        yield
    finally:
        over.set()
        presses.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("program", [plain, in_a_rolled_loop, in_a_loop_in_a_branch, mapped])
def test_ctrl_c_ends_a_loop_that_does_not_end(program: Callable[..., Any]) -> None:
    converted, state = janusx.convert(program), State()
    for _ in range(6):
        converted(state, ENDS)
    assert janusx.stats(converted).last_call == "compiled"
    before = {**vars(state), "log": list(state.log)}
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupted():
        converted(state, ENDLESS)
    assert time.monotonic() - began < PATIENCE
    assert state.calls == before["calls"]
    assert state.x is before["x"]
    assert [id(x) for x in state.log] == [id(x) for x in before["log"]]
    converted(state, ENDS)
    assert janusx.stats(converted).last_call == "compiled"


def test_a_limit_that_was_too_low_is_told() -> None:
    @janusx.convert
    def count(x: Any) -> Any:
        while x > 0.0:
            x = x - 1.0
        return x

    for _ in range(5):
        count(jnp.float32(3.0))
    count(jnp.float32(70000.0))
    told = str(janusx.explain(count))
    assert "the loop ends within" in told
    assert janusx.stats(count).last_call == "compiled"


def test_donated_arguments_stay_donated() -> None:
    @janusx.convert(donate_argnums=0)
    def shrink(x: Any) -> Any:
        while x.sum() > 1.0:
            x = x * 0.5
        return x

    given = jnp.ones(3, jnp.float32) * 4.0
    shrink(given)
    assert given.is_deleted()


def test_a_long_loop_is_no_violation_to_who_asked_for_errors() -> None:
    def count(x: Any) -> Any:
        while x > 0.0:
            x = x - 1.0
        return x

    converted = janusx.convert(count, on_violation="error")
    for start in (3.0, 3.0, 3.0, 3.0, 3.0, 70000.0):
        assert float(converted(jnp.float32(start))) == 0.0
    assert janusx.stats(converted).last_call == "compiled"
