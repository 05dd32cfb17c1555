"""Words that both forms of a report use: names of rungs, durations, folded paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from janusx.guards.describe import fold

if TYPE_CHECKING:
    from janusx.report.model import Guard, Part, Site

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

_PLACE = re.compile(r"\((?:[^()]*[/\\])?([^()/\\]+:\d+)\)")


KINDS: Mapping[str, str] = {"comp_if": "if", "if_exp": "if", "guard": "case if", "flag": "left by"}
"""Constructs whose names are not as they are written."""

SAME = ("the same", "no members added")
"""How conditions begin that say of many paths that nothing was exchanged: they share a row."""


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


def observed(site: Site) -> str:
    """What observed runs saw at a site, and what they wrote in its regions; "" if nothing."""
    parts = [site.profile, f"wrote {', '.join(site.writes)}" if site.writes else ""]
    return "; ".join(part for part in parts if part)


def part_place(part: Part) -> str:
    """`model.py:12–15` of a part of a split function."""
    start = short_place(part.place)
    more = part.last_line and not start.endswith(f":{part.last_line}")
    return f"{start}–{part.last_line}" if more else start


def fold_guards(guards: Iterable[Guard]) -> list[tuple[str, str, str]]:
    """Guards as rows, folded."""
    return fold_rows((guard.path, guard.condition, guard.failed) for guard in guards)


def fold_rows(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Rows (path, condition, last failure), with paths folded where the rest agrees; those that failed first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, condition, failed in rows:
        groups.setdefault((condition, failed), []).append(path)
    found: list[tuple[str, str, str]] = []
    for (condition, failed), paths in groups.items():
        folded = fold(paths)
        if condition.startswith(SAME):
            folded = [", ".join(folded)]
        found += [(path, condition, failed) for path in folded]
    # What holds the code itself comes last: there is much of it, and it rarely changes.
    return sorted(found, key=lambda row: (not row[2], row[1].startswith(SAME)))


def brief(text: str) -> str:
    """Text in which places in parentheses are said by the file's name alone.

    Example:
        >>> brief("`x > 0` (/home/me/model.py:9) cannot be staged")
        '`x > 0` (model.py:9) cannot be staged'
    """
    return _PLACE.sub(r"(\1)", text)


def written(kind: str, text: str) -> str:
    """A site as it reads in the source.

    Example:
        >>> written("comp_if", "x > 0")
        'if x > 0'
    """
    return text if kind in ("and", "or", "not", "chain", "call") else f"{KINDS.get(kind, kind)} {text}"


def often(count: int) -> str:
    """`once`, `2 times`."""
    return "once" if count == 1 else f"{count} times"


def many(count: int, what: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
