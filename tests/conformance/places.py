"""Every place reachable from a function at which somebody outside could change something, found by walking it.

What a guard must watch is not written down by hand: `places` walks defaults, closure cells, used globals,
attributes, class attributes and items; `variations` says what else could stand there. A place is found again in
another world by its steps.
"""

from __future__ import annotations

import collections
import copy
import enum
import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tests.conformance.walk import PRIVATE, is_library, unwrapped


@dataclass(frozen=True)
class Step:
    """One step from an owner to what it holds; how to read it there and to write it."""

    kind: str
    key: Any

    def read(self, owner: Any) -> Any:
        owner = unwrapped(owner)
        match self.kind:
            case "attribute":
                return vars(owner)[self.key] if isinstance(owner, type) else getattr(owner, self.key)
            case "item":
                return owner[self.key]
            case "class":
                return type(owner)
            case "cell":
                return owner.__closure__[owner.__code__.co_freevars.index(self.key)].cell_contents
            case "global":
                return owner.__globals__[self.key]
            case "default":
                return owner.__defaults__[self.key]
            case "keyword default":
                return owner.__kwdefaults__[self.key]
            case "function":
                return getattr(owner, self.key)
        raise AssertionError(self.kind)

    def write(self, owner: Any, value: Any) -> None:
        owner = unwrapped(owner)
        match self.kind:
            case "attribute" if isinstance(owner, (type, types.ModuleType)):
                setattr(owner, self.key, value)
            case "attribute":
                object.__setattr__(owner, self.key, value)  # frozen dataclasses too
            case "item":
                owner[self.key] = value
            case "cell":
                owner.__closure__[owner.__code__.co_freevars.index(self.key)].cell_contents = value
            case "global":
                owner.__globals__[self.key] = value
            case "default":
                values = list(owner.__defaults__)
                values[self.key] = value
                owner.__defaults__ = tuple(values)
            case "keyword default":
                owner.__kwdefaults__[self.key] = value
            case _:
                raise AssertionError(self.kind)

    @property
    def writable(self) -> bool:
        return self.kind not in ("class", "function")

    def __str__(self) -> str:
        return (
            f"[{self.key!r}]"
            if self.kind == "item"
            else f".{self.key}"
            if self.kind == "attribute"
            else f" {self.kind} {self.key}"
        )


@dataclass(frozen=True)
class Place:
    """A place, by the steps from the root to it."""

    steps: tuple[Step, ...]

    def read(self, root: Any) -> Any:
        for step in self.steps:
            root = step.read(root)
        return root

    def write(self, root: Any, value: Any) -> None:
        *before, last = self.steps
        owner = Place(tuple(before)).read(root)
        if last.kind == "item" and isinstance(owner, tuple):
            Place(tuple(before)).write(root, (*owner[: last.key], value, *owner[last.key + 1 :]))
        else:
            last.write(owner, value)

    def delete(self, root: Any) -> None:
        owner = Place(self.steps[:-1]).read(root)
        (delattr if isinstance(owner, (type, types.ModuleType)) else object.__delattr__)(owner, self.steps[-1].key)

    def __str__(self) -> str:
        return "".join(map(str, self.steps)).strip()


@dataclass(frozen=True)
class Variation:
    """One thing that could be otherwise: `apply` changes it in a world's root."""

    said: str
    apply: Callable[[Any], None]

    def __str__(self) -> str:
        return self.said


def places(root: Any) -> Iterator[tuple[Place, Any]]:
    """Yields every place below `root`, a function, with what stands there; each object is entered once."""
    entered: set[int] = set()
    todo: list[tuple[Place, Any]] = [(Place(()), root)]
    while todo:
        place, value = todo.pop(0)
        value = unwrapped(value)
        if place.steps:
            yield place, value
        if id(value) in entered or _is_closed(value):
            continue
        entered.add(id(value))
        todo += [(Place((*place.steps, step)), step.read(value)) for step in _steps(value)]


def variations(place: Place, value: Any) -> Iterator[Variation]:
    """Yields what else could stand at a place, and what could change in an object that stays there."""

    def rebound(said: str, make: Callable[[Any], Any]) -> Variation:
        return Variation(f"{place} {said}", lambda root: place.write(root, make(place.read(root))))

    def mutated(said: str, change: Callable[[Any], Any]) -> Variation:
        return Variation(f"{place} {said}", lambda root: _forget(change(place.read(root))))

    if place.steps[-1].writable:
        for said, make in _replacements(value):
            yield rebound(said, make)
    for said, change in _mutations(value):
        yield mutated(said, change)
    if place.steps[-1].kind == "attribute" and not isinstance(value, types.FunctionType):
        yield Variation(f"{place} is deleted", place.delete)


def _forget(_: Any) -> None:
    return None


OPEN = (
    list,
    dict,
    set,
    tuple,
    collections.deque,
    functools.partial,
    types.MethodType,
    property,
    staticmethod,
    classmethod,
    types.SimpleNamespace,
    nnx.Module,
    nnx.Optimizer,
)
"""Objects of library's types that hold what is the user's."""


