"""What stands for a list while the body of a rolled loop is traced."""

from __future__ import annotations

from typing import Any

from janusx.signals import Unstageable
from janusx.state import kinds
from janusx.state.paths import Index, Step


class Growing:
    """Stands for a list while the body of a rolled loop is traced: it can only be appended to."""

    def __init__(self, real: Any):
        self.real = real
        self.items: list[Any] = []

    @property  # type: ignore[misc]  # isinstance sees a list
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return list

    def append(self, item: Any) -> None:
        """`list.append`."""
        self.items.append(item)

    def extend(self, items: Any) -> None:
        """`list.extend`."""
        self.items.extend(items)

    def __iadd__(self, items: Any) -> Growing:  # type: ignore[misc]  # unlike a list, it has no `+`
        self.items.extend(items)
        return self

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise Unstageable("a list that grows in the loop is also read in it")

    __len__ = __iter__ = __getitem__ = __setitem__ = __contains__ = __bool__ = __add__ = __eq__ = __array__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()


class GrowingKind(kinds.ListKind):
    """A loop or a branch within the body may let the list grow, too: what it appended is found by comparison."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Index(i), item) for i, item in enumerate(value.items)]

    def fill(self, shell: Any, fields: kinds.Fields) -> None:
        shell.items[:] = [item for _, item in fields]


GROWING = GrowingKind()
