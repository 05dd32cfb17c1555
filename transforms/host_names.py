"""Which names of a function hold parts of a structure that Python walks, or plain Python values, and which expressions.

A name does if all that it is ever bound to does; the greatest set of which that is true is found by taking names away.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Collection, Sequence

HOST_BUILTINS = frozenset(
    """len isinstance issubclass range enumerate zip reversed sorted min max sum abs int float str bool list tuple dict
    set frozenset hasattr getattr type id ord chr any all repr round divmod""".split()
)
CHANGING = frozenset(
    """append extend insert pop remove clear reverse sort add discard update setdefault popitem popleft appendleft
    write send throw close""".split()
)
_CONTAINERS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)
_COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


class HostNames:
    """Which names hold parts of the structure or plain Python values, and which expressions do."""

    def __init__(
        self,
        function: ast.FunctionDef,
        host: Collection[str],
        is_leaf: Callable[[str], bool],
        is_data: Callable[[str], bool],
        free: Collection[str] = (),
    ):
        self.is_leaf = is_leaf
        self._is_data = is_data
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        self.params = {each.arg for each in every if each is not None} | set(free)
        self.structure = set(host)
        values: dict[str, list[ast.expr | None]] = {}
        _bindings(function.body, values)
        self.local = set(values)
        self.made_here = {
            name for name, given in values.items() if given and all(isinstance(each, _CONTAINERS) for each in given)
        } - self.params
        self.host = (set(host) | self.local) - (self.params - set(host))
        while True:
            wrong = {
                name
                for name in self.host & self.local
                if not all(each is not None and self.is_host(each) for each in values[name])
            }
            if not wrong:
                break
            self.host -= wrong
        # Of the names of host values, those that go back to the structure.
        found = True
        while found:
            more = {
                name
                for name in self.host - self.structure
                if any(each is not None and self.reads(each) for each in values.get(name, ()))
            }
            found = bool(more)
            self.structure |= more
        self.taken = self.params | self.local | {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}

    def is_host(self, node: ast.expr, extra: frozenset[str] = frozenset()) -> bool:
        """Whether an expression is of plain Python values and parts of the structure alone."""
        if isinstance(node, ast.Name):
            if node.id in self.host or node.id in extra:
                return True
            outside = node.id not in self.local and node.id not in self.params
            return outside and (node.id in HOST_BUILTINS or self._is_data(node.id))
        if isinstance(node, _COMPREHENSIONS):
            for part in node.generators:
                if not self.is_host(part.iter, extra):
                    return False
                extra |= {each.id for each in ast.walk(part.target) if isinstance(each, ast.Name)}
                if not all(self.is_host(test, extra) for test in part.ifs):
                    return False
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            return all(self.is_host(part, extra) for part in parts)
        if isinstance(node, ast.Call):
            return self.calls_host(node, extra) and all(
                self.is_host(part, extra) for part in [*node.args, *(word.value for word in node.keywords)]
            )
        if isinstance(node, (ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        return all(self.is_host(part, extra) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))

    def calls_host(self, node: ast.Call, extra: frozenset[str] = frozenset()) -> bool:
        """Whether what is called is a builtin that looks at Python values, or a method of a part of the structure."""
        func = node.func
        if isinstance(func, ast.Name):
            outside = func.id not in self.local and func.id not in self.params
            return outside and func.id in HOST_BUILTINS and hasattr(builtins, func.id)
        if not isinstance(func, ast.Attribute) or not self.is_host(func.value, extra):
            return False
        # What Python walks is not changed on the way, but for containers of the function's own.
        own = isinstance(func.value, ast.Name) and func.value.id in self.made_here
        return own or func.attr not in CHANGING

    def reads(self, node: ast.AST) -> bool:
        """Whether something in a node reads the structure."""
        return any(isinstance(each, ast.Name) and each.id in self.structure for each in ast.walk(node))

    def gives_structure(self, node: ast.expr) -> bool:
        """Whether a call hands a part of the structure to a function of the user's, or is of such a function's own."""
        if not isinstance(node, ast.Call):
            return False
        name = dotted(node.func) or _of_super(node.func)
        base = name.partition(".")[0]
        if not name or self.is_leaf(name) or (self.calls_host(node) and not isinstance(node.func, ast.Attribute)):
            return False
        if base in self.local and base not in self.host and isinstance(node.func, ast.Attribute):
            return False  # a method of an array
        if hasattr(builtins, name) and name not in self.local | self.params:
            return False  # `print` and `open` are not to be done ahead
        given = [*node.args, *(word.value for word in node.keywords)]
        return any(self.is_host(each) and self.reads(each) for each in given)

    def needs_parting(self, node: ast.AST) -> bool:
        """Whether there is something in a node for the host to do."""
        if isinstance(node, ast.FunctionDef):
            return False  # the host makes it; what it does is asked when it is called
        if self.reads(node):
            return True
        return any(
            (isinstance(each, ast.expr) and (self.gives_structure(each) or self.takes_out(each)))
            or (isinstance(each, ast.For | ast.comprehension) and self.goes_through(each.iter))
            or (isinstance(each, ast.Call) and self.sums(each))
            for each in ast.walk(node)
        )

    def goes_through(self, node: ast.expr) -> bool:
        """Whether a loop is over lists of the function's own, whatever they hold: the host can go through them."""
        if isinstance(node, ast.Name):
            return node.id in self.made_here
        if not isinstance(node, ast.Call) or dotted(node.func) not in ("zip", "enumerate", "reversed"):
            return False
        own = [self.goes_through(each) for each in node.args]
        return any(own) and all(mine or self.is_host(each) for mine, each in zip(own, node.args, strict=True))

    def sums(self, node: ast.Call) -> bool:
        """Whether a call is `sum` of a comprehension, or of a list of the function's own."""
        func = node.func
        if not isinstance(func, ast.Name) or func.id != "sum" or func.id in self.local | self.params:
            return False
        if node.keywords or not 1 <= len(node.args) <= 2:
            return False
        return isinstance(node.args[0], (ast.ListComp, ast.GeneratorExp)) or self.goes_through(node.args[0])

    def takes_out(self, node: ast.expr) -> bool:
        """Whether an expression takes an item out of a container of the function's own."""
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            return False
        return isinstance(node.value, ast.Name) and node.value.id in self.made_here and self.is_host(node.slice)


