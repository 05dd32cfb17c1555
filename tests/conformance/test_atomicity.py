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
import numpy as np
import pytest

from tests.conformance.harness import PLAIN, WARM_UP, Subject, World
from tests.conformance.walk import differences, observe

UP = jnp.array([1.0, 2.0, 3.0])
POINTS = {True: 400, False: 12}  # of a settled call: all; of a first one, which is traced anew for each


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


def state() -> World:
    """A program that writes to objects of all kinds, and has effects between."""

    class Part:
        def __init__(self) -> None:
            self.w = jnp.ones(3)

    w = World(count=0, rate=0.5, log=[], table={"a": jnp.zeros(3)}, part=Part(), total=jnp.zeros(3), names=[])
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
        w.names.append(float(w.total.sum()))
        w.last = w.count, w.total
        print("step", w.count)
        return w.total * w.rate

    w.step = step
    return w


def loops() -> World:
    """Effects that rolled loops and branches hold until commit."""
    w = World(count=0, log=[], best=[0], part=jnp.ones(3), total=jnp.zeros(3))

    def step(x: Any) -> Any:
        w.count += 1
        for k in range(9):
            w.total = w.total + x * k
            if w.total.sum() > 40:
                w.log.append(float(w.total.sum()))
                print("at", k, w.total.sum())
        while w.part.sum() < 30:
            w.part = w.part * 2
        w.part = w.part / 9
        w.best.append(w.count)
        return w.total

    w.step = step
    return w


def written() -> World:
    """NumPy arrays that are written to in place, between other writes and output."""
    w = World(count=0, ring=np.zeros((4, 3)), seen=np.zeros(3, np.int64), log=[], total=jnp.zeros(3))

    def step(x: Any) -> Any:
        w.total = w.total + x
        w.ring[w.count % 4] = w.total
        w.log.append(w.count)
        w.seen += 1
        w.count += 1
        print("written", w.count)
        return w.total

    w.step = step
    return w


def facts(world: World) -> Any:
    return observe({name: value for name, value in vars(world).items() if name not in ("step", "mark", "marks")}).facts


class PlainFacts:
    """The facts of a world after so many calls of the unconverted function."""

    def __init__(self, make: Callable[[], World]) -> None:
        self.world = make()
        self.known = [facts(self.world)]

    def after(self, calls: int) -> Any:
        while len(self.known) <= calls:
            self.world.step(UP)
            self.known.append(facts(self.world))
        return self.known[calls]


def converted_world(subject: Subject, make: Callable[[], World], calls: int, **options: Any) -> World:
    world = make()
    world.step = subject.convert(world.step, **{**subject.options, **options})
    for _ in range(calls):
        world.step(UP)
    return world


