"""Trains the program in several ways, times them against each other, and changes things from outside midway."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import numpy as np

from janusx.demo.data import Digits
from janusx.demo.expert import ExpertTrainer
from janusx.demo.program import GoodEnough, Trainer

__all__ = ["Change", "Failure", "Speed", "Trained", "Way", "change_midway", "compare_speed", "train", "ways"]

wait: Callable[[object], object] = jax.block_until_ready
Step = Callable[[Any, jax.Array, jax.Array], Any]


class AnyTrainer(Protocol):
    """What the training loop needs of a trainer."""

    losses: list[float]
    good_enough: float

    def end_epoch(self) -> None:
        """Ends an epoch."""

    def accuracy(self, images: jax.Array, labels: jax.Array) -> float:
        """Part of the images whose digit is found."""
        ...


@dataclass(frozen=True)
class Way:
    """One way to run the program: how to make a trainer, and the function that makes a step with it."""

    name: str
    make: Callable[[], AnyTrainer]
    step: Step
    steps_a_block: int


@dataclass(frozen=True)
class Trained:
    """What came out of training one way."""

    name: str
    steps: int
    seconds: float
    accuracy: float
    losses: tuple[float, ...]
    stopped: str


@dataclass(frozen=True)
class Speed:
    """Steps a second, and how often that is of eager JAX's and of the expert's (medians over paired rounds)."""

    name: str
    steps_a_second: float
    over_eager: float
    over_expert: float


@dataclass(frozen=True)
class Failure:
    """A guard that failed: in which call, and what was found."""

    call: int
    what: str


@dataclass(frozen=True)
class Change:
    """A change from outside between two steps, and what it did."""

    code: str
    plain_loss: float
    converted_loss: float
    same_parameters: bool
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    def more(self, name: str) -> int:
        """By how much a figure of the statistics grew."""
        return int(self.after.get(name) or 0) - int(self.before.get(name) or 0)

    @property
    def answer(self) -> str:
        """What the guards did about it, in a sentence."""
        if not self.after:
            return "not converted: nothing is guarded"
        if not (self.more("recompilations") or self.more("violations") or self.more("entries")):
            return "seen: the value is an input of the compiled program; nothing was compiled again"
        if self.more("recompilations") or self.more("entries"):
            return f"a guard failed, the step was compiled again; {self.after.get('entries')} entries now"
        return "a guard failed, the call was answered by another route"


def ways(converted: Step) -> tuple[Way, ...]:
    """The three ways that are compared; the converted step is made by the caller."""
    return (
        Way("eager JAX", Trainer, Trainer.train_step, 3),
        Way("janusx.convert", Trainer, converted, 30),
        Way("hand-written jax.jit", ExpertTrainer, ExpertTrainer.train_step, 30),
    )


def train(way: Way, digits: Digits, epochs: int, tell: Callable[[int, int, float], None]) -> Trained:
    """Trains from the seed until the program itself stops or the epochs are over.

    Args:
        way: how.
        digits: on what.
        epochs: at most so many.
        tell: is told the number of the epoch, the steps so far and the loss, after every step.
    """
    trainer = way.make()
    stopped = ""
    start = time.perf_counter()
    try:
        for epoch in range(epochs):
            for images, labels in digits.epoch(epoch):
                way.step(trainer, images, labels)
                tell(epoch, len(trainer.losses), trainer.losses[-1])
            trainer.end_epoch()
    except GoodEnough as reason:
        stopped = str(reason)
    seconds = time.perf_counter() - start
    accuracy = trainer.accuracy(digits.test_images, digits.test_labels)
    return Trained(way.name, len(trainer.losses), seconds, accuracy, tuple(trainer.losses), stopped)


def compare_speed(compared: Sequence[Way], digits: Digits, rounds: int = 15) -> tuple[Speed, ...]:
    """Times the ways in turns, in small blocks, on fresh trainers that do not stop early.

    Ratios are taken within a round, so that a machine that others use too slows both sides alike.
    """
    batches = itertools.cycle(list(digits.epoch(0)))
    trainers = [way.make() for way in compared]
    for way, trainer in zip(compared, trainers, strict=True):
        trainer.good_enough = 0.0
        _block(way, trainer, batches, 8)
    found = [[_block(way, trainer, batches, way.steps_a_block) for way, trainer in zip(compared, trainers, strict=True)]
             for _ in range(rounds)]  # fmt: skip
    columns = list(zip(*found, strict=True))
    eager, expert = columns[0], columns[-1]
    return tuple(
        Speed(way.name, 1 / statistics.median(column), _faster(column, eager), _faster(column, expert))
        for way, column in zip(compared, columns, strict=True)
    )


def _block(way: Way, trainer: AnyTrainer, batches: Iterator[tuple[jax.Array, jax.Array]], steps: int) -> float:
    """Seconds a step."""
    chosen = list(itertools.islice(batches, steps))
    start = time.perf_counter()
    for images, labels in chosen:
        wait(way.step(trainer, images, labels))
    return (time.perf_counter() - start) / steps


def _faster(seconds: Sequence[float], than: Sequence[float]) -> float:
    return statistics.median(other / one for one, other in zip(seconds, than, strict=True))


def lower_rate(trainer: Trainer) -> None:
    """Sets an attribute from outside."""
    trainer.optimizer.lr = 0.01


def longer_list(trainer: Trainer) -> None:
    """Lets a list grow from outside."""
    trainer.decayed.append("dense2")


CHANGES: tuple[tuple[str, Callable[[Trainer], None]], ...] = (
    ("trainer.optimizer.lr = 0.01", lower_rate),
    ('trainer.decayed.append("dense2")', longer_list),
)


def change_midway(
    converted: Step, digits: Digits, look: Callable[[], tuple[dict[str, Any], tuple[Failure, ...]]]
) -> tuple[Change, ...]:
    """Trains a plain and a converted trainer side by side and changes both from outside between two steps.

    Args:
        converted: the converted step.
        digits: on what.
        look: returns the statistics of the converted step, and the guards that failed so far.
    """
    batches = itertools.cycle(list(digits.epoch(0)))
    plain, ours = Trainer(good_enough=0.0), Trainer(good_enough=0.0)
    both: tuple[tuple[Step, Trainer], ...] = ((Trainer.train_step, plain), (converted, ours))
    found = []
    for code, change in CHANGES:
        _steps(both, batches, 8)
        before, _ = look()
        for _, trainer in both:
            change(trainer)
        _steps(both, batches, 2)
        after, failures = look()
        told = tuple(failure.what for failure in failures if failure.call > before["calls"])
        found.append(Change(code, plain.losses[-1], ours.losses[-1], _same(plain, ours), before, after, told))
    return tuple(found)


def _steps(both: Sequence[tuple[Step, Trainer]], batches: Iterator[tuple[jax.Array, jax.Array]], count: int) -> None:
    for images, labels in itertools.islice(batches, count):
        for step, trainer in both:
            step(trainer, images, labels)


def _same(plain: Trainer, ours: Trainer) -> bool:
    """Whether both trainers hold the same parameters, to rounding."""
    pairs = zip(jax.tree.leaves(plain.model.params), jax.tree.leaves(ours.model.params), strict=True)
    return all(np.allclose(one, other, rtol=1e-4, atol=1e-5) for one, other in pairs)
