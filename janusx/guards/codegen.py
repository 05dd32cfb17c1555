"""Source of the check-and-gather function of an entry.

Guards and gather are one function, a line a check (about 20 ns each), read through the same paths; siblings alike are
checked in a loop (`guards.cohorts`). It returns None when a guard does not hold; which one, and what was found instead,
is worked out only when somebody wants to know (`guards.diagnose`).
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from janusx import leaves
from janusx.guards import cohorts
from janusx.guards.writer import Writer as Writer
from janusx.state import kinds, symbols
from janusx.state.paths import Anchor, Argument, Global, Index, Key, Keyword, Path, Step
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow

ARRAY_TYPE = type(jax.device_put(np.float32(0)))


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
    gathered: Mapping[str, symbols.Expr] = types.MappingProxyType({}),
    risky: Sequence[symbols.Expr] = (),
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
        gathered: expressions that are evaluated for the commit function, by name.
        risky: expressions that are evaluated whether anything needs them or not, since they may raise.
    """
    out = Writer()
    count, names = call_shape
    out.guard(f"len(args) != {count}")
    out.guard(f"kwargs.keys() != {out.const(frozenset(names))}" if names else "kwargs")
    needs = list(needs)
    asked = symbols.objects_in((*(expr for expr, _ in host_guards), *host_inputs, *gathered.values(), *risky))
    names_of = {node.path: f"o{node.index}" for node in shadow.objects if node.path in asked}
    names_of |= {node.path: f"q{node.index}" for node, _ in shadow.opaques if node.path in asked}
    body = _Body(out, shadow, anchors, frozenset(needs), list(names_of.values()))
    told = body.told(written, identity)
    body.structure()
    body.loops()
    body.children()
    for nodes in told:
        body.distinct(nodes)
    body.arrays(identity)
    inputs: dict[Any, str] = body.hosts
    inputs |= {symbols.Object(path): name for path, name in names_of.items()}
    for expr, value in host_guards:
        name = out.expr(expr, inputs)
        out.guard(_differs(out, name, value))
    hosts = "".join(f"{out.expr(expr, inputs)}, " for expr in host_inputs)
    given = f"(*leaves, {hosts})" if hosts else "leaves"
    for name, expr in gathered.items():
        out.line(f"{name} = {out.expr(expr, inputs)}")
    for expr in risky:
        out.expr(expr, inputs)
    text = [*out.lines, f"return {given}, {_tuple(needs)}"]
    guarded = ["try:", *(f"    {line}" for line in text), "except MISSES: return None"]
    # A warning is an exception where the user's filters say so.
    out.namespace["MISSES"] = (KeyError, IndexError, AttributeError, TypeError, ValueError, ArithmeticError, Warning)
    return out.function("gather", "args, kwargs", guarded)


def _tuple(names: Iterable[str]) -> str:
    return "(" + "".join(f"{name}, " for name in names) + ")"


def _differs(out: Writer, text: str, value: Any) -> str:
    """The condition that a value is not the constant that it was."""
    if value is None or value is True or value is False or value is Ellipsis:
        return f"{text} is not {value}"
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType | types.CodeType):
        return f"{text} is not {out.const(value)}"
    return f"{text} is not {out.const(value)} and not same({text}, {out.const(value)})"


