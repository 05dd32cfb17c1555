"""f-strings and `"..." % x`: ops that get the literal pieces and the values, so that a value may be formatted later."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

import libcst as cst

from janusx.transforms.build import argument, string
from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.unit import Unit

_String = cst.FormattedString | cst.ConcatenatedString


class Strings(ExpressionPass):
    """Rewrites f-strings that have values, and what stands beside them without an operator."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self._concatenations = 0

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> None:
        self._concatenations += 1

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        return updated_node if self._concatenations else self._formatted(original_node, updated_node)

    def leave_ConcatenatedString(
        self, original_node: cst.ConcatenatedString, updated_node: cst.ConcatenatedString
    ) -> cst.BaseExpression:
        self._concatenations -= 1
        return updated_node if self._concatenations else self._formatted(original_node, updated_node)

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        # Only text is formatted with a tuple.
        several = isinstance(original_node.right, cst.Tuple) and bool(original_node.right.elements)
        if not isinstance(updated_node.operator, cst.Modulo) or not (several or _is_text(original_node.left)):
            return updated_node
        return self.replace(original_node, self.ops("percent", updated_node.left, updated_node.right))

    def _formatted(self, original: _String, updated: _String) -> cst.BaseExpression:
        pieces = self._arguments(original, updated)
        if pieces is None or all(isinstance(p, cst.SimpleString) for p in pieces):
            return updated
        return self.replace(original, self.ops("fstring", *_merged(pieces)))

    def _arguments(self, original: cst.BaseExpression, updated: cst.BaseExpression) -> list[cst.BaseExpression] | None:
        """What one literal, or several side by side, hand to `fstring`; None if they have to stay as they are."""
        if isinstance(updated, cst.SimpleString):
            value = _evaluate(updated.value)
            return None if value is None else [string(value)]
        if isinstance(original, cst.FormattedString) and isinstance(updated, cst.FormattedString):
            return self._pieces(original.parts, updated.parts, "r" in updated.start.lower(), updated.end)
        if isinstance(original, cst.ConcatenatedString) and isinstance(updated, cst.ConcatenatedString):
            left = self._arguments(original.left, updated.left)
            right = self._arguments(original.right, updated.right)
            return None if left is None or right is None else [*left, *right]
        return None

    def _pieces(
        self,
        originals: Sequence[cst.BaseFormattedStringContent],
        parts: Sequence[cst.BaseFormattedStringContent],
        raw: bool,
        quote: str,
    ) -> list[cst.BaseExpression] | None:
        pieces: list[cst.BaseExpression] = []
        for original, part in zip(originals, parts, strict=True):
            if isinstance(part, cst.FormattedStringText):
                value = part.value.replace("{{", "{").replace("}}", "}")
                text = value if raw else _evaluate(f"{quote}{value}{quote}")
                if text is None:
                    return None
                pieces.append(string(text))
            else:
                assert isinstance(part, cst.FormattedStringExpression)
                assert isinstance(original, cst.FormattedStringExpression)
                found = self._value(original, part, raw, quote)
                if found is None:
                    return None
                pieces += found
        return _merged(pieces)

    def _value(
        self, original: cst.FormattedStringExpression, part: cst.FormattedStringExpression, raw: bool, quote: str
    ) -> list[cst.BaseExpression] | None:
        conversion, shown = part.conversion, []
        if part.equal is not None:
            shown = [string(self._shown(original))]
            conversion = conversion or ("r" if part.format_spec is None else None)
        spec: cst.BaseExpression = string("")
        if part.format_spec is not None:
            pieces = self._pieces(original.format_spec or [], part.format_spec, raw, quote)
            if pieces is None:
                return None
            literal = all(isinstance(p, cst.SimpleString) for p in pieces)
            spec = (pieces[0] if pieces else spec) if literal else self.ops("fstring", *pieces)
        how: cst.BaseExpression = string(conversion) if conversion else cst.Name("None")
        value = cst.Tuple([cst.Element(argument(part.expression)), cst.Element(how), cst.Element(spec)])
        return [*shown, value]

    def _shown(self, original: cst.FormattedStringExpression) -> str:
        """What `{x = }` prints before the value: the text between the brace and the value's place."""
        code = self.unit.parsed.module.code_for_node
        assert original.equal is not None
        before = code(original.whitespace_before_expression) + code(original.expression)
        return before + code(original.equal)


def _is_text(node: cst.BaseExpression) -> bool:
    """Whether an expression is a literal of type `str`."""
    if isinstance(node, cst.ConcatenatedString):
        return _is_text(node.left)  # Python takes no bytes beside text.
    return isinstance(node, cst.FormattedString) or (isinstance(node, cst.SimpleString) and "b" not in node.prefix)


def _merged(pieces: list[cst.BaseExpression]) -> list[cst.BaseExpression]:
    """Pieces with neighbouring literals joined and empty ones dropped."""
    out: list[cst.BaseExpression] = []
    for piece in pieces:
        if isinstance(piece, cst.SimpleString):
            text = str(piece.evaluated_value)
            if out and isinstance(out[-1], cst.SimpleString):
                text = str(out.pop().evaluated_value) + text  # type: ignore[attr-defined]
            if not text:
                continue
            piece = string(text)
        out.append(piece)
    return out


def _evaluate(literal: str) -> str | None:
    """The value of a string literal; None for bytes and for what only an f-string may contain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The user's own compile has warned about `"\\d"`.
        try:
            value = ast.literal_eval(literal)
        except (SyntaxError, ValueError):
            return None
    return value if isinstance(value, str) else None
