"""What a rewrite hands back: the text, where each line came from, the sites in it, and what was left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "if", "while", "for", "if_exp", "assert", "comp_if", "guard",
    "and", "or", "not", "chain", "call",
    "flag",
]  # fmt: skip
"""Constructs that decide something. `comp_if` is a comprehension's condition, `guard` a `case` clause's, `flag` a
branch that the rewrite itself adds (was the loop left by `break`?), which only `rewrite` reports."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the user's source where something is decided or called.

    Attributes:
        id: number from 1; the same for `rewrite` and `observe`. Constructs whose number is part of emitted names, and
            those like them, come first, in source order; then `and`, `or`, `not`, chains and calls, in source order;
            then the branches that `rewrite` adds.
        kind: the construct.
        line: line in the user's file, from 1.
        column: column in the dedented source, from 0.
        text: the predicate, iterable or callee as written, on one line.
    """

    id: int
    kind: Kind
    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A construct that stays native Python.

    Attributes:
        line: line in the user's file, from 1.
        construct: what it is: `"while"`, `"generator"`, ...
        reason: why, as a sentence without a full stop.
    """

    line: int
    construct: str
    reason: str


WriteKind = Literal["attribute", "item", "cell", "global"]


@dataclass(frozen=True, slots=True)
class Region:
    """One side of a site: of a branch, what runs if its predicate holds, or if not; of a loop, its body or `else`."""

    site: int
    side: bool


@dataclass(frozen=True, slots=True)
class Write:
    """A place in the user's source that assigns or deletes what outlives the function's own variables.

    Attributes:
        kind: what it writes. A cell is a variable that functions share: `nonlocal`, or used by one defined here.
        name: the target as written: `self.hits`, `xs[i]`, `count`.
        line: line in the user's file.
        regions: the regions that it stands in, outermost first.
        updates: the attribute, as it is stored, if it is read before it is written (`self.hits += 1`); else "".
        read: the number of its name in `Rewritten.names`, if it is read; else 0.
    """

    kind: WriteKind
    name: str
    line: int
    regions: tuple[Region, ...] = ()
    updates: str = ""
    read: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.kind in ("cell", "global") else self.name


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The outcome of `rewrite` or `observe`.

    Attributes:
        text: source of one `def` without decorators.
        lines: for each line of `text`, the line of the user's file that it stands for.
        sites: every site, ordered so that `sites[i].id == i + 1`.
        refusals: what stayed native Python, and why.
        ops_name: the free name through which `text` reaches the ops: the one asked for, unless the user's code has
            that name.
        names: dotted names that the function reads, by number from 1; only of `observe`.
        writes: what it assigns outside of its variables, by number from 1; only of `observe`.
    """

    text: str
    lines: tuple[int, ...]
    sites: tuple[Site, ...]
    refusals: tuple[Refusal, ...]
    ops_name: str = "jx"
    names: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()
