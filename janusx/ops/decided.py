"""Decisions that C code of Python's takes on array values: a truth that it asks for, an order that it finds.

No branch of the user's stands there, so it cannot be staged: what was found is taken for granted under a staged guard.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp

from janusx import emitted
from janusx.ops.conditionals import staged_predicate, truth_value
from janusx.signals import Unsupported
from janusx.tracing import context
from janusx.tracing.where import Where


def here(what: str) -> Where:
    """Where the user's code is, for decisions of one kind: the line that is running, and the statement to cut."""
    frames = list(_emitted_frames())
    if not frames:
        return Where((what, 0), "", what)
    (file, line), whole = (frames[0].f_code.co_filename, frames[0].f_lineno), frames[-1].f_code
    span = [at for code in (whole, *emitted.nested_codes(whole)) for _, _, at in code.co_lines() if at is not None]
    own = [each.f_lineno for each in frames if each.f_code.co_filename == whole.co_filename]
    place = next((at for at in own if min(span) <= at <= max(span)), line)
    return Where((f"{file}:{line} {what}", 0), f"{whole.co_filename}:{place}", what)


def _emitted_frames() -> Iterator[types.FrameType]:
    """The frames of user code that is running, innermost first."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        if emitted.is_emitted(frame.f_code):
            yield frame
        frame = frame.f_back


def decided(test: Any, what: str) -> bool:
    """The truth of a value, for code that must know it: of an array, the one that it had."""
    predicate = staged_predicate(test)
    return truth_value(test) if predicate is None else _known(predicate[None], [True], here(what))[0]


def deciding(test: Callable[..., Any], what: str) -> Callable[..., bool]:
    """A function whose answers are truths that Python knows, for an iterator of Python's."""
    return lambda *args: decided(test(*args), what)


def order_of(order: Any, what: str) -> list[int]:
    """The numbers from 0 to n - 1 in an order that the program computes, of shape (n,): the one that it was."""
    count = order.shape[0]
    return _numbers(order, list(range(count)), count, what)


def index_of(index: Any, count: int, what: str) -> int:
    """A number below `count` that the program computes, as a Python integer: the one that it was."""
    return _numbers(index[None], [0], count, what)[0]


def _numbers(values: Any, guess: list[int], count: int, what: str) -> list[int]:
    width = max(1, (count - 1).bit_length())
    where = here(what)
    occurrences = context.current().occurrences
    # Each time that a line does so it has a decision of its own, of so many bits.
    key = (f"{where.key[0]} of {count}", 1)
    time = occurrences[key] = occurrences.get(key, -1) + 1
    bits = jnp.stack([values >> bit & 1 == 1 for bit in range(width)], axis=1).reshape(-1)
    first = [bool(number >> bit & 1) for number in guess for bit in range(width)]
    told = _known(bits, first, Where((key[0], -1 - time), where.place, where.text))
    numbers = [sum(told[i * width + bit] << bit for bit in range(width)) for i in range(len(guess))]
    if max(numbers) >= count or len(set(numbers)) < len(numbers):
        raise Unsupported(f"that {what} changes from call to call")  # what was learned is of another run
    return numbers


def _known(bits: Any, guess: list[bool], where: Where) -> list[bool]:
    """Bits that the program computes, taken for granted: as guessed, but for those that a run showed to be otherwise.

    A violation shows all of them at once.
    """
    trace = context.current()
    if not trace.settings.speculate:
        raise Unsupported(f"whether {where.text} is known only after the run")
    flips = trace.settings.flips.get(where.key, frozenset())
    found = []
    for bit, first in zip(itertools.count(), guess):
        occurrence = trace.occurrences.get(where.key, -1) + 1
        found.append(trace.settings.assumed.get(where.key, first) is not (occurrence in flips))
        trace.assume_staged(bits[bit], found[-1], where.text, where)
    return found
