"""What changed: the fields of the shadows now, against what they were before the function ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from janusx.state import kinds, policy, symbols
from janusx.state.paths import Path, Step
from janusx.state.shadow import GROWS, ConstantNode, ObjectNode, Shadow


@dataclass(frozen=True)
class Change:
    """One object that changed.

    Attributes:
        node: the object.
        before: its fields before, as shadows.
        after: its fields now.
        changed: the steps in `after` that are new or hold something else.
    """

    node: ObjectNode
    before: dict[Step, Any]
    after: dict[Step, Any]
    changed: frozenset[Step]

    @property
    def grew(self) -> bool:
        """Whether a list only had items appended."""
        return (
            isinstance(self.node.kind, kinds.ListKind)
            and all(step not in self.before for step in self.changed)
            and (len(self.after) == len(self.before) + len(self.changed))
        )


def changes(shadow: Shadow) -> Iterator[Change]:
    """All objects that changed, parents first."""
    for node in shadow.objects:
        if not node.kind.mutable or not node.pinned:
            continue
        after = dict(node.kind.fields(node.shadow))
        before = before_of(node)
        changed = frozenset(
            step
            for step, value in after.items()
            if step not in before or (before[step] is not value and not both_fresh(before[step], value))
        )
        reordered = isinstance(node.kind, kinds.DictKind) and list(after) != list(before)
        if changed or after.keys() != before.keys() or reordered:
            yield Change(node, before, after, changed)


def both_fresh(before: Any, after: Any) -> bool:
    """Whether a trace-level token was replaced by another: nothing to carry over."""
    if type(before) is not type(after):
        return False
    rule = policy.REGISTRY.rule(type(after))
    return rule is not None and rule.mode == "fresh"


def before_of(node: ObjectNode) -> dict[Step, Any]:
    """The fields of an object's shadow before the function ran."""
    if isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
        return {**node.original, **node.initial}
    return node.initial


def to_relax(found: list[Change]) -> dict[Path, str]:
    """Constants that the function itself changes: from now on they are inputs, so that no call compiles them in."""
    relaxed: dict[Path, str] = {}
    for change in found:
        if change.grew and change.before == change.node.initial and type(change.node.real) is list:
            relaxed[change.node.path] = GROWS
            continue
        for step in change.changed:
            child = change.node.children.get(step)
            if isinstance(child, ConstantNode) and isinstance(child.value, bool | int | float | complex):
                value = change.after[step]
                if (
                    symbols.is_sym(value)
                    or type(value) is not type(child.value)
                    or not symbols.same(value, child.value)
                ):
                    relaxed[child.path] = "the function sets it"
    return relaxed
