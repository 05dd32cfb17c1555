"""A call that walks a structure, while a program is made: its kinds of array work are found and traced."""

from __future__ import annotations

import dataclasses
import itertools
import operator
import types
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from janusx import emitted, errors, sources
from janusx.schedule import chains, execution, lending, recording, tables
from janusx.schedule.functions import Segment
from janusx.schedule.layout import Layout, Sizes
from janusx.schedule.recording import (
    Aval,
    Computed,
    Given,
    Handle,
    Host,
    Kind,
    Lent,
    Passed,
    Recording,
    Same,
    Slot,
    Tree,
)
from janusx.schedule.region import LENT, MADE, Call, Made, Plan, Region, Result
from janusx.signals import Structured, Unscheduled
from janusx.state import exprs, policy, symbols
from janusx.state.dtypes import weakened
from janusx.state.paths import Path
from janusx.state.structure import is_structure
from janusx.tracing import context
from janusx.tracing.staging import trace_region
from janusx.tracing.structures import holds_no_arrays

MAX_KINDS = 200
"""Kinds of array work; beyond, the structure is no structure in this sense."""


class Builder:
    """One call that walks a structure, while a program is made."""

    def __init__(self, region: Region, trace: Any):
        self.region = region
        self.trace = trace
        self.segments: dict[int, execution.Segment] = {}
        self.exprs: list[Any] = []
        self.values: list[Any] = []
        self.outer: list[Any] = []
        self.made: list[Made] = []
        self.lent: dict[int, tuple[int, Any, Any]] = {}  # by `id`: number, container, template
        self.functions: dict[int, tuple[int, Any]] = {}  # by `id`: the number of a function that the program makes

    def run(self, fn: Any, args: Sequence[Any]) -> Any:
        """The result of the call, in the trace."""
        region = self.region
        with region.lock:
            region.building = self
            try:
                return self._run(fn, args)
            finally:
                region.building = None

    def _run(self, fn: Any, args: Sequence[Any]) -> Any:
        region = self.region
        fn, *templates = map(self._template, (fn, *args))
        outer = tuple(region.aval(array) for array in self.outer)
        layout, found, made = self._walk(fn, templates, outer)
        plan = self._plan(fn, tuple(templates), layout, found.template)
        expr = exprs.Apply(plan.record, (*map(exprs.Object, region.paths), *self.exprs))
        inputs = [self.trace.host_input(_item(expr, i), jnp.asarray(table)) for i, table in enumerate(made)]
        for kind in layout.kinds:
            if layout.sizes.rows[kind.index] and not kind.chain and kind.index not in self.segments:
                self.segments[kind.index] = self._trace(kind.segment, kind.args)[0]
        arrays = execution.run(layout, list(region.avals), self.segments, self.outer, inputs)

        def outside(part: Any) -> Any:
            if type(part) is Slot:
                return arrays[part.index]
            if type(part) is Passed:
                value = exprs.Gathered(_item(_item(expr, len(made)), part.index))
                return symbols.Sym(value, found.hosts[part.index])
            return part.value

        return recording.rebuild(found.template, outside)

    def _walk(self, fn: Any, templates: Sequence[Any], outer: Sequence[int]) -> tuple[Layout, Result, list[Any]]:
        """Record; returns the layout, the result and the tables."""
        try:
            counted = self._count(fn, templates, outer)
            return self._fit(fn, templates, outer, counted)
        except recording.Strange as error:
            raise Unscheduled(f"array code gets a {error} out of the structure") from None
        except Exception as error:
            if self.region.plan is not None:
                raise  # the user's own error, or a structure too deep: about this call, and no other
            raise Unscheduled(f"the host cannot walk the structure: {type(error).__name__}: {error}") from error

    def _call(self, fn: Any, templates: Sequence[Any]) -> Call:
        given = [self._real(path) for path in self.region.paths]
        # The user's classes are as they are outside of a trace.
        lent = [template for _, _, template in self.lent.values()]
        return Call(fn, templates, given, self.made, self.values, lent, lambda: context.entered(None))

    def _count(self, fn: Any, templates: Sequence[Any], outer: Sequence[int]) -> list[tables.Count]:
        """How much there is of each kind: recorded again as long as kinds turn up, or another order among them."""
        region = self.region
        while True:
            kinds, edges = list(region.kinds.values()), dict[tuple[int, int], int]()
            _, done = region.record(self._call(fn, templates), tables.endless(kinds, region.order), outer, edges)
            if len(region.kinds) == len(kinds) and region.ordered(edges, done):
                return [tables.Count.of(kind, done) for kind in kinds]

    def _fit(
        self, fn: Any, templates: Sequence[Any], outer: Sequence[int], counts: list[tables.Count]
    ) -> tuple[Layout, Result, list[Any]]:
        """The last sizes, if there is room enough, or others."""
        region, kinds, order = self.region, tuple(self.region.kinds.values()), self.region.order

        def recorded(layout: Layout, endless: bool = False) -> tuple[Result, Recording]:
            return region.record(self._call(fn, templates), layout.lanes(endless=endless), outer)

        def fitted(sizes: Sizes) -> tuple[Layout, Result, list[Any]]:
            found, done = recorded(Layout(kinds, order, sizes, tuple(outer), ()))
            layout = Layout(kinds, order, sizes, tuple(outer), tuple(found.avals))
            return layout, found, tables.tables(layout, done, found.roots)

        known = region.sizes
        if known is not None and len(known.rows) == len(kinds) and region.plan and region.plan.layout.order == order:
            try:
                return fitted(known)
            except (recording.Missed, IndexError):
                pass
        sizes = tables.sizes_of(kinds, list(region.avals), order, counts, known)
        _, done = recorded(Layout(kinds, order, sizes, tuple(outer), ()), endless=True)
        spare = 1.3 if known is None else 1.5
        steps = {
            phase: max(old, tables.ample(max(max(done.lanes[index].left, default=0) for index in phase), spare))
            for phase, old in sizes.steps.items()
        }
        return fitted(dataclasses.replace(sizes, steps=steps))

    def _plan(self, fn: Any, args: tuple[Any, ...], layout: Layout, result: Any) -> Plan:
        """The last plan where nothing has changed, so that passes come to an end."""
        region = self.region
        lent = tuple(template for _, _, template in self.lent.values())
        plan = Plan(region, fn, args, tuple(self.made), layout, len(region.paths), result, lent)
        known = region.plan
        if known is None or any(getattr(known, name) != getattr(plan, name) for name in Plan.__dataclass_fields__):
            region.plan, region.sizes = plan, layout.sizes
            return plan
        return known

    # --- arguments ----------------------------------------------------------------------------------------------

    def _template(self, value: Any) -> Any:
        """The template of an argument of the call."""
        cls: Any = type(value)
        if is_structure(value) or symbols.is_sym(value):
            if not is_structure(value) and symbols.unknown(value):
                raise Unscheduled("a value known after the run decides what the host does with a structure")
            self.exprs.append(value._jx_expr)
            self.values.append(value._jx_value)
            return Passed(len(self.values) - 1)
        if symbols.is_array(value):
            self.outer.append(value)
            return Slot(self.region.aval(value), len(self.outer) - 1)
        if cls is types.FunctionType and emitted.is_emitted(value.__code__):
            return self._function(value)
        node = self.trace.shadow.by_shadow.get(id(value))
        if node is not None:
            if cls in (list, tuple, dict) and holds_no_arrays(node):
                raise Structured((node.path,))  # labels: other values are another schedule, too
            return Given(self.named(node))
        if isinstance(value, dict) and cls is dict:
            return Tree(cls, tuple(map(self._template, value.values())), tuple(value))
        if cls in (list, tuple) or (isinstance(value, tuple) and hasattr(cls, "_fields")):
            return Tree(cls, tuple(map(self._template, value)))
        return Same(value)

    def _function(self, fn: types.FunctionType) -> Any:
        """The template of a function of the program: over variables of another one, or the user's own."""
        if id(fn) in self.functions:
            return Given(self.functions[id(fn)][0])
        code = emitted.origin(fn.__code__)
        defaults = (fn.__defaults__ or ()), (fn.__kwdefaults__ or {})
        if code is None or not policy.is_data([*defaults[0], *defaults[1].values()]):
            raise Unscheduled(f"{fn.__qualname__} is given where the host walks a structure")
        number = MADE + len(self.made)
        self.functions[id(fn)] = number, fn
        real_globals = self.trace.real_globals(fn.__globals__)
        self.made.append(Made(code, real_globals, fn.__name__, {}, *defaults))
        changed = self._changed(code, real_globals)
        for name, cell in emitted.cells_of(fn).items():
            if name not in code.co_freevars:
                continue
            try:
                content = cell.cell_contents
            except ValueError:  # not bound yet
                continue
            own = type(content) in (list, dict) and id(content) not in self.trace.shadow.by_shadow
            lent = own and name in changed and (id(content) in self.lent or lending.is_lent(name, cell, self._walks))
            self.made[number - MADE].cells[name] = self._lend(content) if lent else self._template(content)
        return Given(number)

    def _changed(self, code: types.CodeType, names: dict[str, Any]) -> set[str]:
        """The names of containers around a function that it changes."""
        cells = tuple(types.CellType() for _ in code.co_freevars)
        try:
            source = sources.find_source(types.FunctionType(code, names, code.co_name, None, cells))
        except errors.JanusXError:
            return set()
        return lending.changed_names(source.text) & set(code.co_freevars)

    def _walks(self, code: types.CodeType) -> bool:
        """Whether code is that of a function which the program makes for the walk."""
        return any(each.code is (emitted.origin(code) or code) for each in self.made)

    def _lend(self, content: Any) -> Lent:
        """The template of a container that each recording has one of its own of."""
        if id(content) not in self.lent:
            template = Tree(type(content), (), ())
            if content:
                template = self._template(content)
            self.lent[id(content)] = len(self.lent), content, template
        return Lent(LENT + self.lent[id(content)][0])

    def number(self, value: Any) -> int | None:
        """The number of one of the user's objects that pieces use; it gets one now."""
        node = self.trace.shadow.node_of(value)
        if node is None or not node.pinned:
            return None
        return self.named(node)

    def named(self, node: Any) -> int:
        """The number of an object; it gets one now."""
        paths, under_way = self.region.paths, self.region.recording
        if node.path not in paths:
            paths.append(node.path)
            if under_way is not None:
                under_way.objects[len(paths) - 1] = node.real
        number = paths.index(node.path)
        if under_way is not None:
            under_way.given[id(node.real)] = number
        return number

    def _inside(self, number: int) -> Any:
        """What stands for an object, or a function that the program makes, while it is traced."""
        if number >= MADE:
            return next(fn for known, fn in self.functions.values() if known == number)
        return self.trace.shadow.shadow_of(self._real(self.region.paths[number]))

    def _real(self, path: Path) -> Any:
        return next((node.real for node in self.trace.shadow.objects if node.path == path), None)

    # --- pieces ---------------------------------------------------------------------------------------------------

    def discover(self, segment: Segment, args: tuple[Any, ...]) -> None:
        """Make the kind of a row."""
        region = self.region
        if len(region.kinds) >= MAX_KINDS:
            raise Unscheduled(f"there are more than {MAX_KINDS} kinds of array work")
        while True:
            seen = itertools.count()
            templates = tuple(self._piece_template(arg, segment.fixed, seen) for arg in args)
            try:
                with context.entered(self.trace):
                    segment_fn, result, gives = self._trace(segment, templates)
                break
            except Fix as signal:
                segment.fixed |= signal.numbers
        reader = recording.Reader(segment.index, region.number_of, segment.fixed)
        for arg in args:
            reader.read(arg)
        leaves = _leaves(templates)
        reads = tuple(leaf.aval for leaf in leaves if type(leaf) is Slot)
        hosts = tuple(leaf for leaf in leaves if type(leaf) is Host)
        kind = Kind(len(region.kinds), segment, templates, reads, hosts, result, gives)
        region.kinds[tuple(reader.key)] = kind
        region.recording.rows.append(recording.Rows())
        if chains.is_chain(segment.accumulation, templates, gives, list(region.avals)):
            kind.chain = segment.accumulation.op  # type: ignore[union-attr]
            region.sums[kind.index] = chains.sum_class(kind, region.handles[gives[0]])
            region.sums[kind.index].flush = staticmethod(chains.flusher(region.recording, kind))
        self.segments[kind.index] = segment_fn

    def _piece_template(self, value: Any, fixed: frozenset[int], seen: Iterator[int]) -> Any:
        """The template of an argument of a piece; what it reads is in the order of `Reader`."""
        cls: Any = type(value)
        if issubclass(cls, Handle):
            return Slot(value.aval)
        if cls is int or cls is float:
            number = next(seen)
            if number in fixed:
                return Same(value)
            return Host(cls, Aval((), np.dtype(jnp.result_type(cls)), True), value, number)
        if isinstance(value, dict) and cls is dict:
            return Tree(cls, tuple(self._piece_template(each, fixed, seen) for each in value.values()), tuple(value))
        if cls in (list, tuple) or (isinstance(value, tuple) and hasattr(cls, "_fields")):
            return Tree(cls, tuple(self._piece_template(each, fixed, seen) for each in value))
        if isinstance(value, np.ndarray | np.generic | jax.Array) and self.region.number_of(value) is None:
            value = np.asarray(value)
            dtype = np.dtype(jax.dtypes.canonicalize_dtype(value.dtype))
            return Host(np.ndarray, Aval(value.shape, dtype, False))
        known = self.region.number_of(value)
        return Same(value) if known is None else Given(known)

    def _trace(self, segment: Segment, templates: Sequence[Any]) -> tuple[execution.Segment, Any, tuple[int, ...]]:
        """A piece as a function of arrays and numbers; with the template of its result, and the avals of its arrays."""
        trace, region = self.trace, self.region
        avals = list(region.avals)
        leaves = _leaves(templates)
        reads = [avals[leaf.aval] for leaf in leaves if type(leaf) is Slot]
        hosts = [leaf for leaf in leaves if type(leaf) is Host]
        outcome = _Outcome(self, trace.function(segment.function), [host.number for host in hosts])

        def enter(given: Sequence[Any]) -> list[Any]:
            slots, numbers = iter(given[: len(reads)]), iter(given[len(reads) :])

            def leaf(part: Any) -> Any:
                if type(part) is Slot:
                    return next(slots)
                if type(part) is Host:
                    array = next(numbers)
                    if part.kind is np.ndarray:
                        return array
                    expr = exprs.Apply(recording.row, (exprs.Constant(part.number),))
                    return symbols.Sym(expr, part.sample, part.kind, array)
                return self._inside(part.index) if type(part) is Given else part.value

            return [recording.rebuild(template, leaf) for template in templates]

        guards, late = len(trace.host_guards), set(trace.inputs.late)
        inputs = [*(aval.struct for aval in reads), *(host.aval.struct for host in hosts)]
        made = trace_region(trace, outcome, enter, inputs)
        self._fix_rows(guards, late)
        name = segment.function.__qualname__
        if made.writes or made.effects or made.assumptions:
            done = "writes to an object" if made.writes else "prints or logs" if made.effects else "takes for granted"
            raise Unscheduled(f"array work of {name} {done} where the host walks a structure")
        weak = [aval.weak for aval in (*reads, *(host.aval for host in hosts))]
        count = len(outcome.gives)

        def call(arrays: list[Any], numbers: list[Any]) -> list[Any]:
            given = [weakened(each) if soft else each for each, soft in zip([*arrays, *numbers], weak, strict=True)]
            return made.place(*given)[:count]

        return call, outcome.template, tuple(outcome.gives)

    def _fix_rows(self, guards: int, late: set[Any]) -> None:
        """Numbers of a row that Python asked about tell kinds apart."""
        trace = self.trace
        found: set[int] = set()
        for expr, _ in trace.host_guards[guards:]:
            found |= _rows_in(expr)
        for expr in list(trace.inputs.late):
            if expr not in late and _rows_in(expr):
                found |= _rows_in(expr)
                del trace.inputs.late[expr]
        if found:
            del trace.host_guards[guards:]
            raise Fix(frozenset(found))


