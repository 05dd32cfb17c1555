"""What all passes over one source share: the text's facts, the names they make, and the notes they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import libcst as cst

from janusx.transforms.analysis import Analysis
from janusx.transforms.build import Fresh, Ops
from janusx.transforms.lines import Mark
from janusx.transforms.result import Refusal, Site
from janusx.transforms.sites import Parsed


@dataclass(slots=True)
class Unit:
    """One rewrite under way.

    Attributes:
        source: the dedented source.
        parsed: its tree and sites.
        ops: builds op calls.
        fresh: gives unused names.
        analysis: uses of names, remembered.
        is_leaf: says that a dotted name is a leaf library's function.
        assumed: speculated outcomes by site id.
        class_name: the class in whose body the function stands.
        sites: the source's sites, then those of added branches.
        refusals: what stays native.
        checked: reads that may see a name unbound and are to be checked.
        sure: reads of names that hold what a region says of them, where they surely are bound.
        deleted: names in `del` and `except ... as` that hold `jx.unbound` while they are unbound.
    """

    source: str
    parsed: Parsed
    ops: Ops
    fresh: Fresh
    analysis: Analysis
    is_leaf: Callable[[str], bool]
    assumed: Mapping[int, bool]
    class_name: str | None
    sites: list[Site]
    refusals: list[Refusal] = field(default_factory=list)
    checked: set[cst.Name] = field(default_factory=set)
    sure: set[cst.Name] = field(default_factory=set)
    deleted: set[cst.Name] = field(default_factory=set)

    def refuse(self, line: int, construct: str, reason: str) -> None:
        """Note that a construct stays native."""
        self.refusals.append(Refusal(line, construct, reason))

    def added_branch(self, stem: str, mark: Mark, text: str) -> Mark:
        """A mark for a branch that a pass adds: it has a site of its own, so that no profile is read for another's."""
        source = self.sites[mark.site - 1]
        self.sites.append(Site(len(self.sites) + 1, "flag", source.line, source.column, text))
        return Mark(mark.line, mark.line, len(self.sites), stem=f"{stem}_{mark.site}")
