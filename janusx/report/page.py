"""An explanation as HTML: one page with everything in it, or a part of another page. It reads without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from janusx.guards.describe import fold
from janusx.report.code import highlight
from janusx.report.style import PAGE, SHEET
from janusx.report.words import (
    RUNGS,
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
    from janusx.report.model import Entry, Explanation, Function, Part, Site, Source

_SITE = re.compile(r"\bsite=(\d+)\b")


def page(report: Explanation) -> str:
    """The whole page."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{_text(report.function)}</title>"
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{PAGE}{SHEET}</style></head>\n'
        f"<body>{_body(report)}</body></html>\n"
    )


def fragment(report: Explanation) -> str:
    """A part of another page, with its own style sheet."""
    return f"<style>{SHEET}</style>{_body(report)}"


def _body(report: Explanation) -> str:
    parts = [
        f"<h1>{_text(report.function)}</h1>",
        f"<p class=soft>{_text(report.place)}</p><p>{_text(report.status)}</p>",
        _tiles(report),
        _slow(report),
        "<h2>Decisions</h2>",
        _legend(report),
        *(_function(function, report) for function in report.functions),
        *(_part(part) for part in (report.split.parts if report.split is not None else ())),
        "<h2>Programs</h2>" if report.entries else "",
        *(_entry(entry, number == 0) for number, entry in enumerate(report.entries)),
        _relaxed(report),
        _happened(report),
    ]
    return f"<div class=jx>{''.join(parts)}</div>"


def _part(part: Part) -> str:
    """A part of a split function: shut at first, since the host program is above."""
    about = part.about
    inner = [
        *(_function(function, about) for function in about.functions),
        *(_part(each) for each in (about.split.parts if about.split is not None else ())),
        *(_entry(entry, False) for entry in about.entries),
    ]
    title = f"<b>{_text(part.name)}</b> <span class=soft>{_text(part_place(part))}</span>"
    return f"<details><summary>{title} {_text(about.status)}</summary>{''.join(inner)}</details>"


def _tiles(report: Explanation) -> str:
    stats = report.stats
    counts: list[tuple[str, str]] = [
        (str(stats.calls), "calls"),
        (str(stats.compiled), "compiled"),
        (str(stats.mixed), "mixed"),
        (str(stats.eager), "in Python"),
        (str(stats.profiled), "profiled"),
        (str(stats.entries), "programs"),
        (str(stats.violations), "violations"),
        (str(stats.recompilations), "recompilations"),
    ]
    counts += [
        (duration(seconds), part) for part, seconds in report.timings.items() if isinstance(seconds, float) and seconds
    ]
    tiles = "".join(
        f"<div><b>{_text(count)}</b><span class=soft>{_text(what)}</span></div>"
        for count, what in counts
        if count != "0"
    )
    return f"<div class=tiles>{tiles}</div>"


def _slow(report: Explanation) -> str:
    items = [
        f"<li class={slow.rung}>{_code(short_place(slow.at))} {_prose(brief(slow.what))}</li>" for slow in report.slow
    ]
    if not items:
        items = ["<li class=roll>Nothing that is known: no part runs in Python.</li>"] if report.entries else []
    return f"<h2>What costs time</h2><ul class=slow>{''.join(items)}</ul>" if items else ""


def _legend(report: Explanation) -> str:
    used = {decision.rung for function in report.functions for site in function.sites for decision in site.decisions}
    told = [f"{_chip(rung)} {_text(meaning)}" for rung, meaning in RUNGS.items() if rung in used]
    return f"<p class=soft>{' · '.join(told)}</p>" if told else ""


def _function(function: Function, report: Explanation) -> str:
    runs = f", observed in {many(function.observed, 'run')}" if function.observed else ""
    parts = [f"<h3>{_text(function.name)} <span class=soft>{_text(short_place(function.place))}{runs}</span></h3>"]
    if function.note:
        parts.append(f"<p class=failed>{_prose(function.note)}</p>")
    if function.original is not None:
        filename = function.place.rpartition(":")[0]
        slow = {line: slow.rung for slow in report.slow if (line := _line_in(slow.at, filename)) is not None}
        parts.append(_sides(function, slow, report.split is not None and function is report.functions[0]))
    parts.append(_state(function))
    rows = [row for site in function.sites for row in _site(site)]
    rows += [
        (str(native.line), _code(native.construct), _chip("host", "native Python"), _prose(native.reason), "")
        for native in function.native
    ]
    if rows:
        parts.append(_table(("line", "", "", "why", "observed"), rows))
    return "".join(parts)


def _state(function: Function) -> str:
    """What observed runs saw of the state that a function reads and writes."""
    known = []
    if function.attributes:
        read = [f"{_code(name)} {_text(seen)}" for name, seen in function.attributes.items()]
        known.append(("read when observed", ", ".join(read)))
    if function.writes:
        known.append(("wrote when observed", ", ".join(map(_code, function.writes))))
    listing = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in known)
    return f"<dl>{listing}</dl>" if known else ""


def _site(site: Site) -> Iterable[Sequence[str]]:
    what = _code(written(site.kind, site.text))
    if not site.decisions:
        yield str(site.line), what, "", "not decided yet", _text(observed(site))
    for number, decision in enumerate(site.decisions):
        why = _prose(brief(decision.reason))
        if decision.outcome:
            why = f"taken to be {_code(decision.outcome)}: {why}"
        if len(site.decisions) > 1:
            why += f" <span class=soft>(program {', '.join(map(str, decision.entries))})</span>"
        first = number == 0
        yield (
            str(site.line) if first else "",
            what if first else "",
            _chip(decision.rung),
            why,
            _text(observed(site)) if first else "",
        )


