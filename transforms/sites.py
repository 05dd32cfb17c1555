"""Parses a function and numbers the places in it where something is decided or called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from janusx.transforms.result import Kind, Site
from janusx.transforms.walks import Visitor

SHOWN: frozenset[Kind] = frozenset({"if", "while", "for", "if_exp", "assert", "comp_if", "guard"})
"""Kinds that are numbered first, so that the numbers in names like `if_1_true` stay small and calm."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One function's syntax tree with its sites and line numbers; nodes are keys by identity.

    Attributes:
        module: the parsed module. Its statement is the `def`, or an expression statement that holds the `lambda`.
        function: the `def` or `lambda`.
        site_of: the site of a node: `If`, `While`, `For`, `IfExp`, `Assert`, `CompIf`, `MatchCase` (guard or numbers),
            `BooleanOperation`, `UnaryOperation` (`not`), `Comparison` (a chain), `Call`.
        ranges: the position of every node within the dedented source (lines from 1), without its own parentheses.
        text: the text of the module.
        first_line: the file line of the source's first line.
        starts: for each line of the text, where in it the line starts.
    """

    module: cst.Module
    function: cst.FunctionDef | cst.Lambda
    site_of: Mapping[cst.CSTNode, Site]
    ranges: Mapping[cst.CSTNode, CodeRange]
    first_line: int
    text: str
    starts: Sequence[int]

    @property
    def sites(self) -> tuple[Site, ...]:
        """All sites; `sites[i].id == i + 1`."""
        return tuple(self.site_of.values())

    def offset(self, line: int, column: int) -> int:
        """Where in the text a position is."""
        return self.starts[line - 1] + column

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node, without its own parentheses, starts and ends in the text."""
        place = self.ranges[node]
        return self.offset(place.start.line, place.start.column), self.offset(place.end.line, place.end.column)

    def code(self, node: cst.CSTNode) -> str:
        """The code of a node, in its parentheses."""
        if getattr(node, "lpar", ()):
            return self.module.code_for_node(node)
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, node: cst.CSTNode) -> int:
        """The file line on which a node starts."""
        return self.ranges[node].start.line + self.first_line - 1

    def last_line(self, node: cst.CSTNode) -> int:
        """The file line on which a node ends."""
        return self.ranges[node].end.line + self.first_line - 1


_NEWLINE = re.compile("\r\n?|\n")


# A function is observed, rewritten, rewritten with other assumptions, and split: each asks for the same tree.
@lru_cache(maxsize=8)
def parse(source: str, *, first_line: int = 1) -> Parsed:
    """Parse the dedented source of one `def` or `lambda` and number its sites.

    Only the body is numbered: the rewrite leaves the outermost decorators, defaults and annotations as they are.

    Args:
        source: text of one `def` or `lambda`; a lambda may be as it stood inside a call's parentheses.
        first_line: file line of the text's first line.

    Raises:
        libcst.ParserSyntaxError: the text is not valid Python.
        ValueError: the text is not one `def` or `lambda`.
        RecursionError: the text nests too deep.
    """
    module, text = _parse_module(source)
    # Python splits lines here alone; `str.splitlines` would also do so at form feeds, and in strings.
    starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
    ranges = _ranges(module)
    function = _only_function(module)
    finder = _Finder()
    finder.walk(function.body)
    ordered = sorted(finder.found, key=lambda found: found[1] not in SHOWN)  # Stable: source order within both.
    site_of: dict[cst.CSTNode, Site] = {}
    parsed = Parsed(module, function, site_of, ranges, first_line, text, starts)
    for number, (node, kind, shown) in enumerate(ordered, start=1):
        start = ranges[node].start
        written = " ".join(parsed.code(shown).replace("\\\n", " ").split())
        site_of[node] = Site(number, kind, start.line + first_line - 1, start.column, written)
    return parsed


class _Positions(MetadataWrapper):
    """Resolves positions alone: those are found by printing."""

    def visit_batched(self, *_: object, **__: object) -> cst.CSTNode:
        return self.module  # LibCST would walk through the tree for visitors, of which there are none.


