"""Lists of which only the run knows how long they are: a stack, a queue, what a loop has found.

A local list whose length comes to depend on arrays within a loop becomes a `Buffer`: arrays with room for as many items
as the profile suggests. That the room is enough is a staged guard, and a violation makes a program with four times as
much; so is that no index is out of range, which Python then says itself.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from janusx import emitted
from janusx.guards.staged import DOUBLE
from janusx.signals import Buffered, Unstageable
from janusx.state import kinds, policy, symbols
from janusx.state.buffers import Buffer, Gone
from janusx.tracing import context
from janusx.tracing.heap import Heap
from janusx.tracing.skeleton import (
    Arr,
    Made,
    Py,
    Skeleton,
    convert_all,
    expand,
    flatten,
    python_kind,
    specs,
    unflatten,
    unify,
)
from janusx.tracing.trace import Trace
from janusx.tracing.where import Where

if TYPE_CHECKING:
    from janusx.tracing.staging import Region

LEAST = 16


class _Nothing:
    """For `flatten`: no object is known outside."""

    def __contains__(self, value: Any) -> bool:
        return False

    def leaves_once(self, value: Any) -> None:
        raise Unstageable(f"a {type(value).__name__} is in a list of which only the run knows how long it is")


_NOTHING: Any = _Nothing()


def offer(trace: Trace, target: Any, items: Sequence[Skeleton], before: Iterable[Any] | None = None) -> None:
    """Signal that a list had better become a buffer, if it is one of the program's own and in a loop.

    Args:
        trace: the trace under way.
        target: the list whose length a region changes.
        items: skeletons of what the region puts in.
        before: what was in it, if the region has not been left yet.
    """
    if not trace.looping or not trace.settings.speculate or type(target) not in (list, deque):
        return
    if getattr(target, "maxlen", None) is not None or id(target) in trace.shadow.by_shadow or id(target) in trace.lists:
        return
    try:
        held = [_shape(flatten(item, _NOTHING, [])) for item in (target if before is None else before)]
        shapes = [*held, *map(_shape, items)]
        if shapes and all(shape == shapes[0] for shape in shapes[1:]) and specs(shapes[0]):
            raise Buffered(target, shapes[0])
    except Unstageable:
        return


def offering(trace: Trace, region: Callable[..., Any]) -> Callable[..., Any]:
    """A region's function; where it cannot go on, the lists are offered that got longer or shorter until then.

    It takes out of a list more than the first trip had put in, or looks for an array in it.
    """

    @functools.wraps(region)
    def run(*args: Any) -> Any:
        try:
            return region(*args)
        except (IndexError, jax.errors.ConcretizationTypeError):
            for heap in reversed(trace.heaps) if trace.looping else ():
                for written in heap.writes():
                    if set(written.after) != set(dict(written.held.fields)):
                        offer(trace, written.held.value, [], written.after.values())
            raise

    return run


@contextmanager
def beside(trace: Trace, regions: Sequence[Region]) -> Iterator[None]:
    """While one side of a branch is traced: those on its other side."""
    trace.beside += regions
    try:
        yield
    finally:
        del trace.beside[len(trace.beside) - len(regions) :]


def offer_grown(trace: Trace, regions: Sequence[Region]) -> None:
    """Where a side takes out of a list more than there is, offer the lists that the sides beside it put something in.

    The first trip has put in nothing yet: `stack.append(x) if push else stack.pop()`.
    """
    for region in regions:
        for written in region.writes.values():
            before = dict(written.held.fields)
            if set(written.steps) != set(before):
                offer(trace, written.held.value, appended(written.steps, written.pieces), before.values())


def _shape(skeleton: Skeleton) -> Skeleton:
    """The skeleton of items like this one: a Python number stands for all of its type."""
    skeleton = expand(skeleton)
    kind = python_kind(skeleton)
    if kind is not None:
        return Py(kind)
    if isinstance(skeleton, Made) and type(skeleton.cls) is type and issubclass(skeleton.cls, tuple):
        return Made(skeleton.kind, skeleton.cls, skeleton.steps, tuple(map(_shape, skeleton.items)))
    if isinstance(skeleton, Arr):
        return skeleton
    raise Unstageable("a list of other things than arrays and numbers")


def take_over(trace: Trace, signal: Buffered, site: Where | None, heap: Heap) -> dict[int, Any]:
    """Put a buffer wherever the list was; returns it by the `id` of the list. An inner region leaves it to an outer."""
    target = signal.target
    if any(target in outer for outer in trace.heaps):
        raise signal
    trace.lists[id(target)] = target
    key = ("a list in " + site.key[0], site.key[1]) if site is not None else ("", 0)
    if site is None or trace.settings.assumed.get(key) is False or _is_hidden(target, heap):
        return {}
    seen = 0 if trace.settings.profile is None else trace.settings.profile.most_trips(site.key)
    least = max(LEAST, 1 << (len(target) + seen).bit_length())
    room = trace.settings.capacities.get(key, least)
    arrays = [jnp.zeros((room, *spec.shape), spec.dtype) for spec in specs(signal.item)]
    buffer = Buffer(jnp.int32(0), arrays, signal.item, replace(site, key=key), type(target))
    for item in target:
        append(buffer, item)
    swap = {id(target): buffer}
    exchange(heap, swap)
    target.clear()
    target.append(Gone(buffer.where))
    return swap


def _is_hidden(target: Any, heap: Heap) -> bool:
    """Whether there is a name for a list that `exchange` does not reach: a plain variable, a tuple that holds it."""
    pending = [value for held in heap.all() for _, value in held.fields if value is not target]
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        if emitted.is_emitted(frame.f_code):
            plain = set(frame.f_code.co_varnames) - set(frame.f_code.co_cellvars)
            pending += [value for name, value in frame.f_locals.items() if name in plain]
        frame = frame.f_back
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if type(value) is types.BuiltinFunctionType:
            value = value.__self__
        if value is target:
            return True
        kind = policy.category(value) if type(value) is not list and id(value) not in seen else None
        seen.add(id(value))
        if isinstance(kind, kinds.Kind) and not kind.mutable:
            pending += [item for _, item in kind.fields(value)]
    return False


def exchange(heap: Heap, swap: dict[int, Any]) -> None:
    """Replace references to some objects in everything that a snapshot holds."""
    for held in heap.all() if swap else ():
        now = held.kind.fields(held.value)
        if any(id(value) in swap for _, value in now):
            held.kind.fill(held.value, [(step, swap.get(id(value), value)) for step, value in now])


def appended(steps: Any, pieces: Any) -> list[Skeleton]:
    """The skeletons of what a region put into a list."""
    return [pieces[step].skeleton for step in steps if step in pieces]


# What a list does ----------------------------------------------------------------------------------------------------


def leaves_of(buffer: Buffer, item: Any) -> list[Any]:
    """The leaves of something that is to be one of its items."""
    found: list[Any] = []
    skeleton = flatten(item, _NOTHING, found)
    try:
        fits = unify(buffer.item, _shape(skeleton)) == buffer.item
    except Unstageable:
        fits = False
    if not fits:
        buffer.refuse()
    return convert_all(buffer.item, skeleton, found)


def append(buffer: Buffer, item: Any) -> None:
    """`append`, under a guard that there is room."""
    new, trace = leaves_of(buffer, item), context.current()
    fits, what = buffer.length < buffer.room, f"a list has at most {buffer.room} items"
    trace.assume_staged(fits, True, what, buffer.where, capacity=buffer.room, growth=DOUBLE * DOUBLE)
    _store(buffer, buffer.length, new)
    buffer.length = buffer.length + 1


def _store(buffer: Buffer, index: Any, new: Sequence[Any]) -> None:
    pairs = zip(buffer.arrays, new, strict=True)
    buffer.arrays = [jax.lax.dynamic_update_index_in_dim(all, one.astype(all.dtype), index, 0) for all, one in pairs]


def _place(buffer: Buffer, index: Any) -> Any:
    """The place of an index, under a guard that it is in range: else Python raises."""
    if isinstance(index, slice) or type(index) is tuple:
        buffer.refuse()
    position = jnp.asarray(symbols.as_array(index))
    if position.ndim or not jnp.issubdtype(position.dtype, jnp.integer):
        buffer.refuse()
    place = jnp.where(position < 0, position + buffer.length, position).astype(jnp.int32)
    inside = jnp.logical_and(place >= 0, place < buffer.length)
    where = replace(buffer.where, key=("an index of " + buffer.where.key[0], buffer.where.key[1]))
    context.current().assume_staged(inside, True, "an index of a list is in range", where, True)
    return place


def get(buffer: Buffer, index: Any) -> Any:
    """`buffer[index]`."""
    return _row(buffer, _place(buffer, index))


def _row(buffer: Buffer, place: Any) -> Any:
    rows = [jax.lax.dynamic_index_in_dim(array, place, keepdims=False) for array in buffer.arrays]
    return unflatten(buffer.item, iter(_weak(buffer.item, rows)))


def _weak(skeleton: Skeleton, rows: list[Any]) -> list[Any]:
    if isinstance(skeleton, Arr):
        return [symbols.weakened(rows[0]) if skeleton.weak else rows[0]]
    if isinstance(skeleton, Made):
        rest = iter(rows)
        return [leaf for item in skeleton.items for leaf in _weak(item, [next(rest) for _ in specs(item)])]
    return rows


def put(buffer: Buffer, index: Any, item: Any) -> None:
    """`buffer[index] = item`."""
    new = leaves_of(buffer, item)
    _store(buffer, _place(buffer, index), new)


def pop(buffer: Buffer, index: Any = -1) -> Any:
    """`pop`; of a place but the last, what follows moves up."""
    place = _place(buffer, index)
    item = _row(buffer, place)
    if type(index) is int and index == -1:
        buffer.length = buffer.length - 1
    else:
        remove_at(buffer, place)
    return item


def remove_at(buffer: Buffer, place: Any) -> None:
    """What follows a place moves up."""
    after = jnp.arange(buffer.room) >= place
    moved = [(jnp.roll(array, -1, 0), array) for array in buffer.arrays]
    buffer.arrays = [jnp.where(after.reshape(-1, *[1] * (old.ndim - 1)), new, old) for new, old in moved]
    buffer.length = buffer.length - 1


def length(buffer: Buffer) -> Any:
    """`len`: an integer that the program computes."""
    return symbols.device_scalar(buffer.length, int)


def walk(buffer: Buffer, body: Any, variables: tuple[Any, ...], site: Any, breaks: bool) -> Any:
    """`for item in buffer`: what the body appends is gone through, too, as Python does."""
    from janusx.ops.logical import both, not_
    from janusx.ops.loops import pack, unpack
    from janusx.ops.while_loops import while_loop

    count = len(variables)

    def test(index: Any, *given: Any) -> Any:
        inside = index < buffer.length
        return both(not_(given[0]), lambda: inside, site=site) if breaks else inside

    def once(index: Any, *given: Any) -> Any:
        return pack((index + 1, *unpack(body(_row(buffer, index), *given), count)))

    result = while_loop(test, once, jnp.int32(0), *variables, site=site, reached=[body, buffer])
    return pack(result[1:] if count else ())
