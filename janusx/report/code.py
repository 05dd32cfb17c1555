"""Python source as lines of HTML, with keywords, strings, comments and numbers marked."""

from __future__ import annotations

import html
import io
import keyword
import tokenize
from collections.abc import Iterable

_KINDS = {tokenize.STRING: "s", tokenize.COMMENT: "c", tokenize.NUMBER: "n"}
# From 3.12 on an f-string is several tokens; their text is the string's.
_KINDS |= {
    kind: "s"
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if (kind := getattr(tokenize, name, None)) is not None
}


def highlight(source: str) -> list[str]:
    """A list with the HTML of each line; text that is not Python is only escaped.

    Example:
        >>> highlight("return 1 < x")
        ['<i class=k>return</i> <i class=n>1</i> &lt; x']
    """
    lines = source.split("\n")
    marks: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    for token in _tokens(source):
        kind = "k" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else _KINDS.get(token.type, "")
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1) if kind else ():
            if number <= len(lines):
                line = lines[number - 1]
                marks[number - 1].append((start if number == first else 0, end if number == last else len(line), kind))
    return [_marked(line, spans) for line, spans in zip(lines, marks, strict=True)]


def _tokens(source: str) -> Iterable[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(source + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return []


def _marked(line: str, spans: Iterable[tuple[int, int, str]]) -> str:
    made, at = "", 0
    for start, end, kind in spans:
        if start >= at and end > start:
            made += f"{_escaped(line[at:start])}<i class={kind}>{_escaped(line[start:end])}</i>"
            at = end
    return made + _escaped(line[at:])


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
