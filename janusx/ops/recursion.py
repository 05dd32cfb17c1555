"""Recursion whose depth arrays decide: blocks, a program counter and a stack, in one `while_loop`.

`transforms.recursion` cuts the functions that call each other into blocks at those calls. A trip of the loop runs the
block that the counter points at, and those after it up to a call, a return or a place where ways meet. At a call what
blocks after it need goes onto the stack, row by row; at a return the last row comes back. Under `vmap` every lane has a
counter of its own. That the stack has room is a staged guard.

What the blocks' variables hold is found first (`ops.activations`).
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from janusx.guards.staged import DOUBLE
from janusx.ops.activations import RESULT, Activations, Key, Same, Spot, opened
from janusx.ops.conditionals import cond, stage
from janusx.ops.while_loops import staged_loop
from janusx.signals import Unrecursive, Unstageable
from janusx.tracing.recursion import code_of
from janusx.tracing.rewriter import Program, key_name
from janusx.tracing.skeleton import Made, Skeleton, Soft, Turned, convert_all, flatten, specs, unify
from janusx.tracing.trace import Trace
from janusx.tracing.where import Where
from janusx.tracing.wrapped import Wrapped

ROOM = 32
"""Rows of a stack at first."""

BYTES = 1 << 26
"""What a stack may take at first: of large rows there are fewer, but `LEAST`."""

LEAST = 4

LEAVES = (-1, "")
"""Stands for what all variables were made of."""


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
            activations = Activations(trace, fn, args, kwargs, cycle)
            known = activations.known[0, RESULT]
            return known.value if isinstance(known, Same) else _Loop(activations).run()
    except Unstageable as why:
        raise Unrecursive(code_of(fn), why.reason) from None


class _Loop:
    """The loop over the blocks: what it carries, what its stack keeps."""

    def __init__(self, activations: Activations):
        self.machine = activations
        self.trace = activations.trace
        self.heads = _heads(activations)
        self.carried = _carried(activations, self.heads)
        self.saved = [key for key in self.carried if key[1] in activations.parts[key[0]].cut.blocks.kept]
        self.soft = {key for key in self.carried if _is_soft(activations.known[key])}
        self.soft_before = bool(self.trace.variants)
        self.counts = {key: len(specs(activations.known[key])) for key in self.carried}
        self.rows = [spec for key in self.saved for spec in specs(activations.known[key])]
        code = activations.parts[0].cut.fn.__code__
        place = f"{code.co_filename}:{code.co_firstlineno}"
        self.site = Where(("calls of " + key_name(code), 1), place, f"{code.co_name}(...)")
        size = sum(math.prod(spec.shape) * spec.dtype.itemsize for spec in self.rows)
        first = min(ROOM, max(LEAST, BYTES // max(size, 1)))
        self.room = min(self.trace.settings.capacities.get(self.site.key, first), sys.getrecursionlimit())
        self.outside = [*activations.given.values()]
        for number in range(len(activations.parts)):
            self.outside += activations.outside(number).values()

    def run(self) -> Any:
        """Put it into the program; returns what the function returns."""
        first = {(0, name): value for name, value in self.machine.given.items()}
        start = [leaf for key in self.carried for leaf in self._leaves_or_zeros(key, first)]
        stacks = [jnp.broadcast_to(_zeros(spec), (self.room, *spec.shape)) for spec in self.rows]
        counter = [jnp.int32(0), jnp.int32(0), jnp.zeros(self.room, jnp.int32)]
        site = replace(self.site, key=(self.site.key[0], 2))
        out = staged_loop(
            self.trace,
            Wrapped(lambda pc, *rest: pc >= 0),
            Wrapped(self._trip),
            jnp.asarray(True),
            (*counter, *stacks, *start),
            site,
            self.outside,
            loose=slice(2, len(counter) + len(stacks)),
        )
        self._tell()
        return self._variables(out[3 + len(stacks) :])[0, RESULT]

    def _tell(self) -> None:
        """Note what became of the sites of the user's functions: what became of them in the blocks."""
        program: Callable[[Any], Program] = self.trace.rewriter.program
        for part in self.machine.parts:
            found = {}
            for piece in part.cut.pieces:
                for site in _sites(program(piece)):
                    found[site.line, site.text] = self.trace.decisions.get((key_name(piece.__code__), site.id))
            name = key_name(part.cut.fn.__code__)
            for site in _sites(program(part.cut.fn)):
                where = Where((name, site.id), self.site.place, site.text)
                known = found.get(
                    (site.line, site.text), ("stage", "where a block ends: it calls itself in lax.while_loop")
                )
                if known is not None:
                    self.trace.decide(where, *known)

    def _variables(self, leaves: Sequence[Any]) -> dict[Key, Any]:
        return self.machine.values(self.carried, leaves)

    def _leaves(self, key: Key, value: Any) -> list[Any]:
        found: list[Any] = []
        heap = self.trace.heaps[-1] if self.trace.heaps else self.machine.heap
        skeleton = opened(flatten(value, heap, found))
        wanted = self.machine.known[key]
        if unify(wanted, skeleton) != wanted:
            raise Unstageable("what a variable holds does not settle")
        return list(map(_strong, convert_all(wanted, skeleton, found)))

    def _leaves_or_zeros(self, key: Key, env: dict[Key, Any]) -> list[Any]:
        """The leaves of a variable; zeros if it is another function's, or was never bound."""
        if key in env:
            return self._leaves(key, env[key])
        return [_zeros(spec) for spec in specs(self.machine.known[key])]

    def _by_key(self, keys: Sequence[Key], leaves: Sequence[Any]) -> dict[Key, list[Any]]:
        rest = iter(leaves)
        return {key: [next(rest) for _ in range(self.counts[key])] for key in keys}

    # --- a trip -----------------------------------------------------------------------------------------------------

    def _trip(self, pc: Any, top: Any, places: Any, *rest: Any) -> Any:
        """One trip of the loop: blocks up to a call, a return or a head; then the stack."""
        stacks, leaves = list(rest[: len(self.rows)]), rest[len(self.rows) :]
        # The leaves, too: what a branch hands through is then known to be what it was.
        variables = {**self._variables(leaves), LEAVES: tuple(leaves)}
        done = self._pick(pc, list(self.heads), variables)
        pc, pushes, pops, after = done[:4]
        kept, new = done[4 : 4 + len(self.rows)], done[4 + len(self.rows) :]
        fits = jnp.logical_or(jnp.logical_not(pushes), top < self.room)
        deep = self.room >= sys.getrecursionlimit()  # Python raises
        what = f"a function is within itself at most {self.room} times"
        growth = {} if deep else {"capacity": self.room, "growth": DOUBLE * DOUBLE}
        self.trace.assume_staged(fits, True, what, self.site, deep, **growth)
        # What lies above the top is never read: it can be written unasked. A lane that is done is at the bottom.
        places = jax.lax.dynamic_update_index_in_dim(places, after, top, 0)
        stacks = [jax.lax.dynamic_update_index_in_dim(a, b, top, 0) for a, b in zip(stacks, kept, strict=True)]
        under = top - 1
        back = [jax.lax.dynamic_index_in_dim(a, under, keepdims=False) for a in (places, *stacks)]
        pc = jnp.where(pops, jnp.where(top > 0, back[0], -1), pc)
        restored = self._by_key(self.saved, back[1:])
        state: list[Any] = []
        for key, own in self._by_key(self.carried, new).items():
            state += (
                [jnp.where(pops, *each) for each in zip(restored[key], own, strict=True)] if key in restored else own
            )
        top = top + pushes.astype(jnp.int32) - pops.astype(jnp.int32)
        return (pc, top, places, *stacks, *state)

    def _pick(self, pc: Any, heads: list[Spot], variables: dict[Key, Any]) -> Any:
        """The block that the counter points at: a tree of branches."""
        if len(heads) == 1:
            spot = heads[0]
            env = {**variables, **self.machine.outside(spot[0])}
            if spot in self.machine.results:  # what was called has returned
                env[spot[0], self.machine.block(spot).result] = env[self.machine.results[spot], RESULT]
            return self._flow(spot, env, self.soft_before)
        middle = len(heads) // 2
        sides = (heads[:middle], heads[middle:])
        low, high = (lambda side=side: self._pick(pc, side, variables) for side in sides)
        return stage(self.trace, pc < self.heads[heads[middle]], low, high, [variables, self.outside])

    def _flow(self, spot: Spot, env: dict[Key, Any], soft: bool) -> Any:
        """A block and those after it; `soft`: whether something may be weakly typed in the trace alone."""
        block = self.machine.block(spot)
        soft |= any((spot[0], name) in self.soft for name in block.params)
        if spot in self.machine.results:
            soft |= (self.machine.results[spot], RESULT) in self.soft
        first, *rest = self.machine.execute(spot, env)
        if block.end == "return":
            return self._leave({**env, (spot[0], RESULT): first}, soft, 0, pops=True)
        env = env | {(spot[0], name): value for name, value in zip(block.stores, first, strict=True)}
        if block.end == "call":
            return self._call(spot, env, soft, *rest)
        ways = [self._way((spot[0], number), env, soft) for number in block.next]
        if block.end == "goto":
            return ways[0]()
        site = Where(
            (key_name(self.machine.parts[spot[0]].cut.pieces[spot[1]].__code__), 0), self.site.place, "a branch"
        )
        return cond(rest[0], *ways, site=site)

    def _way(self, spot: Spot, env: dict[Key, Any], soft: bool) -> Callable[[], Any]:
        if spot in self.heads:
            return lambda: self._leave(env, soft, self.heads[spot])
        return lambda: self._flow(spot, env, soft)

    def _call(self, spot: Spot, env: dict[Key, Any], soft: bool, callee: Any, args: Any, kwargs: Any) -> Any:
        after = (spot[0], self.machine.block(spot).next[0])
        target = self.machine.target(callee)
        if target is None:
            result = (spot[0], self.machine.block(after).result)
            return self._leave({**env, result: self.trace.call(callee)(*args, **kwargs)}, soft, self.heads[after])
        given = self.machine.bound(target[0], (*target[1], *args), kwargs)
        number = self.machine.number_of(target[0], given)
        inside = env | {(number, name): value for name, value in given.items()}
        with self.trace.variants.known(not soft):
            kept = [leaf for key in self.saved for leaf in self._leaves_or_zeros(key, env)]
        return self._leave(inside, soft, self.heads[number, 0], kept, self.heads[after])

    def _leave(
        self,
        env: dict[Key, Any],
        soft: bool,
        pc: int,
        kept: list[Any] | None = None,
        after: int = 0,
        pops: bool = False,
    ) -> tuple[Any, ...]:
        """What a trip's blocks end with: where to go on, whether to push or pop, what to push, the variables."""
        rows = kept if kept is not None else [_zeros(spec) for spec in self.rows]
        with self.trace.variants.known(not soft):
            leaves = [leaf for key in self.carried for leaf in self._leaves(key, env[key])]
        steering = (jnp.int32(pc), jnp.asarray(kept is not None), jnp.asarray(pops), jnp.int32(after))
        return (*steering, *rows, *leaves)


