"""Functions that a trace made, to be called as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Wrapped:
    """A function that a transform, or a trace, made of a user's function."""

    def __init__(self, run: Callable[..., Any]):
        self._run = run

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the transformed function returns, in the trace that is under way."""
        return self._run(*args, **kwargs)
