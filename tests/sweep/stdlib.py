"""The standard library's own tests, with every function of the modules under test converted.

    python -m tests.sweep.stdlib                            all modules, all ways
    python -m tests.sweep.stdlib test_heapq --way converted

Each module is tested in a process of its own, first as it is: what fails then does not count.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import types
import unittest
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

# All that converts is imported before the modules under test are imported anew: it keeps the old ones.
import janusx
from janusx.transforms import rewrite
from janusx.transforms.observe import observe
from tests.properties.plain_ops import Observes, Rewrites, rewritten
from tests.sweep.hook import load_wrapped

_ROOT = Path(__file__).parents[2]

UNDER_TEST: Mapping[str, tuple[str, ...]] = {
    "test_argparse": ("argparse",),
    "test_bisect": ("bisect",),
    "test_calendar": ("calendar",),
    "test_colorsys": ("colorsys",),
    "test_configparser": ("configparser",),
    "test_copy": ("copy",),
    "test_csv": ("csv",),
    "test_dataclasses": ("dataclasses",),
    "test_difflib": ("difflib",),
    "test_fnmatch": ("fnmatch",),
    "test_fractions": ("fractions",),
    "test_functools": ("functools",),
    "test_graphlib": ("graphlib",),
    "test_heapq": ("heapq",),
    "test_ipaddress": ("ipaddress",),
    "test_json": ("json.decoder", "json.encoder", "json.scanner"),
    "test_optparse": ("optparse",),
    "test_pprint": ("pprint",),
    "test_random": ("random",),
    "test_reprlib": ("reprlib",),
    "test_shlex": ("shlex",),
    "test_statistics": ("statistics",),
    "test_string": ("string",),
    "test_textwrap": ("textwrap",),
    "test_urlparse": ("urllib.parse",),
}
"""Test modules, and the modules that they test."""

WAYS = ("rewritten", "observed", "converted")
"""How functions are converted: the rewrite with plain ops, the observed form with plain ops, `janusx.convert`."""

EXCLUDED: Mapping[str, str] = {
    "*:*test_json.*.TestC*": "the scanner in C raises the JSONDecodeError of the module that was imported first",
    "converted:test_lru_reentrancy_with_len *": "`len` itself is replaced by a converted function, and JanusX calls it",
}
"""Patterns of `way:test id` that need not pass, with the reason."""


@dataclass(frozen=True)
class Outcome:
    """What came of one module's tests.

    Attributes:
        way: how its functions were converted; "plain" as they are.
        tests: how many tests ran.
        functions: how many functions were converted.
        calls: how often a converted function was called, by kind of call.
        failed: the tests that failed, with the end of the report.
        seconds: how long it took.
    """

    way: str
    tests: int
    functions: int
    calls: dict[str, int]
    failed: dict[str, str]
    seconds: float


def run_apart(name: str, way: str, timeout: float = 1800) -> Outcome:
    """Run a test module in a process of its own."""
    command = [sys.executable, "-m", "tests.sweep.stdlib", "--inside", name, "--way", way]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as folder:  # tests that end in the middle leave files
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=environment, check=False, cwd=folder
        )
    last = done.stdout.rstrip().rpartition("\n")[2]
    if done.returncode or not last.startswith("{"):
        failed = {"the process": f"ended with status {done.returncode}\n{done.stderr[-4000:]}"}
        return Outcome(way, 0, 0, {}, failed, 0.0)
    return Outcome(**json.loads(last))


def broken(plain: Outcome, other: Outcome) -> dict[str, str]:
    """The tests that conversion breaks, but for those excluded."""
    found = {test: why for test, why in other.failed.items() if test not in plain.failed}
    return {
        test: why
        for test, why in found.items()
        if not any(fnmatch.fnmatchcase(f"{other.way}:{test}", pattern) for pattern in EXCLUDED)
    }


@dataclass
class _Wrapper:
    """Converts functions, and counts."""

    make: Callable[[types.FunctionType], Any]
    made: list[Any] = field(default_factory=list)

    def __call__(self, fn: types.FunctionType) -> Any:
        new = self.make(fn)
        if new is not fn:
            self.made.append(new)
        return new


def _maker(way: str) -> Callable[[types.FunctionType], Any]:
    if way == "converted":
        return _convert
    if way == "rewritten":
        return lambda fn: rewritten(fn, rewrite, Rewrites())
    return lambda fn: rewritten(fn, observe, Observes())


def _convert(fn: types.FunctionType) -> Any:
    try:
        return janusx.convert(fn)
    except janusx.errors.CoroutineGivenError:
        return fn


def _run_inside(name: str, way: str) -> Outcome:
    jax.jit(lambda x: x + 1)(1.0)  # what JAX imports on the way is imported
    wrapper = _Wrapper(lambda fn: fn)
    if way != "plain":
        wrapper = _Wrapper(_maker(way))
        load_wrapped(UNDER_TEST[name], wrapper)
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{name}")
    result = unittest.TestResult()
    suite.run(result)
    failed = {str(test): report[-3000:] for test, report in [*result.failures, *result.errors]}
    seconds = time.perf_counter() - started
    return Outcome(way, result.testsRun, len(wrapper.made), _calls(way, wrapper.made), failed, seconds)


def _calls(way: str, made: list[Any]) -> dict[str, int]:
    if way != "converted":
        return {}
    every = [janusx.stats(each) for each in made]
    return {kind: sum(getattr(one, kind) for one in every) for kind in ("calls", "profiled", "compiled", "eager")}


def available() -> bool:
    """Whether this Python has its own tests; some distributions leave them out."""
    return importlib.util.find_spec("test.test_bisect") is not None


def main() -> int:
    """Run the tests, and tell what broke."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.sweep.stdlib", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", help="test modules; all, if none is named")
    parser.add_argument(
        "--way", choices=[*WAYS, "plain"], action="append", help="how to convert; all, if none is named"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", type=Path, default=Path("sweep-stdlib.json"), help="where the report goes")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        outcome = _run_inside(options.names[0], options.way[0])
        print("\n" + json.dumps(asdict(outcome)), flush=True)
        return 0
    if not available():
        print(f"Python {sys.version.split()[0]} comes without its own tests: nothing was run")
        return 0
    rows = _run_all(options.names or list(UNDER_TEST), options.way or WAYS, options.jobs)
    options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["broken"] for row in rows))


