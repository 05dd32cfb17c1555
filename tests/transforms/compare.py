"""The two oracles of a rewrite: the text it makes, and that the text does what the original does."""

from __future__ import annotations

import contextlib
import copy
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from janusx.transforms import Rewritten, rewrite
from tests.transforms.plain_ops import PlainOps


def source(text: str) -> str:
    """A test's source without the indentation of the test."""
    return textwrap.dedent(text).strip("\n") + "\n"


def make(
    text: str, names: Mapping[str, Any], ops_name: str | None = None, name: str | None = None
) -> Callable[..., Any]:
    """The function that a `def` or `lambda` makes, with the names as globals."""
    scope = dict(names)
    if ops_name is not None:
        scope[ops_name] = PlainOps()
    if text.lstrip().startswith(("lambda", "(lambda")):
        made: Callable[..., Any] = eval(text, scope)
        return made
    exec(text, scope)
    found = name or text.split("def ", 1)[1].split("(", 1)[0].strip()
    made = scope[found]
    return made


@dataclass(frozen=True)
class Case:
    """One rewrite, checked by both oracles.

    Attributes:
        title: what it shows, as a sentence.
        before: the source.
        after: what it becomes.
        calls: arguments of the calls that are compared.
        options: for `rewrite`.
    """

    title: str
    before: str
    after: str
    calls: tuple[tuple[Any, ...], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.title


@contextlib.contextmanager
def manager() -> Iterator[int]:
    """A context manager that does nothing."""
    yield 9


def keep(_: Any) -> Callable[[Any], Any]:
    """A decorator with an argument that does nothing."""
    return lambda function: function


class Probe:
    """Gives back what stands between the brackets."""

    def __getitem__(self, index: Any) -> Any:
        return index


NAMES = {"manager": manager, "keep": keep, "Probe": Probe}


def check(case: Case) -> Rewritten:
    """Check a case's text, and that both sources do the same."""
    rewritten = same(case.before, *case.calls, names=NAMES, **case.options)
    assert rewritten.text == source(case.after)
    return rewritten


@dataclass(frozen=True)
class Outcome:
    """What a call did: its result or exception, and the calls of `log` on the way."""

    result: Any
    error: str | None
    log: tuple[Any, ...]


def run(
    build: Callable[[Mapping[str, Any]], Callable[..., Any]], args: tuple[Any, ...], names: Mapping[str, Any]
) -> Outcome:
    """Call a function that was just made, with a `log` of its own."""
    calls: list[Any] = []

    def log(value: Any) -> Any:
        calls.append(value)
        if len(calls) > 200:
            raise TimeoutError("too many calls")
        return value

    try:
        result = build({**names, "log": log})(*copy.deepcopy(args))
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
