"""Objects that a loop or a branch may replace: `weights = updated(weights)` in a loop that may have no trip.

Afterwards the variable holds the object from before or one made there, as an array of the program says. Its content is
in the program either way; which object it is counts only where the object leaves it. While that is open it must not
be written to, nor the one from before, of which the program has a copy: who writes gets a pass without such objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from janusx.signals import Respecialise, Unstageable
from janusx.state import kinds, policy
from janusx.state.paths import Step
from janusx.tracing import context
from janusx.tracing.effects import Row
from janusx.tracing.skeleton import (
    Fixed,
    Made,
    Own,
    Perhaps,
    Rules,
    Skeleton,
    convert,
    flatten,
    specs,
    unflatten,
    unify,
)

NEVER = ("", -3)
"""Stands among the sites speculated on for: no object is one of two."""


@dataclass(frozen=True, slots=True, eq=False)
class Replaced(Own):
    """An object from before, or one of its type and layout; a leaf says whether it is made anew.

    Attributes:
        source: the object from before.
        item: the layout of both.
        sure: whether it is known to be made anew.
    """

    source: Any
    item: Skeleton
    sure: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Replaced) and self.source is other.source and self.item == other.item

    def __hash__(self) -> int:
        return hash(id(self.source))

    def specs(self) -> list[jax.ShapeDtypeStruct]:
        """See `Own`."""
        return [jax.ShapeDtypeStruct((), bool), *specs(self.item)]

    def convert(self, source: Skeleton, leaves: Iterator[Any], out: list[Any]) -> None:
        """See `Own`."""
        if isinstance(source, Fixed):
            out.append(jnp.asarray(False))
            item, content = contents(source.value)
            context.current().replaced.freeze(source.value)
            convert(self.item, item, iter(content), out)
            return
        known = isinstance(source, Replaced)
        out.append(next(leaves) if known else jnp.asarray(True))
        convert(self.item, source.item if known else source, leaves, out)  # type: ignore[attr-defined]

    def make(self, leaves: Iterator[Any]) -> Any:
        """See `Own`."""
        is_new = next(leaves)
        made = unflatten(self.item, leaves)
        if type(is_new) is Row:
            raise Unstageable(f"a {type(made).__name__} that the loop may have replaced is printed or stored in it")
        if not self.sure:
            context.current().replaced.add(made, is_new, self.source)
        return made

    def retypes(self, before: Skeleton, retyped: Callable[[Skeleton, Skeleton], bool]) -> bool:
        """Whether what it holds has another type than before, as `retyped` says of a part."""
        return retyped(contents(before.value)[0] if isinstance(before, Fixed) else before, self.item)


@dataclass(frozen=True)
class Choice:
    """What is known of such an object.

    Attributes:
        made: what code sees of it, and what it is if it is made anew.
        is_new: whether it is.
        source: what it is else.
    """

    made: Any
    is_new: Any
    source: Any


class Replacements:
    """The objects of a trace that may have been replaced."""

    def __init__(self, trace: Any):
        self._trace = trace
        self._known: dict[int, Choice] = {}
        self._frozen: list[tuple[Any, kinds.Kind, list[tuple[Step, Any]]]] = []

    def get(self, value: Any) -> Choice | None:
        """What is known of an object; None if it is the one that it is."""
        return self._known.get(id(value))

    def add(self, made: Any, is_new: Any, source: Any) -> None:
        """Note an object that code goes on with."""
        self._known[id(made)] = Choice(made, is_new, source)
        self.freeze(made)
        self.freeze(source)

    def freeze(self, value: Any) -> None:
        """From now on an object must not be written to, nor what it holds."""
        kind = policy.category(value)
        if isinstance(kind, kinds.Kind):
            fields = list(kind.fields(value))
            if kind.mutable:
                self._frozen.append((value, kind, fields))
            for _, item in fields:
                self.freeze(item)

    @property
    def mark(self) -> int:
        """Where the objects of a region begin that is about to be traced."""
        return len(self._frozen)

    def settle(self, mark: int = 0) -> None:
        """Check that the objects since a mark are as they were."""
        for value, kind, before in self._frozen[mark:]:
            now = list(kind.fields(value))
            pairs = zip(now, before, strict=False)
            if len(now) != len(before) or any(a[0] != b[0] or a[1] is not b[1] for a, b in pairs):
                self.refuse()
        del self._frozen[mark:]

    def refuse(self) -> None:
        """Ask for a pass without such objects."""
        raise Respecialise(NEVER, True)

    # --- for `skeleton` ---------------------------------------------------------------------------------------------

    def flatten(self, value: Any, heap: Any, leaves: list[Any], exact: bool) -> Skeleton | None:
        """The skeleton of such an object that leaves a region; None of others."""
        choice = self._known.get(id(value))
        if choice is None:
            return None
        source, is_new = choice.source, choice.is_new
        while source not in heap:
            before = self._known.get(id(source))
            if before is None:  # made in the region: it leaves it as one or the other, and both are new
                heap.leaves_once(source)
                return None
            source, is_new = before.source, jnp.logical_or(is_new, before.is_new)
        leaves.append(is_new)
        return Replaced(source, _made(value, heap, leaves, exact))

    def unify(self, a: Skeleton, b: Skeleton, rules: Rules) -> Skeleton | None:
        """What fits an object from before and one made in a region; None where there is no such thing."""
        if isinstance(a, Replaced) and isinstance(b, Replaced):
            return Replaced(a.source, unify(a.item, b.item, rules)) if a.source is b.source else None
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Replaced) and isinstance(other, Made):
                return Replaced(one.source, unify(one.item, other, rules))
            if isinstance(one, Replaced) and isinstance(other, Fixed) and other.value is one.source:
                return Replaced(one.source, unify(one.item, contents(other.value)[0], rules))
            if isinstance(one, Fixed) and isinstance(other, Made) and self._may_be(one.value, other):
                return Replaced(one.value, unify(contents(one.value)[0], other, rules))
        return None

    def _may_be(self, value: Any, made: Made) -> bool:
        kind = policy.category(value)
        return (
            NEVER not in self._trace.settings.assumed
            and kind is made.kind
            and made.kind.mutable
            and kind in (kinds.LIST, kinds.DICT, kinds.INSTANCE)
            and type(value) is made.cls
            and tuple(step for step, _ in made.kind.fields(value)) == made.steps
        )


class _Around:
    """For `flatten`: what an object from before holds is from before, too."""

    def __contains__(self, value: Any) -> bool:
        kind = policy.category(value)
        return isinstance(kind, kinds.Kind) and kind.mutable

    def leaves_once(self, value: Any) -> None:
        raise Unstageable(f"a {type(value).__name__} is in an object that may be replaced")


_AROUND: Any = _Around()


def contents(value: Any) -> tuple[Made, list[Any]]:
    """The layout of an object from before, and the arrays that it holds."""
    leaves: list[Any] = []
    return _made(value, _AROUND, leaves, False), leaves


def _made(value: Any, heap: Any, leaves: list[Any], exact: bool) -> Made:
    kind: Any = policy.category(value)
    fields = kind.fields(value)
    items = tuple(flatten(item, heap, leaves, exact) for _, item in fields)
    return Made(kind, type(value), tuple(step for step, _ in fields), items)


def settled(carried: Skeleton, after: Skeleton) -> Skeleton:
    """What a loop carries, given that it had a trip: what that makes anew is new."""
    if isinstance(carried, Replaced) and isinstance(after, Made):
        return Replaced(carried.source, settled(carried.item, after), sure=True)
    if isinstance(carried, Made) and isinstance(after, Made):
        items = tuple(map(settled, carried.items, after.items))
        return Made(carried.kind, carried.cls, carried.steps, items)
    if isinstance(carried, Perhaps) and isinstance(after, Perhaps):
        return Perhaps(carried.name, settled(carried.item, after.item))
    return carried


def fits(carried: Skeleton, now: Skeleton) -> bool:
    """Whether a guess at what a loop carries, made in another trace, is about the objects that there are now."""
    if isinstance(carried, Replaced):
        source = now.value if isinstance(now, Fixed) else getattr(now, "source", None)
        return source is carried.source
    if isinstance(carried, Made) and isinstance(now, Made) and len(carried.items) == len(now.items):
        return all(map(fits, carried.items, now.items))
    if isinstance(carried, Perhaps) and isinstance(now, Perhaps):
        return fits(carried.item, now.item)
    return True
