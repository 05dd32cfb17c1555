"""Functions that are cut: a host program in Python, and compiled pieces between its statements.

Each piece is converted like a function of its own, with a record of its own. So it has its own guards, entries and
profile, and commits before the next statement runs: what ran before an opaque call stands when that call raises. A
piece that cannot be compiled whole is cut in turn; the next call has all of these cuts in one host program.

The idea of cutting where a program cannot be captured is TorchDynamo's (Ansel et al., 2024).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import time
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
from jax.core import Tracer

from janusx import config, dispatch, emitted, errors, leaves, logs, running, sources, transforms
from janusx.compile import Call
from janusx.record import Record
from janusx.state.paths import Argument, root
from janusx.tracing import context
from janusx.tracing.rewriter import is_leaf_name
from janusx.transforms.lines import lines_of

MAX_CUTS = 200
"""Cuts of one function; beyond, it stays in Python."""

MAX_IDLE = 3
"""Calls in a row without anything compiled, after which a function is no longer split."""

NEVER = 1 << 60
"""A number of calls that is not reached."""

LOOK_AGAIN = 1000
"""Calls of a part that computes nothing on the device run in Python, as many before its guards are asked again."""


@dataclass
class Cuts:
    """The lines at which a function is cut, with reasons. Its pieces share the object, and add their own.

    Attributes:
        record: of the function, where cuts are noted.
        filename: of its source.
        reasons: why, by file line.
        told: whether the user was told that there are any.
        whole: those of them in which nothing is compiled: they read what no guard sees.
    """

    record: Record
    filename: str
    reasons: dict[int, str] = field(default_factory=dict)
    told: bool = False
    whole: set[int] = field(default_factory=set)

    def add(self, line: int, reason: str, name: str, meant: bool = False) -> bool:
        """Cut here, too; false where that was done before. What the user asked for (`meant`) is no news."""
        if line in self.reasons or len(self.reasons) >= MAX_CUTS:
            return False
        self.reasons[line] = reason
        record = self.record
        record.note("cut", f"{self.filename}:{line}", reason)
        logs.say("eager", "%s is cut at %s:%s: %s", name, self.filename, line, reason)
        if not record.quiet and not meant and not self.told:
            self.told = True
            place = running.place_of(f"{self.filename}:{line}")
            warning = errors.EagerWarning(f"a statement of {name} runs in plain Python.", place=place, why=reason)
            logs.warn(warning)
        return True


class Part:
    """A function that host code calls and that may run compiled: a piece, or a function of the user's.

    Args:
        record: its own.
        owner: the split function whose part it is.
    """

    __slots__ = ("_names", "_native", "_owner", "record")

    def __init__(self, record: Record, owner: Split):
        self.record = record
        self._owner = owner
        self._native = 0
        code = record.fun.__code__
        self._names = code.co_varnames[: code.co_argcount]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the piece or function returns, computed as `Converted.__call__` does."""
        record = self.record
        if self._native:
            self._native -= 1
            return record.fun(*args, **kwargs)
        started, inner = time.perf_counter(), 0.0 if record.split is None else record.split.seconds_compiled
        entry = record.entries[0] if record.entries and not config.process.disabling else None
        result = running.MISS if entry is None else running.run(record, entry, args, kwargs)
        if result is running.MISS:
            names = tuple(self._names[i] if i < len(self._names) else f"args[{i}]" for i in range(len(args)))
            result = answer(record, Call(record.fun, args, kwargs, names), entry)
            if record.entries and not any(each.on_device for each in record.entries):
                self._native = LOOK_AGAIN
        owner, how = self._owner, record.last_call
        if how == "compiled":
            owner.compiled += 1
            owner.seconds_compiled += time.perf_counter() - started
        elif how == "mixed":
            owner.compiled += 1
            owner.seconds_compiled += record.split.seconds_compiled - inner if record.split is not None else 0.0
        elif how == "profiled":
            owner.profiled += 1
        return result


@dataclass(eq=False)
class Split:
    """A function cut in pieces.

    Attributes:
        host: the host program.
        text: its source, for reports.
        pieces: compiled between the statements of the host program, in the order of the source.
        lines: for each line of `text`, the line of the user's file.
        names: of the pieces, in the host program.
        places: first and last file line of each piece.
        made_of: the number of cuts that it was made with.
        called: functions of the user's that host statements called, by `id`; None for those left alone.
        known: pieces of all host programs so far, by first line and text.
        met: functions made by other functions, with the number of the call that met them first.
        seconds: spent in calls of the function.
        seconds_compiled: of these, in parts that ran compiled.
        compiled: how often a part ran compiled, at least partly.
        profiled: how often a part was profiled.
        idle: calls in a row in which nothing ran compiled.
    """

    host: Callable[..., Any] | None = None
    text: str = ""
    lines: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    pieces: list[Part] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    made_of: int = 0
    called: dict[int, tuple[Any, Part | None]] = field(default_factory=dict)
    known: dict[tuple[int, str], Part] = field(default_factory=dict)
    met: weakref.WeakKeyDictionary[Any, int] = field(default_factory=weakref.WeakKeyDictionary)
    seconds: float = 0.0
    seconds_compiled: float = 0.0
    compiled: int = 0
    profiled: int = 0
    idle: int = 0

    def parts(self) -> list[Part]:
        """Everything that may run compiled."""
        return [*self.pieces, *(part for _, part in self.called.values() if part is not None)]


