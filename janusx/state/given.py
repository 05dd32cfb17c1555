"""Constants that a call is given and hands on: another call has another object there, which is only equal."""

from __future__ import annotations

import enum
import types
from typing import Any

from janusx.guards import cohorts
from janusx.signals import Unsupported
from janusx.state import kinds
from janusx.state.attributes import has_dict, instance_dict
from janusx.state.shadow import ConstantNode, ObjectNode, Shadow

_BY_IDENTITY: tuple[type, ...] = (
    type(None),
    bool,
    type(Ellipsis),
    type(NotImplemented),
    type,
    types.ModuleType,
    types.CodeType,
    types.BuiltinFunctionType,
    types.FunctionType,
    enum.Enum,
)


def is_single(value: Any) -> bool:
    """Whether there is one object of this value, or its guard asks for the very object."""
    if type(value) is int:
        return -5 <= value <= 256  # CPython has one of each
    return isinstance(value, _BY_IDENTITY) or (type(value) in (str, bytes, tuple, frozenset) and not len(value))


def may_be_equal(value: Any) -> bool:
    """Whether there may be another object of this value, for which a guard takes it."""
    return type(value) in (int, float, complex, str, bytes, frozenset, range, slice) and not is_single(value)


def twice(shadow: Shadow, value: Any) -> bool:
    """Whether an object was found at two places: another call may have two equal ones there."""
    return sum(node.value is value for node in shadow.constants()) > 1


class Given:
    """Where the constants of a shadow were found.

    Args:
        shadow: the shadow after the function ran.
    """

    def __init__(self, shadow: Shadow):
        self._shadow = shadow
        self._found: dict[int, list[ConstantNode]] | None = None
        self._names = 0
        self._holders: dict[int, ObjectNode] | None = None

    def name(self, value: Any) -> str:
        """The variable of the check-and-gather function that holds the object; "" if the program made it."""
        if is_single(value):
            return ""
        if self._found is None:
            self._found = self._find()
        nodes = self._found.get(id(value))
        if nodes is None:
            return ""
        if not nodes[0].name:
            for node in nodes:
                node.name = f"e{self._names}"
            self._names += 1
        return nodes[0].name

    def check(self) -> None:
        """Refuse an object's `__dict__` that was reached beside the object: there would be two copies of it."""
        dicts = {id(node.real): node for node in self._shadow.objects if node.kind is kinds.DICT}
        for node in self._shadow.objects if dicts else ():
            if isinstance(node.kind, kinds.InstanceKind) and (known := dicts.get(id(instance_dict(node.real)))):
                raise Unsupported(f"{known.path} is an object's `__dict__`, which is reached beside the object")

    def holder(self, value: dict[Any, Any]) -> ObjectNode | None:
        """The object whose `__dict__` a dictionary is."""
        if self._holders is None:
            instances = [node for node in self._shadow.objects if isinstance(node.kind, kinds.InstanceKind)]
            self._holders = {id(instance_dict(node.shadow)): node for node in instances if has_dict(type(node.shadow))}
        return self._holders.get(id(value))

    def _find(self) -> dict[int, list[ConstantNode]]:
        """By `id`; not those of objects alike, which are compared in a loop."""
        places = cohorts.places(cohorts.find(self._shadow))
        nodes = [node for _, node in self._shadow.roots]
        for parent in self._shadow.objects:
            if parent.pinned and parent.index not in places:
                nodes += parent.children.values()
        found: dict[int, list[ConstantNode]] = {}
        for node in nodes:
            if isinstance(node, ConstantNode):
                found.setdefault(id(node.value), []).append(node)
        return found
