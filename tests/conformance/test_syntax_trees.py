"""TreeRNN and TreeLSTM over syntax trees of the standard library: equal to plain Python, one program, and it learns."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

import janusx

pytest.importorskip("benchmarks.harness", reason="the benchmarks are not part of the wheel")

from benchmarks import syntax
from benchmarks.programs.syntax_trees import MODELS, by_hand, step

COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_are_those_of_plain_python(name: str) -> None:
    mine, plain = MODELS[name](), MODELS[name]()
    converted = janusx.convert(step)
    small = sorted(syntax.samples(), key=lambda sample: syntax.nodes(sample[0]))[: 2 * 2]
    for pair in (small[:2], small[2:]):
        trees, labels = [tree for tree, _ in pair], [label for _, label in pair]
        np.testing.assert_allclose(converted(mine, trees, labels), step(plain, trees, labels), rtol=1e-5)
        for weights in mine.weights:  # what the gradient has changed
            np.testing.assert_allclose(getattr(mine, weights), getattr(plain, weights), rtol=1e-4, atol=1e-6)
    assert janusx.stats(converted).last_call == "compiled"


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_and_trees_never_seen_before_need_no_other_program(name: str) -> None:
    mine, expert = MODELS[name](), MODELS[name]()
    converted, hand = janusx.convert(step), by_hand(name)
    losses: list[float] = []
    compiled: list[int] = []
    count = itertools.count()

    def note(event: str, duration_secs: float, **_: str | int) -> None:
        if event == COMPILED:
            next(count)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        for trees, labels in syntax.batches(25, 40):
            before = next(count)
            losses.append(float(converted(mine, trees, labels)))
            compiled.append(next(count) - before - 1)
            if len(losses) <= 3:
                np.testing.assert_allclose(losses[-1], hand(expert, trees, labels), rtol=1e-4)
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    assert sum(compiled[3:]) == 0
    assert janusx.stats(converted).entries == 1
    assert np.mean(losses[-8:]) < np.mean(losses[:4]) - 0.2
