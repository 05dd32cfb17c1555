"""The functions that the host walks with: each parted into host statements and pieces, once."""

from __future__ import annotations

import dataclasses
import types
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax

from janusx import emitted, errors, leaves, sources, transforms
from janusx.ops.calls import PURE_STDLIB
from janusx.schedule import chains, recorders
from janusx.schedule.recording import Handle, Reader
from janusx.signals import Unscheduled
from janusx.tracing import methods
from janusx.tracing.rewriter import is_leaf_name
from janusx.transforms import host_names


@dataclass(eq=False)
class Segment:
    """A piece of array work in a function. Calling it records a row.

    Attributes:
        index: its number among all.
        function: the piece, in plain Python.
        region: whose recording it adds to.
        cell: what the host program finds under the piece's name: this, or the function that `recorders` made for it.
        fixed: which of the numbers that it takes tell kinds apart.
        text: its source, and the user's line that it begins with.
        line: likewise.
        accumulation: what it is where it does no more than `total += x`.
        made_of: the order of kinds when that function was made.
        bind: makes it for one recording.
    """

    index: int
    function: types.FunctionType
    region: Any
    cell: types.CellType = field(default_factory=types.CellType)
    fixed: frozenset[int] = frozenset()
    text: str = ""
    line: int = 0
    accumulation: chains.Accumulation | None = None
    made_of: Any = None
    bind: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        self.cell.cell_contents = self

    def __call__(self, *args: Any) -> Any:
        """What the piece gives, with handles for arrays."""
        region = self.region
        recording = region.recording
        own = self.accumulation
        if own is not None and isinstance(args[own.total], chains.Sum):
            total, term = args[own.total], args[own.term]
            if total.segment is self and isinstance(term, Handle) and term.aval == total.aval:
                return total.plus(term.done())
        reader = Reader(self.index, region.number_of, self.fixed)
        for arg in args:
            reader.read(arg)
        kind = region.kinds.get(tuple(reader.key))
        if kind is None:
            return region.unknown(self, args)
        if own is not None:
            begun = chains.begun(own, args, [cls for cls in region.sums.values() if cls.segment is self])
            if begun is not None:
                return begun
        return recording.add(kind, reader.reads, reader.hosts)


