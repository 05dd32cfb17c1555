"""How a call is answered: by an entry whose guards hold, else by a new one, else by Python."""

from __future__ import annotations

import contextlib
import dis
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax

from janusx import config, emitted, errors, leaves, logs, misses
from janusx.arguments import check_static
from janusx.compile import Builder, Call
from janusx.entry import Entry
from janusx.guards.staged import GROWTH, Violated
from janusx.ops.calls import call as call_of
from janusx.profiler import run_observed
from janusx.record import Observations, Record
from janusx.running import MEMORY, MISS, place_of, run
from janusx.signals import NeedsProfile, Signal, Unbucketed, Unstageable, Unsupported, first_line
from janusx.state.buckets import Buckets
from janusx.tracing import context, outer
from janusx.tracing.settings import Settings


@dataclass(frozen=True)
class GaveUp:
    """No program can be made for a call, and the function may be split.

    Attributes:
        reason: why, in words.
        line: `file:line` of the user's code that is the reason, or "".
        lines: lines of emitted code in the way to the reason, innermost first; empty if nothing new was tried.
        unsure: whether user code raised, which it may do in plain Python, too.
        mention: a name in the lines that are the reason, where `lines` are not.
        lasting: whether there is no use in looking for a program later on.
        meant: whether the user asked for it (`janusx.disable`).
    """

    reason: str
    line: str = ""
    lines: tuple[int, ...] = ()
    unsure: bool = False
    mention: str = ""
    lasting: bool = False
    meant: bool = False


UNSTABLE = 8
"""Violations of one assumption, in a quarter of the calls or more, after which it is cut rather than speculated on."""

MAX_FLIPS = 3
"""Programs made within one call, each for the outcomes that the one before met, before Python answers."""


def answer(record: Record, call: Call, tried: Entry | None = None) -> Any:
    """Answer a call that the first entry, tried already, did not."""
    if context.active() is not None:
        return outer.inline(record, call)
    if config.disable or jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return run_eagerly(record, call, "")
    if call.static:
        check_static(call.fun, errors.Place.of_function(call.fun), call.args, call.kwargs, call.static)
    with record.lock:
        changing = _changing(record)
        if changing is not None:
            return changing
        # Before it is asked who traces, which takes longer: under a transform no entry answers.
        result = _try_entries(record, call, tried)
        if result is not MISS:
            return result
        if not outer.under_transform(call):
            return _without_entry(record, call)
    try:
        with _or_error(call):
            return outer.trace_through(record, call)
    except errors.OuterTransformWriteError:
        raise
    except Exception as error:
        # Under an eager `jax.grad` the arrays have values: what the user's own function says counts.
        if not outer.is_eager(call) or (isinstance(error, errors.UnsupportedError) and not _splits(record)):
            raise
        reason = getattr(error, "why", "") or f"tracing it raised {type(error).__name__}"
    what = f"under a transform of JAX's, {reason}"
    if all(event.what != what for event in record.events):  # once, though it may be so in each step of a training loop
        record.note("eager", misses.place_of_code(call.fun), what, record.calls + 1)
    return run_eagerly(record, call, reason, known=True)


def _changing(record: Record) -> GaveUp | None:
    """Whether an outcome that is taken for granted changes so often that Python had better decide it in each call."""
    if not record.unstable or not _splits(record):
        return None
    assumption, times = record.unstable.most_common(1)[0]
    if times < UNSTABLE or times * 4 < record.calls:
        return None
    record.unstable.clear()
    line = assumption.place.rpartition(":")[2]
    if not assumption.place.startswith(f"{record.fun.__code__.co_filename}:") or not line.isdigit():
        return None
    record.violated = None
    site = assumption.key[:2]
    record.entries = [entry for entry in record.entries if all(other.key[:2] != site for other in entry.assumptions)]
    return GaveUp(f"that {assumption.what} changes from call to call", assumption.place, (int(line),), lasting=True)


