"""Commit: the generated function that carries a run's outcome over to the user's objects, all of it or nothing.

Everything is built first (results, new objects, host values); then the writes are done; if one of them raises, those
before it are undone.
"""

from __future__ import annotations

import logging
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from janusx.guards.codegen import Writer
from janusx.signals import Unbuilt, Unsupported
from janusx.state import arrays, kinds, policy, symbols, writes
from janusx.state.arrays import relocated
from janusx.state.attributes import has_dict, instance_dict
from janusx.state.buckets import GROWN, Bucketed, cut
from janusx.state.buffers import Buffer
from janusx.state.chosen import Chosen
from janusx.state.delivery import deliver
from janusx.state.diff import Change
from janusx.state.given import Given, is_single
from janusx.state.leaving import function_in
from janusx.state.opaque import Opaque, OpaqueMethod
from janusx.state.paths import Step
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow
from janusx.state.structure import is_structure
from janusx.state.unbound import Maybe, Unbound
from janusx.tracing import context
from janusx.tracing.buffers import listed
from janusx.tracing.effects import Row


class Absent:
    """In an undo record: the field was not there."""


ABSENT = Absent()


class Expressions(Mapping[Step, str]):
    """The expressions of an object's fields, made only when asked for."""

    def __init__(self, fields: dict[Step, Any], make: Callable[[Any], str]):
        self._fields = fields
        self._make = make

    def __getitem__(self, step: Step) -> str:
        return self._make(self._fields[step])

    def __contains__(self, step: object) -> bool:
        return step in self._fields

    def __iter__(self) -> Iterator[Step]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Commit:
    """Plans the commit of one trace: which arrays the program must return, and the function that uses them.

    Args:
        shadow: the shadow after the function ran.
        leaves: what stood for the array leaves in the trace, by index.
        donated: leaves whose buffers are gone after the run, and so cannot be handed through.
        moved: leaves that the program places elsewhere, which are not handed through either.
        waits: whether the host waits for the program anyway, so that it may ask which object an array is.
    """

    def __init__(
        self,
        shadow: Shadow,
        leaves: Sequence[Any],
        donated: frozenset[int] = frozenset(),
        moved: frozenset[int] = frozenset(),
        waits: bool = False,
    ):
        self.out = Writer()
        self.outs: list[Any] = []
        self._shadow = shadow
        self._inputs = {id(tracer): index for index, tracer in enumerate(leaves) if index not in donated | moved}
        self._out_index: dict[int, int] = {}
        self._made: dict[int, str] = {}
        self._keep: list[Any] = []
        self._env: dict[Any, str] = {}
        self._needs: dict[str, None] = {}
        self._rerun = not donated  # donated inputs are gone after the run
        self._rows: dict[Row, str] = {}
        self._objects: set[symbols.Expr] = set()  # NumPy arrays that have left already
        self._lists = 0
        self.gathered: dict[str, symbols.Expr] = {}  # what gather evaluates for commit, by name
        self._given = Given(shadow)
        self._chosen = Chosen(self, waits)

    @property
    def needs(self) -> list[str]:
        """The names that gather must hand over."""
        return list(self._needs)

    def evaluates(self, expr: symbols.Expr) -> bool:
        """Whether a host expression is evaluated in every call."""
        return self.out.knows(expr)

    def returns(self, array: Any) -> bool:
        """Whether the program takes or returns an array itself, as far as is known."""
        return id(array) in self._inputs or id(array) in self._out_index

    def need(self, name: str) -> str:
        """Ask gather for one of its variables."""
        self._needs.setdefault(name)
        return name

    # --- values -----------------------------------------------------------------------------------------------------

    def output(self, array: Any) -> str:
        """The expression of an array: an input handed through, or an output of the program."""
        if type(array) is Row:
            return self.row(array)
        index = self._inputs.get(id(array))
        if index is not None:
            return f"leaves[{index}]"
        if id(array) not in self._out_index:
            self._out_index[id(array)] = len(self.outs)
            self.outs.append(array)
        return f"outs[{self._out_index[id(array)]}]"

    def value(self, value: Any) -> str:
        """The expression that gives the user's object for a value of the trace."""
        if symbols.is_sym(value):
            return self._symbol(value)
        if is_structure(value):
            return self._text(value._jx_expr)
        if type(value) is Opaque:
            return self.need(f"q{value._jx_node.index}")
        if type(value) is OpaqueMethod:
            return f"{self.value(value.owner)}.{value.name}"
        if isinstance(value, Maybe):
            return self.value(value.value)  # only what was returned is unread, and that is bound
        if isinstance(value, Unbound):
            return "None"
        value = (
            getattr(value, "__dict__", {}).get("__janusx_original__", value)
            if type(value) is types.FunctionType
            else value
        )
        node = self._shadow.by_shadow.get(id(value))
        if node is not None:
            return self.need(f"o{node.index}") + (".original" if type(value) is Bucketed else "")
        if isinstance(value, jax.Array):
            return self._array(value)
        holder = self._given.holder(value) if type(value) is dict else None
        if holder is not None:
            return f"{self.out.const(instance_dict)}({self.need(f'o{holder.index}')})"
        if type(value) is Row:
            return self.output(value)
        if id(value) in self._made:
            return self._made[id(value)]
        return self._other(value)

    def _array(self, array: Any) -> str:
        soft = context.current().variants.soft.get(id(array))
        if id(array) in context.current().variants.turned:
            return self._turned(context.current().variants.turned[id(array)])
        if soft is None:
            if id(array) not in self._inputs:
                context.current().variants.check_leaving(array)
            return self._chosen.name(array) or self.output(array)
        if id(array) not in self._made:
            name = self._made[id(array)] = f"w{len(self._made)}"
            value = f"{self.out.const(symbols.weakened)}({self.output(soft.value)})"
            self.out.line(f"{name} = {value} if {self.output(soft.weak)} else {self.output(soft.value)}")
        return self._made[id(array)]

    def _turned(self, turned: Any) -> str:
        """A Python number, or the array that it has become: one object, however often it is asked for."""
        if id(turned.array) not in self._made:
            name = self._made[id(turned.array)] = f"t{len(self._made)}"
            value = self.output(turned.value)
            array = f"{self.out.const(symbols.weakened)}({value})" if turned.skeleton.weak else value
            number = f"{turned.skeleton.kind.__name__}({value})"
            self.out.line(f"{name} = {array} if {self.output(turned.is_array)} else {number}")
        return self._made[id(turned.array)]

    def _symbol(self, sym: Any) -> str:
        if sym._jx_kind is np.ndarray:
            return self._numpy(sym)
        self._register(sym._jx_expr)
        return self.out.expr(sym._jx_expr, self._env)

    def _register(self, expr: symbols.Expr) -> None:
        if expr in self._env:
            return
        if isinstance(expr, symbols.Input):
            self._env[expr] = self._input(expr)
        elif isinstance(expr, symbols.Object):
            node = next(node for node, _ in self._shadow.opaques if node.path == expr.path)
            self._env[expr] = self.need(f"q{node.index}")
        elif isinstance(expr, symbols.Gathered):
            name = f"r{len(self.gathered)}"
            self.gathered[name] = expr.expr
            self._env[expr] = self.need(name)
        elif isinstance(expr, symbols.Device):
            text = self.output(expr.array)
            if expr.kind is not None:
                name = f"x{len(self._env)}"
                read = f"{text}.tolist()" if expr.kind is list else f"{expr.kind.__name__}({text})"
                self.out.line(f"{name} = {read}")
                text = name
            self._env[expr] = text
        elif isinstance(expr, symbols.Apply):
            for arg in expr.args:
                self._register(arg)
            for _, arg in expr.kwargs:
                self._register(arg)

    def _input(self, expr: symbols.Input) -> str:
        leaf = next((leaf for leaf in self._shadow.leaves if leaf.path == expr.path), None)
        if leaf is not None:
            return f"leaves[{leaf.index}]"
        node = next(node for node in self._shadow.hosts if node.path == expr.path)
        return self.need(f"i{node.index}")

    def _numpy(self, sym: Any) -> str:
        """A NumPy array, as an object: the user's own, a view of it, or one that is made as often as in Python."""
        if context.current().arrays.is_kept(sym):
            return self._text(sym._jx_expr)
        if id(sym) not in self._made:
            expr = context.current().arrays.object_of(sym)
            base = context.current().arrays.base(sym)
            if base is not None:
                parts = ", ".join(self._text(each) for each in expr.args[1:])
                text = f"{self.out.const(expr.function)}({self._numpy(base)}, {parts})"
            elif expr in self._objects and isinstance(expr, symbols.Apply):
                text = self._anew(expr)
            else:
                self._objects.add(expr)
                text = self._text(expr)
            self._made[id(sym)] = name = f"a{len(self._made)}"
            self._keep.append(sym)
            self.out.line(f"{name} = {text}")
        return self._made[id(sym)]

    def _text(self, expr: symbols.Expr) -> str:
        self._register(expr)
        return self.out.expr(expr, self._env)

    def _anew(self, expr: symbols.Apply) -> str:
        args = [self._text(arg) for arg in expr.args]
        named = [f"{name}={self._text(arg)}" for name, arg in expr.kwargs]
        return f"{self.out.const(expr.function)}({', '.join([*args, *named])})"

    def _other(self, value: Any) -> str:
        if type(value) is super:  # it holds what stands for its object
            raise Unsupported("a `super` object made by the program leaves it")
        category = policy.category(value)
        if category in ("constant", "scalar") and (name := self._given.name(value)):
            return self.need(name)
        if category in ("constant", "scalar", "array"):
            if type(value) is frozenset:
                return self.out.literal(frozenset(map(kinds.hashed, value)))
            if isinstance(value, np.ndarray):
                return self._constant_array(value)
            if is_single(value):
                return self.out.literal(value)
            made = function_in(value)
            if made:
                raise Unsupported(f"a function made by the program ({made}) leaves it")
            return self.out.const(value)
        if isinstance(value, logging.Logger):
            return self.out.const(value)  # there is one of each name
        if category == "fresh":
            rule = policy.REGISTRY.rule(type(value))
            assert rule is not None
            assert rule.make is not None
            token = rule.make(value)
            return f"{self.out.const(rule.make)}({self.out.const(token)})"
        if isinstance(category, kinds.TupleKind):
            new = {step: self.value(item) for step, item in category.fields(value)}
            return category.expression(self.out, type(value), new)
        if category is kinds.METHOD:
            return f"{self.out.const(types.MethodType)}({self.value(value.__func__)}, {self.value(value.__self__)})"
        if isinstance(category, kinds.Kind) and (
            category is GROWN or (category.mutable and category is not kinds.CELL)
        ):
            return self._new(value, category)
        raise Unsupported(f"a {type(value).__name__} made by the program leaves it")

    def _constant_array(self, value: Any) -> str:
        """A NumPy array that the program made once and for all: every call has its own."""
        name = self._made[id(value)] = f"a{len(self._made)}"
        self._keep.append(value)
        base = value.base
        if type(base) is np.ndarray and (base.flags.c_contiguous or base.flags.f_contiguous):
            text = f"{self.out.const(relocated)}({self.value(base)}, {self.out.const(base)}, {self.out.const(value)})"
        else:
            text = f"{self.out.const(value)}.copy()"
        self.out.line(f"{name} = {text}")
        return name

    def _new(self, value: Any, kind: kinds.Kind) -> str:
        name = self._object(value, kind)
        choice = context.current().replaced.get(value)
        if choice is None:
            return name
        chosen = f"{name}_"
        self.out.line(f"{chosen} = {name} if {self.output(choice.is_new)} else {self.value(choice.source)}")
        self._made[id(value)] = chosen
        return chosen

    def _object(self, value: Any, kind: kinds.Kind) -> str:
        name = f"n{len(self._made)}"
        self._made[id(value)] = name
        self._keep.append(value)
        if type(value) is list or type(value) is dict:
            return self._display(value, name)
        if type(value) is Bucketed:
            length = self.value(value.length)
            self.out.line(f"{name} = {self.out.const(cut)}({self.output(value.padded)}, {length})")
            return name
        if type(value) is Buffer:
            parts = ", ".join(self.output(part) for part in (value.length, *value.arrays))
            self.out.line(f"{name} = {self.out.const(listed)}({self.out.const((value.cls, value.item))}, {parts})")
            return name
        self._build(value, kind, name)
        return name

    def _display(self, value: Any, name: str) -> str:
        # Filled after all are made, since it may hold itself.
        self.out.line(f"{name} = {'[]' if type(value) is list else '{}'}")
        kind = policy.category(value)
        assert isinstance(kind, kinds.Kind)
        new = {step: self.value(item) for step, item in kind.fields(value)}
        kind.write(self.out, name, {}, new, set(new))
        return name

    def _build(self, value: Any, kind: kinds.Kind, name: str) -> None:
        if getattr(value, "default_factory", None) is not None or getattr(value, "maxlen", None) is not None:
            empty = kind.shell(value)
            self.out.line(f"{name} = {self.out.const(type(empty).copy)}({self.out.const(empty)})")
        else:
            kind.build(self.out, type(value), name)
        new = {step: self.value(item) for step, item in kind.fields(value)}
        kind.populate(self.out, name, type(value), new)

    # --- writes -----------------------------------------------------------------------------------------------------

    def finish(self, result: Any, found: Sequence[Change], effects: Sequence[Any]) -> tuple[Any, str]:
        """Emit the function: `commit(outs, leaves, needs)` → the user's result."""
        self._given.check()
        context.current().replaced.settle()
        text = self.value(result)
        said, overwritten = [], list[str]()
        for effect in effects:
            lines, inplace = self._effect(effect)
            said.append(lines)
            overwritten += inplace
        writes, undo = self._writes(found)
        body = [*self._chosen.lines(), *self.out.lines]
        if self._rerun and body:
            # Nothing is written yet, so Python can still answer: with the user's lines in the traceback.
            body = ["try:", *(f"    {line}" for line in body)]
            body += ["except Exception as error:", "    raise Unbuilt(error) from None"]
        body += self._all_or_nothing(writes, undo, overwritten, [line for lines in said for line in lines], effects)
        body.append(f"return {text}")
        needs = "".join(f"{name}, " for name in self._needs)
        if needs:
            body.insert(0, f"({needs}) = needs")
        self.out.namespace["undo"] = restore
        self.out.namespace["Unbuilt"] = Unbuilt
        self.out.namespace["ABSENT"] = ABSENT
        return self.out.function("commit", "outs, leaves, needs", body)

    def _all_or_nothing(
        self, writes: list[str], undo: list[str], overwritten: list[str], said: list[str], effects: Sequence[Any]
    ) -> list[str]:
        """The lines that write, then those that make effects happen: what fails among them leaves output alone."""
        lists = dict.fromkeys(self.value(target) for effect in effects for target, _ in effect.appended)
        if not writes and not overwritten and (not lists or len(said) < 2):
            return said
        lengths = {name: f"length{i}" for i, name in enumerate(lists)}
        body = [f"{length} = len({name})" for name, length in lengths.items()]
        again = bool(overwritten) and self._rerun
        body += ["done = []"] * bool(overwritten) + ["told = False"] * again
        told = ["told = True"] * again
        body += ["try:", *(f"    {line}" for line in [*writes, *overwritten, *told, *said])]
        body += ["except BaseException as error:" if again else "except BaseException:"]
        body += [f"    del {name}[{length}:]" for name, length in lengths.items()]
        body += [f"    undo(({''.join(f'{entry}, ' for entry in undo)}))"] * bool(undo)
        body += [f"    {self.out.const(arrays.undo)}(done)"] * bool(overwritten)
        # Nothing was said yet, so Python can still answer.
        body += ["    if not told and isinstance(error, Exception): raise Unbuilt(error) from None"] * again
        return [*body, "    raise"]

    def _effect(self, effect: Any) -> tuple[list[str], list[str]]:
        return deliver(self, effect)

    @contextmanager
    def block(self) -> Iterator[list[str]]:
        """The lines of a block: what is evaluated there is known neither outside nor in the next."""
        outer = self.out, self._env, self._made
        self.out, self._env, self._made = self.out.block(), dict(self._env), dict(self._made)
        try:
            yield self.out.lines
        finally:
            self.out, self._env, self._made = outer

    def row(self, row: Row) -> str:
        """The name of a trip's row, in the loop over them."""
        return self._rows.setdefault(row, f"r{len(self._rows)}")

    def list_of_events(self) -> str:
        """A new name for a list of events."""
        self._lists += 1
        return f"said{self._lists}"

    def _writes(self, found: Sequence[Change]) -> tuple[list[str], list[str]]:
        writer = self.out.block()
        undo = []
        # What new values are made of is emitted before any write.
        texts = [{step: self.value(change.after[step]) for step in change.changed} for change in found]
        alike = writes.alike(self._shadow, found, texts)
        done: set[str] = set()
        for change in found:
            if change.node.index not in alike:
                var = self._write(writer, change)
            else:
                group, member = alike[change.node.index]
                var = f"{group.column}[{member}]"
                if group.column not in done:
                    lines, names = group.lines(writer)
                    done.add(group.column)
                    writer.lines += lines
                    for name in sorted(names):
                        self.need(name)
            undo.append(f"({var}, {self.out.const(change.node.kind)}, {self._olds(change)})")
        return writer.lines, undo

    def _write(self, writer: Writer, change: Change) -> str:
        node = change.node
        var = self.need(f"o{node.index}")
        cls: type = type(node.real)
        if isinstance(node.kind, kinds.InstanceKind) and has_dict(cls):
            self.need(f"o{node.index}_d")
        values = Expressions(change.after, self.value)
        node.kind.write(writer, var, change.before, values, set(change.changed))  # type: ignore[arg-type]
        return var

    def _olds(self, change: Change) -> str:
        """The fields before the call, as a display that is only evaluated when a write fails."""
        entries = []
        kept = [step for step in change.after if step in change.before]
        moved = kept != [step for step in change.before if step in change.after]
        for step, shadow in change.before.items():
            child = change.node.children.get(step)
            if step not in change.changed and step in change.after and not moved:
                continue
            entries.append(f"({self.out.const(step)}, {self._old(child, shadow)})")
        added = [step for step in change.changed if step not in change.before]
        entries += [f"({self.out.const(step)}, ABSENT)" for step in added]
        return f"({''.join(f'{entry}, ' for entry in entries)})"

    def _old(self, child: Node | None, shadow: Any) -> str:
        if isinstance(child, LeafNode):
            return f"leaves[{child.index}]"
        if isinstance(child, HostNode):
            return self.need(f"i{child.index}")
        if isinstance(child, ObjectNode):
            return self.need(f"o{child.index}")
        if isinstance(child, ConstantNode):
            return self.out.literal(child.value)
        if isinstance(child, OpaqueNode):
            return self.need(f"q{child.index}")
        return self.out.const(shadow)


def restore(records: Sequence[tuple[Any, kinds.Kind, Sequence[tuple[Step, Any]]]]) -> None:
    """Put objects back as they were before the call.

    Args:
        records: object, kind and the fields that it had; a field that is `ABSENT` was not there. Fields that are not
            mentioned are kept.
    """
    for value, kind, fields in records:
        now = dict(kind.fields(value))
        for step, old in fields:
            if old is ABSENT:
                now.pop(step, None)
            else:
                now[step] = old
        kind.fill(value, list(now.items()))
