"""Rewritten programs by code object: source found, rewritten and compiled once for each set of assumptions."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from janusx import leaves, sources
from janusx.errors import JanusXError, UnsupportedError
from janusx.tracing.where import Where
from janusx.transforms import Rewritten, rewrite


@dataclass(frozen=True)
class Program:
    """A function as it was rewritten.

    Attributes:
        source: where it came from; None if no source was found.
        rewritten: the emitted text with its sites; None likewise.
        code: the code that runs: the emitted one, or the user's own where there is no source.
        ops: what its free name for the ops holds.
        reason: why it was not rewritten, or "".
        error: likewise, as the error that says so.
        seconds: how long finding, rewriting and compiling took.
        leaves: the names that were asked about, and whether they are a leaf library's functions.
    """

    source: sources.FunctionSource | None
    rewritten: Rewritten | None
    code: types.CodeType
    ops: Any
    reason: str
    seconds: float
    error: JanusXError | None = None
    leaves: tuple[tuple[str, bool], ...] = ()


class Rewriter:
    """Rewrites functions on demand. One lives as long as a converted function's record."""

    def __init__(self, make_ops: Callable[[Mapping[int, Any]], Any]):
        self.make_ops = make_ops
        self.assumed: Mapping[tuple[str, int], bool] = {}
        self.seconds = 0.0  # spent on all programs
        self.wrap_leaves = False  # whether calls of leaves are wrapped too: symbolic host values may reach them
        self._programs: dict[tuple[Any, ...], list[Program]] = {}

    def program(self, fn: types.FunctionType) -> Program:
        """The rewritten program of a user's function, for the present assumptions."""
        name = key_name(fn.__code__)
        assumed = {site: outcome for (owner, site), outcome in self.assumed.items() if owner == name}
        # Equal code may stand in several files, and one code object may run over several modules' globals.
        code = fn.__code__
        made = self._programs.setdefault((code, code.co_filename, tuple(sorted(assumed.items())), self.wrap_leaves), [])
        for program in made:
            if all(self._is_leaf(fn, name) is answer for name, answer in program.leaves):
                return program
        made.append(self._make(fn, assumed))
        self.seconds += made[-1].seconds
        return made[-1]

    def _is_leaf(self, fn: types.FunctionType, name: str) -> bool:
        return not self.wrap_leaves and is_leaf_name(fn, name)

    def code(self, fn: types.FunctionType) -> types.CodeType:
        """The code to run while tracing."""
        return self.program(fn).code

    def programs(self) -> list[Program]:
        """All programs, in the order in which they were met."""
        return [program for made in self._programs.values() for program in made]

    def _make(self, fn: types.FunctionType, assumed: Mapping[int, bool]) -> Program:
        start = time.perf_counter()
        try:
            source = sources.find_source(fn)
        except JanusXError as error:
            return self._as_it_is(fn, error, start)
        asked: dict[str, bool] = {}

        def is_leaf(name: str) -> bool:
            asked[name] = self._is_leaf(fn, name)
            return asked[name]

        rewritten = rewrite(
            source.text,
            first_line=source.first_line,
            class_name=source.class_name,
            assumed=assumed,
            is_leaf=is_leaf,
        )
        try:
            code = sources.compile_function(rewritten, source, fn.__code__.co_freevars, original=fn.__code__)
        except UnsupportedError as error:
            return self._as_it_is(fn, error, start)
        sites = {
            site.id: Where((key_name(fn.__code__), site.id), f"{source.filename}:{site.line}", site.text)
            for site in rewritten.sites
        }
        seconds, ops = time.perf_counter() - start, self.make_ops(sites)
        return Program(source, rewritten, code, ops, "", seconds, leaves=tuple(asked.items()))

    def _as_it_is(self, fn: types.FunctionType, error: JanusXError, start: float) -> Program:
        reason = f"{error.what} {error.why}".strip()
        return Program(None, None, fn.__code__, None, reason, time.perf_counter() - start, error)


def key_name(code: types.CodeType) -> str:
    """The name under which a function's sites are kept."""
    return f"{code.co_filename}:{code.co_firstlineno}:{code.co_qualname}"


LEAF_NAMESPACES = frozenset(
    """jax.numpy jax.numpy.linalg jax.numpy.fft jax.nn jax.nn.initializers jax.random jax.scipy.special
    jax.scipy.linalg jax.scipy.stats""".split()
)
"""Modules whose functions take arrays and no functions of the user's: their calls stay as they are."""

WRAPPED = frozenset("stack array asarray vectorize apply_along_axis apply_over_axes piecewise fromfunction".split())
"""But for these: they take functions, or see through rolled loops."""


def is_leaf_name(fn: types.FunctionType, name: str) -> bool:
    """Whether a dotted name in a function's code is, through modules only, a JAX function that is traced through."""
    first, *rest = name.split(".")
    value = fn.__globals__.get(first)
    namespace = ""
    for part in rest:
        if not isinstance(value, types.ModuleType):
            return False
        namespace = value.__name__
        value = vars(value).get(part)
    return namespace in LEAF_NAMESPACES and rest[-1] not in WRAPPED and leaves.is_leaf(value)
