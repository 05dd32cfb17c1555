"""Guards in words: for reports, and to say which one did not hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from janusx.state import kinds, symbols
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow


def describe_guards(shadow: Shadow, host_guards: Sequence[tuple[symbols.Expr, Any]]) -> tuple[str, ...]:
    """Every guard of an entry as a line `path: condition`."""
    lines = []
    for path, node in shadow.roots:
        if not isinstance(node, ObjectNode):
            lines.append(f"{path}: {condition(node)}")
    for parent in shadow.objects:
        if not isinstance(parent.kind, kinds.MembersKind | kinds.GlobalsKind):
            lines.append(f"{parent.path}: a {type(parent.real).__name__} with {len(parent.children)} fields")
        for step, node in parent.children.items():
            if isinstance(node, ObjectNode):
                if node.path != parent.path / step:
                    lines.append(f"{parent.path / step}: the same object as {node.path}")
            else:
                lines.append(f"{parent.path / step}: {condition(node)}")
    lines += [f"{show(expr)} == {value!r}" for expr, value in host_guards]
    return tuple(lines)


def condition(node: Node) -> str:
    """What a node's guard asks for."""
    if isinstance(node, LeafNode):
        aval = node.value
        return f"an array {aval.dtype}{list(aval.shape)}"
    if isinstance(node, HostNode):
        if isinstance(node.value, np.ndarray):
            return f"a NumPy array {node.value.dtype}{list(node.value.shape)}"
        return f"a {type(node.value).__name__}"
    if isinstance(node, OpaqueNode):
        return f"a {node.cls.__name__}, not looked into"
    assert isinstance(node, ConstantNode)
    return short(node.value)


def short(value: Any) -> str:
    """A value in a few words."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    text = name if isinstance(name, str) and callable(value) or type(value).__name__ == "module" else repr(value)
    text = str(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def show(expr: Any) -> str:
    """A host expression in words."""
    if isinstance(expr, symbols.Input):
        return str(expr.path)
    if isinstance(expr, symbols.Constant):
        return short(expr.value)
    if isinstance(expr, symbols.Apply):
        name = getattr(expr.function, "__name__", str(expr.function))
        return f"{name}({', '.join(map(show, expr.args))})"
    return "<array>"
