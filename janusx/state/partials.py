"""`functools.partial` objects that carry attributes: state like any other object's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from janusx.state.kinds import Fields, Kind
from janusx.state.paths import Attr, Field, Step

if TYPE_CHECKING:
    from janusx.guards.codegen import Writer

_PARTS = ("func", "args", "keywords")


class AttributedKind(Kind):
    """A partial with a `__dict__` that is not empty; the others have nothing that could change."""

    mutable = True

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        held: list[tuple[Step, Any]] = [(Attr(name), item) for name, item in value.__dict__.items()]
        return [*((Field(name), getattr(value, name)) for name in _PARTS), *held]

    def shell(self, value: Any) -> Any:
        return type(value)(value.func)

    def fill(self, shell: Any, fields: Fields) -> None:
        shell.__setstate__(_state(dict(fields)))

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.guard(f"len({var}.__dict__) != {len(value.__dict__)}")
        return lambda step: f"{var}.__dict__[{step.name!r}]" if isinstance(step, Attr) else f"{var}.{step.name}"  # type: ignore[attr-defined]

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        if not all(isinstance(step, Attr) for step in changed):
            held = "".join(f"{step.name!r}: {new[step]}, " for step in new if isinstance(step, Attr))
            parts = "".join(f"{new[Field(name)]}, " for name in _PARTS)
            out.line(f"{var}.__setstate__(({parts}{{{held}}}))")
            return
        for step in [*(step for step in new if step in changed), *(step for step in old if step not in new)]:
            assert isinstance(step, Attr)
            target = f"{var}.__dict__[{step.name!r}]"
            out.line(f"{target} = {new[step]}" if step in new else f"del {target}")

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = {out.const(cls)}({out.const(_state)})")  # of something that can be called, until filled


def _state(fields: dict[Step, Any]) -> tuple[Any, ...]:
    return (
        *(fields[Field(name)] for name in _PARTS),
        {step.name: item for step, item in fields.items() if isinstance(step, Attr)},
    )


ATTRIBUTED = AttributedKind()


def kind_of(value: Any) -> Kind | None:
    """How a partial with attributes is handled; None for anything else."""
    return ATTRIBUTED if type(value) is functools.partial and value.__dict__ else None
