"""Recursion whose depth arrays decide: blocks, a program counter and a stack, in one `while_loop`.

`transforms.recursion` cuts the functions that call each other into blocks at those calls. A trip of the loop runs the
block that the counter points at, and those after it up to a call, a return or a place where ways meet. At a call what
blocks after it need goes onto the stack, row by row; at a return the last row comes back. Under `vmap` every lane has a
counter of its own. That the stack has room is a staged guard.

What the blocks' variables hold is found by tracing them, beginning with the arguments, until it settles.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from janusx import emitted, errors, sources, transforms
from janusx.guards.staged import DOUBLE
from janusx.ops.conditionals import cond, stage, staged_predicate, truth_value
from janusx.ops.while_loops import staged_loop
from janusx.signals import Unrecursive, Unstageable
from janusx.state import symbols
from janusx.tracing.heap import Heap
from janusx.tracing.recursion import code_of, real_function, target_of
from janusx.tracing.rewriter import key_name
from janusx.tracing.skeleton import Skeleton, convert_all, flatten, specs, unflatten, unify
from janusx.tracing.staging import trace_region
from janusx.tracing.structures import content_of
from janusx.tracing.trace import Trace
from janusx.tracing.where import Where
from janusx.tracing.wrapped import Wrapped
from janusx.transforms import Block, Blocks

ROOM = 32
"""Rows of a stack at first."""

RESULT = ("return",)
"""Stands, instead of a name, for what a function returns."""

LEAVES = (-1, "")
"""Likewise for what all variables were made of."""

Key = tuple[int, Any]
"""A variable: the number of its function, its name."""

Spot = tuple[int, int]
"""A block: the number of its function, its own."""


@dataclass(frozen=True)
class Cut:
    """A function in blocks.

    Attributes:
        fn: the user's.
        blocks: how it was cut.
        pieces: the blocks as functions.
    """

    fn: types.FunctionType
    blocks: Blocks
    pieces: tuple[types.FunctionType, ...]


@dataclass(frozen=True)
class Same:
    """What a variable holds in every activation: something from outside."""

    value: Any


@dataclass
class Part:
    """A function of the machine: how it was cut, its free variables."""

    cut: Cut
    free: dict[str, Any]


def machine(
    trace: Trace, fn: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], cycle: frozenset[Any]
) -> Any:
    """Run a function that calls itself.

    Args:
        trace: the trace under way.
        fn: the function.
        args: positional arguments.
        kwargs: keyword arguments.
        cycle: the code of the functions that call each other.

    Raises:
        Unrecursive: no machine can be made.
    """
    try:
        with trace.region():
            return _Machine(trace, fn, args, kwargs, cycle).run()
    except Unstageable as why:
        raise Unrecursive(code_of(fn), why.reason) from None


class _Machine:
    """The blocks of functions that call each other, and what their variables hold."""

    def __init__(self, trace: Trace, fn: types.FunctionType, args: Any, kwargs: Any, cycle: frozenset[Any]):
        self.trace = trace
        self.cycle = cycle
        self.parts: list[Part] = []
        self.known: dict[Key, Same | Skeleton] = {}
        self.heads: dict[Spot, int] = {}
        self.results: dict[Spot, int] = {}
        self._visited: dict[Spot, None] = {}
        self._reached: set[Spot] = set()
        self._pending: list[Spot] = []
        self._fn = fn
        self._args = (args, kwargs)
        self._heap = Heap(trace, [*args, *kwargs.values()])

    # --- what the variables hold ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Trace the blocks until it is known what their variables hold."""
        self._enter(self._fn, *self._args)
        while self._pending:
            spot = self._pending.pop()
            with self.trace.region():
                self._visit(spot)
        if (0, RESULT) not in self.known:
            raise Unstageable("it returns on no path")

    def _visit(self, spot: Spot) -> None:
        self._visited[spot] = None
        self._reached.add(spot)
        keys = [key for key in self._keys(spot) if isinstance(self.known[key], Skeleton)]
        shapes = [specs(self.known[key]) for key in keys]  # type: ignore[arg-type]

        def enter(leaves: Sequence[Any]) -> Sequence[Any]:
            return (self._values(keys, leaves),)

        def explore(values: dict[Key, Any]) -> None:
            env = {**self._outside(spot[0]), **values}
            block = self._block(spot)
            first, *rest = self._execute(spot, env)
            if block.end == "return":
                self._learn((spot[0], RESULT), first, env)
                for after in [after for after, number in self.results.items() if number == spot[0]]:
                    self._return(after)
                return
            for name, value in zip(block.stores, first, strict=True):
                self._learn((spot[0], name), value, env)
            if block.end == "call":
                self._call(spot, *rest, env)
                return
            taken = block.next
            if block.end == "branch" and staged_predicate(rest[0]) is None:
                taken = block.next[:1] if truth_value(rest[0]) else block.next[1:]
            for number in taken:
                self._go((spot[0], number))

        trace_region(self.trace, explore, enter, [each for shape in shapes for each in shape], heap=self._heap)

    def _execute(self, spot: Spot, env: dict[Key, Any]) -> tuple[Any, ...]:
        """What a block returns; at the end, what the function does, as the only item."""
        block, piece = self._block(spot), self.parts[spot[0]].cut.pieces[spot[1]]
        found = self.trace.function(piece)(*(env[(spot[0], name)] for name in block.params))
        return (found,) if block.end == "return" else found  # type: ignore[no-any-return]

    def _call(self, spot: Spot, callee: Any, args: Any, kwargs: Any, env: dict[Key, Any]) -> None:
        after = (spot[0], self._block(spot).next[0])
        result = (spot[0], self._block(after).result)
        target = self._target(callee)
        if target is None:
            self._learn(result, self.trace.call(callee)(*args, **kwargs), env)
            self._go(after)
            return
        number = self._enter(target[0], (*target[1], *args), kwargs, env)
        if self.results.setdefault(after, number) != number:
            raise Unstageable("one call is of several functions that call each other")
        self._return(after)

    def _return(self, after: Spot) -> None:
        """The block after a call: what it gets is what the function that was called is known to return."""
        found = self.known.get((self.results[after], RESULT))
        if found is not None:
            key = (after[0], self._block(after).result)
            if self.known.get(key) != found:
                self._note(key, found)
            self._go(after)

    def _enter(self, fn: types.FunctionType, args: Any, kwargs: Any, env: dict[Key, Any] | None = None) -> int:
        """Note what a function is called with; its number."""
        given = self._bound(fn, args, kwargs)
        number = self._number(fn, given)
        for name, value in given.items():
            if env is None:
                self.known[number, name] = Same(value)
            else:
                self._learn((number, name), value, env)
        self._go((number, 0))
        return number

    def _bound(self, fn: types.FunctionType, args: Any, kwargs: Any) -> dict[str, Any]:
        bound = inspect.signature(fn).bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def _target(self, callee: Any) -> tuple[types.FunctionType, tuple[Any, ...]] | None:
        """The function of the cycle that is called, or None for another."""
        target = target_of(callee)
        return target if target is not None and code_of(target[0]) in self.cycle else None

    def _learn(self, key: Key, value: Any, env: dict[Key, Any]) -> None:
        """A variable may hold this; where that is new, blocks that read it are traced again."""
        before = self.known.get(key)
        held = next((each for each in self.known.values() if isinstance(each, Same) and each.value is value), None)
        if held is not None and (before is None or (isinstance(before, Same) and before.value is value)):
            after: Same | Skeleton = held
        else:
            after = flatten(value, self._heap, [])
            if before is not None:
                old = flatten(before.value, self._heap, []) if isinstance(before, Same) else before
                after = unify(old, after)
        if after != before:
            self._note(key, after)

    def _note(self, key: Key, after: Same | Skeleton) -> None:
        self.known[key] = after
        for spot in [spot for spot in self._visited if key in self._keys(spot)]:
            del self._visited[spot]
            self._go(spot)

    def _go(self, spot: Spot) -> None:
        """A block can be reached: trace it, unless that was done with what its variables hold."""
        if spot not in self._visited and spot not in self._pending and self._is_ready(spot):
            self._pending.append(spot)

    def _is_ready(self, spot: Spot) -> bool:
        return all(key in self.known for key in self._keys(spot))

    # --- blocks -----------------------------------------------------------------------------------------------------

    def _block(self, spot: Spot) -> Block:
        return self.parts[spot[0]].cut.blocks.blocks[spot[1]]

    def _keys(self, spot: Spot) -> list[Key]:
        """The variables that a block reads, but for free ones."""
        free = self.parts[spot[0]].free
        return [(spot[0], name) for name in self._block(spot).params if name not in free]

    def _outside(self, number: int) -> dict[Key, Any]:
        """What is the same in every activation."""
        same = {key: each.value for key, each in self.known.items() if isinstance(each, Same)}
        return same | {(number, name): value for name, value in self.parts[number].free.items()}

    def _values(self, keys: Sequence[Key], leaves: Sequence[Any]) -> dict[Key, Any]:
        """Variables made of their leaves; where one is weakly typed, the loop's is not."""
        rest = iter(leaves)
        found = {}
        for key in keys:
            skeleton = self.known[key]
            assert isinstance(skeleton, Skeleton)
            own = [symbols.weakened(next(rest)) if spec.weak_type else next(rest) for spec in specs(skeleton)]
            found[key] = unflatten(skeleton, iter(own))
        return found

    def _number(self, fn: types.FunctionType, given: dict[str, Any]) -> int:
        """The number of a function among those of the machine."""
        code = code_of(fn)
        for number, part in enumerate(self.parts):
            if part.cut.fn.__code__ == code and part.cut.fn.__code__.co_filename == code.co_filename:
                return number
        own = fn if emitted.is_emitted(fn.__code__) else self.trace.function(fn)
        cells = emitted.cells_of(own)
        free = {name: content_of(cell) for name, cell in cells.items() if name in code.co_freevars}
        regions, key = self.trace.settings.regions, (code, "blocks", self.cycle)
        if key not in regions:
            regions[key] = self._cut(fn, {**fn.__globals__, **free, **given})
        self.parts.append(Part(regions[key], free))
        return len(self.parts) - 1

    def _cut(self, fn: types.FunctionType, given: dict[str, Any]) -> Cut:
        real = real_function(self.trace, fn)
        if real is None:
            raise Unstageable(f"{fn.__qualname__} calls itself, and its source is not known")
        names = {code.co_name for code in self.cycle}

        def is_recursive(callee: Any) -> bool:
            name = getattr(callee, "attr", None)
            if name is not None:
                return name in names
            return getattr(callee, "id", None) in given and self._target(given[callee.id]) is not None

        try:
            source = sources.find_source(real)
            done = transforms.recursion(
                source.text, is_recursive=is_recursive, free=real.__code__.co_freevars, first_line=source.first_line
            )
        except transforms.NotInBlocks as error:
            raise Unstageable(f"{fn.__qualname__} cannot be cut at line {error.line}: {error}") from None
        except errors.JanusXError as error:
            raise Unstageable(f"{fn.__qualname__} calls itself, and {error.what}") from None
        pieces = []
        for i, block in enumerate(done.blocks):
            place = dataclasses.replace(source, text=block.text + "\n", first_line=block.first_line, kind="def")
            place = dataclasses.replace(place, name=f"block_{i}", qualname=f"{source.qualname}.block_{i}")
            pieces.append(emitted.make_piece(place, real))
        return Cut(real, done, tuple(pieces))

    # --- the program ------------------------------------------------------------------------------------------------

    def run(self) -> Any:
        """Put the loop into the program; returns what the function returns."""
        self._settle()
        self._find_heads()
        known = self.known[0, RESULT]
        carried = [key for key in self._carried() if isinstance(self.known[key], Skeleton)]
        saved = [key for key in carried if key[1] in self.parts[key[0]].cut.blocks.kept]
        return _Loop(self, carried, saved).run() if not isinstance(known, Same) else known.value

    def _find_heads(self) -> None:
        """The blocks that the counter can point at: where functions begin, after calls, and where ways meet."""
        self.heads[0, 0] = 0
        for number, part in enumerate(self.parts):
            ways: dict[int, int] = {}
            for i, block in enumerate(part.cut.blocks.blocks):
                for after in block.next if (number, i) in self._reached else ():
                    ways[after] = ways.get(after, 0) + (2 if block.end == "call" else 1)
            for i in (0, *sorted(i for i, count in ways.items() if count > 1)):
                if (number, i) in self._reached:
                    self.heads.setdefault((number, i), len(self.heads))

    def _carried(self) -> Iterator[Key]:
        """The variables that blocks at heads, or after them, need; and what functions return."""
        found: dict[Key, None] = {}
        for number, i in self.heads:
            part = self.parts[number]
            for name in part.cut.blocks.live[i]:
                if name not in part.free and (number, name) in self.known:
                    found[(number, name)] = None
        for number in range(len(self.parts)):
            if (number, RESULT) in self.known:
                found[number, RESULT] = None
        return iter(found)


