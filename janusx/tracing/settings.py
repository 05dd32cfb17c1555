"""What a pass takes for granted: the options, and what earlier passes and profiled runs found out."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from janusx.state.paths import Path


@dataclass(frozen=True)
class Settings:
    """The settings of one pass.

    Attributes:
        speculate: whether array decisions may be taken for granted under a staged guard.
        roll_threshold: loops with at most this many trips are unrolled.
        guards: "flags" or "callback": how the program reports its staged guards.
        loop_grad: "store" or "checkpoint": what reverse mode keeps of a loop whose trips only the run will show.
        container_limit: containers with more items are host data.
        relaxed: host values that are not constants, by path, with the reason.
        profile: observed outcomes, or None before any run was profiled.
        assumed: outcomes to speculate on, by (function, site).
        flips: of such a site the occurrences in the trace that go the other way.
        only: sites whose other side raises.
        exact: lists that are copied, since they are not only appended to; None where there is no other pass.
        capacities: of a loop whose trips only the run will show, how many of them can have effects.
        scheduled: code of functions with which the host walks structures.
        regions: what is known of such calls, kept from program to program.
        unscheduled: why the host cannot, or "".
        recursive: code of functions that a machine runs, with that of all in its cycle.
        unrolled: likewise, where none can be made, with the reason.
        again: whether the function has a program already, which did not fit.
    """

    speculate: bool = True
    roll_threshold: int = 4
    guards: str = "flags"
    loop_grad: str = "store"
    container_limit: int = 1024
    relaxed: Mapping[Path, str] = field(default_factory=dict)
    profile: Any = None
    assumed: Mapping[tuple[str, int], bool] = field(default_factory=dict)
    flips: Mapping[tuple[str, int], frozenset[int]] = field(default_factory=dict)
    only: frozenset[tuple[str, int]] = frozenset()
    exact: frozenset[Path] | None = None
    capacities: Mapping[tuple[str, int], int] = field(default_factory=dict)
    scheduled: Set[Any] = frozenset()
    regions: dict[Any, Any] = field(default_factory=dict)
    unscheduled: str = ""
    recursive: Mapping[Any, frozenset[Any]] = field(default_factory=dict)
    unrolled: Mapping[Any, str] = field(default_factory=dict)
    again: bool = False
