"""Command line of the demo: ``python -m janusx demo [--epochs N] [--html report.html]``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janusx.demo.data import Digits, load
from janusx.demo.measure import Change, Failure, Speed, Step, Trained, change_midway, compare_speed, train, ways
from janusx.demo.program import Trainer
from janusx.demo.report import Findings, write
from janusx.demo.show import progress, show_changes, show_speed

__all__ = ["main", "run"]

Looked = Callable[[], tuple[dict[str, Any], tuple[Failure, ...]]]

MISSING = """\
The demo trains on the handwritten digits that ship with scikit-learn, which is not installed. Install it with

    pip install "janusx[demo]"
"""
EPOCHS = 16
AGREE = 1e-4  # in accuracy, between the three ways


@dataclass(frozen=True)
class Outcome:
    """All that the demo found."""

    trained: tuple[Trained, ...]
    speeds: tuple[Speed, ...]
    changes: tuple[Change, ...]

    @property
    def agree(self) -> bool:
        """Whether all ways made as many steps and reached the same accuracy, and the changes had the same effect."""
        first = self.trained[0]
        return all(
            result.steps == first.steps and abs(result.accuracy - first.accuracy) <= AGREE for result in self.trained
        ) and all(change.same_parameters for change in self.changes)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m janusx demo",
        description="Trains LeNet on handwritten digits: in eager JAX, converted, and with a hand-written jax.jit.",
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="at most so many (default: %(default)s)")
    parser.add_argument("--html", type=Path, default=Path("janusx-demo.html"), help="report (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    if parsed.epochs < 1:
        parser.error("--epochs must be at least 1")
    return parsed


def look(step: Any) -> tuple[dict[str, Any], tuple[Failure, ...]]:
    """Statistics of a converted step, and the guards that failed so far."""
    import janusx

    return dataclasses.asdict(janusx.stats(step)), failures(janusx.explain(step).to_dict())


def failures(report: dict[str, Any]) -> tuple[Failure, ...]:
    """What `janusx.explain` tells of guards that failed, in the order of the calls."""
    events = [*report["recompilations"], *report["violations"]]
    found = [Failure(event["call"], f"{event['reason']} ({Path(event['at']).name})") for event in events]
    return tuple(sorted(found, key=lambda failure: failure.call))


def run(digits: Digits, epochs: int, step: Step, looked: Looked, rounds: int = 15) -> Outcome:
    """Trains three ways, compares their speed, changes things from outside."""
    trained: list[Trained] = []
    compared = ways(step)
    for way in compared:
        with progress(way.name, epochs, digits.batches) as tell:
            trained.append(train(way, digits, epochs, tell))
        if trained[-1].stopped:
            print(f"{'':<22} stopped by the program: {trained[-1].stopped}")
    speeds = compare_speed(compared, digits, rounds)
    changes = change_midway(step, digits, looked)
    return Outcome(tuple(trained), speeds, changes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the exit code."""
    parsed = parse(arguments)
    try:
        digits = load()
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    import janusx

    step = janusx.convert(Trainer.train_step)
    print(f"LeNet on {len(digits.labels)} handwritten digits, tested on {len(digits.test_labels)} others\n")
    outcome = run(digits, parsed.epochs, step, lambda: look(step))
    show_speed(outcome.trained, outcome.speeds)
    show_changes(outcome.changes)
    write(
        parsed.html,
        Findings(outcome.trained, outcome.speeds, outcome.changes, janusx.explain(step)),
    )
    print(f"\nWhat the compiler did, line by line: {parsed.html.resolve()}")
    if not outcome.agree:
        print("The three ways did not come to the same result.", file=sys.stderr)
        return 1
    return 0
