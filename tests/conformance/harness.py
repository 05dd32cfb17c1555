"""The differential harness: one program run in plain Python and converted, compared after every call.

A scenario says how a world is built (twice: fresh objects, from the same seed), which of its functions are
converted, and what happens to it: calls and changes from outside, in order. After every call the two worlds agree in
the result with its exact type, the printed text, the warnings, the exception with its cause and the user's lines,
the whole reachable state with its aliasing, and in what was an object before the call. A call may also say on which
rung it must have run.

    @scenario("an if takes the side that its array says", *settled(call("f", UP), "compiled"), call("f", DOWN))
    def if_else():
        def f(x):
            return x if x.sum() > 0 else -x
        return World(f=f)
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import sys
import sysconfig
import tempfile
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from tests.conformance.walk import Observation, Tolerance, differences, is_library, observe

PROFILE_RUNS = 3
WARM_UP = PROFILE_RUNS + 3
SHOWN = 12
_STDLIB = sysconfig.get_path("stdlib")
_PLUMBING = (str(Path(__file__).parent / "harness.py"), str(Path(__file__).parent / "walk.py"))


class World:
    """What a program lives in: functions, objects and data, as attributes. `close()`, if it has one, ends it."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...


@dataclass(frozen=True)
class Of:
    """An argument looked up in each world."""

    read: Callable[[World], Any]


@dataclass(frozen=True)
class Call:
    """One call of the function at `path` in the world; `rung` is what `last_call` must say, one of several allowed.

    `settled` says that the same call came often enough before it for every profile to be over.
    """

    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    rung: tuple[str, ...] = ()
    converted: str | None = None
    settled: bool = False

    def __str__(self) -> str:
        return f"{self.path}({', '.join(map(_shown, self.args))})"


@dataclass(frozen=True)
class Change:
    """A change of the world from outside, between two calls."""

    apply: Callable[[World], Any]

    def __str__(self) -> str:
        return f"change at line {self.apply.__code__.co_firstlineno}"


@dataclass(frozen=True)
class Steady:
    """Steps during which a converted function is neither compiled again nor leaves its entries."""

    path: str
    steps: tuple[Step, ...]


Step = Call | Change | Steady


@dataclass(frozen=True)
class Scenario:
    """A world, what is converted in it, and what happens to it. See `scenario` for the fields."""

    name: str
    make: Callable[[], World]
    steps: tuple[Step, ...]
    converted: tuple[str, ...] = ("f",)
    options: Mapping[str, Any] = field(default_factory=dict)
    weak_types: bool = True
    arrays_by_identity: bool = False
    tolerance: Tolerance = Tolerance()
    marks: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Ran:
    """One settled call: the same one came often enough before it, or it is one of `steady`.

    Attributes:
      rung: on which it ran.
      arrays: whether an array was among its arguments.
      raised: whether it raised: an exception is raised by Python's own run, on whichever rung the function is.
    """

    rung: str
    arrays: bool
    raised: bool


@dataclass(frozen=True)
class Subject:
    """What is put to the test.

    Attributes:
      convert: makes the other world's functions.
      stats: gives their stats; None where rungs are not to be checked.
      options: for every conversion.
      tracebacks: whether the lines of exceptions are compared.
      why: tells of a converted function why it is on its rung.
      told: is given what each converted call did, by name: its result or exception, and what it printed.
      ended: is given a scenario that went through, what was converted in it, and its settled calls.
    """

    convert: Callable[..., Any]
    stats: Callable[[Any], Any] | None
    options: Mapping[str, Any] = field(default_factory=dict)
    tracebacks: bool = True
    why: Callable[[Any], str] = lambda converted: ""
    told: Callable[[Mapping[str, Any]], None] = lambda outcome: None
    ended: Callable[[Scenario, Mapping[str, Any], tuple[Ran, ...]], None] = lambda scenario, converted, ran: None


PLAIN = Subject(convert=lambda fn, **_: fn, stats=None)


