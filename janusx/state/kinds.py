"""Kinds of objects that have shadows: how each is read, copied, guarded, written back and built anew.

One class a kind. What a kind says as Python source (guards, write-back, building) and what it does to live objects
(fields, copies) stand side by side, because they must agree.
"""

from __future__ import annotations

import collections
import functools
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from janusx.state.attributes import has_dict, hasattr_slot, instance_dict, slot_names
from janusx.state.paths import Attr, Closure, Contents, Field, Global, Index, Key, Member, Named, Slot, Step

if TYPE_CHECKING:
    from janusx.guards.codegen import Writer

Fields = Sequence[tuple[Step, Any]]


class Kind:
    """How objects of some types are handled.

    Attributes:
        mutable: whether the object's content can change, so that it is compared and written back.
    """

    mutable = True

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        """What the object holds, by step, in order."""
        raise NotImplementedError

    def shell(self, value: Any) -> Any:
        """An empty object of the type, to be filled once what it holds has been copied (cycles)."""
        raise NotImplementedError

    def fill(self, shell: Any, fields: Fields) -> None:
        """Make the object hold exactly these fields."""
        raise NotImplementedError

    def structure(self, value: Any) -> Any:
        """What must be alike, beside the type, for two objects to have the same fields."""
        return tuple(step for step, _ in self.fields(value))

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        """Emit the guards of the structure; return how a field is read."""
        raise NotImplementedError

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        """Emit the write-back of fields whose expressions are in `new`; `old` is what the object held before."""
        raise NotImplementedError

    def build(self, out: Writer, cls: type, target: str) -> None:
        """Emit the creation of an empty object of class `cls`."""
        raise NotImplementedError

    def populate(self, out: Writer, target: str, cls: type, new: dict[Step, str]) -> None:
        """Emit the filling of an object that `build` made."""
        self.write(out, target, {}, new, set(new))


class ListKind(Kind):
    """`list` and `deque`: identity-preserving slice assignment, `append` where the list only grew."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Index(i), item) for i, item in enumerate(value)]

    def shell(self, value: Any) -> Any:
        return collections.deque(maxlen=value.maxlen) if type(value) is collections.deque else []

    def fill(self, shell: Any, fields: Fields) -> None:
        shell.clear()
        shell.extend(value for _, value in fields)

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.guard(f"len({var}) != {len(value)}")
        if type(value) is collections.deque:
            out.guard(f"{var}.maxlen != {value.maxlen!r}")
        return lambda step: f"{var}[{step.index}]"  # type: ignore[attr-defined]

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        grown = [step for step in new if step not in old]
        if len(old) + len(grown) == len(new) and changed == set(grown):
            if len(grown) == 1:
                out.line(f"{var}.append({new[grown[0]]})")
            elif grown:
                out.line(f"{var}.extend(({', '.join(new[step] for step in grown)}))")
        elif len(old) == len(new):
            for step in changed:
                out.line(f"{var}[{step.index}] = {new[step]}")  # type: ignore[attr-defined]
        else:
            items = ", ".join(new[step] for step in new)
            out.line(f"{var}.clear(); {var}.extend([{items}])")

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = {out.const(cls)}()")


def hashed(key: Any) -> Any:
    """A key or an element: what stands for a changing value was taken for granted when it was hashed."""
    if type(key) in (str, int):
        return key
    from janusx.state.symbols import has_sym, value_of

    return value_of(key) if has_sym(key) else key


class DictKind(Kind):
    """`dict`, `OrderedDict`, `defaultdict`, `Counter`: only changed keys are touched, unless the order changed."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        keys = {key: hashed(key) for key in value}
        return [(Key(keys[key], type(keys[key])), item) for key, item in value.items()]

    def shell(self, value: Any) -> Any:
        if isinstance(value, collections.defaultdict):
            return collections.defaultdict(value.default_factory)
        return type(value)()

    def fill(self, shell: Any, fields: Fields) -> None:
        shell.clear()
        for step, value in fields:
            shell[step.key] = value  # type: ignore[attr-defined]

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        # Keys are compared in order: iteration shows it.
        out.guard(f"[*{var}] != {out.const(list(value))}" if value else var)
        if not all(type(key) is str for key in value):  # `True == 1`
            out.guard(f"[*map(type, {var})] != {out.const([type(key) for key in value])}")
        if isinstance(value, collections.defaultdict):
            out.guard(f"{var}.default_factory is not {out.const(value.default_factory)}")
        return lambda step: f"{var}[{out.literal(step.key)}]"  # type: ignore[attr-defined]

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        kept = [step for step in old if step in new]
        if [*kept, *(step for step in new if step not in old)] != list(new):
            out.line(f"{var}.clear()")
            changed = set(new)
        else:
            for step in old:
                if step not in new:
                    out.line(f"del {var}[{out.literal(step.key)}]")  # type: ignore[attr-defined]
        for step in new:
            if step in changed:
                out.line(f"{var}[{out.literal(step.key)}] = {new[step]}")  # type: ignore[attr-defined]

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = {out.const(cls)}()")


