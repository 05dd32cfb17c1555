"""Signals that steer a trace. They are not errors and never reach the user.

They derive from `BaseException`, so that an `except Exception` of the user's own, run while tracing, does not swallow
one.
"""

from __future__ import annotations

from typing import Any


class Signal(BaseException):
    """Base of all signals."""


class Unsupported(Signal):
    """The program cannot be compiled; the reason is shown to the user.

    `error` is raised where the user asked for errors. `mention`: a name that the user's code has in the place that it
    is about, where that is not the line at which the trace stopped. `meant`: the user asked for it, and is not warned.
    `whole`: no part of the function can be compiled either.
    """

    def __init__(
        self, reason: str, error: Exception | None = None, mention: str = "", meant: bool = False, whole: bool = False
    ):
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.mention = mention
        self.meant = meant
        self.whole = whole


class Unstageable(Signal):
    """This value or region cannot be expressed in XLA; the op that asked may go down the ladder."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class NeedsProfile(Signal):
    """A decision on array values can only be speculated on, and no profile of it exists."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Respecialise(Signal):
    """What the trace learned asks for another pass: an outcome to speculate on, by (function, site).

    `only`: whether the other side raises, so that no program can be made for it. `why`: why it is not staged, for
    reports.
    """

    def __init__(self, key: tuple[str, int], outcome: bool, only: bool = False, why: str = ""):
        super().__init__(key, outcome, only)
        self.key = key
        self.outcome = outcome
        self.only = only
        self.why = why


class Unrelax(Signal):
    """A list that was taken for one that only grows is changed in another way: it is copied from now on."""

    def __init__(self, path: Any):
        super().__init__(path)
        self.path = path


class Relax(Signal):
    """A list is only appended to, in a region whose outcome or trips an array decides: it is not copied from now on."""

    def __init__(self, path: Any):
        super().__init__(path)
        self.path = path


class Structured(Signal):
    """A function recurses over an object: from now on that is a structure that Python walks."""

    def __init__(self, paths: tuple[Any, ...]):
        super().__init__(paths)
        self.paths = paths


class Decides(Signal):
    """A structure that Python walks decides something in a function: the host runs that function from now on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Unscheduled(Signal):
    """The host cannot run ahead of the device: structures are copied, and their layout is guarded, from now on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Recursive(Signal):
    """Functions call each other as often as arrays decide: a machine runs them from now on."""

    def __init__(self, cycle: frozenset[Any]):
        super().__init__(cycle)
        self.cycle = cycle


class Unrecursive(Signal):
    """No machine can be made of a function, which is unrolled from now on."""

    def __init__(self, code: Any, reason: str):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Buffered(Signal):
    """The length of a list that the program made comes to depend on arrays; `item` is the skeleton of what it holds."""

    def __init__(self, target: Any, item: Any):
        super().__init__(target, item)
        self.target = target
        self.item = item


class Unbucketed(Signal):
    """What the code does with an array that is padded is not known to be right: it is not padded from now on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Grows(Signal):
    """Some of a loop's variables are arrays that get more rows in each trip."""

    def __init__(self, places: tuple[int, ...]):
        super().__init__(places)
        self.places = places


class Unbuilt(Signal):
    """Python's own arithmetic or formatting raised on what a run computed, before anything was written."""

    def __init__(self, error: Exception):
        super().__init__(error)
        self.error = error


class Retrace(Signal):
    """`jax.jit` wants to trace an entry again: an aval, a sharding or a JAX setting is not what it was made for."""


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; "" where that is known only after the run, or cannot be said."""
    try:
        lines = str(error).splitlines()
    except (Signal, Exception):  # values of a trace that is over; a `__str__` of the user's that raises
        return ""
    return lines[0] if lines else ""
