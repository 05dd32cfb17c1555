r"""Takes out of a function the statements that walk a structure, as a function of their own.

What comes before and after stays as it was:

    def loss(p):                          def loss(p):
        model.w = p                           model.w = p
        total = 0.0                           total = 0.0
        for tree in trees:          →         total = outlined(model, total, trees)
            total += model(tree)              return total / 2
        return total / 2
                                          def loss(model, total, trees):
                                              for tree in trees:
                                                  total += model(tree)
                                              return total
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from janusx.transforms.host_names import HostNames
from janusx.transforms.lines import lines_of

OUTLINED = "outlined"
"""What the function calls."""


@dataclass(frozen=True, slots=True)
class Outlined:
    """A function in two.

    Attributes:
        text: the function, which calls `outlined`; that and its free variables are parameters, after the others.
        lines: for each line of `text` the line of the user's file.
        inner: what it calls.
        inner_lines: likewise.
    """

    text: str
    lines: tuple[int, ...]
    inner: str
    inner_lines: tuple[int, ...]


def _no(name: str) -> bool:
    return False


def outline(
    source: str,
    *,
    host: Collection[str],
    free: Sequence[str] = (),
    first_line: int = 1,
    is_leaf: Callable[[str], bool] = _no,
    is_data: Callable[[str], bool] = _no,
) -> Outlined | None:
    r"""Take out what walks.

    Args:
        source: dedented text of one `def`.
        host: its parameters, and free variables, that hold structures or Python's own values.
        free: its free variables.
        first_line: file line of the text's first line.
        is_leaf: says that a dotted name is a library's function.
        is_data: says that a global name holds a class, a module or plain data.

    Returns:
        The two functions; None where the one would be nothing but a call of the other.

    Example:
        >>> done = outline("def f(w, t):\n    w = w * 2\n    y = g(w, t.left)\n    return y + 1\n", host={"t"})
        >>> print(done.text)
        def f(w, t, *, outlined):
            w = w * 2
            y = outlined(t, w)
            return y + 1
        >>> print(done.inner)
        def f(t, w):
            y = g(w, t.left)
            return y
    """
    function = ast.parse(source).body[0]
    if not isinstance(function, ast.FunctionDef) or OUTLINED in source:
        return None
    names = HostNames(function, [*host], is_leaf, is_data, free)
    walking = [i for i, statement in enumerate(function.body) if names.needs_parting(statement)]
    if not walking or any(isinstance(node, (ast.Global, ast.Nonlocal, ast.Yield)) for node in ast.walk(function)):
        return None
    first, last = walking[0], walking[-1] + 1
    while isinstance(function.body[first - 1], ast.Assign) and _moves(function.body[first - 1]) and first:
        first -= 1  # `total = 0.0` goes with the loop
    if any(isinstance(node, ast.Return) for statement in function.body[first:last] for node in ast.walk(statement)):
        last = len(function.body)
    before, body, after = function.body[:first], function.body[first:last], function.body[last:]
    if not before and not after:
        return None
    known = names.local | names.params | set(free)
    params = sorted(_needed(body) & known)
    results = sorted(_stores(body) & _loads(after))
    call = ast.Call(ast.Name(OUTLINED, ast.Load()), [ast.Name(name, ast.Load()) for name in params], [])
    made: ast.stmt = ast.Return(call) if last == len(function.body) else _assign(results, call)
    ast.copy_location(made, body[0])
    back = [] if last == len(function.body) else [ast.Return(_together(results, ast.Load()))]
    outer_args = function.args
    outer_args.kwonlyargs += [ast.arg(name) for name in (*free, OUTLINED)]
    outer_args.kw_defaults += [None] * (len(free) + 1)
    inner_args = ast.arguments([], [ast.arg(name) for name in params], None, [], [], None, [])
    text, lines = _written(function, outer_args, [*before, made, *after], first_line)
    inner, inner_lines = _written(function, inner_args, [*body, *back], first_line)
    return Outlined(text, lines, inner, inner_lines)


def _moves(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Constant, ast.List, ast.Dict))


def _needed(body: Sequence[ast.stmt], bound: frozenset[str] = frozenset()) -> set[str]:
    """The names that statements may read before they bound them."""
    return _walk(body, bound)[0]


def _walk(body: Sequence[ast.stmt], bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    """What statements may need, and what is surely bound after them."""
    needed = set[str]()
    for statement in body:
        if isinstance(statement, ast.If):
            needed |= _read(statement.test) - bound
            (first, one), (second, other) = _walk(statement.body, bound), _walk(statement.orelse, bound)
            needed |= first | second
            bound = one & other
        elif isinstance(statement, ast.For):
            needed |= _read(statement.iter) - bound
            needed |= _needed(statement.body, bound | _names(statement.target)) | _needed(statement.orelse, bound)
        elif isinstance(statement, ast.While):
            needed |= (_read(statement.test) - bound) | _needed(statement.body, bound)
            needed |= _needed(statement.orelse, bound)
        else:
            needed |= _read(statement) - bound
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                bound |= _stores([statement])
    return needed, bound


def _read(node: ast.AST) -> set[str]:
    """The names that a node reads, but for the variables of its comprehensions."""
    inner = [each.target for each in ast.walk(node) if isinstance(each, ast.comprehension)]
    own = {name for target in inner for name in _names(target)}
    return _loads([node]) - own


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _loads(body: Sequence[ast.AST]) -> set[str]:
    nodes = [node for statement in body for node in ast.walk(statement)]
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return read | {
        node.target.id for node in nodes if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }


def _stores(body: Sequence[ast.stmt]) -> set[str]:
    nodes = [node for statement in body for node in ast.walk(statement)]
    named = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return named | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _together(names: Sequence[str], ctx: ast.expr_context) -> ast.expr:
    if len(names) == 1:
        return ast.Name(names[0], ctx)
    return ast.Tuple([ast.Name(name, ctx) for name in names], ctx)


def _assign(names: Sequence[str], call: ast.Call) -> ast.stmt:
    return ast.Assign([_together(names, ast.Store())], call) if names else ast.Expr(call)


def _written(
    function: ast.FunctionDef, arguments: ast.arguments, body: list[ast.stmt], first_line: int
) -> tuple[str, tuple[int, ...]]:
    """A function's text, and the file line for each of its lines."""
    made = copy.copy(function)
    made.args, made.body, made.decorator_list, made.returns = arguments, body, [], None
    text = ast.unparse(ast.fix_missing_locations(made))
    lines = [first_line] * len(lines_of(text))
    again = ast.parse(text).body[0]
    assert isinstance(again, ast.FunctionDef)
    for mine, written in zip(ast.walk(made), ast.walk(again), strict=True):
        if isinstance(written, ast.stmt):
            for row in range(written.lineno, (written.end_lineno or written.lineno) + 1):
                lines[row - 1] = getattr(mine, "lineno", 1) + first_line - 1
    return text, tuple(lines)
