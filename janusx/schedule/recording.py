"""What the host does ahead of the device: handles for arrays, and a recording of the array work that it would start.

A *kind* of array work is a piece of a function with the shapes that it gets. The recording has a row for each time
that a kind comes up: which arrays it gives and reads, by number, which Python values, and, where kinds recurse
(`order`), its level: above those of what it reads. Rows of one kind and level are independent of each other.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from janusx.schedule.order import Order, Spot
from janusx.signals import Unscheduled
from janusx.state import exprs


class Missed(KeyError):
    """A recording is not what a program was made for: another kind of work, more of it, or other results."""


class Handle:
    """An array that is not computed yet. The host may hand it on, and nothing else. An aval has a class of its own."""

    __slots__ = ("level", "number")
    aval: int
    shape: tuple[int, ...]

    def __init__(self, number: int):
        self.level = 0
        self.number = number

    def done(self) -> Handle:
        """The handle of the array itself."""
        return self

    def _asked(self, *args: Any) -> Any:
        raise Unscheduled("an array decides what the host does with a structure")

    def __len__(self) -> int:
        if not self.shape:
            raise Unscheduled("the length of a scalar is asked for where the host walks a structure")
        return self.shape[0]

    __bool__ = __iter__ = __getitem__ = __float__ = __int__ = __index__ = __call__ = _asked
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _asked
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __neg__ = __matmul__ = _asked
    __str__ = __repr__ = __format__ = __array__ = _asked

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unscheduled(f"attribute {name!r} of an array is read where the host walks a structure")


@dataclass(frozen=True, slots=True)
class Aval:
    """Shape, dtype and weak type of an array."""

    shape: tuple[int, ...]
    dtype: Any
    weak: bool

    @staticmethod
    def of(array: Any) -> Aval:
        """That of an array, or of what stands for one."""
        aval = jax.typeof(array)
        return Aval(tuple(aval.shape), np.dtype(aval.dtype), bool(getattr(aval, "weak_type", False)))

    @property
    def struct(self) -> jax.ShapeDtypeStruct:
        """As JAX's functions take it."""
        return jax.ShapeDtypeStruct(self.shape, self.dtype, weak_type=self.weak)


# What a template has for each leaf of what a piece takes or gives.


@dataclass(frozen=True, slots=True)
class Slot:
    """An array: of arguments the next one that is read, of results the one of this number."""

    aval: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """A Python number, or a NumPy array, that differs from row to row."""

    kind: type
    aval: Aval
    sample: Any = field(compare=False, default=0)
    number: int = field(compare=False, default=-1)


@dataclass(frozen=True, slots=True)
class Given:
    """One of the user's objects that all rows share, by its number."""

    index: int


@dataclass(frozen=True, slots=True)
class Same:
    """A value that is the same in all rows of a kind."""

    value: Any


@dataclass(frozen=True, slots=True)
class Passed:
    """A Python value that is handed through, by its number."""

    index: int
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A Python value that Python makes of the values of a row (`row`)."""

    expr: exprs.Expr


def row(number: int) -> Any:
    """Stands, in expressions, for a Python value of a row, by its number."""
    raise AssertionError(number)


def evaluate(expr: exprs.Expr, hosts: list[Any]) -> Any:
    """The value of an expression for the values of a row."""
    if isinstance(expr, exprs.Constant):
        return expr.value
    assert isinstance(expr, exprs.Apply)
    if expr.function is row:
        return hosts[expr.args[0].value]
    args = [evaluate(arg, hosts) for arg in expr.args]
    return expr.function(*args, **{name: evaluate(arg, hosts) for name, arg in expr.kwargs})


@dataclass(frozen=True, slots=True)
class Tree:
    """A list, tuple or dictionary of such."""

    cls: type
    parts: tuple[Any, ...]
    keys: tuple[Any, ...] = ()

    def rebuilt(self, parts: list[Any]) -> Any:
        """The container with these items."""
        if self.cls is dict:
            return dict(zip(self.keys, parts, strict=True))
        if hasattr(self.cls, "_fields"):
            return self.cls(*parts)
        return self.cls(parts)


def rebuild(template: Any, leaf: Callable[[Any], Any]) -> Any:
    """A value of a template's form, with its leaves made by a function."""
    if type(template) is Tree:
        return template.rebuilt([rebuild(part, leaf) for part in template.parts])
    return leaf(template)


@dataclass(eq=False)
class Kind:
    """A kind of array work.

    Attributes:
        index: its number.
        segment: the piece.
        args: a template for each argument.
        reads: the avals of the arrays that it reads, in order.
        hosts: the avals of the values that differ from row to row.
        result: template of what it gives.
        gives: avals of the arrays among them.
        chain: where it does no more than to add one array to another of the same aval (`chains`), so that a chain of
            rows can be computed as a whole: "+", "-" or "*"; else "".
    """

    index: int
    segment: Any
    args: tuple[Any, ...]
    reads: tuple[int, ...]
    hosts: tuple[Host, ...]
    result: Any
    gives: tuple[int, ...]
    chain: str = ""


@dataclass(eq=False, slots=True)
class Rows:
    """The rows of one kind in a recording, one after the other.

    Attributes:
        ints: level (if the kind goes in steps), numbers of what it gives, numbers of what it reads; for a chain that is
            one batch only the number of what it gives, and how many it reads.
        hosts: Python values.
        terms: what such a chain reads.
    """

    ints: list[int] = field(default_factory=list)
    hosts: list[Any] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)


