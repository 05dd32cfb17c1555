r"""Parts a function that recurses over Python structures: what Python decides, and what computes with arrays.

The function comes back in a normal form in which every statement is either *host* work (decisions on the structure,
moves, calls of functions that get parts of it) or *array* work, which reads of the structure no more than values that
host statements took out of it:

    def f(self, node):                    def f(self, node):
        if node.leaf:                         if node.leaf:
            return self.e[node.word]              t_1 = node.word
        return jnp.tanh(                          return self.e[t_1]
            self(node.left) @ self.w)    →    t_2 = self(node.left)
                                              return jnp.tanh(t_2 @ self.w)

`transforms.split` then makes pieces of the array work, at the lines given here. Nothing else computes in a host
statement, so it can run ahead of the device on handles for arrays.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from janusx.transforms.host_names import HostNames, dotted
from janusx.transforms.marks import placed

_MOVING = frozenset("append extend insert pop add update setdefault".split())
_DOING = frozenset("setattr delattr print input open exec eval".split())
_COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


class NotASkeleton(Exception):
    """The function cannot be parted; the text says why, `line` is the file line."""

    def __init__(self, reason: str, line: int):
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A function in the normal form.

    Attributes:
        text: one `def`.
        lines: for each line of `text` the line of the user's file.
        host: the lines of `text` of statements, and headers, that are host work.
        alone: likewise of statements that are a piece of their own: the next step of a chain (`total += t`).
        own: names that hold nothing but containers which the function makes.
    """

    text: str
    lines: tuple[int, ...]
    host: frozenset[int]
    alone: frozenset[int]
    own: frozenset[str] = frozenset()


def _no(name: str) -> bool:
    return False


def skeleton(
    source: str,
    *,
    host: Collection[str],
    free: Sequence[str] = (),
    first_line: int = 1,
    is_leaf: Callable[[str], bool] = _no,
    is_data: Callable[[str], bool] = _no,
    lent: Collection[str] = (),
) -> Skeleton:
    r"""Part one function.

    Args:
        source: dedented text of one `def`.
        host: its parameters, and free variables, that hold parts of the structure or Python's own values.
        free: its free variables, which become parameters, after the others.
        first_line: file line of the text's first line.
        is_leaf: says that a dotted name is a library's function.
        is_data: says that a global name holds a class, a module or plain data: nothing that computes with arrays.
        lent: parameters that hold containers which belong to the walk: a memo of the function around it.

    Raises:
        NotASkeleton: a statement writes to what others see, or does what cannot run ahead of the device.

    Example:
        >>> done = skeleton("def f(w, node):\n    return f(w, node.next) @ w\n", host={"node"})
        >>> print(done.text)
        def f(w, node):
            t_1 = f(w, node.next)
            return t_1 @ w
    """
    module = ast.parse(source)
    function = module.body[0]
    if not isinstance(function, ast.FunctionDef):
        raise NotASkeleton("it is no plain function", first_line)
    function.args.kwonlyargs += [ast.arg(name) for name in free]
    function.args.kw_defaults += [None for _ in free]
    names = HostNames(function, host, is_leaf, is_data)
    names.made_here |= set(lent)
    body = _Parter(names, source, first_line, frozenset(lent)).block(_without_docstring(function.body))
    made = copy.copy(function)
    made.body, made.decorator_list, made.returns = body or [ast.Pass()], [], None
    text = ast.unparse(ast.fix_missing_locations(made))
    lines, marks = placed(text, made, first_line)
    own = frozenset(names.made_here) - set(lent)
    return Skeleton(text, lines, marks.get("host", frozenset()), marks.get("alone", frozenset()), own)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text else body


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


