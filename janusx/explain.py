"""`janusx.explain`: reads what is kept of a converted function, and changes nothing of it."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from janusx import emitted, errors, ops
from janusx import entry as entries
from janusx.guards.staged import Assumption
from janusx.misses import place_of_code
from janusx.profiler import Profile
from janusx.record import Record
from janusx.report import model
from janusx.report.words import many, often, written
from janusx.schedule.shown import walks
from janusx.tracing.rewriter import Program, Rewriter, key_name
from janusx.transforms import Site

DECIDE = frozenset({"if", "while", "for", "if_exp", "assert", "comp_if", "guard"})
"""Constructs that are listed even where nothing was recorded; `and`, calls and so on only where something was."""
FEW = "trips are few"
"""How the reason of an unrolled loop ends that costs nothing."""


def explain(g: Any) -> model.Explanation:
    """What became of a converted function: decisions, guards, programs, what is slow and what happened.

    Nothing is compiled, called or changed by asking.

    Args:
        g: what `janusx.convert` returned; a method, bound or not.

    Returns:
        A report: `print` it, show it in a notebook, `.to_dict()` it, `.save("report.html")` it.

    Raises:
        NotCallableError: `g` is not a converted function.

    Example:
        >>> import jax.numpy as jnp, janusx
        >>> @janusx.convert
        ... def shrink(x):
        ...     if x.sum() > 1:
        ...         x = x / 2
        ...     return x
        >>> _ = shrink(jnp.ones(3))
        >>> site = janusx.explain(shrink).functions[0].sites[0]
        >>> site.text, site.rung, site.reason
        ('x.sum() > 1', 'stage', 'both sides are array code of one structure')
    """
    target = g.__func__ if isinstance(g, types.MethodType) else g
    record = getattr(target, "_record", None)
    if not isinstance(record, Record):
        remedy = "Pass what janusx.convert returned."
        raise errors.NotCallableError(f"{g!r} is not a converted function.", remedy=remedy)
    return _Reader(record, getattr(target, "_keywords", {}).get("name")).explanation()


class _Reader:
    """Reads one record, once; what changes meanwhile in other threads is in the next explanation."""

    def __init__(self, record: Record, name: str | None, seen: tuple[Record, ...] = ()):
        self.record = record
        self.seen = (*seen, record)
        self.fun = record.fun
        self.name = name or getattr(self.fun, "__qualname__", None) or type(self.fun).__qualname__
        self.entries = list(record.entries)
        self.events = list(record.events)
        self.stats = record.stats()
        self.profiles = {key_name(code): profile for code, profile in record.profiles}

    def explanation(self) -> model.Explanation:
        functions = self.functions()
        entries = tuple(self.entry(entry) for entry in self.entries)
        split = self.split()
        return model.Explanation(
            function=self.name,
            place=place_of_code(self.fun),
            status=self.status(split),
            stats=self.stats,
            slow=tuple(self.slow(functions, entries, split)),
            functions=functions,
            entries=entries,
            relaxed=tuple(model.Relaxed(str(path), why) for path, why in list(self.record.knowledge.relaxed.items())),
            violations=self.happened("violation"),
            recompilations=self.happened("recompilation"),
            eager=self.happened("eager"),
            limits=self.happened("limit"),
            buckets=self.happened("buckets"),
            timings=self.timings(entries),
            split=split,
            walks=walks(self.record.knowledge),
        )

    def split(self) -> model.Split | None:
        """How the function is cut, and what became of its parts."""
        made, cuts = self.record.split, self.record.cuts
        if made is None or cuts is None:
            return None
        lines = sorted(cuts.reasons.items())
        parts = [
            self.part(part.record, name, place)
            for name, part, place in zip(made.names, made.pieces, made.places, strict=True)
        ]
        called = [part.record for _, part in list(made.called.values()) if part is not None]
        parts += [self.part(record, record.fun.__qualname__, None) for record in called if record not in self.seen]
        return model.Split(
            tuple(model.Happening(reason, f"{cuts.filename}:{line}", 0) for line, reason in lines),
            tuple(parts),
            made.seconds_compiled / made.seconds if made.seconds else 0.0,
        )

    def part(self, record: Record, name: str, lines: tuple[int, int] | None) -> model.Part:
        about = _Reader(record, None, self.seen).explanation()
        if lines is None:
            return model.Part(name, about.place, 0, about)
        return model.Part(name, f"{about.place.rpartition(':')[0]}:{lines[0]}", lines[1], about)

    # --- functions ----------------------------------------------------------------------------------------------

    def functions(self) -> tuple[model.Function, ...]:
        """The converted function, then those that programs, attempts and observed runs have reached."""
        found: dict[str, Program | None] = {}
        if isinstance(self.fun, types.FunctionType):
            found[key_name(self.fun.__code__)] = None
        programs = [program for entry in self.entries for program in entry.info.programs]
        for program in [*programs, *reversed(self.record.rewriter.programs())]:
            key = key_name(emitted.origin(program.code) or program.code)
            if found.get(key) is None and not (program.source is not None and program.source.block):
                found[key] = program
        for key in self.profiles if not self.entries else ():
            found.setdefault(key, None)
        return tuple(self.function(key, program) for key, program in found.items()) or (self.without_source(),)

    def function(self, key: str, program: Program | None) -> model.Function:
        profile = self.profiles.get(key, Profile())
        own = isinstance(self.fun, types.FunctionType) and key == key_name(self.fun.__code__)
        if program is None and own:
            # Its own rewriter: that of the record stays as it is.
            program = Rewriter(ops.Ops).program(self.fun)
        filename, line, name = key.rsplit(":", 2)
        source = program.source if program is not None else None
        rewritten = program.rewritten if program is not None else None
        original = generated = None
        if source is not None:
            text = source.text.rstrip("\n")
            original = model.Source(text, tuple(range(source.first_line, source.first_line + text.count("\n") + 1)))
        if own and self.record.split is not None:
            split = self.record.split
            generated = model.Source(split.text.rstrip("\n"), split.lines)
        elif rewritten is not None:
            generated = model.Source(rewritten.text.rstrip("\n"), tuple(rewritten.lines))
        note = (program.reason if program is not None else "") or profile.unobserved or ""
        return model.Function(
            name=source.qualname if source is not None else name,
            place=f"{filename}:{source.first_line if source is not None else line}",
            entries=tuple(entry.info.number for entry in self.entries if self.holds(entry, key)),
            observed=profile.runs,
            # Of a split function, the pieces have the sites, and the host program what Python decides.
            sites=()
            if own and self.record.split is not None
            else self.sites(key, rewritten.sites if rewritten is not None else profile.sites, profile),
            native=tuple(
                model.Native(refusal.line, refusal.construct, refusal.reason)
                for refusal in (rewritten.refusals if rewritten is not None else ())
            ),
            original=original,
            generated=generated,
            note=note,
            attributes={path: str(seen) for path, seen in profile.attributes.items()},
            writes=profile.written().names,
        )

    def holds(self, entry: entries.Entry, key: str) -> bool:
        return any(key_name(emitted.origin(program.code) or program.code) == key for program in entry.info.programs)

    def without_source(self) -> model.Function:
        """A callable that is no Python function."""
        return model.Function(self.name, "", (), 0, (), (), None, None, "it has no Python source")

    def sites(self, key: str, sites: Iterable[Site], profile: Profile) -> tuple[model.Site, ...]:
        found = []
        holding = [entry for entry in self.entries if self.holds(entry, key)]
        for site in sites:
            decisions = self.decisions((key, site.id), site, holding)
            if site.kind not in DECIDE and all(decision.rung in ("host", "") for decision in decisions):
                continue
            rung, reason = (decisions[0].rung, decisions[0].reason) if decisions else ("", "")
            seen = observed(site, profile)
            writes = profile.written(site.id).names
            found.append(model.Site(site.id, site.kind, site.line, site.text, rung, reason, seen, decisions, writes))
        return tuple(sorted(found, key=lambda site: (site.line, site.number)))

    def decisions(self, key: tuple[str, int], site: Site, holding: list[entries.Entry]) -> tuple[model.Decision, ...]:
        """What became of a site, newest program first; programs that agree are one decision."""
        grouped: dict[tuple[str, str, str], list[int]] = {}
        for entry in sorted(holding, key=lambda entry: -entry.info.number):
            rung, reason = entry.info.decisions.get(key, ("host", ""))
            if rung == "host":
                reason = "Python decided it while tracing, or it was not reached"
            outcome = outcome_of(entry.assumptions, key) if rung == "speculate" and site.kind != "while" else ""
            grouped.setdefault((rung, reason, outcome), []).append(entry.info.number)
        return tuple(model.Decision(*what, tuple(numbers)) for what, numbers in grouped.items())

    # --- entries and events -------------------------------------------------------------------------------------

    def entry(self, entry: entries.Entry) -> model.Entry:
        info = entry.info
        failed = dict(entry.failed)
        guards = tuple(
            model.Guard(check.name, check.condition, f"call {failed[i][0]}: {failed[i][1]}" if i in failed else "")
            for i, check in enumerate(info.guards)
        )
        counts = Counter(event.what for event in self.events if event.kind == "violation")
        staged = tuple(
            model.StagedGuard(guard.what, guard.place, counts[f"that {guard.what} did not hold"])
            for guard in {guard.what: guard for guard in entry.assumptions}.values()
        )
        timed = entry.timings
        return model.Entry(
            number=info.number,
            hits=entry.hits,
            guards=guards,
            staged=staged,
            reads=tuple(sorted(info.reads, key=natural)),
            writes=tuple(sorted(info.writes, key=natural)),
            seconds=dict(info.seconds),
            per_call=timed.medians(),
            timed=timed.count,
            gather_source=info.gather_source,
            commit_source=info.commit_source,
        )

    def happened(self, kind: str) -> tuple[model.Happening, ...]:
        events = [event for event in self.events if event.kind == kind]
        return tuple(model.Happening(event.what, event.place, event.call) for event in events)

    def timings(self, made: tuple[model.Entry, ...]) -> dict[str, Any]:
        parts: dict[str, Any] = {"profile": self.record.seconds.get("profile", 0.0)}
        for part in ("rewrite", "trace", "compile"):
            parts[part] = sum(entry.seconds.get(part, 0.0) for entry in made)
        parts["per call"] = {**made[0].per_call, "timed": made[0].timed} if made else {}
        return parts

    # --- in words -----------------------------------------------------------------------------------------------

    def status(self, split: model.Split | None) -> str:
        stats = self.stats
        if split is not None:
            cut = f"cut at {many(len(split.cuts), 'place')}, " if split.cuts else ""
            share = f"{cut}{split.share:.0%} of its time compiled"
            return f"partly compiled: {many(stats.calls, 'call')} ({share})"
        if not stats.calls:
            return "not called yet"
        counted = [
            (stats.compiled, "compiled"),
            (stats.mixed, "partly compiled"),
            (stats.eager, "in plain Python"),
            (stats.profiled, "profiled"),
        ]
        told = [(count, how) for count, how in counted if count]
        by = f" by {many(stats.entries, 'program')}" if stats.entries else ""
        if len(told) == 1:
            return f"{told[0][1]}: {many(stats.calls, 'call')}{by}"
        how = ", ".join(f"{count} {how}" for count, how in told)
        return f"{many(stats.calls, 'call')}: {how}{by}; the last one {self.last()}"

    def last(self) -> str:
        name = str(self.stats.last_call)
        return {"eager": "in plain Python", "mixed": "partly compiled"}.get(name, name)

    def slow(
        self, functions: tuple[model.Function, ...], made: tuple[model.Entry, ...], split: model.Split | None
    ) -> Iterable[model.Slow]:
        """What costs time, the worst first."""
        stats, start = self.stats, place_of_code(self.fun)
        if split is not None:
            yield from (model.Slow(cut.at, f"runs in Python: {cut.reason}", "split") for cut in split.cuts)
            for part in split.parts:
                yield from part.about.slow
        elif self.record.eager_reason:
            eager = self.happened("eager")
            which = "a call that no program fits runs" if made else "runs"
            what = f"{which} in plain Python: {self.record.eager_reason}"
            yield model.Slow(eager[-1].at if eager else start, what, "eager")
        elif stats.eager:
            yield model.Slow(start, f"{stats.eager} of {many(stats.calls, 'call')} ran in plain Python", "eager")
        elif self.record.wants_profile and not made:
            yield model.Slow(start, f"runs in plain Python while it is profiled: {self.record.wants_profile}", "eager")
        yield from (model.Slow(limit.at, limit.reason, "eager") for limit in self.happened("limit"))
        yield from self.repeated("violation", 1)
        yield from self.repeated("recompilation", 2)
        if self.record.knowledge.unscheduled:
            reason = self.record.knowledge.unscheduled
            yield model.Slow(start, f"each layout of a structure is a program of its own: {reason}", "unroll")
        for function in functions if split is None else ():
            yield from slow_in(function)
        if made and made[0].staged:
            what = f"every call waits for the program, to read {many(len(made[0].staged), 'guard')} in it"
            yield model.Slow(made[0].staged[0].at, what, "speculate")

    def repeated(self, kind: str, least: int) -> Iterable[model.Slow]:
        """Events that came again for one reason, the most frequent first."""
        groups: dict[tuple[str, str], int] = {}
        for event in self.events:
            if event.kind == kind:
                # Of a recompilation, the path says what keeps changing; to what does not matter.
                about = event.what.partition(": ")[0] if kind == "recompilation" else event.what
                groups[event.place, about] = groups.get((event.place, about), 0) + 1
        for (at, about), count in sorted(groups.items(), key=lambda group: -group[1]):
            if count >= least:
                what = about if kind == "violation" else f"{about} differed, and it was compiled again"
                yield model.Slow(at, f"{what}, {often(count)}", "speculate")


def slow_in(function: model.Function) -> Iterable[model.Slow]:
    """What costs time in one function's code."""
    filename = function.place.rpartition(":")[0]
    if function.note and not function.entries:
        yield model.Slow(function.place, f"{function.name}: {function.note}", "eager")
    for site in function.sites:
        if site.rung in ("eager", "split"):
            what = f"`{written(site.kind, site.text)}` runs in Python: {site.reason}"
            yield model.Slow(f"{filename}:{site.line}", what, site.rung)
    for native in function.native:
        what = f"{native.construct} stays native Python: {native.reason}"
        yield model.Slow(f"{filename}:{native.line}", what, "host")
    for site in function.sites:
        if site.rung == "unroll" and not site.reason.endswith(FEW):
            what = f"`{written(site.kind, site.text)}` is unrolled, and compiles for as long as it is: {site.reason}"
            yield model.Slow(f"{filename}:{site.line}", what, "unroll")


def outcome_of(assumptions: Iterable[Assumption], key: tuple[str, int]) -> str:
    """What is taken for granted at a site; each of it, where its occurrences differ."""
    return ", ".join(dict.fromkeys(str(made.expected) for made in assumptions if made.key[:2] == key))


def observed(site: Site, profile: Profile) -> str:
    """What observed runs saw at a site."""
    parts: list[tuple[Callable[[int], Any], Any]] = [
        (profile.loop, profile.loops),
        (profile.branch, profile.branches),
        (profile.call, profile.calls),
    ]
    return next((str(read(site.id)) for read, seen in parts if site.id in seen), "")


def natural(path: str) -> list[Any]:
    """A sort key by which `[10]` comes after `[9]`."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in _split(path)]


def _split(path: str) -> list[str]:
    return path.replace("[", "\0").replace("]", "\0").split("\0")
