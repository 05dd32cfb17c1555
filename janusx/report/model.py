"""The data of an explanation: plain values only, so that it can be kept, compared and written as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from janusx.record import Stats
from janusx.report import page, text


@dataclass(frozen=True)
class Decision:
    """What became of a site in some of the programs.

    Attributes:
        rung: one of `words.RUNGS`, or "" where nothing was decided yet.
        reason: why.
        outcome: what is taken for granted: "True", "3 trips"; "" if nothing is.
        entries: the programs in which it is so.
    """

    rung: str
    reason: str
    outcome: str
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Site:
    """A place where the code decides something.

    Attributes:
        number: as in the generated source.
        kind: the construct: "if", "for", ...
        line: in the user's file.
        text: the predicate or iterable as written.
        rung: what became of it in the newest program.
        reason: why.
        profile: what observed runs saw: "true in 3 of 3 runs"; "" if nothing.
        decisions: all that became of it, newest program first.
        writes: what observed runs wrote in its regions, as the code there names it.
    """

    number: int
    kind: str
    line: int
    text: str
    rung: str
    reason: str
    profile: str
    decisions: tuple[Decision, ...]
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Native:
    """A construct that stays native Python in the generated source."""

    line: int
    construct: str
    reason: str


@dataclass(frozen=True)
class Source:
    """Source text; `lines` has the user's line for each line of it."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """A function that was reached.

    Attributes:
        name: qualified.
        place: `file:line`.
        entries: the programs that it is part of.
        observed: how many observed runs reached it.
        sites: where it decides something, by line.
        native: what stays native Python.
        original: as the user wrote it; None if that is not known.
        generated: as it was rewritten for the newest program; None if it was not.
        note: why it has no source, or was not observed; else "".
        attributes: what observed runs saw of the attributes that it reads, by dotted name: "float32[16]", "3 | 4".
        writes: what observed runs wrote in it.
    """

    name: str
    place: str
    entries: tuple[int, ...]
    observed: int
    sites: tuple[Site, ...]
    native: tuple[Native, ...]
    original: Source | None
    generated: Source | None
    note: str
    attributes: dict[str, str] = field(default_factory=dict)
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guard:
    """A condition that is checked before a program runs; `failed` says on what it last failed, in which call."""

    path: str
    condition: str
    failed: str = ""


@dataclass(frozen=True)
class StagedGuard:
    """A condition that the program itself checks, and how often it did not hold (of the events that are kept)."""

    what: str
    at: str
    violations: int


@dataclass(frozen=True)
class Entry:
    """One compiled program.

    Attributes:
        number: in the order of making.
        hits: how many calls it answered.
        guards: checked before it runs.
        staged: checked in it.
        reads: paths of its inputs.
        writes: paths that a call changes.
        seconds: what it took to make: "rewrite", "trace", "compile" (with its first run).
        per_call: seconds of a call, by part: "gather", "run", "commit"; empty while none was timed.
        timed: how many calls these medians are of.
        gather_source: the generated guards.
        commit_source: the generated commit.
    """

    number: int
    hits: int
    guards: tuple[Guard, ...]
    staged: tuple[StagedGuard, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    seconds: dict[str, float]
    per_call: dict[str, float]
    timed: int
    gather_source: str
    commit_source: str


@dataclass(frozen=True)
class Slow:
    """Something that costs time: where in the user's code, what, and the rung (of `words.RUNGS`) that it is on."""

    at: str
    what: str
    rung: str


@dataclass(frozen=True)
class Relaxed:
    """A host value that was a constant and is one no more, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Happening:
    """Something that happened: why, where in the user's code, in which call."""

    reason: str
    at: str
    call: int


@dataclass(frozen=True)
class Part:
    """What a split function's host program calls: a piece of it, or another function.

    Attributes:
        name: `piece_2`, or the function's name.
        place: `file:line`; of a piece, of its first line.
        last_line: of a piece; 0 for a function.
        about: all that is known of it.
    """

    name: str
    place: str
    last_line: int
    about: Explanation


