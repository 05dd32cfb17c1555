"""Finds functions that call themselves as often as arrays decide (`janusx.ops.recursion`)."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax

from janusx import emitted, errors, sources, transforms
from janusx.signals import Recursive, Unstageable, Unsupported
from janusx.state import symbols
from janusx.tracing import methods

ALIKE = 2
"""Calls of a function within itself, each in a branch that arrays decide, with arguments that differ in their arrays
alone: nothing in the program would ever end them."""

ENOUGH = 6
"""Likewise where Python's numbers differ, too: they may be what ends it."""


class Recursions:
    """What a trace does about functions that call themselves."""

    def __init__(self, trace: Any):
        self._trace = trace
        self._noted: dict[types.CodeType, types.FunctionType] = {}
        self.machines: list[frozenset[types.CodeType]] = []  # those under way

    def cycle_of(self, fn: types.FunctionType) -> frozenset[types.CodeType] | None:
        """The functions that call each other, if a machine runs this one."""
        return self._trace.settings.recursive.get(code_of(fn))  # type: ignore[no-any-return]

    def note(self, fn: types.FunctionType) -> None:
        """An emitted function is about to be called: is it within itself, as often as arrays decide?"""
        self._noted[fn.__code__] = fn
        within = list(self._activations(fn.__code__))
        if len(within) < ALIKE:
            return
        if not self._trace.settings.speculate:
            raise Unsupported(
                f"{fn.__qualname__} calls itself as often as arrays decide, and nothing may be taken for granted here "
                "of how often that is: apply the transform within a converted function"
            )
        code = code_of(fn)
        unrolled = self._trace.settings.unrolled.get(code)
        if unrolled is None and (len(within) >= ENOUGH or _are_alike(fn, within[0][0], within[1][0])):
            raise Recursive(frozenset({code, *within[0][1]}))
        if unrolled is not None and _are_alike(fn, within[0][0], within[1][0]):
            raise Unsupported(f"{fn.__qualname__} calls itself as often as arrays decide, and {unrolled}")

    def _activations(self, code: types.CodeType) -> Iterator[tuple[types.FrameType, list[types.CodeType]]]:
        """The calls of a function under way, each decided by arrays; with the functions between it and the next."""
        from janusx.tracing.staging import trace_region

        between: list[types.CodeType] = []
        staged = False
        frame: types.FrameType | None = sys._getframe(2)
        while frame is not None:
            found = frame.f_code
            staged |= found is trace_region.__code__
            if found is code:
                if not staged:
                    return
                yield frame, between
                between, staged = [], False
            elif found in self._noted and (own := emitted.origin(found)) is not None:
                between.append(own)
            frame = frame.f_back

    def run(self, fn: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function that a machine runs."""
        from janusx.ops.recursion import machine

        cycle = self.cycle_of(fn)
        assert cycle is not None
        if any(cycle & running for running in self.machines):
            raise Recursive(cycle | self._through(cycle))
        self.machines.append(cycle)
        try:
            return machine(self._trace, fn, args, kwargs, cycle)
        finally:
            self.machines.pop()

    def _through(self, cycle: frozenset[types.CodeType]) -> frozenset[types.CodeType]:
        """The functions through which a machine's function calls itself, which are of the cycle, too."""
        from janusx.ops.recursion import machine

        found: set[types.CodeType] = set()
        frame: types.FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code is not machine.__code__:
            own = emitted.origin(frame.f_code)
            if own is not None and emitted.piece_source(own) is None and own.co_name.isidentifier():
                found.add(own)
            frame = frame.f_back
        if found <= cycle:
            raise Unsupported("a function calls itself where no call of its own can be seen: through one of a library")
        return frozenset(found)


def _are_alike(fn: types.FunctionType, one: types.FrameType, other: types.FrameType) -> bool:
    """Whether two calls of a function got arguments that differ in their arrays alone."""
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount + fn.__code__.co_kwonlyargcount]
    return all(_is_alike(one.f_locals.get(name), other.f_locals.get(name)) for name in names)


