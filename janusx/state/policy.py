"""What has a shadow, what is a constant, what is opaque: decided by type, once a type."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import sys
import threading
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jax.core import ShapedArray

from janusx import leaves
from janusx.state import kinds, partials
from janusx.state.attributes import instance_dict
from janusx.state.buckets import BUCKETED, GROWN, Bucketed
from janusx.state.buffers import BUFFER, Buffer, Gone
from janusx.state.growing import GROWING, Growing
from janusx.state.structure import Structure

Category = Literal["leaf", "constant", "scalar", "array", "opaque", "fresh"] | kinds.Kind

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement

_VALUES: tuple[type, ...] = (
    type(None),
    str,
    bytes,
    type(Ellipsis),
    type(NotImplemented),
    range,
    slice,
    frozenset,
    np.dtype,
    type,
    types.ModuleType,
    enum.Enum,
    fractions.Fraction,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    pathlib.PurePath,
    re.Pattern,
    uuid.UUID,
    types.CodeType,
    types.MappingProxyType,
    functools._lru_cache_wrapper,
    property,
    classmethod,
    staticmethod,
    ShapedArray,
)
_SCALARS = (bool, int, float, complex)
_FIELDS: tuple[type, ...] = (argparse.Namespace, collections.UserDict, collections.UserList)
_SHARED_PACKAGES = ("jax", "jaxlib", "numpy", "janusx")


@dataclass(frozen=True)
class Rule:
    """How a library type says that it is copied.

    Attributes:
        mode: "fields" (its attributes are followed), "share" (the object itself, guarded by identity), "opaque" (never
            read) or "fresh" (made anew by `make` in every scope: trace-level tokens).
        make: for "fresh", makes the new object from the old.
    """

    mode: Literal["fields", "share", "opaque", "fresh"]
    make: Callable[[Any], Any] | None = None


class Registry:
    """The rules that libraries and users registered. One instance exists, owned by the cache."""

    def __init__(self) -> None:
        self._rules: dict[type, Rule] = {}
        self._named: dict[str, Rule] = {
            # NNX refuses to change a variable under another trace than the one that made it; the token says which.
            "flax.nnx.tracers.TraceState": Rule("fresh", lambda token: type(token)()),
            "flax.typing.HashableMapping": Rule("share"),  # never changed, and equal by content
            "flax.nnx.pytreelib.PytreeState": Rule("fresh", _fresh_pytree_state),
        }
        self._lock = threading.Lock()

    def register(self, cls: type, rule: Rule) -> None:
        """Add a rule for a class and its subclasses."""
        with self._lock:
            self._rules[cls] = rule

    def rule(self, cls: type) -> Rule | None:
        """The rule for a class, its own or the nearest base's."""
        for base in cls.__mro__:
            found = self._rules.get(base) or self._named.get(f"{base.__module__}.{base.__qualname__}")
            if found is not None:
                return found
        return None


def _fresh_pytree_state(state: Any) -> Any:
    return type(state)(initializing=state._initializing, is_setup=state._is_setup)


REGISTRY = Registry()


def category(value: Any) -> Category:
    """How a value is taken into the shadow."""
    cls = type(value)
    if cls is Structure:
        return "constant"
    if cls in _SCALARS:
        return "scalar"
    if isinstance(value, jax.Array):
        return "leaf"
    if cls is Buffer:
        return BUFFER
    if cls is Bucketed:
        return BUCKETED if value.where is None else GROWN
    if cls is Gone:
        value.refuse()
    if cls is Growing:
        return GROWING
    exact = partials.kind_of(value) or kinds.EXACT.get(cls)
    if exact is not None:
        return exact
    if cls is types.FunctionType:
        return kinds.FUNCTION if _has_content(value) else "constant"
    if cls is object:
        return "constant"  # a sentinel
    if isinstance(value, np.ndarray | np.generic):
        return "array" if cls is np.ndarray or isinstance(value, np.generic) else "opaque"
    if isinstance(value, _VALUES):
        return "constant"
    return _instance_category(value, cls)


def is_data(value: Any) -> bool:
    """Whether a value is no object that a program could change: a scalar, an array, a container of such."""
    if type(value) in (list, tuple, dict, set, frozenset):
        items = value.values() if isinstance(value, dict) else value
        return all(map(is_data, items))
    return not isinstance(category(value), kinds.Kind)


