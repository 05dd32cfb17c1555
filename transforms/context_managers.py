"""Whether a `with` may swallow what is raised in it: then what its body bound so far is seen after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import libcst as cst

Swallows: TypeAlias = Callable[[cst.With], bool]


def swallows_by(is_leaf: Callable[[str], bool]) -> Swallows:
    """The leaf libraries' context managers (`jax.named_scope(...)`) never swallow; any other one may."""

    def swallows(statement: cst.With) -> bool:
        return not all(_is_leaf_call(item.item, is_leaf) for item in statement.items)

    return swallows


def _is_leaf_call(node: cst.BaseExpression, is_leaf: Callable[[str], bool]) -> bool:
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and is_leaf(_dotted(node.func))


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else "?"