class _Body:
    def __init__(
        self, out: Writer, shadow: Shadow, anchors: dict[int, Any], needs: frozenset[str], asked: Iterable[str]
    ):
        self.out = out
        self.needs = needs
        self.shadow = shadow
        self.reads = Reads(out, anchors)
        self.roots = {id(node): path for path, node in shadow.roots if node.path == path}
        self.owner: dict[int, tuple[ObjectNode | HostNode, Any]] = {}
        self.hosts: dict[Any, str] = {}
        self.cohorts = cohorts.find(shadow)
        self.places = cohorts.places(self.cohorts)
        self.columns = {name for name in needs if name.startswith("g")}  # lists of objects that are asked for
        self.runs: dict[int, tuple[int, str]] = {}  # by the first leaf's index: how many leaves a list holds, its name
        self.given: set[str] = set()  # constants that commit hands on, once they have their variables
        self.named = {*needs, *asked}  # variables that are asked for one by one
        holders: list[ObjectNode | HostNode] = [*shadow.objects, *shadow.hosts]
        for parent in holders:
            for step, child in parent.children.items():
                if child.path == parent.path / step:
                    self.owner[id(child)] = (parent, step)
                elif isinstance(child, ObjectNode):
                    self.named.add(f"o{child.index}")
        self.named.update(f"o{node.index}" for path, node in shadow.roots if isinstance(node, ObjectNode))

    def read(self, node: Node) -> str:
        """Read a node through its first path."""
        if id(node) in self.roots:
            return self.reads.root(node.path)
        parent, step = self.owner[id(node)]
        if isinstance(parent, HostNode):
            return self.item(parent, step)
        return self.reads.readers[parent.index](step)  # type: ignore[no-any-return]

    def item(self, host: HostNode, step: Step) -> str:
        """Read an item of a container that is host data."""
        assert isinstance(step, Index | Key)
        return f"{self.read(host)}[{self.out.literal(step.index if isinstance(step, Index) else step.key)}]"

    def structure(self) -> None:
        """Every object with a shadow: its type and which fields it has. Parents come before what they hold."""
        for node in self.shadow.objects:
            if node.index not in self.places:
                self.check_structure(node, f"o{node.index}" in self.needs)

    def check_structure(self, node: ObjectNode, needed: bool, known: bool = False) -> None:
        """Emit the checks of an object itself; `known` where its variable has it already."""
        var = f"o{node.index}"
        if not node.pinned and not needed:
            return  # a trace-level token: made anew in every trace, whatever is there
        if not known:
            self.out.line(f"{var} = {self.read(node)}")
        if not isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
            self.out.guard(f"type({var}) is not {self.out.const(type(node.real))}")
        if node.pinned:
            self.reads.readers[node.index] = self._fields(node, var)

    def _fields(self, node: ObjectNode, var: str) -> Any:
        parent, _ = self.owner.get(id(node), (None, None))
        if not isinstance(parent, HostNode) and cohorts.is_read_by_name(parent, node, leaves.is_leaf_module):
            self.out.guard(f"len({var}) != {len(node.real)}")
            return lambda step: f"{var}[{step.key!r}]"
        return node.kind.check(self.out, var, node.real)

    def children(self) -> None:
        """What the objects hold, and the roots."""
        for path, node in self.shadow.roots:
            if isinstance(node, ObjectNode):
                if node.path != path:
                    self.out.guard(f"{self.reads.root(path)} is not o{node.index}")
            elif isinstance(node, LeafNode) and node.path != path:
                self.out.guard(f"{self.reads.root(path)} is not l{node.index}")
            else:
                self.check_value(node, self.reads.root(path))
        for parent in self.shadow.objects:
            if not parent.pinned or parent.index in self.places:
                continue
            read = self.reads.readers[parent.index]
            for step, node in parent.children.items():
                if isinstance(node, ObjectNode):
                    self.check_alias(parent, step, node)
                else:
                    self.check_value(node, read(step))
            absent = self.shadow.absent.get(id(parent.real))
            if absent:
                self.out.guard(f"not {self.out.const(frozenset(absent))}.isdisjoint(o{parent.index})")

        self.containers()
        for host in self.shadow.hosts:
            for step, node in host.children.items():
                if node.path != host.path / step:
                    assert isinstance(node, ObjectNode)
                    self.out.guard(f"{self.item(host, step)} is not o{node.index}")

    def check_alias(self, parent: ObjectNode, step: Any, node: ObjectNode) -> None:
        """Emit the check that a second path leads to the same object."""
        if node.pinned and node.path != parent.path / step:
            self.out.guard(f"{self.reads.readers[parent.index](step)} is not o{node.index}")

    def check_value(self, node: Node, text: str) -> None:
        """Emit the check of a value without a shadow, and its variable where it has one."""
        out = self.out
        if isinstance(node, LeafNode):
            out.line(f"l{node.index} = {text}")  # the types of all are checked together, at the end
        elif isinstance(node, HostNode):
            var = f"i{node.index}"
            if symbols.Input(node.path) in self.hosts:
                out.guard(f"{text} is not {var}")  # a large container with two names
                return
            self.hosts[symbols.Input(node.path)] = var
            out.line(f"{var} = {text}")
            if node.structure:
                return
            out.guard(f"type({var}) is not {out.const(type(node.value))}")
            if isinstance(node.value, np.ndarray):
                dtype = out.const(node.value.dtype)
                out.guard(f"{var}.shape != {node.value.shape!r} or {var}.dtype != {dtype}")
        elif isinstance(node, OpaqueNode):
            if f"q{node.index}" in self.named:
                out.line(f"q{node.index} = {text}")
                text = f"q{node.index}"
            out.guard(f"type({text}) is not {out.const(node.cls)}")
        else:
            assert isinstance(node, ConstantNode)
            if node.name in self.given:
                out.guard(f"{text} is not {node.name}")  # one object, of which commit hands on this one
                return
            if node.name in self.needs:
                self.given.add(node.name)
                out.line(f"{node.name} = {text}")
                text = node.name
            out.guard(_differs(out, text, node.value))

    def loops(self) -> None:
        """The objects of each cohort."""
        for cohort in self.cohorts:
            Loop(self, cohort).emit()

    # --- all together -----------------------------------------------------------------------------------------------

    def arrays(self, identity: bool) -> None:
        """JAX's own arrays are what they are: one check in C for the types of all of them."""
        found, index, parts = self.shadow.leaves, 0, []
        while index < len(found):
            count, name = self.runs.get(index, (1, f"l{index}"))
            parts.append(f"*{name}" if index in self.runs else name)
            index += count
        self.out.line(f"leaves = {_tuple(parts)}")
        for place, leaf in enumerate(found):
            self.hosts.setdefault(symbols.Input(leaf.path), f"leaves[{place}]")
        if found:
            self.out.guard(f"[*map(type, leaves)] != {self.out.const([type(leaf.value) for leaf in found])}")
        if identity and len(found) > 1 and len({id(leaf.value) for leaf in found}) == len(found):
            self.out.guard(f"len({{*map(id, leaves)}}) != {len(found)}")

    def told(self, written: frozenset[int], identity: bool) -> list[list[ObjectNode]]:
        """Groups of objects of one type that were different objects, and must be: an alias made outside is seen.

        It can only be told apart where one of them is written to, or where the user's own code may compare them by
        `is`.
        """
        groups: dict[type, list[ObjectNode]] = {}
        for node in self.shadow.objects:
            if node.kind.mutable and node.pinned and not isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
                groups.setdefault(type(node.real), []).append(node)
        found = []
        for cls, nodes in groups.items():
            told = any(node.index in written for node in nodes)
            told = told or (identity and not leaves.is_leaf_module(cls.__module__))
            if len(nodes) > 1 and told:
                found.append(nodes)
                self.columns.update(self.places[node.index].column for node in nodes if node.index in self.places)
        return found

    def containers(self) -> None:
        """Containers that are data of the host are different ones: what is added under one name is read under that."""
        for cls in (list, dict, set):
            hosts = [node for node in self.shadow.hosts if type(node.value) is cls and not node.structure]
            copied = [node for node in self.shadow.objects if type(node.real) is cls and node.index not in self.places]
            names = [*(f"i{node.index}" for node in hosts), *(f"o{node.index}" for node in copied if node.pinned)]
            if hosts and len(names) > 1:
                self.out.guard(f"len({{{', '.join(f'id({name})' for name in names)}}}) != {len(names)}")

    def distinct(self, nodes: Sequence[ObjectNode]) -> None:
        """Emit the check of such a group."""
        parts: dict[str, None] = {}
        for node in nodes:
            place = self.places.get(node.index)
            parts.setdefault(f"id(o{node.index})" if place is None else f"*map(id, {place.column})")
        # Whether numbers differ depends on them alone: those of the last call need no second look (57 → 30 ns each).
        known = self.out.const([None])
        self.out.line(f"ids = [{', '.join(parts)}]")
        self.out.line(f"if ids != {known}[0]:")
        self.out.line(f"    if len({{*ids}}) != {len(nodes)}: return None")
        self.out.line(f"    {known}[0] = ids")


