"""A function that stays as it is: its text, found with tokens alone, since it may nest too deep for a syntax tree."""

from __future__ import annotations

import ast
import contextlib
import io
import tokenize
import warnings
from collections.abc import Sequence

from janusx.transforms.lines import lines_of
from janusx.transforms.result import Refusal, Rewritten, Site

_Place = tuple[int, int]
TOO_DEEP = "it nests too deep to be looked at"
UNKNOWN = "LibCST does not know its syntax"


def untouched(source: str, first_line: int, reason: str, ops_name: str, sites: tuple[Site, ...] = ()) -> Rewritten:
    r"""One `def` or `lambda` without its decorators, refused as a whole.

    Args:
        source: dedented text of the function.
        first_line: file line of the text's first line.
        reason: why it stays as it is.
        ops_name: name of the ops, which the text does not use.
        sites: its sites, if they are known.

    Example:
        >>> untouched("@cache\ndef f(x):\n    return x\n", 1, "it is deep", "jx").text
        'def f(x):\n    return x\n'
    """
    start = _start_of_def(source)
    kind, text = ("lambda", _lambda_as_def(source)) if start is None else ("def", _lines_from(source, start))
    line = first_line + (start or 1) - 1
    last = first_line + len(lines_of(source)) - 1
    lines = tuple(min(line + i, last) for i in range(len(lines_of(text))))
    return Rewritten(text, lines, sites, (Refusal(line, kind, reason),), ops_name)


def is_python(source: str) -> bool:
    r"""Whether Python itself takes a source that LibCST does not, like `(x): int`.

    Example:
        >>> is_python("def f():\n    (x): int\n"), is_python("def f(:")
        (True, False)
    """
    for text in (source, f"({source}\n)"):
        with contextlib.suppress(SyntaxError, ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
            return True
    return False


def _start_of_def(source: str) -> int | None:
    """The line on which the outermost `def` starts; None if there is none."""
    new_line = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if new_line and token.string in {"def", "async"}:
            return token.start[0]
        if new_line and token.string == "lambda":
            return None
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            new_line = token.type == tokenize.NEWLINE
    return None


def _lines_from(source: str, line: int) -> str:
    return "\n".join([*lines_of(source)[line - 1 :], ""])


def _lambda_as_def(source: str) -> str:
    """`def lambda_(signature): return (body)`."""
    text = f"({source})"
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    first = next(i for i, token in enumerate(tokens) if token.string == "lambda")
    colon, end = _colon_and_end(tokens, first)
    signature = _between(text, tokens[first].end, colon.start).strip()
    return f"def lambda_({signature}): return ({_between(text, colon.end, end.start).strip()})\n"


def _colon_and_end(tokens: Sequence[tokenize.TokenInfo], first: int) -> tuple[tokenize.TokenInfo, tokenize.TokenInfo]:
    """The colon of a lambda, and the parenthesis that closes behind it."""
    depth, lambdas = 0, 0
    colon: tokenize.TokenInfo | None = None
    for token in tokens[first:]:
        depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
        if depth < 0:
            assert colon is not None
            return colon, token
        if depth == 0 and colon is None:  # A default may be a lambda, too.
            lambdas += (token.string == "lambda") - (token.string == ":")
            colon = token if lambdas == 0 else None
    raise ValueError("the source is not one lambda")


def _between(text: str, start: _Place, end: _Place) -> str:
    lines = lines_of(text)[start[0] - 1 : end[0]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return "\n".join(lines)
