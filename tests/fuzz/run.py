"""Running a program in plain Python and converted, and what is learned of how its calls were answered."""

from __future__ import annotations

import importlib.util
import linecache
import os
import re
import sys
import tempfile
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
from hypothesis import HealthCheck

import janusx
from tests.conformance.harness import Scenario, Step, Subject, World, call, change, check, of
from tests.fuzz.programs import Program

RAISED = "the call raises"

UNCHECKED = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
"""What Hypothesis is not to complain of: programs are large by their nature."""


@dataclass
class Tally:
    """What happened in some programs.

    Attributes:
        programs: how many ran.
        rungs: how many calls ran on each rung.
        reasons: of eager calls.
        examples: for each reason the shortest program.
    """

    programs: int = 0
    rungs: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take in another tally."""
        self.programs += other.programs
        self.rungs.update(other.rungs)
        self.reasons.update(other.reasons)
        for reason, text in other.examples.items():
            self.examples[reason] = min(self.examples.get(reason, text), text, key=len)

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(self.rungs.values())


def run(program: Program) -> Tally:
    """Run a program in both worlds.

    Raises:
        Different: the worlds differ.
    """
    tally = Tally(1)
    with _file_of(program) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", janusx.errors.EagerWarning)
        warnings.simplefilter("ignore", janusx.errors.RecompileLimitWarning)
        check(_scenario(program, file), _subject(tally))
    tally.examples.update(dict.fromkeys(tally.reasons, program.text))
    return tally


def _subject(tally: Tally) -> Subject:
    """JanusX, asked after every call how it was answered, and why in Python."""
    outcomes: list[Any] = []

    def stats(converted: Any) -> Any:
        found = janusx.stats(converted)
        rung = str(found.last_call)
        if rung == "eager":
            tally.reasons[RAISED if "exception" in outcomes[-1] else _reason(converted._record)] += 1
        tally.rungs[rung] += 1
        return found

    return Subject(janusx.convert, stats, told=outcomes.append)


def _reason(record: Any) -> str:
    last = record.events[-1] if record.events else None
    if last is not None and last.kind == "violation":
        return f"a guard did not hold: {_general(last.what)}"
    if last is not None and last.kind == "eager":
        return _general(last.what)
    return _general(record.eager_reason or "no reason was recorded")


def _general(reason: str) -> str:
    """A reason without what differs between programs: shapes, places, the user's names and numbers."""
    reason = re.sub(r"`.*?` \(.*?\)", "`…`", reason)
    return re.sub(r"\d+", "#", re.sub(r"/\S+/", "", reason))


@contextmanager
def _file_of(program: Program) -> Iterator[Path]:
    """The program in a real file, where its source is found."""
    folder = Path(tempfile.gettempdir()) / f"janusx_fuzz_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    text = program.module
    file = folder / f"program_{os.getpid()}_{sha256(text.encode()).hexdigest()[:12]}.py"
    file.write_text(text)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
        sys.modules.pop(file.stem, None)
        linecache.cache.pop(str(file), None)


def _module(file: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def _scenario(program: Program, file: Path) -> Scenario:
    def make() -> World:
        module = _module(file)
        world = World(f=module.f, module=module, box=module.box, other=module.other)
        world.grad = lambda *arguments: jax.grad(world.f)(*arguments)
        return world

    # A predicate on arrays decides which object a name stands for, and whether a weak type survives.
    steps = tuple(_step(line) for line in program.steps)
    return Scenario(program.text, make, steps, options=dict(program.options), weak_types=False)


def _step(line: str) -> Step:
    function = line.partition("(")[0]
    if function not in ("f", "grad"):
        return change(lambda world: exec(line, vars(world.module)))
    arguments = _arguments(line)
    return call(function, *(of(_reader(text)) for text in arguments), converted="f")


def _reader(text: str) -> Callable[[World], Any]:
    return lambda world: eval(text, vars(world.module))


def _arguments(line: str) -> list[str]:
    import ast

    parsed = ast.parse(line, mode="eval").body
    assert isinstance(parsed, ast.Call)
    return [ast.unparse(argument) for argument in parsed.args]
