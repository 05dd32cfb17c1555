"""An entry: one compiled program of a function, with its guards, its inputs and its commit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import jax

from janusx.guards.channel import Channel
from janusx.guards.checks import Check
from janusx.guards.diagnose import changed_constants, read
from janusx.guards.staged import Assumption
from janusx.state.buckets import Buckets
from janusx.state.paths import Path
from janusx.state.policy import is_data
from janusx.state.shadow import GROWS
from janusx.timings import Timings


@dataclass(frozen=True)
class EntryInfo:
    """What reports say about an entry.

    Attributes:
        number: from 1, in the order of making.
        guards: each guard, in the order of `gather`.
        reads: paths of the array inputs, then of host values that are no constants.
        writes: paths that a call changes.
        gather_source: the generated check-and-gather function.
        commit_source: the generated commit function.
        programs: the rewritten functions in it (`tracing.rewriter.Program`).
        decisions: what was decided at each site, with the reason.
        seconds: how long rewriting, tracing and compiling took.
    """

    number: int
    guards: tuple[Check, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    gather_source: str
    commit_source: str
    programs: tuple[Any, ...]
    decisions: dict[tuple[str, int], tuple[str, str]]
    seconds: dict[str, float]

    def text(self) -> str:
        """All generated source of the entry."""
        programs = [program.rewritten.text for program in self.programs if program.rewritten is not None]
        return "\n\n".join(part.rstrip("\n") for part in [*programs, self.gather_source, self.commit_source])


@dataclass(eq=False)
class Entry:
    """A compiled program and what surrounds it.

    Attributes:
        gather: `gather(args, kwargs)` → `(leaves, needs)`, or None where a guard does not hold.
        program: the jitted flat program.
        commit: `commit(outs, leaves, needs)` → the user's result.
        assumptions: what each bit of the last output stands for; empty if there are no staged guards.
        avals: of the inputs, as traced.
        on_device: whether the program has anything to compute: an input, an output, a staged guard.
        constants: host values by path that the program has compiled in.
        sizes: lists, dictionaries and sets of plain values, with the number of items that it has compiled in.
        anchors: the objects that paths start at, by `id`.
        info: for reports.
        locks: that the program takes.
        plans: what the host does ahead of it, where it walks structures.
        channel: of the staged guards, where they are called back.
        effects: whether the program calls back to Python: then a call waits until it has, as Python would.
        buckets: the arguments that `gather` pads.
        hits: how many calls it answered.
        due: how many calls it must have answered for the next to be timed. The first is not: it compiles.
        timings: where the time of some of those calls went.
        failed: by the number of a guard, the last call that it did not hold for, and what was there instead.
    """

    gather: Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], tuple[Any, ...]] | None]
    program: Callable[..., Any]
    commit: Callable[[Any, tuple[Any, ...], tuple[Any, ...]], Any]
    assumptions: tuple[Assumption, ...]
    avals: tuple[Any, ...]
    on_device: bool
    constants: tuple[tuple[Path, Any], ...]
    sizes: tuple[tuple[Path, type[Collection[Any]], int], ...]
    anchors: dict[int, Any]
    info: EntryInfo
    locks: tuple[Path, ...] = ()
    plans: tuple[Any, ...] = ()
    channel: Channel | None = None
    effects: bool = False
    buckets: Buckets | None = None
    hits: int = 0
    due: int = 1
    timings: Timings = field(default_factory=Timings)
    failed: dict[int, tuple[int, str]] = field(default_factory=dict)

    def changed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Path, str]:
        """Python scalars that this entry took for constants and that have another value of the same type now."""
        args, kwargs = self.arranged(args, kwargs)
        found = changed_constants(self.constants, args, kwargs, self.anchors)
        changed = {
            path: f"it was {before!r}, then {now!r}"
            for path, (before, now) in found.items()
            if type(before) is type(now) and isinstance(now, bool | int | float | complex)
        }
        for path, cls, size in self.sizes:
            container = read(path, args, kwargs, self.anchors)
            if type(container) is cls and len(container) != size and is_data(container):
                changed[path] = GROWS
        return changed

    def arranged(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the program's guards see them."""
        return (args, kwargs) if self.buckets is None else self.buckets.arranged(args, kwargs)

    @property
    def superseded(self) -> bool:
        """Whether a later program fits every structure that this one does."""
        return bool(self.plans) and all(plan.region.plan is not plan for plan in self.plans)

    def lowered(self, leaves: tuple[Any, ...]) -> jax.stages.Lowered:
        """The program lowered for these inputs."""
        return self.program.lower(*leaves)  # type: ignore[attr-defined, no-any-return]
