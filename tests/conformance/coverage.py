"""What the corpus covers, as measured: runs every scenario and writes `measured.json` and `docs/coverage.md`.

    python -m tests.conformance.coverage            every scenario
    python -m tests.conformance.coverage --new      those that were not measured yet
    python -m tests.conformance.coverage grad scan  those with one of these words in their sentence

The conformance tests compare each scenario with what is recorded of it, so that neither the record nor the page, which
is made of it, can go stale without a test that fails.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.conformance import rows, rows_of_values
from tests.conformance.harness import WARM_UP, Different, Ran, Scenario, Subject, check

HERE = Path(__file__).parent
RECORD = HERE / "measured.json"
PAGE = HERE.parent.parent / "docs" / "coverage.md"
ROWS = rows.ROWS + rows_of_values.ROWS
LOOPS = frozenset({"for", "while"})
OPTIONAL = frozenset({"einops rearranges, reduces and repeats", "chex dataclasses as arguments, state and results"})
"""Scenarios of libraries that are not installed everywhere: what was measured of them is kept."""


@dataclass(frozen=True)
class Measured:
    """What became of one scenario.

    Attributes:
      file: the module of the scenario.
      settled: how many settled calls ran on each rung, or raised.
      arrays: the same, of calls with an array among their arguments.
      sites: how many sites were staged, rolled, unrolled, speculated on; how many places were cut.
      fails: why it is known to fail; "" if it does not.
    """

    file: str
    settled: dict[str, int]
    arrays: dict[str, int]
    sites: dict[str, int]
    fails: str = ""


def corpus() -> dict[str, tuple[str, Scenario]]:
    """Every scenario of this folder by its sentence, with the name of its module."""
    found: dict[str, tuple[str, Scenario]] = {}
    for file in sorted(HERE.glob("*.py")):
        if file.stem.startswith("test_") or file.stem in ("conftest", "__init__", Path(__file__).stem):
            continue
        for value in vars(importlib.import_module(f"tests.conformance.{file.stem}")).values():
            if isinstance(value, Scenario):
                already = found.setdefault(value.name, (file.stem, value))[1]
                if already is not value:
                    raise ValueError(f"two scenarios are called {value.name!r}")
    return found


# Measuring ---------------------------------------------------------------------------------------------------------


def measure(file: str, scenario: Scenario, subject: Subject) -> Measured:
    """Runs one scenario, and asks what became of what was converted in it."""
    made: list[Measured] = []
    known = "; ".join(str(mark.kwargs.get("reason", "")) for mark in scenario.marks if mark.name == "xfail")

    def ended(_: Scenario, converted: Mapping[str, Any], ran: tuple[Ran, ...]) -> None:
        made.append(Measured(file, rungs(ran), rungs(each for each in ran if each.arrays), sites_of(converted)))

    try:
        check(scenario, Subject(subject.convert, subject.stats, why=subject.why, ended=ended))
    except Different:
        if not known:
            raise
        return Measured(file, {}, {}, {}, known)
    return made[0]


def rungs(ran: Iterable[Ran]) -> dict[str, int]:
    """How many calls ran on each rung, or raised."""
    return dict(sorted(Counter("raised" if each.raised else each.rung for each in ran).items()))


def sites_of(converted: Mapping[str, Any]) -> dict[str, int]:
    """How many sites of converted functions, and of their pieces, came to be on each rung."""
    import janusx

    counted: Counter[str] = Counter()
    for each in converted.values():
        for about in parts(janusx.explain(each)):
            counted["cut"] += len(about.split.cuts) if about.split is not None else 0
            counted.update(word for function in about.functions for site in function.sites for word in words(site))
    return {word: count for word, count in sorted(counted.items()) if count}


def parts(explanation: Any) -> Iterator[Any]:
    """An explanation, and those of the pieces and functions that it was cut into."""
    yield explanation
    if explanation.split is not None:
        for part in explanation.split.parts:
            yield from parts(part.about)


def words(site: Any) -> set[str]:
    """What became of a site, in all programs that have it."""
    named = {"stage": "rolled" if site.kind in LOOPS else "staged", "roll": "rolled", "speculate": "speculated"}
    named["unroll"] = "unrolled"
    return {named[decision.rung] for decision in site.decisions if decision.rung in named}


def record() -> dict[str, Measured]:
    """What was measured, by sentence."""
    if not RECORD.exists():
        return {}
    return {name: Measured(**fields) for name, fields in json.loads(RECORD.read_text()).items()}


def recorded(known: Mapping[str, Measured]) -> Callable[[Scenario, Mapping[str, Any], tuple[Ran, ...]], None]:
    """What a test does at the end of a scenario: its settled calls are on the rungs that are on the page."""

    def ended(scenario: Scenario, _: Mapping[str, Any], ran: tuple[Ran, ...]) -> None:
        written = known.get(scenario.name)
        if written is not None and not written.fails and written.settled != rungs(ran):
            raise Different(
                f"{scenario.name}\n  docs/coverage.md says {written.settled}, and it ran {rungs(ran)}: "
                f"run `python -m tests.conformance.coverage '{scenario.name}'`"
            )

    return ended


# The page ----------------------------------------------------------------------------------------------------------


def share(measured: Iterable[Measured], *wanted: str) -> float:
    """Which part of the settled calls on array input ran on one of the rungs."""
    total: Counter[str] = Counter()
    for each in measured:
        total.update(each.arrays)
    del total["raised"]
    return sum(total[rung] for rung in wanted) / total.total()


def uncut(measured: Mapping[str, Measured]) -> list[Measured]:
    """Those of the scenarios that are not about functions with a cut: a split is what they must come to."""
    promised = {
        proof for row in ROWS if row.promised.startswith("split") for proofs in row.proofs.values() for proof in proofs
    }
    return [each for name, each in measured.items() if each.file != "splits" and name not in promised]


def page(measured: Mapping[str, Measured]) -> str:
    """The text of `docs/coverage.md`."""
    total = Counter[str]()
    for each in measured.values():
        total.update(each.arrays)
    failing = [name for name, each in measured.items() if each.fails]
    lines = [
        "# Coverage",
        "",
        "Made by `python -m tests.conformance.coverage`, which runs every scenario of `tests/conformance/`; the",
        "tests keep it true. A scenario is a sequence of calls and changes from outside, run in plain Python and",
        "converted, and compared after every call: result, types, state, output, exceptions. A call is settled if the",
        f"same one came {WARM_UP - 1} times before it, so that its profile is over. Those that raise count apart:",
        "Python's own run raises. What a row promises holds where its control depends on the values of arrays.",
        "",
        f"**{len(measured)} scenarios, {total.total() - total['raised']} settled calls on array input: "
        f"{share(measured.values(), 'compiled'):.1%} ran compiled, "
        f"{share(measured.values(), 'compiled', 'mixed'):.1%} compiled or mixed** ({in_words(total)}). "
        f"Without the scenarios that are about cuts, {share(uncut(measured), 'compiled'):.1%} ran compiled. "
        f"{len(failing)} of the scenarios are known to fail.",
    ]
    for group in dict.fromkeys(row.group for row in ROWS):
        lines += ["", f"## {group}", ""]
        lines += ["| row | construct | promised | scenarios | settled calls | sites |", "|---|---|---|---|---|---|"]
        lines += [summary(row, measured) for row in ROWS if row.group == group]
        for row in (row for row in ROWS if row.group == group):
            lines += ["", f"### Row {row.number}", ""]
            lines += ["| construct | proved by | settled calls | sites | in |", "|---|---|---|---|---|"]
            lines += details(row, measured)
    named = {proof for row in ROWS for proofs in row.proofs.values() for proof in proofs}
    others = [name for name in measured if name not in named]
    lines += ["", "## Beyond the table", "", "| proved by | settled calls | sites | in |", "|---|---|---|---|"]
    lines += [f"| {cells(name, measured)} |" for name in others]
    return "\n".join(lines) + "\n"


def summary(row: rows.Row, measured: Mapping[str, Measured]) -> str:
    """A row in one line."""
    names = dict.fromkeys(proof for proofs in row.proofs.values() for proof in proofs)
    found = [measured[name] for name in names if name in measured]
    settled, sites = Counter[str](), Counter[str]()
    for each in found:
        settled.update(each.settled)
        sites.update(each.sites)
    tests = len(names) - len(found)
    failing = sum(1 for each in found if each.fails)
    counted = [f"{len(found)}"] * bool(found) + [f"{tests} tests" if tests > 1 else "1 test"] * bool(tests)
    counted += [f"**{failing} fail{'s' * (failing == 1)}**"] * bool(failing)
    where = f"[{row.number}](#row-{row.number})"
    columns = (where, row.construct, row.promised, ", ".join(counted), in_words(settled), in_words(sites))
    return f"| {' | '.join(columns)} |"


def details(row: rows.Row, measured: Mapping[str, Measured]) -> Iterator[str]:
    """A line for each proof of a row; a construct is named in its first."""
    for construct, proofs in row.proofs.items():
        for i, proof in enumerate(proofs):
            yield f"| {'' if i else construct} | {cells(proof, measured)} |"


def cells(proof: str, measured: Mapping[str, Measured]) -> str:
    """What is known of one proof."""
    each = measured.get(proof)
    if each is None:
        file, _, test = proof.partition("::")
        sentence = test.removeprefix("test_").replace("_", " ") or "the whole file"
        return f"{sentence} | | | {link(file)}"
    settled = f"**fails: {each.fails}**" if each.fails else in_words(each.settled)
    return f"{escaped(proof)} | {settled} | {in_words(each.sites)} | {link(each.file + '.py')}"


def link(file: str) -> str:
    """A file beside this one, as the reader of the checkout finds it."""
    path = (HERE / file).resolve().relative_to(HERE.parent.parent.resolve())
    return f"`{path.as_posix()}`"


def escaped(text: str) -> str:
    """A sentence as Markdown shows it."""
    for character in "\\_*<|":
        text = text.replace(character, f"\\{character}")
    return text


def in_words(counts: Mapping[str, int]) -> str:
    """`compiled 3, mixed 1`; the usual first."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


