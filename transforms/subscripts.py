"""`v[i]`: ops that get a computed index, since it may be a host value that only Python's own containers cannot take.

An index of literals stays native: it is the same in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from janusx.transforms.build import argument, string, thunk
from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.unit import Unit

Ops = Callable[..., cst.Call]

_SIGNS: dict[type[cst.BaseAugOp], str] = {
    cst.AddAssign: "+=",
    cst.SubtractAssign: "-=",
    cst.MultiplyAssign: "*=",
    cst.MatrixMultiplyAssign: "@=",
    cst.DivideAssign: "/=",
    cst.FloorDivideAssign: "//=",
    cst.ModuloAssign: "%=",
    cst.PowerAssign: "**=",
    cst.BitAndAssign: "&=",
    cst.BitOrAssign: "|=",
    cst.BitXorAssign: "^=",
    cst.LeftShiftAssign: "<<=",
    cst.RightShiftAssign: ">>=",
}


class Subscripts(ExpressionPass):
    """Rewrites loads, and stores that are a statement of their own. Other targets and `del` stay native."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self._targets: set[cst.CSTNode] = set()

    # What is a target, and what is no expression of the program's

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._targets.update(_subscripts(node.target))

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._targets.update(_subscripts(node.target))

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._targets.update(_subscripts(node.target))
        if isinstance(node.target, cst.Subscript):
            self.frames[-1].control = True  # The operand may become a lambda, in which `super()` finds no `self`.

    def visit_For(self, node: cst.For) -> None:
        self._targets.update(_subscripts(node.target))

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._targets.update(_subscripts(node.target))

    def visit_AsName(self, node: cst.AsName) -> None:
        self._targets.update(_subscripts(node.name))

    def visit_Del(self, node: cst.Del) -> None:
        self._targets.update(_subscripts(node.target))

    def visit_TypeAlias(self, node: cst.TypeAlias) -> bool:
        return False

    def visit_TypeParameters(self, node: cst.TypeParameters) -> bool:
        return False

    # What becomes of it

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        if original_node in self._targets or not self._computed(updated_node):
            return updated_node
        call = self.ops("item", updated_node.value, _index(updated_node, self.ops))
        return self.replace(original_node, _spread(call, updated_node))

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.BaseSmallStatement:
        target = updated_node.targets[0].target
        if len(updated_node.targets) > 1 or not isinstance(target, cst.Subscript) or not self._computed(target):
            return updated_node
        return cst.Expr(self.ops("set_item", updated_node.value, target.value, _index(target, self.ops)))

    def leave_AugAssign(self, original_node: cst.AugAssign, updated_node: cst.AugAssign) -> cst.BaseSmallStatement:
        target, operand = updated_node.target, updated_node.value
        if not isinstance(target, cst.Subscript) or not self._computed(target) or self.walrus(operand):
            return updated_node
        sign = string(_SIGNS[type(updated_node.operator)])
        return cst.Expr(self.ops("update_item", target.value, _index(target, self.ops), sign, thunk(operand)))

    def _computed(self, node: cst.Subscript) -> bool:
        """Whether an index is to go through an op: some part of it is computed, and an expression can say it."""
        parts = [element.slice for element in node.slice]
        starred = any(isinstance(part, cst.Index) and part.star for part in parts)
        return not (starred or all(map(_literal, parts)))


def _subscripts(target: cst.CSTNode) -> Iterator[cst.Subscript]:
    """The subscripts that an assignment's target binds. Those within them are read."""
    if isinstance(target, cst.Subscript):
        yield target
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _subscripts(element.value)


def _literal(node: cst.CSTNode | None) -> bool:
    """Whether a part of an index says its value."""
    if isinstance(node, cst.Index):
        return _literal(node.value)
    if isinstance(node, cst.Slice):
        return _literal(node.lower) and _literal(node.upper) and _literal(node.step)
    if isinstance(node, cst.Tuple):
        return all(_literal(element.value) for element in node.elements)
    if isinstance(node, cst.UnaryOperation):
        return isinstance(node.operator, cst.Minus) and isinstance(node.expression, cst.BaseNumber)
    if isinstance(node, cst.Name):
        return node.value in {"None", "True", "False"}
    if isinstance(node, cst.ConcatenatedString):
        return _literal(node.left) and _literal(node.right)
    return node is None or isinstance(node, (cst.BaseNumber, cst.SimpleString, cst.Ellipsis))


def _index(node: cst.Subscript, ops: Ops) -> cst.BaseExpression:
    """The object that Python hands to `__getitem__`, as an expression."""
    only = node.slice[0]
    if len(node.slice) == 1 and not isinstance(only.comma, cst.Comma):
        return _part(only.slice, ops)
    return cst.Tuple([cst.Element(argument(_part(e.slice, ops)), comma=e.comma) for e in node.slice])


def _part(node: cst.BaseSlice, ops: Ops) -> cst.BaseExpression:
    if isinstance(node, cst.Index):
        return node.value
    assert isinstance(node, cst.Slice)
    # `slice(a)` would be `:a`, so at least the start and the end are said.
    bounds = [node.lower, node.upper] if node.lower is not None or node.upper is not None or node.step else [None]
    bounds += [node.step] if node.step is not None else []
    given = [cst.Name("None") if bound is None else argument(bound) for bound in bounds]
    return ops("slice", *given)  # not by its own name, which may be the user's


def _spread(call: cst.Call, node: cst.Subscript) -> cst.Call:
    """The call with the subscript's line breaks, so that what follows stays on its line."""
    value, index = call.args
    before, after = node.lbracket.whitespace_after, node.rbracket.whitespace_before
    if isinstance(before, cst.ParenthesizedWhitespace):
        value = value.with_changes(comma=cst.Comma(whitespace_after=before))
    if isinstance(after, cst.ParenthesizedWhitespace):
        index = index.with_changes(whitespace_after_arg=after)
    return call.with_changes(args=[value, index])
