"""One pass over a function: its shadow, its inputs, the guards and effects that it met."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from janusx import emitted, leaves
from janusx.guards.checks import evaluate
from janusx.guards.staged import UNLIMITED, Assumption, Frames
from janusx.signals import Relax, Respecialise, Unrelax, Unsupported
from janusx.state import kinds, policy, symbols
from janusx.state.paths import Anchor, Closure, Global, Member, Path, root
from janusx.state.shadow import LeafNode, ObjectNode, Shadow
from janusx.tracing import attributes, classes, methods
from janusx.tracing.arrays import Arrays
from janusx.tracing.codes import compares_identity, global_names
from janusx.tracing.effects import Effect, Trips, growth, surroundings
from janusx.tracing.entries import Entries
from janusx.tracing.recursion import Recursions
from janusx.tracing.replaced import Replacements
from janusx.tracing.rewriter import Program, Rewriter
from janusx.tracing.settings import Settings
from janusx.tracing.structures import Structures
from janusx.tracing.variants import Variants


@dataclass
class Inputs:
    """The inputs of the flat program: array leaves first, then host expressions.

    Attributes:
        leaves: the tracers of the declared array leaves.
        hosts: the tracers of the declared host expressions.
        late: host expressions that turned out to be needed, in order.
    """

    leaves: tuple[Any, ...]
    hosts: dict[symbols.Expr, Any]
    late: dict[symbols.Expr, Any] = field(default_factory=dict)


WRAPPED = ("", -2)
"""Likewise: that calls of libraries are wrapped, since symbolic values reach them."""


class Trace:
    """The trace of one pass. Emitted code and symbolic values find it through `tracing.context`."""

    def __init__(
        self, inputs: Inputs, settings: Settings, rewriter: Rewriter, call: Callable[[Any], Callable[..., Any]]
    ):
        self.inputs = inputs
        self.settings = settings
        self.rewriter = rewriter
        self.call = call
        self.frames = Frames()
        self.effects: list[Effect | Trips] = []
        self.surroundings = surroundings()
        self.host_guards: list[tuple[symbols.Expr, Any]] = []
        self.risky: list[symbols.Expr] = []  # host expressions that may raise in other calls, used or not
        self.appended: dict[Path, list[Any] | None] = {}  # by path of growing lists: what was appended; None: unclear
        self.grown: dict[Path, Any] = {}  # likewise: by how many items; None: unclear
        self.lists_read: list[Path] = []  # growing lists that the program read, each time that it did
        self.occurrences: dict[tuple[str, int], int] = {}  # the last one at each site speculated on
        self.guarded = False  # whether something is taken for granted in the program
        self.calls_back = False  # whether the program calls back to Python, and not only to compute
        self.locks: list[Path] = []  # locks that the program takes: the whole call holds them
        self.memo: dict[tuple[int, ...], Any] = {}
        self.rows: dict[int, tuple[Any, int, Any]] = {}
        self.looped: dict[int, Any] = {}  # by id: arrays that come out of rolled loops, or went through them
        self.chosen: dict[int, Any] = {}  # by id: arrays that are one of several objects (`tracing.origins`)
        self.decisions: dict[tuple[str, int], tuple[str, str]] = {}
        self.programs: dict[int, Program] = {}  # by id: those that this pass has run
        self.shadow = Shadow(self._leaf, settings.relaxed, settings.container_limit)
        self.arrays = Arrays(self)
        self.structures = Structures(self)
        self.recursions = Recursions(self)
        self.variants = Variants(self)
        self.entries = Entries(self)
        self.replaced = Replacements(self)
        self.region_key: tuple[int, ...] = ()
        self.rolling = 0  # how many bodies of rolled loops are being traced
        self.looping = 0  # how many loops are under way, rolled or not
        self.heaps: list[Any] = []  # snapshots of the regions under way
        self.beside: list[Any] = []  # regions that are the other sides of branches of which one is being traced
        self.lists: dict[int, Any] = {}  # by id: lists that became buffers, or may not
        self.around: list[str] = []  # transforms around what is being traced: "reverse" (mode), "map"
        self._ordinals: list[int] = [0]
        self._functions: dict[int, tuple[Any, types.FunctionType]] = {}
        self._globals: dict[int, tuple[ObjectNode, dict[str, Any]]] = {}
        self._builtins = classes.builtins_of_trace()
        self._patched: list[ObjectNode] = []
        self._followed: set[type] = set()
        self._attributes: dict[str, None] = {}
        self._stored: set[str] = set()
        self._anchored: dict[int, Any] = {}

    # --- inputs -------------------------------------------------------------------------------------------------

    def _leaf(self, node: LeafNode) -> Any:
        if node.index < len(self.inputs.leaves):
            return self.inputs.leaves[node.index]
        return node.value  # a leaf found late: the pass goes on with its value and is repeated with one more input

    def host_input(self, expr: symbols.Expr, value: Any) -> Any:
        """The program input that carries a host expression's value; `None` for one that follows from the inputs."""
        known = self.inputs.hosts.get(expr)
        if known is not None:
            return known
        if expr not in self.inputs.late:
            self.inputs.late[expr] = jnp.asarray(self.present(expr) if value is None else value)
        return self.inputs.late[expr]

    def present(self, expr: symbols.Expr) -> Any:
        """The value that a host expression has in this call."""
        values: dict[Path, Any] = {node.path: node.value for node in self.shadow.hosts}
        values |= {node.path: node.value for node in self.shadow.leaves}
        values |= {node.path: real for node, real in self.shadow.opaques}
        return evaluate(expr, {**{node.path: node.real for node in self.shadow.objects}, **values}.__getitem__)

    @property
    def incomplete(self) -> bool:
        """Whether inputs turned up that were not declared, so that the pass must be repeated."""
        return bool(self.inputs.late) or len(self.shadow.leaves) > len(self.inputs.leaves)

    def assume_host(self, expr: symbols.Expr, value: Any) -> None:
        """Guard, in every later call, that a host expression has this value."""
        if not isinstance(expr, symbols.Constant):
            self.structures.check(expr)
            self.host_guards.append((expr, value))

    @property
    def anchors(self) -> dict[int, Any]:
        """The objects that paths start at, by `id`."""
        return self._anchored

    def anchor(self, name: str, value: Any) -> Path:
        """The path of an object that the program may hold on to."""
        self._anchored[id(value)] = value
        return root(Anchor(name, id(value)))

    def call_back(self) -> None:
        """The program calls back to Python: a run of it is never thrown away."""
        if self.frames.limited:
            raise Respecialise(UNLIMITED, True)
        if self.guarded:
            raise Unsupported("a callback of a program that takes something for granted: a vain run cannot undo it")
        self.calls_back = True

    def assume_staged(
        self, value: Any, expected: bool, what: str, where: Any = None, only: bool = False, **room: int
    ) -> None:
        """Guard, inside the program, that a boolean has this value; `room`: that a loop has so many trips at most."""
        self.guarded = True
        if self.calls_back:
            raise Unsupported(f"that {what} would be taken for granted after a callback, which a vain run cannot undo")
        if not self.settings.speculate:
            raise Unsupported(f"that {what} would have to be taken for granted")
        key: Any = ("", 0) if where is None else where.key
        at = 0 if room else self.occurrences.get(key, -1) + 1
        self.occurrences |= {} if room else {key: at}
        made = Assumption((*key, at), expected, what, getattr(where, "place", ""), only, **room)
        self.frames.add(value if expected else jnp.logical_not(value), made)

    def real_globals(self, shadow: dict[str, Any]) -> dict[str, Any]:
        """The user's own globals for a shadow of them."""
        return next((node.real for node, copy in self._globals.values() if copy is shadow), shadow)

    def hold_append(self, target: Any, method: Any, args: tuple[Any, ...]) -> None:
        """Append to a list whose length is not a constant of the program: at commit."""
        self.say(Effect(method, (target, *args), {}))

    def say(self, effect: Effect | Trips) -> None:
        """Hold an effect until commit."""
        self.arrays.said(effect)
        self.effects.append(effect)
        for target, count in growth(effect):
            path = target._jx_expr.path
            before = self.grown.get(path, 0)
            self.grown[path] = None if before is None or count is None else before + count
        for target, items in effect.appended:
            path = target._jx_expr.path
            known = self.appended.get(path, [])
            self.appended[path] = None if known is None or items is None else [*known, *items]

    def growth(self, path: Path) -> Any:
        """By how many items a growing list is longer by now: a number, or a scalar of the program."""
        grown = self.grown.get(path, 0)
        if grown is None:
            return len(self.appended_to(path))
        self.lists_read.append(path)
        return grown

    def appended_to(self, path: Path) -> list[Any]:
        """What the program has appended to a growing list so far: asked where the list is read."""
        self.lists_read.append(path)
        known = self.appended.get(path, [])
        if known is None:
            self.unrelax(path)  # the list is copied from now on
            raise Unsupported("a list is read to which the program appends as often as only the run will show")
        return known

    def wrap_leaves(self, error: Exception) -> None:
        """Ask for a pass in which calls of libraries are wrapped, where one may have raised because of what it got.

        JAX's functions do not take a Python number that the program computes: `jnp.where(x > 0, x, int(y))`.
        """
        innermost = error.__traceback__
        while innermost is not None and innermost.tb_next is not None:
            innermost = innermost.tb_next
        by_user = innermost is None or emitted.is_emitted(innermost.tb_frame.f_code)
        if isinstance(error, TypeError | ValueError) and not by_user and not self.rewriter.wrap_leaves:
            self.rewriter.wrap_leaves = True
            raise Respecialise(WRAPPED, True) from error

    def unrelax(self, path: Path) -> None:
        """Ask for a pass in which a list is copied, if it was not because it grows."""
        if path in self.settings.relaxed:
            raise Unrelax(path)

    def relax(self, copied: Any) -> None:
        """Ask for a pass in which a list of the user's is not copied, since all that happens to it is that it grows."""
        node = self.shadow.by_shadow.get(id(copied))
        if node is None or self.settings.exact is None or node.path in self.settings.exact:
            return
        if type(node.real) is list and node.path not in self.settings.relaxed:
            raise Relax(node.path)

    def keep_list(self, where: Any) -> None:
        """Ask for a pass in which the list that became a buffer there stays a list."""
        raise Respecialise(where.key, False)

    def decide(self, where: Any, rung: str, reason: str) -> None:
        """Record what was decided at a site."""
        if where is not None:
            self.decisions[where.key] = (rung, reason)

    @contextmanager
    def effect_scope(self) -> Iterator[list[Effect | Trips]]:
        """Collect the effects of a region apart. What it appends to lists counts once its effects are held outside."""
        outer, self.effects = self.effects, []
        appended, self.appended = self.appended, dict(self.appended)
        grown, self.grown = self.grown, dict(self.grown)
        try:
            with self.arrays.scope():
                yield self.effects
        finally:
            self.effects, self.appended, self.grown = outer, appended, grown

    # --- regions ------------------------------------------------------------------------------------------------

    @contextmanager
    def region(self) -> Iterator[tuple[int, ...]]:
        """Number a staged construct within its enclosing region; the same in every pass over the same code."""
        key = (*self.region_key, self._ordinals[-1])
        self._ordinals[-1] += 1
        outer, self.region_key = self.region_key, key
        self._ordinals.append(0)
        try:
            yield key
        finally:
            self._ordinals.pop()
            self.region_key = outer

    def renumber(self) -> None:
        """Number what is in the region under way from the start: it is traced again."""
        self._ordinals[-1] = 0

    def refresh(self) -> None:
        """Make trace-level tokens afresh, on entry to every scope; leaving it puts them back."""
        for token, make in self.shadow.fresh:
            kinds.INSTANCE.fill(token, kinds.INSTANCE.fields(make(token)))

    def row(self, stacked: Any, index: int) -> Any:
        """One row of an array, remembered as such: stacking all rows again costs nothing."""
        made = jax.lax.index_in_dim(stacked, index, keepdims=False)
        self.rows[id(made)] = (stacked, index, made)
        return made

    def unsliced(self, items: Any) -> Any | None:
        """The array whose rows, all and in order, these are; or None."""
        first = self.rows.get(id(items[0])) if items else None
        if first is None or first[0].shape[0] != len(items):
            return None
        rows = [self.rows.get(id(item)) for item in items]
        whole = all(row is not None and row[0] is first[0] and row[1] == i for i, row in enumerate(rows))
        return first[0] if whole else None

    # --- roots, classes, globals ----------------------------------------------------------------------------------

    def add_root(self, path: Path, value: Any) -> Any:
        """Take in a root and the classes that it led to."""
        shadow = self.shadow.add_root(path, value)
        self._follow_reached()
        return shadow

    def _follow_reached(self) -> None:
        """Follow the members of the user's classes and modules that were reached: of modules those that code names."""
        for module in self.shadow.modules:
            self.follow_members(module, [name for name in self._attributes if name in vars(module)])
        while len(self._followed) < len(self.shadow.classes):
            for cls in list(self.shadow.classes):
                if cls not in self._followed:
                    self._followed.add(cls)
                    names = [name for name in vars(cls) if name not in kinds.UNFOLLOWED]
                    self.follow_members(cls, names)

    def object_in(self, path: Path, key: Any) -> Any:
        """The shadow of an object in a container that is host data."""
        shadow = self.shadow.item(path, key)
        self._follow_reached()
        return shadow

    def follow_members(self, owner: Any, names: list[str]) -> None:
        """Guard members of a class or a module, and put shadows in their place while the trace lasts."""
        path = self.anchor(getattr(owner, "__qualname__", getattr(owner, "__name__", "?")), owner)
        if isinstance(owner, types.ModuleType) and leaves.is_leaf_module(owner.__name__):
            self._follow_library(self.shadow.namespace(path, owner, owner, kinds.LIBRARY), names)
            return
        node = self.shadow.namespace(path, owner, owner, kinds.MEMBERS)
        if not any(known is node for known in self._patched):
            self._patched.append(node)
        for name in names:
            step = Member(name)
            if step in node.children or name not in owner.__dict__:
                continue
            value = owner.__dict__[name]
            shadow = self.shadow.follow(node, step, value)
            if isinstance(owner, type):
                shadow = methods.through(self, name, shadow)
            if shadow is not value:
                self._put(node, step, owner, shadow)

    def _follow_library(self, node: ObjectNode, names: list[str]) -> None:
        for name in names:
            value = node.real.__dict__.get(name)
            if value is None or Member(name) in node.children:
                continue
            category = policy.category(value)
            if category == "constant":
                self.shadow.follow(node, Member(name), value)
            elif value is sys.stdout or value is sys.stderr:
                continue  # only written to, by a held `print`, which asks for the stream again
            elif node.real.__name__ in sys.stdlib_module_names and (
                (category == "opaque" and not callable(value)) or isinstance(value, list | dict)
            ):
                reason = f"{node.real.__name__}.{name} is read, which changes without JanusX seeing it"
                raise Unsupported(reason, mention=name)

    def _put(self, node: ObjectNode, step: Member, owner: Any, shadow: Any) -> None:
        try:
            setattr(owner, step.name, shadow)
        except (AttributeError, TypeError):  # a class that guards its attributes (an enumeration's members)
            return
        node.initial[step] = shadow

    def unpatch(self) -> None:
        """Put the user's classes and modules back as they were."""
        for node in self._patched:
            if isinstance(node.real, type) and leaves.is_leaf_module(node.real.__module__):
                followed = node.children.keys()  # what else a library does to its class is its own affair
                fields = {**dict(kinds.MEMBERS.fields(node.real)), **{step: node.original[step] for step in followed}}
                kinds.MEMBERS.fill(node.real, list(fields.items()))
            else:
                kinds.MEMBERS.fill(node.real, list(node.original.items()))

    def globals_of(self, fn: types.FunctionType) -> dict[str, Any]:
        """The shadow of a function's globals, with every name that its code uses followed."""
        real = fn.__globals__
        if id(real) not in self._globals:
            copy = {**real, "__builtins__": self._builtins}
            node = self.shadow.namespace(self.anchor("", real), real, copy, kinds.GLOBALS)
            node.original[Global("__builtins__")] = self._builtins
            self._globals[id(real)] = node, copy
        node, copy = self._globals[id(real)]
        names, attributes = global_names(fn.__code__)
        self._attributes.update(dict.fromkeys(attributes))
        for name in names:
            step = Global(name)
            if name in real and step not in node.children:
                copy[name] = self.shadow.follow(node, step, real[name])
                if isinstance(real[name], types.ModuleType):
                    self.follow_members(real[name], [used for used in attributes if used in vars(real[name])])
            elif name not in real:
                self.shadow.absent.setdefault(id(real), set()).add(name)
        self._follow_reached()
        return copy

    @property
    def compares_identity(self) -> bool:
        """Whether a converted function may tell two objects from one without writing to them."""
        return any(compares_identity(fn.__code__) for fn, _ in self._functions.values())

    # --- functions --------------------------------------------------------------------------------------------------

    def function(self, fn: types.FunctionType) -> types.FunctionType:
        """The emitted version of a user's function, over shadow globals and shadow cells."""
        if emitted.is_emitted(fn.__code__):
            return fn
        known = self._functions.get(id(fn))
        if known is None:
            known = self._functions[id(fn)] = (fn, self._convert(fn))
        else:
            self.structures.note(known[1])
            self.recursions.note(known[1])
        return known[1]

    def _convert(self, fn: types.FunctionType) -> types.FunctionType:
        program = self.rewriter.program(fn)
        if program.rewritten is None:
            raise Unsupported(f"{fn.__qualname__} has no source to convert: {program.reason}", program.error)
        self.programs[id(program)] = program
        like = self._guarded(fn)
        cells = {name: self._cell(fn, i, name) for i, name in enumerate(fn.__code__.co_freevars)}
        cells[program.rewritten.ops_name] = types.CellType(program.ops)
        globals = self.globals_of(fn)
        self._follow_attributes(fn)
        return emitted.make_function(program.code, globals, cells, like)

    def _follow_attributes(self, fn: types.FunctionType) -> None:
        """Guard, and follow writes to, the attributes that code names of what is shared as it is."""
        stores = attributes.stores(fn.__code__)
        self._stored.update(name for _, name in stores)
        for base, name in stores:
            if attributes.makes(attributes.named(fn, base), name):
                raise Unsupported(f"{base}.{name} is made, which JanusX does not follow", mention=name)
        followed = len(self.shadow.objects)
        for node in self.shadow.constants():
            classes.follow(self, node, self._attributes, self._stored)
        if len(self.shadow.objects) > followed:  # a module's class, of which code names a member
            for node in self.shadow.constants():
                classes.follow(self, node, self._attributes, self._stored)
        for known in self.shadow.objects:
            if known.kind is kinds.FUNCTION and (wanted := attributes.wanted(known.real, self._attributes.keys(), ())):
                reason = f"{known.real.__name__}.{wanted[0]} is used, which JanusX does not follow"
                raise Unsupported(reason, mention=wanted[0])

    def _guarded(self, fn: types.FunctionType) -> types.FunctionType:
        """Guard a function's code and defaults, unless the shadow reached it at a path where that was done."""
        if id(fn) in self.shadow.by_shadow or self.shadow.node_of(fn) is not None:
            return fn if id(fn) in self.shadow.by_shadow else self.shadow.shadow_of(fn)
        if fn.__closure__ or fn.__defaults__ or fn.__kwdefaults__:
            return self.add_root(self.anchor(fn.__name__, fn), fn)  # type: ignore[no-any-return]
        self.shadow.namespace(self.anchor(fn.__name__, fn), fn, fn, kinds.FUNCTION)
        return fn

    def _cell(self, fn: types.FunctionType, index: int, name: str) -> types.CellType:
        cell = (fn.__closure__ or ())[index]
        if id(cell) in self.shadow.by_shadow:
            return cell
        node = self.shadow.node_of(cell)
        if node is not None:
            return node.shadow  # type: ignore[no-any-return]
        return self.add_root(self.anchor(fn.__name__, fn) / Closure(index, name), cell)  # type: ignore[no-any-return]
