r"""Cuts a function at its calls of itself: into blocks, each of which runs to its end without such a call.

    def fib(n):                       block 0 (n):       branch on n < 2, to 1 or 2
        if n < 2:                     block 1 (n):       return n
            return n             →    block 2 (n):       call fib(n - 1), then 3
        return fib(n - 1) + \         block 3 (n, t_1):  call fib(n - 2), then 4
            fib(n - 2)                block 4 (t_1, t_2): return t_1 + t_2

A machine with a program counter and a stack runs the blocks (`janusx.ops.recursion`); that every lane of a batch can
then be at a block of its own is the idea of Radul et al., "Automatically Batching Control-Intensive Programs for Modern
Accelerators" (MLSys 2020).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from janusx.transforms.bindings import stored
from janusx.transforms.flow import Blocks, Flow, NotInBlocks, Open, define, placed

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def recursion(
    source: str, *, is_recursive: Callable[[ast.expr], bool], free: Sequence[str] = (), first_line: int = 1
) -> Blocks:
    r"""Cut a function at some of its calls.

    Args:
        source: dedented text of one `def`.
        is_recursive: says of what is called whether that may be the function itself, or one that calls it.
        free: its free variables: parameters of the blocks, too.
        first_line: file line of the text's first line.

    Raises:
        NotInBlocks: a call is within something that has no blocks (`try`, a comprehension), or a variable may be
            unbound.

    Example:
        >>> done = recursion("def f(n):\n    return n * f(n - 1)\n", is_recursive=lambda fn: ast.unparse(fn) == "f")
        >>> for block in done.blocks:
        ...     print(block.text)
        def block_0(n):
            return ((), f, (n - 1,), {})
        def block_1(n, t_1):
            return n * t_1
        >>> done.kept
        ('n',)
    """
    function = _function(source)
    if function is None:
        raise NotInBlocks("it is no plain function", first_line)
    _spell_out_super(function)
    cutter = _Cutter(function, is_recursive, first_line)
    cutter.block(function.body)
    if cutter.current is not None:
        cutter.close("return", ast.Constant(None))
    return Flow(function, cutter.blocks, free, first_line).blocks()


def _spell_out_super(function: ast.FunctionDef) -> None:
    """`super()` asks for the first parameter of the function that it is in, which a block may not have."""
    parameters = [*function.args.posonlyargs, *function.args.args]
    for node in ast.walk(function):
        plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
        if isinstance(node, ast.Call) and plain and not node.args and parameters:
            names = "__class__", parameters[0].arg
            node.args = [ast.copy_location(ast.Name(name, ast.Load()), node) for name in names]


def _function(source: str) -> ast.FunctionDef | None:
    node = ast.parse(source).body[0]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Lambda):
        back = ast.copy_location(ast.Return(node.value.body), node.value.body)
        return ast.copy_location(define("lambda_", node.value.args, [back]), node)
    return node if isinstance(node, ast.FunctionDef) else None


class _Cutter:
    """Lowers statements with calls of the function itself, and leaves all others as they are."""

    def __init__(self, function: ast.FunctionDef, is_recursive: Callable[[ast.expr], bool], first_line: int):
        self.blocks = [Open()]
        self.current: int | None = 0
        self._is_recursive = is_recursive
        self._first_line = first_line
        self._loops: list[tuple[int, int]] = []
        self._taken = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        self._taken |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        self._local = stored(function.body) | parameters
        walked = [each.target for each in ast.walk(function) if isinstance(each, ast.NamedExpr)]
        self._rebound = stored(walked)  # within an expression
        self._count = 0
        for node in ast.walk(function):
            if isinstance(node, (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom, ast.Await, ast.Delete)):
                raise self._refusal(node, f"it has a `{type(node).__name__.lower()}` in it")

    # --- statements -------------------------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Lower statements, up to the first that goes elsewhere."""
        for statement in body:
            if self.current is None:
                return
            if not self._leaves(statement):
                self._now.body.append(statement)
                continue
            kind = type(statement).__name__.lower()
            method: Callable[[Any], None] | None = getattr(self, f"_{kind}", None)
            if method is None:
                raise self._refusal(statement, f"it calls itself, or returns, within a `{kind}`")
            method(statement)

    def _leaves(self, node: ast.AST) -> bool:
        """Whether a block ends within a statement."""
        if any(self._calls(node)):
            return True
        pending: list[tuple[ast.AST, bool]] = [(node, False)]
        while pending:
            each, in_loop = pending.pop()
            if isinstance(each, ast.Return) or (isinstance(each, (ast.Break, ast.Continue)) and not in_loop):
                return True
            if isinstance(each, _SCOPES) or not isinstance(each, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                continue
            loop = in_loop or isinstance(each, (ast.For, ast.While))
            pending += [(child, loop) for child in ast.iter_child_nodes(each)]
        return False

    def _calls(self, node: ast.AST) -> Iterator[ast.Call]:
        for each in ast.walk(node):
            if isinstance(each, ast.Call) and self._is_recursive(each.func):
                yield each

    def _return(self, node: ast.Return) -> None:
        value = ast.Constant(None) if node.value is None else self._lift(node.value)
        self.close("return", ast.copy_location(value, node))

    def _expr(self, node: ast.Expr) -> None:
        self._add(node, ast.Expr(self._lift(node.value)))

    def _assign(self, node: ast.Assign) -> None:
        self._check_targets(node, node.targets)
        self._add(node, ast.Assign(node.targets, self._lift(node.value)))

    def _annassign(self, node: ast.AnnAssign) -> None:
        assert node.value is not None
        self._check_targets(node, [node.target])
        self._add(node, ast.Assign([node.target], self._lift(node.value)))

    def _augassign(self, node: ast.AugAssign) -> None:
        self._check_targets(node, [node.target])
        if isinstance(node.target, ast.Name):
            self._add(node, ast.AugAssign(node.target, node.op, self._lift(node.value)))
            return
        target = self._steady(node.target)
        before = self._temporary(_loaded(target))
        value = self._lift(node.value)
        self._add(node, ast.AugAssign(ast.Name(before.id, ast.Store()), node.op, value))
        self._add(node, ast.Assign([target], ast.Name(before.id, ast.Load())))

    def _check_targets(self, node: ast.stmt, targets: Sequence[ast.expr]) -> None:
        if any(True for target in targets for _ in self._calls(target)):
            raise self._refusal(node, "it calls itself in the target of an assignment")

    def _steady(self, target: ast.expr) -> ast.expr:
        """A target whose parts are evaluated."""
        made = copy.copy(target)
        for name, value in ast.iter_fields(target):
            if isinstance(value, ast.expr):
                setattr(made, name, self._kept(value))
        return made

    def _if(self, node: ast.If) -> None:
        test = self._lift(node.test)
        then, other = self._new(), self._new()
        self._branch(node, test, then, other)
        ends: list[int | None] = []
        for start, body in ((then, node.body), (other, node.orelse)):
            self.current = start
            self.block(body)
            ends.append(self.current)
        open_ends = [end for end in ends if end is not None]
        after = self._new() if open_ends else None
        for end in open_ends:
            self.current = end
            self.close("goto", next=(len(self.blocks) - 1,))
        self.current = after

    def _while(self, node: ast.While) -> None:
        head, body, other, after = self._new(), self._new(), self._new(), self._new()
        self._goto(head)
        self.current = head
        self._branch(node, self._lift(node.test), body, other)
        self._loop(body, node.body, head, after)
        self.current = other
        self.block(node.orelse)
        self._goto(after)
        self.current = after

    def _for(self, node: ast.For) -> None:
        """A loop by index: over `range` or what has a length."""
        items = node.iter
        index, stop = self._fresh(), self._fresh()
        if isinstance(items, ast.Call) and isinstance(items.func, ast.Name) and items.func.id == "range":
            if items.keywords or any(isinstance(each, ast.Starred) for each in items.args) or len(items.args) > 2:
                raise self._refusal(node, "it calls itself in a loop over a `range` with a step")
            first, last = [ast.Constant(0), *items.args][-2:]
            item: ast.expr = ast.Name(index, ast.Load())
        else:
            whole = self._temporary(self._lift(items))
            first, last = ast.Constant(0), ast.Call(ast.Name("len", ast.Load()), [ast.Name(whole.id, ast.Load())], [])
            item = ast.Subscript(ast.Name(whole.id, ast.Load()), ast.Name(index, ast.Load()), ast.Load())
        self._add(node, ast.Assign([ast.Name(index, ast.Store())], self._lift(first)))
        self._add(node, ast.Assign([ast.Name(stop, ast.Store())], self._lift(last)))
        test = ast.Compare(ast.Name(index, ast.Load()), [ast.Lt()], [ast.Name(stop, ast.Load())])
        one = ast.Constant(1)
        head, body, step, other, after = (self._new() for _ in range(5))
        self._goto(head)
        self.current = head
        self._branch(node, test, body, other)
        target = placed(ast.Assign([node.target], item), node)
        self._loop(body, [target, *node.body], step, after)
        self.current = step
        self._add(node, ast.AugAssign(ast.Name(index, ast.Store()), ast.Add(), one))
        self._goto(head)
        self.current = other
        self.block(node.orelse)
        self._goto(after)
        self.current = after

    def _loop(self, start: int, body: Sequence[ast.stmt], again: int, after: int) -> None:
        self._loops.append((again, after))
        self.current = start
        self.block(body)
        self._goto(again)
        self._loops.pop()

    def _break(self, node: ast.Break) -> None:
        self._goto(self._loops[-1][1])

    def _continue(self, node: ast.Continue) -> None:
        self._goto(self._loops[-1][0])

    # --- expressions ------------------------------------------------------------------------------------------------

    def _lift(self, node: ast.expr) -> ast.expr:
        """An expression without such calls: they, and what Python evaluates before them, were made before it."""
        if not any(self._calls(node)):
            return node
        if isinstance(node, ast.Call) and self._is_recursive(node.func):
            return self._call(node)
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        if isinstance(node, ast.BoolOp):
            return self._logical(node)
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            return self._chain(node)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self._unrolled(node)
        if isinstance(node, (ast.Lambda, ast.NamedExpr, ast.Dict, *_COMPREHENSIONS)):
            raise self._refusal(node, f"it calls itself within a `{type(node).__name__}`")
        return self._in_order(node)

    def _in_order(self, node: ast.expr, whole: bool = False) -> ast.expr:
        """An expression whose operands were evaluated one after the other, as far as the last such call."""
        made = copy.deepcopy(node)
        spots = list(self._operands(made))
        last = len(spots) if whole else max(i for i, (_, _, value) in enumerate(spots) if any(self._calls(value)))
        for i, (owner, key, value) in enumerate(spots[: last + 1]):
            lifted = self._kept(value) if i < last else self._lift(value)
            if isinstance(owner, list):
                owner[key] = lifted
            else:
                setattr(owner, key, lifted)
        return made

    def _operands(self, node: ast.AST) -> Iterator[tuple[Any, Any, ast.expr]]:
        """The operands of an expression in the order in which Python evaluates them, and where they are."""
        if isinstance(node, ast.Call) and not any(self._calls(node.func)):
            # A function is not a variable of its own: what it is an attribute of may be.
            if isinstance(node.func, ast.Attribute) and not self._is_dotted(node.func):
                yield node.func, "value", node.func.value
            yield from ((node.args, i, each) for i, each in enumerate(node.args))
            yield from ((each, "value", each.value) for each in node.keywords)
            return
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield node, name, value
            elif isinstance(value, list):
                yield from ((value, i, each) for i, each in enumerate(value) if isinstance(each, ast.expr))
                yield from ((each, "value", each.value) for each in value if isinstance(each, ast.keyword))

    def _is_dotted(self, node: ast.expr) -> bool:
        """Whether an expression is a dotted name, such as a function in a module."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name)

    def _kept(self, node: ast.expr) -> ast.expr:
        """An operand, evaluated now; names of the function's own need not be, as no call can change them."""
        if isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in self._local - self._rebound):
            return node
        if isinstance(node, (ast.Starred, ast.Slice, ast.Tuple, ast.List, ast.FormattedValue, ast.JoinedStr)):
            made = copy.copy(node)
            for name, value in ast.iter_fields(node):
                if isinstance(value, ast.expr):
                    setattr(made, name, self._kept(value))
                elif isinstance(value, list):
                    setattr(made, name, [self._kept(each) for each in value])
            return made
        return self._temporary(self._lift(node))

    def _call(self, node: ast.Call) -> ast.expr:
        """The end of a block: the call. What it returns is a variable of the next."""
        given = node
        binds = any(isinstance(each, ast.NamedExpr) for each in ast.walk(node))
        if binds or any(True for each in (*node.args, *node.keywords) for _ in self._calls(each)):
            made = self._in_order(node, whole=binds)
            assert isinstance(made, ast.Call)
            given = made
        args = ast.Tuple(given.args, ast.Load())
        names: list[ast.expr | None] = []
        for each in given.keywords:
            names.append(None if each.arg is None else ast.Constant(each.arg))
        keywords = ast.Dict(names, [each.value for each in given.keywords])
        after = self._new()
        self.close("call", placed(given.func, node), placed(args, node), placed(keywords, node), next=(after,))
        self.current = after
        self._now.result = self._fresh()
        return placed(ast.Name(self._now.result, ast.Load()), node)

    def _choice(self, node: ast.IfExp) -> ast.expr:
        name = self._fresh()
        then, other = (ast.Assign([ast.Name(name, ast.Store())], side) for side in (node.body, node.orelse))
        self.block([placed(ast.If(node.test, [then], [other]), node)])
        return placed(ast.Name(name, ast.Load()), node)

    def _chain(self, node: ast.Compare) -> ast.expr:
        """`a < f(b) < c` as `x, y = a, f(b)`, `x < y and y < c`: `c` is evaluated where that matters."""
        left, middle = self._kept(node.left), self._kept(node.comparators[0])
        first = placed(ast.Compare(left, node.ops[:1], [middle]), node)
        rest = placed(ast.Compare(middle, node.ops[1:], node.comparators[1:]), node)
        return self._logical(placed(ast.BoolOp(ast.And(), [first, rest]), node))

    def _unrolled(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        """A comprehension over a few written items as the list that it makes."""
        part = node.generators[0]
        items = _items(part.iter)
        if items is None or len(node.generators) > 1 or part.ifs or not isinstance(part.target, ast.Name):
            raise self._refusal(node, f"it calls itself within a `{type(node).__name__}` of unknown length")
        elements: list[ast.expr] = []
        for item in [self._kept(each) for each in items]:
            value = item if isinstance(item, (ast.Name, ast.Constant)) else self._temporary(item)
            element = _Renamed(part.target.id, value).visit(copy.deepcopy(node.elt))
            elements.append(self._kept(element))
        return placed(ast.List(elements, ast.Load()), node)

    def _logical(self, node: ast.BoolOp) -> ast.expr:
        """`a and f(b)` as `x = a`, `if x: x = f(b)`."""
        name, after = self._fresh(), self._new()
        for value in node.values[:-1]:
            self.block([placed(ast.Assign([ast.Name(name, ast.Store())], value), node)])
            test: ast.expr = ast.Name(name, ast.Load())
            then = self._new()
            self._branch(node, ast.UnaryOp(ast.Not(), test) if isinstance(node.op, ast.Or) else test, then, after)
            self.current = then
        self.block([placed(ast.Assign([ast.Name(name, ast.Store())], node.values[-1]), node)])
        self._goto(after)
        self.current = after
        return placed(ast.Name(name, ast.Load()), node)

    # --- blocks -----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Open:
        assert self.current is not None
        return self.blocks[self.current]

    def _new(self) -> int:
        self.blocks.append(Open())
        return len(self.blocks) - 1

    def close(self, end: str, *values: ast.expr, next: tuple[int, ...] = ()) -> None:
        """End the block under way."""
        now = self._now
        now.end, now.values, now.next = end, values, next
        self.current = None

    def _goto(self, where: int) -> None:
        if self.current is not None:
            self.close("goto", next=(where,))

    def _branch(self, node: ast.AST, test: ast.expr, then: int, other: int) -> None:
        if any(isinstance(each, ast.NamedExpr) for each in ast.walk(test)):
            test = self._temporary(test)  # what it binds must be bound before the block ends
        truth = ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), test))
        self.close("branch", placed(truth, node), next=(then, other))

    def _fresh(self) -> str:
        while True:
            self._count += 1
            name = f"t_{self._count}"
            if name not in self._taken:
                self._local |= {name}
                return name

    def _temporary(self, value: ast.expr) -> ast.Name:
        if isinstance(value, ast.Name) and value.id in self._local - self._rebound:
            return value
        name = self._fresh()
        self._now.body.append(placed(ast.Assign([ast.Name(name, ast.Store())], value), value))
        return placed(ast.Name(name, ast.Load()), value)

    def _add(self, at: ast.AST, node: ast.stmt) -> None:
        self._now.body.append(placed(node, at))

    def _refusal(self, node: ast.AST, reason: str) -> NotInBlocks:
        return NotInBlocks(reason, getattr(node, "lineno", 1) + self._first_line - 1)


