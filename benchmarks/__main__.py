"""Command line: ``python -m benchmarks [--programs lenet,lstm] [--columns janusx,expert] [--json out.json]``.

Each program runs in a process of its own with a time limit, so that one which fails or hangs costs no other its
figures. Leaves with 0 when every bar was reached, with 1 when one was missed or has no figure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Options
from benchmarks.programs import NAMES, load
from benchmarks.report import as_data, machine, markdown, show

__all__ = ["main"]

TIME_LIMIT = 600.0  # seconds a program


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed against hand-written JAX.")
    parser.add_argument("--programs", default=",".join(NAMES), help="which, by comma (default: all)")
    parser.add_argument("--columns", default="", help="which, by comma (default: all), for instance janusx,expert")
    parser.add_argument("--rounds", type=int, default=Options.rounds, help="rounds of turns (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing")
    parser.add_argument("--time-limit", type=float, default=TIME_LIMIT, help="seconds a program (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--markdown", type=Path, help="where to write the report")
    parser.add_argument("--in-process", metavar="PROGRAM", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def options_of(arguments: argparse.Namespace) -> Options:
    """Options of a run."""
    columns = tuple(name for name in arguments.columns.split(",") if name)
    if arguments.quick:
        return Options(columns, rounds=3, block_seconds=0.002, warmup=5)
    return Options(columns, rounds=arguments.rounds)


def measure_here(name: str, arguments: argparse.Namespace) -> None:
    """Measures one program in this process and writes its figures."""
    result = load(name).run(options_of(arguments))
    arguments.json.write_text(json.dumps(as_data(result)))


def measure_apart(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures one program in a process of its own; what went wrong there comes back as an error."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks", "--in-process", name, "--json", str(out)]
        command += ["--columns", arguments.columns, "--rounds", str(arguments.rounds)]
        command += ["--quick"] if arguments.quick else []
        environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=arguments.time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            return failed(name, f"took more than {arguments.time_limit:.0f} s")
        if done.returncode or not out.exists():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return failed(name, f"process ended with {done.returncode}: {last}")
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def failed(name: str, why: str) -> dict[str, Any]:
    """The record of a program without a result: its bars stand there as not reached."""
    missing = {
        "text": "any figure",
        "sense": "<=",
        "limit": 0.0,
        "unit": "",
        "value": None,
        "why_missing": why,
        "passed": None,
    }
    return {
        "program": name,
        "title": load(name).TITLE,
        "seconds": {},
        "ratios": {},
        "bars": [missing],
        "figures": {},
        "errors": {"program": why},
        "method": "",
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmarks; returns the exit code."""
    parsed = parse(arguments)
    if parsed.in_process:
        measure_here(parsed.in_process, parsed)
        return 0
    results = []
    names = [name for name in parsed.programs.split(",") if name]
    for number, name in enumerate(names, start=1):
        print(f"[{number}/{len(names)}] {load(name).TITLE} ...", file=sys.stderr, flush=True)
        results.append(measure_apart(name, parsed))
    data = {"machine": machine(), "results": results}
    if parsed.json:
        parsed.json.write_text(json.dumps(data, indent=1) + "\n")
    if parsed.markdown:
        parsed.markdown.write_text(markdown(data))
    show(data)
    reached = all(one["passed"] for result in results for one in result["bars"])
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