class Different(AssertionError):
    """The converted world is not like the plain one."""


# Building scenarios ------------------------------------------------------------------------------------------------


def scenario(name: str, *steps: Step | tuple[Step, ...], **fields: Any) -> Callable[[Callable[[], World]], Scenario]:
    """Makes a scenario of the function that builds the world.

    Args:
      name: a sentence; the id of the test.
      *steps: calls and changes; tuples of them are laid flat.
      **fields: `converted` (names in the world, `"Trainer.step"` for a method; `("f",)` unless given), `options` for
        `convert`, `weak_types`, `arrays_by_identity`, `tolerance`, `marks` (of pytest).
    """
    flat = tuple(step for part in steps for step in (part if isinstance(part, tuple) else (part,)))
    return lambda make: Scenario(name, make, flat, **fields)


def call(path: str, *args: Any, rung: str | tuple[str, ...] = (), converted: str | None = None, **kwargs: Any) -> Call:
    """A call. `rung` is asked of `converted`, by default the one that `path` names (`"a.step"`: `"Trainer.step"`)."""
    return Call(path, args, kwargs, (rung,) if isinstance(rung, str) else rung, converted)


def settled(step: Call, rung: str | tuple[str, ...]) -> tuple[Call, ...]:
    """The call often enough for every profile to be over; the last one must have run on `rung`."""
    last = replace(step, rung=(rung,) if isinstance(rung, str) else rung, settled=True)
    return (step,) * (WARM_UP - 1) + (last,)


def change(apply: Callable[[World], Any]) -> Change:
    """A change from outside."""
    return Change(apply)


def steady(path: str, *steps: Step | tuple[Step, ...]) -> Steady:
    """The steps, during which the converted function at `path` compiles nothing new."""
    return Steady(path, tuple(step for part in steps for step in (part if isinstance(part, tuple) else (part,))))


def of(read: Callable[[World], Any]) -> Of:
    """An argument taken from the world: `of(lambda w: w.model)`."""
    return Of(read)


def scenarios(namespace: Mapping[str, Any]) -> list[Any]:
    """All scenarios of a module as pytest parameters, in the order in which they were written."""
    import pytest

    found = [value for value in namespace.values() if isinstance(value, Scenario)]
    names = [one.name for one in found]
    assert len(set(names)) == len(names), (
        f"two scenarios of one name: {sorted({n for n in names if names.count(n) > 1})}"
    )
    return [pytest.param(one, id=one.name, marks=one.marks) for one in found]


