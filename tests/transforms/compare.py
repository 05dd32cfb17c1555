"""The two oracles of a rewrite: the text it makes, and that the text does what the original does."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from janusx.transforms import Rewritten, rewrite

from tests.transforms.plain_ops import PlainOps


def source(text: str) -> str:
    """A test's source without the indentation of the test."""
    return textwrap.dedent(text).strip("\n") + "\n"


def emitted(text: str, **options: Any) -> str:
    """What a source is rewritten to."""
    return rewrite(source(text), **options).text


def make(text: str, names: Mapping[str, Any], ops_name: str | None = None, name: str | None = None) -> Callable[..., Any]:
    """The function that a `def` or `lambda` makes, with the names as globals."""
    scope = dict(names)
    if ops_name is not None:
        scope[ops_name] = PlainOps()
    if text.lstrip().startswith("lambda"):
        made: Callable[..., Any] = eval(text, scope)
        return made
    exec(text, scope)
    found = name or text.split("def ", 1)[1].split("(", 1)[0].strip()
    made = scope[found]
    return made


@dataclass(frozen=True)
class Outcome:
    """What a call did: its result or exception, and the calls of `log` on the way."""

    result: Any
    error: str | None
    log: tuple[Any, ...]


def run(build: Callable[[Mapping[str, Any]], Callable[..., Any]], args: tuple[Any, ...], names: Mapping[str, Any]) -> Outcome:
    """Call a function that was just made, with a `log` of its own."""
    calls: list[Any] = []

    def log(value: Any) -> Any:
        calls.append(value)
        if len(calls) > 200:
            raise TimeoutError("too many calls")
        return value

    try:
        result = build({**names, "log": log})(*args)
    except Exception as error:
        return Outcome(None, f"{type(error).__name__}: {error}", tuple(calls))
    return Outcome(result, None, tuple(calls))


def same(text: str, *calls: tuple[Any, ...], names: Mapping[str, Any] | None = None, **options: Any) -> Rewritten:
    """Check that a rewritten function does what the original does, for each tuple of arguments."""
    original = source(text)
    rewritten = rewrite(original, **options)
    for args in calls:
        expected = run(lambda n: make(original, n), args, names or {})
        found = run(lambda n: make(rewritten.text, n, rewritten.ops_name), args, names or {})
        assert found == expected, f"{args}\n{rewritten.text}"
    return rewritten
