"""Paths: where a value lives. One path drives the generated guard, its message and the write-back.

The idea of one object per value that serves all three is TorchDynamo's (`torch/_dynamo/source.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Step:
    """One step from an object to a value that it holds."""

    __slots__ = ()

    def show(self) -> str:
        """How the step reads in a message: `.kernel`, `[2]`."""
        raise NotImplementedError

    def of(self, value: Any) -> Any:
        """Take the step from a live object."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Attr(Step):
    """An entry of an instance's `__dict__`."""

    name: str

    def show(self) -> str:
        return f".{self.name}"

    def of(self, value: Any) -> Any:
        return object.__getattribute__(value, "__dict__")[self.name]


@dataclass(frozen=True, slots=True)
class Slot(Step):
    """A `__slots__` member; `owner` is the class that declares it."""

    name: str

    def show(self) -> str:
        return f".{self.name}"

    def of(self, value: Any) -> Any:
        return object.__getattribute__(value, self.name)


@dataclass(frozen=True, slots=True)
class Field(Step):
    """An attribute read by plain `getattr`, of functions, partials, methods and namespaces (classes, modules)."""

    name: str

    def show(self) -> str:
        return f".{self.name}"

    def of(self, value: Any) -> Any:
        return getattr(value, self.name)


@dataclass(frozen=True, slots=True)
class Member(Step):
    """An entry of a class's or a module's `__dict__`, without the descriptor protocol."""

    name: str

    def show(self) -> str:
        return f".{self.name}"

    def of(self, value: Any) -> Any:
        return value.__dict__[self.name]


@dataclass(frozen=True, slots=True)
class Named(Step):
    """A keyword argument of a `functools.partial`."""

    name: str

    def show(self) -> str:
        return f".keywords[{self.name!r}]"

    def of(self, value: Any) -> Any:
        return value.keywords[self.name]


@dataclass(frozen=True, slots=True)
class Index(Step):
    """An element of a list, a tuple or a deque."""

    index: int

    def show(self) -> str:
        return f"[{self.index}]"

    def of(self, value: Any) -> Any:
        return value[self.index]


@dataclass(frozen=True, slots=True)
class Key(Step):
    """A dictionary's value. The key's type is part of the step: `d[1]` is not `d[True]` in a message or a guard."""

    key: Any
    key_type: type

    def show(self) -> str:
        return f"[{self.key!r}]"

    def of(self, value: Any) -> Any:
        return value[self.key]


@dataclass(frozen=True, slots=True)
class Contents(Step):
    """What a closure cell holds."""

    def show(self) -> str:
        return ""

    def of(self, value: Any) -> Any:
        return value.cell_contents


@dataclass(frozen=True, slots=True)
class Closure(Step):
    """A function's closure cell; a message calls it by the variable's name."""

    index: int
    name: str

    def show(self) -> str:
        return self.name

    def of(self, value: Any) -> Any:
        return value.__closure__[self.index]


@dataclass(frozen=True, slots=True)
class Argument(Step):
    """A root: a positional argument, by index, with the parameter's name for messages."""

    index: int
    name: str

    def show(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Keyword(Step):
    """A root: a keyword argument."""

    name: str

    def show(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Anchor(Step):
    """A root: an object that a program may hold on to (a class, a module, a module's globals, a function)."""

    name: str
    ident: int

    def show(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Global(Step):
    """A name in a module's globals."""

    name: str

    def show(self) -> str:
        return self.name

    def of(self, value: Any) -> Any:
        return value[self.name]


@dataclass(frozen=True, slots=True)
class Path:
    """A root and the steps from it. Hashable, so that an assumption can be kept by path."""

    steps: tuple[Step, ...]

    def __truediv__(self, step: Step) -> Path:
        return Path((*self.steps, step))

    @property
    def root(self) -> Step:
        return self.steps[0]

    def __str__(self) -> str:
        # A closure variable is known by its own name: what function holds its cell only lengthens the message.
        start = max((i for i, step in enumerate(self.steps) if isinstance(step, Closure)), default=0)
        return "".join(step.show() for step in self.steps[start:])


def root(step: Step) -> Path:
    """The path of a root."""
    return Path((step,))
