"""What stands for a list in a program once only the run knows how long it is: arrays with room, and a length.

It poses as the list. What it cannot do in a program asks for another pass, in which the list stays one.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from janusx.state import kinds
from janusx.state.paths import Attr, Step
from janusx.tracing import context


class Buffer:
    """Stands for a list or a deque in a program.

    Attributes:
        length: how many items it has, a scalar of the program.
        arrays: for each leaf of an item, those of all items, and room for more.
        item: the skeleton of an item.
        where: the site at which it came to be, by which its room is known.
        cls: `list` or `deque`.
    """

    def __init__(self, length: Any, arrays: Sequence[Any], item: Any, where: Any, cls: type):
        self.length = length
        self.arrays = list(arrays)
        self.item = item
        self.where = where
        self.cls = cls

    @property  # type: ignore[misc]  # isinstance sees a list
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.cls

    @property
    def room(self) -> int:
        """How many items it can hold."""
        return int(self.arrays[0].shape[0])

    def append(self, item: Any) -> None:
        """`list.append`."""
        _op("append")(self, item)

    def extend(self, items: Any) -> None:
        """`list.extend`."""
        for item in items:
            self.append(item)

    def __iadd__(self, items: Any) -> Buffer:  # type: ignore[misc]  # unlike a list, it has no `+`
        self.extend(items)
        return self

    def pop(self, index: Any = -1) -> Any:
        """`list.pop`."""
        return _op("pop")(self, index)

    def popleft(self) -> Any:
        """`deque.popleft`."""
        if self.cls is list:
            raise AttributeError("'list' object has no attribute 'popleft'")
        return _op("pop")(self, 0)

    def insert(self, index: Any, item: Any) -> None:
        """`list.insert`."""
        _method("insert")(self, index, item)

    def remove(self, item: Any) -> None:
        """`list.remove`."""
        _method("remove")(self, item)

    def index(self, item: Any) -> Any:
        """`list.index`."""
        return _method("index")(self, item)

    def count(self, item: Any) -> Any:
        """`list.count`."""
        return _method("count")(self, item)

    def sort(self, *, key: Any = None, reverse: Any = False) -> None:
        """`list.sort`."""
        if self.cls is not list:
            raise AttributeError("'collections.deque' object has no attribute 'sort'")
        _method("sort")(self, key=key, reverse=reverse)

    def reverse(self) -> None:
        """`list.reverse`."""
        _method("reverse")(self)

    def copy(self) -> Buffer:
        """`list.copy`."""
        return _method("copy")(self)  # type: ignore[no-any-return]

    def appendleft(self, item: Any) -> None:
        """`deque.appendleft`."""
        if self.cls is list:
            raise AttributeError("'list' object has no attribute 'appendleft'")
        _method("insert")(self, 0, item)

    def clear(self) -> None:
        """`list.clear`."""
        self.length = self.length * 0

    def __getitem__(self, index: Any) -> Any:
        if type(index) is slice:
            return _method("sliced")(self, index)
        return _op("get")(self, index)

    def __setitem__(self, index: Any, item: Any) -> None:
        _op("put")(self, index, item)

    def __delitem__(self, index: Any) -> None:
        self.pop(index)

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for a pass in which the list is a list."""
        context.current().keep_list(self.where)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.refuse()

    __iter__ = __contains__ = __bool__ = __add__ = __radd__ = __mul__ = __rmul__ = __array__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __len__ = __reversed__ = __copy__ = refuse
    __hash__ = None  # type: ignore[assignment]


class Gone:
    """All that is left in a list that a buffer stands for: who finds it has a name for the list that was missed."""

    def __init__(self, where: Any):
        self._where = where

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for a pass in which the list is a list."""
        context.current().keep_list(self._where)

    def __getattr__(self, name: str) -> Any:
        return self.refuse()

    __iter__ = __contains__ = __bool__ = __add__ = __radd__ = __mul__ = __rmul__ = __array__ = __len__ = refuse
    __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __getitem__ = __call__ = __index__ = __float__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __jax_array__ = __str__ = __repr__ = refuse


def check(value: Any) -> None:
    """Refuse a list that a buffer stands for, met by a name that was missed."""
    if type(value) in (list, deque) and value and type(value[0]) is Gone:
        value[0].refuse()


class BufferKind(kinds.Kind):
    """Its fields are arrays, so that what a region does to it is found, undone and carried like any other write."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        known = [(Attr(name), getattr(value, name)) for name in ("length", "item", "where", "cls")]
        return [*known, *((Attr(str(i)), array) for i, array in enumerate(value.arrays))]

    def fill(self, shell: Any, fields: kinds.Fields) -> None:
        values = [value for _, value in fields]
        shell.length, shell.item, shell.where, shell.cls, *shell.arrays = values


BUFFER = BufferKind()


def _op(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("janusx.ops.buffers"), name)  # type: ignore[no-any-return]


def _method(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("janusx.ops.buffer_methods"), name)  # type: ignore[no-any-return]
