"""Puts the profiler's eyes into a function: the same program, that also reports what it decides and calls.

Nothing is rearranged. Calls of the ops are inserted into the user's text, which stays as it is otherwise, line by line:

    if x > 0: …             if jx.test(x > 0, site=1): …
    if a and b: …           if (jx.yes(site=1) if (a and b) else jx.no(site=1)): …
    while t: …              jx.begin(site=2)
                            while jx.test(t, site=2): …
    for x in xs: …          for x in jx.loop(xs, site=3): …
    a and b                 jx.enter(True, site=4) and a and jx.right(True, site=4) and b
    not x                   not jx.test(x, site=5)
    f(x)                    jx.call(f, site=6)(x)
    self.w                  jx.read(self.w, at=1)
    self.n = n              jx.into(self, at=1).n = n

`enter` and `right` return their first argument, which decides nothing. `part` marks what a predicate is made of:
`jx.part(a, site=1)` is `a`, and so are `read` and `into`, whose `at` numbers the names and writes of the function (in
`Rewritten`). Every truth value is asked for as often, and in the same order, as in the original: CPython
asks differently where a boolean operation is a condition and where it is a value, so it stays what it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import libcst as cst

from janusx.transforms.depth import with_room
from janusx.transforms.result import Rewritten
from janusx.transforms.sites import Parsed, parse
from janusx.transforms.state_names import StateNames, state_names
from janusx.transforms.untouched import TOO_DEEP, UNKNOWN, is_python, untouched
from janusx.transforms.walks import Visitor

# Their text, without the parentheses that LibCST does not count in, is no argument.
_NEEDS_PARENTHESES = (cst.Yield, cst.GeneratorExp, cst.Tuple, cst.NamedExpr)


def observe(
    source: str,
    *,
    first_line: int = 1,
    class_name: str | None = None,
    ops_name: str = "jx",
    modules: Collection[str] = (),
) -> Rewritten:
    """Instruments a function for a profiled run.

    Args:
        source: text of one `def` or `lambda`, dedented.
        first_line: the file line of its first line.
        class_name: the class whose private names occur in it. They stay as written: the function is compiled inside a
            class of that name (`janusx.emitted`), which mangles them as Python does.
        ops_name: the free name of the ops; underscores are added if the source has that name.
        modules: global names that are modules: reads of their attributes are not reported.

    Returns:
        One `def` (of a lambda, too) that means what the source means, with the sites of `rewrite`. Some sites do not
        report: chained comparisons that are no condition, `not` of a boolean operation, and `async for`. What nests too
        deep for a syntax tree to be walked has no sites, and says so in `refusals`.

    Example:
        >>> print(observe("def f(x): return g(x) if x > 0 else -x").text)
        def f(x): return jx.call(g, site=2)(x) if jx.test(x > 0, site=1) else -x
    """
    try:
        return with_room(lambda: _observe(source, first_line, ops_name, modules, class_name))
    except RecursionError:
        return untouched(source, first_line, TOO_DEEP, ops_name)
    except cst.ParserSyntaxError:
        if not is_python(source):
            raise
        return untouched(source, first_line, UNKNOWN, ops_name)


def _observe(
    source: str, first_line: int, ops_name: str, modules: Collection[str], class_name: str | None
) -> Rewritten:
    parsed = parse(source, first_line=first_line)
    text = parsed.text
    while re.search(rf"\b{ops_name}\b", text):
        ops_name += "_"
    state = state_names(parsed, modules, class_name)
    observer = _Observer(parsed, state, ops_name)
    observer.walk(parsed.function.body)
    edits = observer.edits + _frame(parsed, observer)
    emitted, lines = _apply(text, edits, first_line)
    return Rewritten(emitted, lines, parsed.sites, (), ops_name, state.names, state.writes)


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """Text put in at an offset, in the place of `dropped` characters."""

    offset: int
    # At one offset, what closes comes before what opens, inner before outer; what opens, outer before inner.
    opens: bool
    order: int
    text: str
    dropped: int = 0


def _apply(text: str, edits: list[_Edit], first_line: int) -> tuple[str, tuple[int, ...]]:
    """The edited text, and for each of its lines the file line."""
    pieces: list[str] = []
    lines = [first_line]
    done = 0
    for edit in sorted(edits):
        kept = text[done : edit.offset]
        pieces += [kept, edit.text]
        lines += range(lines[-1] + 1, lines[-1] + 1 + kept.count("\n"))
        # A line that was added stands for the line at which it was added, and so does the rest of that line.
        lines += [lines[-1]] * edit.text.count("\n")
        dropped = text[edit.offset : edit.offset + edit.dropped]
        lines[-1] += dropped.count("\n")
        done = edit.offset + edit.dropped
    pieces.append(text[done:])
    lines += range(lines[-1] + 1, lines[-1] + 1 + text[done:].count("\n"))
    emitted = "".join(pieces)
    return emitted, tuple(lines[:-1] if emitted.endswith("\n") else lines)


def _frame(parsed: Parsed, observer: _Observer) -> list[_Edit]:
    """What makes one plain `def` of the whole: no decorators, and `def` for `lambda`."""
    function = parsed.function
    end = len(parsed.text)
    if isinstance(function, cst.FunctionDef):
        name = parsed.ranges[function.name].start
        return [_Edit(0, True, -1, "", parsed.offset(name.line, 0))] if function.decorators else []
    start, stop = observer.span(function)
    colon, _ = observer.span(function.colon)
    return [
        _Edit(0, True, -1, "def lambda_(", start + len("lambda")),
        _Edit(colon, False, 0, "): return (", 1),
        _Edit(stop, False, 1, ")\n", end - stop),  # Behind all that closes in the body.
    ]


class _Observer(Visitor):
    """Collects the edits of a function's body."""

    def __init__(self, parsed: Parsed, state: StateNames, ops_name: str) -> None:
        super().__init__()
        self.edits: list[_Edit] = []
        self._parsed = parsed
        self._state = state
        self._ops = ops_name
        # The site that the operands of a boolean operation are parts of, where that is not the operation's own.
        self._part_of: dict[cst.CSTNode, int] = {}

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node, without its own parentheses, starts and ends in the text."""
        return self._parsed.span(node)

    def _site(self, node: cst.CSTNode) -> int:
        return self._parsed.site_of[node].id

    def _around(self, node: cst.CSTNode, before: str, after: str) -> None:
        start, end = self.span(node)
        order = len(self.edits)
        if start == end:  # `()`: both go between its parentheses.
            self.edits.append(_Edit(start, True, order, before + after))
        else:
            self.edits += [_Edit(start, True, order, before), _Edit(end, False, -order, after)]

    def _pass_through(self, op: str, node: cst.CSTNode, number: int, key: str = "site") -> None:
        inner = ("(", ")") if isinstance(node, _NEEDS_PARENTHESES) else ("", "")
        self._around(node, f"{self._ops}.{op}({inner[0]}", f"{inner[1]}, {key}={number})")

    def _truth(self, test: cst.BaseExpression, site: int) -> None:
        """Reports the truth of an expression that is used for nothing else."""
        if _is_composite(test):
            self._part_of[test] = site
            self._around(test, f"({self._ops}.yes(site={site}) if (", f") else {self._ops}.no(site={site}))")
        else:
            self._pass_through("test", test, site)

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_FormattedStringExpression(self, node: cst.FormattedStringExpression) -> bool:
        return node.equal is None  # f"{x + 1=}" prints its own text.

    def visit_If(self, node: cst.If) -> None:
        self._truth(node.test, self._site(node))

    def visit_While(self, node: cst.While) -> None:
        site = self._site(node)
        start, _ = self.span(node)
        line = self._parsed.ranges[node].start.line
        indent = self._parsed.text[self._parsed.offset(line, 0) : start]
        self.edits.append(_Edit(start, True, len(self.edits), f"{self._ops}.begin(site={site})\n{indent}"))
        self._truth(node.test, site)

    def visit_For(self, node: cst.For) -> None:
        if node.asynchronous is None:
            self._pass_through("loop", node.iter, self._site(node))

    def visit_IfExp(self, node: cst.IfExp) -> None:
        if node in self._part_of:
            self._part_of[node.body] = self._part_of[node.orelse] = self._part_of[node]
        self._truth(node.test, self._site(node))

    def visit_Assert(self, node: cst.Assert) -> None:
        self._truth(node.test, self._site(node))

    def visit_CompIf(self, node: cst.CompIf) -> None:
        self._truth(node.test, self._site(node))

    def visit_MatchCase(self, node: cst.MatchCase) -> None:
        if node.guard is not None:
            self._truth(node.guard, self._site(node))

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> None:
        if not isinstance(node.operator, cst.Not):
            return
        if not _is_composite(node.expression):
            self._truth(node.expression, self._site(node))
        elif node in self._part_of:
            self._part_of[node.expression] = self._part_of[node]

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        site = self._site(node)
        whole = self._part_of.get(node, site)
        word, neutral = ("and", True) if isinstance(node.operator, cst.And) else ("or", False)
        start, _ = self.span(node)
        # Behind the operator: outside of the right operand's parentheses.
        _, right = self.span(node.operator)
        order = len(self.edits)
        self.edits += [
            _Edit(start, True, order, f"{self._ops}.enter({neutral}, site={site}) {word} "),
            _Edit(right, True, order, f" {self._ops}.right({neutral}, site={site}) {word}"),
        ]
        for operand in (node.left, node.right):
            self._part_of[operand] = whole
            if not isinstance(operand, cst.UnaryOperation) and not _is_composite(operand):
                self._pass_through("part", operand, whole)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        if _is_chain(node) and node in self._part_of:
            for operand in (node.left, *(target.comparator for target in node.comparisons)):
                self._pass_through("part", operand, self._part_of[node])

    def visit_Call(self, node: cst.Call) -> None:
        # Zero-argument `super` is found by its name.
        if not (isinstance(node.func, cst.Name) and node.func.value == "super"):
            self._pass_through("call", node.func, self._site(node))

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if read := self._state.reads.get(node):
            self._pass_through("read", node, read, "at")
        self._stored(node)

    def visit_Subscript(self, node: cst.Subscript) -> None:
        self._stored(node)

    def _stored(self, node: cst.Attribute | cst.Subscript) -> None:
        if write := self._state.stores.get(node):
            self._pass_through("into", node.value, write, "at")


def _is_composite(node: cst.BaseExpression) -> bool:
    """Whether finding out the truth of an expression finds out that of its parts."""
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        return _is_composite(node.expression)
    if isinstance(node, cst.IfExp):
        return _is_composite(node.body) or _is_composite(node.orelse)
    return isinstance(node, cst.BooleanOperation) or _is_chain(node)


def _is_chain(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Comparison) and len(node.comparisons) > 1
