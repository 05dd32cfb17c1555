"""Cuts a function at statements that must run in Python: what lies between them becomes functions of their own.

The *host* program is the function with each run of other statements replaced by a call of a *piece*, a function of the
variables that the run reads, which returns those that it binds and that are read later:

    def f(x):                         def f(x):
        y = jnp.tanh(x)                   y = piece_1(x)
        z = y @ y                         t = jx.call(time.time)()
        t = time.time()         →         return piece_2(y, t)
        w = z * t
        return w

A piece's text is the user's own lines. A compound statement with a cut in it stays, and its blocks are cut in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import libcst as cst

from janusx.transforms.analysis import Analysis, Scope
from janusx.transforms.blocks import RETURN, Block, Loop, falls, jumps, map_blocks, small
from janusx.transforms.boundness import Boundness
from janusx.transforms.build import Fresh, Ops, assign, give, statements
from janusx.transforms.context_managers import swallows_by
from janusx.transforms.expression_pass import ExpressionPass, Frame
from janusx.transforms.host_expressions import HostExpressions
from janusx.transforms.host_statements import (
    HostCalls,
    at_work,
    declared_nonlocal,
    escaping,
    loop_targets,
    raises_again,
    rebindable,
    stays_on_host,
)
from janusx.transforms.lines import TAG, Mark, lines_of, mark_of, put, read_back
from janusx.transforms.liveness import Liveness
from janusx.transforms.natives import reads_frame
from janusx.transforms.sites import parse
from janusx.transforms.unit import Unit
from janusx.transforms.walks import Changed

_RETURNS = frozenset({RETURN, f"hard {RETURN}"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of statements, or what decides in the header of one, as a function.

    Attributes:
        name: under which the host program calls it.
        text: one `def`; its lines below the first are the user's.
        first_line: file line that stands for the `def` line, the one above the first statement.
        params: the variables that it takes, in order.
        varying: those of them that are the targets of loops: a loop around the call gives them a value each trip.
        last_line: file line of the last statement's end.
    """

    name: str
    text: str
    first_line: int
    params: tuple[str, ...]
    varying: tuple[str, ...]
    last_line: int


@dataclass(frozen=True, slots=True)
class Split:
    """A function cut in pieces.

    Attributes:
        text: the host program, one `def` without decorators.
        lines: for each line of `text`, the line of the user's file.
        pieces: what it calls.
        ops_name: the free name through which it calls functions.
        calls: whether it calls anything that may be converted.
    """

    text: str
    lines: tuple[int, ...]
    pieces: tuple[Piece, ...]
    ops_name: str
    calls: bool


def _no(name: str) -> bool:
    return False


def split(
    source: str,
    *,
    cuts: Collection[int],
    first_line: int = 1,
    class_name: str | None = None,
    is_leaf: Callable[[str], bool] = _no,
    consumes: Callable[[str], bool] = _no,
    alone: Collection[int] = (),
    whole: Collection[int] = (),
    ops_name: str = "jx",
) -> Split | None:
    r"""Cut one function.

    Args:
        source: dedented text of one `def`.
        cuts: file lines of statements that run in Python. A line of a compound statement's header leaves the statement
            in Python, but not what is in its blocks. Statements with `yield` or `await` always are cuts.
        first_line: file line of the text's first line.
        class_name: the class in whose body the function stands.
        is_leaf: says that a dotted name is a leaf library's function, whose call is left as it is.
        consumes: says that the function of a dotted name calls the functions that it is given, and keeps none.
        alone: file lines of statements that are pieces of their own. If it is given, all that is not cut is in pieces,
            be it work or not.
        whole: file lines of statements in which nothing may be a piece: what they read is seen by Python alone.
        ops_name: the name of the ops in the host program; another is taken where the source uses it.

    Returns:
        The host program and the pieces; None where the function cannot be cut (a lambda, a reader of its own frame,
        syntax that LibCST does not know).

    Example:
        >>> done = split("def f(x):\n    y = g(x) + 1\n    log(y)\n    return y * y\n", cuts={3})
        >>> print(done.text, end="")
        def f(x):
            y = piece_1(x)
            jx.call(log)(y)
            return piece_2(y)
        >>> print(done.pieces[0].text, end="")
        def f(x):
            y = g(x) + 1
            return y
    """
    try:
        parsed = parse(source, first_line=first_line)
    except cst.ParserSyntaxError:
        return None  # syntax that LibCST does not know
    function = parsed.function
    if TAG in source or not isinstance(function, cst.FunctionDef) or reads_frame(function.body):
        return None
    fresh = Fresh(source)
    unit = Unit(source, parsed, Ops(fresh(ops_name)), fresh, Analysis(), is_leaf, {}, class_name, list(parsed.sites))
    walk = _Normal(unit)
    walk.enter(function)
    body = walk.walk(function.body)
    assert isinstance(body, cst.IndentedBlock)
    splitter = _Splitter(unit, function, frozenset(cuts), walk, consumes, frozenset(alone) if alone != () else None)
    splitter.whole = frozenset(whole)
    emitted = splitter.function(statements(body))
    made = function.with_changes(
        body=body.with_changes(body=emitted), decorators=[], leading_lines=[], lines_after_decorators=[]
    )
    line = parsed.line(function)
    code = parsed.module.with_changes(body=[put(made, Mark(line, line))], header=[], footer=[]).code
    text, lines = read_back(code, first_line)
    return Split(text, lines, tuple(splitter.pieces), unit.ops.name, splitter.calls.found)