class TupleKind(Kind):
    """`tuple` and namedtuples: immutable, so a copy is made only where an element has one."""

    mutable = False

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Index(i), item) for i, item in enumerate(value)]

    def remake(self, cls: type, items: Sequence[Any]) -> Any:
        """A tuple of class `cls` (without `__new__` of the user's)."""
        return tuple.__new__(cls, items)

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.guard(f"len({var}) != {len(value)}")
        return lambda step: f"{var}[{step.index}]"  # type: ignore[attr-defined]

    def expression(self, out: Writer, cls: type, new: dict[Step, str]) -> str:
        """The expression that makes the tuple."""
        items = "".join(f"{new[step]}, " for step in new)
        return f"({items})" if cls is tuple else f"{out.const(tuple.__new__)}({out.const(cls)}, ({items}))"


class SetKind(Kind):
    """`set`: its elements are host values, compared and written back as a whole."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Field("content"), frozenset(map(hashed, value)))]

    def shell(self, value: Any) -> Any:
        return set()

    def fill(self, shell: Any, fields: Fields) -> None:
        shell.clear()
        shell.update(fields[0][1])

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        return lambda step: f"frozenset({var})"

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        out.line(f"{var}.clear(); {var}.update({new[Field('content')]})")

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = set()")


class CellKind(Kind):
    """A closure cell. Empty cells hold nothing."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        try:
            return [(Contents(), value.cell_contents)]
        except ValueError:  # an empty cell
            return []

    def shell(self, value: Any) -> Any:
        return types.CellType()

    def fill(self, shell: Any, fields: Fields) -> None:
        if fields:
            shell.cell_contents = fields[0][1]
        elif self.fields(shell):
            del shell.cell_contents

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        if not self.fields(value):
            out.guard(f"{out.const(self.fields)}({var})")
        return lambda step: f"{var}.cell_contents"

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        if new:
            out.line(f"{var}.cell_contents = {new[Contents()]}")
        else:
            out.line(f"del {var}.cell_contents")

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = {out.const(types.CellType)}()")


