"""What the host does ahead of the device: handles for arrays, and a recording of the array work that it would start.

A *kind* of array work is a piece of a function with the shapes that it gets. The recording has a row for each time
that a kind comes up: which arrays it reads, by number, which Python values, and its level: one more than that of what
it reads. Rows of one kind and level are independent of each other.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from janusx.signals import Unscheduled
from janusx.state import exprs


class Missed(KeyError):
    """A recording is not what a program was made for: another kind of work, more of it, or other results."""


class Handle:
    """An array that is not computed yet. The host may hand it on, and nothing else. An aval has a class of its own."""

    __slots__ = ("level", "number")
    aval: int
    shape: tuple[int, ...]

    def __init__(self, level: int, number: int):
        self.level = level
        self.number = number

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
    """

    index: int
    segment: Any
    args: tuple[Any, ...]
    reads: tuple[int, ...]
    hosts: tuple[Host, ...]
    result: Any
    gives: tuple[int, ...]

    @property
    def free(self) -> bool:
        """Whether it reads no array, so that all its rows can be computed at once before the others."""
        return not self.reads


@dataclass(eq=False, slots=True)
class Rows:
    """The rows of one kind in a recording: level, number and what it reads, one after the other; and Python values."""

    ints: list[int] = field(default_factory=list)
    hosts: list[Any] = field(default_factory=list)


class Recording:
    """The array work of one call.

    Args:
        kinds: how many kinds there are.
        objects: the user's objects that rows share, by number.
        outer: how many arrays come from around the structure; they have the first numbers.
        stride: how many numbers a row has: one for each array that it gives.
        handles: by aval, the class of handles.
    """

    def __init__(self, kinds: int, objects: dict[int, Any], outer: int, stride: int, handles: list[type[Handle]]):
        self.rows = [Rows() for _ in range(kinds)]
        self.objects = objects
        self.given = {id(each): number for number, each in objects.items()}
        self.outer = outer
        self.stride = stride
        self.handles = handles
        self.next_row = itertools.count(outer).__next__

    def add(self, kind: Kind, level: int, reads: list[int], hosts: list[Any]) -> Any:
        """Add a row; returns its result, with handles. What `recorders` makes for each kind does the same."""
        row = 0
        if kind.gives:
            row = self.next_row()
            level = level + 1 if reads else 0
            rows = self.rows[kind.index]
            rows.ints += (level, row, *reads)
            rows.hosts += hosts
        first = row * self.stride

        def leaf(part: Any) -> Any:
            if type(part) is Slot:
                return self.handles[part.aval](level, first + part.index)
            if type(part) is Passed:
                return hosts[part.index]
            if type(part) is Computed:
                return evaluate(part.expr, hosts)
            return self.objects[part.index] if type(part) is Given else part.value

        return rebuild(kind.result, leaf)


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
