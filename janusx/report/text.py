"""An explanation as text of 80 columns: plain, and in colours where rich shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from janusx.guards.describe import fold
from janusx.report.words import (
    brief,
    duration,
    fold_guards,
    fold_rows,
    many,
    observed,
    often,
    part_place,
    short_place,
    written,
)

if TYPE_CHECKING:
    from janusx.report.model import Entry, Explanation, Function, Part, Site, Walk

WIDTH = 80
MOST_GUARDS = 24
"""Guards of the newest program that are listed; the page and `to_dict` have all."""
STYLES = {
    "title": "bold",
    "head": "bold",
    "soft": "dim",
    "eager": "bold red",
    "split": "red",
    "speculate": "yellow",
    "unroll": "magenta",
    "roll": "green",
    "stage": "cyan",
    "host": "dim",
}

Span = tuple[str, str]
Line = Sequence[Span]


def plain(report: Explanation) -> str:
    """The report without colours."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines(report))


def rich(report: Explanation) -> Any:
    """The report as rich shows it; only rich itself asks for this."""
    from rich.text import Text

    made = Text()
    for line in lines(report):
        for text, style in line:
            made.append(text, STYLES.get(style, ""))
        made.append("\n")
    return made


def lines(report: Explanation) -> Iterator[Line]:
    """The lines of the report, each as spans of text and style."""
    yield [(report.function, "title"), (f"  {short_place(report.place)}", "soft")]
    yield from _row("", report.status)
    if report.slow:
        yield from _head("What costs time")
        for slow in report.slow:
            yield from _bullet(short_place(slow.at), brief(slow.what), slow.rung)
    if report.split is not None:
        for part in report.split.parts:
            yield from _part(part)
    elif report.functions:
        yield from _head("Decisions")
        for function in report.functions:
            yield from _function(function)
    for walk in report.walks:
        yield from _walk(walk)
    for number, entry in enumerate(report.entries):
        first = ", tried first" if number == 0 and len(report.entries) > 1 else ""
        yield from _head(f"Program {entry.number}{first}")
        yield from _entry(entry, whole=number == 0)
    if report.relaxed:
        yield from _head("Host values that are inputs, not constants")
        for path, reason, _ in fold_rows((relaxed.path, relaxed.reason, "") for relaxed in report.relaxed):
            yield from _row(f"  {path:<28}  ", reason)
    happened = list(report.happenings())
    if happened:
        yield from _head("What happened")
        for kind, event in happened:
            yield from _row(f"  call {event.call:<5} {kind:<14}", f"{brief(event.reason)}  ({short_place(event.at)})")
    yield from _timings(report)


def _walk(walk: Walk) -> Iterator[Line]:
    """A walk: over what, its kinds of array work, and room for how much."""
    yield from _head("Walks over structures")
    if walk.refused:
        yield from _row("  ", f"none: structures are copied, and each layout is a program: {walk.refused}")
        return
    for path in walk.structures:
        yield from _row("  ", f"{path}: the host goes through it in each call, nothing of it is guarded")
    for host in walk.hosts:
        yield from _row("  ", f"walked with: {short_place(host.place)}")
    for work in walk.work:
        yield from _row(f"  {short_place(work.at):<20}  ", f"{brief(work.text)}: {work.how}")
    if walk.steps:
        yield from _row("  ", f"room for {many(walk.steps, 'step')}")


def _part(part: Part) -> Iterator[Line]:
    """A part of a split function: where it is, how it runs, what it decides, what it reads and writes."""
    yield []
    yield [(part.name, "head"), (f"  {part_place(part)}", "soft")]
    yield from _row("  ", part.about.status)
    for function in part.about.functions:
        if function.sites or function.native:
            yield from _function(function)
    for entry in part.about.entries[:1]:
        yield from _entry(entry, whole=False)
    if part.about.split is not None:
        for inner in part.about.split.parts:
            yield from _part(inner)


def _head(title: str) -> Iterator[Line]:
    yield []
    yield [(title, "head")]


def _row(start: str, text: str, style: str = "") -> Iterator[Line]:
    """Text that goes on under itself."""
    indent = min(len(start), 40)
    if len(start) > 40:
        yield [(start, style)]
        start = " " * indent
    wrapped = textwrap.wrap(text, WIDTH - indent, break_long_words=True, break_on_hyphens=False) or [""]
    yield [(start, style), (wrapped[0], "")]
    yield from ([(" " * indent, ""), (line, "")] for line in wrapped[1:])


