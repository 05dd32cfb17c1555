"""Arrays that are something else in Python on some paths: what they can be, and the booleans that say what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SoftArray:
    """An array that is weakly typed on some paths.

    Attributes:
        array: what code sees of it.
        value: the same with a strong type.
        weak: whether it is weakly typed.
    """

    array: Any
    value: Any
    weak: Any


@dataclass(frozen=True)
class TurnedArray:
    """An array that is a Python number on some paths.

    Attributes:
        array: what code sees of it: weakly typed, as a Python number is.
        value: the same with its own type.
        is_array: whether it is one.
        skeleton: what it can be (`tracing.skeleton.Turned`).
    """

    array: Any
    value: Any
    is_array: Any
    skeleton: Any
