"""A call that walks a structure, in a program: recorded by the host in each call, computed by one compiled loop."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from janusx import logs
from janusx.schedule import layout, recording, tables
from janusx.schedule.chains import Sum
from janusx.schedule.functions import Functions, Segment
from janusx.schedule.order import Order
from janusx.schedule.recording import (
    Aval,
    Given,
    Handle,
    Kind,
    Lanes,
    Lent,
    Missed,
    Passed,
    Recording,
    Same,
    Slot,
    Tree,
)
from janusx.signals import Signal, Unscheduled
from janusx.state.paths import Path

MADE = 1 << 20
"""Numbers of functions that the program makes begin here; below are those of the user's objects."""

LENT = 1 << 21
"""Numbers of containers that the walk changes begin here."""


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
        pools: likewise, the handles of all recordings: the same ones again in each.
        sums: by kind, the class of totals.
        edges: which kinds have read which.
        order: in which kinds are computed.
        paths: of the user's objects that pieces use, in the order of their numbers.
        sizes: what the last program had room for.
        plan: of the last program.
        recording: the one under way.
        building: how the trace under way makes a new kind; None while no trace is.
    """

    kinds: dict[tuple[Any, ...], Kind] = field(default_factory=dict)
    avals: dict[Aval, int] = field(default_factory=dict)
    handles: list[type[Handle]] = field(default_factory=list)
    pools: list[list[Handle]] = field(default_factory=list)
    sums: dict[int, type[Sum]] = field(default_factory=dict)
    edges: dict[tuple[int, int], int] = field(default_factory=dict)
    order: Order = field(default_factory=Order)
    paths: list[Path] = field(default_factory=list)
    sizes: layout.Sizes | None = None
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
            self.pools.append([])
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

    def objects(
        self, given: Sequence[Any], made: Sequence[Made], values: Sequence[Any], lent: Sequence[Any]
    ) -> dict[int, Any]:
        """The user's objects by number, and the functions that the program makes, with containers of their own."""
        objects: dict[int, Any] = dict(enumerate(given)) | dict(enumerate(lent, LENT))
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
                return self.recording.outer[part.index]
            if type(part) is Passed:
                return values[part.index]
            return objects[part.index] if type(part) in (Given, Lent) else part.value

        return recording.rebuild(template, leaf)

    def record(
        self, call: Call, lanes: Sequence[Lanes], outer: Sequence[int], edges: dict[tuple[int, int], int] | None = None
    ) -> tuple[Result, Recording]:
        """Have the host walk; returns the result, with handles, and the recording."""
        made = Recording(len(self.kinds), lanes, self.handles, self.pools, outer, edges)
        self.recording = made
        try:
            lent = [self.argument(each, {}, call.values) for each in call.lent]
            made.lent = {id(each): each for each in lent}
            objects = self.objects(call.given, call.made, call.values, lent)
            made.share(objects)
            fn, *args = (self.argument(part, objects, call.values) for part in (call.fn, *call.args))
            self.functions.start(made)
            with call.around():
                result = self.functions.call(fn)(*args)
            return Result.of(result), made
        finally:
            self.functions.stop()
            self.recording = None

    def ordered(self, edges: dict[tuple[int, int], int], recording: Recording) -> bool:
        """Whether kinds were recorded in the order in which they read each other; else they are, the next time."""
        kinds = list(self.kinds.values())
        if len(self.order.spots) == len(kinds) and edges.keys() <= self.edges.keys():
            return True
        for edge, count in edges.items():
            self.edges[edge] = max(count, self.edges.get(edge, 0))
        rows = {kind.index: len(recording.rows[kind.index].ints) // (1 + len(kind.reads)) for kind in kinds}
        halving = [kind.index for kind in kinds if kind.chain == "*"]
        order = Order.of(len(kinds), self.edges, rows, halving)
        if order == self.order:
            return True
        self.order = order
        return False


@dataclass(frozen=True)
class Call:
    """A call that walks, with templates for what the host gets.

    Attributes:
        fn: of the function that is called.
        args: of each argument.
        given: the user's objects that pieces use.
        made: functions that the program makes.
        values: host values.
        lent: a template for each container of theirs that the walk changes.
        around: what the host walks in.
    """

    fn: Any
    args: Sequence[Any]
    given: Sequence[Any]
    made: Sequence[Made]
    values: Sequence[Any]
    lent: Sequence[Any] = ()
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


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
        lent: a template for each container of theirs that the walk changes.
    """

    region: Region
    fn: Any
    args: tuple[Any, ...]
    made: tuple[Made, ...]
    layout: layout.Layout
    objects: int
    result: Any
    lent: tuple[Any, ...] = ()

    def record(self, *values: Any) -> tuple[Any, ...]:
        """The tables for a call, given its objects and host values; last the Python values in the result.

        Raises:
            Missed: the program was made for something else. Plain Python will show what the user's own error is.
        """
        region = self.region
        call = Call(self.fn, self.args, values[: self.objects], self.made, values[self.objects :], self.lent)
        with region.lock:
            try:
                if region.order is not self.layout.order:
                    raise Missed("kinds of array work that came later")
                found, done = region.record(call, self.layout.lanes(), self.layout.outer)
                if found.template != self.result:
                    raise Missed("another result")
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
            value = value.done()
            self.roots.append(value.slot)
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
