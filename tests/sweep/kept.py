"""What a sweep found, file by file, so that one that was ended goes on where it was."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sweep.check import Failure, Findings

_SWEPT = ("jax", "flax", "optax", "equinox", "numpy", "libcst")


def versions() -> dict[str, str]:
    """Of Python, and of what is swept."""
    found = {"python": platform.python_version()}
    for name in _SWEPT:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Kept:
    """A file with a line for each file that was swept; lines of other versions do not count."""

    path: Path

    def clear(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)

    def write(self, path: Path, findings: Findings) -> None:
        """Keep what came of one file."""
        row = {
            "path": str(path),
            "versions": versions(),
            "counts": [findings.files, findings.functions, findings.lines, findings.whole],
            "seconds": findings.seconds,
            "refusals": [[*key, count, findings.examples[key]] for key, count in findings.refusals.items()],
            "sourceless": findings.sourceless,
            "failures": [[failure.where, failure.stage, failure.what] for failure in findings.failures],
        }
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def read(self) -> dict[Path, Findings]:
        """What is kept, by file; the last of several lines counts."""
        if not self.path.exists():
            return {}
        rows = [json.loads(line) for line in self.path.read_text().splitlines() if line.endswith("}")]
        return {Path(row["path"]): _findings(row) for row in rows if row["versions"] == versions()}


def _findings(row: dict[str, Any]) -> Findings:
    files, functions, lines, whole = row["counts"]
    refusals = {(construct, reason): count for construct, reason, count, _ in row["refusals"]}
    examples = {(construct, reason): where for construct, reason, _, where in row["refusals"]}
    failures = [Failure(*failure) for failure in row["failures"]]
    return Findings(
        files,
        functions,
        lines,
        whole,
        row["seconds"],
        Counter(refusals),
        examples,
        Counter(row["sourceless"]),
        failures,
    )
