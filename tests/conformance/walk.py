"""A canonical walk of everything reachable from a value: what two runs of one program are compared by.

`observe` turns live objects into plain facts: a path (`world.model.layers[2].w`) and what is found there. Two worlds
that were built alike and went through the same calls give the same facts; `differences` says where they do not.
"""

from __future__ import annotations

import collections
import enum
import functools
import io
import logging
import random
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.core import Tracer

# Functions and classes of these packages are named, not entered: they hold no state of the user's.
LIBRARIES = frozenset({"jax", "jaxlib", "flax", "optax", "equinox", "numpy", "gymnasium", "jaxtyping", "janusx"})

# Bookkeeping that a library keeps on its objects and that says nothing to a user.
PRIVATE = frozenset({"_pytree__state", "_pytree__nodes", "_object__state", "_abc_impl", "__weakref__", "__dict__"})

# A longer container is host data, not state: its length and a few items are looked at.
LARGE = 1000
SAMPLE = 16

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_ATOMS = (type(None), bool, int, str, bytes, type(Ellipsis), type(NotImplemented), slice, range, np.dtype)


@dataclass(frozen=True)
class Tolerance:
    """How closely numbers agree. Python's floats may be asked to agree exactly: they are computed by Python."""

    relative: float = 1e-5
    absolute: float = 1e-6
    exact_floats: bool = False

    def close(self, one: np.ndarray, other: np.ndarray, *, python: bool) -> bool:
        if python and self.exact_floats:
            return bool(np.array_equal(one, other, equal_nan=True))
        return bool(np.allclose(one, other, rtol=self.relative, atol=self.absolute, equal_nan=True))


@dataclass(frozen=True)
class Fact:
    """What is found at one path: `kind` is the exact type, `text` the value, `number` what a tolerance applies to."""

    kind: str
    text: str = ""
    number: np.ndarray | None = field(default=None, compare=False)

    def agrees(self, other: Fact, tolerance: Tolerance) -> bool:
        if self.kind != other.kind:
            return False
        if self.number is None or other.number is None:
            return self.text == other.text
        return tolerance.close(self.number, other.number, python=self.kind in ("float", "complex"))

    def __str__(self) -> str:
        return f"{self.kind} {self.text}".rstrip()


Facts = Mapping[str, Fact]


@dataclass
class Observation:
    """The facts of one walk and, for the next walk, the objects that have an identity, by path."""

    facts: dict[str, Fact] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)


def observe(
    roots: Mapping[str, Any],
    *,
    weak_types: bool = True,
    arrays_by_identity: bool = False,
    before: Mapping[str, Any] = {},
) -> Observation:
    """Walks `roots` in order, by name.

    Args:
      roots: what to look at; the name begins the path.
      weak_types: whether an array's weak type is part of its kind.
      arrays_by_identity: whether two names for one `jax.Array` are told from two equal arrays. A program that returns
        either its argument or a new array, by a predicate on arrays, cannot keep that apart when it is compiled.
      before: the `objects` of the walk before: each is told as where it is now, or walked where nothing leads to it
        any more (somebody outside may still hold it).

    Returns:
      Facts by path, and the objects for the next walk.
    """
    walker = _Walker(weak_types=weak_types, arrays_by_identity=arrays_by_identity)
    for name, value in roots.items():
        walker.walk(value, name)
    objects = dict(walker.seen.objects)
    for path, value in before.items():
        walker.walk(value, f"(before) {path}")
    return Observation(walker.seen.facts, objects)


def differences(expected: Facts, found: Facts, tolerance: Tolerance = Tolerance()) -> Iterator[str]:
    """Yields a line a path on which `found` differs from `expected`, in the order of the walk."""
    for path, fact in expected.items():
        if path not in found:
            yield f"{path}: {fact} in plain Python, missing when converted"
        elif not fact.agrees(found[path], tolerance):
            yield f"{path}: {fact} in plain Python, {found[path]} when converted"
    for path, fact in found.items():
        if path not in expected:
            yield f"{path}: missing in plain Python, {fact} when converted"


