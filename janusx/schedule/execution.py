"""The compiled side: runs any schedule that fits. What recurses is a scan over steps, all else one batch a kind.

Everything is in JAX's own words, so forward and reverse mode are JAX's. A phase of one kind is the program that one
would write by hand for trees by levels: gather, compute, write a block. Kinds that recurse together come one after the
other in each step, rather than by a `switch`, whose branches would each leave zeros for what the others keep for a
gradient, and all weights that they read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from janusx.schedule.chains import MINUS, PAD, PLUS
from janusx.schedule.layout import Layout
from janusx.schedule.recording import Aval, Kind
from janusx.state.dtypes import weakened

Segment = Callable[[list[Any], list[Any]], list[Any]]
Buffers = dict[int, Any]


def run(
    layout: Layout,
    avals: Sequence[Aval],
    segments: Mapping[int, Segment],
    outer: Sequence[Any],
    packed: Sequence[Any],
) -> list[Any]:
    """Run a schedule.

    Args:
        layout: where everything lies.
        avals: by number.
        segments: by kind; each takes the arrays that it reads and Python values, and gives arrays.
        outer: the arrays from around the structure.
        packed: what `tables.tables` gives.

    Returns:
        The results.
    """
    return _Run(layout, avals, segments, dict(zip(layout.packed, packed, strict=True))).run(outer)


class _Run:
    """One program under way."""

    def __init__(
        self, layout: Layout, avals: Sequence[Aval], segments: Mapping[int, Segment], packed: Mapping[Any, Any]
    ):
        self.layout = layout
        self.avals = avals
        self.segments = segments
        self.tables = {name: table.of(packed) for name, table in layout.tables.items()}

    def run(self, outer: Sequence[Any]) -> list[Any]:
        """The results."""
        layout, avals = self.layout, self.avals
        buffers = {aval: _empty(avals[aval], length) for aval, length in layout.lengths.items()}
        ranks: dict[int, int] = {}
        for array, aval in zip(outer, layout.outer, strict=True):
            ranks[aval] = ranks.get(aval, -1) + 1
            buffers[aval] = buffers[aval].at[ranks[aval]].set(avals[aval].store(array))
        for number in range(len(layout.order.phases)):
            if layout.steps(number):
                buffers = self.steps(number, buffers)
            else:
                for kind in layout.phase(number):
                    made = self.batch(kind, buffers)
                    buffers = _written(buffers, kind, made, [layout.places[kind.index, i] for i in range(len(made))])
        found = []
        for place, aval in zip(self.tables[-1, "roots"], layout.roots, strict=True):
            root = avals[aval].load(_taken(buffers[aval], place))
            found.append(weakened(root) if avals[aval].weak else root)
        return found

    def batch(self, kind: Kind, buffers: Buffers) -> list[Any]:
        """All rows of a kind that does not recurse."""
        present = self.tables.get((kind.index, "present"))
        return self.computed(kind, buffers, self.own(kind), None if present is None else present[0])

    def own(self, kind: Kind) -> dict[str, Any]:
        """The tables of a kind."""
        names = ["reads", "owners", *map(str, range(len(kind.hosts)))]
        found = {name: self.tables.get((kind.index, name)) for name in names}
        return {name: table for name, table in found.items() if table is not None}

    def steps(self, number: int, buffers: Buffers) -> Buffers:
        """A phase that recurses: its first level, and its steps."""
        layout, kinds = self.layout, self.layout.phase(number)
        steps, rows = layout.steps(number), {}
        for kind in kinds:
            first, width = layout.sizes.first[kind.index], layout.sizes.rows[kind.index]
            own, here = self.own(kind), self.tables.get((kind.index, "present"))
            if first:
                head = {name: table[:first] for name, table in own.items()}
                made = self.computed(kind, buffers, head, None if here is None else here[0])
                buffers = _written(buffers, kind, made, [layout.heads[kind.index, i] for i in range(len(made))])
            tail = {name: table[first:].reshape(steps, width, *table.shape[1:]) for name, table in own.items()}
            rows[kind.index] = tail, None if here is None else here[1:]
        changed = [aval for aval in buffers if layout.blocks.get((number, aval))]

        def step(carry: tuple[Buffers, Any], xs: Any) -> tuple[tuple[Buffers, Any], None]:
            mine, at = carry
            for kind in kinds:
                own, here = xs[kind.index]
                made = self.computed(kind, {**buffers, **mine}, own, here)
                places = [
                    layout.places[kind.index, i] + at * layout.blocks[number, aval] for i, aval in enumerate(kind.gives)
                ]
                mine = _written(mine, kind, made, places)
            return (mine, at + 1), None

        carried = {aval: buffers[aval] for aval in changed}
        (carried, _), _ = jax.lax.scan(step, (carried, jnp.int32(0)), rows)
        return {**buffers, **carried}

    def computed(self, kind: Kind, buffers: Buffers, own: Mapping[str, Any], present: Any) -> list[Any]:
        """What rows of a kind give, for each result an array; zeros where the kind has had no row yet."""
        if kind.chain:
            added = self.added(kind, buffers[kind.gives[0]], own)
            return [added]
        hosts = [own[str(i)] for i in range(len(kind.hosts))]
        taken: list[Any] = [None] * len(kind.reads)
        for aval in dict.fromkeys(kind.reads):
            at = [i for i, each in enumerate(kind.reads) if each == aval]
            whole = len(at) == len(kind.reads)
            places = own["reads"] if whole else own["reads"][:, jnp.array(at)]
            both = self.avals[aval].load(_taken(buffers[aval], places))
            for rank, i in enumerate(at):
                taken[i] = both[:, rank]
        size = len(own["reads"] if kind.reads else hosts[0]) if (kind.reads or hosts) else None
        size = self.layout.sizes.rows[kind.index] if size is None else size
        batched = jax.vmap(self.segments[kind.index], axis_size=size)

        def work(*given: Any) -> list[Any]:
            return [self.avals[aval].store(made) for aval, made in zip(kind.gives, batched(*given), strict=True)]

        if present is None:
            return work(taken, hosts)

        def nothing(*_: Any) -> list[Any]:
            kinds = [self.avals[aval].stored for aval in kind.gives]
            return [jnp.zeros((size, *shape), dtype) for shape, dtype in kinds]

        return jax.lax.cond(present != 0, work, nothing, taken, hosts)  # type: ignore[no-any-return]

    def added(self, kind: Kind, buffer: Any, own: Mapping[str, Any]) -> Any:
        """Chains: all terms of a batch by owner, or the few of each row."""
        codes = own["reads"]
        terms, how = _taken(buffer, codes >> 2), codes & 3
        how = how.reshape(*how.shape, *[1] * (terms.ndim - how.ndim))
        if kind.chain == "*":
            return jnp.prod(jnp.where(how == PAD, jnp.ones_like(terms), terms), axis=1, dtype=terms.dtype)
        zero = jnp.zeros_like(terms)
        terms = jnp.where(how == PLUS, terms, jnp.where(how == MINUS, -terms, zero) if kind.chain == "-" else zero)
        if "owners" in own:
            return jax.ops.segment_sum(terms, own["owners"], self.layout.sizes.rows[kind.index])
        return jnp.sum(terms, axis=1, dtype=terms.dtype)


def _taken(buffer: Any, places: Any) -> Any:
    """Arrays of a buffer. That the host's places are in it is known, and costs nothing to make sure of."""
    return buffer.at[places].get(mode="promise_in_bounds")