def _heads(activations: Activations) -> dict[Spot, int]:
    """The blocks that the counter can point at: where functions begin, after calls, and where ways meet."""
    heads: dict[Spot, int] = {}
    for number, part in enumerate(activations.parts):
        ways: dict[int, int] = {}
        for i, block in enumerate(part.cut.blocks.blocks):
            for after in block.next if (number, i) in activations.reached else ():
                ways[after] = ways.get(after, 0) + (2 if block.end == "call" else 1)
        for i in (0, *sorted(i for i, count in ways.items() if count > 1)):
            if (number, i) in activations.reached:
                heads.setdefault((number, i), len(heads))
    return heads


def _carried(activations: Activations, heads: Iterable[Spot]) -> list[Key]:
    """The variables that blocks at heads, or after them, need; and what functions return."""
    found: dict[Key, None] = {}
    for number, i in heads:
        part = activations.parts[number]
        found.update({(number, name): None for name in part.cut.blocks.live[i] if name not in part.free})
    found.update({(number, RESULT): None for number in range(len(activations.parts))})
    known = activations.known
    return [key for key in found if key in known and not isinstance(known[key], Same)]


def _sites(program: Program) -> Sequence[Any]:
    return program.rewritten.sites if program.rewritten is not None else ()


def _is_soft(skeleton: Skeleton) -> bool:
    """Whether a variable may be more weakly typed in the trace than it is in Python."""
    if isinstance(skeleton, Made):
        return any(map(_is_soft, skeleton.items))
    return isinstance(skeleton, Soft | Turned)


def _zeros(spec: Any) -> Any:
    if jnp.issubdtype(spec.dtype, jax.dtypes.prng_key):
        key = jax.random.key(0, impl=str(jax.random.key_impl(jnp.zeros((), spec.dtype))))
        return jnp.broadcast_to(key, spec.shape)
    return jnp.zeros(spec.shape, spec.dtype)


def _strong(leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return jax.lax.convert_element_type(leaf, leaf.dtype) if jax.typeof(leaf).weak_type else leaf
