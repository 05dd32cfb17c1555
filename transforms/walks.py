"""Walks over syntax trees: LibCST's visitors, but for what holds no code, and without a copy of what stays as it is.

LibCST's own visitors make every node anew, spaces and commas too, and ask an abstract class at each: on the standard
library's functions they took three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import libcst as cst

Changed: TypeAlias = cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNode]
Handler: TypeAlias = Callable[[Any, Any], Any]
HandlerOfChange: TypeAlias = Callable[[Any, Any, Any], Changed]
_Asked = ParamSpec("_Asked")
_Said = TypeVar("_Said")

_NO_CODE = frozenset(
    """lpar rpar lbracket rbracket lbrace rbrace comma semicolon equal dot colon operator indent relative
    leading_lines lines_after_decorators header footer trailing_whitespace leading_whitespace asynchronous separator
    posonly_ind first_colon second_colon trailing_comma""".split()
)
# The fields of these stand in another order in the source than in the class.
_IN_SOURCE: dict[str, tuple[str, ...]] = {
    "IfExp": ("body", "test", "orelse"),
    "Parameters": ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    "Arg": ("keyword", "value"),
    "FunctionDef": ("decorators", "name", "type_parameters", "params", "returns", "body"),
    "ClassDef": ("decorators", "name", "type_parameters", "bases", "keywords", "body"),
    "TypeAlias": ("name", "type_parameters", "value"),
    "ExceptHandler": ("type", "name", "body"),
    "ExceptStarHandler": ("type", "name", "body"),
    "MatchCase": ("pattern", "guard", "body"),
}
# They are never evaluated for local variables, and left alone in signatures.
_OF_TYPES = frozenset({"annotation", "returns", "type_parameters"})


def _remembered(say: Callable[_Asked, _Said]) -> Callable[_Asked, _Said]:
    """The function with a memory: what it says of types never changes. Mypy takes no type for hashable."""
    return cast(Callable[_Asked, _Said], cache(say))


@_remembered
def fields_of(kind: type) -> tuple[str, ...]:
    """The fields of a type of node that can hold nodes of code, in the order of the source; none for other types."""
    if not issubclass(kind, cst.CSTNode):
        return ()
    for base in kind.__mro__:
        if base.__name__ in _IN_SOURCE:
            return _IN_SOURCE[base.__name__]
    named = kind.__dataclass_fields__
    return tuple(name for name in named if name not in _NO_CODE and not name.startswith(("_", "whitespace")))


@_remembered
def parts_of(kind: type) -> tuple[str, ...]:
    """The fields whose code runs: those of `fields_of`, without annotations and type parameters."""
    return tuple(name for name in fields_of(kind) if name not in _OF_TYPES)


@_remembered
def is_node(kind: type) -> bool:
    """Whether the values of a type are nodes. An abstract class takes 20 times as long to say so."""
    return issubclass(kind, cst.CSTNode)


def parts(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The child nodes that can hold code that runs, in source order."""
    # `node.children` makes a copy of the node to find them: 20 times slower.
    for field in parts_of(type(node)):
        value = getattr(node, field)
        kind = type(value)
        if kind is tuple or kind is list:
            yield from value
        elif is_node(kind):
            yield value


class Plan:
    """What a class of walks does with one type of node.

    Attributes:
        visit: called before the fields; if it returns false, they are not walked through.
        leave: called after them.
        fields: their names, each with what is called before and after it.
    """

    __slots__ = ("fields", "leave", "visit")

    def __init__(self, walk: type, kind: type) -> None:
        name = kind.__name__
        self.visit: Handler | None = getattr(walk, f"visit_{name}", None)
        self.leave: Any = getattr(walk, f"leave_{name}", None)
        self.fields: tuple[tuple[str, Handler | None, Handler | None], ...] = tuple(
            (field, getattr(walk, f"visit_{name}_{field}", None), getattr(walk, f"leave_{name}_{field}", None))
            for field in fields_of(kind)
        )


@_remembered
def plan_of(walk: type, kind: type) -> Plan:
    """The plan, made once for each class of walks and type of node."""
    return Plan(walk, kind)


class Visitor:
    """Looks at nodes: subclasses have methods like `visit_If`, `leave_If`; `visit_If` may return False.

    Example:
        >>> class Names(Visitor):
        ...     def visit_Name(self, node):
        ...         print(node.value)
        >>> Names().walk(cst.parse_expression("f(x, y=z)"))
        f
        x
        y
        z
    """

    def walk(self, node: cst.CSTNode) -> None:
        """Visit a node and what is in it, in source order."""
        plan = plan_of(type(self), type(node))
        if plan.visit is None or plan.visit(self, node) is not False:
            for field, _, _ in plan.fields:
                value = getattr(node, field)
                kind = type(value)
                if kind is tuple or kind is list:
                    for each in value:
                        self.walk(each)
                elif is_node(kind):
                    self.walk(value)
        if plan.leave is not None:
            plan.leave(self, node)


class Transformer:
    """Changes nodes: subclasses have methods like `visit_If`, `leave_If(original, updated)`, `visit_If_body`.

    What nothing is changed in is the same node afterwards.

    Example:
        >>> class Greek(Transformer):
        ...     def leave_Name(self, original_node, updated_node):
        ...         return updated_node.with_changes(value="alpha")
        >>> cst.Module([]).code_for_node(Greek().walk(cst.parse_expression("f( a )")))
        'alpha( alpha )'
    """

    def on_visit(self, node: cst.CSTNode, visit: Handler | None) -> bool:
        """Whether to walk through a node."""
        return visit is None or visit(self, node) is not False

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode, leave: HandlerOfChange | None) -> Changed:
        """What becomes of a node whose parts are changed."""
        return updated if leave is None else leave(self, original, updated)

    def walk(self, node: cst.CSTNode) -> Changed:
        """The node changed."""
        plan = plan_of(type(self), type(node))
        updated = node
        if self.on_visit(node, plan.visit):
            changes: dict[str, Any] = {}
            for field, before, after in plan.fields:
                if before is not None:
                    before(self, node)
                value = getattr(node, field)
                kind = type(value)
                if kind is tuple or kind is list:
                    if value and (several := self._several(value)) is not None:
                        changes[field] = several
                elif is_node(kind):
                    changed = self.walk(value)
                    if changed is not value:
                        changes[field] = changed
                if after is not None:
                    after(self, node)
            if changes:
                updated = node.with_changes(**changes)
        return self.on_leave(node, updated, plan.leave)

    def _several(self, nodes: list[cst.CSTNode]) -> list[cst.CSTNode] | None:
        """The nodes of a list, changed; None if they stay as they are."""
        out: list[cst.CSTNode] = []
        same = True
        for node in nodes:
            changed = self.walk(node)
            if changed is node:
                out.append(node)
                continue
            same = False
            if isinstance(changed, cst.FlattenSentinel):
                out += changed
            elif isinstance(changed, cst.CSTNode):
                out.append(changed)
        return None if same else out