class Loop:
    """The loop over one cohort: its body is written for the first member, and its variables are named after it."""

    def __init__(self, body: _Body, cohort: cohorts.Cohort):
        self.body = body
        self.out = body.out
        self.cohort = cohort
        self.first = cohort.rows[0]
        self.lists: dict[str, list[str]] = {}  # what is collected for each member, by the name of the list
        self.unpacked: dict[str, list[str]] = {}  # the variables that a list becomes after the loop
        self.varying: dict[str, str] = {}  # constants that differ from member to member
        self.arrays: dict[int, str] = {}

    def emit(self) -> None:
        """Emit the loop, and what makes single variables of its lists."""
        before, self.out.lines = self.out.lines, []
        self._checks()
        checks, self.out.lines = self.out.lines, before
        members = self._members()
        source = f"zip({', '.join([members, *self.varying.values()])})" if self.varying else members
        self.out.line(f"# {self.first[0].path} and {len(self.cohort.rows) - 1} alike")
        self.out.lines += [f"{name} = []" for name in self.lists]
        self.out.line(f"for {', '.join([f'o{self.first[0].index}', *self.varying])} in {source}:")
        collected = [f"{name}.append({text})" for name, texts in self.lists.items() for text in texts]
        self.out.lines += [f"    {line}" for line in [*checks, *collected]]
        for name, variables in self.unpacked.items():
            self.out.line(f"{_tuple(variables)} = {name}")

    def _members(self) -> str:
        parent, members = self.cohort.parent, list(self.cohort.members)
        held = list(parent.children.values())
        if type(parent.real) in (list, tuple) and members in (held, held[::-1]):
            return f"o{parent.index}{'' if members == held else '[::-1]'}"
        return _tuple(self.body.read(member) for member in members)

    def _checks(self) -> None:
        columns = self.cohort.columns
        for position, column in enumerate(columns):
            wanted = self._collect(position, column)
            self.body.check_structure(column[0], wanted, known=position == 0)
        for column in columns:
            node = column[0]
            for step, child in node.children.items() if node.pinned else ():
                text = self.body.reads.readers[node.index](step)
                if isinstance(child, ObjectNode):
                    self.body.check_alias(node, step, child)
                elif isinstance(child, LeafNode):
                    self.arrays[child.index] = text
                elif isinstance(child, ConstantNode):
                    self._constants(cohorts.constants_of(column, step), text)
                else:
                    self._values([parent.children[step] for parent in column], text)
        if self.arrays:
            self._leaves()

    def _collect(self, position: int, column: Sequence[ObjectNode]) -> bool:
        """Collect the objects at a position if somebody asks for them, together or one by one; returns whether."""
        wanted = False
        for end in ("", "_d"):
            names, name = [f"o{node.index}{end}" for node in column], self.cohort.column(position) + end
            single = not self.body.named.isdisjoint(names)
            if single or name in self.body.columns:
                self.lists[name] = names[:1]
                wanted = True
            if single:
                self.unpacked[name] = names
        return wanted

    def _constants(self, values: list[Any], text: str) -> None:
        if all(value is values[0] for value in values):
            self.out.guard(_differs(self.out, text, values[0]))
            return
        name = f"k{self.cohort.number}_{len(self.varying)}"
        self.varying[name] = self.out.const(values)
        self.out.guard(f"{text} is not {name} and not same({text}, {name})")

    def _values(self, nodes: Sequence[Node], text: str) -> None:
        """Values that go by a name of their own: host values, and what is not looked into."""
        letter = "i" if isinstance(nodes[0], HostNode) else "q"
        names = [f"{letter}{node.index}" for node in nodes]  # type: ignore[attr-defined]
        if letter == "i" or not self.body.named.isdisjoint(names):
            self.body.named.add(names[0])
            name = f"v{self.cohort.number}_{len(self.unpacked)}"
            self.lists[name], self.unpacked[name] = names[:1], names
        self.body.check_value(nodes[0], text)
        for node, name in zip(nodes, names, strict=True):
            if isinstance(node, HostNode):
                self.body.hosts[symbols.Input(node.path)] = name

    def _leaves(self) -> None:
        name = f"l_{self.cohort.number}"
        self.lists[name] = [self.arrays[index] for index in sorted(self.arrays)]
        found = [leaf.index for row in self.cohort.rows for leaf in cohorts.leaves_of(row)]
        if found == list(range(found[0], found[0] + len(found))):
            self.body.runs[found[0]] = (len(found), name)
        else:
            self.unpacked[name] = [f"l{index}" for index in found]
