"""`assert` on arrays: a guard that it holds. The eager run raises the real exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from janusx.ops.conditionals import staged_predicate, truth_value
from janusx.ops.sites import Where, speculate
from janusx.tracing import context


def assert_(test: Any, message: Callable[[], Any] | None = None, site: Where | None = None) -> None:
    """`assert test, message()`."""
    predicate = staged_predicate(test)
    if predicate is None:
        holds = truth_value(test)
    else:  # where a handler may catch it there are programs of both outcomes
        holds = speculate(context.current(), site, predicate, "the other side raises AssertionError", True)
    if not holds:
        raise AssertionError(*(() if message is None else (message(),)))
