"""What emitted code calls, in plain Python: with these a rewritten function must do exactly what the original does.

They know nothing of JAX. With them a rewrite is tested alone, before anything is traced.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from janusx import emitted, sources
from janusx.errors import JanusXError
from janusx.transforms.result import Rewritten

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
}
CONVERSIONS: dict[Any, Callable[[Any], Any]] = {None: lambda v: v, "s": str, "r": repr, "a": ascii}


@dataclass(frozen=True)
class Unbound:
    """Stands in a variable that is not bound."""

    name: str


def carried(result: Any, count: int) -> tuple[Any, ...]:
    """The variables that a region gives back: none, one, or a tuple."""
    return () if count == 0 else (result,) if count == 1 else tuple(result)


def given(variables: tuple[Any, ...]) -> Any:
    return None if not variables else variables[0] if len(variables) == 1 else variables


class Rewrites:
    """The ops of a rewritten function."""

    def cond(self, test: Any, true: Any, false: Any, *variables: Any, site: int = 0) -> Any:
        return (true if test else false)(*variables)

    def if_exp(self, test: Any, true: Any, false: Any, site: int = 0) -> Any:
        return true() if test else false()

    def while_loop(self, test: Any, body: Any, *variables: Any, site: int = 0, **_: Any) -> Any:
        while test(*variables):
            variables = carried(body(*variables), len(variables))
        return given(variables)

    def for_loop(self, xs: Any, body: Any, *variables: Any, site: int = 0, breaks: bool = False, **_: Any) -> Any:
        for item in xs:
            variables = carried(body(item, *variables), len(variables))
            if breaks and variables[0]:
                break
        return given(variables)

    def and_(self, first: Any, *others: Any, **_: Any) -> Any:
        for other in others:
            if not first:
                return first
            first = other()
        return first

    def or_(self, first: Any, *others: Any, **_: Any) -> Any:
        for other in others:
            if first:
                return first
            first = other()
        return first

    def not_(self, value: Any, **_: Any) -> bool:
        return not value

    def chain(self, left: Any, *rest: Any, **_: Any) -> Any:
        result: Any = None
        for compare, thunk in zip(rest[::2], rest[1::2], strict=True):
            right = thunk()
            result = COMPARE[compare](left, right)
            if not result:
                return result
            left = right
        return result

    def contains(self, items: Any, item: Any, **_: Any) -> bool:
        return item in items

    def truth(self, test: Any, site: int = 0) -> bool:
        return bool(test)

    def assume(self, test: Any, expected: bool, site: int = 0) -> None:
        assert bool(test) is expected, "the rewrite was asked to assume this outcome"

    def assert_(self, test: Any, message: Any = None, site: int = 0) -> None:
        if not test:
            raise AssertionError(*(() if message is None else (message(),)))

    def fstring(self, *parts: Any) -> str:
        return "".join(
            part if isinstance(part, str) else format(CONVERSIONS[part[1]](part[0]), part[2] or "") for part in parts
        )

    def item(self, container: Any, index: Any, **_: Any) -> Any:
        return container[index]

    def set_item(self, container: Any, index: Any, value: Any, **_: Any) -> None:
        container[index] = value

    def call(self, fn: Any, **_: Any) -> Any:
        return fn

    def unbound(self, name: str) -> Unbound:
        return Unbound(name)

    def read(self, value: Any, name: str) -> Any:
        if isinstance(value, Unbound):
            raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
        return value


class Observes:
    """The ops of an observed function; what they report is counted."""

    def __init__(self) -> None:
        self.heard = 0

    def _hear(self, value: Any, *_: Any, **__: Any) -> Any:
        self.heard += 1
        return value

    test = enter = right = part = call = _hear

    def loop(self, xs: Iterable[Any], **_: Any) -> Iterator[Any]:
        for x in xs:
            self.heard += 1
            yield x

    def yes(self, **_: Any) -> bool:
        return True

    def no(self, **_: Any) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **_: args[0] if args else None


def rewritten(fn: Any, make: Callable[..., Rewritten], ops: Any, **options: Any) -> Any:
    """The function as `make` (`rewrite` or `observe`) writes it, with the same cells; `fn` itself without a source."""
    if not isinstance(fn, types.FunctionType):
        return fn
    try:
        source = sources.find_source(fn)
    except JanusXError:
        return fn
    result = make(source.text, first_line=source.first_line, class_name=source.class_name, **options)
    code = sources.compile_function(result, source, fn.__code__.co_freevars, original=fn.__code__)
    cells = {**emitted.cells_of(fn), result.ops_name: types.CellType(ops)}
    return emitted.make_function(code, fn.__globals__, cells, fn)