# Running -----------------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Measures what is asked for, and writes the record and the page; 1 if a scenario fails."""
    import janusx

    warnings.simplefilter("ignore")
    everything = corpus()
    known = record()
    wanted = dict(everything)
    if "--new" in arguments:
        wanted = {name: found for name, found in everything.items() if name not in known}
    elif arguments:
        wanted = {name: found for name, found in everything.items() if any(word in name for word in arguments)}
    failed: dict[str, str] = {}
    start = time.monotonic()
    for number, (name, (file, scenario)) in enumerate(wanted.items(), 1):
        sys.stderr.write(f"\r{number} of {len(wanted)}, {time.monotonic() - start:.0f} s\033[K")
        try:
            known[name] = measure(file, scenario, Subject(janusx.convert, janusx.stats))
        except Different as error:
            failed[name] = str(error)
            known.pop(name, None)
    sys.stderr.write("\n" + "\n".join(failed.values()) + "\n" * bool(failed))
    kept = {name: known[name] for name in [*everything, *sorted(OPTIONAL - everything.keys())] if name in known}
    lines = [f"{json.dumps(name)}: {json.dumps(asdict(each))}" for name, each in kept.items()]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    PAGE.write_text(page(kept))
    sys.stdout.write(
        f"{share(kept.values(), 'compiled'):.1%} of settled calls on array input compiled, "
        f"{share(kept.values(), 'compiled', 'mixed'):.1%} compiled or mixed; {len(failed)} scenarios failed\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
