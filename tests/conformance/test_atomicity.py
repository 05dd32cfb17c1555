"""A call commits all of its effects or none, wherever it is broken off.

Nothing is known here of how JanusX works inside: a trace function counts the Python lines of JanusX that a call runs
through (generated code included) and raises at the n-th. Every n that is tried must leave the world as before the
call or as after it, and the next call must be right.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import jax.numpy as jnp
import pytest

from tests.conformance.harness import PLAIN, WARM_UP, Subject, World
from tests.conformance.walk import differences, observe

UP = jnp.array([1.0, 2.0, 3.0])
POINTS = {True: 40, False: 12}  # of a settled call; of a first one, which is traced anew for each


@dataclass
class Injection:
    """Raises `error` at the `at`-th line of JanusX; with `at=-1` it only counts."""

    error: BaseException
    at: int = -1
    seen: int = 0
    place: str = ""
    watched: dict[Any, bool] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        return self.line if self.watches(frame) else None

    def watches(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        if name not in self.watched:
            parts = name.replace("\\", "/").split("/")
            self.watched[name] = "tests" not in parts and (
                "janusx" in parts or "transforms" in parts or "janusx" in name
            )
        return self.watched[name]

    def line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.seen += 1
            if self.seen == self.at:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
                raise self.error
        return self.line


@contextlib.contextmanager
def injected(injection: Injection) -> Iterator[Injection]:
    before = sys.gettrace()
    sys.settrace(injection)
    try:
        yield injection
    finally:
        sys.settrace(before)


def make_world() -> World:
    class Part:
        def __init__(self) -> None:
            self.w = jnp.ones(3)

    w = World(count=0, rate=0.5, log=[], table={"a": jnp.zeros(3)}, part=Part(), total=jnp.zeros(3))
    w.alias = w.part

    def step(x: Any) -> Any:
        w.count += 1
        w.rate *= 0.5
        w.log.append(x.sum())
        if x.sum() > 0:
            w.total = w.total + x
            w.part.w = w.part.w * 2
        for k in range(2):
            w.table["a"] = w.table["a"] + w.part.w * k
        w.table[w.count] = w.total
        print("step", w.count)
        return w.total * w.rate

    w.step = step
    return w


def facts(world: World) -> Any:
    return observe({"world": world}).facts


class PlainFacts:
    """The facts of a world after so many calls of the unconverted function."""

    def __init__(self) -> None:
        self.world = make_world()
        self.known = [facts(self.world)]

    def after(self, calls: int) -> Any:
        while len(self.known) <= calls:
            self.world.step(UP)
            self.known.append(facts(self.world))
        return self.known[calls]


def converted_world(subject: Subject, calls: int, **options: Any) -> World:
    world = make_world()
    world.step = subject.convert(world.step, **{**subject.options, **options})
    for _ in range(calls):
        world.step(UP)
    return world


def spread(total: int, settled: bool) -> list[int]:
    """Up to `POINTS` lines, evenly over all of a call; the first and the last among them."""
    count = POINTS[settled] - 1
    return sorted({1 + (total - 1) * k // count for k in range(count + 1)}) if total else []


def check_every_point(subject: Subject, calls: int, error: Callable[[], BaseException], options: Any) -> None:
    """Breaks a call off at points all over it: the first call of a world, or one of a world that is settled."""
    plain = PlainFacts()
    world, done = converted_world(subject, calls, **options), calls + 1
    with injected(Injection(error())) as counter:
        world.step(UP)
    problems: list[str] = []
    assert counter.seen > 20, "the lines of JanusX were not seen"
    points = spread(counter.seen, settled=calls > 0)
    for point in points:
        if not calls or problems:
            world, done = converted_world(subject, calls, **options), calls
        raised = None
        with injected(Injection(error(), point)) as injection:
            try:
                world.step(UP)
            except BaseException as caught:  # noqa: BLE001
                raised = caught
        done, found = _problems(world, raised, injection, plain, done)
        problems += found
    assert not problems, f"{len(problems)} of {len(points)} points:\n" + "\n".join(problems)


def _problems(
    world: World, raised: BaseException | None, injection: Injection, plain: PlainFacts, calls: int
) -> tuple[int, list[str]]:
    """How many calls the world has seen after one more whole call, and what is wrong with it."""
    place = f"at {injection.place}"
    undone, done = (list(differences(plain.after(calls + more), facts(world))) for more in (0, 1))
    if undone and done:
        lines = min(undone, done, key=len)
        return calls, [f"{place}: neither as before nor as after the call ({raised!r}): {lines[:3]}"]
    if raised is None and not undone:
        return calls, [f"{place}: the call returned, but did nothing"]
    # Without a place the run was shorter than the one that was counted: nothing was injected.
    if injection.place and isinstance(injection.error, KeyboardInterrupt) and raised is None:
        return calls, [f"{place}: Ctrl-C was swallowed"]
    calls += 1 if undone else 0
    try:
        world.step(UP)
    except BaseException as caught:  # noqa: BLE001
        return calls, [f"{place}: the next call raises {caught!r}"]
    lines = list(differences(plain.after(calls + 1), facts(world)))
    return calls + 1, [f"{place}: the next call is wrong: {lines[:3]}"] if lines else []


@pytest.mark.parametrize("error", [KeyboardInterrupt, lambda: RuntimeError("injected"), MemoryError])
@pytest.mark.parametrize(
    ("calls", "options"),
    [
        pytest.param(0, {"profile_runs": 0}, id="while it is traced and compiled"),
        pytest.param(WARM_UP, {}, id="while its program runs and is committed"),
    ],
)
@pytest.mark.filterwarnings("ignore::janusx.errors.JanusXWarning")
def test_a_call_broken_off_anywhere_leaves_all_or_nothing(
    subject: Subject, calls: int, options: Any, error: Callable[[], BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python is not atomic")
    check_every_point(subject, calls, error, options)


def test_a_failing_commit_is_undone(subject: Subject) -> None:
    """A write that raises (a setter of the user's): what was written before it is as Python leaves it."""

    class Guarded:
        count: int

        def __init__(self) -> None:
            self.first = jnp.zeros(3)

        @property
        def second(self) -> Any:
            return self.__dict__["_second"]

        @second.setter
        def second(self, value: Any) -> None:
            if self.count > 4:
                raise PermissionError("no more")
            self.__dict__["_second"] = value

    def make() -> World:
        box: Any = Guarded()
        box.count = 0

        def step(x: Any) -> Any:
            box.first = box.first + x
            box.count += 1
            box.second = x * 2
            box.third = x
            return box.second

        return World(box=box, step=step)

    from tests.conformance.harness import Scenario, call, check

    check(Scenario("a setter that raises", make, (call("step", UP),) * 7, converted=("step",)), subject)