def fresh_module(source: str) -> types.ModuleType:
    """A new module of this source, in a real file, so that its source is found; its globals are the world's own."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    file = Path(tempfile.gettempdir()) / f"janusx_conformance_{os.getuid()}" / f"program_{digest}.py"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(source)
        part.replace(file)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


# Running -----------------------------------------------------------------------------------------------------------


@dataclass
class _Side:
    """One of the two worlds, with what it has returned so far."""

    world: World
    results: list[Any] = field(default_factory=list)
    objects: Mapping[str, Any] = field(default_factory=dict)

    def look(self, extra: Mapping[str, Any], scenario: Scenario) -> Observation:
        roots = {"world": self.world, **extra, "earlier results": self.results}
        return observe(
            roots,
            weak_types=scenario.weak_types,
            arrays_by_identity=scenario.arrays_by_identity,
            before=self.objects,
        )


def check(scenario: Scenario, subject: Subject) -> Counter[str]:
    """Runs a scenario in both worlds.

    Returns:
      How many calls ran on each rung; empty where the subject has no stats.

    Raises:
      Different: with the step, the program's outcome so far and the paths that differ.
    """
    plain, other = _Side(scenario.make()), _Side(scenario.make())
    registry = {path: _convert(other.world, path, scenario, subject) for path in scenario.converted}
    try:
        runner = _Runner(scenario, subject, plain, other, registry)
        runner.run(scenario.steps, "")
        subject.ended(scenario, registry, tuple(runner.settled))
        return runner.rungs
    finally:
        for side in (plain, other):
            getattr(side.world, "close", lambda: None)()


@dataclass
class _Runner:
    scenario: Scenario
    subject: Subject
    plain: _Side
    other: _Side
    registry: Mapping[str, Any]
    rungs: Counter[str] = field(default_factory=Counter)
    settled: list[Ran] = field(default_factory=list)
    steady: bool = False

    def run(self, steps: tuple[Step, ...], prefix: str) -> None:
        for number, step in enumerate(steps, 1):
            where = f"{prefix}step {number} of {len(steps)}, {step}"
            if isinstance(step, Steady):
                self._steady(step, f"{prefix}step {number}, ")
            elif isinstance(step, Change):
                step.apply(self.plain.world)
                step.apply(self.other.world)
                self._compare({}, {}, f"{where} (before any call: the harness itself)")
            else:
                expected, found = _outcome(self.plain, step), _outcome(self.other, step)
                self.subject.told(found)
                self._compare(expected, found, where)
                self._check_rung(step, where, "exception" in found)

    def _compare(self, expected: Mapping[str, Any], found: Mapping[str, Any], where: str) -> None:
        seen, also = self.plain.look(expected, self.scenario), self.other.look(found, self.scenario)
        self.plain.objects, self.other.objects = seen.objects, also.objects
        _remember(self.plain, expected)
        _remember(self.other, found)
        lines = list(differences(seen.facts, also.facts, self.scenario.tolerance))
        if not self.subject.tracebacks:
            lines = [line for line in lines if not line.startswith("exception.lines")]
        if any("UnboundLocalError" in str(fact) for fact in (seen.facts, also.facts)):
            # A warmed-up CPython 3.11 names the line before, where it fused a store with the load that fails.
            lines = [line for line in lines if not line.startswith("exception.lines")]
        if lines:
            more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
            text = "\n  ".join([*lines[:SHOWN], *more])
            raise Different(f"{self.scenario.name}\n at {where}:\n  {text}\n{_told(found)}")

    def _check_rung(self, step: Call, where: str, raised: bool) -> None:
        if self.subject.stats is None:
            return
        name = step.converted or _registered(step.path, self.registry)
        stats = self.subject.stats(self.registry[name])
        self.rungs[stats.last_call] += 1
        if step.settled or self.steady:
            given = [_argument(arg, self.other.world) for arg in (*step.args, *step.kwargs.values())]
            self.settled.append(Ran(stats.last_call, _holds_array(given, 4), raised))
        if step.rung and stats.last_call not in step.rung:
            wanted = " or ".join(step.rung)
            said = f"{name} ran {stats.last_call}, not {wanted}: {self.subject.why(self.registry[name])}\n  {stats}"
            raise Different(f"{self.scenario.name}\n at {where}:\n  {said}")

    def _steady(self, step: Steady, prefix: str) -> None:
        before = self.subject.stats(self.registry[step.path]) if self.subject.stats else None
        self.steady = True
        self.run(step.steps, prefix)
        self.steady = False
        if before is None or self.subject.stats is None:
            return
        now = self.subject.stats(self.registry[step.path])
        same = (now.recompilations, now.entries, now.profiled) == (
            before.recompilations,
            before.entries,
            before.profiled,
        )
        if not same:
            raise Different(f"{self.scenario.name}\n after {prefix}: compiled or profiled again:\n  {before}\n  {now}")


def _convert(world: World, path: str, scenario: Scenario, subject: Subject) -> Any:
    *parents, name = path.split(".")
    owner: Any = world
    for parent in parents:
        owner = getattr(owner, parent)
    raw = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
    converted = subject.convert(raw, **{**subject.options, **scenario.options})
    setattr(owner, name, converted)
    return converted


def _registered(path: str, registry: Mapping[str, Any]) -> str:
    """The converted name that a call goes to: itself, or the only one that ends alike."""
    if path in registry:
        return path
    tail = path.rpartition(".")[2]
    fits = [name for name in registry if name.rpartition(".")[2] == tail] or list(registry)
    assert len(fits) == 1, f"which of {fits} does {path} call? say `converted=`"
    return fits[0]


def _outcome(side: _Side, step: Call) -> dict[str, Any]:
    """What one call did, as roots of a walk: its arguments, result or exception, printed text and warnings."""
    args = [_argument(arg, side.world) for arg in step.args]
    kwargs = {name: _argument(arg, side.world) for name, arg in step.kwargs.items()}
    target: Any = side.world
    for name in step.path.split("."):
        target = getattr(target, name)
    outcome: dict[str, Any] = {"args": args, "kwargs": kwargs}
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        try:
            outcome["result"] = target(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  a KeyboardInterrupt of the program is an outcome too
            outcome.update(_exception_roots(error))
    outcome["printed"] = out.getvalue()
    outcome["printed to stderr"] = err.getvalue()
    outcome["warnings"] = [f"{one.category.__name__}: {one.message}" for one in warned if _is_users(one)]
    return outcome


def _holds_array(value: Any, depth: int) -> bool:
    """Whether there is an array in a value, or in what it holds."""
    if isinstance(value, jax.Array | np.ndarray):
        return True
    if depth == 0 or isinstance(value, type | types.ModuleType | types.FunctionType):
        return False
    inside: list[Any] = [*vars(value).values()] if hasattr(value, "__dict__") else []
    if isinstance(value, dict):
        inside += value.values()
    elif isinstance(value, list | tuple | set):
        inside += value
    return any(_holds_array(each, depth - 1) for each in inside)


def _exception_roots(error: BaseException) -> dict[str, Any]:
    roots: dict[str, Any] = {"exception": _described(error), "exception.__cause__": _described(error.__cause__)}
    roots["exception.lines"] = ", ".join(
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_foreign(frame.filename)
    )
    return roots


def _described(error: BaseException | None) -> Any:
    return None if error is None else (f"{type(error).__module__}.{type(error).__qualname__}", *error.args)


def _is_foreign(filename: str) -> bool:
    """Whether a file is neither the user's nor JanusX's own, whose frames a user must not see."""
    if "janusx" in Path(filename).parts and "tests" not in Path(filename).parts:
        return False
    return filename in _PLUMBING or "site-packages" in filename or filename.startswith(("<", _STDLIB))


def _is_users(warned: warnings.WarningMessage) -> bool:
    """Whether the program said it: what JanusX itself has to say comes on top, at the user's line."""
    return not warned.category.__module__.startswith("janusx") and not _is_foreign(warned.filename)


def _argument(value: Any, world: World) -> Any:
    """A value of this world's own: what is mutable is copied, what is asked of the world is looked up."""
    match value:
        case Of():
            return value.read(world)
        case np.ndarray():
            return value.copy()
        case list():
            return [_argument(item, world) for item in value]
        case dict():
            return {key: _argument(item, world) for key, item in value.items()}
        case tuple() if type(value) is tuple:
            return tuple(_argument(item, world) for item in value)
        case set():
            return set(value)
    return value


def _remember(side: _Side, outcome: Mapping[str, Any]) -> None:
    if "result" in outcome:
        side.results.append(outcome["result"])


def _told(outcome: Mapping[str, Any]) -> str:
    error = outcome.get("exception")
    return f"  (the converted call raised {error})" if error else ""


def _shown(value: Any) -> str:
    text = "of the world" if isinstance(value, Of) else repr(value)
    return text if len(text) < 40 else f"{type(value).__name__}"


def user_modules(world: World) -> Iterator[types.ModuleType]:
    """The fresh modules of a world."""
    return (
        value
        for value in vars(world).values()
        if isinstance(value, types.ModuleType) and not is_library(value.__name__)
    )
