"""How an entry answers a call: guards and gather, the program, its staged guards, commit."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from janusx import errors, logs
from janusx.entry import Entry
from janusx.guards.codegen import ARRAY_TYPE
from janusx.guards.diagnose import read
from janusx.guards.staged import Assumption, Violated
from janusx.record import Record
from janusx.signals import Retrace, Unbuilt
from janusx.state.opaque import LOCKS
from janusx.timings import Clock


class Miss:
    """No entry answered."""


MISS = Miss()


def _run_locked(record: Record, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with contextlib.ExitStack() as stack:
        for path in entry.locks:
            lock = read(path, args, kwargs, entry.anchors)
            if type(lock) not in LOCKS:
                return MISS
            stack.enter_context(lock)
        return run(record, entry, args, kwargs, locked=True)


def run(record: Record, entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any], locked: bool = False) -> Any:
    """Answer a call by an entry, or return `MISS`. Nothing is changed before every guard is known to hold."""
    if entry.locks and not locked:
        return _run_locked(record, entry, args, kwargs)
    # One call in 256 is timed. The others pay about 35 ns (2 cores, Python 3.11) for this line and the ticks.
    clock = None if entry.hits < entry.due else Clock()
    gathered = entry.gather(args, kwargs)
    if gathered is None:
        return MISS
    inputs, needs = gathered
    if clock is not None:
        clock.tick()
    try:
        outs = entry.program(*inputs)
        if entry.assumptions and entry.channel is None:
            outs[-1].block_until_ready()
    except Retrace:
        _drop_if_stale(record, entry, inputs)
        return MISS
    except jax.errors.UnexpectedTracerError:
        return MISS  # a tracer that the user's code has left in an object: Python may get by without it
    except jax.errors.JaxRuntimeError as error:
        _check_memory(record, error, inputs)
        return MISS
    if outs and type(outs[-1]) is not ARRAY_TYPE and isinstance(outs[-1], Tracer):
        return MISS
    if entry.effects:
        jax.effects_barrier()
    if entry.assumptions:
        held = np.asarray(outs[-1]) if entry.channel is None else entry.channel.read()
        if not held.all():
            _violated(record, entry, held)
            return MISS
    if clock is not None:
        clock.tick()
    try:
        result = entry.commit(outs, inputs, needs)
    except Unbuilt as signal:
        _raised(record, signal.error)
        return MISS
    entry.hits += 1
    if clock is not None:
        clock.tick()
        entry.due = entry.timings.add(clock.durations(), entry.hits)
    record.calls += 1
    record.compiled += 1
    record.last_call = "compiled"
    return result


def _drop_if_stale(record: Record, entry: Entry, inputs: tuple[Any, ...]) -> None:
    """An entry whose avals match but which `jax.jit` forgot (`jax.clear_caches`, a setting) will never hit again."""
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return  # it is as good as ever afterwards
    if tuple(jax.typeof(value) for value in inputs) == entry.avals and entry in record.entries:
        record.entries.remove(entry)


def _violated(record: Record, entry: Entry, held: Any) -> None:
    assumption = entry.assumptions[int(np.argmin(held))]
    _tell_violation(record, assumption)
    record.violated = Violated(assumption, entry.assumptions, tuple(bool(bit) for bit in held))


def _raised(record: Record, error: Exception) -> None:
    """What the program computed is nothing that Python can go on with: Python raises the user's exception."""
    assumption = Assumption(("", 0, 0), True, f"{type(error).__name__} ({error}) is not raised", "", only=True)
    _tell_violation(record, assumption)
    record.violated = Violated(assumption, (assumption,), (False,))


MEMORY = "there is memory for its program"


def _check_memory(record: Record, error: Exception, inputs: tuple[Any, ...]) -> None:
    """Where there is none for a program, there may be for Python, which holds no more than it needs at a time."""
    if "RESOURCE_EXHAUSTED" not in str(error) or any(
        isinstance(value, jax.Array) and value.is_deleted() for value in inputs
    ):
        raise error
    assumption = Assumption(("", 0, 0), True, MEMORY, "", only=True)
    _tell_violation(record, assumption)
    record.violated = Violated(assumption, (assumption,), (False,))


def _tell_violation(record: Record, assumption: Assumption) -> None:
    record.violations += 1
    record.note("violation", assumption.place, f"that {assumption.what} did not hold")
    logs.say("guards", "%s: that %s did not hold", assumption.place, assumption.what)
    if not assumption.only:
        record.unstable[assumption.whole] += 1
    # That a loop is longer than was thought is nothing that a user would hear of.
    policy = "recompile" if assumption.is_limit else record.options.get("on_violation")
    if policy == "error":
        raise errors.ViolationError(f"an assumption did not hold: {assumption.what}", place=place_of(assumption.place))
    if callable(policy):
        policy(assumption)


def place_of(text: str) -> errors.Place | None:
    """A `file:line` as a place for messages."""
    filename, _, line = text.rpartition(":")
    return errors.Place.of_line(filename, int(line)) if filename and line.isdigit() else None
