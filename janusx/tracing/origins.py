"""Which object an array is, where a staged branch hands one through: `y = x if c else x + 1` is the very x if c holds.

A `lax.cond` gives a new array on both sides. So of each array that comes out of one it is known which objects it may be
in Python, and which value of the program says which of them it is: mostly the predicate, so that this costs nothing
until somebody asks, by `is` or at commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from janusx.signals import Unsupported
from janusx.tracing import context
from janusx.tracing.skeleton import Arr, Empty, Fixed, Later, Made, Perhaps, Py, Skeleton, Soft, Turned, expand, specs


class Fresh:
    """An array that a branch makes: in Python an object of its own."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Origin:
    """Which object an array is.

    Attributes:
        objects: what it may be, each once: arrays of the trace, and `Fresh` ones.
        which: the place of the one that it is: an integer of the program, a boolean if there are two, None if there is
            one.
        array: what stands for it in the trace; None before it has left its branch.
    """

    objects: tuple[Any, ...]
    which: Any = None
    array: Any = None


@dataclass(frozen=True, eq=False)
class Left:
    """Likewise of an array that leaves a branch; `which` is the place of that value among what the branch returns."""

    objects: tuple[Any, ...]
    which: int | None = None


Known = Origin | None


def of(value: Any) -> Origin:
    """Which object an array is that can be reached here."""
    chosen = context.current().chosen.get(id(value))
    return Origin((value,)) if chosen is None else chosen


def leaving(leaves: Sequence[Any], around: dict[int, Any], out: list[Any]) -> list[Left]:
    """Which objects the arrays are that leave a branch.

    Args:
        leaves: the arrays.
        around: the arrays that could be reached before the branch, by `id`.
        out: what the branch returns; values that say which object an array is are appended.
    """
    fresh: dict[int, Fresh] = {}
    places: dict[int, int] = {}

    def seen(value: Any) -> Any:
        if type(value) is Fresh or id(value) in around:
            return value
        return fresh.setdefault(id(value), Fresh())

    found = []
    for leaf in leaves:
        origin = Origin((leaf,)) if id(leaf) in around else of(leaf)
        if origin.which is not None and id(origin.which) not in places:
            places[id(origin.which)] = len(out)
            out.append(origin.which)
        place = None if origin.which is None else places[id(origin.which)]
        found.append(Left(tuple(map(seen, origin.objects)), place))
    return found


def handed(target: Skeleton, source: Skeleton, origins: Iterator[Any]) -> Iterator[Any]:
    """For each leaf that `target` asks for, the origin of what it is made of; None where it is made anew.

    Args:
        target: what is asked for.
        source: of what it is made (see `skeleton.convert`).
        origins: of the leaves of that.
    """
    if isinstance(target, Perhaps):
        if isinstance(source, Perhaps):
            next(origins)
        yield None
        inner = source.item if isinstance(source, Perhaps) else source
        yield from (
            [None] * len(specs(target.item)) if isinstance(source, Empty) else handed(target.item, inner, origins)
        )
    elif isinstance(target, Made):
        source = expand(source)
        assert isinstance(source, Made)
        for wanted, given in zip(target.items, source.items, strict=True):
            yield from handed(wanted, given, origins)
    elif isinstance(target, Arr | Soft | Turned | Py):
        taken = [] if isinstance(source, Fixed) else [next(origins)]
        if isinstance(source, Soft | Turned):
            next(origins)
        yield taken[0] if isinstance(target, Arr) and source == target else None
        yield from [None] * isinstance(target, Soft | Turned)
    elif isinstance(target, Later):
        for _ in target.arrays:
            next(origins)
            yield None
    else:
        for _ in specs(source):
            next(origins)
        yield from [None] * len(specs(target))


@dataclass
class Joining:
    """The arrays that come out of one `cond`, one by one.

    Attributes:
        predicate: of the `cond`.
        said: the values of the true and of the false side that say which objects arrays are, by place.
    """

    predicate: Any
    said: tuple[dict[int, Any], dict[int, Any]]

    def __post_init__(self) -> None:
        self._alike: dict[Any, Any] = {}
        self._which: dict[Any, Any] = {}

    def join(self, array: Any, true: Known | Left, false: Known | Left) -> Any:
        """What stands for an array after the `cond`: what has been handed through by both sides is itself."""
        if true is None or false is None:
            return array
        sides = self._there(true, 0), self._there(false, 1)
        if all(side.which is None for side in sides) and sides[0].objects[0] is sides[1].objects[0]:
            return sides[0].objects[0]
        key = tuple((tuple(map(id, side.objects)), id(side.which)) for side in sides)
        if key not in self._alike:
            # The origins are kept, so that no number in the key is used again.
            self._alike[key] = array, sides
            objects = list({id(each): each for side in reversed(sides) for each in side.objects}.values())
            which = self._place(sides, objects)
            context.current().chosen[id(array)] = Origin(tuple(objects), which, array)
        return self._alike[key][0]

    def _there(self, side: Origin | Left, number: int) -> Origin:
        if isinstance(side, Left) and side.which is not None:
            return Origin(side.objects, self.said[number][side.which])
        return of(side.objects[0]) if side.which is None else side  # type: ignore[return-value]

    def _place(self, sides: tuple[Origin, Origin], objects: list[Any]) -> Any:
        places = [tuple(_place(objects, each) for each in side.objects) for side in sides]
        key = (*places, *(id(side.which) for side in sides))
        if key not in self._which:
            if places == [(1,), (0,)]:
                self._which[key] = self.predicate
            else:
                true, false = (_taken(place, side.which) for place, side in zip(places, sides, strict=True))
                self._which[key] = jnp.where(self.predicate, true, false)
        return self._which[key]


def _place(objects: Sequence[Any], wanted: Any) -> int:
    return next(place for place, each in enumerate(objects) if each is wanted)


def _taken(places: tuple[int, ...], which: Any) -> Any:
    if which is None:
        return jnp.asarray(places[0], jnp.int32)
    return jnp.asarray(places, jnp.int32)[which.astype(jnp.int32)]


def are_one(left: Any, right: Any) -> Any:
    """Whether two arrays of a trace are one object in Python: a bool, or a boolean of the program."""
    if left is right:
        return True
    looped = context.current().looped
    if (id(left) in looped or id(right) in looped) and jax.typeof(left) == jax.typeof(right):
        # The loop may have had no trip, or none in which the variable was bound anew.
        reason = "an array is compared by identity with one that a loop may have handed through"
        raise Unsupported(reason, whole=True)
    one, other = of(left), of(right)
    common = [each for each in one.objects if any(each is also for also in other.objects)]
    if not common:
        return False
    if one.which is None and other.which is None:
        return True
    hits = [jnp.logical_and(_is(one, each), _is(other, each)) for each in common]
    return jnp.stack(hits).any()


def _is(origin: Origin, wanted: Any) -> Any:
    if origin.which is None:
        return jnp.asarray(True)
    return jax.lax.convert_element_type(origin.which, jnp.int32) == _place(origin.objects, wanted)
