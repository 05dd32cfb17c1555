"""Opaque objects: what the program may hold and hand on, but not look into while it is traced."""

from __future__ import annotations

import operator
import threading
from typing import Any

from janusx.signals import Unsupported
from janusx.state.exprs import Apply, Object
from janusx.tracing import context

LOCKS = (type(threading.Lock()), type(threading.RLock()))
"""Types whose `with` needs no more than that the whole call runs inside of it."""


class Opaque:
    """Stands for an object of a type that has no shadow (a lock, a file, an environment). Only its type is guarded."""

    __slots__ = ("_jx_node", "_jx_real")

    def __init__(self, node: Any, real: Any):
        object.__setattr__(self, "_jx_node", node)
        object.__setattr__(self, "_jx_real", real)

    @property  # type: ignore[misc]  # isinstance sees the type of the object
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self._jx_real)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if callable(getattr(type(self._jx_real), name, None)):
            return OpaqueMethod(self, name)
        _walk(self)
        raise Unsupported(f"attribute {name!r} of {describe(self)} is read, which JanusX does not see into")

    def __setattr__(self, name: str, value: Any) -> None:
        raise Unsupported(f"attribute {name!r} of {describe(self)} is set, which JanusX does not see into")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        raise Unsupported(f"{describe(self)} is called, which JanusX does not see into")

    def _refuse(self, *args: Any) -> Any:
        _walk(self)
        raise Unsupported(f"{describe(self)} is used, which JanusX does not see into")

    def __enter__(self) -> Any:
        if type(self._jx_real) not in LOCKS:
            self._refuse()
        # The whole call holds the lock, from before the guards are read until all is written.
        context.current().locks.append(self._jx_node.path)
        return True

    def __exit__(self, *details: Any) -> None:
        return None

    __iter__ = __next__ = __len__ = __getitem__ = __setitem__ = __delitem__ = __contains__ = _refuse
    __bool__ = __array__ = __index__ = __float__ = __int__ = __complex__ = __str__ = __repr__ = __format__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __pos__ = __abs__ = __invert__ = __bytes__ = _refuse
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __rmatmul__ = _refuse
    __and__ = __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = __lshift__ = __rshift__ = _refuse

    def __eq__(self, other: object) -> bool:
        if getattr(type(self._jx_real), "__eq__", None) is not object.__eq__:
            self._refuse()
        return type(other) is Opaque and is_one(self, other)

    def __hash__(self) -> int:
        if getattr(type(self._jx_real), "__hash__", None) is not object.__hash__:
            self._refuse()
        return object.__hash__(self._jx_real)


def _walk(opaque: Opaque) -> None:
    """Take the object for a structure that Python walks, if it is of a kind that is nothing else."""
    if context.active() is not None:
        context.current().structures.walk(opaque)


class OpaqueMethod:
    """A method of an opaque object; only output methods (`logger.info`) can be called, and are held until commit."""

    __slots__ = ("name", "owner")

    def __init__(self, owner: Opaque, name: str):
        self.owner = owner
        self.name = name

    @property
    def real(self) -> Any:
        """The bound method of the real object."""
        return getattr(self.owner._jx_real, self.name)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        raise Unsupported(f"{describe(self.owner)}.{self.name}(...) is called, which JanusX does not see into")


def is_one(left: Opaque, right: Opaque) -> bool:
    """Whether two stand for one object: guarded, since another call may have other objects there."""
    outcome: bool = left._jx_real is right._jx_real
    if left is not right:
        places = tuple(Object(each._jx_node.path) for each in (left, right))
        context.current().assume_host(Apply(operator.is_, places), outcome)
    return outcome


def describe(opaque: Opaque) -> str:
    """How a message calls the object: path and type."""
    cls = type(opaque._jx_real)
    return f"{opaque._jx_node.path} ({cls.__module__}.{cls.__qualname__})"
