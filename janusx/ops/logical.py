"""`and`, `or`, `not`, chained comparison, `in` and `is`, with Python's short circuit where Python decides."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx.ops import buffer_methods
from janusx.ops.conditionals import cond, own_truth, staged_predicate, truth_value
from janusx.signals import Unstageable, Unsupported
from janusx.state import given, symbols
from janusx.state.buffers import Buffer
from janusx.state.opaque import Opaque, describe, is_one
from janusx.state.structure import refuse
from janusx.tracing import context, origins

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "is": lambda left, right: same(left, right),
    "is not": lambda left, right: not_(same(left, right)),
    "in": lambda item, items: contains(items, item),
    "not in": lambda item, items: not_(contains(items, item)),
}


def and_(left: Any, right: Callable[[], Any], site: Any = None) -> Any:
    """`left and right()`: the left value itself where it is false."""
    predicate = staged_predicate(left)
    if predicate is None:
        return right() if truth_value(left) else left
    return cond(predicate, right, lambda: left, site=site)


def or_(left: Any, right: Callable[[], Any], site: Any = None) -> Any:
    """`left or right()`: the left value itself where it is true."""
    predicate = staged_predicate(left)
    if predicate is None:
        return left if truth_value(left) else right()
    return cond(predicate, lambda: left, right, site=site)


def both(left: Any, right: Callable[[], Any], site: Any = None) -> Any:
    """`left and right()` where only the truth of it matters."""
    predicate = staged_predicate(left)
    if predicate is None:
        return right() if truth_value(left) else False
    return _truth(predicate, right, lambda: False, site)


def either(left: Any, right: Callable[[], Any], site: Any = None) -> Any:
    """`left or right()` where only the truth of it matters."""
    predicate = staged_predicate(left)
    if predicate is None:
        return True if truth_value(left) else right()
    return _truth(predicate, lambda: True, right, site)


def _truth(predicate: Any, true: Callable[[], Any], false: Callable[[], Any], site: Any) -> Any:
    def decided(side: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            value = side()
            own = staged_predicate(value)
            return symbols.device_scalar(jnp.asarray(truth_value(value)) if own is None else own, bool)

        return run

    return cond(predicate, decided(true), decided(false), site=site)


def not_(value: Any) -> Any:
    """`not value`: a Python bool, also of an array."""
    own = own_truth(value)
    if own is not None:
        value = context.current().call(own)(value)
    predicate = staged_predicate(value)
    if predicate is None:
        return symbols.apply(operator.not_, value) if symbols.is_sym(value) else not value
    return symbols.device_scalar(jnp.logical_not(predicate), bool)


def chain(first: Any, *rest: Any, site: Any = None) -> Any:
    """`a < b < c`: each operand evaluated once, and only while the comparisons before it hold."""
    return _chained(and_, first, rest, site)


def holds(first: Any, *rest: Any, site: Any = None) -> Any:
    """`a < b < c` where only the truth of it matters."""
    return _chained(both, first, rest, site)


def _chained(joined: Callable[..., Any], first: Any, rest: tuple[Any, ...], site: Any) -> Any:
    name, make, *further = rest
    second = make()
    outcome = _COMPARE[name](first, second)
    if not further:
        return outcome
    return joined(outcome, lambda: _chained(joined, second, tuple(further), site), site=site)


def same(left: Any, right: Any) -> Any:
    """`left is right`, of what the two stand for: the values of a trace are not the objects themselves."""
    trace = context.active()
    refuse(left, right)
    if trace is not None and type(left) is type(right) and given.may_be_equal(left) and left == right:
        if left is right and not given.twice(trace.shadow, left):
            return True
        raise Unsupported(f"equal values of type {type(left).__name__} are compared by identity")
    if left is right:
        return True
    if trace is not None and (trace.replaced.get(left) or trace.replaced.get(right)):
        trace.replaced.refuse()
    if trace is not None and symbols.is_array(left) and symbols.is_array(right):
        one = origins.are_one(left, right)
        return one if isinstance(one, bool) else symbols.device_scalar(one, bool)
    opaque = [each for each in (left, right) if type(each) is Opaque]
    if not opaque and not symbols.is_sym(left) and not symbols.is_sym(right):
        return False
    if left.__class__ is not right.__class__:
        return False  # types are guarded
    if len(opaque) == 2:
        return is_one(left, right)
    if opaque:
        raise Unsupported(f"{describe(opaque[0])} is compared by identity, which no guard would see change")
    if left.__class__ is not bool:
        kind = left.__class__.__name__
        raise Unsupported(f"a changing {kind} is compared by identity, which no guard would see change")
    predicates = [staged_predicate(each) for each in (left, right)]
    if predicates == [None, None]:
        return symbols.apply(operator.is_, left, right)
    one, other = (each if own is None else own for each, own in zip((left, right), predicates, strict=True))
    return symbols.device_scalar(jnp.equal(symbols.as_array(one), symbols.as_array(other)), bool)


def contains(items: Any, item: Any) -> Any:
    """`item in items`: a Python bool."""
    if type(items) is Buffer:
        return buffer_methods.contains(items, item)
    if symbols.is_array(items):
        return symbols.device_scalar((items == symbols.as_array(item)).any(), bool)
    if type(items) in (list, tuple) and (symbols.is_array(item) or any(map(symbols.is_array, items))):
        return _among(items, item)
    return (
        symbols.apply(operator.contains, items, item)
        if symbols.is_sym(items) or symbols.is_sym(item)
        else item in items
    )


def _among(items: Any, item: Any) -> Any:
    found: Any = False
    for each in items:
        one = origins.are_one(each, item) if symbols.is_array(each) and symbols.is_array(item) else each is item
        if one is True:
            return True
        if one is not False:
            if each.size != 1:  # of another one Python would ask for its truth
                what = "an array is the object that it is compared with"
                context.current().assume_staged(jnp.logical_or(found, one), True, what, only=True)
                return True
            found = jnp.logical_or(found, one)
        equal = staged_predicate(each == item)
        if equal is None:
            raise Unstageable("`in` compares arrays with other things")
        found = jnp.logical_or(found, equal)
    return symbols.device_scalar(jnp.asarray(found), bool)