def _has_content(fn: types.FunctionType) -> bool:
    """Whether what a function closes over or has for defaults can matter beyond its identity."""
    module = fn.__globals__.get("__name__") or ""
    if module.partition(".")[0] in _SHARED_PACKAGES and not leaves_exception(module):
        return False
    if leaves.is_leaf_module(module):
        return not constant_closure(fn, set())
    return bool(fn.__closure__ or fn.__defaults__ or fn.__kwdefaults__)


def constant_closure(fn: types.FunctionType, seen: set[int]) -> bool:
    """Whether a library's function closes over constants alone: it is then taken as one, by identity or likeness."""
    seen.add(id(fn))
    try:
        contents = [cell.cell_contents for cell in fn.__closure__ or ()]
    except ValueError:  # an empty cell
        return False
    return all(_constant_content(content, seen) for content in contents)


def _constant_content(content: Any, seen: set[int]) -> bool:
    if isinstance(content, types.FunctionType):
        if id(content) in seen or not leaves.is_leaf(content):
            return id(content) in seen
        return constant_closure(content, seen)
    if isinstance(content, tuple):
        return all(_constant_content(item, seen) for item in content)
    return type(content) in _SCALARS or category(content) == "constant"


def _instance_category(value: Any, cls: type) -> Category:
    rule = REGISTRY.rule(cls)
    if rule is not None:
        modes: dict[str, Category] = {
            "fields": kinds.INSTANCE,
            "share": "constant",
            "opaque": "opaque",
            "fresh": "fresh",
        }
        return modes[rule.mode]
    if isinstance(value, tuple) and not instance_dict(value):
        return kinds.TUPLE
    module = cls.__module__
    if module.startswith("numpy.random"):
        return "opaque"  # it draws numbers: another call, another answer
    if module.partition(".")[0] in _SHARED_PACKAGES and not leaves_exception(module) and _is_importable(cls):
        return "constant"
    if cls.__module__ == "builtins" and callable(value):
        bound = getattr(value, "__self__", None)
        return "constant" if bound is None or isinstance(bound, types.ModuleType | type) else "opaque"
    if hasattr(cls, "__get__") and (leaves.is_leaf_module(module) or not shadowable(cls)):
        return "constant"  # a descriptor: found in a class
    if not shadowable(cls):
        return kinds.NAMESPACE if cls is types.SimpleNamespace else "opaque"
    if isinstance(value, _FIELDS) or not leaves.is_leaf_module(module) or not _is_importable(cls):
        return kinds.INSTANCE
    # A library's object that holds nothing is a sentinel, known by its identity (dataclasses have one for defaults).
    # What a class statement made has `__weakref__`; what C made may hold what does not show. Where there is an
    # `__init__`, what holds nothing is about to be filled.
    filled = any("__init__" in base.__dict__ for base in cls.__mro__[:-1])
    if not filled and not kinds.INSTANCE.fields(value) and hasattr(cls, "__weakref__"):
        return "constant"
    return kinds.INSTANCE if module.partition(".")[0] in leaves.ARRAY_PACKAGES else "opaque"


def leaves_exception(module: str) -> bool:
    """Whether a module inside a shared package holds programs to convert (the demo)."""
    return not leaves.is_leaf_module(module)


def _is_importable(cls: type) -> bool:
    """Whether a class is what its module has under its name; not so for one in a docstring's example."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls or "<locals>" in cls.__qualname__ or not cls.__module__.startswith("janusx")


def shadowable(cls: type) -> bool:
    """Whether an instance is all in its `__dict__` and `__slots__`: every base is a class statement's, no C state."""
    return all(base is object or base.__flags__ & HEAP_TYPE for base in cls.__mro__) and _made_by_object(cls)


def _made_by_object(cls: type) -> bool:
    # Heap types made in C (locks, generators of extension modules) have members that object.__new__ cannot make.
    return all(base is object or ("__module__" in base.__dict__ and not _c_type(base)) for base in cls.__mro__)


def _c_type(cls: type) -> bool:
    return "__new__" in cls.__dict__ and isinstance(cls.__dict__["__new__"], types.BuiltinFunctionType)
