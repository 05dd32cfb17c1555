"""Room for recursion: trees are walked by recursion, and the caller may have used up most of the stack."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def with_room(make: Callable[[], T]) -> T:
    """What `make` returns or raises; if it runs out of stack, it is run again on a stack of its own.

    Python counts the depth of each thread apart. Else what becomes of a function would depend on how deep in the
    program it is first called.

    Args:
        make: a function without effects.

    Raises:
        RecursionError: a whole stack is not enough either.

    Example:
        >>> with_room(lambda: 1)
        1
    """
    try:
        return make()
    except RecursionError:
        pass
    made: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            made.append(make())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="janusx-with-room")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return made[0]
