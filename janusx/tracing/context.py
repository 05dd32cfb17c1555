"""The trace that is under way in this thread of control."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any, Protocol


class TraceLike(Protocol):
    """What symbolic values need of the trace that they belong to."""

    def assume_host(self, expr: Any, value: Any) -> None:
        """Guard, in every later call, that a host expression has this value."""

    def host_input(self, expr: Any, value: Any) -> Any:
        """The program input that carries a host expression's value."""


_CURRENT: contextvars.ContextVar[Any] = contextvars.ContextVar("janusx_trace", default=None)


def current() -> Any:
    """The trace under way; an error if there is none."""
    trace = _CURRENT.get()
    if trace is None:
        raise RuntimeError("emitted code runs outside of a trace")
    return trace


def active() -> Any | None:
    """The trace under way, or None."""
    return _CURRENT.get()


@contextlib.contextmanager
def entered(trace: Any) -> Iterator[None]:
    """Make `trace` the one under way."""
    token = _CURRENT.set(trace)
    try:
        yield
    finally:
        _CURRENT.reset(token)
