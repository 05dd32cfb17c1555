"""What the sweep asks of one function: its source is found, both rewrites take it, and what they emit compiles."""

from __future__ import annotations

import inspect
import time
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from janusx.errors import JanusXError
from janusx.sources import FunctionSource, compile_function, find_source
from janusx.transforms import Rewritten, rewrite
from janusx.transforms.observe import observe
from tests.sweep.corpus import functions_of

REWRITES: dict[str, Callable[..., Rewritten]] = {"rewrite": rewrite, "observe": observe}
_KIND = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_KIND |= inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


@dataclass(frozen=True)
class Failure:
    """A function that broke something.

    Attributes:
        where: `file:line name`.
        stage: `source`, `rewrite` or `observe`.
        what: the exception, or what is wrong with the emitted code.
    """

    where: str
    stage: str
    what: str


@dataclass
class Findings:
    """What came of many functions.

    Attributes:
        files: how many files they are in.
        functions: how many were tried.
        lines: how many lines their sources have; nested functions count again.
        whole: how many `rewrite` left native as a whole.
        seconds: time of the processor by stage.
        refusals: how often each construct was left native, by (construct, reason).
        examples: a place for each of these.
        sourceless: functions whose source could not be told, by reason.
        failures: what broke.
    """

    files: int = 0
    functions: int = 0
    lines: int = 0
    whole: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    sourceless: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take in what came of other functions."""
        self.files += other.files
        self.functions += other.functions
        self.lines += other.lines
        self.whole += other.whole
        for stage, seconds in other.seconds.items():
            self.spend(stage, seconds)
        self.refusals.update(other.refusals)
        self.examples = {**other.examples, **self.examples}
        self.sourceless.update(other.sourceless)
        self.failures += other.failures

    def spend(self, stage: str, seconds: float) -> None:
        """Count time for a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def check_file(path: Path) -> Findings:
    """Try the functions of a file."""
    findings = Findings(files=1)
    for function in functions_of(path):
        check(function, findings)
    return findings


def check(function: types.FunctionType, findings: Findings) -> None:
    """Try one function."""
    findings.functions += 1
    code = function.__code__
    where = f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}"
    stage, started = "source", time.process_time()
    try:
        source = find_source(function)
        findings.lines += source.text.count("\n") + 1
        for stage, make in REWRITES.items():
            findings.spend("source" if stage == "rewrite" else "rewrite", time.process_time() - started)
            started = time.process_time()
            made = make(source.text, first_line=source.first_line, class_name=source.class_name)
            for refusal in made.refusals:
                findings.refusals[refusal.construct, refusal.reason] += 1
                findings.examples.setdefault((refusal.construct, refusal.reason), f"{code.co_filename}:{refusal.line}")
            findings.whole += stage == "rewrite" and _is_whole(made, source)
            emitted = compile_function(made, source, code.co_freevars, original=code)
            if wrong := wrong_with(emitted, code, made, source):
                findings.failures.append(Failure(where, stage, wrong))
        findings.spend("observe", time.process_time() - started)
    except JanusXError as error:
        if stage == "source":
            findings.sourceless[error.why or error.what] += 1
        else:
            findings.failures.append(Failure(where, stage, str(error)))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        findings.failures.append(Failure(where, stage, f"{type(error).__name__}: {error}"[:2000]))


def _is_whole(made: Rewritten, source: FunctionSource) -> bool:
    return any(r.construct in ("def", "lambda") and r.line == source.first_line for r in made.refusals)


def wrong_with(emitted: types.CodeType, code: types.CodeType, made: Rewritten, source: FunctionSource) -> str:
    """What shows, without running it, that emitted code cannot stand for the original; "" if nothing does."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    if emitted.co_varnames[:count] != code.co_varnames[:count] or emitted.co_argcount != code.co_argcount:
        return "it has other parameters"
    if (emitted.co_flags ^ code.co_flags) & _KIND:
        return "it is of another kind: a generator, a coroutine or neither"
    unknown = set(emitted.co_freevars) - {*code.co_freevars, made.ops_name}
    if unknown:
        return f"it has free variables that the original has not: {', '.join(sorted(unknown))}"
    if len(made.lines) != made.text.rstrip("\n").count("\n") + 1:
        return "its lines are not numbered one by one"
    last = source.first_line + source.text.count("\n")
    if not all(source.first_line <= line <= last for line in made.lines):
        return "it names lines that are not the function's"
    missing = _texts(code) - _texts(emitted)
    every = "\0".join(sorted(_texts(emitted)))
    lost = [text for text in missing if text not in every and text.replace("%", "%%") not in every]
    return f"it has lost {lost[0]!r}"[:200] if lost else ""


def _texts(code: types.CodeType) -> set[str]:
    """Its strings over several lines, in which a rewrite that goes by lines would show."""
    own = {const for const in code.co_consts if isinstance(const, str) and "\n" in const}
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return own.union(*map(_texts, inner))
