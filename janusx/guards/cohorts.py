"""Objects alike: siblings of one class whose contents have one layout, checked in one loop of the generated code.

Twenty layers are twenty times the same lines: written once, they can be read, and after the first member they are in
the caches. A loop collects what the program and commit ask for, in their order, so that both take whole lists.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.state import kinds
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow

SMALLEST = 4
"""Fewer objects alike than this are written out one by one."""

_PLAIN_TYPES = (list, tuple, dict)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Siblings that are checked together.

    Attributes:
        number: from 0; the names of what a loop collects have it.
        parent: what holds the members.
        rows: for each member the objects of its subtree, itself first, in the same order for all.
    """

    number: int
    parent: ObjectNode
    rows: tuple[tuple[ObjectNode, ...], ...]

    @property
    def members(self) -> tuple[ObjectNode, ...]:
        """The siblings."""
        return tuple(row[0] for row in self.rows)

    @property
    def columns(self) -> tuple[tuple[ObjectNode, ...], ...]:
        """The objects by their place in the subtree."""
        return tuple(zip(*self.rows, strict=True))

    def column(self, position: int) -> str:
        """The name of the list of the objects at a position."""
        return f"g{self.number}_{position}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands in a cohort."""

    cohort: Cohort
    member: int
    position: int

    @property
    def column(self) -> str:
        """The name of the list that it is in, where that list is asked for."""
        return self.cohort.column(self.position)


def find(shadow: Shadow) -> tuple[Cohort, ...]:
    """The cohorts of a shadow: the outermost objects alike. The same for the same shadow."""
    layouts = _Layouts(shadow)
    inside: set[int] = set()
    found: list[Cohort] = []
    for parent in shadow.objects:
        if parent.index in inside or not parent.pinned:
            continue
        alike: dict[Any, list[ObjectNode]] = {}
        for child in parent.children.values():
            layout = layouts.of(child) if isinstance(child, ObjectNode) else None
            if layout is not None and layouts.owner.get(id(child)) is parent:
                alike.setdefault(layout, []).append(child)  # type: ignore[arg-type]
        for members in alike.values():
            if len(members) < SMALLEST:
                continue
            rows = sorted((tuple(layouts.subtree(member)) for member in members), key=_first_leaf)
            found.append(Cohort(len(found), parent, tuple(rows)))
            inside.update(node.index for row in rows for node in row)
    return tuple(cohort for cohort in found if not layouts.aliases(cohort) & inside)


def places(cohorts: Sequence[Cohort]) -> dict[int, Place]:
    """Where each object of the cohorts stands, by its number."""
    return {
        node.index: Place(cohort, member, position)
        for cohort in cohorts
        for member, row in enumerate(cohort.rows)
        for position, node in enumerate(row)
    }


def leaves_of(row: Sequence[ObjectNode]) -> list[LeafNode]:
    """The arrays that a row holds, in the order of the program's inputs."""
    found = [node for parent in row for node in parent.children.values() if isinstance(node, LeafNode)]
    return sorted(found, key=lambda leaf: leaf.index)


def _first_leaf(row: Sequence[ObjectNode]) -> int:
    found = leaves_of(row)
    return found[0].index if found else 0


class _Layouts:
    """What two objects must have in common to be checked by the same lines."""

    def __init__(self, shadow: Shadow):
        self._shadow = shadow
        self._known: dict[int, Any] = {}
        self.owner = {
            id(child): parent
            for parent in shadow.objects
            for step, child in parent.children.items()
            if child.path == parent.path / step
        }

    def of(self, node: ObjectNode) -> Any:
        """The layout of an object and all that it owns, or None where it is not of a kind that a loop can check."""
        if node.index not in self._known:
            self._known[node.index] = None  # an object that holds itself
            self._known[node.index] = self._make(node)
        return self._known[node.index]

    def _make(self, node: ObjectNode) -> Any:
        if not node.pinned:
            return ("token",)  # made anew in every trace
        cls: type = type(node.real)
        plain = cls in _PLAIN_TYPES or isinstance(node.kind, kinds.InstanceKind | kinds.TupleKind)
        if not plain or id(node.real) in self._shadow.absent:
            return None
        parts: list[Any] = [cls]
        for step, child in node.children.items():
            part = self._part(node, child)
            if part is None:
                return None
            parts.append((step, part))
        return tuple(parts)

    def _part(self, parent: ObjectNode, child: Node) -> Any:
        if isinstance(child, ObjectNode):
            if self.owner.get(id(child)) is not parent:
                return ("alias", child.index)
            return self.of(child)
        if isinstance(child, HostNode):
            value = child.value
            return ("host", type(value), (value.shape, value.dtype) if isinstance(value, np.ndarray) else None)
        if isinstance(child, OpaqueNode):
            return ("opaque", child.cls)
        return ("array",) if isinstance(child, LeafNode) else ("constant",)

    def subtree(self, node: ObjectNode) -> Iterator[ObjectNode]:
        """An object and those that it owns, parents first."""
        yield node
        for child in node.children.values():
            if isinstance(child, ObjectNode) and self.owner.get(id(child)) is node:
                yield from self.subtree(child)

    def aliases(self, cohort: Cohort) -> set[int]:
        """The objects that a cohort's members hold, but which were met before."""
        return {
            child.index
            for row in cohort.rows
            for parent in row
            for child in parent.children.values()
            if isinstance(child, ObjectNode) and self.owner.get(id(child)) is not parent
        }


def constants_of(column: Sequence[ObjectNode], step: Any) -> list[Any]:
    """What the objects of a column hold at a step, where that is taken for granted."""
    nodes = [node.children[step] for node in column]
    return [node.value for node in nodes if isinstance(node, ConstantNode)]


def is_read_by_name(parent: ObjectNode | None, node: ObjectNode, leaf_module: Any) -> bool:
    """Whether a dictionary is a library object's own, of strings to plain constants: no user code sees its order."""
    if parent is None or type(node.real) is not dict or not isinstance(parent.kind, kinds.InstanceKind):
        return False
    if not leaf_module(type(parent.real).__module__) or not all(type(key) is str for key in node.real):
        return False
    return all(
        isinstance(child, ConstantNode) and isinstance(child.value, bool | str | types.NoneType)
        for child in node.children.values()
    )
