"""Every column of a benchmark's program computes the same: what is compared in time must do the same work."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("benchmarks.harness", reason="the benchmarks are not part of the wheel")
pytest.importorskip("flax", reason="needs janusx[bench]")

from benchmarks.harness import Column, Running
from benchmarks.programs import (
    NAMES,
    counters,
    dynamic,
    lenet,
    load,
    lstm,
    nnx_adam,
    one_array,
    recursion,
    rewriting,
    trainer,
)

STEPS = 5


def losses(running: Running, steps: int = STEPS) -> np.ndarray:
    """What the first steps return."""
    return np.asarray([np.asarray(running.step()) for _ in range(steps)])


def agree(columns: tuple[Column, ...], names: tuple[str, ...], tolerance: float = 1e-5) -> None:
    made = {column.name: column.make for column in columns}
    wanted = losses(made["expert"]())
    assert np.isfinite(wanted).all()
    assert len(np.unique(wanted)) == STEPS or wanted.ndim > 1  # the programs do learn something
    for name in names:
        np.testing.assert_allclose(losses(made[name]()), wanted, rtol=tolerance, atol=tolerance, err_msg=name)


def test_the_nnx_step_is_the_same_on_flat_leaves_and_through_nnx_jit():
    agree(nnx_adam.columns(), ("nnx.jit", "nnx.cached_partial"))


def test_the_nnx_step_has_about_123_state_leaves():
    assert 120 <= nnx_adam.leaves() <= 126


def test_the_function_of_one_array_is_the_same():
    agree(one_array.columns(), ("eager",))


def test_the_gradient_through_a_dynamic_loop_is_the_same():
    made = {column.name: column.make() for column in dynamic.columns()}
    expected: Any = made["expert"].step()
    value, gradient = expected
    for name in ("janusx", "janusx, checkpoints", "eager"):
        found: Any = made[name].step()
        for _ in range(4 if "janusx" in name else 0):
            found = made[name].step()
        np.testing.assert_allclose(found[0], value, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-3, atol=1e-5, err_msg=name)
        assert made[name].rung() == "compiled"


def test_the_recursion_is_the_same_in_every_lane():
    made = {column.name: column.make() for column in recursion.columns()}
    steps: dict[str, Any] = {name: running.step() for name, running in made.items()}
    found = {name: np.stack(values) for name, values in steps.items()}
    np.testing.assert_allclose(found["janusx"][:: recursion.EVERY], found["eager"], rtol=1e-4)
    np.testing.assert_allclose(found["janusx"], found["expert"], rtol=1e-4)
    assert made["janusx"].rung() == "compiled"


def test_the_lenet_step_is_the_same():
    agree(lenet.columns(), ("eager",))


def test_the_lenet_step_counts_its_batches():
    model = lenet.LeNet(0)
    optimizer = lenet.Momentum(model)
    for images, labels in lenet.batches()[:2]:
        lenet.train_step(model, optimizer, images, labels)
    assert model.batches == 2


def test_the_lstm_step_is_the_same():
    agree(lstm.columns(length=4), ("eager",))


def test_the_unrolled_lstm_step_is_the_same_as_the_scan():
    expert = losses(lstm.pure(lstm.expert_step, 3), 2)
    np.testing.assert_allclose(losses(lstm.pure(lstm.unrolled_step, 3), 2), expert, rtol=1e-5)


def test_the_counting_program_is_the_same_as_the_experts():
    expert, trainer, target = counters.expert_running(), counters.Trainer(), jnp.linspace(-1, 1, 8)
    for _ in range(STEPS):
        np.testing.assert_allclose(trainer.train_step(target), expert(target), rtol=1e-5)
    assert (trainer.step, trainer.seen["samples"]) == (STEPS, 8 * STEPS)


@pytest.mark.parametrize("lines", [25, 100, 200])
def test_the_text_to_rewrite_is_python_of_the_length_it_says(lines):
    text = rewriting.source(lines)
    compile(text, "<text>", "exec")
    assert text.count("\n") == lines


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_trainer_holds_besides_changes_nothing():
    made = {column.name: losses(column.make()) for column in trainer.columns()}
    for name in ("janusx", "without them"):
        np.testing.assert_allclose(made[name], made["eager"], rtol=1e-5)


def test_every_program_is_listed_with_a_title():
    assert [load(name).TITLE for name in NAMES]
    with pytest.raises(ValueError, match="no program 'nothing'"):
        load("nothing")


@pytest.mark.parametrize("program", [nnx_adam, one_array, lenet, lstm], ids=lambda module: module.__name__)
def test_the_converted_column_computes_the_same(program):
    """The oracle for the column that all of this is about."""
    agree(program.columns(), ("janusx",), 1e-4)
