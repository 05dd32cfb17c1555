"""Random programs, called as a profile would have it and then against it: plain Python is the oracle.

`JANUSX_PROPERTIES=500` runs that many programs, at random; otherwise a few, the same ones each time.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.conftest import subject
from tests.conformance.harness import Call, Scenario, Subject, World, call, check, fresh_module, of
from tests.properties.programs import programs

__all__ = ["subject"]

ASKED = os.environ.get("JANUSX_PROPERTIES", "")
SETTINGS = settings(
    max_examples=int(ASKED or 20),
    derandomize=not ASKED,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

POOL = (jnp.array([1, 2]), jnp.array([5, -7]), jnp.array([0, 0]), jnp.array([-3, 4]))


class State:
    """What the programs mutate."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@st.composite
def call_sequences(draw: st.DrawFn) -> tuple[Call, ...]:
    """The same call until every profile is over, then others, then the first again."""

    def one() -> Call:
        x, y = (POOL[draw(st.integers(0, 3))] for _ in range(2))
        return call("f", x, y, draw(st.integers(0, 3)), of(lambda w: w.state))

    first = one()
    return (*(first,) * 5, *(one() for _ in range(draw(st.integers(2, 4)))), first)


def scenario_of(source: str, calls: tuple[Call, ...]) -> Scenario:
    def make() -> World:
        state = State(count=0, total=jnp.array([1, 1]), log=[], table={}, rate=1.0)
        return World(f=fresh_module(source).f, state=state)

    # A predicate on arrays decides which object a name stands for, and whether a weak type survives.
    return Scenario(source, make, calls, weak_types=False)


def test_random_programs_do_what_python_does(
    subject: Subject, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    rungs: Counter[str] = Counter()

    @SETTINGS
    @given(programs(), call_sequences())
    def run(source: str, calls: tuple[Call, ...]) -> None:
        rungs.update(check(scenario_of(source, calls), subject))

    run()
    total = sum(rungs.values()) or 1
    shares = ", ".join(f"{name} {count / total:.0%}" for name, count in rungs.most_common())
    record_property("rungs", shares)
    with capsys.disabled():
        print(f"\n  {total} calls of random programs ran: {shares}")


@SETTINGS
@given(programs())
def test_every_generated_program_is_python(source: str) -> None:
    compile(source, "<program>", "exec")