def spread(total: int, settled: bool) -> list[int]:
    """Up to `POINTS` lines, evenly over all of a call; the first and the last among them."""
    count = min(POINTS[settled], total) - 1
    return sorted({1 + (total - 1) * k // count for k in range(count + 1)}) if total else []


Raises = Callable[[], BaseException]


def check_every_point(subject: Subject, make: Callable[[], World], calls: int, error: Raises, options: Any) -> None:
    """Breaks a call off at points all over it: the first call of a world, or one of a world that is settled."""
    plain = PlainFacts(make)
    world, done = converted_world(subject, make, calls, **options), calls + 1
    with injected(Injection(error())) as counter:
        world.step(UP)
    problems: list[str] = []
    assert counter.seen > 20, "the lines of JanusX were not seen"
    if calls:
        assert counter.seen <= POINTS[True], "a settled call is traced, or more points are needed"
        if subject.stats is not None:
            assert subject.stats(world.step).last_call == "compiled"
    points = spread(counter.seen, settled=calls > 0)
    for point in points:
        if not calls or problems:
            world, done = converted_world(subject, make, calls, **options), calls
        raised = call_with(world, Injection(error(), point))
        done, found = _problems(world, *raised, plain, done)
        problems += found
    assert not problems, f"{len(problems)} of {len(points)} points:\n" + "\n".join(problems)


def call_with(world: World, injection: Injection) -> tuple[BaseException | None, Injection]:
    """A call that is broken off: what it raised, and where it was broken off."""
    with injected(injection):
        try:
            world.step(UP)
        except BaseException as caught:  # noqa: BLE001
            return caught, injection
    return None, injection


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


ERRORS = pytest.mark.parametrize("error", [KeyboardInterrupt, lambda: RuntimeError("injected"), MemoryError])


@ERRORS
@pytest.mark.parametrize("make", [state, loops, written])
@pytest.mark.parametrize(
    ("calls", "options"),
    [
        pytest.param(0, {"profile_runs": 0}, id="while it is traced and compiled"),
        pytest.param(WARM_UP, {}, id="while its program runs and is committed"),
    ],
)
@pytest.mark.filterwarnings("ignore::janusx.errors.JanusXWarning")
def test_a_call_broken_off_anywhere_leaves_all_or_nothing(
    subject: Subject,
    make: Callable[[], World],
    calls: int,
    options: Any,
    error: Raises,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python is not atomic")
    check_every_point(subject, make, calls, error, options)


def pieces() -> World:
    """A function that is cut twice; at each cut it is noted what the world looks like."""
    import janusx

    w = World()
    begin(w)

    @janusx.disable
    def mark() -> None:
        w.marks.append(facts(w))

    def step(x: Any) -> Any:
        w.count += 1
        w.total = w.total + x
        w.log.append(float(w.total.sum()))
        mark()
        w.table["a"] = w.total * 2
        print("between", w.total.sum())
        w.log.append(w.count)
        w.count += 10
        mark()
        if w.total.sum() > 0:
            w.total = w.total / 2
        w.last = w.count
        return w.total

    w.step = step
    return w


def begin(w: World) -> None:
    """The world as it is before the first call."""
    vars(w).update(count=0, total=jnp.zeros(3), log=[], table={"a": jnp.zeros(3)}, last=0, marks=[])


@ERRORS
@pytest.mark.parametrize("settled", [False, True], ids=["while it is cut and traced", "settled"])
@pytest.mark.filterwarnings("ignore::janusx.errors.JanusXWarning")
def test_a_cut_function_broken_off_anywhere_stands_at_a_cut(
    subject: Subject, settled: bool, error: Raises, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ran before an opaque call stands, as in Python; of the piece under way nothing does."""
    if subject is PLAIN:
        pytest.skip("plain Python is not atomic")
    plain = pieces()
    before = facts(plain)
    plain.step(UP)
    stages = [before, *plain.marks, facts(plain)]

    def ready() -> World:
        world = converted_world(subject, pieces, 0)
        for _ in range(WARM_UP if settled else 0):
            world.step(UP)
            begin(world)
        return world

    world = ready()
    with injected(Injection(error())) as counter:
        world.step(UP)
    assert not settled or counter.seen <= 5 * POINTS[True], "a settled call is traced"
    problems: list[str] = []
    points = spread(counter.seen, settled)
    for point in points:
        world = world if settled and not problems else ready()
        begin(world)
        raised, injection = call_with(world, Injection(error(), point))
        reached = [not list(differences(stage, facts(world))) for stage in stages]
        if not any(reached) or (raised is None and not reached[-1]):
            problems.append(f"at {injection.place}: {raised!r} leaves the world at none of the cuts")
        if raised is None and injection.place and isinstance(injection.error, KeyboardInterrupt):
            problems.append(f"at {injection.place}: Ctrl-C was swallowed")
        begin(world)
        world.step(UP)
        if list(differences(stages[-1], facts(world))):
            problems.append(f"at {injection.place}: the next call is wrong")
    assert not problems, f"{len(problems)} of {len(points)} points:\n" + "\n".join(problems)
    if settled and subject.stats is not None:
        assert subject.stats(world.step).last_call == "mixed"


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
