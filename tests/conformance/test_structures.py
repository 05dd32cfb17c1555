"""Recursion over Python structures, by behaviour and by rung."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import jax.numpy as jnp
import numpy as np
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


def test_long_linked_lists_are_gone_through_in_a_loop(subject: Subject) -> None:
    def f(model: structures.Model, link: Any) -> Any:
        h = model.words[0]
        while link is not None:
            h = jnp.tanh(model.up @ h + link["value"])
            link = link["next"]
        return h.sum()

    converted = subject.convert(f)
    model = structures.Model()
    for length in (1000, 400, 3, 800):
        chain = structures.chain(length)
        np.testing.assert_allclose(converted(model, chain), f(model, chain), rtol=1e-4)
    if subject.stats is not None:
        assert subject.stats(converted).last_call == "compiled"
        assert subject.stats(converted).entries == 1


def test_a_cycle_raises_what_python_raises_and_nothing_is_lost(subject: Subject) -> None:
    def f(model: structures.Model, tree: structures.Node) -> Any:
        model.steps += 1
        return model.state(tree).sum()

    converted = subject.convert(f)
    model, trees = structures.Model(), structures.forest(4)
    for tree in trees:
        converted(model, tree)
    cycle = structures.Node(1)
    cycle.children.append(cycle)
    before = model.up
    with pytest.raises(RecursionError):  # how deep it gets is not the same: a call of a converted function has frames
        converted(model, cycle)
    assert model.steps == len(trees) + 1
    assert model.up is before
    converted(model, trees[1])
    assert model.steps == len(trees) + 2
    assert subject.stats is None or subject.stats(converted).last_call == "compiled"
