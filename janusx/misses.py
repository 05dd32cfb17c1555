"""Why no program of a function answered a call: worked out before another one is made, never on the fast path."""

from __future__ import annotations

import re
from dataclasses import dataclass

from janusx import emitted, leaves
from janusx.compile import Call
from janusx.entry import Entry
from janusx.guards.diagnose import Difference, differences
from janusx.guards.staged import Assumption
from janusx.record import Record
from janusx.state.paths import Path

SHOWN = 2
"""Differences that a message lists; what is left is counted."""


@dataclass(frozen=True)
class Miss:
    """Why a call found no program.

    Attributes:
        what: in words.
        place: `file:line` of the user's code that is about it.
    """

    what: str
    place: str


def why(record: Record, call: Call, violated: Assumption | None = None) -> Miss:
    """Compares a call with the guards of all entries, and says how it differs from the nearest.

    Each entry remembers, by guard, what it last failed on.

    Args:
        record: the function's record, before a new entry is added.
        call: the call that no entry answered.
        violated: the assumption that did not hold in a run, if that was the reason.
    """
    if violated is not None:
        return Miss(f"that {violated.what} did not hold", violated.place)
    start = place_of_code(record.fun)
    if not record.entries:
        return Miss("its programs were dropped: a cache was cleared or a setting of JAX's changed", start)
    found = [
        (entry, differences(entry.info.guards, *entry.arranged(call.args, call.kwargs), entry.anchors))
        for entry in record.entries
    ]
    for entry, differing in found:
        for difference in differing:
            entry.failed[difference.check] = (record.calls + 1, difference.found)
    differing_entries = [(entry, differing) for entry, differing in found if differing]
    if not differing_entries:
        return Miss("a setting or a cache of JAX's changed", start)
    # A call of another shape (check 0) is further away than any change of values.
    entry, nearest = min(differing_entries, key=lambda pair: (pair[1][0].check == 0, len(pair[1])))
    return Miss(_words(nearest), _place(entry, nearest[0]) or start)


def _words(found: list[Difference]) -> str:
    shown = "; ".join(difference.what for difference in found[:SHOWN])
    return shown if len(found) <= SHOWN else f"{shown}; and {len(found) - SHOWN} more"


def _place(entry: Entry, difference: Difference) -> str:
    """The first line of the user's functions that mentions the path, or as much of it as any line does."""
    for text in prefixes(difference.path) if difference.path is not None else ():
        pattern = re.compile(rf"(?<![\w.]){re.escape(text)}(?!\w)")
        for program in entry.info.programs:
            if program.source is None:
                continue
            for number, line in enumerate(program.source.text.split("\n")):
                if pattern.search(line.partition("#")[0]):
                    return f"{program.source.filename}:{program.source.first_line + number}"
    return ""


def prefixes(path: Path) -> list[str]:
    """How a path, and then what leads to it, reads in source; what has no name of its own is left out."""
    texts = [str(Path(path.steps[:count])) for count in range(len(path.steps), 0, -1)]
    return list(dict.fromkeys(text for text in texts if text))


def place_of_code(fun: object) -> str:
    """`file:line` where a function begins; "" if that is not known."""
    code = getattr(fun, "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def user_line(error: BaseException) -> str:
    """The last line of the user's code in a traceback."""
    found, at = "", error.__traceback__
    while at is not None:
        if not leaves.is_leaf_module(str(at.tb_frame.f_globals.get("__name__", ""))):
            found = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        at = at.tb_next
    return found


def lines_of(fun: object, error: BaseException) -> tuple[int, ...]:
    """The lines of a function's file at which its converted code stood in a traceback, innermost first."""
    code = getattr(fun, "__code__", None)
    found: list[int] = []
    at = error.__traceback__
    while at is not None:
        here = at.tb_frame.f_code
        if code is not None and here.co_filename == code.co_filename and emitted.is_emitted(here):
            found.append(at.tb_lineno)
        at = at.tb_next
    return tuple(reversed(found))
