"""Attributes of what a trace shares as it is: functions, members of enumerations, classes and modules of libraries.

They have no shadow. So the attributes that code names are followed one by one, like the members of a user's class.
"""

from __future__ import annotations

import dis
import enum
import functools
import types
from collections.abc import Container, Iterable
from typing import Any

from janusx import emitted, leaves


def stores(code: types.CodeType) -> list[tuple[str, str]]:
    """What code sets or deletes attributes of: the name of the object, "" if it has none, and the attribute's."""
    found = []
    for inner in (code, *emitted.nested_codes(code)):
        base = ""
        for instruction in dis.get_instructions(inner):
            if instruction.opname in ("STORE_ATTR", "DELETE_ATTR"):
                found.append((base, str(instruction.argval)))
            base = str(instruction.argval) if instruction.opname in ("LOAD_GLOBAL", "LOAD_DEREF") else ""
    return found


def named(fn: types.FunctionType, name: str) -> Any:
    """What a global or closure variable of a function holds; None if it is neither, or empty."""
    cell = emitted.cells_of(fn).get(name)
    try:
        return fn.__globals__.get(name) if cell is None else cell.cell_contents
    except ValueError:
        return None


def wanted(owner: Any, mentioned: Iterable[str], stored: Container[str]) -> list[str]:
    """The attributes of an object that have to be followed, of those that code names and those that it sets."""
    if not hasattr(owner, "__dict__"):
        return []
    if isinstance(owner, type):
        if not leaves.is_leaf_module(owner.__module__):
            return []
        return [name for name in _plain(mentioned) if name in vars(owner) and (name in stored or _is_data(owner, name))]
    return _plain(name for name in mentioned if name in vars(owner)) if _carries(owner) else []


def _is_data(owner: type, name: str) -> bool:
    """Whether a member of a library's class is data that somebody may change, and not part of what the class does."""
    value = vars(owner)[name]
    if isinstance(value, bool | int | float | complex | str | bytes):
        return not issubclass(owner, enum.Enum)
    # Arrays' libraries keep their own books in their classes.
    own_books = owner.__module__.partition(".")[0] in leaves.ARRAY_PACKAGES
    return isinstance(value, list | dict | set | tuple) and not own_books


def makes(owner: Any, name: str) -> bool:
    """Whether to set an attribute makes a new one, of something whose new attributes nobody would see."""
    if isinstance(owner, types.ModuleType | type):
        return leaves.is_leaf_module(owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__) and (
            isinstance(owner, types.ModuleType) or name not in vars(owner)
        )
    if isinstance(owner, functools.partial):
        return not vars(owner)  # one that has an attribute has a shadow
    return _carries(owner) and name not in vars(owner)


def _carries(value: Any) -> bool:
    """Whether a value may hold attributes of the program's own."""
    if isinstance(value, types.FunctionType):
        return not leaves.is_leaf(value)
    return isinstance(value, enum.Enum) or hasattr(type(value), "__janusx_function__")


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("__")]