@dataclass(frozen=True)
class Split:
    """How a function is cut.

    Attributes:
        cuts: the statements that run in Python, and why; `call` is 0.
        parts: what runs compiled between them.
        share: how much of the time of its calls its compiled parts take, from 0 to 1.
    """

    cuts: tuple[Happening, ...]
    parts: tuple[Part, ...]
    share: float


@dataclass(frozen=True)
class Work:
    """A kind of array work of a walk: where it is in the user's code, its text, and how its rows are computed."""

    at: str
    text: str
    how: str


@dataclass(frozen=True)
class Walker:
    """What the host runs of one function of the user's that walks: where that is, and the program."""

    place: str
    text: str


@dataclass(frozen=True)
class Walk:
    """A walk over structures: the host goes through them ahead of the device, one program computes.

    Attributes:
        structures: the paths of what is walked.
        hosts: the programs that the host runs, one for each function of the user's that walks.
        work: the kinds of array work.
        steps: room for how many steps, one after the other.
        refused: why structures are copied, and unrolled, instead; "" if they are not.
    """

    structures: tuple[str, ...]
    hosts: tuple[Walker, ...]
    work: tuple[Work, ...]
    steps: int
    refused: str = ""


@dataclass(frozen=True)
class Explanation:
    """All that is known of a converted function: to print, to show in a notebook, to save as a page, to read.

    Attributes:
        function: the name.
        place: `file:line`.
        status: in one line, how calls are answered.
        stats: the counts.
        slow: what costs time, or runs in Python, the worst first.
        functions: those that were reached, the converted one first.
        entries: the programs, the one that is tried first first.
        relaxed: host values that are no constants any more.
        violations: assumptions that did not hold in a run.
        recompilations: programs made after the first.
        eager: why calls ran in plain Python.
        limits: the recompile limit, when it was reached.
        buckets: why arguments are not padded, where that was asked for.
        timings: seconds in all: "profile", "rewrite", "trace", "compile"; and "per call" of the first entry.
        split: how it is cut; None if it is not.
        walks: what goes through structures.

    Example:
        >>> import jax.numpy as jnp, janusx
        >>> double = janusx.convert(lambda x: x * 2)
        >>> _ = double(jnp.arange(3.0))
        >>> report = janusx.explain(double)
        >>> report.status
        'compiled: 1 call by 1 program'
        >>> [(guard.path, guard.condition) for guard in report.entries[0].guards if guard.path == "x"]
        [('x', 'float32[3]')]
    """

    function: str
    place: str
    status: str
    stats: Stats
    slow: tuple[Slow, ...]
    functions: tuple[Function, ...]
    entries: tuple[Entry, ...]
    relaxed: tuple[Relaxed, ...]
    violations: tuple[Happening, ...]
    recompilations: tuple[Happening, ...]
    eager: tuple[Happening, ...]
    limits: tuple[Happening, ...]
    buckets: tuple[Happening, ...] = ()
    timings: dict[str, Any] = field(default_factory=dict)
    split: Split | None = None
    walks: tuple[Walk, ...] = ()

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The guards of the entry that is tried first."""
        return self.entries[0].guards if self.entries else ()

    def happenings(self) -> Iterator[tuple[str, Happening]]:
        """Kind and event, in the order of the calls."""
        kinds = ("violation", "recompilation", "eager", "limit", "buckets")
        lists = (self.violations, self.recompilations, self.eager, self.limits, self.buckets)
        found = [(kind, event) for kind, events in zip(kinds, lists, strict=True) for event in events]
        return iter(sorted(found, key=lambda pair: pair[1].call))

    def to_dict(self) -> dict[str, Any]:
        """The fields as dictionaries, lists, strings and numbers; `guards` are those of the first entry."""
        found = _plain(asdict(self))
        found["guards"] = [asdict(guard) for guard in self.guards]
        return found  # type: ignore[no-any-return]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that needs nothing but itself.

        Args:
            path: the HTML file.

        Returns:
            The path.
        """
        target = Path(path)
        target.write_text(page.page(self), encoding="utf-8")
        return target

    def __str__(self) -> str:
        return text.plain(self)

    def __repr__(self) -> str:
        return f"<janusx explanation of {self.function}: {self.status}>"

    def _repr_html_(self) -> str:
        return page.fragment(self)

    def __rich__(self) -> Any:
        return text.rich(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