def _run_all(names: Sequence[str], ways: Sequence[str], jobs: int) -> list[dict[str, Any]]:
    """A row for each module and way; each is shown when it is known."""
    console = Console()
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(jobs) as pool:
        for name, found in pool.map(lambda name: (name, [run_apart(name, way) for way in ("plain", *ways)]), names):
            plain, *others = found
            for other in others:
                row = {"module": name, **asdict(other), "plain_seconds": plain.seconds, "broken": broken(plain, other)}
                rows.append(row)
                _tell(row, console)
    total = {way: sum(row["tests"] for row in rows if row["way"] == way) for way in ways}
    console.print(f"{len(names)} modules; tests by way: {total}; excluded: {len(EXCLUDED)} patterns", highlight=False)
    for pattern, reason in EXCLUDED.items():
        console.print(f"  {pattern}  {reason}", markup=False, highlight=False)
    return rows


def _tell(row: Mapping[str, Any], console: Console) -> None:
    calls = ", ".join(f"{count} {kind}" for kind, count in row["calls"].items())
    console.print(
        f"{row['module']:<18} {row['way']:<10} {row['tests']:>5} tests {row['functions']:>4} functions "
        f"{row['seconds']:>7.1f} s {len(row['broken']):>3} broken  {calls}",
        highlight=False,
        soft_wrap=True,
    )
    for test, why in row["broken"].items():
        console.print(f"{test}\n{why}", markup=False, highlight=False, style="red")


if __name__ == "__main__":
    sys.exit(main())
