"""What code does to the names of the function around it: which it reads, binds, unbinds, and lends to closures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import libcst as cst

from janusx.transforms.build import Region, Thunk
from janusx.transforms.walks import parts

_HOLDERS = (
    cst.BaseStatement,
    cst.BaseSuite,
    cst.Else,
    cst.Finally,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.MatchCase,
)
_LITERALS = frozenset({"True", "False", "None"})
# A generator expression that is the only argument of one of these is used up at once: it captures nothing.
CONSUMERS = frozenset("all any dict frozenset list max min set sorted sum tuple".split())


@dataclass(slots=True)
class Uses:
    """The names that a piece of code uses, in the function that it stands in.

    Attributes:
        reads: the nodes that are read where they stand, unless the code itself has surely bound the name before.
        binds: names that may get bound, in source order; true for those that surely are when the code runs to its end.
        unbinds: names that `del` or the end of an `except ... as` clause unbinds.
        deletes: nodes of the names in `del` statements.
        caught: nodes of the names in `except ... as` clauses.
        captured: names that a nested function or generator reads or rebinds, perhaps later.
        nested: names that region functions use from outside.
        globals: names declared `global`.
        nonlocals: names declared `nonlocal`.
    """

    reads: list[cst.Name] = field(default_factory=list)
    binds: dict[str, bool] = field(default_factory=dict)
    unbinds: set[str] = field(default_factory=set)
    deletes: list[cst.Name] = field(default_factory=list)
    caught: list[cst.Name] = field(default_factory=list)
    captured: set[str] = field(default_factory=set)
    nested: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    @property
    def read(self) -> set[str]:
        """Names that are read, deleted ones included: they have to be bound too."""
        return {n.value for n in self.reads} | {n.value for n in self.deletes}

    @property
    def writes(self) -> list[str]:
        """Names whose binding the code may change, in source order."""
        return list(dict.fromkeys([*self.binds, *sorted(self.unbinds)]))

    @property
    def surely(self) -> set[str]:
        """Names that are bound once the code has run to its end."""
        return {name for name, sure in self.binds.items() if sure}


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of one function.

    Attributes:
        params: its parameters, in order.
        bound: its local names, parameters included.
        captured: those of them that closures use.
        globals: names declared `global` anywhere in it.
        nonlocals: names declared `nonlocal` anywhere in it.
        free: names that it uses from outside, builtins and globals among them.
        unbinds: names that something in it unbinds.
    """

    params: tuple[str, ...]
    bound: frozenset[str]
    captured: frozenset[str]
    globals: frozenset[str]
    nonlocals: frozenset[str]
    free: frozenset[str]
    unbinds: frozenset[str]


class Analysis:
    """Computes `Uses` and `Scope`, remembering them for each node while one rewrite lasts."""

    def __init__(self) -> None:
        self._uses: dict[cst.CSTNode, Uses] = {}
        self._scopes: dict[cst.CSTNode, Scope] = {}

    def uses(self, node: cst.CSTNode) -> Uses:
        """What one statement or expression does, everything nested in a compound statement included."""
        found = self._uses.get(node)
        if found is None:
            found = self._uses[node] = self.together([node])
        return found

    def together(self, nodes: Iterable[cst.CSTNode]) -> Uses:
        """What several nodes do one after the other; only the functions in them are remembered."""
        collector = _Collector(self.scope)
        for node in nodes:
            collector.visit(node)
        return collector.out

    def block(self, nodes: Iterable[cst.CSTNode]) -> Uses:
        """What several statements do together."""
        total = Uses()
        for node in nodes:
            _add(total, self.uses(node))
        return total

    def scope(self, function: cst.FunctionDef | cst.Lambda) -> Scope:
        """The names of a function."""
        found = self._scopes.get(function)
        if found is None:
            inner = self.together([function.body])
            found = self._scopes[function] = _scope_with(function, inner)
        return found


