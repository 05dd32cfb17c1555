"""Source of generated functions: a writer of lines and constants, and the check-and-gather function of an entry.

Guards and gather are one straight-line function, a line a check (about 20 ns each), read through the same paths. It
returns None when a guard does not hold; which one, and what was found instead, is worked out only when somebody wants
to know (`guards.diagnose`).
"""

from __future__ import annotations

import operator
import types
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from janusx import leaves
from janusx.state import kinds, symbols
from janusx.state.paths import Anchor, Argument, Global, Keyword, Path
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow

ARRAY_TYPE = type(jax.device_put(np.float32(0)))

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.mod: "%", operator.pow: "**", operator.matmul: "@", operator.lshift: "<<", operator.rshift: ">>",
    operator.and_: "&", operator.or_: "|", operator.xor: "^", operator.lt: "<", operator.le: "<=", operator.eq: "==",
    operator.ne: "!=", operator.gt: ">", operator.ge: ">=", operator.is_: "is", operator.is_not: "is not",
}  # fmt: skip


class Writer:
    """Collects the lines of one generated function and the constants that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {"same": symbols.same}
        self._names: dict[int, str] = {}
        self._exprs: dict[symbols.Expr, str] = {}

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(text)
    def block(self) -> Writer:
        """For the lines of a block: what was evaluated before it is known there, what is evaluated there is not."""
        inner = Writer()
        inner.namespace, inner._names, inner._exprs = self.namespace, self._names, dict(self._exprs)
        return inner


    def guard(self, fails: str) -> None:
        """Give up where the condition is true."""
        self.lines.append(f"if {fails}: return None")

    def const(self, value: Any) -> str:
        """A name for a constant."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self._names)}"
            self.namespace[name] = value
        return name

    def literal(self, value: Any) -> str:
        """A constant, written out where that is exact."""
        if value is None or type(value) in (bool, int, str, bytes):
            return repr(value)
        return self.const(value)

    def expr(self, expr: symbols.Expr, inputs: dict[Any, str]) -> str:
        """Emit the evaluation of a host expression, once; returns the name of its value."""
        known = inputs.get(expr) or self._exprs.get(expr)
        if known is not None:
            return known
        if isinstance(expr, symbols.Constant):
            return self.literal(expr.value)
        assert isinstance(expr, symbols.Apply), expr
        args = [self.expr(arg, inputs) for arg in expr.args]
        named = [f"{name}={self.expr(arg, inputs)}" for name, arg in expr.kwargs]
        name = f"h{len(self._exprs)}"
        infix = _INFIX.get(expr.function)
        if infix is not None and len(args) == 2 and not named:
            text = f"{args[0]} {infix} {args[1]}"
        elif expr.function is operator.getitem:
            text = f"{args[0]}[{args[1]}]"
        else:
            text = f"{self.const(expr.function)}({', '.join([*args, *named])})"
        self.line(f"{name} = {text}")
        self._exprs[expr] = name
        return name

    def function(self, name: str, parameters: str, body: Sequence[str] | None = None) -> tuple[Any, str]:
        """Compile the lines as a function; returns it with its source."""
        lines = [f"    {line}" for line in (self.lines if body is None else body)] or ["    pass"]
        text = f"def {name}({parameters}):\n" + "\n".join(lines) + "\n"
        namespace = dict(self.namespace)
        exec(compile(text, f"<janusx {name}>", "exec"), namespace)
        return namespace[name], text


class Reads:
    """How each node is read in generated code: the expression, and the variable once it was assigned."""

    def __init__(self, out: Writer, anchors: dict[int, Any]):
        self.out = out
        self.anchors = anchors
        self.readers: dict[int, Any] = {}

    def root(self, path: Path) -> str:
        """The expression of a root."""
        step = path.root
        if isinstance(step, Argument):
            return f"args[{step.index}]"
        if isinstance(step, Keyword):
            return f"kwargs[{step.name!r}]"
        assert isinstance(step, Anchor)
        text = self.out.const(self.anchors[step.ident])
        for further in path.steps[1:]:
            if isinstance(further, Global):
                text = f"{text}[{further.name!r}]"
            else:
                text = f"{self.out.const(further.of)}({text})"
        return text