class InstanceKind(Kind):
    """An instance with `__dict__`, `__slots__` or both, read and written past the class's own `__setattr__`.

    The user's `__setattr__` and properties ran on the shadow while tracing; write-back only carries their outcome over.
    """

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        found: list[tuple[Step, Any]] = []
        cls: type = type(value)
        for name in slot_names(cls):
            try:
                found.append((Slot(name), object.__getattribute__(value, name)))
            except AttributeError:  # a slot that is not set
                continue
        content = instance_dict(value)
        if content is not None:
            found.extend((Attr(name), item) for name, item in content.items())
        return found

    def shell(self, value: Any) -> Any:
        return object.__new__(type(value))

    def fill(self, shell: Any, fields: Fields) -> None:
        content = instance_dict(shell)
        slots = {step.name for step, _ in fields if isinstance(step, Slot)}
        cls: type = type(shell)
        for name in slot_names(cls):
            if name not in slots and hasattr_slot(shell, name):
                object.__delattr__(shell, name)
        if content is not None:
            content.clear()
        for step, value in fields:
            if isinstance(step, Slot):
                object.__setattr__(shell, step.name, value)
            else:
                assert isinstance(step, Attr)
                assert content is not None
                content[step.name] = value

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        cls: type = type(value)
        slots = slot_names(cls)
        content = instance_dict(value)
        plain = cls.__getattribute__ is object.__getattribute__  # type: ignore[comparison-overlap]
        if content is not None:
            out.line(
                f"{var}_d = {var}.__dict__"
                if plain
                else f"{var}_d = {out.const(object.__getattribute__)}({var}, '__dict__')"
            )
            out.guard(f"len({var}_d) != {len(content)}")
        for name in slots:
            if not hasattr_slot(value, name):
                out.guard(f"{out.const(hasattr_slot)}({var}, {name!r})")

        def read(step: Step) -> str:
            if isinstance(step, Attr):
                return f"{var}_d[{step.name!r}]"
            assert isinstance(step, Slot)
            return (
                f"{var}.{step.name}"
                if plain and step.name.isidentifier()
                else (f"{out.const(object.__getattribute__)}({var}, {step.name!r})")
            )

        return read

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        for step in [*(step for step in new if step in changed), *(step for step in old if step not in new)]:
            name = step.name  # type: ignore[attr-defined]
            if isinstance(step, Slot):
                if step in new:
                    out.line(f"{out.const(object.__setattr__)}({var}, {name!r}, {new[step]})")
                else:
                    out.line(f"{out.const(object.__delattr__)}({var}, {name!r})")
            elif step in new:
                out.line(f"{var}_d[{name!r}] = {new[step]}")
            else:
                out.line(f"del {var}_d[{name!r}]")

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = object.__new__({out.const(cls)})")
        if has_dict(cls):
            out.line(f"{target}_d = object.__getattribute__({target}, '__dict__')")


class NamespaceKind(InstanceKind):
    """`types.SimpleNamespace`, whose instances only its own `__new__` makes."""

    def shell(self, value: Any) -> Any:
        return types.SimpleNamespace()

    def build(self, out: Writer, cls: type, target: str) -> None:
        out.line(f"{target} = {out.const(cls)}()")
        out.line(f"{target}_d = {target}.__dict__")


class FunctionKind(Kind):
    """A function with a closure or with defaults: what it closes over is followed, its code is guarded."""

    mutable = False

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        names = value.__code__.co_freevars
        found: list[tuple[Step, Any]] = [(Closure(i, names[i]), cell) for i, cell in enumerate(value.__closure__ or ())]
        if value.__defaults__:
            found.append((Field("__defaults__"), value.__defaults__))
        if value.__kwdefaults__:
            found.append((Field("__kwdefaults__"), value.__kwdefaults__))
        return found

    def structure(self, value: Any) -> Any:
        return (value.__code__, super().structure(value))

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.guard(f"{var}.__code__ is not {out.const(value.__code__)}")
        if not value.__defaults__:
            out.guard(f"{var}.__defaults__")
        if not value.__kwdefaults__:
            out.guard(f"{var}.__kwdefaults__")
        if value.__closure__:
            out.line(f"{var}_c = {var}.__closure__")
        return lambda step: f"{var}_c[{step.index}]" if isinstance(step, Closure) else f"{var}.{step.name}"  # type: ignore[attr-defined]


class MethodKind(Kind):
    """A bound method, kept as a value."""

    mutable = False

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Field("__self__"), value.__self__), (Field("__func__"), value.__func__)]

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        return lambda step: f"{var}.{step.name}"  # type: ignore[attr-defined]


