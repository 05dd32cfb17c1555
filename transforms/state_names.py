"""What state a function's text reads and assigns: dotted names, items, cells, globals, and in which regions they stand.

A region is what a site decides on: the sides of a branch, the body of a loop. What a region is said to write is what
stands in it, also in functions that are defined there; what the functions do that it calls is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import libcst as cst

from janusx.transforms.analysis import scope_of
from janusx.transforms.result import Region, Write, WriteKind
from janusx.transforms.sites import Parsed
from janusx.transforms.walks import Visitor


@dataclass(frozen=True, slots=True)
class StateNames:
    """Dotted names and targets of one function; nodes are keys by identity, numbers begin with 1.

    Attributes:
        names: the different dotted names, as written.
        reads: for the attributes that are read, the number of their name.
        writes: the targets.
        stores: for the attributes and items that are assigned or deleted, the number of the write.
    """

    names: tuple[str, ...]
    reads: Mapping[cst.Attribute, int]
    writes: tuple[Write, ...]
    stores: Mapping[cst.Attribute | cst.Subscript, int]


def state_names(parsed: Parsed, modules: Collection[str] = (), class_name: str | None = None) -> StateNames:
    r"""Finds what state a function's text reads and assigns.

    Args:
        parsed: the function.
        modules: global names of modules, whose attributes are no state.
        class_name: the class whose private names occur in it.

    Example:
        >>> from janusx.transforms.sites import parse
        >>> found = state_names(parse("def f(self, x):\n    self.n += self.step * x.size"))
        >>> found.names, [str(write) for write in found.writes]
        (('self.n', 'self.step', 'x.size'), ['self.n'])
    """
    walker = _Walker(parsed, modules, class_name)
    walker.walk(parsed.function.body)
    return StateNames(tuple(walker.names), walker.reads, tuple(walker.writes), walker.stores)


def dotted(node: cst.BaseExpression) -> str | None:
    """`a.b[0].c` as written, without spaces around the dots; None if it begins with no name."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr.value}"
    if isinstance(node, cst.Subscript):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}[{_indices(node)}]"
    return None


