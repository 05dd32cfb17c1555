"""Effects in the generated commit function: built like everything else before any write, made to happen after all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from janusx.state.arrays import Enter, Write, perform, perform_event
from janusx.tracing.effects import Effect, Row, Trips, evaluated


def deliver(commit: Any, effect: Effect | Trips) -> tuple[list[str], list[str]]:
    """Emit what an effect needs; returns the lines that make it happen, and those that write to NumPy arrays.

    What only happens if the program says so, or once a trip, has its values made only then: `10 / float(n)` under
    `if n:` must not divide by zero.
    """
    if isinstance(effect, Effect) and effect.when is None:
        if effect.function is evaluated:
            commit.out.line(commit.value(effect.args[0]))
            return [], []
        function, args, named = _parts(commit, effect)
        if type(effect.function) in (Write, Enter):
            return [], [f"{commit.out.const(perform)}(done, {', '.join([function, *args, *named])})"]
        if effect.caller is None:
            return [f"{function}({', '.join([*args, *named])})"], []
        return [f"{commit.out.const(effect.caller)}({function}, ({_tuple(args)}), dict({', '.join(named)}))"], []
    name = commit.list_of_events()
    commit.out.line(f"{name} = []")
    for line in _events(commit, effect, name):
        commit.out.line(line)
    written = [type(each.function) in (Write, Enter) for each in _single(effect)]
    if not any(written):
        # On two lines: of a loop on one, Python 3.12 loses what a trace function raises where it jumps back.
        return [f"for said, *event in {name}:", "    said(*event)"], []
    writes = commit.out.const(perform_event)
    inplace = [f"for said, *event in {name}:", f"    if said is {writes}:", "        said(done, *event)"]
    rest = [f"for said, *event in {name}:", f"    if said is not {writes}:", "        said(*event)"]
    return [] if all(written) else rest, inplace


def _single(effect: Effect | Trips) -> Iterator[Effect]:
    if isinstance(effect, Trips):
        for inner in effect.effects:
            yield from _single(inner)
    else:
        yield effect


def _tuple(items: Sequence[str]) -> str:
    return "".join(f"{item}, " for item in items)


def _parts(commit: Any, effect: Effect) -> tuple[str, list[str], list[str]]:
    named = [f"{name}={commit.value(arg)}" for name, arg in effect.kwargs.items()]
    return commit.value(effect.function), [commit.value(arg) for arg in effect.args], named


def _events(commit: Any, effect: Effect | Trips, name: str) -> list[str]:
    """Lines that append the events of an effect to the list `name`."""
    with commit.block() as lines:
        if isinstance(effect, Trips):
            for inner in effect.effects:
                lines += _events(commit, inner, name)
        elif effect.function is evaluated:
            lines.append(commit.value(effect.args[0]))
        else:
            function, args, named = _parts(commit, effect)
            said = commit.out.const(call if effect.caller is None else effect.caller)
            if type(effect.function) in (Write, Enter):
                said = commit.out.const(perform_event)
            lines.append(f"{name}.append(({said}, {function}, ({_tuple(args)}), dict({', '.join(named)})))")
        body = list(lines)
    if isinstance(effect, Trips):
        arrays = [
            commit.output(array) if row.raw else f"{commit.out.const(np.asarray)}({commit.output(array)})"
            for row, array in zip(effect.rows, effect.arrays, strict=True)
        ]
        count = str(effect.count) if isinstance(effect.count, int) else f"int({commit.output(effect.count)})"
        names = _tuple([commit.row(row) for row in effect.rows]) or "_"
        body = [f"for {names} in {commit.out.const(rows)}({count}, {', '.join(arrays)}):", *_indented(body)]
    if effect.when is not None:
        body = [f"if {commit.output(effect.when)}:", *_indented(body)]
    return body


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Make an event happen that nobody asks where it came from."""
    function(*args, **kwargs)


def rows(count: int, *arrays: Any) -> Iterator[Any]:
    """The rows of the first `count` trips.

    Example:
        >>> [(int(a), int(b)) for a, b in rows(2, np.arange(3), np.arange(3) * 2)]
        [(0, 0), (1, 2)]
    """
    if not arrays:
        return iter(range(count))
    return zip(*(itertools.islice(array, count) for array in arrays), strict=True)


__all__ = ["Row", "call", "deliver", "rows"]
