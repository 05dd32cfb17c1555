"""What was observed, as immutable values that can be added up.

A profile teaches; it promises nothing. Every number in it is bounded, whatever the program does.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from janusx.transforms.result import Site

RECENT = 16
"""How many trip counts a loop remembers one by one."""
VARIETY = 8
"""How many different values, and how many different call targets, are told apart at one place."""


@dataclass(frozen=True)
class BranchProfile:
    """The outcomes of one predicate.

    Attributes:
        true: how often it held.
        false: how often it did not.
        on_array: whether it ever was a JAX array.
        on_python: whether it ever was anything else.

    Example:
        >>> print(BranchProfile(true=3) + BranchProfile(true=1, false=1))
        true in 4 of 5 runs
    """

    true: int = 0
    false: int = 0
    on_array: bool = False
    on_python: bool = False

    @property
    def runs(self) -> int:
        """How often the predicate was evaluated."""
        return self.true + self.false

    @property
    def stable(self) -> bool | None:
        """The outcome, if it was always the same; None if both were seen, or nothing."""
        if bool(self.true) == bool(self.false):
            return None
        return bool(self.true)

    def __add__(self, other: BranchProfile) -> BranchProfile:
        return BranchProfile(
            self.true + other.true,
            self.false + other.false,
            self.on_array or other.on_array,
            self.on_python or other.on_python,
        )

    def __str__(self) -> str:
        if not self.runs:
            return "never reached"
        outcome, count = ("false", self.false) if self.stable is False else ("true", self.true)
        return f"{outcome} in {count} of {self.runs} runs{' (array)' if self.on_array else ''}"


@dataclass(frozen=True)
class Seen:
    """One look at a value: its type, the shape and dtype of an array, the value of a Python scalar.

    Attributes:
        type_name: qualified name of the type.
        shape: shape of a JAX or NumPy array, else None.
        dtype: name of its dtype, else None.
        weak: whether JAX holds its type for weak.
        value: the value of a bool, int, float, complex, short string or None; only if `is_scalar`.
        is_scalar: whether `value` says anything.
    """

    type_name: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    weak: bool = False
    value: Any = None
    is_scalar: bool = False

    def __str__(self) -> str:
        if self.shape is not None:
            return f"{self.dtype}[{','.join(map(str, self.shape))}]"
        return repr(self.value) if self.is_scalar else self.type_name


@dataclass(frozen=True)
class VariableProfile:
    """What a variable, or an input, was.

    Attributes:
        seen: the different looks at it, in the order of their first appearance.
        more: whether there were more than are kept.
    """

    seen: tuple[Seen, ...] = ()
    more: bool = False

    @property
    def types(self) -> frozenset[str]:
        """The types that were seen."""
        return frozenset(look.type_name for look in self.seen)

    @property
    def shapes(self) -> frozenset[tuple[int, ...]]:
        """The array shapes that were seen."""
        return frozenset(look.shape for look in self.seen if look.shape is not None)

    @property
    def dtypes(self) -> frozenset[str]:
        """The dtypes that were seen."""
        return frozenset(look.dtype for look in self.seen if look.dtype is not None)

    @property
    def values(self) -> tuple[Any, ...] | None:
        """The values, if all were Python scalars and few enough to be kept; else None."""
        if self.more or not all(look.is_scalar for look in self.seen):
            return None
        return tuple(look.value for look in self.seen)

    def __add__(self, other: VariableProfile) -> VariableProfile:
        if self.more or self == other:  # Full, or as in most runs: hashing the looks costs more than all else here.
            return self
        seen = tuple(dict.fromkeys(self.seen + other.seen))
        return VariableProfile(seen[:VARIETY], other.more or len(seen) > VARIETY)

    def __str__(self) -> str:
        return " | ".join([*map(str, self.seen), *(["..."] if self.more else [])])


@dataclass(frozen=True)
class LoopProfile:
    """The trips of one loop.

    Attributes:
        runs: how often the loop was entered and left.
        fewest: the smallest number of trips.
        most: the largest one.
        recent: the last trip counts, in order, at most `RECENT`.
        iterated: names of the types that a `for` went over; empty for `while`.
        on_array: whether it went over a JAX array, or its predicate was one.
        heads: what variables were where the loop begins a trip, the first trips of each run.

    Example:
        >>> print(LoopProfile(1, 5, 5, (5,)) + LoopProfile(2, 8, 8, (8, 8)))
        trips 5..8
    """

    runs: int = 0
    fewest: int = 0
    most: int = 0
    recent: tuple[int, ...] = ()
    iterated: frozenset[str] = frozenset()
    on_array: bool = False
    heads: Mapping[str, VariableProfile] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def last(self) -> int | None:
        """The latest trip count."""
        return self.recent[-1] if self.recent else None

    @property
    def trips(self) -> int | None:
        """The trip count, if it was always the same."""
        return self.most if self.runs and self.fewest == self.most else None

    def __add__(self, other: LoopProfile) -> LoopProfile:
        if not (self.runs and other.runs):
            fewest, most = max(self.fewest, other.fewest), max(self.most, other.most)
        else:
            fewest, most = min(self.fewest, other.fewest), max(self.most, other.most)
        return LoopProfile(
            self.runs + other.runs,
            fewest,
            most,
            (self.recent + other.recent)[-RECENT:],
            self.iterated | other.iterated,
            self.on_array or other.on_array,
            _added(self.heads, other.heads, VariableProfile()),
        )

    def __str__(self) -> str:
        if not self.runs:
            return "never left"
        over = f" over {', '.join(sorted(self.iterated))}" if self.iterated else ""
        return f"trips {self.most if self.trips is not None else f'{self.fewest}..{self.most}'}{over}"


@dataclass(frozen=True)
class Target:
    """Something that was called.

    Attributes:
        name: its qualified name.
        count: how often.
        ref: a weak reference to the function (for a method, to the function in its class), where there can be one.
            Functions of the same code are one target; this is the first of them.
        owner: a weak reference to the class: of a method's object, of a callable object, else of the function itself.
        anchor: a weak reference to the code, or to the class of a callable object; None for what is written in C.
    """

    name: str
    count: int
    ref: weakref.ref[Any] | None = field(default=None, compare=False, repr=False)
    owner: weakref.ref[type] | None = field(default=None, compare=False, repr=False)
    anchor: weakref.ref[Any] | None = field(default=None, compare=False, repr=False)

    def same(self, other: Target) -> bool:
        """Whether both are the same code."""
        if self.anchor is None or other.anchor is None:
            return self.name == other.name and self.anchor is other.anchor
        return self.anchor() is other.anchor() and self.anchor() is not None


@dataclass(frozen=True)
class CallProfile:
    """The targets of one call.

    Attributes:
        targets: the different ones, most frequent first, at most `VARIETY`.
        others: how many calls went elsewhere.
    """

    targets: tuple[Target, ...] = ()
    others: int = 0

    @property
    def runs(self) -> int:
        """How often the call was made."""
        return sum(target.count for target in self.targets) + self.others

    @property
    def stable(self) -> Target | None:
        """The target, if there was only one."""
        return self.targets[0] if len(self.targets) == 1 and not self.others else None

    def __add__(self, other: CallProfile) -> CallProfile:
        targets = list(self.targets)
        for target in other.targets:
            for index, known in enumerate(targets):
                if known.same(target):
                    targets[index] = replace(known, count=known.count + target.count)
                    break
            else:
                targets.append(target)
        targets.sort(key=lambda target: -target.count)
        lost = sum(target.count for target in targets[VARIETY:])
        return CallProfile(tuple(targets[:VARIETY]), self.others + other.others + lost)

    def __str__(self) -> str:
        names = [f"{target.name} {target.count}×" for target in self.targets]
        return ", ".join([*names, *([f"others {self.others}×"] if self.others else [])])


@dataclass(frozen=True)
class WriteProfile:
    """What a region's own text has written, as it is written there: what the functions did that it calls is theirs.

    Attributes:
        attributes: targets like `self.hits`.
        items: targets like `xs[i]`.
        cells: variables that functions share.
        globals: global variables.

    Example:
        >>> print(WriteProfile(attributes=("self.hits",)) + WriteProfile(items=("xs[i]",), globals=("HITS",)))
        self.hits, xs[i], global HITS
    """

    attributes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of it, for people to read."""
        cells = tuple(f"cell {name}" for name in self.cells)
        return (*self.attributes, *self.items, *cells, *(f"global {name}" for name in self.globals))

    def __add__(self, other: WriteProfile) -> WriteProfile:
        if self == other:  # As in most runs.
            return self
        return WriteProfile(
            _union(self.attributes, other.attributes),
            _union(self.items, other.items),
            _union(self.cells, other.cells),
            _union(self.globals, other.globals),
        )

    def __str__(self) -> str:
        return ", ".join(self.names)


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one + other))


