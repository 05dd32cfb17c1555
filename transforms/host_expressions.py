"""The array work in a statement that stays in a host program: pieces of their own, each where Python evaluates it.

    y = opaque(jnp.dot(x, w) + b) * 2    →    y = piece_2(jx.call(opaque)(piece_1(b, w, x)))

What must run in Python (a *hole*) is an argument of the piece that goes on with its result. What Python evaluates
before it is an argument before it, so that the order of what can be seen is Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import libcst as cst

from janusx.transforms.host_statements import HostCalls, dotted
from janusx.transforms.unit import Unit
from janusx.transforms.walks import Changed, Handler, HandlerOfChange, Transformer

_LITERALS = (cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString, cst.Ellipsis)
_CONSTANTS = frozenset({"True", "False", "None"})
_OWN_NAMES = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_WHOLE = (cst.Attribute, cst.Subscript, cst.Tuple, cst.List, cst.BooleanOperation, cst.IfExp)
_COMPARING = (cst.LessThan, cst.LessThanEqual, cst.GreaterThan, cst.GreaterThanEqual, cst.Equal, cst.NotEqual)


@dataclass
class _Plan:
    """An expression that becomes a call of a piece.

    Attributes:
        swaps: what stands in the piece for parts of the expression.
        given: parameters with what the host program gives for them, in the order of evaluation.
    """

    swaps: dict[cst.CSTNode, cst.BaseExpression] = field(default_factory=dict)
    given: dict[str, cst.BaseExpression] = field(default_factory=dict)


class _Swap(Transformer):
    def __init__(self, swaps: dict[cst.CSTNode, cst.BaseExpression]) -> None:
        self._swaps = swaps

    def on_visit(self, node: cst.CSTNode, visit: Handler | None) -> bool:
        return node not in self._swaps

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode, leave: HandlerOfChange | None) -> Changed:
        return self._swaps.get(original, updated)


class HostExpressions(HostCalls):
    """Has the array work of host expressions run in pieces, and their calls go through the ops.

    Args:
        unit: the function's.
        is_param: whether a name is a variable of the function that a piece may take here.
        is_local: whether a name is a variable of the function.
        piece: makes a piece, given what it returns, its parameters, and what the user wrote; returns its name.
        scalars: whether arithmetic counts as array work, too.
    """

    def __init__(
        self,
        unit: Unit,
        is_param: Callable[[str], bool],
        is_local: Callable[[str], bool],
        piece: Callable[[cst.BaseExpression, list[str], cst.BaseExpression], str],
        scalars: bool,
    ) -> None:
        super().__init__(unit)
        self._is_param = is_param
        self._is_local = is_local
        self._make = piece
        self._scalars = scalars
        self._inner = 0
        self._callees: set[cst.CSTNode] = set()
        self._planned: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._holes: dict[cst.CSTNode, bool] = {}

    # --- the walk ---------------------------------------------------------------------------------------------------

    def on_visit(self, node: cst.CSTNode, visit: Handler | None) -> bool:
        if isinstance(node, (*_OWN_NAMES, cst.Lambda, cst.FormattedString, cst.Annotation)):
            self._inner += 1  # they have names of their own, or hold text
        elif isinstance(node, cst.Call):
            self._callees.add(node.func)
        if not self._inner and isinstance(node, cst.BaseExpression) and node not in self._callees:
            made = self._planned_for(node)
            if made is not None:
                self._planned[node] = made
                return False
        return super().on_visit(node, visit)

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode, leave: HandlerOfChange | None) -> Changed:
        if isinstance(original, (*_OWN_NAMES, cst.Lambda, cst.FormattedString, cst.Annotation)):
            self._inner -= 1
        if original in self._planned:
            return self._planned[original]
        return super().on_leave(original, updated, leave)

    def _planned_for(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        """A call of a piece that computes an expression; None if there is nothing in it for a piece to do."""
        if not self._is_inside(node) or not self._is_work(node):
            return None
        plan = _Plan()
        found = self.found
        if not self._fill(node, plan):
            self.found = found
            return None
        body = _Swap(plan.swaps).walk(node)
        assert isinstance(body, cst.BaseExpression)
        name = self._make(body, list(plan.given), node)
        return cst.Call(cst.Name(name), [cst.Arg(value) for value in plan.given.values()])

    # --- plans ------------------------------------------------------------------------------------------------------

    def _fill(self, node: cst.BaseExpression, plan: _Plan) -> bool:
        """Add to a plan what an expression inside of a piece needs; false if that is not to be had."""
        if isinstance(node, cst.Name):
            return self._name(node, plan, early=False)
        parts = self._parts(node)
        last = max((place for place, part in enumerate(parts) if self._has_hole(part)), default=-1)
        for place, part in enumerate(parts):
            if place > last or (place == last and self._is_inside(part)):
                done = self._fill(part, plan)
            elif isinstance(part, cst.Name) and part.value not in _CONSTANTS:
                done = self._name(part, plan, early=True)
            else:
                done = isinstance(part, (*_LITERALS, cst.Name)) or self._give(part, plan)
            if not done:
                return False
        return True

    def _name(self, node: cst.Name, plan: _Plan, early: bool) -> bool:
        if self._is_local(node.value):
            plan.given.setdefault(node.value, cst.Name(node.value))
            return self._is_param(node.value)
        # A name from outside may have another value after what stays in Python.
        return not early or self._give(node, plan)

    def _give(self, node: cst.BaseExpression, plan: _Plan) -> bool:
        """Have the host program evaluate an expression, and give it to the piece."""
        name = self._unit.fresh(f"value_{len(plan.swaps) + 1}")
        value = self.walk(node)
        assert isinstance(value, cst.BaseExpression)
        if isinstance(value, cst.GeneratorExp) and not value.lpar:
            value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        plan.given[name] = value
        plan.swaps[node] = cst.Name(name)
        return True

    # --- what can be in a piece ---------------------------------------------------------------------------------------

    def _is_inside(self, node: cst.BaseExpression) -> bool:
        """Whether an expression can be evaluated in a piece, but perhaps for parts of it that are given to that."""
        if isinstance(node, (*_LITERALS, cst.Name)):
            return True
        if isinstance(node, cst.Comparison):
            return isinstance(node.comparisons[0].operator, _COMPARING) and not self._has_hole(node)
        if isinstance(node, _WHOLE):
            return not self._has_hole(node)
        if isinstance(node, cst.Call):
            if any(arg.star for arg in node.args):
                return False
            name = dotted(node.func)
            return self._is_method(node) or (self._unit.is_leaf(name) and not self._is_local(name.partition(".")[0]))
        return isinstance(node, (cst.BinaryOperation, cst.UnaryOperation))

    def _is_method(self, node: cst.Call) -> bool:
        """Whether a call is of a method of what array work gives: `(x @ w).sum()`."""
        if not isinstance(node.func, cst.Attribute):
            return False
        value = node.func.value
        computing = isinstance(value, (cst.BinaryOperation, cst.Call)) and not self._has_hole(value)
        return computing and self._computes(value)

    def _has_hole(self, node: cst.BaseExpression) -> bool:
        if node not in self._holes:
            fits = isinstance(node, (*_WHOLE, cst.Comparison)) or self._is_inside(node)
            self._holes[node] = not fits or any(map(self._has_hole, self._parts(node)))
        return self._holes[node]

    def _computes(self, node: cst.BaseExpression) -> bool:
        """Whether array code is in an expression that has no hole."""
        if isinstance(node, cst.Call):
            return True
        product = isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.MatrixMultiply)
        return product or any(map(self._computes, self._parts(node)))

    def _is_work(self, node: cst.BaseExpression) -> bool:
        """Whether there is something to compile in the part of an expression that would be in a piece."""
        if isinstance(node, cst.Call) or (isinstance(node, cst.BinaryOperation) and self._is_arithmetic(node)):
            return True
        parts = self._parts(node)
        last = max((place for place, part in enumerate(parts) if self._has_hole(part)), default=-1)
        return any(self._is_inside(part) and self._is_work(part) for part in parts[max(last, 0) :])

    def _is_arithmetic(self, node: cst.BinaryOperation) -> bool:
        return self._scalars or isinstance(node.operator, cst.MatrixMultiply)

    def _parts(self, node: cst.BaseExpression) -> list[cst.BaseExpression]:
        """What an expression evaluates first, in order."""
        match node:
            case cst.BinaryOperation():
                return [node.left, node.right]
            case cst.UnaryOperation():
                return [node.expression]
            case cst.BooleanOperation():
                return [node.left, node.right]
            case cst.IfExp():
                return [node.test, node.body, node.orelse]
            case cst.Comparison():
                return [node.left, *(each.comparator for each in node.comparisons)]
            case cst.Attribute():
                return [node.value]
            case cst.Tuple() | cst.List():
                # One with a star is a part that does not fit.
                return [each.value if type(each) is cst.Element else cst.Yield() for each in node.elements]
            case cst.Call():
                own = [node.func.value] if self._is_method(node) and isinstance(node.func, cst.Attribute) else []
                return [*own, *(arg.value for arg in node.args)]
            case cst.Subscript():
                return [node.value, *(part for each in node.slice for part in _of_slice(each.slice))]
        return []


def _of_slice(node: cst.BaseSlice) -> list[cst.BaseExpression]:
    if isinstance(node, cst.Index):
        return [node.value]
    assert isinstance(node, cst.Slice)
    return [part for part in (node.lower, node.upper, node.step) if part is not None]