class Recording:
    """The array work of one call.

    Args:
        kinds: how many kinds there are.
        order: in which the kinds are computed.
        handles: by aval, the class of handles.
        pools: by aval, handles of earlier recordings, to be used again.
        outer: the avals of the arrays that come from around the structure.
    """

    def __init__(
        self,
        kinds: int,
        order: Order,
        handles: list[type[Handle]],
        pools: list[list[Handle]],
        outer: Sequence[int],
    ):
        self.rows = [Rows() for _ in range(kinds)]
        self.objects: dict[int, Any] = {}
        self.given: dict[int, int] = {}
        self.order = order
        self.handles = handles
        self.pools = pools
        self.takers: list[Callable[[], Handle]] = []
        self.outer = [self.take(aval) for aval in outer]
        for handle in self.outer:
            handle.level = 0

    def share(self, objects: dict[int, Any]) -> None:
        """The user's objects that rows share, by number."""
        self.objects = objects
        self.given = {id(each): number for number, each in objects.items()}

    def take(self, aval: int) -> Handle:
        """The next handle of an aval."""
        return self.taker(aval)()

    def taker(self, aval: int) -> Callable[[], Handle]:
        """What gives the next handle of an aval."""
        while len(self.takers) <= aval:
            pool, cls = self.pools[len(self.takers)], self.handles[len(self.takers)]
            self.takers.append(itertools.chain(pool, _more(pool, cls)).__next__)
        return self.takers[aval]

    def spot(self, kind: Kind) -> Spot | None:
        """Where a kind is in the steps of its phase; one that is found just now is nowhere yet."""
        return self.order.spots[kind.index] if kind.index < len(self.order.spots) else None

    def add(self, kind: Kind, level: int, reads: list[int], hosts: list[Any]) -> Any:
        """Add a row; returns its result, with handles. What `recorders` makes for each kind does the same."""
        made = [self.take(aval) for aval in kind.gives]
        spot = self.spot(kind)
        level = spot.level(level) if spot is not None else 0
        for handle in made:
            handle.level = level
        if made:
            rows = self.rows[kind.index]
            rows.ints += [*([level] if spot is not None else ()), *(handle.number for handle in made), *reads]
            rows.hosts += hosts

        def leaf(part: Any) -> Any:
            if type(part) is Slot:
                return made[part.index]
            if type(part) is Passed:
                return hosts[part.index]
            if type(part) is Computed:
                return evaluate(part.expr, hosts)
            return self.objects[part.index] if type(part) is Given else part.value

        return rebuild(kind.result, leaf)


def _more(pool: list[Handle], cls: type[Handle]) -> Iterator[Handle]:
    """Handles that no recording has asked for before."""
    while True:
        pool.append(cls(len(pool)))
        yield pool[-1]


class Reader:
    """Reads the arguments of a piece: the key of their kind, and what its row has.

    Attributes:
        key: what tells kinds apart.
        reads: numbers of the arrays.
        hosts: Python values that differ from row to row.
        level: the highest of the arrays.
    """

    __slots__ = ("fixed", "hosts", "key", "level", "number_of", "reads", "seen")

    def __init__(self, segment: int, number_of: Callable[[Any], int | None], fixed: frozenset[int]):
        self.key: list[Any] = [segment]
        self.reads: list[int] = []
        self.hosts: list[Any] = []
        self.level = 0
        self.number_of = number_of
        self.fixed = fixed  # numbers of values that tell kinds apart, though others of their type do not
        self.seen = 0

    def read(self, value: Any) -> None:
        """Take in one argument."""
        cls = type(value)
        if issubclass(cls, Handle):
            value = value.done()
            self.key.append(value.aval)
            self.reads.append(value.number)
            if value.level > self.level:
                self.level = value.level
        elif cls is int or cls is float:
            self.seen += 1
            if self.seen - 1 in self.fixed:
                self.key.append(Same(value))
            else:
                self.key.append(cls)
                self.hosts.append(value)
        elif value is None or cls is bool or cls is str:
            self.key.append((cls, value))
        elif cls is list or cls is tuple:
            self.key.append((cls, len(value)))
            for each in value:
                self.read(each)
        elif cls is dict:
            self.key.append((cls, tuple(value)))
            for each in value.values():
                self.read(each)
        else:
            self._other(cls, value)

    def _other(self, cls: type, value: Any) -> None:
        known = self.number_of(value)
        if known is not None:
            self.key.append(Given(known))
        elif isinstance(value, np.ndarray | np.generic | jax.Array):
            value = np.asarray(value)
            self.key.append((np.ndarray, value.shape, value.dtype))
            self.hosts.append(value)
        elif isinstance(value, tuple) and hasattr(cls, "_fields"):
            self.key.append((cls, len(value)))
            for each in value:
                self.read(each)
        elif isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType):
            self.key.append(Same(value))
        else:
            raise Strange(value)


class Strange(Exception):
    """A value of which a piece cannot be told what it is: an object of the user's that is not known yet."""

    def __init__(self, value: Any):
        super().__init__(type(value).__name__)
        self.value = value