def _try_entries(record: Record, call: Call, tried: Entry | None) -> Any:
    for entry in list(record.entries):
        if entry is tried:
            continue
        result = run(record, entry, call.args, call.kwargs)
        if result is not MISS:
            record.violated = None  # what another entry met is no reason for a program made in a later call
            if record.entries[0] is not entry:
                record.entries.remove(entry)
                record.entries.insert(0, entry)
            return result
    return MISS


def _without_entry(record: Record, call: Call) -> Any:
    violated, record.violated = record.violated, None
    if violated is not None and (_is_only(record, violated) or record.options.get("on_violation") == "eager"):
        reason = f"that {violated.first.what} did not hold"
        return run_eagerly(record, call, reason, known=violated.first.what != MEMORY)
    if len(record.entries) >= record.options.get("recompile_limit"):
        _tell_limit(record, call)
        return run_eagerly(record, call, "its recompile limit was reached")
    if record.eager_reason and record.calls < record.retry_at:
        return GaveUp(record.eager_reason) if _splits(record) else run_eagerly(record, call, record.eager_reason)
    if record.wants_profile and record.profiled < record.options.get("profile_runs") and violated is None:
        return run_profiled(record, call)
    return _build_and_run(record, call, violated)


def _is_only(record: Record, violated: Violated) -> bool:
    """Whether the outcome that was met can have no program: it raises, and nothing catches it."""
    return violated.first.only or violated.first.key[:2] in record.knowledge.only


def _build_and_run(record: Record, call: Call, violated: Violated | None, flips: int = 0) -> Any:
    known = dict(record.knowledge.assumed), dict(record.knowledge.flips)
    try:
        entry = build(record, call, violated)
    except NeedsProfile as signal:
        if record.profiled < max(1, record.options.get("profile_runs")):
            record.wants_profile = signal.reason
            return run_profiled(record, call)
        return _give_up(record, call, signal.reason, signal)
    except (Unsupported, Unstageable) as signal:
        return _give_up(record, call, signal.reason, signal)
    except Signal:
        raise
    except KeyboardInterrupt as error:
        if not _raised_by_user_code(error):
            raise
        _forget(record, violated, known)
        return _trace_raised(record, call, error)
    except errors.ShardingError:
        raise
    except BaseException as error:  # SystemExit of the user's own, for one
        _forget(record, violated, known)
        return _trace_raised(record, call, error)
    if record.built:
        miss = misses.why(record, call, None if violated is None else violated.first)
        record.note("recompilation", miss.place, miss.what)
        logs.say("recompiles", "%s: entry %d: %s", getattr(call.fun, "__qualname__", "?"), record.built + 1, miss.what)
    _tell_built(call, entry)
    record.entries = [entry, *(each for each in record.entries if not each.superseded)]
    record.built += 1
    started = time.perf_counter()
    result = run(record, entry, call.args, call.kwargs)
    entry.info.seconds["compile"] = time.perf_counter() - started
    if result is MISS:
        return _try_other(record, call, entry, flips)
    record.eager_reason = ""
    return result


def _tell_built(call: Call, entry: Entry) -> None:
    name, info = getattr(call.fun, "__qualname__", "?"), entry.info
    logs.say(
        "guards",
        "%s: entry %d has %d guards before its program and %d in it",
        *(name, info.number, len(info.guards), len(entry.assumptions)),
    )
    if logs.wanted("source"):
        logs.say("source", "%s, entry %d:\n%s", name, info.number, info.text())


def _try_other(record: Record, call: Call, entry: Entry, flips: int) -> Any:
    """The new entry's own staged guards did not hold: the other outcome, or Python."""
    violated, record.violated = record.violated, None
    if entry in record.entries:
        record.entries.remove(entry)  # it was made for this call and does not serve it
    if violated is None:
        return _give_up(record, call, "its guards do not hold for the call that it was made for")
    if _is_only(record, violated) or (flips > MAX_FLIPS and not violated.first.is_limit):
        return run_eagerly(record, call, f"that {violated.first.what} did not hold", known=True)
    return _build_and_run(record, call, violated, flips + 1)