class PartialKind(Kind):
    """`functools.partial`."""

    mutable = False

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        named: list[tuple[Step, Any]] = [(Named(name), item) for name, item in value.keywords.items()]
        return [(Field("func"), value.func), (Field("args"), value.args), *named]

    def remake(self, cls: type, fields: Fields) -> Any:
        """A partial of these fields."""
        (_, func), (_, args), *named = fields
        return cls(func, *args, **{step.name: item for step, item in named})  # type: ignore[attr-defined]

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.guard(f"(*{var}.keywords,) != {tuple(value.keywords)!r}")
        return lambda step: f"{var}.keywords[{step.name!r}]" if isinstance(step, Named) else f"{var}.{step.name}"  # type: ignore[attr-defined]


class GlobalsKind(Kind):
    """A module's globals, followed name by name as code turns out to use them."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Global(name), item) for name, item in value.items()]

    def fill(self, shell: Any, fields: Fields) -> None:
        shell.clear()
        for step, value in fields:
            shell[step.name] = value  # type: ignore[attr-defined]

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        return lambda step: f"{var}[{step.name!r}]"  # type: ignore[attr-defined]

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        for step in changed:
            out.line(f"{var}[{step.name!r}] = {new[step]}")  # type: ignore[attr-defined]
        for step in old:
            if step not in new:
                out.line(f"del {var}[{step.name!r}]")  # type: ignore[attr-defined]


class MembersKind(Kind):
    """A class or a module, followed member by member; written through `setattr`."""

    def fields(self, value: Any) -> list[tuple[Step, Any]]:
        return [(Member(name), item) for name, item in value.__dict__.items() if name not in UNFOLLOWED]

    def fill(self, shell: Any, fields: Fields) -> None:
        wanted = dict(fields)
        for step, item in self.fields(shell):
            if step not in wanted:
                delattr(shell, step.name)  # type: ignore[attr-defined]
            elif wanted[step] is not item:
                setattr(shell, step.name, wanted[step])  # type: ignore[attr-defined]
        present = {step for step, _ in self.fields(shell)}
        for step, item in fields:
            if step not in present:
                setattr(shell, step.name, item)  # type: ignore[attr-defined]

    def check(self, out: Writer, var: str, value: Any) -> Callable[[Step], str]:
        out.line(f"{var}_d = {var}.__dict__")
        if isinstance(value, type):
            out.guard(f"len({var}_d) != {len(value.__dict__)}")
        return lambda step: f"{var}_d[{step.name!r}]"  # type: ignore[attr-defined]

    def write(self, out: Writer, var: str, old: dict[Step, Any], new: dict[Step, str], changed: set[Step]) -> None:
        for step in changed:
            out.line(f"setattr({var}, {step.name!r}, {new[step]})")  # type: ignore[attr-defined]
        for step in old:
            if step not in new:
                out.line(f"delattr({var}, {step.name!r})")  # type: ignore[attr-defined]


class LibraryKind(MembersKind):
    """A library's module: its functions are guarded by identity; what else happens to it is its own affair."""

    mutable = False


UNFOLLOWED = frozenset(
    """__dict__ __weakref__ __doc__ __module__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__
    __abstractmethods__ _abc_impl __slots__ __firstlineno__ __static_attributes__ __orig_bases__ __parameters__
    __match_args__ __dataclass_fields__ __dataclass_params__ __qualname__ __builtins__ __type_params__
    __classcell__""".split()
)
"""Members of classes that Python keeps for itself."""


LIST = ListKind()
DICT = DictKind()
TUPLE = TupleKind()
SET = SetKind()
CELL = CellKind()
INSTANCE = InstanceKind()
NAMESPACE = NamespaceKind()
FUNCTION = FunctionKind()
GLOBALS = GlobalsKind()
MEMBERS = MembersKind()
LIBRARY = LibraryKind()
METHOD = MethodKind()
PARTIAL = PartialKind()

EXACT: dict[type, Kind] = {
    list: LIST,
    collections.deque: LIST,
    dict: DICT,
    collections.OrderedDict: DICT,
    collections.defaultdict: DICT,
    collections.Counter: DICT,
    tuple: TUPLE,
    set: SET,
    types.CellType: CELL,
    types.MethodType: METHOD,
    functools.partial: PARTIAL,
}
