"""Snapshots of the objects that traced code can reach: what a region wrote is found by comparison, and undone.

While a branch or a loop body is traced its writes must not leak. Snapshot, trace, diff, restore.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from janusx.signals import Unstageable, Unsupported
from janusx.state import kinds, policy
from janusx.state.growing import Growing
from janusx.state.paths import Step
from janusx.state.shadow import ObjectNode
from janusx.tracing.iterators import is_iterator, state

_PLAIN = (
    str,
    int,
    float,
    bool,
    bytes,
    complex,
    type(None),
    type,
    types.ModuleType,
    types.BuiltinFunctionType,
    types.CodeType,
)


@dataclass(frozen=True, eq=False)
class Held:
    """An object in a snapshot, with the fields that it had."""

    value: Any
    kind: kinds.Kind
    snapshot: tuple[tuple[Step, Any], ...]
    node: ObjectNode | None = None  # of a namespace, whose members are followed as code turns out to use them
    known: frozenset[Step] = frozenset()  # those that were followed when the snapshot was taken

    @property
    def fields(self) -> tuple[tuple[Step, Any], ...]:
        """The fields at the snapshot; of a member followed since then the shadow, which is what code sees of it."""
        if self.node is None or len(self.node.children) == len(self.known):
            return self.snapshot
        late = {step: self.node.initial[step] for step in self.node.children if step not in self.known}
        return tuple((step, late.get(step, value)) for step, value in self.snapshot)


@dataclass(frozen=True, eq=False)
class Written:
    """An object that a region changed: its steps before and after, and the values of those that differ."""

    held: Held
    after: dict[Step, Any]
    changed: tuple[Step, ...]


class Heap:
    """A snapshot of every mutable object that is reachable from the shadows and from `roots`."""

    def __init__(self, trace: Any, roots: Iterable[Any]):
        self._trace = trace
        self._held: dict[int, Held] = {}
        self._made: dict[int, Any] = {}
        # Tokens of the trace around: a library may write between the end of a scope and our next word.
        self._tokens = [(token, kinds.INSTANCE.fields(token)) for token, _ in trace.shadow.fresh]
        self._iterators: list[tuple[Any, tuple[Any, ...]]] = []
        self._arrays: dict[int, Any] = {}
        self._nodes = len(trace.shadow.objects)
        pending: list[Any] = list(roots)
        pending += [node.shadow for node in trace.shadow.objects if not _is_namespace(node)]
        for node in trace.shadow.objects:
            if _is_namespace(node) and node.kind.mutable:
                self._hold_namespace(node, tuple(node.kind.fields(node.shadow)), frozenset(node.children), pending)
        self._walk(pending)

    def _walk(self, pending: list[Any]) -> None:
        seen: set[int] = set()
        keep = []
        while pending:
            value = pending.pop()
            if type(value) is types.BuiltinFunctionType:
                value = value.__self__  # `push = found.append`
            if type(value) in _PLAIN or id(value) in seen or id(value) in self._held:
                continue
            seen.add(id(value))
            keep.append(value)
            category = policy.category(value)
            if not isinstance(category, kinds.Kind):
                if is_iterator(value):
                    self._iterators.append((value, state(value)))
                elif category == "leaf":
                    self._arrays[id(value)] = value
                continue
            if category.mutable:
                self._hold(value, category, pending)
            else:
                pending.extend(item for _, item in category.fields(value))

    def _hold(self, value: Any, kind: kinds.Kind, pending: list[Any]) -> None:
        fields = tuple(kind.fields(value))
        self._held[id(value)] = Held(value, kind, fields)
        pending.extend(item for _, item in fields)

    def _hold_namespace(self, node: ObjectNode, fields: Any, known: frozenset[Step], pending: list[Any]) -> None:
        self._held[id(node.shadow)] = Held(node.shadow, node.kind, fields, node, known)
        pending.extend(item for step, item in fields if step in known)  # only what code uses

    def _catch_up(self) -> None:
        """Hold what was reached for the first time since: nobody can have changed it before the snapshot."""
        objects = self._trace.shadow.objects
        late, self._nodes = objects[self._nodes :], len(objects)
        for node in late:
            if id(node.shadow) in self._held or not node.kind.mutable:
                continue
            if _is_namespace(node):
                fields = {**node.original, **node.initial}
                self._hold_namespace(node, tuple(fields.items()), frozenset(), [])
            elif isinstance(policy.category(node.shadow), kinds.Kind):
                self._held[id(node.shadow)] = Held(node.shadow, node.kind, tuple(node.initial.items()))

    def __contains__(self, value: Any) -> bool:
        self._catch_up()
        return id(value) in self._held

    @property
    def arrays(self) -> dict[int, Any]:
        """The arrays that can be reached from outside of the region, by `id`."""
        return {id(value): value for value in self._trace.inputs.leaves} | self._arrays

    def all(self) -> list[Held]:
        """Every object in the snapshot."""
        return list(self._held.values())

    def place(self, value: Any) -> int:
        """The place of an object in the snapshot: the same in every pass over the same code."""
        return list(self._held).index(id(value))

    def held(self, place: int) -> Held:
        """The object at a place."""
        return list(self._held.values())[place]

    def leaves_once(self, value: Any) -> None:
        """Refuse an object made in the region that leaves it by two ways: the copies would be two objects."""
        if id(value) in self._made:
            raise Unstageable(f"one {type(value).__name__} made in a staged region is reached by two names after it")
        self._made[id(value)] = value

    def writes(self) -> list[Written]:
        """What changed since the snapshot."""
        self._catch_up()
        if any(state(iterator) != before for iterator, before in self._iterators):
            raise Unsupported("an iterator made before a staged region is advanced in it")
        fresh = {id(token) for token, _ in self._trace.shadow.fresh}
        found = []
        for held in self._held.values():
            if id(held.value) in fresh:
                continue
            before = dict(held.fields)
            after = dict(held.kind.fields(held.value))
            changed = tuple(step for step, value in after.items() if step not in before or before[step] is not value)
            if changed or after.keys() != before.keys():
                found.append(Written(held, after, changed))
        return found

    def restore(self) -> None:
        """Put every object back as it was at the snapshot."""
        self._iterators.clear()
        for written in self.writes():
            written.held.kind.fill(written.held.value, written.held.fields)
        for token, fields in self._tokens:
            kinds.INSTANCE.fill(token, fields)


def only_grew(held: Held, steps: tuple[Step, ...], changed: tuple[Step, ...]) -> bool:
    """Whether all that happened to an object is that items were appended to it."""
    before = dict(held.fields)
    return (
        type(held.value) in (list, Growing)
        and isinstance(held.kind, kinds.ListKind)
        and set(before) < set(steps)
        and not set(before) & set(changed)
    )


def _is_namespace(node: ObjectNode) -> bool:
    return isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind)
