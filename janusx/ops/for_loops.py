"""`for`: rolled into `lax.scan` where the iterable is arrays or a range and the body allows it.

Else it is unrolled, with the reason.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from janusx.ops import buckets
from janusx.ops.bounded_loops import masked_scan
from janusx.ops.buffers import take_over, walk
from janusx.ops.conditionals import cells_of, cond, staged_predicate, truth_value
from janusx.ops.effects import of_trips
from janusx.ops.iterables import DynamicRange, Enumerate, Reversed, Zip
from janusx.ops.logical import both, not_
from janusx.ops.loops import checks_start, pack, trace_loop, unpack
from janusx.ops.sites import Where, is_entered
from janusx.ops.while_loops import while_loop
from janusx.signals import Buffered, Unbucketed, Unstageable, first_line
from janusx.state import symbols
from janusx.state.buckets import Bucketed
from janusx.state.buffers import Buffer, check
from janusx.tracing import context
from janusx.tracing.heap import Heap
from janusx.tracing.skeleton import Later, Made, Py, Skeleton, arr, expand, parts_of, specs, unflatten
from janusx.tracing.trace import Trace
from janusx.tracing.whole import read_whole


def for_loop(
    iterable: Any, body: Callable[..., Any], *variables: Any, site: Where | None = None, breaks: bool = False
) -> Any:
    """`for item in iterable: body(item, ...)`; with `breaks` the first variable says whether the loop was left."""
    trace = context.current()
    trace.looping += 1
    try:
        return _for(trace, iterable, body, variables, site, breaks)
    finally:
        trace.looping -= 1


def _for(trace: Trace, iterable: Any, body: Any, variables: tuple[Any, ...], site: Where | None, breaks: bool) -> Any:
    if type(iterable) is DynamicRange:
        return _counted(iterable, body, variables, site, breaks)
    if type(iterable) is Buffer:
        return walk(iterable, body, variables, site, breaks)
    check(iterable)
    source = source_of(iterable)
    reason = f"its iterable is a {type(iterable).__name__}"
    if source is not None:
        if source.count is not None and not _is_entered(trace, site, source.count):
            return pack(variables)
        if source.length > trace.settings.roll_threshold or source.count is not None:
            try:
                return _rolled(trace, source, body, variables, site, breaks)
            except Unstageable as why:
                reason = why.reason
            except Exception as error:  # the body does not take a traced index or item; unrolled it may
                trace.wrap_leaves(error)
                reason = f"{type(error).__name__} with a traced item: {first_line(error)}"
        else:
            reason = f"{source.length} trips are few"
    if source is not None and source.count is not None:
        raise Unbucketed(f"a loop over it cannot be rolled: {reason}")
    trace.decide(site, "unroll", reason)
    return _unrolled(iterable, body, variables, site, breaks)


def _is_entered(trace: Trace, site: Where | None, count: Any) -> bool:
    """Whether there is a row, under a guard: a host's, or the program's."""
    some = symbols.apply(operator.gt, count, 0)
    return is_entered(trace, site, symbols.as_array(some)) if symbols.unknown(some) else bool(some)


@dataclass(frozen=True)
class Source:
    """What a rolled loop runs over.

    Attributes:
        length: trips.
        arrays: arrays whose first axis is run over.
        item: makes the loop's item of one row of each.
        count: how many of the trips there are, where the arrays are padded.
    """

    length: int
    arrays: tuple[Any, ...]
    item: Callable[[Sequence[Any]], Any]
    count: Any = None


def source_of(iterable: Any) -> Source | None:
    """How to roll over an iterable, or None."""
    if symbols.is_array(iterable) and iterable.ndim > 0:
        return Source(iterable.shape[0], (iterable,), lambda rows: rows[0])
    if type(iterable) is Bucketed:
        return Source(iterable.padded.shape[0], (iterable.padded,), lambda rows: rows[0], iterable.length)
    if type(iterable) is range and abs(iterable.start) < 2**31 and abs(iterable.stop) < 2**31:
        steps = jnp.arange(iterable.start, iterable.stop, iterable.step, dtype=jnp.int32)
        return Source(len(iterable), (steps,), lambda rows: symbols.device_scalar(rows[0], int))
    if type(iterable) is Zip:
        return _zipped([source_of(part) for part in iterable.parts], iterable.strict)
    if type(iterable) is Enumerate:
        inner = source_of(iterable.part)
        if inner is None:
            return None
        return _zipped([source_of(range(iterable.start, iterable.start + inner.length)), inner], False)
    if type(iterable) is Reversed:
        if type(iterable.part) is Bucketed:
            return source_of(buckets.reversed_rows(iterable.part))
        inner = source_of(iterable.part)
        return (
            None
            if inner is None or inner.count is not None
            else Source(inner.length, tuple(array[::-1] for array in inner.arrays), inner.item)
        )
    if type(iterable) in (list, tuple) and len(iterable) > 0:
        return _stacked(iterable)
    return None


def _zipped(parts: list[Source | None], strict: bool) -> Source | None:
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or (strict and len({part.length for part in known}) > 1):
        return None
    length = min(part.length for part in known)
    counts = [part.length if part.count is None else part.count for part in known]
    padded = any(part.count is not None for part in known)
    if padded and strict and not all(symbols.apply(operator.eq, counts[0], count) for count in counts):
        return None
    arrays = tuple(array[:length] for part in known for array in part.arrays)

    def item(rows: Sequence[Any]) -> Any:
        rest = iter(rows)
        return tuple(part.item([next(rest) for _ in part.arrays]) for part in known)

    count = symbols.apply(min, *counts) if len(counts) > 1 else counts[0]
    return Source(length, arrays, item, count if padded else None)


def _stacked(items: Sequence[Any]) -> Source | None:
    if not all(map(symbols.is_array, items)) or len({arr(item) for item in items}) != 1:
        return None
    if len(items) <= context.current().settings.roll_threshold:
        return Source(len(items), (), lambda rows: None)
    return Source(len(items), (jnp.stack(items),), lambda rows: rows[0])


def _counted(bounds: DynamicRange, body: Any, variables: tuple[Any, ...], site: Where | None, breaks: bool) -> Any:
    """A range whose bounds are arrays: a `while` over a counter."""
    count = len(variables)

    def test(index: Any, *given: Any) -> Any:
        inside = bounds.going(index)
        return both(not_(given[0]), lambda: inside, site=site) if breaks else inside

    def once(index: Any, *given: Any) -> Any:
        return pack((index + bounds.step, *unpack(body(index, *given), count)))

    result = while_loop(test, once, bounds.first(), *variables, site=site, reached=[body], ends=True)
    return pack(result[1:] if count else ())


def _unrolled(
    iterable: Any, body: Callable[..., Any], variables: tuple[Any, ...], site: Where | None, breaks: bool
) -> Any:
    count = len(variables)
    stopped: Any = None
    for item in iterable:
        if stopped is None:
            variables = unpack(body(item, *variables), count)
        else:
            given = variables
            result = cond(
                stopped, lambda given=given: pack(given), lambda item=item, given=given: body(item, *given), site=site
            )
            variables = unpack(result, count)
        if breaks:
            stopped = staged_predicate(variables[0])
            if stopped is None and truth_value(variables[0]):
                break
    return pack(variables)


def _rolled(
    trace: Trace, source: Source, body: Any, variables: tuple[Any, ...], site: Where | None, breaks: bool
) -> Any:
    """The loop rolled, once more for each list that turns out to have a length that only the run knows."""
    while True:
        try:
            return _scanned(trace, source, body, variables, site, breaks)
        except Buffered as signal:
            swap = take_over(trace, signal, site, Heap(trace, [body, *variables, *cells_of([body])]))
            variables = tuple(swap.get(id(value), value) for value in variables)


def _scanned(
    trace: Trace, source: Source, body: Any, variables: tuple[Any, ...], site: Where | None, breaks: bool
) -> Any:
    count = len(variables)
    inputs = [jax.ShapeDtypeStruct(array.shape[1:], array.dtype, weak_type=arr(array).weak) for array in source.arrays]

    def iteration(item: Any, *given: Any) -> Any:
        return unpack(body(item, *given), count), ()

    with trace.region() as key:
        loop = trace_loop(
            trace,
            key,
            iteration,
            variables,
            inputs,
            lambda rows: (source.item(rows),),
            [body, source.arrays],
            appends=not breaks and source.count is None,
        )

        def once(state: Any, rows: Any) -> Any:
            leaves, held, trip = state
            step = loop.step(leaves, rows)
            ran = [jnp.asarray(True)] if ends and loop.region.effects else []
            return (step.carry, step.held(held), [each + 1 for each in trip]), (step.rows, step.said, ran)

        def live(state: Any) -> Any:
            leaves, _, trip = state
            left = [jnp.logical_not(leaves[0])] if flagged else []
            return functools.reduce(jnp.logical_and, [*left, *(each < count_of_trips for each in trip)])

        def unless_left(state: Any, rows: Any) -> Any:
            # The flag is the first carried leaf. A scan with a skipped rest has a reverse mode; a while_loop has none.
            nothing: Any = ([], [], [])
            if loop.region.effects:
                outs = jax.eval_shape(once, state, rows)[1]
                nothing = jax.tree.map(lambda out: jnp.zeros(out.shape, out.dtype), outs)
            return jax.lax.cond(live(state), lambda: once(state, rows), lambda: (state, nothing))

        padded = source.count is not None
        count_of_trips = symbols.as_array(source.count) if padded else None
        start = (loop.start(variables), checks_start(loop.region), [jnp.int32(0)] if padded else [])
        flagged = breaks and bool(specs(loop.carry.variables.items[0]))  # type: ignore[attr-defined]
        ends = flagged or padded
        if ends and "reverse" in trace.around:
            # Of what a `cond` reads, reverse mode would keep a copy for every trip: of the weights, too.
            (leaves, held, _), (grown, said, _), taken = masked_scan(
                trace, once, live, start, source.arrays, source.length
            )
            ran = [taken]
        else:
            (leaves, held, _), (grown, said, ran) = jax.lax.scan(
                unless_left if ends else once, start, source.arrays, length=source.length
            )
    trace.frames.bring_out(list(zip(held, loop.region.assumptions, strict=True)))
    trace.decide(site, "roll", f"lax.scan of {source.length} trips")
    _append_rows(trace, loop, grown, source.length)
    if loop.region.effects:
        trace.say(of_trips(loop.region, said, jnp.sum(ran[0]) if ran else source.length))
    return pack(loop.finish(leaves, entered=True))


def _append_rows(trace: Trace, loop: Any, grown: Sequence[Any], length: int) -> None:
    """Append to each list that grew the items of all iterations."""
    if not loop.carry.grown:
        return
    value = expand(loop.region.value.skeleton)
    assert isinstance(value, Made)
    lists = [loop.heap.held(place).value for place in loop.carry.grown]
    rest = iter(grown)
    columns = [
        [(item, [next(rest) for _ in specs(item)]) for item in parts_of(items)] for items in parts_of(value.items[1])
    ]
    for trip in range(length):
        for target, items in zip(lists, columns, strict=True):
            target.extend(_item(trace, item, stacked, trip) for item, stacked in items)


def _item(trace: Trace, skeleton: Skeleton, stacked: Sequence[Any], trip: int) -> Any:
    """The item that one trip appended. Of Python values the whole column is read back at once, not row by row."""
    if not isinstance(skeleton, Py | Later):
        return unflatten(skeleton, iter([trace.row(array, trip) for array in stacked]))
    rows = [
        trace.row(array, trip) if whole else symbols.host_row(array, trip)
        for array, whole in zip(stacked, read_whole(skeleton), strict=True)
    ]
    item = unflatten(skeleton, iter(rows))
    if isinstance(skeleton, Py) and stacked[0].dtype == jnp.asarray(skeleton.kind(0)).dtype:
        trace.rows[id(item)] = (stacked[0], trip, item)
    return item
