"""Small constructors for the nodes that passes emit, formatted as a person would write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import libcst as cst

_WORD = re.compile(r"[^\W\d]\w*")
_TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


@dataclass(frozen=True)
class Thunk(cst.Lambda):
    """A `lambda:` that a pass made. Its op calls it at once, so what it reads is read where it stands."""


@dataclass(frozen=True)
class Region(cst.FunctionDef):
    """A function that a pass made of a block. An op calls it where it stands."""


class Fresh:
    """Gives names that occur nowhere in a source."""

    def __init__(self, source: str) -> None:
        self._taken = set(_WORD.findall(source))

    def __call__(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, ...; the same answer each time, so that numbered names stay recognisable."""
        if wanted not in self._taken:
            return wanted
        number = 2
        while f"{wanted}_{number}" in self._taken:
            number += 1
        return f"{wanted}_{number}"


@dataclass(frozen=True, slots=True)
class Ops:
    """Builds calls of the ops: `jx.cond(...)`."""

    name: str

    def __call__(self, op: str, *args: cst.BaseExpression, site: int = 0, **keywords: cst.BaseExpression) -> cst.Call:
        """`jx.op(args, site=site, keywords)`; site 0 is none."""
        given = [cst.Arg(argument(a)) for a in args]
        if site:
            given.append(cst.Arg(cst.Integer(str(site)), keyword=cst.Name("site"), equal=_TIGHT))
        given += [cst.Arg(v, keyword=cst.Name(k), equal=_TIGHT) for k, v in keywords.items()]
        return cst.Call(cst.Attribute(cst.Name(self.name), cst.Name(op)), given)

    def is_call(self, node: cst.CSTNode, op: str) -> bool:
        """Whether a node is a call of that op."""
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return False
        base = node.func.value
        return isinstance(base, cst.Name) and base.value == self.name and node.func.attr.value == op


def argument(expression: cst.BaseExpression) -> cst.BaseExpression:
    """An expression as it stands between commas: needed parentheses added, needless ones dropped."""
    if isinstance(expression, (cst.Tuple, cst.NamedExpr, cst.Yield)):
        parenthesized = expression.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return expression if expression.lpar else parenthesized
    if isinstance(expression, cst.GeneratorExp) or not expression.lpar:
        return expression
    inside = (expression.lpar[0].whitespace_after, expression.rpar[-1].whitespace_before)
    if len(expression.lpar) == 1 and all(isinstance(w, cst.SimpleWhitespace) for w in inside):
        return expression.with_changes(lpar=[], rpar=[])
    return expression  # Parentheses over several lines may hold comments.


def thunk(expression: cst.BaseExpression) -> Thunk:
    """`lambda: expression`."""
    return Thunk(cst.Parameters(), argument(expression))


def string(value: str) -> cst.SimpleString:
    """A string literal, in double quotes where they need no escape."""
    quoted = repr(value)
    if quoted.startswith("'") and '"' not in quoted:
        quoted = '"' + quoted[1:-1].replace("\\'", "'") + '"'
    return cst.SimpleString(quoted)


def simple(statement: cst.BaseSmallStatement) -> cst.SimpleStatementLine:
    """A statement on a line of its own."""
    return cst.SimpleStatementLine([statement])


def expr(value: cst.BaseExpression) -> cst.SimpleStatementLine:
    """An expression statement."""
    return simple(cst.Expr(value))


def names(values: Sequence[str]) -> cst.BaseExpression:
    """`a`, or `a, b`."""
    if len(values) == 1:
        return cst.Name(values[0])
    return cst.Tuple([cst.Element(cst.Name(v)) for v in values], lpar=[], rpar=[])


def assign(targets: Sequence[str], value: cst.BaseExpression) -> cst.SimpleStatementLine:
    """`a, b = value`, or `value` alone without targets."""
    if not targets:
        return expr(value)
    target = names(targets)
    assert isinstance(target, (cst.Name, cst.Tuple))
    return simple(cst.Assign([cst.AssignTarget(target)], value))


def give(value: cst.BaseExpression | None) -> cst.SimpleStatementLine:
    """`return value`."""
    return simple(cst.Return(value))


def define(name: str, params: Iterable[str], body: cst.BaseSuite, *, defaults: Iterable[str] = ()) -> Region:
    """`def name(params, default=default): body`. A default hands in what the function changes for itself alone."""
    given = [cst.Param(cst.Name(p)) for p in params]
    given += [cst.Param(cst.Name(p), default=cst.Name(p), equal=_TIGHT) for p in defaults]
    return Region(cst.Name(name), cst.Parameters(given), body)


def block(body: Sequence[cst.BaseStatement]) -> cst.IndentedBlock:
    """An indented block; `pass` if nothing is in it."""
    return cst.IndentedBlock(list(body) or [simple(cst.Pass())])


def statements(suite: cst.BaseSuite) -> list[cst.BaseStatement]:
    """The statements of a block, without the `pass` of an empty one."""
    assert isinstance(suite, cst.IndentedBlock)
    return [s for s in suite.body if not _is_bare_pass(s)]


def _is_bare_pass(statement: cst.BaseStatement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Pass)
        and not any(line.comment for line in statement.leading_lines)
    )
