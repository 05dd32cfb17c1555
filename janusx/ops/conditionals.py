"""`if`: both sides staged into `lax.cond` where they can be one, else the likely side under a guard."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from janusx import leaves
from janusx.ops.buffers import appended, beside, offer, offer_grown, offering, take_over
from janusx.ops.sites import Where, speculate
from janusx.signals import Buffered, Respecialise, Unstageable
from janusx.state import symbols
from janusx.state.buffers import Buffer
from janusx.tracing import context, methods, origins
from janusx.tracing.effects import under
from janusx.tracing.heap import Heap, Held, only_grew
from janusx.tracing.skeleton import Skeleton, convert_all, flatten, unflatten, unify
from janusx.tracing.staging import Piece, Region, trace_region
from janusx.tracing.trace import Trace


def cond(
    test: Any, true: Callable[..., Any], false: Callable[..., Any], *variables: Any, site: Where | None = None
) -> Any:
    """`if test: true(...) else: false(...)`; the branches return the carried variables."""
    predicate = staged_predicate(test)
    if predicate is None:
        return (true if truth_value(test) else false)(*variables)
    trace = context.current()
    try:
        result = _staged(trace, predicate, true, false, variables, site)
    except Unstageable as why:
        outcome = speculate(trace, site, predicate, why.reason)
    except BranchRaises as raised:
        outcome = speculate(trace, site, predicate, raised.reason, raised.other)
    else:
        trace.decide(site, "stage", "both sides are array code of one structure")
        return result
    return (true if outcome else false)(*variables)


def _staged(trace: Trace, predicate: Any, true: Any, false: Any, variables: tuple[Any, ...], site: Where | None) -> Any:
    """`stage`, once more for each list that turns out to have a length that only the run knows."""
    roots = [true, false, *variables]
    try:
        return stage(trace, predicate, lambda: true(*variables), lambda: false(*variables), roots)
    except Buffered as signal:
        swap = take_over(trace, signal, site, Heap(trace, [*roots, *cells_of(roots)]))
    return _staged(trace, predicate, true, false, tuple(swap.get(id(value), value) for value in variables), site)


def if_exp(test: Any, true: Callable[[], Any], false: Callable[[], Any], site: Where | None = None) -> Any:
    """`true() if test else false()`."""
    return cond(test, true, false, site=site)


def assume(test: Any, expected: bool, site: Where | None = None) -> bool:
    """Take the outcome of `test` for granted, under a guard. Where Python decides after all, ask for another pass."""
    predicate = staged_predicate(test)
    if predicate is not None:
        return speculate(context.current(), site, predicate, "it had this outcome in the profiled runs")
    outcome = truth_value(test)
    if outcome != expected and site is not None:
        raise Respecialise(site.key, outcome)
    return outcome


def truth(test: Any, site: Where | None = None) -> bool:
    """The outcome of a test that steers native Python: known, or speculated on."""
    predicate = staged_predicate(test)
    if predicate is None:
        return truth_value(test)
    return speculate(context.current(), site, predicate, "Python itself branches on it")


def staged_predicate(test: Any) -> Any | None:
    """The boolean scalar of the program that decides a test, or None where Python decides it."""
    if type(test) is Buffer:
        test = test.length > 0
    own = own_truth(test)
    if own is not None:
        answer = context.current().call(own)(test)  # the user's own `__bool__` may answer with an array
        context.current().memo[_ANSWERED] = test, answer
        test = answer
    if symbols.is_sym(test) and test._jx_kind is list:
        test = symbols.length(test)  # of one that grows it may be known only after the run
    if symbols.is_sym(test) and test._jx_value is symbols.UNKNOWN:
        test = jnp.asarray(symbols.as_array(test))
    if not isinstance(test, Tracer):
        return None
    if test.size != 1:
        raise Unstageable(f"the truth of an array of shape {test.shape} is ambiguous")
    return test.reshape(()).astype(bool)


def own_truth(test: Any) -> types.FunctionType | None:
    """The `__bool__` of a user's class; None for a value of another."""
    own = None if symbols.is_sym(test) else methods.original(getattr(type(test), "__bool__", None))
    return own if isinstance(own, types.FunctionType) and not leaves.is_leaf(own) else None


_ANSWERED = (-2,)
"""Where a pass keeps what a user's `__bool__` has just answered: it is asked once. No region has this number."""


