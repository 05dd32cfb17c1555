"""Parses a function and numbers the places in it where something is decided or called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from janusx.transforms.result import Kind, Site

SHOWN: frozenset[Kind] = frozenset({"if", "while", "for", "if_exp", "assert", "comp_if", "guard"})
"""Kinds that are numbered first, so that the numbers in names like `if_1_true` stay small and calm."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One function's syntax tree with its sites and line numbers; nodes are keys by identity.

    Attributes:
        module: the parsed module. Its statement is the `def`, or an expression statement that holds the `lambda`.
        function: the `def` or `lambda`.
        sites: all sites; `sites[i].id == i + 1`.
        site_of: the site of a node: `If`, `While`, `For`, `IfExp`, `Assert`, `CompIf`, `MatchCase` (guard or numbers),
            `BooleanOperation`, `UnaryOperation` (`not`), `Comparison` (a chain), `Call`.
        ranges: the position of every node within the dedented source (lines from 1).
        first_line: the file line of the source's first line.
    """

    module: cst.Module
    function: cst.FunctionDef | cst.Lambda
    sites: tuple[Site, ...]
    site_of: Mapping[cst.CSTNode, Site]
    ranges: Mapping[cst.CSTNode, CodeRange]
    first_line: int

    def line(self, node: cst.CSTNode) -> int:
        """The file line on which a node starts."""
        return self.ranges[node].start.line + self.first_line - 1

    def last_line(self, node: cst.CSTNode) -> int:
        """The file line on which a node ends."""
        return self.ranges[node].end.line + self.first_line - 1


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
    module = _parse_module(source)
    ranges = _ranges(module)
    function = _only_function(module)
    finder = _Finder()
    function.body.visit(finder)
    ordered = sorted(finder.found, key=lambda found: found[1] not in SHOWN)  # Stable: source order within both.
    site_of: dict[cst.CSTNode, Site] = {}
    for number, (node, kind, shown) in enumerate(ordered, start=1):
        start = ranges[node].start
        text = " ".join(module.code_for_node(shown).replace("\\\n", " ").split())
        site_of[node] = Site(number, kind, start.line + first_line - 1, start.column, text)
    return Parsed(module, function, tuple(site_of.values()), site_of, ranges, first_line)


def _ranges(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    try:
        # A parser's tree has no node twice, and the copy costs as much as the parse.
        return MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    except KeyError:  # libcst's own cleaning up after a RecursionError; to print it would take minutes.
        raise RecursionError("maximum recursion depth exceeded in computing positions") from None


def _parse_module(source: str) -> cst.Module:
    try:
        return cst.parse_module(source)
    except cst.ParserSyntaxError:
        if "lambda" not in source:
            raise
        # A lambda that ran over several lines inside somebody's parentheses needs parentheses of its own.
        return cst.parse_module(f"({source})")


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


class _Finder(cst.CSTVisitor):
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
