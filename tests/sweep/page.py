"""The page of the sweep: `python -m tests.sweep.page` makes docs/sweep.md of the JSON that the runs have left.

python -m tests.sweep && python -m tests.sweep.stdlib && python -m tests.sweep.page
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.sweep.stdlib import EXCLUDED, UNDER_TEST, WAYS

PAGE = Path(__file__).parents[2] / "docs" / "sweep.md"

HEAD = """\
# The sweep

Made by `python -m tests.sweep.page` of what `nox -s sweep` found. Two questions are asked of the rewriter, of far more
code than its own tests have: does it take *every* function, and does what it makes mean the same?
"""

FUNCTIONS = """
## Every function of large libraries

Each function and lambda alone, from its file, with nothing imported or run: its source is found again from its code;
`rewrite` and `observe` take it; what they make compiles, has the same parameters, is of the same kind (generator,
coroutine), names lines of the function, and has the texts over several lines that the function has.
"""

NATIVE = """
### What stayed native Python

Generators, for one, cannot be functional. Native code runs as it is, and calls what it calls through the ops.
"""

OWN_TESTS = """
## The standard library's own tests

The modules are loaded with every function, method and lambda converted when it is defined, and then have to pass their
own tests of CPython. *Rewritten* and *observed* run the text of the two rewrites with ops that are plain Python: what
the text means. *Converted* is `janusx.convert`, with all that comes with it: profiles, guards, programs, the ladder. A
test that fails as it is, without JanusX, does not count.
"""

COLUMNS = "library|files|functions|lines|native as a whole|no source|broken|rewrites a second|observed".split("|")


def page(functions: Mapping[str, Any], modules: Sequence[Mapping[str, Any]], excluded: Mapping[str, str]) -> str:
    """The page, of the reports of the two runs."""
    lines = [HEAD, FUNCTIONS, *_functions(functions)]
    lines += [OWN_TESTS, *_modules(modules, excluded)] if modules else []
    return "\n".join(lines).rstrip() + "\n"


def _functions(report: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    found = report["libraries"]
    total = {key: sum(row[key] for row in found.values()) for key in ("files", "functions", "lines", "whole")}
    seconds = sum(sum(row["seconds"].values()) for row in found.values())
    broken = [failure for row in found.values() for failure in row["failures"]]
    yield f"Versions: {versions}.\n"
    yield (
        f"**{total['functions']:,} functions with {total['lines']:,} lines in {total['files']:,} files: {len(broken)} "
        f"broken.** {total['functions'] / seconds:.0f} functions a second of one processor, for finding the source, "
        "both rewrites, and what they are compiled for.\n"
    )
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for name, row in found.items():
        rates = row["functions_per_second"]
        yield (
            f"| {name} | {row['files']:,} | {row['functions']:,} | {row['lines']:,} | {row['whole']:,} | "
            f"{sum(row['sourceless'].values()):,} | {len(row['failures'])} | {rates.get('rewrite', 0)} | "
            f"{rates.get('observe', 0)} |"
        )
    yield "\nLines of nested functions count again.\n"
    yield NATIVE
    yield from _refusals(found)
    if broken:
        yield "\n### Broken\n"
        yield from (f"- `{_place(failure['where'])}`: {failure['stage']}: {failure['what']}" for failure in broken)


def _refusals(found: Mapping[str, Any]) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for row in found.values():
        for refusal in row["refusals"]:
            key = refusal["construct"], refusal["reason"]
            counts[key] += refusal["count"]
            examples.setdefault(key, refusal["for example"])
        for reason, count in row["sourceless"].items():
            counts["no source", re.sub(r"line \d+|\d+ functions", "a line", reason)] += count
    yield "| construct | reason | times | for example |"
    yield "|---|---|---|---|"
    for key, count in counts.most_common():
        where = f"`{_place(examples[key])}`" if key in examples else ""
        yield f"| {key[0]} | {key[1]} | {count:,} | {where} |"


def _place(where: str) -> str:
    """A place without what is another one on each machine."""
    return re.sub(r"^.*?/(?:site-packages|python3\.\d+)/(?:site-packages/)?", "", where)


def _modules(rows: Sequence[Mapping[str, Any]], excluded: Mapping[str, str]) -> Iterator[str]:
    names = list(dict.fromkeys(row["module"] for row in rows))
    by = {(row["module"], row["way"]): row for row in rows}
    ways = [way for way in WAYS if any(row["way"] == way for row in rows)]
    total = sum(row["tests"] for row in rows)
    broken = [(row, test, why) for row in rows for test, why in row["broken"].items()]
    yield f"**{len(names)} test modules, {total:,} tests in {len(ways)} ways: {len(broken)} broken.**\n"
    yield (
        "| tests | functions | tests run | "
        + " | ".join(f"broken, {way}" for way in ways)
        + " | converted calls | seconds |"
    )
    yield "|---|---|---|" + "---|" * len(ways) + "---|---|"
    for name in names:
        have = [by[name, way] for way in ways if (name, way) in by]
        cells = [str(len(by[name, way]["broken"])) if (name, way) in by else "not run" for way in ways]
        converted = by.get((name, "converted"))
        calls = f"{converted['calls'].get('calls', 0):,}" if converted else ""
        seconds = f"{converted['seconds']:.0f}, plain {converted['plain_seconds']:.1f}" if converted else ""
        tests, functions = (max(row[key] for row in have) for key in ("tests", "functions"))
        yield f"| `{name}` | {functions} | {tests} | {' | '.join(cells)} | {calls} | {seconds} |"
    missing = [f"`{name}`" for name in UNDER_TEST if name not in names]
    if missing:
        yield f"\nNot run to the end for this page: {', '.join(missing)}."
    yield "\nNot counted, with the reason:\n"
    yield from (f"- `{pattern}`: {reason}." for pattern, reason in excluded.items())
    if broken:
        yield "\n### Broken\n"
        yield from (f"- {row['way']}: `{test}`: {why.strip().splitlines()[-1]}" for row, test, why in broken)


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep.page", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", type=Path, default=Path("sweep.json"), help="the report of `tests.sweep`")
    parser.add_argument(
        "--modules", type=Path, nargs="*", default=[Path("sweep-stdlib.json")], help="reports of `tests.sweep.stdlib`"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="where it goes")
    options = parser.parse_args()
    modules = [row for path in options.modules if path.exists() for row in json.loads(path.read_text())]
    options.page.write_text(page(json.loads(options.functions.read_text()), modules, EXCLUDED))


if __name__ == "__main__":
    main()
