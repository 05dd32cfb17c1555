"""What a statement that stays in a host program is like: what keeps it there, and how it calls functions."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable
from typing import TypeVar, cast

import libcst as cst

from janusx.transforms.analysis import CONSUMERS, Analysis, parameter_names, uses_of
from janusx.transforms.blocks import Block, blocks_of, small
from janusx.transforms.unit import Unit
from janusx.transforms.walks import Transformer, parts

_Node = TypeVar("_Node", bound=cst.CSTNode)
_FUNCTIONS = (cst.FunctionDef, cst.Lambda, cst.ClassDef)
_DECLARING = (cst.FunctionDef, cst.ClassDef, cst.Import, cst.ImportFrom, cst.Global, cst.Nonlocal)
_LITERALS = (cst.Integer, cst.Float, cst.Imaginary, cst.BaseString)
_WORKING = (cst.Call, cst.BinaryOperation, cst.Subscript)
_BUILTINS = frozenset(dir(builtins))


def stays_on_host(node: cst.CSTNode) -> bool:
    """Whether a statement or expression cannot move into another function: it waits, imports or declares."""
    if isinstance(node, _DECLARING):
        return True
    if isinstance(node, cst.Lambda):
        return False
    if isinstance(node, (cst.Yield, cst.Await)) or getattr(node, "asynchronous", None) is not None:
        return True
    return any(map(stays_on_host, parts(node)))


def raises_again(node: cst.CSTNode) -> bool:
    """Whether a `raise` alone goes on with an exception caught around a statement: only there it leaves no trace."""
    if isinstance(node, (*_FUNCTIONS, cst.ExceptHandler, cst.ExceptStarHandler)):
        return False
    return (isinstance(node, cst.Raise) and node.exc is None) or any(map(raises_again, parts(node)))


def at_work(node: cst.CSTNode) -> bool:
    """Whether something in a statement or expression may compute with arrays; to add 1 to a name does not count."""
    if isinstance(node, _FUNCTIONS):
        return False
    if isinstance(node, _WORKING) or (isinstance(node, cst.AugAssign) and not isinstance(node.value, _LITERALS)):
        return True
    return any(map(at_work, parts(node)))


def escaping(node: cst.CSTNode, consumes: Callable[[str], bool]) -> set[str]:
    """The names that closures made in a statement capture, but for those closures that are surely used up in it.

    A lambda is used up by a function that `consumes` its arguments, and by a call whose result is called at once, as in
    `jax.grad(lambda p: ...)(params)`.
    """
    found: set[str] = set()

    def look(node: cst.CSTNode, used_up: bool) -> None:
        if isinstance(node, (*_FUNCTIONS, cst.GeneratorExp)):
            if not used_up:
                found.update(uses_of(node).captured)
            return
        if isinstance(node, cst.Call):
            given = used_up or consumes(dotted(node.func)) or _uses_up(node)
            for arg in node.args:
                look(arg.value, given)
            look(node.func, isinstance(node.func, cst.Call))
            return
        for part in parts(node):
            look(part, False)

    look(node, False)
    return found


def _uses_up(node: cst.Call) -> bool:
    """Whether a generator expression is the only argument of a builtin that runs it to its end."""
    return len(node.args) == 1 and isinstance(node.func, cst.Name) and node.func.value in CONSUMERS


def rebindable(function: cst.FunctionDef, body: Block, analysis: Analysis) -> frozenset[str]:
    """The variables that are bound more than once, or in a loop: what captured them may see another value later."""
    counts = Counter(parameter_names(function.params))

    def count(block: Block, times: int) -> set[str]:
        seen: set[str] = set()
        for statement in block:
            writes = set(analysis.uses(statement).writes)
            inner: set[str] = set()
            again = 2 if isinstance(statement, (cst.For, cst.While)) else times
            for nested in [] if small(statement) is not None else blocks_of(statement):
                inner |= count(nested, again)
            for name in writes - inner:
                counts[name] += again
            seen |= writes
        return seen

    count(body, 1)
    return frozenset(name for name, times in counts.items() if times > 1)


def loop_targets(function: cst.FunctionDef) -> frozenset[str]:
    """The names that `for` loops of a function give their items to."""
    found: set[str] = set()

    def look(node: cst.CSTNode) -> None:
        if isinstance(node, cst.For):
            found.update(uses_of(cst.AssignTarget(node.target)).binds)
        if not isinstance(node, _FUNCTIONS):
            for part in parts(node):
                look(part)

    look(function.body)
    return frozenset(found)


def declared_nonlocal(function: cst.FunctionDef) -> frozenset[str]:
    """The names that functions nested in this one declare `nonlocal`."""
    found: set[str] = set()

    def look(node: cst.CSTNode) -> None:
        if isinstance(node, cst.Nonlocal):
            found.update(each.name.value for each in node.names)
        for part in parts(node):
            look(part)

    for statement in function.body.body:
        if not isinstance(statement, cst.Nonlocal):
            look(statement)
    return frozenset(found)


class HostCalls(Transformer):
    """Has the calls of a host statement go through the ops, which may run the function converted.

    Attributes:
        found: whether there was such a call.
    """

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self._unit = unit
        self._depth = 0
        self.found = False

    def within(self, node: _Node) -> _Node:
        """A simple statement or an expression."""
        changed = self.walk(node)
        assert isinstance(changed, (type(node), cst.BaseExpression))
        return cast(_Node, changed)

    header = within
    """A compound statement: only its header, since its blocks are not looked at."""

    def leaves_alone(self, node: cst.Call) -> bool:
        """Whether a call is of a leaf library's function: what it returns is no iterator that remembers its place."""
        return self._unit.is_leaf(dotted(node.func))

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        name = dotted(original_node.func)
        if name in _BUILTINS or (name and self._unit.is_leaf(name)):
            return updated_node
        self.found = True
        return updated_node.with_changes(func=self._unit.ops("call", updated_node.func))


def dotted(node: cst.BaseExpression) -> str:
    """`a.b.c` as text; "" for any other expression."""
    if isinstance(node, cst.Name):
        return node.value
    base = dotted(node.value) if isinstance(node, cst.Attribute) else ""
    return f"{base}.{node.attr.value}" if base and isinstance(node, cst.Attribute) else ""
