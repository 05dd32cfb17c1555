"""Words that both forms of a report use: names of rungs, durations, folded paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

RUNGS: Mapping[str, str] = {
    "eager": "runs in Python, in every call",
    "split": "runs in Python, between compiled regions",
    "speculate": "one outcome is compiled, and the program checks it",
    "unroll": "a loop, once per trip in the program",
    "roll": "a loop, once in the program",
    "stage": "all outcomes are in the program",
    "host": "Python decides while the program is made; guards hold it",
}
"""What can become of a place in the code, slowest first."""

_INDEX = re.compile(r"\[(\d+)\]")


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> duration(0.0000123), duration(0.25), duration(3.21)
        ('12 µs', '250 ms', '3.2 s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def short_place(place: str) -> str:
    """`model.py:12` of a whole path."""
    return place.replace("\\", "/").rpartition("/")[2]


def fold(paths: Iterable[str]) -> list[str]:
    """Paths that differ in one index alone as one.

    Example:
        >>> fold(["m.layers[0].w", "m.layers[1].w", "m.layers[2].w", "m.rate"])
        ['m.layers[0..2].w', 'm.rate']
    """
    found: list[str] = []
    for group in _alike(list(dict.fromkeys(paths))):
        folded = _range(group) if len(group) > 1 else None
        found += group if folded is None else [folded]
    return found


def _alike(paths: Sequence[str]) -> Iterable[list[str]]:
    """Groups of paths that differ at most in their last index."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        head, tail = _cut(path)
        groups.setdefault((path,) if head is None else (head, tail), []).append(path)
    return groups.values()


def _cut(path: str) -> tuple[str | None, str]:
    indices = list(_INDEX.finditer(path))
    return (path[: indices[-1].start()], path[indices[-1].end() :]) if indices else (None, path)


def _range(group: Sequence[str]) -> str | None:
    numbers = sorted(int(_INDEX.findall(path)[-1]) for path in group)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    head, tail = _cut(group[0])
    return f"{head}[{numbers[0]}..{numbers[-1]}]{tail}"


def fold_guards(guards: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Guards (path, condition, last failure), with paths folded where the rest agrees; those that failed first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, condition, failed in guards:
        groups.setdefault((condition, failed), []).append(path)
    folded = [(path, *rest) for rest, paths in groups.items() for path in fold(paths)]
    return sorted(folded, key=lambda guard: not guard[2])


def often(count: int) -> str:
    """`once`, `2 times`."""
    return "once" if count == 1 else f"{count} times"


def many(count: int, what: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
