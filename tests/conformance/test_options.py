"""No option changes an answer: a few programs of each group under every way of speculating, guarding and giving up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.conformance import control, effects, guards, state, values
from tests.conformance.harness import PLAIN, Call, Scenario, Steady, Step, Subject, check

CASES = (
    control.nested_returns,
    control.none_against_array,
    control.while_break,
    control.for_return_else,
    control.raise_after_mutation,
    state.python_numbers,
    state.writes_in_regions,
    state.optimizer,
    values.symbolic_branch,
    effects.print_in_branch,
    guards.two_instances,
)

OPTIONS: tuple[dict[str, Any], ...] = (
    {"profile_runs": 0},
    {"profile_runs": 1},
    {"speculate": False},
    {"guards": "callback"},
    {"on_unsupported": "eager"},
    {"on_violation": "eager"},
    {"recompile_limit": 1},
)


def without_rungs(step: Step) -> Step:
    """The step, with nothing said of the rung: that is for the default options."""
    if isinstance(step, Steady):
        return without_rungs(step.steps[0])
    return replace(step, rung=()) if isinstance(step, Call) else step


def unrecorded(subject: Subject) -> Subject:
    """The subject, whose rungs are no measurement: that is of the default options."""
    return replace(subject, ended=PLAIN.ended)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ", ".join(f"{k}={v}" for k, v in options.items()))
def test_an_option_changes_no_answer(case: Scenario, options: dict[str, Any], subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python has no options")
    steps = tuple(without_rungs(step) for step in case.steps[3:])
    check(replace(case, steps=steps, options={**case.options, **options}), unrecorded(subject))


@pytest.mark.parametrize("case", [control.nested_returns, state.python_numbers], ids=str)
def test_jax_disable_jit_is_honoured(case: Scenario, subject: Subject) -> None:
    import jax

    with jax.disable_jit():
        check(replace(case, steps=tuple(without_rungs(step) for step in case.steps[3:])), unrecorded(subject))
