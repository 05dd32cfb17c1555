"""The shadow: a copy of the reachable objects, one by one, with tracers in place of arrays.

Beside it the nodes, which say what was found where: guards, gather and write-back are generated from them. Aliasing and
cycles are kept by a memo on `id`: the second path to an object leads to the same node.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from janusx import leaves
from janusx.signals import Structured, Unrelax, Unsupported
from janusx.state import attributes, kinds, policy, symbols
from janusx.state.opaque import Opaque
from janusx.state.paths import Attr, Closure, Field, Global, Index, Key, Path, Slot, Step
from janusx.state.structure import STRUCTURE, Structure

GROWS = "it grows"
"""Why a list is not copied: its length is no constant of the program."""


@dataclass(eq=False, slots=True)
class Node:
    """Something found at a path."""

    path: Path


@dataclass(eq=False, slots=True)
class LeafNode(Node):
    """A JAX array: an input of the program. Its shape and dtype are guarded by `jax.jit`, its type here."""

    index: int
    value: Any


@dataclass(eq=False, slots=True)
class ConstantNode(Node):
    """A value that is taken for granted."""

    value: Any
    name: str = ""  # of the variable, where commit hands on the object that a call has there


@dataclass(eq=False, slots=True)
class HostNode(Node):
    """A host value that may change between calls: its type (for NumPy arrays also shape and dtype) is guarded."""

    value: Any
    index: int = 0
    children: dict[Step, Node] = field(default_factory=dict)  # of a container: the objects in it that were asked for
    structure: bool = False  # whether Python walks it, so that nothing of it is guarded


@dataclass(eq=False, slots=True)
class OpaqueNode(Node):
    """An object that is not looked into: its type is guarded."""

    cls: type
    index: int = 0


@dataclass(eq=False, slots=True)
class ObjectNode(Node):
    """An object with a shadow."""

    index: int
    kind: kinds.Kind
    real: Any
    shadow: Any = None
    children: dict[Step, Node] = field(default_factory=dict)
    initial: dict[Step, Any] = field(default_factory=dict)  # the shadow's fields before the function ran
    original: dict[Step, Any] = field(default_factory=dict)  # of a namespace: all its members as they really are
    pinned: bool = True  # whether its content is guarded (a cell or a class found on demand may be guarded in part)


class Shadow:
    """The shadow of everything that was reached from the roots so far.

    Args:
        leaf: gives what stands for the array leaf of an index (a tracer).
        relaxed: paths of host values that are not constants.
        limit: containers with more items than this are host data.
    """

    def __init__(self, leaf: Callable[[LeafNode], Any], relaxed: Mapping[Path, str], limit: int):
        self._leaf = leaf
        self._relaxed = relaxed
        self._limit = limit
        self._pending: list[ObjectNode] = []
        self._memo: dict[int, ObjectNode] = {}
        self._walked: set[int] = set()  # structures, by id
        self._grown: dict[int, tuple[Node, Any]] = {}  # containers that are host data, by id
        self._keep: list[Any] = []  # ids in the memo stay valid while the shadow lives
        self.roots: list[tuple[Path, Node]] = []
        self.leaves: list[LeafNode] = []
        self.hosts: list[HostNode] = []
        self.opaques: list[tuple[OpaqueNode, Any]] = []
        self.objects: list[ObjectNode] = []
        self.by_shadow: dict[int, ObjectNode] = {}
        self.fresh: list[tuple[Any, Callable[[Any], Any]]] = []
        self.absent: dict[
            int, set[str]
        ] = {}  # names that are not in a module's globals (builtins), by id of the dictionary
        self.modules: dict[types.ModuleType, None] = {}  # likewise the user's modules
        self.classes: dict[type, None] = {}  # the user's classes that were reached, to be followed by the trace

    def add_root(self, path: Path, value: Any) -> Any:
        """Copy what is reachable from a root; returns the root's shadow."""
        if isinstance(value, jax.Array):
            for _, known in self.roots:
                if isinstance(known, LeafNode) and known.value is value:  # `f(x, x)`: the two are one, also for `is`
                    self.roots.append((path, known))
                    return self._leaf(known)
        node, shadow = self._copy(path, value)
        self.roots.append((path, node))
        self._settle()
        return shadow

    def add_static(self, path: Path, value: Any) -> Any:
        """Take a root as a constant, compared by `==` in each call."""
        self.roots.append((path, ConstantNode(path, value)))
        return value

    def namespace(self, path: Path, real: Any, shadow: Any, kind: kinds.Kind) -> ObjectNode:
        """The node of a class, a module or its globals, whose members are followed one by one (`follow`)."""
        known = self._memo.get(id(real))
        if known is not None:
            return known
        node = self._remember(path, real, kind)
        node.shadow = shadow
        if kind.mutable:
            node.original = dict(kind.fields(real))
        self.by_shadow[id(shadow)] = node
        self.roots.append((path, node))
        return node

    def follow(self, node: ObjectNode, step: Step, value: Any) -> Any:
        """Copy what one member of a namespace holds; returns its shadow."""
        node.children[step], shadow = self._copy(node.path / step, value)
        node.initial[step] = shadow
        self._settle()
        return shadow

    def item(self, path: Path, key: Any) -> Any:
        """Copy one object that a container of host data holds; returns its shadow."""
        node = next(node for node in self.hosts if node.path == path)
        step = Index(key) if isinstance(node.value, list) else Key(key, type(key))
        if step not in node.children:
            node.children[step], _ = self._copy(path / step, node.value[key])
            self._settle()
        return self.shadow_of(node.value[key])

    def constants(self) -> list[ConstantNode]:
        """Every value that was taken for granted."""
        found = [node for _, node in self.roots if isinstance(node, ConstantNode)]
        found += [
            node for parent in self.objects for node in parent.children.values() if isinstance(node, ConstantNode)
        ]
        return found

    def sizes(self) -> list[tuple[Path, type[Collection[Any]], int]]:
        """The containers of values that objects hold, with their lengths; not those that are part of a pytree."""
        found, trees = [], set[int]()
        for node in self.objects:
            container = type(node.real) in (list, dict, set)
            if not jax.tree_util.all_leaves([node.real]) and (not container or id(node) in trees):
                trees.update(id(child) for child in node.children.values())
            elif container and node.pinned and len(node.path.steps) > 1 and policy.is_data(node.real):
                found.append((node.path, type(node.real), len(node.real)))
        return [entry for entry in found if any(isinstance(step, Attr | Slot | Global) for step in entry[0].steps)]

    def dtypes(self) -> list[Any]:
        """The dtypes of all arrays, keys and random numbers' states apart."""
        found = {leaf.value.dtype for leaf in self.leaves}
        return [one for one in found if not jnp.issubdtype(one, jax.dtypes.extended) and one != np.uint32]

    def node_of(self, real: Any) -> ObjectNode | None:
        """The node of a real object that was reached."""
        return self._memo.get(id(real))

    def shadow_of(self, real: Any) -> Any:
        """The shadow of a real object that was reached, or the object itself."""
        node = self._memo.get(id(real))
        return real if node is None else node.shadow

    def _settle(self) -> None:
        while self._pending:
            node = self._pending.pop()
            fields, before = [], len(self._pending)
            for step, value in node.kind.fields(node.real):
                node.children[step], shadow = self._copy(node.path / step, value)
                fields.append((step, shadow))
            self._pending[before:] = self._pending[before:][::-1]  # the first child is the next, as a reader expects
            node.kind.fill(node.shadow, fields)
            node.initial = dict(fields)

    def _copy(self, path: Path, value: Any) -> tuple[Node, Any]:
        if id(value) in self._walked and path not in self._relaxed:
            raise Structured((path,))  # Python walks it under another name
        if self._relaxed.get(path) == STRUCTURE:
            if id(value) in self._memo:
                raise Structured((self._memo[id(value)].path,))
            self._walked.add(id(value))
            self._keep.append(value)
            walked = HostNode(path, value, len(self.hosts), structure=True)
            self.hosts.append(walked)
            return walked, Structure(symbols.Input(path), value)
        known = self._memo.get(id(value))
        if known is not None:
            if self._relaxed.get(path) == GROWS:
                raise Unrelax(path)  # what is added to it under one name is read under the other
            return known, known.shadow
        grown = self._grown.get(id(value))
        if grown is not None:
            if grown[0].path in self._relaxed:
                raise Unrelax(grown[0].path)
            return grown
        if type(value) is super:
            raise Unsupported("a `super` object is given, which stands for another object")
        category = policy.category(value)
        if category == "leaf":
            node = LeafNode(path, len(self.leaves), value)
            self.leaves.append(node)
            return node, self._leaf(node)
        if category == "constant" and len(path.steps) == 1 and attributes.may_hold(value):
            return self._opaque(path, value, False)
        if category == "constant":
            if isinstance(value, type) and not leaves.is_leaf_module(value.__module__):
                self.classes.setdefault(value)
            if isinstance(value, types.ModuleType) and not leaves.is_leaf_module(value.__name__):
                self.modules.setdefault(value)
            return ConstantNode(path, value), value
        if category in ("scalar", "array"):
            return self._host(path, value, category == "scalar" or isinstance(value, np.generic))
        if isinstance(category, kinds.Kind):
            if self._is_host_data(path, value):
                self._keep.append(value)
                self._grown[id(value)] = self._host(path, value, False)
                return self._grown[id(value)]
            return self._object(path, value, category)
        return self._opaque(path, value, category == "fresh")

    def _host(self, path: Path, value: Any, constant: bool) -> tuple[Node, Any]:
        if constant and path not in self._relaxed:
            return ConstantNode(path, value), value
        node = HostNode(path, value, len(self.hosts))
        self.hosts.append(node)
        return node, symbols.Sym(symbols.Input(path), value)

    def _is_host_data(self, path: Path, value: Any) -> bool:
        if not isinstance(value, list | dict | set):
            return False
        return self._relaxed.get(path) == GROWS or len(value) > self._limit

    def _opaque(self, path: Path, value: Any, fresh: bool) -> tuple[Node, Any]:
        if not fresh:
            node = OpaqueNode(path, type(value), len(self.opaques))
            self.opaques.append((node, value))
            return node, Opaque(node, value)
        rule = policy.REGISTRY.rule(type(value))
        assert rule is not None
        assert rule.make is not None
        shadow = rule.make(value)
        self.fresh.append((shadow, rule.make))
        token = self._remember(path, value, kinds.INSTANCE)
        token.shadow = shadow
        token.pinned = False
        self.by_shadow[id(shadow)] = token
        return token, shadow

    def _remember(self, path: Path, value: Any, kind: kinds.Kind) -> ObjectNode:
        node = ObjectNode(path, len(self.objects), kind, value)
        self.objects.append(node)
        self._memo[id(value)] = node
        self._keep.append(value)
        return node

    def _object(self, path: Path, value: Any, kind: kinds.Kind) -> tuple[Node, Any]:
        node = self._remember(path, value, kind)
        if isinstance(kind, kinds.InstanceKind):
            for base in type(value).__mro__:
                if not leaves.is_leaf_module(base.__module__):
                    self.classes.setdefault(base)
        if kind.mutable:
            node.shadow = kind.shell(value)
            self.by_shadow[id(node.shadow)] = node
            self._pending.append(node)
            return node, node.shadow
        fields = []
        for step, item in kind.fields(value):
            node.children[step], shadow = self._copy(path / step, item)
            fields.append((step, shadow))
        node.shadow = self._remake(value, fields)
        node.initial = dict(fields)
        self.by_shadow[id(node.shadow)] = node
        return node, node.shadow

    def _remake(self, value: Any, fields: list[tuple[Step, Any]]) -> Any:
        items = [item for _, item in fields]
        if all(new is old for new, (_, old) in zip(items, policy_fields(value), strict=True)):
            return value
        if isinstance(value, tuple):
            return kinds.TUPLE.remake(type(value), items)
        if isinstance(value, types.MethodType):
            return types.MethodType(items[1], items[0])
        if isinstance(value, types.FunctionType):
            return remake_function(value, fields)
        return kinds.PARTIAL.remake(type(value), fields)


def policy_fields(value: Any) -> list[tuple[Step, Any]]:
    """The fields of an object of an immutable kind."""
    kind = policy.category(value)
    assert isinstance(kind, kinds.Kind)
    return kind.fields(value)


def remake_function(fn: types.FunctionType, fields: list[tuple[Step, Any]]) -> types.FunctionType:
    """The same function over other cells and defaults."""
    cells = list(fn.__closure__ or ())
    defaults: Any = fn.__defaults__
    kwdefaults: Any = fn.__kwdefaults__
    for step, item in fields:
        if isinstance(step, Closure):
            cells[step.index] = item
        elif step == Field("__defaults__"):
            defaults = item
        else:
            kwdefaults = item
    made = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, defaults, tuple(cells) or None)
    made.__kwdefaults__ = kwdefaults
    made.__qualname__ = fn.__qualname__
    made.__dict__.update(fn.__dict__)
    made.__module__ = fn.__module__
    return made
