"""What is kept of a converted function: its entries, what was learned, and what happened."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from janusx import config, ops
from janusx.compile import Call, Knowledge
from janusx.entry import Entry
from janusx.guards.diagnose import reshaped
from janusx.guards.staged import Assumption, Violated
from janusx.profiler import Profiles
from janusx.state.buckets import Buckets
from janusx.tracing.rewriter import Rewriter, key_name

if TYPE_CHECKING:
    from janusx.split import Cuts, Split

Route = Literal["profiled", "compiled", "mixed", "eager"]


@dataclass(frozen=True)
class Stats:
    """Counts of what a converted function did; a snapshot.

    Attributes:
        calls: all calls.
        profiled: calls that ran in plain Python and were observed.
        compiled: calls answered by a compiled program alone.
        mixed: calls answered partly by compiled regions.
        eager: calls that ran the user's own function.
        violations: assumptions that did not hold in a run.
        recompilations: programs made after the first.
        entries: programs that the function has.
        last_call: how the last call was answered; None before the first.
    """

    calls: int = 0
    profiled: int = 0
    compiled: int = 0
    mixed: int = 0
    eager: int = 0
    violations: int = 0
    recompilations: int = 0
    entries: int = 0
    last_call: Route | None = None


@dataclass(frozen=True)
class Event:
    """Something worth a line in a report: a violation, a recompilation, an eager region.

    Attributes:
        kind: "violation", "recompilation", "eager", "limit".
        place: `file:line` of the user's code, or "".
        what: in words.
        call: the number of the call.
    """

    kind: str
    place: str
    what: str
    call: int


@dataclass(frozen=True)
class Options:
    """The keywords of `janusx.convert` that steer the machine; None means as configured."""

    profile_runs: int | None = None
    speculate: bool | None = None
    recompile_limit: int | None = None
    on_unsupported: str | None = None
    on_violation: str | Callable[..., Any] | None = None
    guards: str | None = None
    loop_grad: str | None = None

    def get(self, name: str) -> Any:
        """The value that counts here and now."""
        own = getattr(self, name)
        return config.read(name) if own is None else own


class Observations:
    """What profiled runs saw, by (function, site)."""

    def __init__(self, profiles: Profiles):
        self._profiles = {key_name(code): profile for code, profile in profiles}

    def branch(self, key: tuple[str, int]) -> bool | None:
        """The usual outcome of a test; None if it was never reached."""
        profile = self._profiles.get(key[0])
        seen = None if profile is None else profile.branch(key[1])
        return None if seen is None or not seen.runs else seen.true >= seen.false

    def asked(self, key: tuple[str, int]) -> int:
        """How often a test was evaluated."""
        profile = self._profiles.get(key[0])
        return 0 if profile is None else profile.branch(key[1]).runs

    def failed(self, key: tuple[str, int]) -> bool:
        """Whether a test ever did not hold."""
        profile = self._profiles.get(key[0])
        return profile is not None and profile.branch(key[1]).false > 0

    def trips(self, key: tuple[str, int]) -> int | None:
        """The trip count of a loop that always had the same; None otherwise."""
        profile = self._profiles.get(key[0])
        return None if profile is None else profile.loop(key[1]).trips

    def most_trips(self, key: tuple[str, int]) -> int:
        """The highest trip count of a loop; 0 if it was not observed."""
        profile = self._profiles.get(key[0])
        return 0 if profile is None else profile.loop(key[1]).most


@dataclass(eq=False)
class Record:
    """All that is kept of one converted function. Owned by its wrapper; there is no registry."""

    fun: Any
    options: Options
    buckets: Buckets | None = None
    entries: list[Entry] = field(default_factory=list)
    knowledge: Knowledge = field(default_factory=Knowledge)
    profiles: Profiles = field(default_factory=Profiles)
    rewriter: Rewriter = field(default_factory=lambda: Rewriter(ops.Ops))
    lock: threading.RLock = field(default_factory=threading.RLock)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=200))
    calls: int = 0
    profiled: int = 0
    compiled: int = 0
    mixed: int = 0
    eager: int = 0
    violations: int = 0
    built: int = 0
    last_call: Route | None = None
    wants_profile: str = ""
    eager_reason: str = ""
    failures: int = 0
    retry_at: int = 0
    limit_told: bool = False
    violated: Violated | None = None
    unstable: Counter[Assumption] = field(default_factory=Counter)  # how often each did not hold
    split: Split | None = None
    cuts: Cuts | None = None  # a piece's are those of the function that it is of
    hopeless: bool = False  # nothing of it could be compiled
    quiet: bool = False  # a part of another function, which says what there is to say
    seconds: dict[str, float] = field(default_factory=dict)

    def stats(self) -> Stats:
        """The counts now."""
        return Stats(
            self.calls,
            self.profiled,
            self.compiled,
            self.mixed,
            self.eager,
            self.violations,
            max(0, self.built - 1),
            len(self.entries),
            self.last_call,
        )

    def learn_changes(self, call: Call) -> None:
        """Relax what entries took for constants and what this call shows to change."""
        for entry in self.entries:
            for path, why in entry.changed(call.args, call.kwargs).items():
                if path not in self.knowledge.exact:
                    self.knowledge.relaxed.setdefault(path, why)
        if self.entries and not self.knowledge.unscheduled:
            entry = self.entries[0]
            self.knowledge.reshaped += reshaped(
                entry.info.guards, *entry.arranged(call.args, call.kwargs), entry.anchors
            )[:1]

    def note(self, kind: str, place: str, what: str, call: int | None = None) -> None:
        """Keep an event for reports; of the call under way, which is not counted yet, unless another one is named."""
        self.events.append(Event(kind, place, what, self.calls + 1 if call is None else call))

    def give_up(self, reason: str) -> None:
        """Look no further for a program for a while."""
        self.eager_reason = reason
        self.failures += 1
        self.retry_at = self.calls + 1 + 8 ** min(self.failures, 9)

    def reset(self, counts: bool = True) -> None:
        """Forget programs and everything that was learned; with `counts` also the counts."""
        with self.lock:
            self.entries = []
            self.knowledge = Knowledge()
            self.profiles = Profiles()
            self.rewriter = Rewriter(ops.Ops)
            self.wants_profile = self.eager_reason = ""
            self.failures = self.retry_at = 0
            self.limit_told = self.hopeless = False
            self.split = self.cuts = None
            self.unstable.clear()
            if counts:
                self.calls = self.profiled = self.compiled = self.mixed = self.eager = self.violations = self.built = 0
                self.last_call = None
                self.events.clear()
                self.seconds.clear()
                self.violated = None
