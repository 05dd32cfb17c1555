"""Rewritten and observed programs, run with plain ops, do what the originals do: no tracing is involved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from janusx.transforms import rewrite
from janusx.transforms.observe import observe
from tests.conformance import control, errors, functions
from tests.conformance.harness import Call, Scenario, Subject, check, scenarios
from tests.properties.plain_ops import Observes, Rewrites, rewritten
from tests.properties.programs import programs
from tests.properties.test_random_programs import SETTINGS, call_sequences, scenario_of


class Standing:
    """Stands where the converted function stands; it is walked as the user's function behind it."""

    __module__ = "janusx.standing"

    def __init__(self, run: Any, behind: Any) -> None:
        self.run, self.__wrapped__ = run, behind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self.run.__get__(instance, owner)


def subject_of(make: Any, ops: Any) -> Subject:
    return Subject(lambda fn, **_: Standing(rewritten(fn, make, ops), fn), stats=None, tracebacks=False)


REWRITTEN = subject_of(rewrite, Rewrites())
OBSERVED = subject_of(observe, Observes())

CORPUS = [one for group in (control, functions, errors) for one in scenarios(vars(group))]


def once(case: Scenario) -> Scenario:
    """The scenario with each call made once: there is no profile to wait for."""
    steps = [step for before, step in zip((None, *case.steps), case.steps) if step is not before]
    return replace(case, steps=tuple(replace(step, rung=()) if isinstance(step, Call) else step for step in steps))


@pytest.mark.parametrize("case", CORPUS)
@pytest.mark.parametrize("subject", [REWRITTEN, OBSERVED], ids=["rewritten", "observed"])
def test_the_corpus_means_the_same(case: Scenario, subject: Subject) -> None:
    check(once(case), subject)


@SETTINGS
@given(programs(), call_sequences())
def test_random_programs_mean_the_same_rewritten(source: str, calls: tuple[Call, ...]) -> None:
    check(scenario_of(source, calls[4:]), REWRITTEN)


@SETTINGS
@given(programs(), call_sequences())
def test_random_programs_mean_the_same_observed(source: str, calls: tuple[Call, ...]) -> None:
    check(scenario_of(source, calls[4:]), OBSERVED)