def settings_of(record: Record) -> Settings:
    """The settings of a pass for this function, now."""
    speculate = record.options.get("speculate") and record.options.get("profile_runs") > 0
    return Settings(
        speculate=speculate,
        roll_threshold=config.roll_threshold,
        container_limit=config.container_limit,
        guards=record.options.get("guards"),
        loop_grad=record.options.get("loop_grad"),
        profile=Observations(record.profiles) if len(record.profiles) else None,
    )


def build(record: Record, call: Call, violated: Violated | None = None) -> Entry:
    """Make an entry for a call."""
    if violated is not None:
        violated.learn(record.knowledge)
        if violated.first.capacity and violated.first.growth < GROWTH:
            # The entry to come has room for all that this one answered. Small steps are many.
            record.entries = [each for each in record.entries if violated.first not in each.assumptions]
    record.learn_changes(call)
    if record.buckets is not None and not record.knowledge.unbucketed:
        entry = _padded(record, call, record.buckets)
        if entry is not None:
            return entry
    builder = Builder(call, record.knowledge, settings_of(record), record.rewriter, call_of)
    return builder.build(record.built + 1)


def _padded(record: Record, call: Call, buckets: Buckets) -> Entry | None:
    """An entry that pads its arguments; None where that cannot be shown to be right, or there is none to pad."""
    args, kwargs = buckets.arranged(call.args, call.kwargs)
    arranged = replace(call, args=args, kwargs=kwargs)
    builder = Builder(arranged, record.knowledge, settings_of(record), record.rewriter, call_of)
    if not builder.padded:
        return None
    place = ""
    try:
        entry = builder.build(record.built + 1)
    except NeedsProfile:
        raise
    except (Unbucketed, Unsupported, Unstageable) as signal:
        reason, place = signal.reason, misses.user_line(signal)
    except Exception as error:
        reason, place = f"tracing it raised {type(error).__name__}: {first_line(error)}", misses.user_line(error)
    else:
        entry.gather, entry.buckets = buckets.around(entry.gather), buckets
        return entry
    record.knowledge.unbucketed = reason
    record.note("buckets", place or misses.place_of_code(call.fun), f"no padding, a program for each shape: {reason}")
    logs.say("recompiles", "%s is not padded: %s", getattr(call.fun, "__qualname__", "?"), reason)
    return None


