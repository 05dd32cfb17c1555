"""Where an op was emitted, and what is taken for granted there."""

from __future__ import annotations

import dis
import sys
import types
from typing import Any

from janusx import emitted
from janusx.signals import NeedsProfile, Respecialise, Unsupported
from janusx.tracing.where import Where

SPARE = 100
"""How much more often a test may be asked for in a trace than it was in the profiled runs."""


def speculate(trace: Any, site: Where | None, predicate: Any, why: str, forced: bool | None = None) -> bool:
    """Take the outcome of a predicate for granted, under a staged guard.

    Args:
        trace: the trace under way.
        site: where.
        predicate: the boolean scalar.
        why: why it is not staged.
        forced: what it must be, where only one will do (the other side raises).

    Raises:
        NeedsProfile: nothing was observed yet.
        Respecialise: the site is speculated on from the next pass on.
        Unsupported: speculation is off.
    """
    if not trace.settings.speculate:
        raise Unsupported(f"{_text(site)} cannot be staged: {why}")
    if site is None:
        raise Unsupported(f"a decision cannot be staged: {why}")
    if site.key not in trace.settings.assumed:
        outcome = _seen(trace, site, why) if forced is None else forced
        raise Respecialise(site.key, outcome, forced is not None and (trace.rolling > 0 or not _is_caught()), why)
    occurrence = trace.occurrences.get(site.key, -1) + 1
    flipped = occurrence in trace.settings.flips.get(site.key, ())
    outcome = _usual(trace, site, occurrence) is not flipped
    trace.decide(site, "speculate", why)
    trace.assume_staged(predicate, outcome, f"{_text(site)} is {outcome}", site, site.key in trace.settings.only)
    return outcome


def _usual(trace: Any, site: Where, occurrence: int) -> bool:
    """What is taken for granted of one occurrence, before a violation has told better.

    Python goes round a loop for as long as its test is said to hold. So it has as many trips as in the profiled runs,
    or, where nothing is known of that, not many more than would make a program of any use.
    """
    usual = bool(trace.settings.assumed[site.key])
    profile = trace.settings.profile
    if not usual or profile is None:
        return usual
    trips = profile.trips(site.key)
    asked = profile.asked(site.key)
    if occurrence > asked + SPARE:
        raise Unsupported(
            f"{_text(site)} would be asked for without end: it held {occurrence} times, {asked} were seen"
        )
    # A loop that was always left by a jump never had a test that failed.
    return occurrence % (trips + 1) < trips if trips and profile.failed(site.key) else usual


def _seen(trace: Any, site: Where, why: str) -> bool:
    """The usual outcome in the profiled runs."""
    if trace.settings.profile is None:
        raise NeedsProfile(f"{_text(site)} cannot be staged: {why}")
    seen = trace.settings.profile.branch(site.key)
    # Not reached in the profiled runs: a guess, that costs a pass if it is wrong.
    return bool(seen)


def _is_caught() -> bool:
    """Whether an exception raised here may be caught in the user's code: then a program can be made of that side, too.

    Not in a rolled loop, whose trips would all have to raise.
    """
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if emitted.is_emitted(code) and code.co_exceptiontable:
            at = frame.f_lasti
            if any(entry.start <= at < entry.end for entry in dis.Bytecode(code).exception_entries):  # type: ignore[attr-defined]
                return True
        frame = frame.f_back
    return False


def _text(site: Where | None) -> str:
    return "a decision" if site is None else f"`{site.text}` ({site.place})"


def speculate_trips(trace: Any, site: Where | None, predicate: Any, trip: int, why: str) -> bool:
    """Take it for granted that a loop that cannot be staged has as many trips as it had in the profiled runs."""
    if not trace.settings.speculate or site is None:
        raise Unsupported(f"the loop on {_text(site)} cannot be staged: {why}")
    profile = trace.settings.profile
    if profile is None:
        raise NeedsProfile(f"the loop on {_text(site)} cannot be staged: {why}")
    trips = profile.trips(site.key)
    if trips is None:
        raise Unsupported(f"the loop on {_text(site)} can neither be staged ({why}) nor has it had one number of trips")
    trace.decide(site, "speculate", f"{trips} trips, unrolled: {why}")
    trace.assume_staged(predicate, trip < trips, f"the loop on {_text(site)} has {trips} trips", site, True)
    return trip < trips  # type: ignore[no-any-return]


def is_entered(trace: Any, site: Where | None, predicate: Any) -> bool:
    """Take it for granted that a loop is entered, until a run shows that it is not; then there is a program for both.

    In the body of another loop it may be so in one trip and not in the next: Python answers if it is not.
    """
    if site is None or trace.rolling:
        trace.assume_staged(predicate, True, "the loop is entered", site, True)
        return True
    occurrence = trace.occurrences.get(site.key, -1) + 1
    entered = trace.settings.assumed.get(site.key, True) is not (occurrence in trace.settings.flips.get(site.key, ()))
    trace.assume_staged(predicate, entered, f"the loop is{'' if entered else ' not'} entered", site)
    return entered


__all__ = ["Where", "is_entered", "speculate", "speculate_trips"]
