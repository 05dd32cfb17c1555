"""Iterators of Python's own: none can be copied, so it must be seen that a region advances one, and who has it."""

from __future__ import annotations

import gc
import itertools
import operator
import sys
import types
from typing import Any

NOT_HELD = 4
"""References to an iterator that another one goes through: that one's, the list of what it refers to, and two here."""


_OURS = "janusx.ops.iterables"
"""The module of what stands for `zip`, `enumerate` and `reversed`."""


def is_iterator(value: Any) -> bool:
    """Whether a value is an iterator of Python's own, a generator, or what stands for such a one."""
    cls = type(value)
    if not hasattr(cls, "__next__"):
        return False
    return cls.__module__ == _OURS or cls.__module__.partition(".")[0] in sys.stdlib_module_names


def sources(iterator: Any) -> list[Any]:
    """The iterators that an iterator goes through, itself first."""
    found = [iterator]
    for each in found:
        inner = [value for value in _referents(each) if is_iterator(value)]
        found += [value for value in inner if not any(value is known for known in found)]
    return found


def _referents(iterator: Any) -> list[Any]:
    """What an iterator refers to, in a list that nobody else has."""
    if type(iterator).__module__ == _OURS:
        return list(vars(iterator).values())
    found: list[Any] = []
    for value in gc.get_referents(iterator):
        if type(value) is tuple:  # of `map` and `zip`
            found.extend(value)
        else:
            found.append(value)
    return found


def is_alone(iterator: Any) -> bool:
    """Whether nobody else holds what an iterator goes through. The iterator itself is the caller's to look at."""
    for inner in _referents(iterator):
        if isinstance(inner, types.CellType):
            if is_iterator(_content(inner)):
                return False
        elif is_iterator(inner) and (sys.getrefcount(inner) > NOT_HELD or not is_alone(inner)):
            return False
    return True


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return None


def state(iterator: Any) -> tuple[Any, ...]:
    """How far an iterator has gone, to be compared with a later answer."""
    return tuple(part for each in sources(iterator) for part in _place(each))


def _place(iterator: Any) -> tuple[Any, ...]:
    if isinstance(iterator, types.GeneratorType):
        frame = iterator.gi_frame
        return (id(iterator), *(() if frame is None else (frame.f_lasti, *map(id, frame.f_locals.values()))))
    if isinstance(iterator, itertools.count):
        return id(iterator), repr(iterator)
    try:
        return id(iterator), operator.length_hint(iterator, -1)
    except TypeError:  # without an end
        return (id(iterator),)