_MOST = 16
"""Items of a comprehension that is unrolled."""


def _items(node: ast.expr) -> list[ast.expr] | None:
    """What is in a container that is written out, or in a `range` of few numbers."""
    if isinstance(node, (ast.Tuple, ast.List)) and not any(isinstance(each, ast.Starred) for each in node.elts):
        return node.elts
    plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    if isinstance(node, ast.Call) and plain and all(isinstance(each, ast.Constant) for each in node.args):
        numbers = range(*(ast.literal_eval(each) for each in node.args))
        return [ast.Constant(number) for number in numbers] if len(numbers) <= _MOST else None
    return None


class _Renamed(ast.NodeTransformer):
    """An expression in which a name stands for something else."""

    def __init__(self, name: str, value: ast.expr):
        self._name, self._value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The other, where it is read."""
        return self._value if node.id == self._name and isinstance(node.ctx, ast.Load) else node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """As it is, if it has a parameter of this name."""
        return (
            node
            if self._name in {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            else self._in(node)
        )

    def _comprehension(self, node: Any) -> ast.expr:
        """Its first items alone, if it has a variable of this name."""
        if self._name not in stored(part.target for part in node.generators):
            return self._in(node)
        node.generators[0].iter = self.visit(node.generators[0].iter)
        return node  # type: ignore[no-any-return]

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _in(self, node: ast.expr) -> ast.expr:
        self.generic_visit(node)
        return node


def _loaded(target: ast.expr) -> ast.expr:
    made = copy.copy(target)
    made.ctx = ast.Load()  # type: ignore[attr-defined]
    return made
