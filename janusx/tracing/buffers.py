"""The list that commit makes of a buffer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from janusx.state import symbols
from janusx.tracing.skeleton import Arr, Made, Skeleton


def listed(buffer: Any, count: Any, *arrays: Any) -> Any:
    """The list or the deque that a run made; `buffer` describes it: its class, the skeleton of an item."""
    cls, item = buffer
    kept = [array if whole else array.tolist() for array, whole in zip(arrays, _whole(item), strict=True)]
    return cls(_built(item, iter([column[i] for column in kept])) for i in range(int(count)))


def _whole(item: Skeleton) -> list[bool]:
    if isinstance(item, Made):
        return [whole for part in item.items for whole in _whole(part)]
    return [isinstance(item, Arr)]


def _built(item: Skeleton, rows: Iterator[Any]) -> Any:
    if isinstance(item, Made):
        parts = [_built(part, rows) for part in item.items]
        return item.kind.remake(item.cls, parts)  # type: ignore[attr-defined]
    row = next(rows)
    return symbols.weakened(row) if isinstance(item, Arr) and item.weak else row