def _is_alike(one: Any, other: Any) -> bool:
    if symbols.is_sym(one) or symbols.is_sym(other):
        computed = symbols.is_sym(one) and one._jx_value is symbols.UNKNOWN
        return computed and symbols.is_sym(other) and bool(one._jx_kind is other._jx_kind)
    if isinstance(one, types.CellType) and isinstance(other, types.CellType):
        return _is_alike(one.cell_contents, other.cell_contents)
    if isinstance(one, jax.Array) and isinstance(other, jax.Array):
        return one.shape == other.shape and one.dtype == other.dtype
    if type(one) is type(other) and isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if one is other:
        return True
    plain = type(one) is type(other) and type(one) in (int, float, bool, complex, str, type(None))
    return plain and bool(one == other)


def code_of(fn: types.FunctionType) -> types.CodeType:
    """The user's code that a function runs, or stands for."""
    fn = methods.original(fn)
    return emitted.origin(fn.__code__) or fn.__code__


def target_of(callee: Any, cycle: frozenset[types.CodeType]) -> tuple[types.FunctionType, tuple[Any, ...]] | None:
    """The function of a cycle that something calls, and the arguments that it puts before those it is given."""
    found = _called(callee)
    return found if found is not None and code_of(found[0]) in cycle else None


def _called(callee: Any) -> tuple[types.FunctionType, tuple[Any, ...]] | None:
    unwrapped = getattr(type(callee), "__janusx_function__", None)
    if unwrapped is not None:
        return _called(callee.__janusx_function__())
    if isinstance(callee, types.MethodType) and isinstance(callee.__func__, types.FunctionType):
        return methods.original(callee.__func__), (callee.__self__,)
    if isinstance(callee, types.FunctionType):
        return methods.original(callee), ()
    own = methods.original(inspect.getattr_static(type(callee), "__call__", None))
    return (own, (callee,)) if isinstance(own, types.FunctionType) and not isinstance(callee, type) else None


def real_function(trace: Any, fn: types.FunctionType) -> types.FunctionType | None:
    """A function of the user's to find the source of, for one that the trace made: its cells are empty."""
    if not emitted.is_emitted(fn.__code__):
        return fn
    code = emitted.origin(fn.__code__)
    if code is None:
        return None
    cells = tuple(types.CellType() for _ in code.co_freevars)
    real = types.FunctionType(code, trace.real_globals(fn.__globals__), fn.__name__, fn.__defaults__, cells)
    real.__qualname__ = code.co_qualname
    return real


@dataclass(frozen=True)
class Cut:
    """A function in blocks.

    Attributes:
        fn: the user's.
        blocks: how it was cut.
        pieces: the blocks as functions.
    """

    fn: Any
    blocks: transforms.Blocks
    pieces: tuple[types.FunctionType, ...]


def cut(trace: Any, fn: types.FunctionType, given: dict[str, Any], cycle: frozenset[types.CodeType]) -> Cut:
    """A function in blocks, at its calls of functions of its cycle.

    Args:
        trace: the trace under way.
        fn: the function.
        given: what its names stand for: globals, free variables, parameters.
        cycle: the code of the functions that call each other.

    Raises:
        Unstageable: it cannot be cut.
    """
    real = real_function(trace, fn)
    if real is None:
        raise Unstageable(f"{fn.__qualname__} calls itself, and its source is not known")
    names = {code.co_name for code in cycle}

    def is_recursive(callee: Any) -> bool:
        name = getattr(callee, "attr", None)
        if name is not None:
            return name in names
        return getattr(callee, "id", None) in given and target_of(given[callee.id], cycle) is not None

    try:
        source = sources.find_source(real)
        done = transforms.recursion(
            source.text, is_recursive=is_recursive, free=real.__code__.co_freevars, first_line=source.first_line
        )
    except transforms.NotInBlocks as error:
        raise Unstageable(f"{fn.__qualname__} cannot be cut at line {error.line}: {error}") from None
    except errors.JanusXError as error:
        raise Unstageable(f"{fn.__qualname__} calls itself, and {error.what}") from None
    pieces = []
    for i, block in enumerate(done.blocks):
        place = replace(source, text=block.text + "\n", first_line=block.first_line, kind="def")
        place = replace(place, name=f"block_{i}", qualname=f"{source.qualname}.block_{i}", block=True)
        pieces.append(emitted.make_piece(place, real))
    return Cut(real, done, tuple(pieces))