def truth_value(test: Any) -> bool:
    """The truth of a Python value; of a symbolic one under a guard on the outcome."""
    own = own_truth(test)
    if own is None:
        return bool(test)
    known = context.current().memo.pop(_ANSWERED, (None, None))
    return bool(known[1] if known[0] is test else context.current().call(own)(test))


class BranchRaises(Exception):
    """One side of a branch raises while it is traced; `other` is the outcome that avoids it."""

    def __init__(self, reason: str, other: bool):
        super().__init__(reason)
        self.reason = reason
        self.other = other


def stage(trace: Trace, predicate: Any, true: Callable[[], Any], false: Callable[[], Any], roots: list[Any]) -> Any:
    """Trace both sides, and put them together in one `lax.cond`."""
    with trace.region():
        regions = _both(trace, true, false, [*roots, *cells_of(roots)])
    return merge(trace, predicate, regions)


def cells_of(roots: list[Any]) -> list[Any]:
    """The cells of functions among some values."""
    return [cell for root in roots for cell in (getattr(root, "__closure__", None) or ())]


def _both(trace: Trace, true: Callable[[], Any], false: Callable[[], Any], roots: list[Any]) -> tuple[Region, Region]:
    def traced(branch: Callable[[], Any]) -> Region:
        with trace.region():
            return trace_region(trace, offering(trace, branch), lambda leaves: (), roots=roots, named=True)

    regions: list[Region] = []
    for outcome, branch in ((True, true), (False, false)):
        try:
            with beside(trace, regions):
                regions.append(traced(branch))
        except Exception as error:
            trace.wrap_leaves(error)
            if isinstance(error, IndexError) and trace.looping:
                others = regions or [traced(false)]  # if this raises it, too, so does the branch
                offer_grown(trace, [*others, *trace.beside])
            raise BranchRaises(
                f"the {'true' if outcome else 'false'} side raises {type(error).__name__}", not outcome
            ) from error
    return regions[0], regions[1]


class _Joint:
    """The outputs of the joint `cond`: for each, what is wanted and where either side has it."""

    def __init__(self) -> None:
        self.wanted: list[Skeleton] = []
        self.sources: tuple[list[Any], list[Any]] = ([], [])

    def add(self, wanted: Skeleton, true: Any, false: Any) -> int:
        """Add an output; a source is a `Piece` of the region, or a function giving skeleton and leaves."""
        self.wanted.append(wanted)
        self.sources[0].append(true)
        self.sources[1].append(false)
        return len(self.wanted) - 1


def merge(trace: Trace, predicate: Any, regions: tuple[Region, Region]) -> Any:
    """Stage two traced sides as one `lax.cond` and apply its outcome to the shadows."""
    true, false = regions
    joint = _Joint()
    value = joint.add(unify(true.value.skeleton, false.value.skeleton), true.value, false.value)
    writes = _join_writes(trace, joint, true, false)
    effects = [(0, *entry) for entry in true.effects] + [(1, *entry) for entry in false.effects]
    empty: tuple[Any, list[Any]]
    said = []
    for which, effect, piece in effects:
        empty = (None, [])
        sources = [piece, piece]
        sources[1 - which] = empty  # type: ignore[call-overload]
        said.append((which, effect, piece, joint.add(_Zeroed(piece.skeleton), *sources)))
    outs = jax.lax.cond(predicate, *_sides(joint, regions))
    values = _joined(joint, regions, origins.Joining(predicate, _said(regions, outs[2])), outs[0])
    _apply(writes, joint, values)
    for which, effect, piece, index in said:
        outside = effect.with_values(unflatten(piece.skeleton, iter(outs[0][index])))
        trace.say(under(outside, predicate if which == 0 else jnp.logical_not(predicate)))
    for region, holds in zip(regions, outs[1], strict=True):
        trace.frames.bring_out(list(zip(holds, region.assumptions, strict=True)))
    return unflatten(joint.wanted[value], iter(values[value]))


class _Zeroed(Skeleton):
    """What only one side has: the other gives zeros, that nobody reads."""

    __slots__ = ("skeleton",)

    def __init__(self, skeleton: Skeleton):
        self.skeleton = skeleton


