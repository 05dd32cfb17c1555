"""Where there is no memory for a program, Python answers, and says so."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from janusx import api, errors


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.calls = 0

    def add(self, x: Any) -> Any:
        self.calls += 1
        return x + self.calls


def exhausted(*inputs: Any) -> Any:
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 35701917400 bytes.")


def broken(*inputs: Any) -> Any:
    raise jax.errors.JaxRuntimeError("INTERNAL: something else")


def test_python_answers_where_there_is_no_memory_for_the_program() -> None:
    counter = Counter()
    add = janusx.convert(counter.add)
    assert [int(add(jnp.ones(()))) for _ in range(4)] == [2, 3, 4, 5]
    entry = api._record(add).entries[0]
    program, entry.program = entry.program, exhausted
    with pytest.warns(errors.EagerWarning, match="there is memory for its program"):
        assert add(jnp.ones(())) == 6
    assert (janusx.stats(add).last_call, counter.calls) == ("eager", 5)
    entry.program = program
    assert (add(jnp.ones(())), counter.calls) == (7, 6)


def test_what_else_goes_wrong_in_a_run_is_the_users_to_see() -> None:
    counter = Counter()
    add = janusx.convert(counter.add)
    add(jnp.ones(()))
    api._record(add).entries[0].program = broken
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        add(jnp.ones(()))
    assert counter.calls == 1
