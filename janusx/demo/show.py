"""Progress and tables: with rich on a terminal, as plain text elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from janusx.demo.measure import Change, Speed, Trained

__all__ = ["progress", "show_changes", "show_speed"]

Tell = Callable[[int, int, float], None]
SPEED_HEAD = ("", "steps/s", "× eager", "× hand-written", "steps", "accuracy")


def _has_rich() -> bool:
    if not sys.stdout.isatty():
        return False
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def progress(name: str, epochs: int, batches: int) -> Iterator[Tell]:
    """Shows how training goes; yields what is to be told the epoch, the steps so far and the loss."""
    with _rich_progress(name, epochs * batches) if _has_rich() else _plain_progress(name, epochs, batches) as tell:
        yield tell


@contextmanager
def _rich_progress(name: str, total: int) -> Iterator[Tell]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=30),
        TextColumn("epoch {task.fields[epoch]:>2}  loss {task.fields[loss]:.4f}  {task.fields[rate]:>6.0f} steps/s"),
        TimeElapsedColumn(),
    )
    with bar:
        recent = deque([time.perf_counter()], maxlen=50)
        task = bar.add_task(name, total=total, epoch=0, loss=float("nan"), rate=0.0)

        def tell(epoch: int, steps: int, loss: float) -> None:
            recent.append(time.perf_counter())
            rate = (len(recent) - 1) / (recent[-1] - recent[0])
            bar.update(task, completed=steps, epoch=epoch + 1, loss=loss, rate=rate)

        yield tell
        bar.update(task, total=bar.tasks[0].completed or 1)  # an early stop is not an unfinished bar


@contextmanager
def _plain_progress(name: str, epochs: int, batches: int) -> Iterator[Tell]:
    since = [time.perf_counter()]

    def tell(epoch: int, steps: int, loss: float) -> None:
        if steps % batches == 0:
            since.append(time.perf_counter())
            rate = batches / (since[-1] - since[-2])  # of this epoch: the first one compiles
            print(f"{name:<22} epoch {epoch + 1:>2}/{epochs}  loss {loss:.4f}  {rate:6.0f} steps/s", flush=True)

    yield tell


def speed_rows(trained: Sequence[Trained], speeds: Sequence[Speed]) -> list[tuple[str, ...]]:
    """Rows of the table that the demo is about."""
    return [
        (
            speed.name,
            f"{speed.steps_a_second:.0f}",
            f"{speed.over_eager:.1f}",
            f"{speed.over_expert:.2f}",
            str(result.steps),
            f"{result.accuracy:.4f}",
        )
        for result, speed in zip(trained, speeds, strict=True)
    ]


def show_speed(trained: Sequence[Trained], speeds: Sequence[Speed]) -> None:
    """Prints the comparison of the three ways."""
    rows = speed_rows(trained, speeds)
    print()
    if _has_rich():
        from rich.console import Console
        from rich.table import Table

        table = Table(title="One LeNet step on the digits of scikit-learn", title_justify="left")
        for number, name in enumerate(SPEED_HEAD):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in (SPEED_HEAD, *rows)) for column in range(len(SPEED_HEAD))]
    for row in (SPEED_HEAD, *rows):
        print("  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]))


def show_changes(changes: Sequence[Change]) -> None:
    """Prints what was changed from outside and what came of it."""
    print("\nChanged from outside, between two steps:")
    for change in changes:
        same = "the same parameters" if change.same_parameters else "OTHER PARAMETERS"
        print(f"\n  {change.code}")
        print(f"    {change.answer}")
        for line in change.told:
            print(f"    {line}")
        print(f"    loss {change.converted_loss:.6f}, plain Python {change.plain_loss:.6f}; {same} as in plain Python")