def unwrapped(value: Any) -> Any:
    """The user's function behind a converted one; any other value as it is."""
    while type(value).__module__.partition(".")[0] == "janusx" and hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return value


def is_library(module: str | None) -> bool:
    """Whether a module is of the standard library or one of `LIBRARIES`."""
    top = (module or "builtins").partition(".")[0]
    return top in LIBRARIES or top in sys.stdlib_module_names


def _type_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(array: np.ndarray) -> str:
    return np.array2string(array, precision=6, threshold=12, separator=", ").replace("\n", "")


@dataclass
class _Walker:
    weak_types: bool
    arrays_by_identity: bool
    seen: Observation = field(default_factory=Observation)
    names: dict[int, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)

    def walk(self, value: Any, path: str) -> None:
        value = unwrapped(value)
        for kinds, visit in _VISITORS:
            if isinstance(value, kinds):
                return visit(self, value, path)
        return _visit_object(self, value, path)

    def note(self, path: str, kind: str, text: str = "", number: np.ndarray | None = None) -> None:
        self.seen.facts[path] = Fact(kind, text, number)

    def is_new(self, value: Any, path: str) -> bool:
        """Whether this object is met for the first time; if not, the fact is where it was met."""
        first = self.names.setdefault(id(value), path)
        if first != path:
            self.note(path, "the same object as", first)
            return False
        self.kept.append(value)  # keeps the id from being used again during the walk
        self.seen.objects[path] = value
        return True


def _visit_float(walker: _Walker, value: Any, path: str) -> None:
    walker.note(path, _type_name(type(value)), repr(value), np.asarray(value))


def _visit_atom(walker: _Walker, value: Any, path: str) -> None:
    walker.note(path, _type_name(type(value)), repr(value))


def _visit_array(walker: _Walker, value: jax.Array, path: str) -> None:
    if isinstance(value, Tracer):
        walker.note(path, "a leaked tracer", str(value))
        return
    if value.is_deleted():
        walker.note(path, "a deleted array", "")
        return
    if walker.arrays_by_identity and not walker.is_new(value, path):
        return
    weak = " weak" if walker.weak_types and jax.typeof(value).weak_type else ""
    kind = f"jax.Array {value.dtype}{list(value.shape)}{weak}"
    is_key = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    number = np.asarray(jax.random.key_data(value) if is_key else value)
    walker.note(path, kind, _short(number), number)


def _visit_numpy_array(walker: _Walker, value: np.ndarray, path: str) -> None:
    if not walker.is_new(value, path):
        return
    kind = f"{_type_name(type(value))} {value.dtype}{list(value.shape)}"
    numeric = value.dtype.kind in "biufc"
    walker.note(path, kind, _short(value), value.copy() if numeric else None)


def _visit_numpy_scalar(walker: _Walker, value: np.generic, path: str) -> None:
    walker.note(path, _type_name(type(value)), str(value), np.asarray(value) if value.dtype.kind in "fc" else None)


