"""The sweep: `python -m tests.sweep` tries the rewriter on every function of large libraries.

For each function and lambda: its source is found again, `rewrite` and `observe` take it, and what they emit compiles,
has the original's parameters, and has its texts. Nothing is run. A table is printed, JSON is written, and the exit
status is 1 if anything broke.

    python -m tests.sweep                          the standard library, its tests, jax, flax, optax, equinox, numpy
    python -m tests.sweep stdlib optax --jobs 8    some of them
    python -m tests.sweep --every 50               each fiftieth file
    python -m tests.sweep --again                  what was found is kept; only files that were not swept yet, or broke

What is found is kept file by file, so that a sweep that is ended early goes on where it was. `tests.sweep.page` makes
the page of it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.sweep.check import Failure, Findings, check_file
from tests.sweep.corpus import LIBRARIES, files_of
from tests.sweep.kept import Kept, versions

BATCH = 200
"""Files that one process sweeps."""


def main() -> int:
    """Run the sweep."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("libraries", nargs="*", help=f"of {', '.join(LIBRARIES)}; all, if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--every", type=int, default=1, help="take each n-th file")
    parser.add_argument("--json", type=Path, default=Path("sweep.json"), help="where the report goes")
    parser.add_argument("--kept", type=Path, default=Path("sweep-files.jsonl"), help="where each file's findings go")
    parser.add_argument("--again", action="store_true", help="keep what an earlier sweep found")
    options = parser.parse_args()
    if unknown := set(options.libraries) - set(LIBRARIES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    files = {name: files_of(name)[:: options.every] for name in options.libraries or LIBRARIES}
    kept = Kept(options.kept)
    if not options.again:
        kept.clear()
    found = sweep(files, options.jobs, kept)
    options.json.write_text(json.dumps(report(found, options.jobs), indent=1) + "\n")
    show(found, options.jobs, Console())
    return int(any(findings.failures for findings in found.values()))


def sweep(files: dict[str, list[Path]], jobs: int, kept: Kept) -> dict[str, Findings]:
    """The findings of each library; those of each file are kept as they come."""
    library_of = {path: name for name, paths in files.items() for path in paths}
    found = {name: Findings() for name in files}
    left = {name: len(paths) for name, paths in files.items()}
    before = {path: findings for path, findings in kept.read().items() if not findings.failures}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("rewriting", total=len(library_of))
        new = _checked([path for path in library_of if path not in before], jobs)
        for path, findings in chain(((path, before[path]) for path in library_of if path in before), new):
            if path not in before:
                kept.write(path, findings)
            name = library_of[path]
            found[name].add(findings)
            left[name] -= 1
            progress.advance(task)
            for failure in findings.failures:
                progress.console.print(f"{failure.where}: {failure.stage}: {failure.what}", markup=False)
            if not left[name]:
                progress.console.print(f"{name}: {found[name].functions} functions, {len(found[name].failures)} broken")
    return found


def _checked(paths: list[Path], jobs: int) -> Iterator[tuple[Path, Findings]]:
    """Each file with its findings. A file that ends its process is tried again alone, and then told as a failure."""
    left = dict.fromkeys(sorted(paths, key=lambda path: -path.stat().st_size))
    try:
        for path, findings in _pooled(list(left), jobs):
            del left[path]
            yield path, findings
    except BrokenProcessPool:
        for path in left:
            try:
                yield from _pooled([path], 1)
            except BrokenProcessPool:
                failure = Failure(str(path), "process", "it ended the process that rewrote it")
                yield path, Findings(failures=[failure])


def _pooled(paths: list[Path], jobs: int) -> Iterator[tuple[Path, Findings]]:
    # New processes from time to time, for memory. `max_tasks_per_child` does that too, but may wait for ever when the
    # last of them has ended (python/cpython#115634).
    for first in range(0, len(paths), BATCH * jobs):
        # Forked processes would have JAX's threads' locks and not its threads.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(check_file, path): path for path in paths[first : first + BATCH * jobs]}
            for future in as_completed(futures):
                yield futures[future], future.result()


def report(found: dict[str, Findings], jobs: int) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "versions": versions(),
        "jobs": jobs,
        "libraries": {name: _of_library(findings) for name, findings in found.items()},
    }


def _of_library(findings: Findings) -> dict[str, Any]:
    return {
        "functions": findings.functions,
        "lines": findings.lines,
        "files": findings.files,
        "whole": findings.whole,
        "seconds": {stage: round(spent, 1) for stage, spent in findings.seconds.items()},
        "functions_per_second": {stage: round(rate) for stage, rate in rates(findings).items()},
        "refusals": [
            {
                "construct": construct,
                "reason": reason,
                "count": count,
                "for example": findings.examples[construct, reason],
            }
            for (construct, reason), count in findings.refusals.most_common()
        ],
        "sourceless": dict(findings.sourceless.most_common()),
        "failures": [asdict(failure) for failure in findings.failures],
    }


def rates(findings: Findings) -> dict[str, float]:
    """Functions per second of one process, by stage; each stage but the first compiles too."""
    return {stage: findings.functions / spent for stage, spent in findings.seconds.items()}


def show(found: dict[str, Findings], jobs: int, console: Console) -> None:
    """Print the tables."""
    total = Findings()
    table = Table(title="Functions rewritten, each alone")
    columns = (
        "",
        "functions",
        "lines",
        "native as a whole",
        "no source",
        "broken",
        "source/s",
        "rewrite/s",
        "observe/s",
    )
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for name, findings in found.items():
        total.add(findings)
        table.add_row(*_row(name, findings))
    table.add_section()
    table.add_row(*_row("all", total))
    console.print(table)
    seconds = sum(total.seconds.values()) / jobs
    rate = total.functions / seconds if seconds else 0.0
    console.print(f"{total.functions} functions in {seconds:.0f} s, {rate:.0f} a second, in {jobs} processes")
    reasons = Table(title="What stayed native Python")
    for column in ("construct", "reason", "times"):
        reasons.add_column(column)
    for (construct, reason), count in total.refusals.most_common():
        reasons.add_row(construct, reason, str(count))
    for reason, count in total.sourceless.most_common():
        reasons.add_row("no source", reason, str(count))
    console.print(reasons)
    for failure in total.failures:
        console.print(f"{failure.where}: {failure.stage}: {failure.what}", markup=False, highlight=False, style="red")


def _row(name: str, findings: Findings) -> list[str]:
    counts = (findings.functions, findings.lines, findings.whole, findings.sourceless.total(), len(findings.failures))
    rate = rates(findings)
    return [name, *map(str, counts), *(f"{rate.get(stage, 0):.0f}" for stage in ("source", "rewrite", "observe"))]


if __name__ == "__main__":
    sys.exit(main())