class Fix(Exception):
    """Numbers that a piece takes must be known when it is traced."""

    def __init__(self, numbers: frozenset[int]):
        super().__init__(numbers)
        self.numbers = numbers


class _Outcome:
    """Runs a piece, and takes apart what it returns: no closure, which would be part of the region's state."""

    def __init__(self, builder: Builder, function: Any, rows: list[int]):
        self.builder = builder
        self.function = function
        self.rows = rows
        self.template: Any = None
        self.arrays: list[Any] = []
        self.gives: list[int] = []

    def __call__(self, *args: Any) -> list[Any]:
        """The arrays that the piece returns."""
        self.arrays, self.gives = [], []
        self.template = self.walk(self.function(*args))
        return self.arrays

    def _of_row(self, expr: Any) -> Any:
        """An expression of the values of a row alone, by their places in it; None for any other."""
        if isinstance(expr, exprs.Constant):
            return expr
        if not isinstance(expr, exprs.Apply):
            return None
        if expr.function is recording.row:
            return exprs.Apply(recording.row, (exprs.Constant(self.rows.index(expr.args[0].value)),))
        args = [self._of_row(arg) for arg in expr.args]
        kwargs = [(name, self._of_row(arg)) for name, arg in expr.kwargs]
        if None in args or None in [arg for _, arg in kwargs]:
            return None
        return exprs.Apply(expr.function, tuple(args), tuple(kwargs))

    def walk(self, value: Any) -> Any:
        """The template of a value."""
        cls: Any = type(value)
        if symbols.is_sym(value):
            made = self._of_row(value._jx_expr)
            if made is None:
                raise Unscheduled("array work gives a Python value that no row has")
            return Passed(made.args[0].value) if made.function is recording.row else Computed(made)
        if symbols.is_array(value):
            self.arrays.append(value)
            self.gives.append(self.builder.region.aval(value))
            return Slot(self.gives[-1], len(self.gives) - 1)
        if isinstance(value, dict) and cls is dict:
            return Tree(cls, tuple(map(self.walk, value.values())), tuple(value))
        if cls in (list, tuple) or (isinstance(value, tuple) and hasattr(cls, "_fields")):
            return Tree(cls, tuple(map(self.walk, value)))
        if value is None or cls in (bool, int, float, str):
            return Same(value)
        node = self.builder.trace.shadow.by_shadow.get(id(value))
        if node is None:
            raise Unscheduled(f"array work gives a {cls.__name__} where the host walks a structure")
        return Given(self.builder.named(node))


def _rows_in(expr: Any) -> set[int]:
    if not isinstance(expr, exprs.Apply):
        return set()
    if expr.function is recording.row:
        return {expr.args[0].value}
    parts = (*expr.args, *(value for _, value in expr.kwargs))
    return set().union(*map(_rows_in, parts))


def _item(expr: exprs.Expr, index: int) -> exprs.Apply:
    return exprs.Apply(operator.getitem, (expr, exprs.Constant(index)))


def _leaves(template: Any) -> list[Any]:
    if isinstance(template, tuple):
        return [leaf for part in template for leaf in _leaves(part)]
    return _leaves(template.parts) if type(template) is Tree else [template]
