"""Which guard did not hold, and what constants turned out to change: worked out after a miss, off the fast path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from janusx.state import symbols
from janusx.state.paths import Argument, Keyword, Path


class Gone:
    """Nothing is at the path any more."""


GONE = Gone()


def read(path: Path, args: Sequence[Any], kwargs: Mapping[str, Any], anchors: Mapping[int, Any]) -> Any:
    """What is at a path now, or `GONE`."""
    step = path.root
    try:
        if isinstance(step, Argument):
            value = args[step.index]
        elif isinstance(step, Keyword):
            value = kwargs[step.name]
        else:
            value = anchors[step.ident]  # type: ignore[attr-defined]
        for further in path.steps[1:]:
            value = further.of(value)
    except Exception:  # whatever a step raises says that the path is gone
        return GONE
    return value


def changed_constants(
    constants: Sequence[tuple[Path, Any]], args: Sequence[Any], kwargs: Mapping[str, Any], anchors: Mapping[int, Any]
) -> dict[Path, tuple[Any, Any]]:
    """The constants that have another value now: path → (before, now)."""
    found = {}
    for path, value in constants:
        now = read(path, args, kwargs, anchors)
        if now is not GONE and not symbols.same(now, value):
            found[path] = (value, now)
    return found
