"""A writer of generated functions: lines, the constants that they name, host expressions written out."""

from __future__ import annotations

import collections
import operator
import re
from collections.abc import Sequence
from typing import Any

from janusx.state import symbols

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.mod: "%", operator.pow: "**", operator.matmul: "@", operator.lshift: "<<", operator.rshift: ">>",
    operator.and_: "&", operator.or_: "|", operator.xor: "^", operator.lt: "<", operator.le: "<=", operator.eq: "==",
    operator.ne: "!=", operator.gt: ">", operator.ge: ">=", operator.is_: "is", operator.is_not: "is not",
}  # fmt: skip


class Writer:
    """Collects the lines of one generated function and the constants that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {"same": symbols.same}
        self._names: dict[int, str] = {}
        self._exprs: dict[symbols.Expr, str] = {}

    def block(self) -> Writer:
        """For the lines of a block: what was evaluated before it is known there, what is evaluated there is not."""
        inner = Writer()
        inner.namespace, inner._names, inner._exprs = self.namespace, self._names, dict(self._exprs)
        return inner

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(text)

    def guard(self, fails: str) -> None:
        """Give up where the condition is true."""
        self.lines.append(f"if {fails}: return None")

    def const(self, value: Any) -> str:
        """A name for a constant."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self._names)}"
            self.namespace[name] = value
        return name

    def literal(self, value: Any) -> str:
        """A constant, written out where that is exact."""
        if value is None or type(value) in (bool, int, str, bytes):
            return repr(value)
        return self.const(value)

    def expr(self, expr: symbols.Expr, inputs: dict[Any, str]) -> str:
        """Emit the evaluation of a host expression, once; returns the name of its value."""
        known = inputs.get(expr) or self._exprs.get(expr)
        if known is not None:
            return known
        if isinstance(expr, symbols.Constant):
            return self.literal(expr.value)
        if isinstance(expr, symbols.Gathered):
            return self.expr(expr.expr, inputs)
        assert isinstance(expr, symbols.Apply), expr
        args = [self.expr(arg, inputs) for arg in expr.args]
        named = [f"{name}={self.expr(arg, inputs)}" for name, arg in expr.kwargs]
        name = f"h{len(self._exprs)}"
        infix = _INFIX.get(expr.function)
        if infix is not None and len(args) == 2 and not named:
            text = f"{args[0]} {infix} {args[1]}"
        elif expr.function is operator.getitem:
            text = f"{args[0]}[{args[1]}]"
        else:
            text = f"{self.const(expr.function)}({', '.join([*args, *named])})"
        self.line(f"{name} = {text}")
        self._exprs[expr] = name
        return name

    def knows(self, expr: symbols.Expr) -> bool:
        """Whether an expression is evaluated already."""
        return expr in self._exprs

    def function(self, name: str, parameters: str, body: Sequence[str] | None = None) -> tuple[Any, str]:
        """Compile the lines as a function; returns it with its source."""
        lines = [f"    {line}" for line in (self.lines if body is None else body)] or ["    pass"]
        namespace = dict(self.namespace)
        parameters = ", ".join([parameters, *(f"{word}={word}" for word in self._often(lines))])
        text = f"def {name}({parameters}):\n" + "\n".join(lines) + "\n"
        exec(compile(text, f"<janusx {name}>", "exec"), namespace)
        return namespace[name], text

    def _often(self, lines: Sequence[str]) -> list[str]:
        """Names that are read often enough to be parameters.

        A parameter is read faster than a global: 115 → 91 ns for the five checks of an object (2 cores, Python 3.11).
        """
        counts: collections.Counter[str] = collections.Counter()
        for line in lines:
            weight = 3 if line.startswith("            ") else 1  # within a loop
            counts.update(dict.fromkeys(re.findall(r"\b(?:c\d+|type|len|map)\b", line), weight))
        known = self.namespace.keys() | {"type", "len", "map"}
        return [word for word, count in counts.items() if count > 2 and word in known]