class _Loop:
    """The loop over the blocks: what it carries, what its stack keeps."""

    def __init__(self, owner: _Machine, carried: list[Key], saved: list[Key]):
        self.machine = owner
        self.trace = owner.trace
        self.carried = carried
        self.saved = saved
        self.shapes = [spec for key in carried for spec in specs(owner.known[key])]  # type: ignore[arg-type]
        self.rows = [spec for key in saved for spec in specs(owner.known[key])]  # type: ignore[arg-type]
        code = owner.parts[0].cut.fn.__code__
        place = f"{code.co_filename}:{code.co_firstlineno}"
        self.site = Where(("calls of " + key_name(code), 1), place, f"{code.co_name}(...)")
        self.room = self.trace.settings.capacities.get(self.site.key, ROOM)
        self.outside = [*self.arguments.values()]
        for number in range(len(owner.parts)):
            self.outside += owner._outside(number).values()

    def run(self) -> Any:
        """Put it into the program; returns what the function returns."""
        zeros = {key: [_zeros(spec) for spec in specs(self.machine.known[key])] for key in self.carried}  # type: ignore[arg-type]
        for key in self.carried:
            if key[0] == 0 and key[1] in self.arguments:
                zeros[key] = self._leaves(key, self.arguments[key[1]])
        start = [leaf for key in self.carried for leaf in zeros[key]]
        stacks = [jnp.broadcast_to(_zeros(spec), (self.room, *spec.shape)) for spec in self.rows]
        counter = [jnp.int32(0), jnp.int32(0), jnp.zeros(self.room, jnp.int32)]
        site = dataclasses.replace(self.site, key=(self.site.key[0], 2))
        out = staged_loop(
            self.trace,
            Wrapped(lambda pc, *rest: pc >= 0),
            Wrapped(self._trip),
            jnp.asarray(True),
            (*counter, *stacks, *start),
            site,
            self.outside,
        )
        self.trace.decide(self.site, "stage", "calls of itself: a stack in lax.while_loop")
        return self._variables(out[3 + len(stacks) :])[0, RESULT]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function is called with."""
        return self.machine._bound(self.machine._fn, *self.machine._args)

    def _variables(self, leaves: Sequence[Any]) -> dict[Key, Any]:
        return self.machine._values(self.carried, leaves)

    def _leaves(self, key: Key, value: Any) -> list[Any]:
        found: list[Any] = []
        heap = self.trace.heaps[-1] if self.trace.heaps else self.machine._heap
        skeleton = flatten(value, heap, found)
        wanted = self.machine.known[key]
        assert isinstance(wanted, Skeleton)
        if unify(wanted, skeleton) != wanted:
            raise Unstageable("what a variable holds does not settle")
        return list(map(_strong, convert_all(wanted, skeleton, found)))

    # --- a trip -----------------------------------------------------------------------------------------------------

    def _trip(self, pc: Any, top: Any, places: Any, *rest: Any) -> Any:
        """One trip of the loop: blocks up to a call, a return or a head; then the stack."""
        stacks, leaves = list(rest[: len(self.rows)]), rest[len(self.rows) :]
        # The leaves, too: what a branch hands through is then known to be what it was.
        variables = {**self._variables(leaves), LEAVES: tuple(leaves)}
        done = self._pick(pc, list(self.machine.heads), variables)
        pc, pushes, pops, after = done[:4]
        kept, new = done[4 : 4 + len(self.rows)], done[4 + len(self.rows) :]
        fits = jnp.logical_or(jnp.logical_not(pushes), top < self.room)
        deep = self.room >= sys.getrecursionlimit()  # Python raises
        what = f"a function is within itself at most {self.room} times"
        growth = {} if deep else {"capacity": self.room, "growth": DOUBLE * DOUBLE}
        self.trace.assume_staged(fits, True, what, self.site, deep, **growth)
        # What lies above the top is never read: it can be written unasked.
        places = jax.lax.dynamic_update_index_in_dim(places, after, top, 0)
        stacks = [jax.lax.dynamic_update_index_in_dim(a, b, top, 0) for a, b in zip(stacks, kept, strict=True)]
        under = top - 1
        back = [jax.lax.dynamic_index_in_dim(a, under, keepdims=False) for a in (places, *stacks)]
        pc = jnp.where(pops, jnp.where(top > 0, back[0], -1), pc)
        restored = {
            key: [next(rows) for _ in specs(self.machine.known[key])] for rows in [iter(back[1:])] for key in self.saved
        }  # type: ignore[arg-type]
        leaf = iter(new)
        state = []
        for key in self.carried:
            for i, _ in enumerate(specs(self.machine.known[key])):  # type: ignore[arg-type]
                own = next(leaf)
                state.append(jnp.where(pops, restored[key][i], own) if key in restored else own)
        top = top + pushes.astype(jnp.int32) - pops.astype(jnp.int32)
        return (pc, top, places, *stacks, *state)

    def _pick(self, pc: Any, heads: list[Spot], variables: dict[Key, Any]) -> Any:
        """The block that the counter points at: a tree of branches."""
        if len(heads) == 1:
            spot = heads[0]
            env = {**variables, **self.machine._outside(spot[0])}
            if spot in self.machine.results:  # what was called has returned
                env[spot[0], self.machine._block(spot).result] = env[self.machine.results[spot], RESULT]
            return self._flow(spot, env)
        middle = len(heads) // 2
        sides = (heads[:middle], heads[middle:])
        low, high = (lambda side=side: self._pick(pc, side, variables) for side in sides)
        return stage(self.trace, pc < self.machine.heads[heads[middle]], low, high, [variables, self.outside])

    def _flow(self, spot: Spot, env: dict[Key, Any]) -> Any:
        """A block and those after it."""
        block = self.machine._block(spot)
        first, *rest = self.machine._execute(spot, env)
        if block.end == "return":
            return self._leave({**env, (spot[0], RESULT): first}, 0, pops=True)
        env = env | {(spot[0], name): value for name, value in zip(block.stores, first, strict=True)}
        if block.end == "call":
            return self._call(spot, env, *rest)
        ways = [self._way((spot[0], number), env) for number in block.next]
        if block.end == "goto":
            return ways[0]()
        site = Where(
            (key_name(self.machine.parts[spot[0]].cut.pieces[spot[1]].__code__), 0), self.site.place, "a branch"
        )
        return cond(rest[0], *ways, site=site)

    def _way(self, spot: Spot, env: dict[Key, Any]) -> Callable[[], Any]:
        if spot in self.machine.heads:
            return lambda: self._leave(env, self.machine.heads[spot])
        return lambda: self._flow(spot, env)

    def _call(self, spot: Spot, env: dict[Key, Any], callee: Any, args: Any, kwargs: Any) -> Any:
        after = (spot[0], self.machine._block(spot).next[0])
        target = self.machine._target(callee)
        if target is None:
            result = (spot[0], self.machine._block(after).result)
            return self._leave({**env, result: self.trace.call(callee)(*args, **kwargs)}, self.machine.heads[after])
        given = self.machine._bound(target[0], (*target[1], *args), kwargs)
        number = self.machine._number(target[0], given)
        inside = env | {(number, name): value for name, value in given.items()}
        kept = [leaf for key in self.saved for leaf in self._kept(key, env, spot[0])]
        return self._leave(inside, self.machine.heads[number, 0], kept, self.machine.heads[after])

    def _kept(self, key: Key, env: dict[Key, Any], number: int) -> list[Any]:
        """What goes onto the stack of a variable: zeros if it is another function's, or was never bound."""
        if key in env:
            return self._leaves(key, env[key])
        return [_zeros(spec) for spec in specs(self.machine.known[key])]  # type: ignore[arg-type]

    def _leave(
        self, env: dict[Key, Any], pc: int, kept: list[Any] | None = None, after: int = 0, pops: bool = False
    ) -> tuple[Any, ...]:
        """What a trip's blocks end with: where to go on, whether to push or pop, what to push, the variables."""
        rows = kept if kept is not None else [_zeros(spec) for spec in self.rows]
        leaves = [leaf for key in self.carried for leaf in self._leaves(key, env[key])]
        steering = (jnp.int32(pc), jnp.asarray(kept is not None), jnp.asarray(pops), jnp.int32(after))
        return (*steering, *rows, *leaves)


def _zeros(spec: Any) -> Any:
    if jnp.issubdtype(spec.dtype, jax.dtypes.prng_key):
        key = jax.random.key(0, impl=str(jax.random.key_impl(jnp.zeros((), spec.dtype))))
        return jnp.broadcast_to(key, spec.shape)
    return jnp.zeros(spec.shape, spec.dtype)


def _strong(leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return jax.lax.convert_element_type(leaf, leaf.dtype) if jax.typeof(leaf).weak_type else leaf
