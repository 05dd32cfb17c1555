"""`f(x)`: user functions are called through an op, which may convert them; leaf libraries' are called as they are."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.natives import FRAME_READERS


class Calls(ExpressionPass):
    """Rewrites callees."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if isinstance(original_node.func, cst.Name) and original_node.func.value == "super":
            return self._super(original_node, updated_node)
        dotted = _dotted(original_node.func)
        if self.native and dotted in FRAME_READERS:
            return updated_node
        if dotted and not self._local(dotted.split(".")[0]) and self.unit.is_leaf(dotted):
            return updated_node
        called = updated_node.with_changes(func=self.ops("call", updated_node.func))
        return self.replace(original_node, called) if self.glued(original_node) else called

    def _super(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        """`super()` looks at the first argument of the function it stands in, which may become a region function."""
        frame = self.frames[-1]
        if original.args or self.native or not frame.control or frame.first is None or self._local("super"):
            return updated
        return updated.with_changes(args=[cst.Arg(cst.Name("__class__")), cst.Arg(cst.Name(frame.first))])

    def _local(self, name: str) -> bool:
        return any(name in frame.scope.bound for frame in self.frames)


def _dotted(node: cst.BaseExpression) -> str | None:
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = _dotted(node.value)
        return base and f"{base}.{node.attr.value}"
    return None
