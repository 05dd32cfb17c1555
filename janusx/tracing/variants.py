"""Arrays that are something else in Python on some paths: what they can be, and the booleans that say what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

from janusx.signals import Respecialise
from janusx.state.dtypes import is_narrow, weakened

HARD = ("", -1)
"""Stands among the sites speculated on for: no array is weakly typed on some paths alone."""


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


class Variants:
    """Such arrays of a trace.

    Attributes:
        soft: those that are weakly typed on some paths, by `id`.
        turned: those that are Python numbers on some paths, by `id`.
    """

    def __init__(self, trace: Any):
        self._trace = trace
        self.soft: dict[int, SoftArray] = {}
        self.turned: dict[int, TurnedArray] = {}
        self._known = False  # whether no array that is being converted was made of one of them

    def __bool__(self) -> bool:
        return bool(self.soft or self.turned)

    @property
    def allowed(self) -> bool:
        """Whether there may be any. Not where what is made of one would leave the program."""
        return HARD not in self._trace.settings.assumed

    def soften(self, array: Any, weak: Any) -> Any:
        """An array for code to go on with, which is weakly typed in Python if a boolean says so.

        It always is while it is traced. So what is made of it and is not, is not in Python either.
        """
        made = weakened(array)
        self.soft[id(made)] = SoftArray(made, array, weak)
        return made

    def turn(self, array: Any, is_array: Any, skeleton: Any) -> Any:
        """Likewise, an array that is a Python number unless a boolean says so."""
        made = weakened(array)
        self.turned[id(made)] = TurnedArray(made, array, is_array, skeleton)
        return made

    def check_number(self, value: Any) -> None:
        """Ask for a pass without them if code asks what type one of them has."""
        if id(value) in self.turned:
            raise Respecialise(HARD, True)

    def check_leaving(self, array: Any) -> None:
        """Likewise, if it is not known whether an array that leaves is weakly typed."""
        if self and self.allowed and (jax.typeof(array).weak_type or is_narrow(array.dtype)):
            raise Respecialise(HARD, True)

    def check_weak(self, array: Any) -> None:
        """Likewise, if one that is weakly typed, as is noted of it, may be so only because it was made of one."""
        if self and self.allowed and not self._known and all(array is not leaf for leaf in self._trace.inputs.leaves):
            raise Respecialise(HARD, True)

    @contextmanager
    def known(self, known: bool) -> Iterator[None]:
        """While what is converted is known not to be made of them."""
        before, self._known = self._known, known
        try:
            yield
        finally:
            self._known = before
