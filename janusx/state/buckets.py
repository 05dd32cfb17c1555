"""Arrays that are padded to buckets: what stands for them in a program, and how a call's arguments are padded.

Code sees an array of the true length. What it cannot do with one that is padded, for every length, ends the attempt.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from janusx.signals import Unbucketed, Unsupported
from janusx.state import kinds
from janusx.state.paths import Attr, Step

if TYPE_CHECKING:
    from janusx.guards.codegen import Writer

LENGTH = Attr("length")
LEAST = 8


def bucket(length: int) -> int:
    """The next power of two, or one and a half of one: at most a third of the rows is padding."""
    if length == 0:
        return 0
    size = max(LEAST, 1 << (length - 1).bit_length())
    return size * 3 // 4 if length <= size * 3 // 4 and size > LEAST else size


class Bucketed:
    """Stands for an array whose first axis is padded.

    Attributes:
        padded: the array, whose rows from `length` on are those that are there already, once more.
        length: how long it truly is.
        original: the array before it was padded, of an argument.
        where: the site by which its room is known, of an array that grows in a loop: only the run knows its length.
    """

    def __init__(self, padded: Any, length: Any, original: Any = None, where: Any = None):
        self.padded = padded
        self.length = length
        self.original = original
        self.where = where

    def like(self, padded: Any) -> Bucketed:
        """Another array of this length."""
        return Bucketed(padded, self.length, where=self.where)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The true shape."""
        return (self.length, *self.padded.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.padded.ndim)

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.padded.dtype

    def __getitem__(self, index: Any) -> Any:
        return _op("item")(self, index)

    def __matmul__(self, other: Any) -> Any:
        return _op("matmul")(operator.matmul, self, other)

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda *args, **kwargs: _op("reduce")(name, self, *args, **kwargs)
        if name == "astype":
            return lambda dtype: self.like(self.padded.astype(dtype))
        if name.startswith("__") and name != "__jax_array__":
            raise AttributeError(name)
        return self.end(f"it is given whole to a function, or its {name} is used")

    def end(self, reason: str) -> Any:
        """End the attempt. Of what only the run knows the statement is left to Python."""
        if self.where is None:
            raise Unbucketed(reason)
        raise Unsupported(f"an array has as many rows as only the run will show, and {reason}")

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        """End the attempt."""
        return self.end("it is used in a way that is not known to be right for every length")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = __len__ = __setitem__ = refuse
    __contains__ = __rmatmul__ = __divmod__ = __rdivmod__ = __reversed__ = __delitem__ = __copy__ = refuse
    __hash__ = None  # type: ignore[assignment]


REDUCTIONS = frozenset("sum mean prod max min any all".split())
_BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift".split()
_COMPARISONS = "eq ne lt le gt ge".split()


def _op(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("janusx.ops.buckets"), name)  # type: ignore[no-any-return]


def _forward(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: _op("elementwise")(function, self, other)


def _backward(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: _op("elementwise")(function, other, self)


for _name in _BINARY:
    _function = getattr(operator, _name, None) or getattr(operator, f"{_name}_")
    setattr(Bucketed, f"__{_name}__", _forward(_function))
    setattr(Bucketed, f"__r{_name}__", _backward(_function))
for _name in _COMPARISONS:
    setattr(Bucketed, f"__{_name}__", _forward(getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Bucketed, f"__{_name}__", lambda self, _name=_name: _op("elementwise")(getattr(operator, _name), self))


class BucketedKind(kinds.Kind):
    """Its fields are the padded array and the length. `where` is no field of an argument's."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        found: list[tuple[Step, Any]] = [(Attr("padded"), value.padded), (LENGTH, value.length)]
        return found if value.where is None else [*found, (Attr("where"), value.where)]

    def shell(self, value: Any) -> Any:
        return Bucketed(None, None)

    def fill(self, shell: Any, fields: kinds.Fields) -> None:
        shell.padded, shell.length, shell.where = [value for _, value in fields] + [None] * (3 - len(fields))

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        return lambda step: f"{var}.{step.name}"  # type: ignore[attr-defined]


class GrownKind(BucketedKind):
    """Of an array that grows: a value like any array, of which each trip has another."""

    mutable = False


BUCKETED, GROWN = BucketedKind(), GrownKind()


def cut(padded: Any, length: Any) -> Any:
    """What commit makes of one that leaves the program."""
    return padded[: int(length)]


@dataclass(frozen=True)
class Buckets:
    """Which arguments of a function are padded, by name and by position."""

    names: frozenset[str]
    positions: frozenset[int]

    def arranged(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, those to pad as `Bucketed`."""
        found = [self._padded(value) if i in self.positions else value for i, value in enumerate(args)]
        named = {name: self._padded(value) if name in self.names else value for name, value in kwargs.items()}
        return tuple(found), named

    def around(self, gather: Callable[..., Any]) -> Callable[..., Any]:
        """A gather function for arguments that are not padded yet."""

        def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return gather(*self.arranged(args, kwargs))

        return run

    def _padded(self, value: Any) -> Any:
        if not may_be_padded(value):
            return value
        length = value.shape[0]
        missing = bucket(length) - length
        if not missing:
            return Bucketed(value, length, value)
        # In NumPy: JAX would compile a program for each length.
        rows = np.asarray(value)
        return Bucketed(jnp.asarray(np.concatenate([rows, np.repeat(rows[-1:], missing, 0)])), length, value)


def may_be_padded(value: Any) -> bool:
    """Whether an argument is an array that can be padded."""
    return (
        isinstance(value, jax.Array)
        and not isinstance(value, Tracer)
        and value.ndim > 0
        and not jax.typeof(value).weak_type
        and not jnp.issubdtype(value.dtype, jax.dtypes.extended)
        and len(value.sharding.device_set) == 1
    )
