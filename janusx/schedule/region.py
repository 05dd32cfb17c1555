"""A call that walks a structure, in a program: recorded by the host in each call, computed by one compiled loop."""

from __future__ import annotations

import threading
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from janusx import logs
from janusx.schedule import recording, tables
from janusx.schedule.functions import Functions, Segment
from janusx.schedule.recording import Aval, Given, Handle, Kind, Missed, Passed, Recording, Same, Slot, Tree
from janusx.signals import Signal, Unscheduled
from janusx.state.paths import Path

MADE = 1 << 20
"""Numbers of functions that the program makes begin here; below are those of the user's objects."""


@dataclass(frozen=True)
class Made:
    """A function that the program makes, over variables of another one.

    Attributes:
        code: the user's.
        globals: the user's.
        name: of the function.
        cells: a template for each of its variables that is bound.
        defaults: of its parameters.
        kwdefaults: likewise, by name.
    """

    code: types.CodeType
    globals: dict[str, Any] = field(compare=False, repr=False)
    name: str
    cells: dict[str, Any]
    defaults: tuple[Any, ...] = ()
    kwdefaults: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Region:
    """What is known of one call that walks a structure, over all programs.

    Attributes:
        functions: the functions that the host walks with.
        kinds: of array work, by key.
        avals: their numbers.
        handles: by that number, the class of handles.
        paths: of the user's objects that pieces use, in the order of their numbers.
        sizes: what the last program had room for.
        plan: of the last program.
        recording: the one under way.
        building: how the trace under way makes a new kind; None while no trace is.
    """

    kinds: dict[tuple[Any, ...], Kind] = field(default_factory=dict)
    avals: dict[Aval, int] = field(default_factory=dict)
    handles: list[type[Handle]] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    sizes: tables.Sizes | None = None
    plan: Plan | None = None
    recording: Any = None
    building: Any = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.functions = Functions(self)

    def aval(self, array: Any) -> int:
        """The number of an array's aval."""
        known = Aval.of(array)
        if known not in self.avals:
            self.avals[known] = len(self.avals)
            self.handles.append(
                type("Handle", (Handle,), {"__slots__": (), "aval": self.avals[known], "shape": known.shape})
            )
        return self.avals[known]

    def number_of(self, value: Any) -> int | None:
        """The number of one of the user's objects that pieces use, or None for a part of the structure."""
        known = self.recording.given.get(id(value))
        if known is None and self.building is not None:
            known = self.building.number(value)
        return known  # type: ignore[no-any-return]

    def unknown(self, segment: Segment, args: tuple[Any, ...]) -> Any:
        """Record a row of a kind that is not known yet: while a program is made, it is now."""
        if self.building is None:
            raise Missed("another kind of array work")
        self.building.discover(segment, args)
        return segment(*args)

    def objects(self, given: Sequence[Any], made: Sequence[Made], values: Sequence[Any]) -> dict[int, Any]:
        """The user's objects by number, and the functions that the program makes."""
        objects: dict[int, Any] = dict(enumerate(given))
        for number, each in enumerate(made, MADE):
            cells = tuple(types.CellType() for _ in each.code.co_freevars)
            objects[number] = types.FunctionType(each.code, each.globals, each.name, each.defaults, cells)
            objects[number].__kwdefaults__ = each.kwdefaults or None
        for number, each in enumerate(made, MADE):
            for name, cell in zip(each.code.co_freevars, objects[number].__closure__, strict=True):
                if name in each.cells:
                    cell.cell_contents = self.argument(each.cells[name], objects, values)
        return objects

    def argument(self, template: Any, objects: dict[int, Any], values: Sequence[Any]) -> Any:
        """What the host gets for an argument."""

        def leaf(part: Any) -> Any:
            if type(part) is Slot:
                return self.handles[part.aval](0, part.index * self.stride)
            if type(part) is Passed:
                return values[part.index]
            return objects[part.index] if type(part) is Given else part.value

        return recording.rebuild(template, leaf)

    @property
    def stride(self) -> int:
        """How many numbers a row has: one for each array that it gives."""
        return max((len(kind.gives) for kind in self.kinds.values()), default=1) or 1

    def record(self, fn: Any, args: Sequence[Any], objects: dict[int, Any], outer: int) -> tuple[Any, Recording]:
        """Have the host walk; returns the result, with handles, and the recording."""
        self.recording = Recording(len(self.kinds), objects, outer, self.stride, self.handles)
        try:
            self.functions.start(self.recording)
            return self.functions.call(fn)(*args), self.recording
        finally:
            self.functions.stop()
            self.recording = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What one program does in each call before it runs.

    Attributes:
        region: whose host functions walk.
        fn: a template of the function that is called.
        args: a template for each argument.
        made: functions that the program makes.
        layout: where everything lies.
        objects: how many objects pieces use.
        result: template of the result: slots in the order of the roots.
    """

    region: Region
    fn: Any
    args: tuple[Any, ...]
    made: tuple[Made, ...]
    layout: tables.Layout
    objects: int
    result: Any

    def record(self, *values: Any) -> tuple[Any, ...]:
        """The tables for a call, given its objects and host values; last the Python values in the result.

        Raises:
            Missed: the program was made for something else. Plain Python will show what the user's own error is.
        """
        region, hosts = self.region, values[self.objects :]
        with region.lock:
            objects = region.objects(values[: self.objects], self.made, hosts)
            fn, *args = (region.argument(part, objects, hosts) for part in (self.fn, *self.args))
            try:
                result, done = region.record(fn, args, objects, len(self.layout.outer))
                found = Result.of(result)
                if found.template != self.result or len(done.rows) != len(self.layout.kinds):
                    raise Missed("another result, or kinds of array work that came later")
                return (*tables.tables(self.layout, done, found.roots), tuple(found.hosts))
            except (Exception, Signal) as error:
                logs.say("recompiles", "a walk does not fit its program: %s: %s", type(error).__name__, error)
                raise Missed(str(error)) from None


@dataclass
class Result:
    """What a walk gave: a template, the numbers and avals of its arrays, and its Python values."""

    template: Any = None
    roots: list[int] = field(default_factory=list)
    avals: list[int] = field(default_factory=list)
    hosts: list[Any] = field(default_factory=list)

    @staticmethod
    def of(value: Any) -> Result:
        """That of a value."""
        made = Result()
        made.template = made._walk(value)
        return made

    def _walk(self, value: Any) -> Any:
        cls: Any = type(value)
        if issubclass(cls, Handle):
            self.roots.append(value.number)
            self.avals.append(value.aval)
            return Slot(value.aval, len(self.roots) - 1)
        if cls in (int, float, bool, str):
            self.hosts.append(value)
            return Passed(len(self.hosts) - 1, cls)
        if value is None:
            return Same(None)
        if isinstance(value, dict) and cls is dict:
            return Tree(cls, tuple(map(self._walk, value.values())), tuple(value))
        if cls in (list, tuple) or (isinstance(value, tuple) and hasattr(cls, "_fields")):
            return Tree(cls, tuple(map(self._walk, value)))
        raise Unscheduled(f"a {cls.__name__} is the result of walking a structure")