class _Normal(ExpressionPass):
    """Marks and normal form for the outermost function, generators included; nested functions are left alone."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self.inline: set[int] = set()  # lines of statements that stand on the line of a header
        self.ends: dict[tuple[int, type], int] = {}  # by first line and type of a statement: its last line

    def _marked(self, original: cst.CSTNode, node: cst.CSTNode) -> Changed:
        parsed = self.unit.parsed
        if isinstance(original, cst.SimpleStatementSuite):
            self.inline.add(parsed.line(original))
        elif isinstance(original, cst.BaseStatement):
            self.ends[parsed.line(original), type(original)] = parsed.last_line(original)
        return super()._marked(original, node)

    def enter(self, function: cst.FunctionDef | cst.Lambda) -> None:
        nested = bool(self.frames)
        self.frames.append(Frame(self.unit.analysis.scope(function), None, nested))
        self.native += nested


class _Splitter:
    """Cuts one function's blocks."""

    def __init__(
        self,
        unit: Unit,
        function: cst.FunctionDef,
        cuts: frozenset[int],
        form: _Normal,
        consumes: Callable[[str], bool],
        alone: frozenset[int] | None,
    ) -> None:
        self.unit = unit
        self._alone = alone
        self.whole = frozenset[int]()
        self._form = form
        self._rebound = declared_nonlocal(function)
        self.pieces: list[Piece] = []
        self.calls = HostCalls(unit)
        self._function = function
        self._cuts = cuts
        self._texts = lines_of(unit.source)
        self._scope: Scope = unit.analysis.scope(function)
        self._live: Liveness
        self._bound: Boundness
        self._held: frozenset[str] = frozenset()
        self._rebindable: frozenset[str] = frozenset()
        self._consumes = consumes
        self._swallows = swallows_by(unit.is_leaf)
        self._targets = loop_targets(function)

    def function(self, body: Block) -> list[cst.BaseStatement]:
        """The host program's statements."""
        unit, scope = self.unit, self._scope
        self._live = Liveness(unit.analysis, self._swallows)
        self._live.function(body)
        self._bound = Boundness(unit.analysis, self._swallows, scope.bound)
        self._bound.block(body, frozenset(scope.params))
        # What closures made by the host program see, a piece must not change behind their back.
        self._rebindable = rebindable(self._function, body, unit.analysis)
        self._held = scope.globals | scope.nonlocals | self._rebound | self._captured(body)
        emitted = self._block(body, tail=True)
        return emitted or [cst.SimpleStatementLine([cst.Pass()])]

    def _captured(self, body: Block) -> frozenset[str]:
        """The names that closures made by the host program may see change, or not find yet."""
        bound: dict[str, int] = {}
        captured: dict[str, int] = {}

        def note(block: list[cst.BaseStatement]) -> Block:
            for statement in block:
                line = mark_of(statement).line
                if small(statement) is not None or isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
                    for name in escaping(statement, self._consumes):
                        captured.setdefault(name, line)
                    for name in self.unit.analysis.uses(statement).writes:
                        bound[name] = line
                else:
                    for name in escaping(map_blocks(statement, lambda _: []), self._consumes):
                        captured.setdefault(name, line)
                    map_blocks(statement, note)
            return block

        note(list(body))
        early = {name for name, line in captured.items() if bound.get(name, 0) >= line}
        return frozenset(early | (captured.keys() & self._rebindable))

    # --- blocks -----------------------------------------------------------------------------------------------------

    def _block(self, body: Block, *, tail: bool = False) -> list[cst.BaseStatement]:
        """A block with its runs replaced; `tail` if the function ends with it."""
        out: list[cst.BaseStatement] = []
        run: list[cst.BaseStatement] = []
        # From here on, all may be one piece: then its returns are the function's.
        ending = self._ending(body) if tail else len(body)
        for index, together in self._by_line(body[:ending]):
            fits = all(map(self._fits, together))
            if run and (not fits or jumps(run[-1]) or self._must_part(run, together) or self._is_alone(run, together)):
                out += self._flush(run)
                run = []
            if fits:
                run += together
                continue
            last = index + len(together) == len(body)
            for statement in together:
                out += self._host(statement, tail=tail and last)
        return [*out, *self._flush(run), *self._flush(list(body[ending:]), final=True)]

    def _by_line(self, body: Block) -> Iterable[tuple[int, list[cst.BaseStatement]]]:
        """The statements with their index; those that share a line belong together."""
        index = 0
        while index < len(body):
            together = [body[index]]
            while index + len(together) < len(body) and (
                mark_of(body[index + len(together)]).line <= self._last(together[-1])
            ):
                together.append(body[index + len(together)])
            yield index, together
            index += len(together)

    def _ending(self, body: Block) -> int:
        """Where the end of the block begins that can be one piece with all its returns."""
        start = len(body)
        for index, together in reversed(list(self._by_line(body))):
            if not all(self._fits(statement, returns=True) for statement in together):
                break
            start = index
        return start

    def _fits(self, statement: cst.BaseStatement, *, returns: bool = False) -> bool:
        """Whether a statement can be part of a piece."""
        if self._is_cut_within(statement) or stays_on_host(statement) or raises_again(statement):
            return False
        uses = self.unit.analysis.uses(statement)
        if self._held.intersection(uses.writes) or self._rebound & (uses.read | uses.captured):
            return False
        # A handler sees what was bound before the exception: only an assignment of one name is done or not done.
        if self._live.raising[statement].intersection(uses.writes) and not self._binds_at_once(statement):
            return False
        if self._rebindable & escaping(statement, self._consumes):
            return False
        if small(statement) is not None and mark_of(statement).line in self._form.inline:
            return False
        left = jumps(statement)
        if left - _RETURNS:
            return False
        return not left or returns or not falls([statement])

    def _binds_at_once(self, statement: cst.BaseStatement) -> bool:
        """Whether a statement is an assignment of one name, which nothing can come between."""
        line = small(statement)
        if not isinstance(line, (cst.Assign, cst.AugAssign, cst.AnnAssign)) or line.value is None:
            return False
        analysis = self.unit.analysis
        return len(analysis.uses(statement).writes) == 1 and not analysis.uses(line.value).writes

    def _must_part(self, run: Block, following: Block) -> bool:
        """Whether what a handler sees of the run would be lost if a later statement of the same piece raised."""
        exposed = self._live.raising[following[0]]
        return bool(exposed.intersection(self.unit.analysis.block(run).writes))

    def _is_alone(self, run: Block, following: Block) -> bool:
        return self._alone is not None and not self._alone.isdisjoint(
            {mark_of(run[-1]).line, mark_of(following[0]).line}
        )

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _flush(self, run: list[cst.BaseStatement], final: bool = False) -> list[cst.BaseStatement]:
        """A run as a call of a piece, where there is something to compile in it and its variables allow it."""
        if not run:
            return []
        if self._alone is None and not any(map(at_work, run)):
            return [made for statement in run for made in self._host(statement, tail=final)]
        returning = final or bool(jumps(run[-1]))
        variables = self._variables(run, returning)
        if variables is None:
            return self._apart(run, final)
        params, results = variables
        first, last = mark_of(run[0]).line, self._last(run[-1])
        text = self._slice(first, last)
        indent = text[: len(text) - len(text.lstrip())]
        back = f"\n{indent}return {', '.join(results)}" if results and not returning else ""
        name = self._piece(f"{text}{back}\n", first, last, params)
        call = cst.Call(cst.Name(name), [cst.Arg(cst.Name(param)) for param in params])
        made = give(call) if returning else assign(results, call)
        return [put(made, Mark(first, first))]

    def _apart(self, run: list[cst.BaseStatement], final: bool) -> list[cst.BaseStatement]:
        """A run that cannot be one piece, statement by statement."""
        parts = [together for _, together in self._by_line(run)]
        out: list[cst.BaseStatement] = []
        for part in parts:
            last = final and part is parts[-1]
            if len(parts) > 1 and (last or all(map(self._fits, part))):
                out += self._flush(part, last)
            else:
                out += [made for statement in part for made in self._host(statement, tail=last)]
        return out

    def _variables(self, run: Block, returning: bool) -> tuple[list[str], list[str]] | None:
        """What a piece takes and gives back; None where a variable may be unbound."""
        uses = self.unit.analysis.block(run)
        local = self._scope.bound
        # What a closure captures may be read whenever it is called.
        live = frozenset[str]() if returning else self._live.after[run[-1]] | self._scope.captured
        results = [name for name in uses.writes if name in live]
        if uses.unbinds.intersection(results):
            return None
        needed, surely = self._needed(run)
        needed |= set(results) - surely
        params = [name for name in self._ordered(needed) if name in local]
        bound = self._bound.before.get(run[0])
        if bound is None or not bound.issuperset(params):
            return None
        return params, results

    def _needed(self, run: Block) -> tuple[set[str], frozenset[str]]:
        """The names that a run may read before it has bound them, and those that it has surely bound at its end."""
        alone = Boundness(self.unit.analysis, self._swallows, self._scope.bound)
        after = alone.block(run, frozenset())
        needed = {name.value for name in alone.maybe}
        for statement in run:
            needed |= self.unit.analysis.uses(statement).captured - alone.before.get(statement, frozenset())
        if self._scope.params and "super" in {name.value for name in self.unit.analysis.block(run).reads}:
            needed.add(self._scope.params[0])  # without arguments it is about the first one, which it does not name
        return needed, after or frozenset()

    def _ordered(self, names: Collection[str]) -> list[str]:
        """Parameters of the function first, in their order: `super()` looks at the first."""
        own = [name for name in self._scope.params if name in names]
        return [*own, *sorted(set(names) - set(own))]

    def _piece(self, body: str, first: int, last: int, params: Sequence[str]) -> str:
        name = self.unit.fresh(f"piece_{len(self.pieces) + 1}")
        text = f"def {self._function.name.value}({', '.join(params)}):\n{body}"
        varying = tuple(param for param in params if param in self._targets)
        self.pieces.append(Piece(name, text, first - 1, tuple(params), varying, last))
        return name

    def _slice(self, first: int, last: int) -> str:
        lines = [self._text(line) for line in range(first, last + 1)]
        start = len(lines[0]) - len(lines[0].lstrip())
        if lines[0][start:].startswith("elif"):
            lines[0] = lines[0].replace("elif", "if  ", 1)
        return "\n".join(lines)

    def _text(self, line: int) -> str:
        return self._texts[line - self.unit.parsed.first_line]

    def _last(self, statement: cst.CSTNode) -> int:
        """The file line on which a statement ends."""
        mark = mark_of(statement)
        return self._form.ends.get((mark.line, type(statement)), mark.end)

    # --- the host ---------------------------------------------------------------------------------------------------

    def _host(self, statement: cst.BaseStatement, *, tail: bool = False) -> list[cst.BaseStatement]:
        """A statement that stays in the host program, with its blocks cut in turn."""
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            return [statement]
        line = small(statement)
        if line is not None:
            return [self._simple(statement, line)]
        inner = tail and isinstance(statement, cst.If)
        # Its header first, so that pieces are numbered in the order of the source.
        header: dict[str, cst.BaseExpression] = {}
        if isinstance(statement, (cst.If, cst.While)):
            header["test"] = self._expression(statement, statement.test)
        elif isinstance(statement, cst.For):
            makes = not isinstance(statement.iter, cst.Call) or self.calls.leaves_alone(statement.iter)
            made = self._expression if makes else self._value
            header["iter"] = made(statement, statement.iter)
        changed = map_blocks(statement, lambda block: self._block(block, tail=inner))
        return [changed.with_changes(**header) if header else self.calls.header(changed)]

    def _expression(self, statement: cst.If | Loop, expression: cst.BaseExpression) -> cst.BaseExpression:
        """What decides in a header: a piece of its own, if there is something to compile in it."""
        mark = mark_of(statement)
        uses = self.unit.analysis.uses(expression)
        params = [name for name in self._ordered(uses.read | uses.captured) if name in self._scope.bound]
        # The test of a loop also comes after its body.
        bound = self._bound.before.get(statement, frozenset()) - self.unit.analysis.uses(statement).unbinds
        if (
            self._cuts.intersection(range(mark.line, mark.end + 1))
            or uses.writes
            or not at_work(expression)
            or stays_on_host(expression)
            or not bound.issuperset(params)
            or self._rebound.intersection(params)
        ):
            return self._value(statement, expression)
        name = self._piece_of(expression, params, mark.line, expression)
        return cst.Call(cst.Name(name), [cst.Arg(cst.Name(param)) for param in params])

    def _piece_of(self, body: cst.BaseExpression, params: list[str], line: int, source: cst.BaseExpression) -> str:
        """A piece that returns what an expression gives."""
        text = self.unit.parsed.module.code_for_node(body)
        line = self.unit.parsed.line(source) if source in self.unit.parsed.ranges else line
        body_text = f"    return ({text}\n    )\n" if "\n" in text else f"    return {text}\n"
        return self._piece(body_text, line, line + text.count("\n"), params)

    def _simple(self, statement: cst.BaseStatement, line: cst.BaseSmallStatement) -> cst.BaseStatement:
        """A simple statement, whose value may have array work in it."""
        if not isinstance(line, (cst.Assign, cst.AugAssign, cst.AnnAssign, cst.Expr, cst.Return)) or line.value is None:
            return self.calls.within(statement)
        value = self._value(statement, line.value)
        made = cst.ensure_type(self.calls.within(line.with_changes(value=cst.Ellipsis())), type(line))
        assert isinstance(statement, cst.SimpleStatementLine)
        return statement.with_changes(body=[made.with_changes(value=value)])

    def _value(self, statement: cst.BaseStatement, expression: cst.BaseExpression) -> cst.BaseExpression:
        """An expression of a host statement: the array work in it in pieces."""
        lines = range(mark_of(statement).line, mark_of(statement).end + 1)
        if self._alone is not None or self.whole.intersection(lines):
            return self.calls.within(expression)
        mark, uses = mark_of(statement), self.unit.analysis.uses
        # The test of a loop also comes after its body.
        unsure = uses(statement).unbinds if small(statement) is None else set[str]()
        known = self._bound.before.get(statement, frozenset()) - self._rebound - unsure - set(uses(expression).writes)
        cut = bool(self._cuts.intersection(lines))
        walk = HostExpressions(
            self.unit,
            known.__contains__,
            self._scope.bound.__contains__,
            lambda body, params, source: self._piece_of(body, params, mark.line, source),
            scalars=cut or stays_on_host(expression),
        )
        made = walk.within(expression)
        self.calls.found = self.calls.found or walk.found
        return made

    def _is_cut_within(self, statement: cst.BaseStatement) -> bool:
        return bool(self._cuts.intersection(range(mark_of(statement).line, self._last(statement) + 1)))