def _sides(joint: _Joint, regions: tuple[Region, Region]) -> list[Callable[[], Any]]:
    def make(which: int) -> Callable[[], Any]:
        def run() -> Any:
            leaves = regions[which].place()
            out = []
            for wanted, source in zip(joint.wanted, joint.sources[which], strict=True):
                if isinstance(wanted, _Zeroed):
                    out.append(_zeroed(wanted.skeleton, source, leaves))
                elif isinstance(source, Piece):
                    out.append(convert_all(wanted, source.skeleton, source.of(leaves)))
                else:
                    out.append(convert_all(wanted, source[0], source[1]))
            checks = [[jnp.asarray(True) for _ in region.assumptions] for region in regions]
            checks[which] = list(leaves[regions[which].checks[0] : regions[which].checks[1]])
            return out, checks, _tellers(regions, which, leaves)

        return run

    return [make(0), make(1)]


def _places(region: Region) -> list[int]:
    """Where among a side's leaves is what says which object an array is."""
    return list(dict.fromkeys(left.which for left in region.origins if left.which is not None))


def _tellers(regions: tuple[Region, Region], side: int, leaves: Any) -> list[list[Any]]:
    """For both sides, the values that say which object an array is; zeros for the side that did not run."""
    own = [leaves[place] for place in _places(regions[side])]
    other = [jnp.zeros((), dtype) for dtype in regions[1 - side].tellers]
    return [own, other] if side == 0 else [other, own]


def _said(regions: tuple[Region, Region], tellers: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    true, false = (dict(zip(_places(region), each, strict=True)) for region, each in zip(regions, tellers, strict=True))
    return true, false


def _joined(
    joint: _Joint, regions: tuple[Region, Region], joining: origins.Joining, outs: list[list[Any]]
) -> list[list[Any]]:
    """The outputs of the `cond`, with what both sides hand through as the object that it is."""
    values = []
    for wanted, *sources, arrays in zip(joint.wanted, *joint.sources, outs, strict=True):
        if isinstance(wanted, _Zeroed):
            values.append(arrays)
            continue
        sides = [_handed(wanted, source, region) for source, region in zip(sources, regions, strict=True)]
        values.append([joining.join(*each) for each in zip(arrays, *sides, strict=True)])
    return values


def _handed(wanted: Skeleton, source: Any, region: Region) -> list[Any]:
    if isinstance(source, Piece):
        known: list[Any] = region.origins[source.start : source.stop]
        return list(origins.handed(wanted, source.skeleton, iter(known)))
    return list(origins.handed(wanted, source[0], map(origins.of, source[1])))


def _zeroed(skeleton: Skeleton, source: Any, leaves: Any) -> list[Any]:
    from janusx.tracing.skeleton import specs

    if isinstance(source, Piece):
        return convert_all(skeleton, skeleton, source.of(leaves))
    return [jnp.zeros(spec.shape, spec.dtype) for spec in specs(skeleton)]


def _join_writes(
    trace: Trace, joint: _Joint, true: Region, false: Region
) -> list[tuple[Held, tuple[Any, ...], dict[Any, int]]]:
    found = []
    for key in dict.fromkeys([*true.writes, *false.writes]):
        a, b = true.writes.get(key), false.writes.get(key)
        either = a or b
        assert either is not None
        held = either.held
        before = dict(held.fields)
        steps = [side.steps if side is not None else tuple(before) for side in (a, b)]
        if set(steps[0]) != set(steps[1]):
            offer(trace, held.value, [each for side in (a, b) if side for each in appended(side.steps, side.pieces)])
            if all(side is None or only_grew(held, side.steps, tuple(side.pieces)) for side in (a, b)):
                trace.relax(held.value)
            raise Unstageable(f"a {type(held.value).__name__} gets other fields or another length on one side only")
        changed = dict.fromkeys([*(a.pieces if a else ()), *(b.pieces if b else ())])
        indices = {}
        for step in changed:
            sources = [_source(side, step, before, region) for side, region in ((a, true), (b, false))]
            skeletons = [source.skeleton if isinstance(source, Piece) else source[0] for source in sources]
            indices[step] = joint.add(unify(skeletons[0], skeletons[1]), *sources)
        found.append((held, steps[0], indices))
    return found


def _source(side: Any, step: Any, before: dict[Any, Any], region: Region) -> Any:
    if side is not None and step in side.pieces:
        return side.pieces[step]
    leaves: list[Any] = []
    if step not in before:
        raise Unstageable("a field is set on one side only")
    return flatten(before[step], region.heap, leaves), leaves


def _apply(writes: Any, joint: _Joint, outs: list[list[Any]]) -> None:
    for held, steps, indices in writes:
        fields = dict(held.fields)
        for step, index in indices.items():
            fields[step] = unflatten(joint.wanted[index], iter(outs[index]))
        held.kind.fill(held.value, [(step, fields[step]) for step in steps])
