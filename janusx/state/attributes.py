"""Where an instance keeps its attributes: slots and `__dict__`, read past the class's own methods."""

from __future__ import annotations

import enum
import functools
import sys
import types
from typing import Any

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


@functools.lru_cache(maxsize=4096)
def slot_names(cls: type) -> tuple[str, ...]:
    """The names of all `__slots__` members of a class, mangled as they are stored."""
    names: list[str] = []
    for base in cls.__mro__:
        for name, member in base.__dict__.items():
            ours = isinstance(member, types.MemberDescriptorType) and member.__objclass__ is base
            if ours and name not in ("__dict__", "__weakref__") and name not in names:
                names.append(name)
    return tuple(names)


def hasattr_slot(value: Any, name: str) -> bool:
    """Whether a slot is set, past the class's own `__getattr__`."""
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True


def instance_dict(value: Any) -> dict[str, Any] | None:
    """An instance's `__dict__`, past the class's own `__getattribute__`, or None."""
    cls: type = type(value)
    if not has_dict(cls):
        return None
    return object.__getattribute__(value, "__dict__")  # type: ignore[no-any-return]


def may_hold(value: Any) -> bool:
    """Whether what the standard library made is no value for good: a blank instance, a descriptor.

    Found in a class or a module it is what it is: a sentinel, `partialmethod`. Whoever is given one (`self` in
    `__init__`) may change it.
    """
    cls: Any = type(value)
    if cls.__module__ not in sys.stdlib_module_names or issubclass(cls, enum.Enum | type):
        return False
    plain = all(base is object or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)
    if not plain or not (has_dict(cls) or slot_names(cls)):
        return False
    blank = not instance_dict(value) and not any(hasattr_slot(value, name) for name in slot_names(cls))
    return blank or hasattr(cls, "__get__")


def has_dict(cls: type) -> bool:
    """Whether instances have a `__dict__`."""
    return cls.__dictoffset__ != 0