class _Parter:
    """Brings blocks into the normal form."""

    def __init__(self, names: HostNames, source: str, first_line: int, lent: frozenset[str]):
        self.names = names
        self._lent = lent
        self._first_line = first_line
        self._count = 0
        self._loops = 0
        self._out: list[ast.stmt] = []

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The statements of a block, parted."""
        outer, self._out = self._out, []
        for statement in body:
            self._statement(statement)
        made, self._out = self._out, outer
        return made

    # --- statements -------------------------------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            self._refuse(node, "it declares names of other scopes")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)
        elif self.names.needs_parting(node):
            self._refuse(node, f"a `{type(node).__name__.lower()}` statement reads the structure")
        else:
            self._array_work(node)

    def _array_work(self, node: ast.stmt) -> None:
        """A statement that is array work as a whole: it computes, and does nothing else."""
        for each in ast.walk(node):
            if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(each.ctx, (ast.Store, ast.Del)):
                self._check_target(each)
            elif isinstance(each, ast.Call) and dotted(each.func) in _DOING:
                self._refuse(each, f"it calls `{dotted(each.func)}`")
        self._out.append(node)

    def _pass(self, node: ast.stmt) -> None:
        self._add(node, node, "host")

    _break = _continue = _raise = _functiondef = _pass

    def _assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._check_target(target)
        if self._accumulates(node):
            assert isinstance(node.value, ast.BinOp)
            added = ast.BinOp(node.value.left, node.value.op, self._term(node.value.right))
            self._add(node, ast.Assign(node.targets, added), "alone")
            return
        value, how = self._value(node.value)
        if self._keeps(node, value):
            return
        writes = not all(isinstance(each, (ast.Name, ast.Tuple, ast.List)) for each in node.targets)
        if writes and how != "host":
            value, how = self._atom(value), "host"
        self._add(node, ast.Assign(node.targets, value), how)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def _augassign(self, node: ast.AugAssign) -> None:
        self._check_target(node.target)
        if isinstance(node.target, ast.Name) and node.target.id in self.names.host:
            self._add(node, node, "host")
            return
        alone = self._loops and isinstance(node.target, ast.Name)
        value = self._term(node.value) if alone else self._lift(node.value)
        self._add(node, ast.AugAssign(node.target, node.op, value), "alone" if alone else None)

    def _keeps(self, node: ast.Assign, value: ast.expr) -> bool:
        """`memo[node] = h`, of a container that is lent: as a call, which is asked whether it still is."""
        target = node.targets[0]
        if len(node.targets) != 1 or not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
            return False
        if target.value.id not in self._lent:
            return False
        method = ast.Attribute(_name(target.value.id), "__setitem__", ast.Load())
        call = ast.Call(method, [self._given(target.slice), self._atom(value)], [])
        self._add(node, ast.Expr(call), "host")
        return True

    def _accumulates(self, node: ast.Assign) -> bool:
        """Whether it is `total = total + …`, in a loop of the host's: the next step of a chain."""
        value, target = node.value, node.targets[0]
        if not self._loops or len(node.targets) != 1 or not isinstance(target, ast.Name) or self.names.is_host(value):
            return False
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, (ast.Add, ast.Sub, ast.Mult)):
            return False
        again = any(isinstance(each, ast.Name) and each.id == target.id for each in ast.walk(value.right))
        return isinstance(value.left, ast.Name) and value.left.id == target.id and not again

    def _term(self, node: ast.expr) -> ast.expr:
        """What is added in a step of a chain, under a name."""
        value = self._lift(node)
        return value if isinstance(value, (ast.Name, ast.Constant)) else self._temporary(value, None)

    def _check_target(self, target: ast.expr) -> None:
        for each in ast.walk(target):
            stored = isinstance(getattr(each, "ctx", None), (ast.Store, ast.Del))
            if isinstance(each, ast.Attribute) and stored:
                self._refuse(target, "it writes to an attribute")
            if isinstance(each, ast.Subscript) and stored and not self._is_own(each.value):
                self._refuse(target, "it writes to a container that others see")

    def _is_own(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.names.made_here

    def _expr(self, node: ast.Expr) -> None:
        call = node.value
        method = call.func if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
        if isinstance(call, ast.Call) and method is not None and method.attr in _MOVING and self._is_own(method.value):
            args = [self._atom(self._lift(each)) for each in call.args]
            self._add(node, ast.Expr(ast.Call(method, args, call.keywords)), "host")
            return
        if isinstance(call, ast.Call) and self.names.gives_structure(call):
            self._add(node, ast.Expr(self._call(call)), "host")
            return
        self._refuse(node, "it does something besides computing")

    def _return(self, node: ast.Return) -> None:
        if node.value is None:
            self._add(node, node, "host")
            return
        value, how = self._value(node.value)
        self._add(node, ast.Return(value), how)

    def _assert(self, node: ast.Assert) -> None:
        if not self.names.is_host(node.test):
            self._refuse(node, "it asserts something about arrays")
        self._add(node, node, "host")

    def _if(self, node: ast.If) -> None:
        if not self._parts(node):
            self._array_work(node)
            return
        test = node.test if self.names.is_host(node.test) else self._lift(node.test)
        self._add(node, ast.If(test, self.block(node.body), self.block(node.orelse)), "host")

    def _for(self, node: ast.For) -> None:
        if not self._parts(node):
            self._array_work(node)
            return
        rows: list[ast.stmt] = []
        items, target = self._items(node.iter, node.target, rows)
        for row in rows:
            ast.fix_missing_locations(ast.copy_location(row, node))
        self._loops += 1
        body = self.block([*rows, *node.body])
        self._loops -= 1
        self._add(node, ast.For(target, items, body, self.block(node.orelse)), "host")

    def _items(self, items: ast.expr, target: ast.expr, rows: list[ast.stmt]) -> tuple[ast.expr, ast.expr]:
        """What a loop is over, and its target: arrays are looped over by index, and `rows` bind theirs."""
        if self.names.is_host(items) or self.names.goes_through(items):
            return items, target
        name = dotted(items.func) if isinstance(items, ast.Call) else ""
        if isinstance(items, ast.Call) and name in ("zip", "enumerate") and isinstance(target, ast.Tuple):
            before = target.elts[:1] if name == "enumerate" else []
            inner = target.elts[len(before) :]
            if len(inner) == len(items.args) and not any(isinstance(each, ast.Starred) for each in items.args):
                pairs = [self._items(each, own, rows) for each, own in zip(items.args, inner, strict=True)]
                call = ast.Call(items.func, [each for each, _ in pairs], items.keywords)
                return call, ast.Tuple([*before, *(own for _, own in pairs)], ast.Store())
        if name in ("zip", "enumerate", "map", "filter", "reversed"):
            self._refuse(items, "it loops over arrays and the structure at once")
        base = self._atom(self._lift(items))
        index = self._fresh()
        self.names.host.add(index)
        self.names.structure.add(index)
        rows.append(ast.Assign([target], ast.Subscript(base, _name(index), ast.Load())))
        return ast.Call(_name("range"), [ast.Call(_name("len"), [base], [])], []), ast.Name(index, ast.Store())

    def _while(self, node: ast.While) -> None:
        if not self._parts(node):
            self._array_work(node)
            return
        if not self.names.is_host(node.test):
            self._refuse(node, "arrays decide about a loop over the structure")
        self._loops += 1
        body = self.block(node.body)
        self._loops -= 1
        self._add(node, ast.While(node.test, body, self.block(node.orelse)), "host")

    def _match(self, node: ast.Match) -> None:
        if not self._parts(node):
            self._array_work(node)
            return
        if not self.names.is_host(node.subject):
            self._refuse(node, "arrays decide about a match on the structure")
        cases = [ast.match_case(case.pattern, case.guard, self.block(case.body)) for case in node.cases]
        self._add(node, ast.Match(node.subject, cases), "host")

    def _parts(self, node: ast.stmt) -> bool:
        """Whether a compound statement is the host's; else it is array work as a whole."""
        return self.names.needs_parting(node)

    def _value(self, node: ast.expr) -> tuple[ast.expr, str | None]:
        """The value of a statement, and whether what is left of it is host work."""
        if self.names.is_host(node):
            return node, "host"
        if self.names.gives_structure(node):
            assert isinstance(node, ast.Call)
            return self._call(node), "host"
        if self.names.takes_out(node):
            return node, "host"
        value = self._lift(node)
        return value, "host" if self._moves(value) else None

    def _moves(self, node: ast.expr) -> bool:
        """Whether an expression only hands values on."""
        if isinstance(node, (ast.Tuple, ast.List)):
            return all(map(self._moves, node.elts))
        return (isinstance(node, ast.Name) and node.id in (self.names.local | self.names.params)) or self.names.is_host(
            node
        )

    # --- expressions ------------------------------------------------------------------------------------------------

    def _lift(self, node: ast.expr) -> ast.expr:
        """An expression whose host work was put into statements before it."""
        names = self.names
        if names.is_host(node):
            plain = isinstance(node, (ast.Name, ast.Constant)) or not names.reads(node)
            return node if plain else self._temporary(node, "host")
        if not names.needs_parting(node):
            return node
        if names.gives_structure(node):
            assert isinstance(node, ast.Call)
            return self._temporary(self._call(node), "host")
        if names.takes_out(node):
            return self._temporary(node, "host")
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self._loop(node)
        if isinstance(node, ast.Call) and names.sums(node):
            return self._sum(node)
        if isinstance(node, (ast.BoolOp, ast.Lambda, ast.NamedExpr, *_COMPREHENSIONS)):
            self._refuse(node, f"the structure is read within a `{type(node).__name__}`")
        made = copy.copy(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not (field == "func" and isinstance(value, ast.Name)):
                setattr(made, field, self._lift(value))
            elif isinstance(value, list):
                setattr(made, field, [self._part(each) for each in value])
        return made

    def _part(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Starred):
            return ast.Starred(self._lift(node.value), node.ctx)
        if isinstance(node, ast.keyword):
            return ast.keyword(node.arg, self._lift(node.value))
        return self._lift(node) if isinstance(node, ast.expr) else node

    def _call(self, node: ast.Call) -> ast.Call:
        """A call of the user's function with parts of the structure: all else that it gets has a name."""
        args = [
            ast.Starred(self._atom(self._lift(each.value)), each.ctx)
            if isinstance(each, ast.Starred)
            else self._given(each)
            for each in node.args
        ]
        made = ast.Call(node.func, args, [ast.keyword(each.arg, self._given(each.value)) for each in node.keywords])
        return ast.copy_location(made, node)

    def _given(self, node: ast.expr) -> ast.expr:
        return node if self.names.is_host(node) else self._atom(self._lift(node))

    def _atom(self, node: ast.expr) -> ast.expr:
        if self._moves(node):
            return node
        return self._temporary(node, None)

    def _choice(self, node: ast.IfExp) -> ast.expr:
        name = self._fresh()
        test = node.test if self.names.is_host(node.test) else self._lift(node.test)
        sides = []
        for side in (node.body, node.orelse):
            assign = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], side), node)
            sides.append(self.block([assign]))
        self._add(node, ast.If(test, *sides), "host")
        return ast.Name(name, ast.Load())

    def _loop(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        """A comprehension as a loop that appends to a list."""
        name, node = self._fresh(), self._renamed(node)
        self.names.made_here.add(name)
        self._add(node, ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load())), "host")
        append = ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load())
        self._nest(node, ast.Expr(ast.Call(append, [node.elt], [])), node)
        return _name(name)

    def _renamed(self, node: ast.ListComp | ast.GeneratorExp) -> ast.ListComp | ast.GeneratorExp:
        """A comprehension with variables of its own: they are the function's from now on."""
        node = copy.deepcopy(node)
        for i, part in enumerate(node.generators):
            bound = [each for each in ast.walk(part.target) if isinstance(each, ast.Name)]
            names = {each.id: self._fresh() for each in bound}
            host, reads = self.names.is_host(part.iter), self.names.reads(part.iter)
            inside = [*part.ifs, *(each for later in node.generators[i + 1 :] for each in ast.walk(later)), node.elt]
            for each in (inner for outer in inside for inner in ast.walk(outer)):
                if isinstance(each, ast.Name) and each.id in names:
                    each.id = names[each.id]
            for each in bound:
                each.id = names[each.id]
            if host:
                self.names.host |= set(names.values())
                self.names.structure |= set(names.values()) if reads else set()
        return node

    def _sum(self, node: ast.Call) -> ast.expr:
        """`sum` as the loop that it is, so that it is one kind of work for any number of items."""
        name, items = self._fresh(), node.args[0]
        if not isinstance(items, (ast.ListComp, ast.GeneratorExp)):
            part = ast.comprehension(ast.Name(self._fresh(), ast.Store()), items, [], 0)
            items = ast.GeneratorExp(_name(part.target.id), [part])  # type: ignore[attr-defined]
        comprehension = self._renamed(items)
        start = node.args[1] if len(node.args) > 1 else ast.Constant(0)
        self._statement(ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], start), node))
        add = ast.BinOp(_name(name), ast.Add(), comprehension.elt)
        body: ast.stmt = ast.Assign([ast.Name(name, ast.Store())], add)
        self._nest(comprehension, body, node)
        return _name(name)

    def _nest(self, node: ast.ListComp | ast.GeneratorExp, body: ast.stmt, at: ast.expr) -> None:
        """The loops of a comprehension, around a statement."""
        for part in reversed(node.generators):
            for test in reversed(part.ifs):
                body = ast.If(test, [body], [])
            body = ast.For(part.target, part.iter, [body], [])
        for each in ast.walk(body):
            ast.copy_location(each, at)
        self._statement(ast.fix_missing_locations(body))

    # --- emitting ---------------------------------------------------------------------------------------------------

    def _fresh(self) -> str:
        while True:
            self._count += 1
            name = f"t_{self._count}"
            if name not in self.names.taken:
                self.names.local.add(name)
                return name

    def _temporary(self, value: ast.expr, mark: str | None) -> ast.Name:
        name = self._fresh()
        if self.names.is_host(value):
            self.names.host.add(name)
        self._add(value, ast.Assign([ast.Name(name, ast.Store())], value), mark)
        return ast.Name(name, ast.Load())

    def _add(self, at: ast.AST, node: ast.stmt, mark: str | None) -> None:
        made = copy.copy(node) if node is at else node
        made.lineno = getattr(at, "lineno", 1)
        made.mark = mark  # type: ignore[attr-defined]
        self._out.append(made)

    def _refuse(self, node: ast.AST, reason: str) -> None:
        raise NotASkeleton(reason, getattr(node, "lineno", 1) + self._first_line - 1)