def _indices(node: cst.Subscript) -> str:
    text = ", ".join(_code(element.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for element in node.slice)
    return f"{text}," if len(node.slice) == 1 and isinstance(node.slice[0].comma, cst.Comma) else text


def _code(node: cst.CSTNode) -> str:
    return " ".join(cst.Module([]).code_for_node(node).replace("\\\n", " ").split())


@dataclass(frozen=True, slots=True)
class _Scope:
    """Names of one function that are no plain locals of its own."""

    globals: Collection[str] = ()
    nonlocals: Collection[str] = ()
    # Its own variables that functions defined in it use.
    lent: Collection[str] = field(default=())


class _Lent(Visitor):
    """Names that the functions use which are defined in a piece of code."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.names |= scope_of(node).free
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        self.names |= scope_of(node).free
        return False


def _scope(function: cst.FunctionDef | cst.Lambda) -> _Scope:
    scope, lent = scope_of(function), _Lent()
    lent.walk(function.body)
    return _Scope(scope.globals, scope.nonlocals, lent.names & scope.bound)


class _Walker(Visitor):
    """One walk through a function's body."""

    def __init__(self, parsed: Parsed, modules: Collection[str], class_name: str | None) -> None:
        super().__init__()
        self.names: dict[str, int] = {}
        self.reads: dict[cst.Attribute, int] = {}
        self.writes: list[Write] = []
        self.stores: dict[cst.Attribute | cst.Subscript, int] = {}
        self._parsed = parsed
        self._modules = modules
        self._class_name = class_name
        self._called: set[cst.CSTNode] = set()
        self._regions: tuple[Region, ...] = ()
        self._scope = _scope(parsed.function)

    # Where it is

    def _in(
        self, node: cst.CSTNode, side: bool, *parts: cst.CSTNode | None, target: cst.BaseExpression | None = None
    ) -> None:
        before = self._regions
        self._regions = (*before, Region(self._parsed.site_of[node].id, side))
        if target is not None:
            self._store(target)
        self._all(*parts)
        self._regions = before

    def _all(self, *parts: cst.CSTNode | None) -> None:
        for part in parts:
            if part is not None:
                self.walk(part)

    def visit_If(self, node: cst.If) -> bool:
        self._all(node.test)
        self._in(node, True, node.body)
        self._in(node, False, node.orelse)
        return False

    def visit_While(self, node: cst.While) -> bool:
        self._all(node.test)
        self._in(node, True, node.body)
        self._in(node, False, node.orelse)
        return False

    def visit_For(self, node: cst.For) -> bool | None:
        if node.asynchronous is not None:  # It does not report its trips.
            self._store(node.target)
            return None
        self._all(node.iter)
        self._in(node, True, node.target, node.body, target=node.target)
        self._in(node, False, node.orelse)
        return False

    def visit_IfExp(self, node: cst.IfExp) -> bool:
        self._in(node, True, node.body)
        self._all(node.test)
        self._in(node, False, node.orelse)
        return False

    def visit_MatchCase(self, node: cst.MatchCase) -> bool | None:
        if node.guard is None:
            return None
        self._all(node.pattern, node.guard)
        self._in(node, True, node.body)
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self._name(node.name.value, node, bound=True)
        self._all(*node.decorators, node.params)
        self._nested(node)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        self._all(node.params)
        self._nested(node)
        return False

    def _nested(self, node: cst.FunctionDef | cst.Lambda) -> None:
        before, self._scope = self._scope, _scope(node)
        self.walk(node.body)
        self._scope = before

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self._name(node.name.value, node, bound=True)
        self._all(*node.decorators, *node.bases, *node.keywords)
        before = self._scope, self._class_name
        self._scope, self._class_name = _Scope(), node.name.value  # Its names are its own.
        self.walk(node.body)
        self._scope, self._class_name = before
        return False

    # What is read

    def visit_Call(self, node: cst.Call) -> None:
        self._called.add(node.func)  # The targets of calls are noted as such.

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if node in self.stores or node in self._called:
            return
        name = dotted(node)
        if name is not None and _root(node) not in self._modules:
            self.reads[node] = self._number(name)

    def _number(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names) + 1)

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_FormattedStringExpression(self, node: cst.FormattedStringExpression) -> bool:
        return node.equal is None  # f"{x.y=}" prints its own text.

    # Patterns and imports have dots that are no expressions.

    def visit_MatchValue(self, node: cst.MatchValue) -> bool:
        return False

    def visit_MatchClass(self, node: cst.MatchClass) -> bool:
        self._all(*node.patterns, *node.kwds)
        return False

    def visit_MatchMappingElement(self, node: cst.MatchMappingElement) -> bool:
        self._all(node.pattern)
        return False

    def visit_ImportAlias(self, node: cst.ImportAlias) -> bool:
        self._name(node.evaluated_alias or node.evaluated_name.split(".")[0], node, bound=True)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        if not isinstance(node.names, cst.ImportStar):
            self._all(*node.names)
        return False

    # What is written

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._store(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._store(node.target, read=True)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        # Without a value nothing is stored, nor read.
        self._store(node.target, stored=node.value is not None)

    def visit_Del(self, node: cst.Del) -> None:
        self._store(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        if not isinstance(node.target, cst.Name):
            self._store(node.target, names=False)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._store(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._store(node.name)

    def visit_MatchAs(self, node: cst.MatchAs) -> None:
        if node.name is not None:
            self._store(node.name)

    def visit_MatchStar(self, node: cst.MatchStar) -> None:
        if node.name is not None:
            self._store(node.name)

    def visit_MatchMapping(self, node: cst.MatchMapping) -> None:
        if node.rest is not None:
            self._store(node.rest)

    def _store(self, node: cst.BaseExpression, *, read: bool = False, stored: bool = True, names: bool = True) -> None:
        if isinstance(node, cst.Tuple | cst.List):
            for element in node.elements:
                self._store(element.value, names=names)
        elif isinstance(node, cst.Name):
            if stored and names:
                self._name(node.value, node)
        elif isinstance(node, cst.Attribute | cst.Subscript):
            self.stores[node] = self._target(node, read) if stored else 0

    def _target(self, node: cst.Attribute | cst.Subscript, read: bool) -> int:
        name = dotted(node)
        if isinstance(node, cst.Subscript):
            return self._write("item", name or _code(node), node)
        if not read or name is None:
            return self._write("attribute", name or _code(node), node)
        return self._write("attribute", name, node, self._mangled(node.attr.value), self._number(name))

    def _mangled(self, name: str) -> str:
        """The attribute's name as Python stores it."""
        owner = (self._class_name or "").lstrip("_")
        return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name

    def _name(self, name: str, node: cst.CSTNode, *, bound: bool = False) -> None:
        """A name is assigned; `bound`: by a definition or an import, which is no event to a variable of one's own."""
        if name in self._scope.globals:
            self._write("global", name, node)
        elif name in self._scope.nonlocals or (name in self._scope.lent and not bound):
            self._write("cell", name, node)

    def _write(self, kind: WriteKind, name: str, node: cst.CSTNode, updates: str = "", read: int = 0) -> int:
        self.writes.append(Write(kind, name, self._parsed.line(node), self._regions, updates, read))
        return len(self.writes)


def _root(node: cst.BaseExpression) -> str:
    while isinstance(node, cst.Attribute | cst.Subscript):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""