def emit_gather(
    shadow: Shadow,
    anchors: dict[int, Any],
    call_shape: tuple[int, tuple[str, ...]],
    host_guards: Sequence[tuple[symbols.Expr, Any]],
    host_inputs: Sequence[symbols.Expr],
    needs: Iterable[str],
    written: frozenset[int] = frozenset(),
    identity: bool = True,
) -> tuple[Any, str]:
    """The check-and-gather function of an entry: `gather(args, kwargs)` → `(leaves, needs)`, or None.

    Args:
        shadow: what the program reaches.
        anchors: objects that paths start at, by `id`.
        call_shape: how many positional arguments, and the names of keyword arguments.
        host_guards: host expressions and the values that they must have.
        host_inputs: host expressions that are program inputs, after the array leaves.
        needs: the names that the commit function asks for.
        written: the numbers of the objects that a call writes to.
        identity: whether the user's code compares objects by identity.
    """
    out = Writer()
    count, names = call_shape
    out.guard(f"len(args) != {count}")
    out.guard(f"kwargs.keys() != {out.const(frozenset(names))}" if names else "kwargs")
    needs = list(needs)
    body = _Body(out, shadow, anchors, frozenset(needs))
    body.structure()
    body.children()
    body.distinct(written, identity)
    body.arrays()
    inputs: dict[Any, str] = body.hosts
    for expr, value in host_guards:
        name = out.expr(expr, inputs)
        out.guard(_differs(out, name, value))
    leaves = [f"l{leaf.index}" for leaf in shadow.leaves]
    hosts = [out.expr(expr, inputs) for expr in host_inputs]
    text = [*out.lines, f"return ({_tuple([*leaves, *hosts])}, {_tuple(needs)})"]
    guarded = ["try:", *(f"    {line}" for line in text), "except MISSES: return None"]
    out.namespace["MISSES"] = (KeyError, IndexError, AttributeError, TypeError, ValueError, ArithmeticError)
    return out.function("gather", "args, kwargs", guarded)


def _tuple(names: Iterable[str]) -> str:
    return "(" + "".join(f"{name}, " for name in names) + ")"


def _differs(out: Writer, text: str, value: Any) -> str:
    """The condition that a value is not the constant that it was."""
    if value is None or value is True or value is False or value is Ellipsis:
        return f"{text} is not {value}"
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType | types.CodeType):
        return f"{text} is not {out.const(value)}"
    return f"(v := {text}) is not {out.const(value)} and not same(v, {out.const(value)})"


def plain_constants(node: ObjectNode) -> bool:
    """Whether an object is a dictionary of strings to constants that compare safely by `==`."""
    if type(node.real) is not dict or not node.children:
        return False
    return all(
        isinstance(child, ConstantNode) and (child.value is None or type(child.value) in (bool, str))
        for child in node.children.values()
    ) and all(type(key) is str for key in node.real)


