"""Text with array values: f-strings, `%`, `str`, `format`, put together at commit.

A container or an object that holds arrays is made again at commit, of what they hold then, and asked for its text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from janusx.signals import Unstageable
from janusx.state import kinds, policy, symbols

_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def fstring(*parts: Any) -> Any:
    """An f-string: literal pieces, and `(value, conversion, spec)` for each replacement field."""
    fields = [spelled(part[0]) if type(part) is tuple else part for part in parts]
    specs = [part[2] for part in parts if type(part) is tuple]
    if not any(map(symbols.is_sym, specs)) and not any(
        symbols.is_sym(each) or symbols.is_array(each) for each in fields
    ):
        return _join(*parts)
    args: list[Any] = []
    for part, field in zip(parts, fields, strict=True):
        args.extend((field, *part[1:]) if type(part) is tuple else (part,))
    marks = tuple(type(part) is tuple for part in parts)
    return symbols.apply(join_marked, marks, *args)


def percent(template: Any, values: Any) -> Any:
    """`template % values`, where either is a literal of text."""
    if isinstance(template, str):
        late = spelled(values)
        if late is not values or symbols.is_sym(late) or symbols.is_array(late) or symbols.is_sym(template):
            return symbols.apply(format_percent, template, late)
    return template % values


def text(function: Callable[..., str]) -> Callable[..., Any]:
    """`str`, `repr`, `format`, `ascii`, or a method of a string such as `format` and `join`."""

    def run(*args: Any, **kwargs: Any) -> Any:
        late = [*map(spelled, args)]
        named = {name: spelled(value) for name, value in kwargs.items()}
        if any(symbols.is_sym(value) or symbols.is_array(value) for value in (*late, *named.values())):
            return symbols.apply(function, *late, **named)
        return function(*args, **kwargs)

    return run


def method(owner: str, name: str) -> Callable[..., Any]:
    """A method of a string."""
    if name == "format":
        run = text(format_text)
        return lambda *args, **kwargs: run(owner, *args, **kwargs)
    if name == "join":
        run = text(join_texts)
        return lambda items: run(owner, list(items))
    return _method(owner, name)


def _method(owner: str, name: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if any(map(symbols.has_sym, args)):
            return symbols.apply(symbols.call_method, owner, name, *args, **kwargs)
        return getattr(owner, name)(*args, **kwargs)

    return run


def spelled(value: Any, within: tuple[int, ...] = ()) -> Any:
    """A value of which a text is to be made: symbolic where it holds arrays or symbolic values."""
    if symbols.is_sym(value) or symbols.is_array(value):
        return value
    parts = map(spelled, value.args) if isinstance(value, BaseException) else ()
    if any(symbols.is_sym(part) or symbols.is_array(part) for part in parts):
        raise Unstageable("the text of an exception that holds an array")
    kind = policy.category(value)
    if not isinstance(kind, kinds.Kind) or kind in (kinds.FUNCTION, kinds.METHOD, kinds.PARTIAL, kinds.CELL):
        return value
    if shows_place(type(value)):
        return value
    if id(value) in within:
        raise Unstageable(f"the text of a {type(value).__name__} that holds itself")
    fields = kind.fields(value)
    items = [spelled(item, (*within, id(value))) for _, item in fields]
    if not any(symbols.is_sym(item) or symbols.is_array(item) for item in items):
        return value
    return symbols.apply(Rebuild(kind, type(value), tuple(step for step, _ in fields)), *items)


def shows_place(cls: type) -> bool:
    """Whether the text of an object says where it is, not what it holds."""
    own: tuple[Any, Any] = (cls.__repr__, cls.__str__)
    return own == (object.__repr__, object.__str__)


@dataclass(frozen=True)
class Rebuild:
    """Makes an object of what it holds: a pure function, so that it can be part of an expression."""

    kind: kinds.Kind
    cls: Any
    steps: tuple[Any, ...]

    def __call__(self, *items: Any) -> Any:
        """The object that holds these items."""
        if isinstance(self.kind, kinds.TupleKind):
            return self.kind.remake(self.cls, list(items))
        made = self.cls.__new__(self.cls)
        self.kind.fill(made, list(zip(self.steps, items, strict=True)))
        return made


def format_percent(template: str, values: Any) -> str:
    """`%` of a string as a function, so that it can be an expression."""
    return template % values  # type: ignore[no-any-return]


format_percent.gives_text = True  # type: ignore[attr-defined]


def format_text(template: str, /, *args: Any, **kwargs: Any) -> str:
    """`str.format`, likewise."""
    return template.format(*args, **kwargs)


format_text.gives_text = True  # type: ignore[attr-defined]


def join_texts(between: str, items: list[str]) -> str:
    """`str.join`, likewise."""
    return between.join(items)


join_texts.gives_text = True  # type: ignore[attr-defined]


def join_marked(marks: tuple[bool, ...], *args: Any) -> str:
    """Join the pieces of an f-string; `marks` says which are replacement fields (three arguments each)."""
    rest = iter(args)
    return _join(*((next(rest), next(rest), next(rest)) if mark else next(rest) for mark in marks))


join_marked.gives_text = True  # type: ignore[attr-defined]  # whatever its arguments are


def _join(*parts: Any) -> str:
    text = ""
    for part in parts:
        if type(part) is tuple:
            value, conversion, spec = part
            part = format(_CONVERSIONS[conversion](value) if conversion else value, spec or "")
        text += part
    return text
