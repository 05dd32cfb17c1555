"""What Python raises on values of the host is raised in the call that it happens in, whether they are used or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import janusx


class Reader:
    def __init__(self) -> None:
        self.i = 0
        self.rows = np.arange(3.0)
        self.words = "1a3"
        self.last: Any = None


def reads(self, x):
    self.i += 1
    self.rows[self.i]
    return x + 1


def divides(self, x):
    self.i += 1
    10 / (3 - self.i)
    return x + 1


def parses(self, x):
    self.i += 1
    int(self.words[self.i - 1])
    return x + 1


def in_a_branch_of_the_host(self, x):
    self.i += 1
    if self.i > 3:
        self.rows[self.i]
    return x + 1


def in_a_branch_of_arrays(self, x):
    self.i += 1
    if x.sum() > 0:
        self.rows[self.i]
    return x + 1


def in_a_branch_not_taken(self, x):
    self.i += 1
    if x.sum() < 0:
        self.rows[self.i]
    return x + 1


def in_a_rolled_loop(self, x):
    self.i += 1
    for k in range(20):
        x = x + k
        self.rows[self.i]
    return x


def in_a_gradient(self, x):
    self.i += 1

    def loss(y):
        self.rows[self.i]
        return (y * y).sum()

    return jax.grad(loss)(x)


def in_a_map(self, x):
    self.i += 1

    def one(y):
        self.rows[self.i]
        return y * 2

    return jax.vmap(one)(x)


def kept(self, x):
    self.i += 1
    self.last = self.rows[self.i]
    return x + 1


def caught(self, x):
    self.i = (self.i + 1) % 4
    try:
        self.rows[self.i]
        wrong = 0
    except IndexError:
        wrong = 1
    return x + wrong


def caught_and_told(self, x):
    self.i += 2
    try:
        self.rows[self.i]
    except IndexError as error:
        self.last = str(error)
    return x + 1


def part_of_more(self, x):
    self.i += 1
    rows = np.sort(self.rows * self.i)
    rows[0] / (self.i - 3)
    rows[self.i - 1] = 2.0
    return x + rows.sum()


def outcomes(step: Callable[..., Any]) -> list[Any]:
    """Of each call: what it gives, or the exception, and the state after it."""
    found = []
    reader = Reader()
    for _ in range(6):
        try:
            given: Any = step(reader, jnp.ones(3)).tolist()
        except Exception as error:
            given = repr(error)
        found.append((given, reader.i, reader.last, reader.rows.tolist()))
    return found


@pytest.mark.parametrize(
    "step",
    [
        reads,
        divides,
        parses,
        in_a_branch_of_the_host,
        in_a_branch_of_arrays,
        in_a_branch_not_taken,
        in_a_rolled_loop,
        in_a_gradient,
        in_a_map,
        kept,
        caught,
        caught_and_told,
        part_of_more,
    ],
    ids=lambda step: step.__name__,
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_later_call_raises_what_plain_python_raises(step: Any) -> None:
    compiled = janusx.convert(step)
    expected, found = outcomes(step), outcomes(compiled)
    assert found == expected
    assert janusx.stats(compiled).compiled >= 2


@pytest.mark.parametrize("step", [reads, divides, kept])
def test_what_raises_names_the_users_line(step: Any) -> None:
    compiled, reader = janusx.convert(step), Reader()
    for _ in range(2):
        compiled(reader, jnp.ones(3))
    assert janusx.stats(compiled).compiled == 2
    with pytest.raises((IndexError, ZeroDivisionError)) as caught:
        compiled(reader, jnp.ones(3))
    frames = [entry.name for entry in caught.traceback]
    assert frames[-1] == step.__name__, frames


def test_an_expression_that_is_used_is_evaluated_once() -> None:
    def used(self, x):
        self.i = (self.i + 1) % 3
        self.last = self.rows[self.i]
        return x * self.rows[self.i - 1]

    compiled = janusx.convert(used)
    outcomes(compiled)
    entry = compiled._record.entries[0]
    sources = entry.info.gather_source + entry.info.commit_source
    # The index that only commit needs, and the one that the program needs.
    assert [sources.count(f"[{index}]") for index in ("h1", "h2")] == [1, 1], sources


def test_what_cannot_raise_is_not_evaluated_for_nothing() -> None:
    def unused(self, x):
        self.i += 1
        self.i * 3 + 7
        return x + 1

    compiled = janusx.convert(unused)
    outcomes(compiled)
    assert "3 + 7" not in compiled._record.entries[0].info.gather_source
    assert "* 3" not in compiled._record.entries[0].info.gather_source
