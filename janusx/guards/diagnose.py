"""Which guard did not hold, and what constants turned out to change: worked out after a miss, off the fast path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from janusx.guards.checks import GONE, CallCheck, Check, ObjectCheck
from janusx.state import symbols
from janusx.state.paths import Argument, Keyword, Path


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


@dataclass(frozen=True)
class Difference:
    """A guard that does not hold.

    Attributes:
        check: its number among the guards of the entry.
        path: where; None where it is about several places or the call itself.
        name: where, in words.
        found: what is there instead: `a list of 3, was 2`.
    """

    check: int
    path: Path | None
    name: str
    found: str

    @property
    def what(self) -> str:
        """Both: `self.layers: a list of 3, was 2`."""
        return f"{self.name}: {self.found}"


def reshaped(
    checks: Sequence[Check], args: Sequence[Any], kwargs: Mapping[str, Any], anchors: Mapping[int, Any]
) -> list[Path]:
    """The objects of another layout than a program was made for: of another class, with other fields or items."""
    found = differences(checks, args, kwargs, anchors)
    return [each.path for each in found if each.path is not None and isinstance(checks[each.check], ObjectCheck)]


def differences(
    checks: Sequence[Check], args: Sequence[Any], kwargs: Mapping[str, Any], anchors: Mapping[int, Any]
) -> list[Difference]:
    """The guards that do not hold for a call, without those that fail only since what holds their value has changed."""

    def now(path: Path) -> Any:
        return read(path, args, kwargs, anchors)

    found: list[Difference] = []
    for number, check in enumerate(checks):
        if check.path is not None and any(_within(check.path, known.path) for known in found):
            continue
        try:
            what = check.now(args, tuple(kwargs)) if isinstance(check, CallCheck) else check.differs(now)
        except Exception:  # of the user's objects, compared with the user's operators
            what = "cannot be compared any more"
        if what:
            found.append(Difference(number, check.path, check.name, what))
            if isinstance(check, CallCheck):
                break  # paths of arguments mean something else in a call of another shape
    return found


def _within(path: Path, outer: Path | None) -> bool:
    return outer is not None and path.steps[: len(outer.steps)] == outer.steps
