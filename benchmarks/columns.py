"""The one place where a benchmark asks for a converted function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["convert", "explanation", "observed", "rung", "statistics"]


def convert(fun: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Returns ``janusx.convert(fun, **options)``; imported late, so that the other columns run without it."""
    import janusx

    converted: Callable[..., Any] = janusx.convert(fun, **options)
    return converted


def observed(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Returns ``fun`` as it runs in a profiled call: in plain Python, observed; this one way is not public."""
    from janusx import leaves
    from janusx.profiler import Profiles, run_observed

    profiles = Profiles()
    return lambda *args: run_observed(fun, args, {}, lambda function: not leaves.is_leaf(function), profiles)


def rung(function: Callable[..., Any]) -> Callable[[], str]:
    """Returns how to ask on which rung the last call of ``function`` ran; what is not converted counts as compiled."""
    if type(function).__module__.partition(".")[0] != "janusx":
        return lambda: "compiled"
    return lambda: str(statistics(function)["last_call"])


def explanation(converted: Callable[..., Any]) -> dict[str, Any]:
    """Returns ``janusx.explain(converted).to_dict()``."""
    import janusx

    found: dict[str, Any] = janusx.explain(converted).to_dict()
    return found


def statistics(converted: Callable[..., Any]) -> dict[str, Any]:
    """Returns the fields of ``janusx.stats(converted)`` as a dictionary."""
    import janusx

    record = janusx.stats(converted)
    names = ("calls", "profiled", "compiled", "mixed", "eager", "violations", "recompilations", "entries", "last_call")
    return {name: getattr(record, name, None) for name in names}
