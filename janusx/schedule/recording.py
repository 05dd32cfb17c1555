"""What the host does ahead of the device: handles for arrays, and a recording of the array work that it would start.

A *kind* of array work is a piece of a function with the shapes that it gets. The recording has a row for each time
that a kind comes up: its lane, the places of the arrays that it reads, and its Python values. Lanes are given out on
the way: where kinds recurse (`order`), a row goes into the first step after what it reads that has a lane left.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from janusx.schedule.order import Spot
from janusx.signals import Unscheduled
from janusx.state import exprs


class Missed(KeyError):
    """A recording is not what a program was made for: another kind of work, more of it, or other results."""


class Handle:
    """An array that is not computed yet. The host may hand it on, and nothing else. An aval has a class of its own.

    Attributes:
        level: when it is computed, among what recurses (`order.Spot`).
        slot: its place in the buffer of its aval.
        kind: what gives it, noted while a program is made.
    """

    __slots__ = ("kind", "level", "slot")
    aval: int
    shape: tuple[int, ...]

    def __init__(self, slot: int = 0):
        self.level = 0
        self.slot = slot
        self.kind = -1

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
    """Shape, dtype and weak type of an array; for typed PRNG keys also how they are made."""

    shape: tuple[int, ...]
    dtype: Any
    weak: bool
    impl: Any = None

    @staticmethod
    def of(array: Any) -> Aval:
        """That of an array, or of what stands for one."""
        aval = jax.typeof(array)
        if jnp.issubdtype(aval.dtype, jax.dtypes.prng_key):
            return Aval(tuple(aval.shape), aval.dtype, False, jax.random.key_impl(array))
        return Aval(tuple(aval.shape), np.dtype(aval.dtype), bool(getattr(aval, "weak_type", False)))

    @property
    def struct(self) -> jax.ShapeDtypeStruct:
        """As JAX's functions take it."""
        return jax.ShapeDtypeStruct(self.shape, self.dtype, weak_type=self.weak)

    @property
    def stored(self) -> tuple[tuple[int, ...], Any]:
        """Shape and dtype of what a buffer has for it: of keys the numbers."""
        if self.impl is None:
            return self.shape, self.dtype
        numbers = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0, impl=self.impl)))
        return (*self.shape, *numbers.shape), numbers.dtype

    def store(self, array: Any) -> Any:
        """What a buffer has for an array, or for many."""
        return array if self.impl is None else jax.random.key_data(array)

    def load(self, stored: Any) -> Any:
        """The array again."""
        return stored if self.impl is None else jax.random.wrap_key_data(stored, impl=self.impl)


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
class Lent:
    """A list or dictionary of a function around the walk, by number: each recording has one of its own."""

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
        ints: the lane, and the places of what it reads; for a chain that is one batch how many terms it has.
        hosts: Python values.
        terms: what such a chain reads.
    """

    ints: list[int] = field(default_factory=list)
    hosts: list[Any] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Lanes:
    """The lanes of one kind, for one recording.

    Attributes:
        spot: where it is in the steps of its phase; None where all rows are one batch.
        left: of the first level and of each step, how many lanes are left.
        rows: of each, the number of its first lane in the tables of the kind.
        starts: for each result, and of each step, the place of what the first lane gives; of a batch only the first.
        next: of a batch, the next lane.
    """

    spot: Spot | None
    left: Any = ()
    rows: Any = ()
    starts: Sequence[Any] = ()
    next: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def take(self, level: int) -> tuple[int, int, list[int]]:
        """A lane for a row that reads nothing above a level: its number and level, and the places of its results."""
        spot, left = self.spot, self.left
        if spot is None:
            lane = self.next()
            return lane, 0, [start + lane for start in self.starts]
        step = spot.step(level)
        while not left[step]:
            step += 1
        left[step] -= 1
        lane = left[step]
        return self.rows[step] + lane, spot.level(step), [starts[step] + lane for starts in self.starts]


class Recording:
    """The array work of one call.

    Args:
        kinds: how many kinds there are.
        lanes: by kind.
        handles: by aval, the class of handles.
        pools: by aval, handles of earlier recordings, to be used again.
        outer: the avals of the arrays that come from around the structure.
        edges: notes how often which kind reads what another one gives.
    """

    def __init__(
        self,
        kinds: int,
        lanes: Sequence[Lanes],
        handles: list[type[Handle]],
        pools: list[list[Handle]],
        outer: Sequence[int],
        edges: dict[tuple[int, int], int] | None = None,
    ):
        self.rows = [Rows() for _ in range(kinds)]
        self.objects: dict[int, Any] = {}
        self.given: dict[int, int] = {}
        self.lent: dict[int, Any] = {}  # by `id`: containers that are this recording's own
        self.lanes = lanes
        self.handles = handles
        self.pools = pools
        self.edges = edges
        self.once: dict[int, Handle] = {}  # by kind that reads nothing: its one row
        self.takers: list[Callable[[], Handle]] = []
        self.outer = [self.take(aval) for aval in outer]
        ranks: dict[int, int] = {}
        for handle in self.outer:
            handle.level, handle.slot, handle.kind = 0, ranks.get(handle.aval, 0), -1
            ranks[handle.aval] = handle.slot + 1

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

    def lanes_of(self, kind: Kind) -> Lanes:
        """The lanes of a kind; one that is found just now has none of its own yet."""
        if kind.index < len(self.lanes):
            return self.lanes[kind.index]
        return Lanes(None, starts=[0] * len(kind.gives))

    def note(self, kind: Kind, read: Sequence[Handle]) -> None:
        """Note what a row reads."""
        if self.edges is not None:
            for each in read:
                if each.kind >= 0:
                    key = each.kind, kind.index
                    self.edges[key] = self.edges.get(key, 0) + 1

    def row(self, kind: Kind, level: int, reads: Sequence[int]) -> list[Handle]:
        """Add a row; returns what it gives."""
        lane, level, slots = self.lanes_of(kind).take(level)
        made = []
        for aval, slot in zip(kind.gives, slots, strict=True):
            handle = self.take(aval)
            handle.level, handle.slot, handle.kind = level, slot, kind.index
            made.append(handle)
        self.rows[kind.index].ints += (lane, *reads)
        return made

    def add(self, kind: Kind, reads: Sequence[Handle], hosts: list[Any]) -> Any:
        """Add a row; returns its result, with handles. What `recorders` makes for each kind does the same."""
        made: list[Handle] = []
        if kind.gives and not reads and not hosts and type(kind.result) is Slot:
            if kind.index not in self.once:
                (self.once[kind.index],) = self.row(kind, 0, ())
            return self.once[kind.index]
        if kind.gives:
            self.note(kind, reads)
            level = max((each.level for each in reads), default=0)
            made = self.row(kind, level, [each.slot for each in reads])
            self.rows[kind.index].hosts += hosts

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
        pool.append(cls())
        yield pool[-1]


class Reader:
    """Reads the arguments of a piece: the key of their kind, and what its row has.

    Attributes:
        key: what tells kinds apart.
        reads: the arrays.
        hosts: Python values that differ from row to row.
    """

    __slots__ = ("fixed", "hosts", "key", "number_of", "reads", "seen")

    def __init__(self, segment: int, number_of: Callable[[Any], int | None], fixed: frozenset[int]):
        self.key: list[Any] = [segment]
        self.reads: list[Handle] = []
        self.hosts: list[Any] = []
        self.number_of = number_of
        self.fixed = fixed  # numbers of values that tell kinds apart, though others of their type do not
        self.seen = 0

    def read(self, value: Any) -> None:
        """Take in one argument."""
        cls = type(value)
        if issubclass(cls, Handle):
            value = value.done()
            self.key.append(value.aval)
            self.reads.append(value)
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
