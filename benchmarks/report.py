"""Makes tables, JSON data and Markdown of what the benchmarks found.

``python -m benchmarks.report out.json`` prints the Markdown of a stored run.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import Bar, Result, Spread

__all__ = ["as_data", "machine", "markdown", "show", "verdict"]


def as_data(value: Any) -> Any:
    """Turns a result into what JSON knows; a bar also says whether it was passed."""
    if isinstance(value, Bar):
        return {
            **{item.name: as_data(getattr(value, item.name)) for item in dataclasses.fields(value)},
            "passed": value.passed,
        }
    if isinstance(value, Spread):
        return {**dataclasses.asdict(value), "error": value.error}
    if isinstance(value, Result) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return {item.name: as_data(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): as_data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    import jax

    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "cpus": os.cpu_count(),
    }


def time_of(seconds: float) -> str:
    """A time in a unit that suits it.

    >>> time_of(0.00034)
    '340.0 µs'
    """
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.{1 if factor == 1e6 else 2}f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def verdict(bar: dict[str, Any]) -> str:
    """One word on a bar."""
    return {True: "reached", False: "missed", None: "no figure"}[bar["passed"]]


def figure_of(bar: dict[str, Any]) -> str:
    """The figure that is held against a bar."""
    return "–" if bar["value"] is None else f"{bar['value']:.3g} {bar['unit']}".strip()


def limit_of(bar: dict[str, Any]) -> str:
    """The limit as it is written."""
    return f"{'≤' if bar['sense'] == '<=' else '≥'} {bar['limit']:g} {bar['unit']}".strip()


def bar_rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table of bars."""
    return [
        (result["title"], bar["text"], figure_of(bar), limit_of(bar), verdict(bar))
        for result in data["results"]
        for bar in result["bars"]
    ]


def time_rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table of times: median, quartiles and the ratio to the hand-written program."""
    rows: list[tuple[str, ...]] = []
    for result in data["results"]:
        for name, found in result["seconds"].items():
            relative = result["ratios"].get(f"{name}/expert")
            over = f"{relative['median']:.3f} ± {relative['error']:.3f}" if relative else "–"
            rows.append(
                (
                    result["program"],
                    name,
                    time_of(found["median"]),
                    f"{time_of(found['lower'])} – {time_of(found['upper'])}",
                    "1" if name == "expert" else over,
                )
            )
    return rows


BARS = ("program", "what", "figure", "bar", "verdict")
TIMES = ("program", "column", "median a call", "quartiles", "over expert")


def _markdown_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown(data: dict[str, Any]) -> str:
    """The report of a run, with every figure."""
    about = ", ".join(f"{name} {value}" for name, value in data["machine"].items())
    parts = [
        "# Benchmarks",
        about + ".",
        _markdown_table(BARS, bar_rows(data)),
        _markdown_table(TIMES, time_rows(data)),
    ]
    for result in data["results"]:
        parts.append(f"## {result['program']}: {result['title']}")
        if result["method"]:
            parts.append(f"Method: {result['method']}.")
        parts += [f"- no figure for *{name}*: {why}" for name, why in result["errors"].items()]
        if result["figures"]:
            parts.append("```json\n" + json.dumps(result["figures"], indent=1, ensure_ascii=False) + "\n```")
    return "\n\n".join(parts) + "\n"


def _plain_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    for line in (head, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print()


def _rich_table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> bool:
    """Prints with rich; False where it is not installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        return False
    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name)
    colours = {"reached": "green", "missed": "red", "no figure": "yellow"}
    for row in rows:
        table.add_row(*row[:-1], f"[{colours[row[-1]]}]{row[-1]}[/]" if row[-1] in colours else row[-1])
    Console().print(table)
    return True


def show(data: dict[str, Any]) -> None:
    """Prints the two tables and what has no figure."""
    for title, head, rows in (("Times", TIMES, time_rows(data)), ("Bars", BARS, bar_rows(data))):
        if rows and not (sys.stdout.isatty() and _rich_table(title, head, rows)):
            print(title)
            _plain_table(head, rows)
    for result in data["results"]:
        for name, why in result["errors"].items():
            print(f"{result['program']}: no figure for {name}: {why}")


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