def _ranges(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    try:
        # A parser's tree has no node twice, and the copy costs as much as the parse.
        return _Positions(module, unsafe_skip_copy=True).resolve(PositionProvider)
    except KeyError:  # libcst's own cleaning up after a RecursionError; to print it would take minutes.
        raise RecursionError("maximum recursion depth exceeded in computing positions") from None


def _parse_module(source: str) -> tuple[cst.Module, str]:
    try:
        return cst.parse_module(source), source
    except cst.ParserSyntaxError:
        if "lambda" not in source:
            raise
        # A lambda that ran over several lines inside somebody's parentheses needs parentheses of its own.
        return cst.parse_module(f"({source})"), f"({source})"


def _only_function(module: cst.Module) -> cst.FunctionDef | cst.Lambda:
    if len(module.body) == 1:
        statement = module.body[0]
        if isinstance(statement, cst.FunctionDef):
            return statement
        if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
            expression = statement.body[0]
            if isinstance(expression, cst.Expr) and isinstance(expression.value, cst.Lambda):
                return expression.value
    raise ValueError("the source is not one def or lambda")


class _Finder(Visitor):
    """Collects sites in source order: a construct before its parts, since it starts where the first of them does."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, Kind, cst.CSTNode]] = []

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False  # Local annotations are not evaluated, and signatures stay as they are.

    def visit_If(self, node: cst.If) -> None:
        self.found.append((node, "if", node.test))

    def visit_While(self, node: cst.While) -> None:
        self.found.append((node, "while", node.test))

    def visit_For(self, node: cst.For) -> None:
        self.found.append((node, "for", node.iter))

    def visit_IfExp(self, node: cst.IfExp) -> None:
        self.found.append((node, "if_exp", node.test))

    def visit_Assert(self, node: cst.Assert) -> None:
        self.found.append((node, "assert", node.test))

    def visit_CompIf(self, node: cst.CompIf) -> None:
        self.found.append((node, "comp_if", node.test))

    def visit_MatchCase(self, node: cst.MatchCase) -> None:
        if node.guard is not None:
            self.found.append((node, "guard", node.guard))
        elif numbers_of(node.pattern):
            self.found.append((node, "guard", node.pattern))

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        self.found.append((node, "and" if isinstance(node.operator, cst.And) else "or", node))

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> None:
        if isinstance(node.operator, cst.Not):
            self.found.append((node, "not", node))

    def visit_Comparison(self, node: cst.Comparison) -> None:
        if len(node.comparisons) > 1:
            self.found.append((node, "chain", node))

    def visit_Call(self, node: cst.Call) -> None:
        self.found.append((node, "call", node.func))


def numbers_of(pattern: cst.MatchPattern) -> list[cst.BaseExpression]:
    """The numbers that a pattern compares its subject with; none if it is another kind of pattern."""
    if isinstance(pattern, cst.MatchOr):
        each = [numbers_of(one.pattern) for one in pattern.patterns]
        return [value for values in each for value in values] if all(each) else []
    value = pattern.value if isinstance(pattern, cst.MatchValue) else None
    inner = value.expression if isinstance(value, cst.UnaryOperation) else value
    return [value] if value is not None and isinstance(inner, cst.BaseNumber) else []


def statement_line(source: str, lines: Sequence[int], *, first_line: int = 1) -> int | None:
    """The first of some file lines that is in a statement of the function itself, rather than of one nested in it.

    Args:
        source: dedented text of one `def`.
        lines: candidates.
        first_line: file line of the text's first line.
    """
    try:
        parsed = parse(source, first_line=first_line)
    except cst.ParserSyntaxError:
        return None  # syntax that LibCST does not know
    if not isinstance(parsed.function, cst.FunctionDef):
        return None
    nested: list[tuple[int, int]] = []

    class Nested(Visitor):
        def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
            nested.append((parsed.line(node), parsed.last_line(node)))
            return False

    Nested().walk(parsed.function.body)
    start, end = parsed.line(parsed.function.body), parsed.last_line(parsed.function)
    for line in lines:
        if start <= line <= end and not any(first <= line <= last for first, last in nested):
            return line
    return None