def _empty(aval: Aval, length: int) -> Any:
    """A buffer: of a number to which each may be added, itself included."""
    shape, dtype = aval.stored
    return jnp.full((length, *shape), _nothing(dtype), dtype)


def _nothing(dtype: Any) -> Any:
    """A number to which any may be added, and the sum is that one: with 0.0, -0.0 would become 0.0."""
    return -0.0 if jnp.issubdtype(dtype, jnp.inexact) else 0


def _written(buffers: Buffers, kind: Kind, made: Sequence[Any], places: Sequence[Any]) -> Buffers:
    """The buffers with what a kind gave, where nothing was before.

    Numbers that have gradients are added. What `dynamic_update_slice` writes over has no gradient any more, so its
    transpose must put zeros there after it has read it; XLA then copies the buffer, in each step. So it does where it
    reads a gradient of the buffer twice, before and after it was added to: the barrier keeps it from that.
    """
    after = dict(buffers)
    for aval, block, place in zip(kind.gives, made, places, strict=True):
        if jnp.issubdtype(block.dtype, jnp.inexact):
            whole = tuple(range(block.ndim))
            numbers = jax.lax.ScatterDimensionNumbers(whole, (), (0,))
            at, block = jnp.full((1,), place, jnp.int32), jax.lax.optimization_barrier(block)
            after[aval] = jax.lax.scatter_add(
                after[aval], at, block, numbers, unique_indices=True, mode=jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS
            )
        else:
            after[aval] = jax.lax.dynamic_update_slice_in_dim(after[aval], block, place, 0)
    return after