def _bullet(place: str, text: str, rung: str) -> Iterator[Line]:
    wrapped = textwrap.wrap(f"{place}: {text}" if place else text, WIDTH - 4, break_on_hyphens=False)
    yield [("  ! ", rung), (wrapped[0], "")]
    yield from ([("    ", ""), (line, "")] for line in wrapped[1:])


def _function(function: Function) -> Iterator[Line]:
    where = f"  {short_place(function.place)}" if function.place else ""
    runs = f"  observed in {many(function.observed, 'run')}" if function.observed else ""
    yield [("  ", ""), (function.name, "title"), (where + runs, "soft")]
    if function.note:
        yield from _row("    ", function.note)
    if not function.sites and not function.native:
        yield [("    decides nothing", "soft")]
    if function.attributes:
        yield from _row("    read     ", _some([f"{name} {seen}" for name, seen in function.attributes.items()]))
    if function.writes:
        yield from _row("    wrote    ", _some(function.writes))
    for site in function.sites:
        yield from _site(site)
    for native in function.native:
        yield from _cells(native.line, native.construct, "host", native.reason)


def _site(site: Site) -> Iterator[Line]:
    if not site.decisions:
        yield from _cells(site.line, written(site.kind, site.text), "", observed(site) or "not decided yet")
    for number, decision in enumerate(site.decisions):
        why = brief(decision.reason)
        if decision.outcome:
            why = f"taken to be {decision.outcome}: {why}"
        if len(site.decisions) > 1:
            why = f"{why} [program {', '.join(map(str, decision.entries))}]"
        if number == 0 and (seen := observed(site)):
            why = f"{why}; {seen}"
        yield from _cells(site.line, "" if number else written(site.kind, site.text), decision.rung, why)


def _cells(line: int, what: str, rung: str, why: str) -> Iterator[Line]:
    what = what if len(what) <= 27 else f"{what[:26]}…"
    reasons = textwrap.wrap(why, WIDTH - 47, break_on_hyphens=False) or [""]
    number = str(line) if what else ""
    yield [(f"  {number:>5} ", "soft"), (f"{what:<28} ", ""), (f"{rung:<9} ", rung), (reasons[0], "")]
    yield from ([(" " * 47, ""), (reason, "")] for reason in reasons[1:])


def _entry(entry: Entry, whole: bool) -> Iterator[Line]:
    yield from _row("  ", f"answered {many(entry.hits, 'call')}; made in {_made(entry)}")
    if entry.per_call:
        parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in entry.per_call.items())
        waits = "run waits for the program" if entry.staged else "run does not wait for the program"
        yield from _row("  a call   ", f"{parts} (medians of {entry.timed}; {waits})")
    yield from _row("  reads    ", _some(fold(entry.reads)))
    yield from _row("  writes   ", _some(fold(entry.writes)))
    for guard in entry.staged:
        failed = f"; did not hold {often(guard.violations)}" if guard.violations else ""
        yield from _row("  checks   ", brief(guard.what) + failed)
    guards = fold_guards(entry.guards)
    failed_only = [guard for guard in guards if guard[2]]
    shown = guards[: max(MOST_GUARDS, len(failed_only))] if whole else failed_only
    yield [(f"  {many(len(entry.guards), 'guard')}" + ("" if shown else ", none failed"), "")]
    for path, condition, failed in shown:
        yield from _row(f"    {path:<30}  ", f"{condition}" + (f"   ✗ {failed}" if failed else ""))
    if whole and len(guards) > len(shown):
        yield [(f"    and {len(guards) - len(shown)} more rows: `.to_dict()` or `.save(...)` has them", "soft")]


def _made(entry: Entry) -> str:
    return ", ".join(f"{part} {duration(seconds)}" for part, seconds in entry.seconds.items() if seconds)


def _timings(report: Explanation) -> Iterator[Line]:
    told = [(part, seconds) for part, seconds in report.timings.items() if isinstance(seconds, float) and seconds]
    if told:
        yield from _head("Time before and between the calls")
        yield from _row("  ", ", ".join(f"{part} {duration(seconds)}" for part, seconds in told))


def _some(paths: Sequence[str], most: int = 24) -> str:
    shown = ", ".join(paths[:most]) or "nothing"
    return shown if len(paths) <= most else f"{shown}, and {len(paths) - most} more"