def answer(record: Record, call: Call, tried: Any = None) -> Any:
    """Answer a call that the first entry did not: by a program, else by a split function, else by Python."""
    if record.split is None and inspect.isgeneratorfunction(call.fun) and _may_split(record, call):
        _make(record)
        record.retry_at = NEVER  # a trace would run none of it
    if settled(record, call.args, call.kwargs):
        return run(record, call.args, call.kwargs)
    result = dispatch.answer(record, call, tried)
    if type(result) is not dispatch.GaveUp:
        return result
    if not _may_split(record, call):
        return dispatch.run_eagerly(record, call, result.reason, line=result.line, meant=result.meant)
    if result.unsure:
        # If plain Python raises as well, the error is the user's own, and nothing has to be cut.
        value = dispatch.run_eagerly(record, call, result.reason, line=result.line)
        _cut(record, call, result)
        return value
    if result.lines or result.mention:
        _cut(record, call, result)
        if result.lasting:
            record.retry_at = NEVER
    if record.split is not None:
        return run(record, call.args, call.kwargs)
    return dispatch.run_eagerly(record, call, result.reason, line=result.line, meant=result.meant)


def settled(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call runs the host program, without anybody looking for a program of the whole function."""
    if record.split is None or record.entries or record.calls >= record.retry_at or record.unstable:
        return False
    if context.active() is not None or record.options.get("on_unsupported") != "split":
        return False
    if config.read("disable") or jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return False
    # Tracers deeper in the arguments are met by the pieces.
    return not any(isinstance(arg, Tracer) for arg in (*args, *kwargs.values()))


def _may_split(record: Record, call: Call) -> bool:
    """Whether a function may be cut for a call: jit's keywords are about a function as a whole."""
    return (
        isinstance(call.fun, types.FunctionType)
        and record.options.get("on_unsupported") == "split"
        and not record.hopeless
        and call.shardings is None
        and not call.donated
        and not config.disable
        and not jax.config.jax_disable_jit  # type: ignore[attr-defined]
    )


def _cut(record: Record, call: Call, gave_up: dispatch.GaveUp) -> bool:
    """Cut where a trace could not go on; false where there is nothing to be gained."""
    record.give_up(gave_up.reason)
    try:
        source = sources.find_source(call.fun)
        lines = _lines(source, gave_up)
    except (errors.JanusXError, RecursionError):
        return False
    cuts, name = _cuts(record, source), call.fun.__qualname__
    if gave_up.mention:
        _cuts(record, source).whole.update(lines)
    added = [line for line in lines if cuts.add(line, gave_up.reason, name, gave_up.meant)]
    return bool(added) and _make(record)


def _lines(source: sources.FunctionSource, gave_up: dispatch.GaveUp) -> list[int]:
    """The lines to cut at: where the trace stopped, or all that mention what it stopped for."""
    if gave_up.mention:
        found = re.compile(rf"\b{re.escape(gave_up.mention)}\b")
        rows = enumerate(lines_of(source.text), source.first_line)
        return [number for number, row in rows if number > source.first_line and found.search(row)]
    line = transforms.statement_line(source.text, gave_up.lines, first_line=source.first_line)
    return [] if line is None else [line]


def _cuts(record: Record, source: sources.FunctionSource) -> Cuts:
    if record.cuts is None:
        record.cuts = Cuts(record, source.filename)
    return record.cuts


def _make(record: Record) -> bool:
    """Make the host program for the cuts that are known."""
    fun = record.fun
    try:
        source = sources.find_source(fun)
        cuts = _cuts(record, source)
        done = transforms.split(
            source.text,
            cuts=cuts.reasons.keys(),
            whole=cuts.whole,
            first_line=source.first_line,
            class_name=source.class_name,
            is_leaf=lambda name: is_leaf_name(fun, name),
            consumes=lambda name: _consumes(fun, name),
        )
        if done is None or not (done.pieces or done.calls):
            return False
        split = record.split or Split()
        pieces = [_piece(record, split, fun, source, piece) for piece in done.pieces]
        host = emitted.compile_host(done, source, [piece.name for piece in done.pieces], fun.__code__)
    except (errors.JanusXError, RecursionError) as error:
        logs.say("eager", "%s cannot be cut: %s", fun.__qualname__, error)
        return False
    cells = {**emitted.cells_of(fun), done.ops_name: types.CellType(HostOps(record, split))}
    cells |= {piece.name: types.CellType(part) for piece, part in zip(done.pieces, pieces, strict=True)}
    split.host = emitted.make_function(host, fun.__globals__, cells, fun)
    split.text, split.lines = done.text, done.lines
    logs.say("source", "%s, cut:\n%s", fun.__qualname__, done.text)
    split.names = tuple(piece.name for piece in done.pieces)
    split.pieces = pieces
    split.places = [(piece.first_line + 1, piece.last_line) for piece in done.pieces]
    split.made_of = len(cuts.reasons)
    record.split = split
    return True


CONSUMING = frozenset("jax.tree jax.tree_util jax.lax".split())
"""Modules whose functions call the functions that they are given before they return, and keep none."""


def _consumes(fun: types.FunctionType, name: str) -> bool:
    """Whether the function of a dotted name in a function's code keeps no function that it is given."""
    first, *rest = name.split(".")
    value = fun.__globals__.get(first)
    if not rest:
        return first in ("sorted", "min", "max") and first not in fun.__globals__
    for part in rest[:-1]:
        value = vars(value).get(part) if isinstance(value, types.ModuleType) else None
    return isinstance(value, types.ModuleType) and value.__name__ in CONSUMING


def _piece(
    record: Record, split: Split, fun: types.FunctionType, source: sources.FunctionSource, piece: transforms.Piece
) -> Part:
    key = (piece.first_line, piece.text)
    if key not in split.known:
        place = dataclasses.replace(source, text=piece.text, first_line=piece.first_line, kind="def")
        made = emitted.make_piece(place, fun)
        own = Record(made, record.options, cuts=record.cuts, quiet=True)
        for name in piece.varying:
            own.knowledge.relaxed[root(Argument(piece.params.index(name), name))] = "a loop gives it its items"
        split.known[key] = Part(own, split)
    return split.known[key]


class HostOps:
    """The ops of a host program: its `jx`."""

    def __init__(self, record: Record, split: Split):
        self._record = record
        self._split = split

    def call(self, fn: Any) -> Any:
        """What to call in place of `fn`: a function of the user's, converted."""
        kind = type(fn)
        if kind is types.FunctionType:
            return self._function(fn)
        if kind is types.MethodType and type(fn.__func__) is types.FunctionType:
            part = self._function(fn.__func__)
            return fn if part is fn.__func__ else types.MethodType(part, fn.__self__)
        if isinstance(fn, type) or kind is types.BuiltinFunctionType:
            return fn
        own = getattr(kind, "__call__", None)  # noqa: B004  # what it is, not whether it is there
        if type(own) is types.FunctionType:
            part = self._function(own)
            return fn if part is own else types.MethodType(part, fn)
        return fn

    def _function(self, fn: types.FunctionType) -> Any:
        known = self._split.called.get(id(fn))
        if known is None:
            # One that is made anew in each call would be compiled, and kept, in each call.
            made = fn.__closure__ is not None or "<locals>" in fn.__qualname__
            if made and self._split.met.setdefault(fn, self._record.calls) == self._record.calls:
                return fn
            known = self._split.called[id(fn)] = (fn, self._part(fn))
        return fn if known[1] is None else known[1]

    def _part(self, fn: types.FunctionType) -> Part | None:
        if leaves.is_leaf(fn) or "__janusx_disabled__" in fn.__dict__ or inspect.iscoroutinefunction(fn):
            return None
        if fn is self._record.fun:
            return Part(self._record, self._split)
        return Part(Record(fn, self._record.options, quiet=True), self._split)


def run(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a split function's host program."""
    split = record.split
    assert split is not None
    assert record.cuts is not None
    if split.made_of != len(record.cuts.reasons):
        _make(record)  # its pieces were cut in turn
        split.made_of = len(record.cuts.reasons)  # if that was in vain, it is not tried in every call
    assert split.host is not None
    compiled, profiled = split.compiled, split.profiled
    started = time.perf_counter()
    raised, result = True, None
    try:
        result = split.host(*args, **kwargs)
        raised = False
        return result
    finally:
        split.seconds += time.perf_counter() - started
        in_steps = type(result) is types.GeneratorType
        _count(record, split, split.compiled > compiled or in_steps, split.profiled > profiled, raised)


def _count(record: Record, split: Split, compiled: bool, profiled: bool, raised: bool) -> None:
    record.calls += 1
    if compiled:
        record.mixed += 1
        record.last_call = "mixed"
        split.idle = 0
    elif profiled:
        record.profiled += 1
        record.last_call = "profiled"
    else:
        record.eager += 1
        record.last_call = "eager"
        split.idle += not raised
        if split.idle >= MAX_IDLE or not split.parts():
            _despair(record)


def _despair(record: Record) -> None:
    """Nothing of a function could be compiled: its calls run in Python from now on."""
    record.split, record.hopeless = None, True
    assert record.cuts is not None
    for line, reason in list(record.cuts.reasons.items())[-1:]:
        record.note("eager", f"{record.cuts.filename}:{line}", reason, record.calls)
