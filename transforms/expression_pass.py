"""The base of the passes over expressions: one walk that also gives every statement its mark and its normal form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import libcst as cst

from janusx.transforms.analysis import Scope, uses_of
from janusx.transforms.lines import Mark, put
from janusx.transforms.natives import why_native
from janusx.transforms.unit import Unit
from janusx.transforms.walks import Changed, Handler, HandlerOfChange, Transformer

_STEMS = {cst.If: "if", cst.While: "while", cst.For: "for"}
_HEADED = (
    cst.BaseCompoundStatement,
    cst.Else,
    cst.Finally,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.MatchCase,
)
_MARKED = (*_HEADED, cst.SimpleStatementLine, cst.SimpleStatementSuite)
_CONTROL = frozenset({cst.If, cst.While, cst.For, cst.IfExp, cst.BooleanOperation, cst.Comparison, cst.Assert})
_LOOKED_AT = frozenset({cst.Name, cst.Call})


@cache
def _is_marked(kind: type) -> bool:
    return issubclass(kind, _MARKED)


@dataclass(slots=True)
class Frame:
    """The function whose body is being walked.

    Attributes:
        scope: its names.
        first: its first positional parameter, the object that `super()` is about.
        native: whether it stays as it is.
        control: whether some construct was met from which on code may move into a region function.
    """

    scope: Scope
    first: str | None
    native: bool
    control: bool = False


class ExpressionPass(Transformer):
    """Walks one function's body. Code that stays native is only marked.

    Normal form: one small statement a line, indented blocks only, `elif` as an `if` in the `else` block.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.ops = unit.ops
        self.frames: list[Frame] = []
        self.native = 0
        self.classes = 0

    def site(self, node: cst.CSTNode) -> int:
        """The site id of an original node."""
        return self.unit.parsed.site_of[node].id

    def glued(self, node: cst.CSTNode) -> bool:
        """Whether a word touches an original node, as in `return(f)(x)`: what replaces it needs parentheses."""
        start, _ = self.unit.parsed.span(node)
        before = self.unit.parsed.text[max(start - 1, 0) : start]
        return before.isalnum() or before == "_"

    def replace(self, original: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
        """The new expression in the old one's parentheses."""
        if self.glued(original):
            return new.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return new.with_changes(lpar=original.lpar, rpar=original.rpar)

    def walrus(self, node: cst.CSTNode) -> bool:
        """Whether evaluating an expression may bind a name of the function around it: a lambda would keep that name."""
        return ":=" in self.unit.source and bool(uses_of(node).writes)

    # Which function we are in

    def enter(self, function: cst.FunctionDef | cst.Lambda) -> None:
        positional = [*function.params.posonly_params, *function.params.params]
        reason = None if self.native else why_native(function)
        self.frames.append(
            Frame(
                self.unit.analysis.scope(function), positional[0].name.value if positional else None, reason is not None
            )
        )
        if reason is not None:
            self.native += 1
            construct = "lambda" if isinstance(function, cst.Lambda) else "def"
            self.unit.refuse(self.unit.parsed.line(function), construct, reason)

    def leave(self, function: cst.FunctionDef | cst.Lambda) -> None:
        self.native -= self.frames.pop().native

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self.enter(node)

    def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self.leave(node)

    def visit_Lambda_body(self, node: cst.Lambda) -> None:
        self.enter(node)

    def leave_Lambda_body(self, node: cst.Lambda) -> None:
        self.leave(node)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.native += 1

    def visit_ClassDef_body(self, node: cst.ClassDef) -> None:
        self.classes += 1

    def leave_ClassDef_body(self, node: cst.ClassDef) -> None:
        self.classes -= 1
        self.native -= 1

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def on_visit(self, node: cst.CSTNode, visit: Handler | None) -> bool:
        if type(node) in _CONTROL and self.frames:
            self.frames[-1].control = True
        return visit is None or visit(self, node) is not False

    # What becomes of a node

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode, leave: HandlerOfChange | None) -> Changed:
        left: Changed = updated
        # Native code, too, must not call what nobody looked at.
        if leave is not None and (not self.native or type(original) in _LOOKED_AT):
            left = leave(self, original, updated)
        return self._marked(original, left) if _is_marked(type(left)) else left  # type: ignore[arg-type]

    def _marked(self, original: cst.CSTNode, node: cst.CSTNode) -> Changed:
        """The node in normal form, with its mark."""
        if isinstance(original, cst.SimpleStatementLine) and isinstance(node, cst.SimpleStatementLine):
            return self._lines(original, node)
        if isinstance(original, cst.SimpleStatementSuite) and isinstance(node, cst.SimpleStatementSuite):
            return self._indented(original, node)
        if isinstance(original, cst.If) and isinstance(node, cst.If) and isinstance(node.orelse, cst.If):
            inner = node.orelse
            block = put(cst.IndentedBlock([inner]), self._header(original.orelse or original))
            node = node.with_changes(orelse=cst.Else(block))
        if isinstance(node, _HEADED):
            return put(node, self._header(original))
        return node

    def _header(self, original: cst.CSTNode) -> Mark:
        parsed = self.unit.parsed
        line = parsed.line(original)
        body = getattr(original, "body", None)
        end = line
        if isinstance(body, cst.IndentedBlock) and body.body:
            end = max(line, parsed.line(body.body[0]) - 1)
        elif isinstance(body, cst.SimpleStatementSuite):
            end = max(line, parsed.line(body))
        site = parsed.site_of[original].id if original in parsed.site_of else 0
        stem = _STEMS.get(type(original))
        return Mark(line, end, site, stem=f"{stem}_{site}" if stem else "")

    def _lines(self, original: cst.SimpleStatementLine, node: cst.SimpleStatementLine) -> Changed:
        parsed = self.unit.parsed
        if self.native or len(node.body) == 1:
            small = [s.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for s in node.body[-1:]]
            mark = Mark(parsed.line(original), parsed.last_line(original))
            return put(node if self.native else node.with_changes(body=small), mark)
        return cst.FlattenSentinel(self._split(original.body, node.body, node.leading_lines, node.trailing_whitespace))

    def _indented(self, original: cst.SimpleStatementSuite, node: cst.SimpleStatementSuite) -> Changed:
        if self.native:
            return put(node, Mark(self.unit.parsed.line(original), self.unit.parsed.last_line(original)))
        return cst.IndentedBlock(self._split(original.body, node.body, [], node.trailing_whitespace))

    def _split(
        self,
        originals: Sequence[cst.BaseSmallStatement],
        nodes: Sequence[cst.BaseSmallStatement],
        leading: Sequence[cst.EmptyLine],
        trailing: cst.TrailingWhitespace,
    ) -> list[cst.SimpleStatementLine]:
        out: list[cst.SimpleStatementLine] = []
        for original, small in zip(originals, nodes, strict=True):
            line = cst.SimpleStatementLine(
                [small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)],
                leading_lines=[] if out else leading,
                trailing_whitespace=trailing if original is originals[-1] else cst.TrailingWhitespace(),
            )
            out.append(put(line, Mark(self.unit.parsed.line(original), self.unit.parsed.last_line(original))))
        return out
