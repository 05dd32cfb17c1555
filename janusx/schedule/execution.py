"""The compiled side: runs any schedule that fits, as one batch for what reads no array, then a scan over steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from janusx.schedule.recording import Aval, Kind
from janusx.schedule.tables import Layout, ranks
from janusx.state.dtypes import weakened

Segment = Callable[[list[Any], list[Any]], list[Any]]


def run(
    layout: Layout,
    avals: Sequence[Aval],
    segments: dict[int, Segment],
    outer: Sequence[Any],
    tables: Sequence[Any],
    roots: Sequence[int],
) -> list[Any]:
    """Run a schedule.

    Args:
        layout: where everything lies.
        avals: by number.
        segments: by kind; each takes the arrays that it reads and Python values, and gives arrays.
        outer: the arrays from around the structure.
        tables: what `tables.tables` gives.
        roots: the avals of the results.

    Returns:
        The results.
    """
    rest = iter(tables)
    buffers = {aval: jnp.zeros((rows, *avals[aval].shape), avals[aval].dtype) for aval, rows in layout.rows.items()}
    for array, aval, rank in zip(outer, layout.outer, ranks(layout.outer), strict=True):
        buffers[aval] = buffers[aval].at[rank].set(array)
    for kind in layout.fixed():
        given = [next(rest) for _ in kind.hosts]
        segment, size = segments[kind.index], layout.sizes.free[kind.index]
        batched = jax.vmap(lambda hosts, segment=segment: segment([], hosts), axis_size=size)(given)
        for aval in dict.fromkeys(kind.gives):
            parts = [out for out, own in zip(batched, kind.gives, strict=True) if own == aval]
            together = jnp.stack(parts, 1).reshape(-1, *avals[aval].shape)
            start = layout.bases[kind.index, aval]
            buffers[aval] = buffers[aval].at[start : start + len(together)].set(together)
    if layout.sizes.steps:
        buffers = _scan(layout, avals, segments, buffers, rest)
    places = next(rest)
    found = []
    for i, aval in enumerate(roots):
        root = buffers[aval][places[i]]
        found.append(weakened(root) if avals[aval].weak else root)
    return found


def _scan(
    layout: Layout, avals: Sequence[Aval], segments: dict[int, Segment], buffers: dict[int, Any], rest: Any
) -> dict[int, Any]:
    width = layout.sizes.width
    which = next(rest)
    reads = {aval: next(rest) for aval, count in layout.reads.items() if count}
    numbered = {aval: i for i, aval in enumerate(layout.hosts)}
    hosts = [next(rest) for _ in numbered]
    given = [aval for aval, stride in layout.stride.items() if stride]

    def branch(kind: Kind) -> Callable[..., Any]:
        def work(arrays: dict[int, Any], values: list[Any]) -> dict[int, Any]:
            taken = [arrays[aval][:, rank] for aval, rank in zip(kind.reads, ranks(kind.reads), strict=True)]
            own = [host.aval for host in kind.hosts]
            numbers = [values[numbered[aval]][:, rank] for aval, rank in zip(own, ranks(own), strict=True)]
            outs = jax.vmap(segments[kind.index])(taken, numbers)
            found = {}
            for aval in given:
                parts = [out for out, own in zip(outs, kind.gives, strict=True) if own == aval]
                shape = (width, *avals[aval].shape)
                parts += [jnp.zeros(shape, avals[aval].dtype)] * (layout.stride[aval] - len(parts))
                found[aval] = jnp.stack(parts, 1).reshape(-1, *avals[aval].shape)
            return found

        return work

    def idle(arrays: Any, values: Any) -> dict[int, Any]:
        return {aval: jnp.zeros((width * layout.stride[aval], *avals[aval].shape), avals[aval].dtype) for aval in given}

    branches = [*map(branch, layout.moving()), idle]

    def step(carry: tuple[dict[int, Any], Any], xs: Any) -> tuple[tuple[dict[int, Any], Any], None]:
        buffers, number = carry
        chosen, slots, values = xs
        arrays = {aval: buffers[aval][slots[aval]] for aval in slots}
        made = jax.lax.switch(chosen, branches, arrays, values)
        after = dict(buffers)
        for aval, block in made.items():
            start = layout.starts[aval] + number * len(block)
            after[aval] = jax.lax.dynamic_update_slice_in_dim(buffers[aval], block, start, 0)
        return (after, number + 1), None

    (buffers, _), _ = jax.lax.scan(step, (buffers, jnp.int32(0)), (which, reads, hosts))
    return buffers