def _is_closed(value: Any) -> bool:
    if isinstance(value, (types.FunctionType, type, types.ModuleType)):
        named = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
        return is_library(named) or isinstance(value, enum.EnumMeta)
    return isinstance(value, (jax.Array, np.ndarray, enum.Enum)) or (
        is_library(type(value).__module__) and not isinstance(value, OPEN)
    )


def _steps(value: Any) -> Iterator[Step]:
    match value:
        case types.FunctionType():
            yield from (Step("cell", name) for name in value.__code__.co_freevars)
            yield from (Step("global", name) for name in value.__code__.co_names if name in value.__globals__)
            yield from (Step("default", index) for index in range(len(value.__defaults__ or ())))
            yield from (Step("keyword default", name) for name in value.__kwdefaults__ or ())
        case types.MethodType() | staticmethod() | classmethod():
            yield Step("function", "__func__")
        case property():
            yield Step("function", "fget")
        case type() | types.ModuleType():
            special = ("__call__", "__getattr__", "__init__")
            own = (name for name in vars(value) if not name.startswith("__") or name in special)
            names = (name for name in own if name not in PRIVATE and not name.startswith("_pytree__"))
            yield from (Step("attribute", name) for name in names)
        case functools.partial():
            yield from (Step("function", name) for name in ("func", "keywords"))
        case list() | tuple() | collections.deque():
            yield from (Step("item", index) for index in range(len(value)))
        case dict():
            yield from (Step("item", key) for key in value)
        case _:
            slots = (name for base in type(value).__mro__ for name in base.__dict__.get("__slots__", ()))
            names = (name for name in (*getattr(value, "__dict__", ()), *slots) if hasattr(value, name))
            yield from (Step("attribute", name) for name in names if name not in PRIVATE)
            yield Step("class", type(value).__name__)


_Made = Iterator[tuple[str, Callable[[Any], Any]]]


def _replacements(value: Any) -> _Made:
    match value:
        case bool():
            yield "negated", lambda v: not v
        case int():
            yield "plus one", lambda v: v + 1
            yield "as a float", float
        case float():
            yield "times 1.5", lambda v: v * 1.5
            yield "as an array", jnp.asarray
        case str():
            yield "another text", lambda v: "tanh" if v != "tanh" else "relu"
        case None:
            yield "is 2.0", lambda v: 2.0
        case jax.Array():
            yield "plus one", lambda v: v + 1
            yield "of another dtype", lambda v: v.astype(jnp.int32)
            yield "of another shape", lambda v: v[:1]
            yield "a Python float", lambda v: 3.0
        case np.ndarray():
            yield "times two", lambda v: v * 2
        case list():
            yield "a longer copy", lambda v: [*v, v[-1]]
            yield "reversed", lambda v: v[::-1]
        case collections.deque():
            yield "a longer copy", lambda v: collections.deque([*v, v[-1]], v.maxlen)
            yield "a list", list
        case set():
            yield "empty", lambda v: set()
        case enum.Enum():
            yield (
                "another member",
                lambda v: next(each for each in vars(type(v))["_member_map_"].values() if each is not v),
            )
        case tuple() if getattr(value, "_fields", ()):
            yield "with another field", lambda v: v._replace(**{v._fields[0]: 7.0})
        case tuple():
            yield "shorter", lambda v: v[:-1]
        case dict():
            yield "a copy without its first item", lambda v: dict(list(v.items())[1:])
        case types.FunctionType():
            yield "another function", lambda v: lambda *args, **kwargs: args[-1] * 7
        case property():
            yield "another property", lambda v: property(lambda self: jnp.full((3,), 9.0))
        case staticmethod():
            yield "another static method", lambda v: staticmethod(lambda x: x * 9)
        case types.ModuleType():
            yield "another module", lambda v: types.SimpleNamespace(**{**vars(v), "tanh": lambda x: x - 1})
        case enum.EnumMeta() | nnx.Variable():
            pass
        case type():
            yield "a subclass", lambda v: type("Other", (v,), {})
        case _ if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
            if isinstance(value, (property, staticmethod, classmethod, types.GetSetDescriptorType)):
                return
            yield "a copy", copy.copy
            yield "None", lambda v: None


def _mutations(value: Any) -> _Made:
    match value:
        case list():
            yield "grew", lambda v: v.append(v[-1])
            yield "shrank", lambda v: v.pop(0)
        case collections.deque():
            yield "grew", lambda v: v.append(v[0])
            yield "rotated", lambda v: v.rotate(1)
        case set():
            yield "grew", lambda v: v.add("zzz")
            yield "was emptied", lambda v: v.clear()
        case nnx.Variable():
            yield "times two", lambda v: v.set_value(v.get_value() * 2)
            yield "of another dtype", lambda v: v.set_value(v.get_value().astype(jnp.float16))
        case dict():
            yield "grew", lambda v: v.update({"zzz": next(iter(v.values()), None)})
            yield "lost an item", lambda v: v.pop(next(iter(v)))
        case np.ndarray():
            yield "filled in place", lambda v: v.fill(4)
        case _ if hasattr(value, "__dict__") and not _is_closed(value) and not callable(value):
            if not isinstance(value, (type, types.ModuleType)):
                yield "has one more attribute", lambda v: v.__dict__.update(zzz=1)