def uses_of(*nodes: cst.CSTNode) -> Uses:
    """What the nodes do."""
    return Analysis().together(nodes)


def scope_of(function: cst.FunctionDef | cst.Lambda) -> Scope:
    """The names of a function: how its own code and its closures use them."""
    return Analysis().scope(function)


def _scope_with(function: cst.FunctionDef | cst.Lambda, inner: Uses) -> Scope:
    params = tuple(parameter_names(function.params))
    outside = inner.globals | inner.nonlocals
    bound = (set(params) | set(inner.writes) | declared(function.body)) - outside
    free = (inner.read | inner.captured | inner.nested | inner.nonlocals) - bound - inner.globals
    return Scope(
        params,
        frozenset(bound),
        frozenset(bound & inner.captured),
        frozenset(inner.globals),
        frozenset(inner.nonlocals),
        frozenset(free),
        frozenset(inner.unbinds),
    )


def parameter_names(params: cst.Parameters) -> list[str]:
    """Names of all parameters, in order."""
    return [p.name.value for p in parameters(params)]


def parameters(params: cst.Parameters) -> list[cst.Param]:
    """All parameters, in order."""
    found: list[cst.Param] = [*params.posonly_params, *params.params]
    if isinstance(params.star_arg, cst.Param):
        found.append(params.star_arg)
    found += params.kwonly_params
    if params.star_kwarg is not None:
        found.append(params.star_kwarg)
    return found


def declared(node: cst.CSTNode) -> set[str]:
    """Names that a bare `y: int` makes local without binding them."""
    found: set[str] = set()

    def look(inner: cst.CSTNode) -> None:
        kind = type(inner)
        if _holds_statements(kind):
            for part in parts(inner):
                look(part)
        elif kind is cst.AnnAssign:
            assert isinstance(inner, cst.AnnAssign)
            if inner.value is None and isinstance(inner.target, cst.Name):
                found.add(inner.target.value)

    look(node)
    return found


def _add(total: Uses, more: Uses) -> None:
    total.reads += more.reads
    for name, sure in more.binds.items():
        total.binds[name] = sure or total.binds.get(name, False)
    total.unbinds |= more.unbinds
    total.deletes += more.deletes
    total.caught += more.caught
    total.captured |= more.captured
    total.nested |= more.nested
    total.globals |= more.globals
    total.nonlocals |= more.nonlocals


@cache
def _handler_of(kind: type) -> Callable[[_Collector, cst.CSTNode], None] | None:
    return getattr(_Collector, f"_{kind.__name__}", None)


@cache
def _holds_statements(kind: type) -> bool:
    return issubclass(kind, _HOLDERS) and not issubclass(kind, (cst.FunctionDef, cst.ClassDef))