def _line_in(place: str, filename: str) -> int | None:
    """The line of a place in a file."""
    name, _, line = place.rpartition(":")
    return int(line) if name == filename and line.isdigit() else None


def _sides(function: Function, slow: Mapping[int, str], split: bool) -> str:
    rungs = {site.number: site.rung for site in function.sites if site.rung}
    lines = {line: rung for line, rung in slow.items() if rung in ("eager", "split")}
    lines |= {site.line: site.rung for site in reversed(function.sites) if site.rung}
    original = _listing(
        function.original, {number: [lines[at]] for number, at in _at(function.original) if at in lines}
    )
    if function.generated is None:
        return original
    marked: dict[int, list[str]] = {}
    for number, line in enumerate(function.generated.text.split("\n")):
        found = [rungs[int(site)] for site in _SITE.findall(line) if int(site) in rungs]
        if found:
            marked[number] = found
    generated = _listing(function.generated, marked)
    title = "as it is compiled" if function.entries else "as it would be compiled"
    title = "as it runs, in pieces" if split else title
    return (
        f"<div class=sides><section><h4>as it is written</h4>{original}</section>"
        f"<section><h4>{title}, with the lines it stands for</h4>{generated}</section></div>"
    )


def _at(source: Source | None) -> Iterable[tuple[int, int]]:
    return enumerate(source.lines if source is not None else ())


def _listing(source: Source | None, marked: Mapping[int, Sequence[str]]) -> str:
    """Source with the user's line numbers; `marked` gives the rungs of some of its lines, by index."""
    if source is None:
        return ""
    made = []
    for number, line in enumerate(highlight(source.text)):
        at = source.lines[number] if number < len(source.lines) else ""
        rungs = marked.get(number, ())
        kind = f' class="at {rungs[0]}"' if rungs else ""
        chips = "".join(_chip(rung) for rung in dict.fromkeys(rungs))
        made.append(f"<span{kind}><b>{at}</b>{line}{chips}</span>")
    return f"<pre class=code>{''.join(made)}</pre>"


def _entry(entry: Entry, first: bool) -> str:
    made = ", ".join(f"{part} {duration(seconds)}" for part, seconds in entry.seconds.items() if seconds)
    known: list[tuple[str, str]] = [("made in", _text(made))]
    if entry.per_call:
        waits = "waits for the program, to read its guards" if entry.staged else "does not wait for the program"
        parts = ", ".join(f"{part} {duration(seconds)}" for part, seconds in entry.per_call.items())
        known.append(("a call", f"{parts} <span class=soft>(medians of {entry.timed}; run {waits})</span>"))
    known.append(("reads", _paths(entry.reads)))
    known.append(("writes", _paths(entry.writes)))
    for guard in entry.staged:
        failed = f" <span class=failed>did not hold {often(guard.violations)}</span>" if guard.violations else ""
        known.append(("checks", _prose(brief(guard.what)) + failed))
    guards = [
        (_code(path), _text(condition), f"<span class=failed>{_text(failed)}</span>" if failed else "")
        for path, condition, failed in fold_guards(entry.guards)
    ]
    listing = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in known)
    sources = f"<pre class=code>{''.join(_plain_lines(entry.gather_source + chr(10) + entry.commit_source))}</pre>"
    opened = " open" if first else ""
    title = f"Program {entry.number}: {many(entry.hits, 'call')}, {many(len(entry.guards), 'guard')}"
    return (
        f"<details{opened}><summary><b>{title}</b></summary><dl>{listing}</dl>"
        f"{_table(('guard', 'asks for', 'last failed'), guards)}"
        f"<details><summary class=soft>guards and commit as Python</summary>{sources}</details></details>"
    )


def _plain_lines(source: str) -> Iterable[str]:
    return (f"<span><b></b>{line}</span>" for line in highlight(source.rstrip("\n")))


def _relaxed(report: Explanation) -> str:
    if not report.relaxed:
        return ""
    rows = [
        (_code(path), _text(reason))
        for path, reason, _ in fold_rows((relaxed.path, relaxed.reason, "") for relaxed in report.relaxed)
    ]
    return f"<h2>Host values that are inputs, not constants</h2>{_table(('path', 'why'), rows)}"


def _happened(report: Explanation) -> str:
    rows = [
        (str(event.call), _text(kind), _prose(brief(event.reason)), _code(short_place(event.at)))
        for kind, event in report.happenings()
    ]
    return f"<h2>What happened</h2>{_table(('call', '', 'why', 'where'), rows)}" if rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already, without the columns in which there is nothing."""
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    head, rows = [head[column] for column in used], [[row[column] for column in used] for row in rows]
    lines = "".join("<tr>" + "".join(f"<td{_numeric(cell)}>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    titles = "".join(f"<th>{_text(title)}</th>" for title in head)
    return f"<div class=scroll><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"


def _numeric(cell: str) -> str:
    return " class=no" if cell.isdigit() else ""


def _paths(paths: Sequence[str]) -> str:
    return ", ".join(_code(path) for path in fold(paths)) or "nothing"


def _chip(rung: str, shown: str = "") -> str:
    return f'<span class="chip {rung}">{_text(shown or rung)}</span>' if rung else ""


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _prose(text: str) -> str:
    """Text in which `code` is between backticks."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return html.escape(text)