@dataclass(frozen=True)
class Profile:
    """What was observed of one function. Sites have the numbers that `transforms` gives them.

    Attributes:
        name: qualified name of the function.
        runs: the number of observed runs that reached it.
        sites: its sites.
        branches: by site, for those that were reached.
        loops: the same.
        calls: the same.
        inputs: by parameter, for the function that the user called.
        attributes: what the attributes were that it read, the first times of each run, by dotted name as written.
        writes: what was written, by the site in whose region that stands; of the function as a whole, by 0.
        unobserved: why it ran as it is, unseen; None if it was observed.
    """

    name: str = ""
    runs: int = 0
    sites: tuple[Site, ...] = ()
    branches: Mapping[int, BranchProfile] = field(default_factory=lambda: MappingProxyType({}))
    loops: Mapping[int, LoopProfile] = field(default_factory=lambda: MappingProxyType({}))
    calls: Mapping[int, CallProfile] = field(default_factory=lambda: MappingProxyType({}))
    inputs: Mapping[str, VariableProfile] = field(default_factory=lambda: MappingProxyType({}))
    attributes: Mapping[str, VariableProfile] = field(default_factory=lambda: MappingProxyType({}))
    writes: Mapping[int, WriteProfile] = field(default_factory=lambda: MappingProxyType({}))
    unobserved: str | None = None

    def branch(self, site: int) -> BranchProfile:
        """What was seen of a predicate; nothing, if it was never reached."""
        return self.branches.get(site, BranchProfile())

    def loop(self, site: int) -> LoopProfile:
        """What was seen of a loop."""
        return self.loops.get(site, LoopProfile())

    def call(self, site: int) -> CallProfile:
        """What was called at a site."""
        return self.calls.get(site, CallProfile())

    def written(self, site: int = 0) -> WriteProfile:
        """What was written in the regions of a site, or in the whole function."""
        return self.writes.get(site, WriteProfile())

    def __add__(self, other: Profile) -> Profile:
        return Profile(
            self.name or other.name,
            self.runs + other.runs,
            self.sites or other.sites,
            _added(self.branches, other.branches, BranchProfile()),
            _added(self.loops, other.loops, LoopProfile()),
            _added(self.calls, other.calls, CallProfile()),
            _added(self.inputs, other.inputs, VariableProfile()),
            _added(self.attributes, other.attributes, VariableProfile()),
            _added(self.writes, other.writes, WriteProfile()),
            self.unobserved or other.unobserved,
        )

    def merge(self, other: Profile) -> Profile:
        """Both together: `self + other`."""
        return self + other

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.runs} observed runs"]
        if self.unobserved:
            lines.append(f"  not observed: {self.unobserved}")
        lines += [f"  {name}: {seen}" for name, seen in self.inputs.items()]
        lines += [f"  reads {name}: {seen}" for name, seen in self.attributes.items()]
        lines += [f"  writes {self.writes[0]}"] if 0 in self.writes else []
        for site in self.sites:
            seen = [str(part[site.id]) for part in (self.loops, self.branches, self.calls) if site.id in part]
            seen += [f"writes {self.writes[site.id]}"] if site.id in self.writes else []
            if seen:
                lines.append(f"  line {site.line}, {site.kind} {site.text}: {', '.join(seen)}")
        return "\n".join(lines)


_Record = TypeVar("_Record", BranchProfile, LoopProfile, CallProfile, VariableProfile, WriteProfile)
_Key = TypeVar("_Key", int, str)


def _added(one: Mapping[_Key, _Record], other: Mapping[_Key, _Record], empty: _Record) -> Mapping[_Key, _Record]:
    return MappingProxyType({key: one.get(key, empty) + other.get(key, empty) for key in {**one, **other}})
