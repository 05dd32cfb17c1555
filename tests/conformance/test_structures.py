"""Recursion over Python structures, by behaviour and by rung."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from tests.conformance import structures
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(structures)))
def test_structures(case: Scenario, subject: Subject) -> None:
    check(case, subject)


def test_nothing_of_what_was_walked_is_kept_alive(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("not about plain Python")

    def f(model: structures.Model, tree: structures.Node) -> Any:
        return model.state(tree).sum()

    converted = subject.convert(f)
    model, trees = structures.Model(), structures.forest(4)
    kept = [weakref.ref(each) for each in (model, *trees, trees[0].children[0])]
    while trees:
        converted(model, trees.pop())
    assert subject.stats(converted).last_call == "compiled"
    del model
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)
