"""Write-back to objects alike: one loop for a cohort whose members all get new outputs at the same fields."""

from __future__ import annotations

import collections
import inspect
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from janusx.guards import cohorts
from janusx.guards.codegen import Writer
from janusx.state import kinds
from janusx.state.diff import Change
from janusx.state.paths import Slot, Step
from janusx.state.shadow import Shadow

each = collections.deque[Any](maxlen=0).extend
"""Runs an iterator to its end, in C, and keeps nothing of it."""

_OUTPUT = re.compile(r"outs\[(\d+)\]")


@dataclass(frozen=True)
class Alike:
    """Changes of the objects of one column of a cohort: of the same fields, each to an output of the program.

    Attributes:
        column: the name of the list of these objects.
        changes: by member.
        steps: the fields.
        outs: for each field the expression of the new values, by member.
    """

    column: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    outs: tuple[str, ...]

    def lines(self, writer: Writer) -> tuple[list[str], set[str]]:
        """The lines that write, and the names that gather must hand over."""
        first = self.changes[0]
        setter = slot_setter(type(first.node.real), self.steps)
        if setter is not None:
            writer.namespace["each"] = each
            field = self.steps[0].name  # type: ignore[attr-defined]
            line = f"each(map({writer.const(setter)}, {self.column}, {self.outs[0]}))  # sets {field} of all"
            return [line], {self.column}
        inner = writer.block()
        var = f"o{first.node.index}"
        new = {step: f"v{number}" for number, step in enumerate(self.steps)}
        first.node.kind.write(inner, var, dict(first.before), dict.fromkeys(first.after, "") | new, set(self.steps))
        text = "\n".join(inner.lines)
        used = [end for end in ("", "_d") if re.search(rf"\b{var}{end}\b", text)]
        names = [*(var + end for end in used), *new.values()]
        sources = [*(self.column + end for end in used), *self.outs]
        head = f"for {', '.join(names)} in zip({', '.join(sources)}):"
        return [head, *(f"    {line}" for line in inner.lines)], {self.column, *(self.column + end for end in used)}


def alike(shadow: Shadow, found: Sequence[Change], texts: Sequence[Mapping[Step, str]]) -> dict[int, tuple[Alike, int]]:
    """What can be written in loops, by the number of each object that is, with its place in the list.

    Args:
        shadow: the shadow after the function ran.
        found: the changes.
        texts: for each the expressions of its new values, by field.
    """
    places = cohorts.places(cohorts.find(shadow))
    columns: dict[str, list[tuple[int, Change, Mapping[Step, str]]]] = {}
    for change, text in zip(found, texts, strict=True):
        place = places.get(change.node.index)
        if place is not None and not isinstance(change.node.kind, kinds.NamespaceKind):
            columns.setdefault(place.column, []).append((place.member, change, text))
    made: dict[int, tuple[Alike, int]] = {}
    for column, entries in columns.items():
        entries.sort(key=lambda entry: entry[0])
        group = _group(column, entries, len(places[entries[0][1].node.index].cohort.rows))
        if group is not None:
            made.update({change.node.index: (group, member) for member, change in enumerate(group.changes)})
    return made


def _group(column: str, entries: Sequence[tuple[int, Change, Mapping[Step, str]]], count: int) -> Alike | None:
    first = entries[0][1]
    steps = tuple(first.changed)
    for _, change, _ in entries:
        kept = list(change.before) == list(change.after) == list(first.before)
        if not kept or tuple(change.changed) != steps:
            return None
    found = [[_OUTPUT.fullmatch(text[step]) for _, _, text in entries] for step in steps]
    if len(entries) != count or not all(match for matches in found for match in matches):
        return None
    outs = [taken([int(match[1]) for match in matches if match]) for matches in found]
    return Alike(column, tuple(change for _, change, _ in entries), steps, tuple(outs))


def taken(indices: Sequence[int]) -> str:
    """The expression of several outputs.

    >>> taken([1, 3, 5]), taken([4, 3])
    ('outs[1:6:2]', '(outs[4], outs[3])')
    """
    stride = indices[1] - indices[0] if len(indices) > 1 else 1
    if stride > 0 and list(indices) == list(range(indices[0], indices[-1] + 1, stride)):
        return f"outs[{indices[0]}:{indices[-1] + 1}{'' if stride == 1 else f':{stride}'}]"
    return f"({', '.join(f'outs[{index}]' for index in indices)})"


def slot_setter(cls: type, steps: Sequence[Step]) -> Any:
    """What sets the one slot that is written to, past the class's own `__setattr__`; None if it is not one slot."""
    if len(steps) != 1 or not isinstance(steps[0], Slot):
        return None
    member = inspect.getattr_static(cls, steps[0].name, None)
    return member.__set__ if isinstance(member, types.MemberDescriptorType) else None