def _sampled(size: int) -> Iterator[int]:
    return iter(range(size)) if size <= LARGE else iter(range(0, size, size // SAMPLE))


def _visit_list(walker: _Walker, value: Any, path: str) -> None:
    if not walker.is_new(value, path):
        return
    maximum = f", at most {value.maxlen}" if isinstance(value, collections.deque) else ""
    walker.note(path, _type_name(type(value)), f"of {len(value)} items{maximum}")
    for index in _sampled(len(value)):
        walker.walk(value[index], f"{path}[{index}]")
    _visit_attributes(walker, value, path)


def _has_identity(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_has_identity(item) for item in value)
    return not isinstance(value, (*_ATOMS, float, complex, np.generic, enum.Enum, jax.Array, type, types.FunctionType))


def _visit_tuple(walker: _Walker, value: tuple[Any, ...], path: str) -> None:
    # A tuple of constants is one object wherever Python likes: only one that leads to something mutable is followed.
    if _has_identity(value) and not walker.is_new(value, path):
        return
    walker.note(path, _type_name(type(value)), f"of {len(value)} items")
    names = getattr(type(value), "_fields", None)
    for index in _sampled(len(value)):
        walker.walk(value[index], f"{path}.{names[index]}" if names else f"{path}[{index}]")


def _visit_dict(walker: _Walker, value: Mapping[Any, Any], path: str) -> None:
    if isinstance(value, dict) and not walker.is_new(value, path):
        return
    plain = all(isinstance(key, (str, int, float, bool, type(None), tuple, enum.Enum)) for key in value)
    keys = [repr(key) if plain else f"key {index}" for index, key in enumerate(value)]
    listed = keys if len(keys) <= LARGE else keys[:: len(keys) // SAMPLE]
    walker.note(path, _type_name(type(value)), f"of {len(keys)} items, keys {', '.join(listed)}")
    items = list(value.items())
    for index in _sampled(len(items)):
        if not plain:
            walker.walk(items[index][0], f"{path} {keys[index]}")
        walker.walk(items[index][1], f"{path}[{keys[index]}]")
    if isinstance(value, collections.defaultdict):
        walker.walk(value.default_factory, f"{path}.default_factory")
    _visit_attributes(walker, value, path)


def _visit_set(walker: _Walker, value: Any, path: str) -> None:
    if isinstance(value, set) and not walker.is_new(value, path):
        return
    walker.note(path, _type_name(type(value)), "{" + ", ".join(sorted(map(repr, value))) + "}")


def _visit_function(walker: _Walker, value: types.FunctionType, path: str) -> None:
    name = f"{value.__module__}.{value.__qualname__}"
    if is_library(value.__module__):
        walker.note(path, "function", name)
        return
    if not walker.is_new(value, path):
        return
    walker.note(path, "function", f"{name} line {value.__code__.co_firstlineno}")
    for free, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        _visit_cell(walker, cell, f"{path}.<closure {free}>")
    if value.__defaults__ or value.__kwdefaults__:
        walker.walk([value.__defaults__, value.__kwdefaults__], f"{path}.<defaults>")
    if value.__dict__:
        walker.walk(value.__dict__, f"{path}.__dict__")


def _visit_cell(walker: _Walker, cell: types.CellType, path: str) -> None:
    if not walker.is_new(cell, path):
        return
    try:
        content = cell.cell_contents
    except ValueError:
        walker.note(path, "an empty cell")
        return
    walker.walk(content, path + " ")


def _visit_method(walker: _Walker, value: types.MethodType, path: str) -> None:
    walker.note(path, "method")
    walker.walk(value.__self__, f"{path}.__self__")
    walker.walk(value.__func__, f"{path}.__func__")


def _visit_partial(walker: _Walker, value: functools.partial[Any], path: str) -> None:
    if walker.is_new(value, path):
        walker.note(path, _type_name(type(value)))
        walker.walk([value.func, value.args, value.keywords], f"{path}.<partial>")


def _visit_class(walker: _Walker, value: type, path: str) -> None:
    name = _type_name(value)
    if is_library(value.__module__) or issubclass(value, (enum.Enum, tuple)):
        walker.note(path, "class", name)
        return
    if not walker.is_new(value, path):
        return
    walker.note(path, "class", f"{name}({', '.join(_type_name(base) for base in value.__bases__)})")
    simple = type(value).__module__ in ("builtins", "abc")
    for key, entry in sorted(vars(value).items()):
        if key.startswith("__") and key.endswith("__") and not isinstance(entry, types.FunctionType):
            continue
        # Library metaclasses leave wrappers and registries on their classes: only plain names are the user's.
        if key in PRIVATE or (not simple and (key.startswith("_") or is_library(type(entry).__module__))):
            continue
        walker.walk(entry, f"{path}.{key}")
    for base in value.__bases__:
        if not is_library(base.__module__):
            walker.walk(base, f"{path}.<base {base.__name__}>")


def _visit_property(walker: _Walker, value: property, path: str) -> None:
    walker.note(path, "property")
    for accessor in ("fget", "fset", "fdel"):
        walker.walk(getattr(value, accessor), f"{path}.{accessor}")


def _visit_wrapped(walker: _Walker, value: Any, path: str) -> None:
    walker.note(path, _type_name(type(value)))
    walker.walk(value.__func__, path + ".__func__")


def _visit_module(walker: _Walker, value: types.ModuleType, path: str) -> None:
    if is_library(value.__name__) or not walker.is_new(value, path):
        walker.note(path, "module", value.__name__)
        return
    walker.note(path, "module", value.__name__)
    for key, entry in vars(value).items():
        if not key.startswith("__"):
            walker.walk(entry, f"{path}.{key}")


def _visit_file(walker: _Walker, value: Any, path: str) -> None:
    if walker.is_new(value, path):
        text = value.getvalue() if isinstance(value, io.StringIO) and not value.closed else ""
        place = "closed" if value.closed else f"at {value.tell()}" if value.seekable() else "open"
        walker.note(path, _type_name(type(value)), f"{place} {text!r}")


def _visit_opaque(walker: _Walker, value: Any, path: str) -> None:
    if walker.is_new(value, path):
        walker.note(path, _type_name(type(value)))


def _visit_random(walker: _Walker, value: Any, path: str) -> None:
    if not walker.is_new(value, path):
        return
    walker.note(path, _type_name(type(value)))
    if isinstance(value, random.Random):
        state: Any = hash(value.getstate())
    else:
        state = value.bit_generator.state if isinstance(value, np.random.Generator) else value.get_state(legacy=False)
    walker.walk(state, f"{path}.<state>")


def _visit_variable(walker: _Walker, value: nnx.Variable[Any], path: str) -> None:
    if walker.is_new(value, path):
        walker.note(path, _type_name(type(value)))
        walker.walk(value.get_raw_value(), f"{path}.value")
        walker.walk(dict(value.get_metadata()), f"{path}.<metadata>")


def _visit_exception(walker: _Walker, value: BaseException, path: str) -> None:
    if walker.is_new(value, path):
        walker.note(path, _type_name(type(value)))
        walker.walk(value.args, f"{path}.args")
        _visit_attributes(walker, value, path)


def _visit_object(walker: _Walker, value: Any, path: str) -> None:
    if not walker.is_new(value, path):
        return
    walker.note(path, _type_name(type(value)))
    if not type(value).__module__.startswith(("jax", "jaxlib", "flax.ids")):
        _visit_attributes(walker, value, path)
    if not is_library(type(value).__module__):
        walker.walk(type(value), f"{path}.__class__")


def _visit_attributes(walker: _Walker, value: Any, path: str) -> None:
    attributes = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if hasattr(value, name):
                attributes.setdefault(name, getattr(value, name))
    for name, content in attributes.items():
        if name not in PRIVATE:
            walker.walk(content, f"{path}.{name}")


_Visitor = Callable[[_Walker, Any, str], None]

# In this order: the first that fits is asked, so the narrow kinds stand before the wide ones.
_VISITORS: tuple[tuple[Any, _Visitor], ...] = (
    (np.generic, _visit_numpy_scalar),
    (enum.Enum, _visit_atom),
    (_ATOMS, _visit_atom),
    ((float, complex), _visit_float),
    (jax.Array, _visit_array),
    (np.ndarray, _visit_numpy_array),
    (nnx.Variable, _visit_variable),
    (tuple, _visit_tuple),
    ((list, collections.deque), _visit_list),
    ((dict, types.MappingProxyType), _visit_dict),
    ((set, frozenset), _visit_set),
    (types.FunctionType, _visit_function),
    (types.MethodType, _visit_method),
    ((classmethod, staticmethod), _visit_wrapped),
    (property, _visit_property),
    (functools.partial, _visit_partial),
    (types.CellType, _visit_cell),
    (type, _visit_class),
    (types.ModuleType, _visit_module),
    (io.IOBase, _visit_file),
    (logging.Logger, _visit_opaque),
    (_LOCKS, _visit_opaque),
    ((random.Random, np.random.Generator, np.random.RandomState), _visit_random),
    (BaseException, _visit_exception),
    ((weakref.ref, types.GeneratorType, types.BuiltinFunctionType, types.CodeType), _visit_opaque),
)