def _bindings(body: Sequence[ast.stmt], values: dict[str, list[ast.expr | None]]) -> None:
    """What each name of a function is bound to; None for what no expression says."""

    def bind(target: ast.AST, value: ast.expr | None) -> None:
        if isinstance(target, ast.Tuple | ast.List) and value is not None:
            pairs = _pairs(target.elts, value)
            if pairs is not None:
                for own, part in pairs:
                    bind(own, part)
                return
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                values.setdefault(each.id, []).append(value)

    for statement in body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                bind(target, statement.value)
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
            bind(statement.target, statement.value)
        elif isinstance(statement, ast.For):
            bind(statement.target, statement.iter)
        elif isinstance(statement, ast.With):
            for item in statement.items:
                if item.optional_vars is not None:
                    bind(item.optional_vars, None)
        elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            values.setdefault(statement.name, []).append(None)
            continue
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                for each in ast.walk(case.pattern):
                    name = getattr(each, "name", None) or getattr(each, "rest", None)
                    if isinstance(name, str):
                        values.setdefault(name, []).append(statement.subject)
                _bindings(case.body, values)
        for each in _expressions(statement):
            for inner in ast.walk(each):
                if isinstance(inner, ast.NamedExpr):
                    bind(inner.target, inner.value)
        for field in ("body", "orelse", "finalbody"):
            _bindings(getattr(statement, field, []), values)
        for handler in getattr(statement, "handlers", []):
            if handler.name:
                values.setdefault(handler.name, []).append(None)
            _bindings(handler.body, values)


def _pairs(targets: Sequence[ast.expr], value: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
    """Which part of a value each target gets, where that can be read off."""
    parts: list[ast.expr] = []
    if isinstance(value, ast.Call):
        name = dotted(value.func)
        if name == "zip":
            parts = value.args
        elif name == "enumerate" and value.args:
            parts = [ast.Constant(0), value.args[0]]
    elif isinstance(value, (ast.Tuple, ast.List)):
        parts = value.elts
    starred = any(isinstance(each, ast.Starred) for each in (*targets, *parts))
    if starred or len(parts) != len(targets):
        return None
    return list(zip(targets, parts, strict=True))


def _expressions(statement: ast.stmt) -> list[ast.expr]:
    return [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.expr)]


def _of_super(node: ast.expr) -> str:
    """`super().a` as text; "" for any other expression."""
    inside = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) and node.value
    return f"super().{node.attr}" if inside and dotted(inside.func) == "super" else ""  # type: ignore[attr-defined]


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; "" for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    base = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{base}.{node.attr}" if base and isinstance(node, ast.Attribute) else ""