class _Body:
    def __init__(self, out: Writer, shadow: Shadow, anchors: dict[int, Any], needs: frozenset[str]):
        self.out = out
        self.needs = needs
        self.shadow = shadow
        self.reads = Reads(out, anchors)
        self.roots = {id(node): path for path, node in shadow.roots if node.path == path}
        self.owner: dict[int, tuple[ObjectNode, Any]] = {}
        self.hosts: dict[Any, str] = {}
        self.batched = frozenset(node.index for node in shadow.objects if plain_constants(node))
        for parent in shadow.objects:
            for step, child in parent.children.items():
                if child.path == parent.path / step:
                    self.owner[id(child)] = (parent, step)

    def read(self, node: Node) -> str:
        """Read a node through its first path."""
        if id(node) in self.roots:
            return self.reads.root(node.path)
        parent, step = self.owner[id(node)]
        return self.reads.readers[parent.index](step)  # type: ignore[no-any-return]

    def structure(self) -> None:
        """Every object with a shadow: its type and which fields it has. Parents come before what they hold."""
        for node in self.shadow.objects:
            var = f"o{node.index}"
            if not node.pinned and var not in self.needs:
                continue  # a trace-level token: made anew in every trace, whatever is there
            self.out.line(f"{var} = {self.read(node)}")
            if not isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
                self.out.guard(f"type({var}) is not {self.out.const(type(node.real))}")
            if node.index in self.batched:
                continue
            if node.pinned:
                self.reads.readers[node.index] = node.kind.check(self.out, var, node.real)

    def children(self) -> None:
        """What the objects hold, and the roots."""
        for path, node in self.shadow.roots:
            if isinstance(node, ObjectNode):
                if node.path != path:
                    self.out.guard(f"{self.reads.root(path)} is not o{node.index}")
            elif isinstance(node, LeafNode) and node.path != path:
                self.out.guard(f"{self.reads.root(path)} is not l{node.index}")
            else:
                self._value(node, self.reads.root(path))
        self._batch()
        for parent in self.shadow.objects:
            if not parent.pinned or parent.index in self.batched:
                continue
            read = self.reads.readers[parent.index]
            for step, node in parent.children.items():
                if isinstance(node, ObjectNode):
                    if node.pinned and node.path != parent.path / step:
                        self.out.guard(f"{read(step)} is not o{node.index}")
                else:
                    self._value(node, read(step))
            absent = self.shadow.absent.get(id(parent.real))
            if absent:
                self.out.guard(f"not {self.out.const(frozenset(absent))}.isdisjoint(o{parent.index})")

    def _batch(self) -> None:
        """Dictionaries of plain constants are compared all at once, in C: a third of the cost of a check each."""
        found = [node for node in self.shadow.objects if node.index in self.batched]
        if found:
            live = ", ".join(f"o{node.index}" for node in found)
            self.out.guard(f"[{live}] != {self.out.const([dict(node.real) for node in found])}")

    def _value(self, node: Node, text: str) -> None:
        out = self.out
        if isinstance(node, LeafNode):
            out.line(f"l{node.index} = {text}")
            if type(node.value) is not ARRAY_TYPE:  # the others are checked together, at the end
                out.guard(f"type(l{node.index}) is not {out.const(type(node.value))}")
        elif isinstance(node, HostNode):
            var = f"i{node.index}"
            self.hosts[symbols.Input(node.path)] = var
            out.line(f"{var} = {text}")
            out.guard(f"type({var}) is not {out.const(type(node.value))}")
            if isinstance(node.value, np.ndarray):
                dtype = out.const(node.value.dtype)
                out.guard(f"{var}.shape != {node.value.shape!r} or {var}.dtype != {dtype}")
        elif isinstance(node, OpaqueNode):
            if f"q{node.index}" in self.needs:
                out.line(f"q{node.index} = {text}")
                text = f"q{node.index}"
            out.guard(f"type({text}) is not {out.const(node.cls)}")
        else:
            assert isinstance(node, ConstantNode)
            out.guard(_differs(out, text, node.value))

    def arrays(self) -> None:
        """JAX's own arrays are what they are: one check in C for all of them."""
        names = [f"l{leaf.index}" for leaf in self.shadow.leaves if type(leaf.value) is ARRAY_TYPE]
        if names:
            self.out.guard(f"{{*map(type, {_tuple(names)})}} != {self.out.const({ARRAY_TYPE})}")

    def distinct(self, written: frozenset[int], identity: bool) -> None:
        """Objects of one type that were different objects are so in every call: an alias made outside is seen.

        It can only be told apart where one of them is written to, or where the user's own code may compare them by
        `is`.
        """
        arrays = [
            f"id(l{node.index})" for path, node in self.shadow.roots if isinstance(node, LeafNode) and node.path == path
        ]
        if len(arrays) > 1 and identity:
            self.out.guard(f"len({{{', '.join(arrays)}}}) != {len(arrays)}")
        groups: dict[type, list[ObjectNode]] = {}
        for node in self.shadow.objects:
            if node.kind.mutable and node.pinned and not isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
                groups.setdefault(type(node.real), []).append(node)
        for cls, nodes in groups.items():
            told = any(node.index in written for node in nodes)
            told = told or (identity and not leaves.is_leaf_module(cls.__module__))
            if len(nodes) > 1 and told:
                ids = ", ".join(f"id(o{node.index})" for node in nodes)
                self.out.guard(f"len({{{ids}}}) != {len(nodes)}")
