"""What emitted code calls, in plain Python: with these a rewritten function must do exactly what the original does.

They know nothing of JAX. With them a rewrite is tested alone, before anything is traced.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from janusx import emitted, sources
from janusx.errors import JanusXError
from janusx.transforms.result import Rewritten
from tests.transforms.plain_ops import PlainOps

Rewrites = PlainOps


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