def _raised_by_user_code(error: BaseException) -> bool:
    """Whether a `raise` of the user's own raised an exception, rather than Ctrl-C."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or not emitted.is_emitted(traceback.tb_frame.f_code):
        return False
    return traceback.tb_frame.f_code.co_code[traceback.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _give_up(record: Record, call: Call, reason: str, signal: BaseException | None = None) -> Any:
    line = "" if signal is None else misses.user_line(signal)
    if record.options.get("on_unsupported") == "error":
        raise _unsupported(call, reason, signal)
    if _splits(record) and not getattr(signal, "whole", False):
        return GaveUp(
            reason,
            line,
            () if signal is None else misses.lines_of(call.fun, signal),
            mention=getattr(signal, "mention", ""),
            meant=getattr(signal, "meant", False),
        )
    return run_eagerly(record, call, reason, line=line, meant=getattr(signal, "meant", False))


def _unsupported(call: Call, reason: str, signal: BaseException | None) -> Exception:
    """The error for a function that cannot be compiled."""
    error = getattr(signal, "error", None)
    if error is not None:
        return error  # type: ignore[no-any-return]
    name = getattr(call.fun, "__qualname__", call.fun)
    place = (place_of(misses.user_line(signal)) if signal is not None else None) or errors.Place.of_function(call.fun)
    return errors.UnsupportedError(f"{name} cannot be compiled.", place=place, why=reason)


@contextlib.contextmanager
def _or_error(call: Call) -> Iterator[None]:
    """Where there is no other way to answer, what steers a trace is an error."""
    try:
        yield
    except (Unsupported, Unstageable, NeedsProfile) as signal:
        raise _unsupported(call, signal.reason, signal) from None


def _splits(record: Record) -> bool:
    return bool(record.options.get("on_unsupported") == "split")


def _forget(record: Record, violated: Violated | None, known: tuple[Any, Any]) -> None:
    """The outcome that a violation showed raises out of the function: what was taken for granted was right."""
    if violated is not None:
        record.knowledge.assumed, record.knowledge.flips = known
        record.knowledge.only.add(violated.first.key[:2])


def _trace_raised(record: Record, call: Call, error: BaseException) -> Any:
    """User code raised while it was traced: plain Python says whether it would have."""
    reason = f"tracing it raised {type(error).__name__}: {first_line(error)}".removesuffix(": ")
    logs.say("eager", "%s", reason)
    if _splits(record):
        # What JAX says of tracers, plain Python never does.
        unsure = not isinstance(error, jax.errors.JAXTypeError)
        return GaveUp(reason, misses.user_line(error), misses.lines_of(call.fun, error), unsure)
    return run_eagerly(record, call, reason, line=misses.user_line(error))


def run_eagerly(
    record: Record, call: Call, reason: str, known: bool = False, line: str = "", meant: bool = False
) -> Any:
    """Run the user's own function; `line` is the user's `file:line` that is the reason, where one is."""
    record.calls += 1
    record.eager += 1
    record.last_call = "eager"
    result = call.fun(*call.args, **call.kwargs)
    # If it raises, so does the compiled program's trace: that is no reason to stay eager.
    new = reason != record.eager_reason
    if reason and not known and (new or record.calls > record.retry_at):
        # It was tried again, in vain: the next try is later still.
        record.give_up(reason)
    if reason and not known and new:
        record.note("eager", line or misses.place_of_code(call.fun), reason, record.calls)
        _tell_eager(record, call, reason, place_of(line) or errors.Place.of_function(call.fun), meant)
    return result


def _tell_eager(record: Record, call: Call, reason: str, place: errors.Place | None, meant: bool) -> None:
    name = getattr(call.fun, "__qualname__", str(call.fun))
    logs.say("eager", "%s stays eager: %s", name, reason)
    if record.failures == 1 and not record.quiet and not meant:
        logs.warn(errors.EagerWarning(f"{name} runs in plain Python.", place=place, why=reason))


def _tell_limit(record: Record, call: Call) -> None:
    if not record.limit_told:
        record.limit_told = True
        limit = record.options.get("recompile_limit")
        miss = misses.why(record, call)
        record.note("limit", miss.place, f"{limit} programs, and none fits: {miss.what}")
        what = f"{getattr(record.fun, '__qualname__', record.fun)} has {limit} programs; no more are made."
        logs.warn(errors.RecompileLimitWarning(what, place=errors.Place.of_function(record.fun)))


def run_profiled(record: Record, call: Call) -> Any:
    """Run this call in plain Python, observed."""
    record.calls += 1
    record.profiled += 1
    record.last_call = "profiled"
    started = time.perf_counter()
    try:
        return run_observed(call.fun, call.args, call.kwargs, lambda fn: not leaves.is_leaf(fn), record.profiles)
    finally:
        record.seconds["profile"] = record.seconds.get("profile", 0.0) + time.perf_counter() - started
        if logs.wanted("profile"):
            logs.say("profile", "%s", "\n".join(str(profile) for _, profile in record.profiles))


def prepare(record: Record, call: Call) -> tuple[Entry, tuple[Any, ...]]:
    """An entry for a call and its inputs, without running it."""
    with record.lock:
        for entry in record.entries:
            gathered = entry.gather(call.args, call.kwargs)
            if gathered is not None:
                return entry, gathered[0]
        with _or_error(call):
            entry = build(record, call)
        gathered = entry.gather(call.args, call.kwargs)
        if gathered is None:
            raise errors.InternalError("an entry does not fit the call that it was made for.")
        record.entries.insert(0, entry)
        record.built += 1
        return entry, gathered[0]
