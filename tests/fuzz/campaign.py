"""Many random programs, in worker processes that are replaced before what JAX keeps of old programs weighs them down.

    python -m tests.fuzz --examples 20000 --jobs 2 --seed 7

Failures are shrunk, printed, and written to a folder as self-contained programs. The report says how calls were
answered, so that a pass by fallback shows.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import seed as seeded

from tests.fuzz.programs import Program, programs
from tests.fuzz.run import UNCHECKED, Tally, run
from tests.fuzz.shrink import failure_of, kind_of, shrink

CHUNK = 50
"""Programs that one process runs."""

SLOW = 30.0
"""Seconds after which a program is reported as slow: compile time that grows beyond all bounds is a failure, too."""


@dataclass
class Found:
    """What one process found.

    Attributes:
        tally: how calls were answered.
        failures: shrunk programs that fail, with what was said of them.
        slow: programs that took long, with the seconds.
    """

    tally: Tally = field(default_factory=Tally)
    failures: list[tuple[str, str]] = field(default_factory=list)
    slow: list[tuple[str, float]] = field(default_factory=list)

    def to_json(self) -> str:
        """As a line of text."""
        tally = {**vars(self.tally), "rungs": dict(self.tally.rungs), "reasons": dict(self.tally.reasons)}
        return json.dumps({"tally": tally, "failures": self.failures, "slow": self.slow})

    @staticmethod
    def from_json(text: str) -> Found:
        """The inverse of `to_json`."""
        read = json.loads(text)
        tally = read["tally"]
        counted = Tally(tally["programs"], Counter(tally["rungs"]), Counter(tally["reasons"]), dict(tally["examples"]))
        return Found(counted, read["failures"], read["slow"])


LONGEST = 240
"""Seconds of the processor after which a program is broken off: one that is traced for ever would end the campaign."""


class Endless(BaseException):
    """A program took longer than it may."""


@contextmanager
def _limited(seconds: float) -> Iterator[list[bool]]:
    """Break off what takes longer; the list is filled then, whoever catches the exception."""
    fired: list[bool] = []

    def fire(number: int, frame: types.FrameType | None) -> None:
        fired.append(True)
        raise Endless(f"it was broken off after {seconds} s of the processor")

    before = signal.signal(signal.SIGPROF, fire)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield fired
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def explore(examples: int, seed: int, shrink_seconds: float) -> Found:
    """Run programs in this process."""
    found = Found()
    kinds: set[str] = set()

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNCHECKED,
    )
    @given(programs())
    def each(program: Program) -> None:
        start, fired = time.monotonic(), []
        try:
            with _limited(LONGEST) as fired:
                found.tally.add(run(program))
        except (Exception, Endless) as error:
            found.tally.programs += 1
            if fired:
                found.failures.append((program.text, f"it was broken off after {LONGEST} s of the processor"))
                return
            kind = kind_of(error)
            if kind not in kinds:  # one of a kind is enough for one process
                kinds.add(kind)
                small = shrink(program, failure_of, shrink_seconds)
                found.failures.append((small.text, _told(small, error)))
        else:
            if time.monotonic() - start > SLOW:
                found.slow.append((program.text, time.monotonic() - start))

    each()
    return found


def _told(program: Program, error: BaseException) -> str:
    try:
        run(program)
    except Exception as again:
        error = again
    text = str(error)
    return text[text.rfind("\n at step") + 1 :]


def campaign(examples: int, jobs: int, seed: int, shrink_seconds: float, folder: Path) -> Found:
    """Run programs in worker processes, and tell of failures as they are found."""
    total = Found()
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [(min(CHUNK, examples - start), seed + start // CHUNK) for start in range(0, examples, CHUNK)]
    started = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        pending = [pool.submit(_process, count, number, shrink_seconds) for count, number in chunks]
        for done, future in enumerate(as_completed(pending), 1):
            found = future.result()
            total.tally.add(found.tally)
            total.failures += found.failures
            total.slow += found.slow
            for number, (text, told) in enumerate(found.failures):
                _keep(folder, f"failure_{len(total.failures) - number}", text, told)
            for number, (text, seconds) in enumerate(found.slow):
                _keep(folder, f"slow_{len(total.slow) - number}", text, f"{seconds:.0f} s")
            _keep_report(folder, total, time.monotonic() - started)
            rate = total.tally.programs / (time.monotonic() - started)
            print(
                f"{done}/{len(chunks)}: {total.tally.programs} programs, {rate:.1f} a second, "
                f"{len(total.failures)} failures",
                file=sys.stderr,
                flush=True,
            )
    return total


def _keep_report(folder: Path, total: Found, seconds: float) -> None:
    (folder / "report.txt").write_text(report(total, seconds) + "\n")
    for number, (reason, _) in enumerate(total.tally.reasons.most_common(20), 1):
        (folder / f"reason_{number}.py").write_text(f"# {reason}\n{total.tally.examples.get(reason, '')}")


def _keep(folder: Path, name: str, text: str, told: str) -> None:
    (folder / f"{name}.py").write_text(text)
    print(f"----- {folder / name}.py\n{text}\n{told}\n", flush=True)


def _process(examples: int, seed: int, shrink_seconds: float) -> Found:
    command = [sys.executable, "-m", "tests.fuzz", "--worker", "--examples", str(examples), "--seed", str(seed)]
    command += ["--shrink-seconds", str(shrink_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        told = f"seed {seed}: the process ended with {done.returncode}\n{done.stderr[-2000:]}"
        return Found(failures=[(f"# python -m tests.fuzz --worker --examples {examples} --seed {seed}\n", told)])
    return Found.from_json(lines[-1])


def report(found: Found, seconds: float) -> str:
    """What a campaign found, in lines."""
    tally = found.tally
    calls = tally.calls or 1
    lines = [f"{tally.programs} programs, {tally.calls} calls, {seconds:.0f} s"]
    lines.append(", ".join(f"{rung} {count / calls:.1%}" for rung, count in tally.rungs.most_common()))
    lines.append(f"{len(found.failures)} failures, {len(found.slow)} slower than {SLOW:.0f} s")
    if tally.reasons:
        lines.append("reasons of eager calls:")
        lines += [f"  {count:6} {reason}" for reason, count in tally.reasons.most_common(40)]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns 1 if a program failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=20000, help="how many programs")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--seed", type=int, default=0, help="of the first chunk; each has the next")
    parser.add_argument("--shrink-seconds", type=float, default=120.0, help="for each failure")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="where failing programs are written")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.worker:
        print(explore(asked.examples, asked.seed, asked.shrink_seconds).to_json())
        return 0
    started = time.monotonic()
    found = campaign(asked.examples, asked.jobs, asked.seed, asked.shrink_seconds, asked.folder)
    print(report(found, time.monotonic() - started))
    return int(bool(found.failures))
