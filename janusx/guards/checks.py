"""Guards as data: for each check of `gather` what it asks for, in words, and what is there instead when it fails.

Nothing of the user's is kept alive beyond what `gather` itself holds: types, constants and classes, but no instances
and no arrays.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from janusx.guards.describe import fold, short, show
from janusx.state import kinds, symbols
from janusx.state.paths import Path, Step
from janusx.state.shadow import ConstantNode, HostNode, LeafNode, Node, ObjectNode, OpaqueNode, Shadow

Read = Callable[[Path], Any]

_NAMED = ((types.ModuleType, "module"), (type, "class"), (property, "property"), (staticmethod | classmethod, "method"))


class Gone:
    """Nothing is at the path any more."""


GONE = Gone()


@dataclass(frozen=True, slots=True)
class Check:
    """One guard.

    Attributes:
        path: where it looks; None where it looks at several places or at the call itself.
    """

    path: Path | None

    @property
    def name(self) -> str:
        """The path as the user writes it."""
        return str(self.path)

    @property
    def condition(self) -> str:
        """What it asks for."""
        raise NotImplementedError

    def differs(self, read: Read) -> str:
        """What is found instead, in words; "" where the guard holds."""
        assert self.path is not None
        now = read(self.path)
        return "is gone" if now is GONE else self._differs(now)

    def _differs(self, now: Any) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.name}: {self.condition}"


@dataclass(frozen=True, slots=True)
class ArrayCheck(Check):
    """A JAX array. `jax.jit` compares the aval; here it says what changed."""

    aval: Any

    @property
    def condition(self) -> str:
        return shape_of(self.aval)

    def _differs(self, now: Any) -> str:
        if not isinstance(now, jax.Array):
            return f"{kind_of(now)} instead of {self.condition}"
        aval = jax.typeof(now)
        if aval == self.aval:
            return ""
        if shape_of(aval) == self.condition:
            return f"{self.condition} placed on other devices"
        return f"{shape_of(aval)} instead of {self.condition}"


@dataclass(frozen=True, slots=True)
class TypeCheck(Check):
    """A value of which only the type is asked for; of a NumPy array also shape and dtype."""

    cls: type
    shape: str = ""
    seen_into: bool = True

    @property
    def condition(self) -> str:
        if self.shape:
            return f"NumPy {self.shape}"
        return f"{a(self.cls.__name__)}{'' if self.seen_into else ', not looked into'}"

    def _differs(self, now: Any) -> str:
        if type(now) is not self.cls:
            return f"{kind_of(now)} instead of {self.condition}"
        if self.shape and shape_of(now) != self.shape:
            return f"NumPy {shape_of(now)} instead of {self.condition}"
        return ""


@dataclass(frozen=True, slots=True)
class WalkedCheck(Check):
    """A structure that Python walks in each call: another one is another schedule, not another program."""

    @property
    def condition(self) -> str:
        return "a structure that Python walks"

    def _differs(self, now: Any) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class ConstantCheck(Check):
    """A value that the program has compiled in."""

    value: Any

    @property
    def condition(self) -> str:
        for kind, name in _NAMED:
            if isinstance(self.value, kind):
                return f"the same {name}"
        return "the same function" if callable(self.value) else short(self.value)

    def _differs(self, now: Any) -> str:
        if now is self.value or symbols.same(now, self.value):
            return ""
        if type(now) is not type(self.value) and not callable(now):
            return f"{kind_of(now)} instead of {kind_of(self.value)}"
        shown, before = short(now), short(self.value)
        return f"another {before}" if shown == before else f"{shown} instead of {before}"


@dataclass(frozen=True, slots=True)
class ObjectCheck(Check):
    """An object with a shadow: its type and its fields."""

    cls: type
    kind: kinds.Kind
    steps: tuple[Step, ...]
    code: types.CodeType | None = None

    @property
    def condition(self) -> str:
        return self._words(len(self.steps)) if self.code is None else "the same code"

    def _words(self, count: int) -> str:
        if isinstance(self.kind, kinds.ListKind | kinds.TupleKind | kinds.DictKind):
            return f"{a(self.cls.__name__)} of {count}"
        if isinstance(self.kind, kinds.InstanceKind):
            return f"{a(self.cls.__name__)} with {count} {'attribute' if count == 1 else 'attributes'}"
        return a(self.cls.__name__)

    def _differs(self, now: Any) -> str:
        if type(now) is not self.cls:
            return f"{kind_of(now)} instead of {a(self.cls.__name__)}"
        if self.code is not None and getattr(now, "__code__", None) is not self.code:
            return "has other code"
        steps = tuple(step for step, _ in self.kind.fields(now))
        if steps == self.steps:
            return ""
        if isinstance(self.kind, kinds.ListKind | kinds.TupleKind):
            return f"{self._words(len(steps))}, was {len(self.steps)}"
        new = [step.show() for step in steps if step not in self.steps]
        lost = [step.show() for step in self.steps if step not in steps]
        changes = [f"{word} {few(names)}" for word, names in (("now has", new), ("no longer has", lost)) if names]
        if not changes and not isinstance(self.kind, kinds.DictKind):
            return ""  # the order of attributes is not guarded
        return " and ".join(changes) or "the same keys in another order"


@dataclass(frozen=True, slots=True)
class SetCheck(ConstantCheck):
    """A `set`, compared as a whole."""

    def _differs(self, now: Any) -> str:
        # No zero-argument `super`: dataclasses with slots are made twice.
        return ConstantCheck._differs(self, frozenset(now) if type(now) is set else now)


@dataclass(frozen=True, slots=True)
class MembersCheck(Check):
    """A class whose members are followed: one that is added may hide what an instance or a base has."""

    names: frozenset[str]

    @property
    def condition(self) -> str:
        return "no members added"

    def _differs(self, now: Any) -> str:
        names = now.__dict__.keys()
        if len(names) == len(self.names):
            return ""
        new = sorted(names - self.names)
        return f"now has {few(new)}" if new else f"no longer has {few(sorted(self.names - names))}"


@dataclass(frozen=True, slots=True)
class AliasCheck(Check):
    """A second path to an object."""

    other: Path

    @property
    def condition(self) -> str:
        return f"the same object as {self.other}"

    def differs(self, read: Read) -> str:
        assert self.path is not None
        return "" if read(self.path) is read(self.other) else f"no longer the same object as {self.other}"


@dataclass(frozen=True, slots=True)
class DistinctCheck(Check):
    """Objects of one type that were different objects."""

    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        return few(fold(map(str, self.paths)))

    @property
    def condition(self) -> str:
        return "different objects"

    def differs(self, read: Read) -> str:
        seen: dict[int, Path] = {}
        for path in self.paths:
            first = seen.setdefault(id(read(path)), path)
            if first is not path:
                return f"{path} and {first} are one object now"
        return ""


@dataclass(frozen=True, slots=True)
class AbsentCheck(Check):
    """Builtins that the code uses: no global hides them."""

    names: frozenset[str]

    @property
    def name(self) -> str:
        return few(sorted(self.names))

    @property
    def condition(self) -> str:
        return "not hidden by a global"

    def differs(self, read: Read) -> str:
        assert self.path is not None
        hidden = sorted(self.names.intersection(read(self.path)))
        return f"{few(hidden)} is a global now" if hidden else ""


@dataclass(frozen=True, slots=True)
class OutcomeCheck(Check):
    """A host expression that decided something."""

    expr: symbols.Expr
    value: Any

    @property
    def name(self) -> str:
        return show(self.expr)

    @property
    def condition(self) -> str:
        return short(self.value)

    def differs(self, read: Read) -> str:
        try:
            now = evaluate(self.expr, read)
        except Exception:  # of the user's values, computed with the user's operators
            return "can no longer be computed"
        return "" if symbols.same(now, self.value) else f"{short(now)} instead of {short(self.value)}"


@dataclass(frozen=True, slots=True)
class CallCheck(Check):
    """How many positional arguments, and the names of the others."""

    count: int
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return "the call"

    @property
    def condition(self) -> str:
        return call_shape(self.count, self.names)

    def now(self, args: Sequence[Any], names: Sequence[str]) -> str:
        """What a call has instead; "" if it is of this shape."""
        if len(args) == self.count and set(names) == set(self.names):
            return ""
        return f"{call_shape(len(args), names)} instead of {self.condition}"

    def differs(self, read: Read) -> str:
        return ""


def checks_of(
    shadow: Shadow, host_guards: Sequence[tuple[symbols.Expr, Any]], call: tuple[int, tuple[str, ...]]
) -> tuple[Check, ...]:
    """The guards of an entry, as `codegen.emit_gather` writes them; objects come before what they hold."""
    found: list[Check] = [CallCheck(None, *call)]
    for path, node in shadow.roots:
        if not isinstance(node, ObjectNode):
            found.append(_of_value(path, node))
        elif node.path != path:
            found.append(AliasCheck(path, node.path))
    for parent in shadow.objects:
        found += _of_object(parent, shadow)
    found += _distinct(shadow)
    found += [OutcomeCheck(None, expr, value) for expr, value in host_guards]
    return tuple(found)


def _of_object(parent: ObjectNode, shadow: Shadow) -> list[Check]:
    found: list[Check] = []
    real: Any = parent.real
    if isinstance(parent.kind, kinds.MembersKind | kinds.GlobalsKind):
        if isinstance(real, type):
            found.append(MembersCheck(parent.path, frozenset(real.__dict__)))
    elif parent.pinned:
        code = real.__code__ if isinstance(parent.kind, kinds.FunctionKind) else None
        found.append(ObjectCheck(parent.path, type(real), parent.kind, tuple(parent.children), code))
    else:
        found.append(TypeCheck(parent.path, type(real), seen_into=False))
    for step, node in parent.children.items() if parent.pinned else ():
        path = parent.path / step
        if isinstance(parent.kind, kinds.SetKind) and isinstance(node, ConstantNode):
            found.append(SetCheck(parent.path, node.value))
        elif not isinstance(node, ObjectNode):
            found.append(_of_value(path, node))
        elif node.path != path:
            found.append(AliasCheck(path, node.path))
    absent = shadow.absent.get(id(parent.real))
    if absent:
        found.append(AbsentCheck(parent.path, frozenset(absent)))
    return found


def _of_value(path: Path, node: Node) -> Check:
    if isinstance(node, LeafNode):
        return ArrayCheck(path, jax.typeof(node.value))
    if isinstance(node, HostNode) and node.structure:
        return WalkedCheck(path)
    if isinstance(node, HostNode):
        return TypeCheck(path, type(node.value), shape_of(node.value) if isinstance(node.value, np.ndarray) else "")
    if isinstance(node, OpaqueNode):
        return TypeCheck(path, node.cls, seen_into=False)
    assert isinstance(node, ConstantNode)
    return ConstantCheck(path, node.value)


def _distinct(shadow: Shadow) -> list[Check]:
    groups: dict[type, list[Path]] = {}
    for node in shadow.objects:
        if node.kind.mutable and node.pinned and not isinstance(node.kind, kinds.MembersKind | kinds.GlobalsKind):
            groups.setdefault(type(node.real), []).append(node.path)
    return [DistinctCheck(None, tuple(paths)) for paths in groups.values() if len(paths) > 1]


def evaluate(expr: symbols.Expr, read: Read) -> Any:
    """The present value of a host expression."""
    if isinstance(expr, symbols.Constant):
        return expr.value
    if isinstance(expr, symbols.Gathered):
        return evaluate(expr.expr, read)
    if isinstance(expr, symbols.Input | symbols.Object):
        return read(expr.path)
    assert isinstance(expr, symbols.Apply)
    args = [evaluate(arg, read) for arg in expr.args]
    return expr.function(*args, **{name: evaluate(arg, read) for name, arg in expr.kwargs})


def shape_of(value: Any) -> str:
    """`float32[2,3]`, of an array or an aval; with `weak` where JAX holds the type for weak."""
    weak = " (weak)" if getattr(value, "weak_type", False) else ""
    return f"{value.dtype}[{','.join(map(str, value.shape))}]{weak}"


def kind_of(value: Any) -> str:
    """What kind of thing a value is: an array's shape, a scalar itself, a type's name."""
    if isinstance(value, jax.Array):
        return shape_of(jax.typeof(value))
    if isinstance(value, np.ndarray):
        return f"NumPy {shape_of(value)}"
    if value is None or type(value) in (bool, int, float, complex, str):
        return f"{short(value)}" if value is None else f"{a(type(value).__name__)} ({short(value)})"
    return a(type(value).__name__)


def call_shape(count: int, names: Sequence[str]) -> str:
    """A call's shape in words."""
    words = f"{count} positional {'argument' if count == 1 else 'arguments'}"
    return f"{words} and {few([f'{name}=' for name in sorted(names)])}" if names else words


def a(name: str) -> str:
    """A name with its article."""
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def few(names: Sequence[str]) -> str:
    """Names with commas between, the first few of them."""
    shown = ", ".join(name.removeprefix(".") for name in names[:4])
    return shown if len(names) <= 4 else f"{shown}, and {len(names) - 4} more"