@dataclass(eq=False)
class Functions:
    """The functions of a region, by code.

    Attributes:
        region: whose pieces record.
        hosts: the host programs, by the user's code.
        segments: all pieces.
        known: what is called in place of functions, within one recording.
        bound: likewise for other objects, by `id`.
        texts: of the host programs: name, place and source.
    """

    region: Any
    hosts: dict[types.CodeType, types.FunctionType] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    known: dict[types.FunctionType, Callable[..., Any]] = field(default_factory=dict)
    bound: dict[int, Callable[..., Any]] = field(default_factory=dict)
    texts: list[tuple[str, str, str]] = field(default_factory=list)

    def start(self, recording: Any) -> None:
        """Begin a recording: each piece records by a function made for the known kinds, unless edges are noted."""
        region, order = self.region, self.region.order
        self.bound.clear()
        self.known.clear()
        kinds = list(region.kinds.values())
        for index, cls in region.sums.items():
            cls.flush = staticmethod(chains.flusher(recording, kinds[index]))
        for segment in self.segments if recording.edges is None else ():
            if segment.bind is None or segment.made_of is not order:
                own = [kind for kind in kinds if kind.segment is segment]
                segment.bind = recorders.make(own, segment, order, region.sums)
                segment.made_of = order
            segment.cell.cell_contents = segment.bind(recording, segment)

    def stop(self) -> None:
        """End a recording: nothing of the user's is held on to."""
        self.bound.clear()
        self.known.clear()
        for cls in self.region.sums.values():
            cls.flush = None
        for segment in self.segments:
            segment.cell.cell_contents = segment

    def call(self, fn: Any) -> Callable[..., Any]:
        """What to call in place of `fn` in a host statement. It is asked at each call: what is known comes first."""
        kind = type(fn)
        if kind is types.FunctionType:
            return self.known.get(fn) or self._function(fn)
        if kind is types.MethodType and type(fn.__func__) is types.FunctionType:
            return types.MethodType(self.known.get(fn.__func__) or self._function(fn.__func__), fn.__self__)
        known = self.bound.get(id(fn))
        if known is not None:
            return known
        if isinstance(fn, type):
            if not leaves.is_leaf_module(fn.__module__):
                raise Unscheduled(f"a {fn.__qualname__} is made where the host walks a structure")
            return fn
        if kind in (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType):
            return fn if id(fn.__self__) in self.region.recording.lent else _pure(fn)
        own = getattr(kind, "__call__", None)  # noqa: B004  # what it is, not whether it is there
        if type(own) is types.FunctionType:
            bound = types.MethodType(self._function(own), fn)
            if self.region.number_of(fn) is not None and own in self.known:
                self.bound[id(fn)] = bound
            return bound
        raise Unscheduled(f"a {kind.__qualname__} is called where the host walks a structure")

    def _function(self, fn: types.FunctionType) -> Callable[..., Any]:
        """What to call in place of a function."""
        given, fn = fn, methods.original(fn)
        host = self.hosts.get(fn.__code__)
        if host is not None and not fn.__closure__:
            self.known[given] = host
            return host
        if leaves.is_leaf(fn):
            self.known[given] = _pure(fn)
            return self.known[given]
        # `super()` finds its class in a cell, not in a parameter.
        cells = {name: cell for name, cell in emitted.cells_of(fn).items() if name != "__class__"}
        if host is not None:
            self.known[given] = closed = _closed(host, cells)
            return closed

        def first(*args: Any, **kwargs: Any) -> Any:
            free = {name: cell.cell_contents for name, cell in cells.items()}
            return self.parted(fn, args, {**kwargs, **free})(*args, **kwargs, **free)

        return first

    def parted(self, fn: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> types.FunctionType:
        """The host program of a function, made for what its parameters get in this call."""
        known = self.hosts.get(fn.__code__)
        if known is not None:
            return known
        try:
            source = sources.find_source(fn)
            given = _given(fn, args, kwargs)
            lent = {name for name, value in given.items() if id(value) in self.region.recording.lent}
            done = transforms.skeleton(
                source.text,
                host={name for name, value in given.items() if name not in lent and self._is_host(value)},
                lent=lent,
                free=[name for name in fn.__code__.co_freevars if name != "__class__"],
                first_line=source.first_line,
                is_leaf=lambda name: is_leaf_name(fn, name) or is_library(fn, name),
                is_data=lambda name: is_data(fn, name),
            )
            cut = transforms.split(
                done.text + "\n",
                cuts=done.host,
                alone=done.alone,
                class_name=source.class_name,
                is_leaf=lambda name: is_leaf_name(fn, name) or name.partition(".")[0] in done.own,
            )
        except transforms.NotASkeleton as error:
            raise Unscheduled(f"{fn.__qualname__}: {error}") from None
        except (errors.JanusXError, RecursionError) as error:
            raise Unscheduled(f"{fn.__qualname__} cannot be parted: {error}") from None
        if cut is None:
            raise Unscheduled(f"{fn.__qualname__} reads its own frame")
        text = dataclasses.replace(source, text=done.text, first_line=1, kind="def")
        segments = [self._segment(fn, text, piece) for piece in cut.pieces]
        for segment, piece in zip(segments, cut.pieces, strict=True):
            segment.line = done.lines[piece.first_line]
        self.texts.append((fn.__qualname__, f"{source.filename}:{source.first_line}", cut.text))
        # At the lines of the file, functions within are known again as the user's own.
        placed = dataclasses.replace(cut, lines=tuple(done.lines[line - 1] for line in cut.lines))
        code = emitted.compile_host(placed, text, [piece.name for piece in cut.pieces], fn.__code__)
        cells = {**emitted.cells_of(fn), cut.ops_name: types.CellType(self)}
        cells |= {piece.name: each.cell for piece, each in zip(cut.pieces, segments, strict=True)}
        made = self.hosts[fn.__code__] = emitted.make_function(code, fn.__globals__, cells, fn)
        return made

    def _segment(self, fn: types.FunctionType, source: sources.FunctionSource, piece: transforms.Piece) -> Segment:
        place = dataclasses.replace(source, text=piece.text, first_line=piece.first_line)
        segment = Segment(len(self.segments), emitted.make_piece(place, fn), self.region, text=piece.text)
        segment.accumulation = chains.Accumulation.of(piece.text)
        self.segments.append(segment)
        return segment

    def _is_host(self, value: Any) -> bool:
        """Whether a parameter holds a structure or Python's own values, rather than arrays or what holds them."""
        pending, seen = [value], set[int]()
        while pending:  # however deep it is, and be it a cycle
            each = pending.pop()
            if isinstance(each, Handle | jax.Array):
                return False
            if type(each) not in (list, tuple, dict):
                if self.region.number_of(each) is not None or isinstance(each, types.FunctionType):
                    return False
            elif id(each) not in seen:
                seen.add(id(each))
                pending += each.values() if type(each) is dict else each
        return True


def _given(fn: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the parameters and free variables of a function hold in a call."""
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    defaults = fn.__defaults__ or ()
    late = zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)
    given: dict[str, Any] = {**dict(late), **(fn.__kwdefaults__ or {})}
    given |= {**dict(zip(names, args, strict=False)), **kwargs}
    others = code.co_varnames[len(names) : len(names) + bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)]
    if code.co_flags & 0x08:  # **kwargs
        given[others[-1]] = {name: given.pop(name) for name in kwargs if name not in (*names, *code.co_freevars)}
    if code.co_flags & 0x04:  # *args
        given[others[0]] = args[code.co_argcount :]
    return given


def _closed(host: types.FunctionType, cells: Mapping[str, types.CellType]) -> Callable[..., Any]:
    """A host program, called with what the variables from around the user's function hold at that time."""
    names = host.__code__.co_varnames[: host.__code__.co_argcount]
    free = [name for name in host.__code__.co_varnames[: _parameters(host)][len(names) :] if name in cells]
    others = host.__code__.co_kwonlyargcount > len(free) or host.__code__.co_flags & 0x0C or host.__defaults__
    given = "*args, **kwargs" if others else ", ".join(names)
    contents = ", ".join(f"{name}=cells[{name!r}].cell_contents" for name in free)
    scope: dict[str, Any] = {"host": host, "cells": cells}
    exec(f"def call({given}): return host({given}, {contents})", scope)
    return scope["call"]  # type: ignore[no-any-return]


def _parameters(host: types.FunctionType) -> int:
    return host.__code__.co_argcount + host.__code__.co_kwonlyargcount


def _value_of(fn: types.FunctionType, name: str) -> Any:
    return None if name in fn.__code__.co_freevars else fn.__globals__.get(name)


def is_library(fn: types.FunctionType, name: str) -> bool:
    """Whether a dotted name is, through modules, something of a library's."""
    first, *rest = name.split(".")
    value = _value_of(fn, first)
    for part in rest:
        if not isinstance(value, types.ModuleType):
            return False
        value = vars(value).get(part)
    return callable(value) and leaves.is_leaf(value)


_READ_ONLY = (list, tuple, dict, set, frozenset, str, bytes, int, float, bool, range)


_MUTABLE = (abc.MutableSequence, abc.MutableMapping, abc.MutableSet)
_READING = frozenset("copy count elements get index items keys most_common values".split())
_WRITING = frozenset(
    """delitem heapify heappop heappush heappushpop heapreplace iadd iconcat insort insort_left insort_right
    setitem""".split()
)
"""Functions of the standard library that change a container that they are given."""


def _pure(fn: Any) -> Callable[..., Any]:
    """A library's function, where it does no more than look at its arguments: it may be called again, or in vain."""
    owner = getattr(fn, "__self__", None)
    others = isinstance(owner, _MUTABLE) and type(owner) not in _READ_ONLY and fn.__name__ not in _READING
    if others or (type(owner) in _READ_ONLY and fn.__name__ in host_names.CHANGING):
        raise Unscheduled(f"`{fn.__name__}` of a {type(owner).__name__} that others see is called")
    if (owner is None or isinstance(owner, types.ModuleType)) and fn.__name__ in _WRITING:
        raise Unscheduled(f"{fn.__name__} changes what it is given")
    module = getattr(fn, "__module__", None) or type(owner).__module__
    if type(owner) in _READ_ONLY or str(module).partition(".")[0].removeprefix("_") in PURE_STDLIB:
        return fn  # type: ignore[no-any-return]
    raise Unscheduled(f"{module}.{getattr(fn, '__qualname__', fn)} is called where the host walks a structure")


def is_data(fn: types.FunctionType, name: str) -> bool:
    """Whether a name from around a function holds a class, a module whose functions are pure, or plain data."""
    value = _value_of(fn, name)
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in PURE_STDLIB
    return value is not None and _plain(value)


_PLAIN = (bool, int, float, complex, str, bytes, type(None), range)


def _plain(value: Any) -> bool:
    if type(value) in (list, tuple, set, frozenset):
        return all(map(_plain, value))
    if type(value) is dict:
        return all(map(_plain, value.values()))
    return type(value) in _PLAIN or isinstance(value, type)