class _Collector:
    """One walk. A method named after a node type handles it; all others are walked through."""

    def __init__(self, scope: Callable[[cst.FunctionDef | cst.Lambda], Scope]) -> None:
        self.out = Uses()
        self._sure = True
        self._scope = scope

    def visit(self, node: cst.CSTNode) -> None:
        handler = _handler_of(type(node))
        if handler is not None:
            handler(self, node)
        else:
            self._all(parts(node))

    def _all(self, nodes: Iterable[cst.CSTNode]) -> None:
        for node in nodes:
            self.visit(node)

    def _unsure(self, *nodes: cst.CSTNode) -> None:
        before, self._sure = self._sure, False
        self._all(nodes)
        self._sure = before

    def _bind(self, name: str) -> None:
        self.out.binds[name] = self._sure or self.out.binds.get(name, False)

    def bind_target(self, target: cst.CSTNode) -> None:
        """An assignment's target: names in it are bound, all else in it is read."""
        if isinstance(target, cst.Name):
            self._bind(target.value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.bind_target(element.value)
        else:
            self.visit(target)

    # Names and expressions

    def _Name(self, node: cst.Name) -> None:
        if not self.out.binds.get(node.value) and node.value not in _LITERALS:
            self.out.reads.append(node)

    def _Attribute(self, node: cst.Attribute) -> None:
        self.visit(node.value)

    def _Arg(self, node: cst.Arg) -> None:
        self.visit(node.value)

    def _SimpleString(self, node: cst.SimpleString) -> None:
        pass

    def _Integer(self, node: cst.Integer) -> None:
        pass

    def _NamedExpr(self, node: cst.NamedExpr) -> None:
        self.visit(node.value)
        self.bind_target(node.target)

    def _BooleanOperation(self, node: cst.BooleanOperation) -> None:
        self.visit(node.left)
        self._unsure(node.right)

    def _IfExp(self, node: cst.IfExp) -> None:
        self.visit(node.test)
        self._unsure(node.body, node.orelse)

    def _Comparison(self, node: cst.Comparison) -> None:
        self._all([node.left, node.comparisons[0]])
        self._unsure(*node.comparisons[1:])

    def _Call(self, node: cst.Call) -> None:
        self.visit(node.func)
        if len(node.args) == 1 and isinstance(node.args[0].value, cst.GeneratorExp) and _consumes(node.func):
            self._comprehension(node.args[0].value, lazy=False)
        else:
            self._all(node.args)

    def _ListComp(self, node: cst.ListComp) -> None:
        self._comprehension(node, lazy=False)

    def _SetComp(self, node: cst.SetComp) -> None:
        self._comprehension(node, lazy=False)

    def _DictComp(self, node: cst.DictComp) -> None:
        self._comprehension(node, lazy=False)

    def _GeneratorExp(self, node: cst.GeneratorExp) -> None:
        self._comprehension(node, lazy=True)

    def _comprehension(self, node: cst.BaseComp, *, lazy: bool) -> None:
        self.visit(node.for_in.iter)
        inner, targets = _Collector(self._scope), _Collector(self._scope)
        clause: cst.CompFor | None = node.for_in
        while clause is not None:
            targets.bind_target(clause.target)
            if clause is not node.for_in:
                inner.visit(clause.iter)
            inner._all(clause.ifs)
            clause = clause.inner_for_in
        inner._all([node.key, node.value] if isinstance(node, cst.DictComp) else [node.elt])  # type: ignore[attr-defined]
        inner.out.reads += targets.out.reads
        own = set(targets.out.binds)
        reads = [n for n in inner.out.reads if n.value not in own and not self.out.binds.get(n.value)]
        if lazy:
            self.out.captured |= {n.value for n in inner.out.reads if n.value not in own} | set(inner.out.writes)
        else:
            self.out.reads += reads
        self.out.captured |= inner.out.captured - own
        for name in inner.out.binds:  # A walrus in a comprehension binds outside it, if there was an element.
            self.out.binds.setdefault(name, False)

    def _Thunk(self, node: Thunk) -> None:
        self._unsure(node.body)

    # Functions and classes

    def _Lambda(self, node: cst.Lambda) -> None:
        self._defaults(node.params)
        self.out.captured |= self._scope(node).free

    def _FunctionDef(self, node: cst.FunctionDef) -> None:
        self._all(node.decorators)
        self._defaults(node.params)
        for annotation in [*(p.annotation for p in parameters(node.params)), node.returns]:
            if annotation is not None:
                self.visit(annotation.annotation)
        self.out.captured |= self._scope(node).free
        self._bind(node.name.value)

    def _defaults(self, params: cst.Parameters) -> None:
        self._all(p.default for p in parameters(params) if p.default is not None)

    def _ClassDef(self, node: cst.ClassDef) -> None:
        self._all([*node.decorators, *node.bases, *node.keywords])
        inner = uses_of(node.body)  # Names of the class's own are counted as captured too: they only cost a cell.
        self.out.captured |= inner.read | inner.captured | inner.nonlocals
        self._bind(node.name.value)

    def _Region(self, node: Region) -> None:
        self._defaults(node.params)
        self.out.nested |= self._scope(node).free
        self._bind(node.name.value)

    # Statements

    def _AssignTarget(self, node: cst.AssignTarget) -> None:
        self.bind_target(node.target)

    def _Assign(self, node: cst.Assign) -> None:
        self.visit(node.value)
        self._all(node.targets)

    def _AugAssign(self, node: cst.AugAssign) -> None:
        self.visit(node.target)
        self.visit(node.value)
        if isinstance(node.target, cst.Name):
            self.bind_target(node.target)

    def _AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.bind_target(node.target)
        elif not isinstance(node.target, cst.Name):
            self.visit(node.target)

    def _Del(self, node: cst.Del) -> None:
        targets = (
            [e.value for e in node.target.elements] if isinstance(node.target, cst.Tuple | cst.List) else [node.target]
        )
        for target in targets:
            if isinstance(target, cst.Name):
                self.out.deletes.append(target)
                self.out.unbinds.add(target.value)
            else:
                self.visit(target)

    def _Global(self, node: cst.Global) -> None:
        self.out.globals |= {n.name.value for n in node.names}

    def _Nonlocal(self, node: cst.Nonlocal) -> None:
        self.out.nonlocals |= {n.name.value for n in node.names}

    def _Import(self, node: cst.Import) -> None:
        self._aliases(node.names)

    def _ImportFrom(self, node: cst.ImportFrom) -> None:
        if not isinstance(node.names, cst.ImportStar):
            self._aliases(node.names)

    def _aliases(self, aliases: Sequence[cst.ImportAlias]) -> None:
        for alias in aliases:
            self._bind(alias.evaluated_alias or alias.evaluated_name.split(".")[0])

    def _For(self, node: cst.For) -> None:
        self.visit(node.iter)
        before, self._sure = self._sure, False
        self.bind_target(node.target)
        self._all([node.body, *([node.orelse] if node.orelse else [])])
        self._sure = before

    def _While(self, node: cst.While) -> None:
        self.visit(node.test)
        self._unsure(node.body, *([node.orelse] if node.orelse else []))

    def _If(self, node: cst.If) -> None:
        self.visit(node.test)
        self._unsure(node.body, *([node.orelse] if node.orelse else []))

    def _Try(self, node: cst.Try | cst.TryStar) -> None:
        self._unsure(*parts(node))

    _TryStar = _Try

    def _ExceptHandler(self, node: cst.ExceptHandler | cst.ExceptStarHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name is not None and isinstance(node.name.name, cst.Name):
            self.bind_target(node.name.name)
            self.out.caught.append(node.name.name)
            self.out.unbinds.add(node.name.name.value)
        self.visit(node.body)

    _ExceptStarHandler = _ExceptHandler

    def _WithItem(self, node: cst.WithItem) -> None:
        self.visit(node.item)
        if node.asname is not None:
            self.bind_target(node.asname.name)

    def _MatchCase(self, node: cst.MatchCase) -> None:
        self._unsure(*parts(node))

    def _MatchAs(self, node: cst.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name is not None:
            self._bind(node.name.value)

    def _MatchStar(self, node: cst.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name.value)

    def _MatchMapping(self, node: cst.MatchMapping) -> None:
        self._all(node.elements)
        if node.rest is not None:
            self._bind(node.rest.value)

    def _MatchKeywordElement(self, node: cst.MatchKeywordElement) -> None:
        self.visit(node.pattern)

    def _TypeAlias(self, node: cst.CSTNode) -> None:
        name, value = parts(node)
        inner = uses_of(value)  # Evaluated when somebody asks for it.
        self.out.captured |= inner.read | inner.captured
        self.bind_target(name)


def _consumes(function: cst.BaseExpression) -> bool:
    """Whether a callee is one of the builtins that use an iterator up; `jx.call(sum)` is `sum`."""
    if isinstance(function, cst.Call) and isinstance(function.func, cst.Attribute) and len(function.args) == 1:
        function = function.args[0].value
    return isinstance(function, cst.Name) and function.value in CONSUMERS
