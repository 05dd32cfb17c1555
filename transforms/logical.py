"""`and`, `or`, `not`, chained comparisons, `in`, `is`: ops that take what may not be evaluated as a lambda."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.build import argument, string, thunk
from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.unit import Unit

_OPERATORS: dict[type[cst.BaseCompOp], str] = {
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}


class Logical(ExpressionPass):
    """Rewrites whatever asks for a truth value inside an expression."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self._decides: set[cst.CSTNode] = set()

    # Where only the truth of a value matters: both operands of an `and` may then be staged, whatever they are

    def visit_If(self, node: cst.If) -> None:
        self._decides.add(node.test)

    def visit_While(self, node: cst.While) -> None:
        self._decides.add(node.test)

    def visit_Assert(self, node: cst.Assert) -> None:
        self._decides.add(node.test)

    def visit_IfExp(self, node: cst.IfExp) -> None:
        self._decides.add(node.test)

    def visit_CompIf(self, node: cst.CompIf) -> None:
        self._decides.add(node.test)

    def visit_MatchCase(self, node: cst.MatchCase) -> None:
        if node.guard is not None:
            self._decides.add(node.guard)

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> None:
        if isinstance(node.operator, cst.Not):
            self._decides.add(node.expression)

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        if node in self._decides:
            self._decides |= {node.left, node.right}

    # What becomes of it

    def leave_BooleanOperation(
        self, original_node: cst.BooleanOperation, updated_node: cst.BooleanOperation
    ) -> cst.BaseExpression:
        left, right = updated_node.left, updated_node.right
        conjunction, site = isinstance(updated_node.operator, cst.And), self.site(original_node)
        new: cst.BaseExpression
        if self.walrus(right):
            new = self.kept(f"{'and' if conjunction else 'or'}_{site}", left, right, conjunction)
        elif original_node in self._decides:
            new = self.ops("both" if conjunction else "either", left, thunk(right), site=site)
        else:
            new = self.ops("and_" if conjunction else "or_", left, thunk(right), site=site)
        return self.replace(original_node, new)

    def leave_UnaryOperation(
        self, original_node: cst.UnaryOperation, updated_node: cst.UnaryOperation
    ) -> cst.BaseExpression:
        if not isinstance(updated_node.operator, cst.Not):
            return updated_node
        return self.replace(original_node, self.ops("not_", updated_node.expression))

    def leave_Comparison(self, original_node: cst.Comparison, updated_node: cst.Comparison) -> cst.BaseExpression:
        first = updated_node.comparisons[0]
        if len(updated_node.comparisons) > 1:
            if any(self.walrus(c.comparator) for c in updated_node.comparisons):
                new = self._native_chain(self.site(original_node), updated_node.left, list(updated_node.comparisons))
            else:
                name = "holds" if original_node in self._decides else "chain"
                new = self._chain(updated_node, self.site(original_node), name)
        elif isinstance(first.operator, (cst.Is, cst.IsNot)):
            if _is_none(updated_node.left) or _is_none(first.comparator):
                return updated_node
            new = self.ops("same", updated_node.left, first.comparator)
            new = self.ops("not_", new) if isinstance(first.operator, cst.IsNot) else new
        elif not isinstance(first.operator, (cst.In, cst.NotIn)) or self.walrus(first.comparator):
            return updated_node
        elif not self._any_order(updated_node.left, first.comparator):
            # A chain evaluates from left to right; `contains` would look at the container first.
            new = self._chain(updated_node)
        else:
            new = self.ops("contains", first.comparator, updated_node.left)
            new = self.ops("not_", new) if isinstance(first.operator, cst.NotIn) else new
        return self.replace(original_node, new)

    def _chain(self, node: cst.Comparison, site: int = 0, name: str = "chain") -> cst.BaseExpression:
        links: list[cst.BaseExpression] = []
        for link in node.comparisons:
            links += [string(_OPERATORS[type(link.operator)]), thunk(link.comparator)]
        return self.ops(name, node.left, *links, site=site)

    def kept(
        self, name: str, left: cst.BaseExpression, right: cst.BaseExpression, conjunction: bool
    ) -> cst.BaseExpression:
        """`left and right` in native form, where `right` binds a name and so cannot be a lambda."""
        name = self.unit.fresh(name)
        test = self.ops("truth", cst.NamedExpr(cst.Name(name), argument(left)))
        yes, no = (right, cst.Name(name)) if conjunction else (cst.Name(name), right)
        return cst.IfExp(test, yes, no, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    def _native_chain(
        self, site: int, left: cst.BaseExpression, links: list[cst.ComparisonTarget]
    ) -> cst.BaseExpression:
        first, *others = links
        if not others:
            return cst.Comparison(left, [first])
        depth = len(others)
        middle = self.unit.fresh(f"chain_{site}_{depth}")
        named = cst.NamedExpr(
            cst.Name(middle), argument(first.comparator), lpar=[cst.LeftParen()], rpar=[cst.RightParen()]
        )
        test = cst.Comparison(left, [first.with_changes(comparator=named)])
        rest = self._native_chain(site, cst.Name(middle), others)
        return self.kept(f"chain_{site}_{depth}_holds", test, rest, conjunction=True)

    def _any_order(self, left: cst.BaseExpression, right: cst.BaseExpression) -> bool:
        """Whether two operands can be evaluated in either order."""
        if self.walrus(left) or self.walrus(right):
            return False
        names = isinstance(left, cst.Name) and isinstance(right, cst.Name)
        return names or any(_constant(side) or self._settled(side) for side in (left, right))

    def _settled(self, node: cst.BaseExpression) -> bool:
        """A name that is bound, and that no closure can rebind while the other side is evaluated."""
        scope = self.frames[-1].scope
        return isinstance(node, cst.Name) and node.value in set(scope.params) - scope.captured - scope.unbinds


def _is_none(node: cst.CSTNode) -> bool:
    """Whether nothing that stands for another value can be meant: no value that has a stand-in is None."""
    return isinstance(node, cst.Ellipsis) or (isinstance(node, cst.Name) and node.value == "None")


def _constant(node: cst.CSTNode) -> bool:
    if isinstance(node, (cst.Tuple, cst.List, cst.Set)):
        return all(_constant(e.value) for e in node.elements)
    if isinstance(node, cst.UnaryOperation):
        return _constant(node.expression)
    return isinstance(node, (cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString)) or (
        isinstance(node, cst.Name) and node.value in {"None", "True", "False"}
    )
