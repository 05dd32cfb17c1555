"""Values of a region as a skeleton and array leaves.

So the outcomes of several branches, or of an iteration and the next, can be one. Unifying two skeletons is where it is
decided what can be staged: equal structure, equal shapes and dtypes, Python scalars of one type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from janusx.signals import Unstageable
from janusx.state import kinds, policy, symbols
from janusx.state.structure import is_structure
from janusx.state.unbound import Maybe, Unbound
from janusx.tracing import context
from janusx.tracing.effects import Row
from janusx.tracing.heap import Heap
from janusx.tracing.slots import filled, read_back, slotted


class Skeleton:
    """What a value is, but for its arrays."""

    __slots__ = ()


class Own(Skeleton):
    """A kind of outcome that is described elsewhere (`tracing.replaced`)."""

    __slots__ = ()

    def specs(self) -> list[jax.ShapeDtypeStruct]:
        """Shape and dtype of each leaf."""
        raise NotImplementedError

    def convert(self, source: Skeleton, leaves: Iterator[Any], out: list[Any]) -> None:
        """See `convert`."""
        raise NotImplementedError

    def make(self, leaves: Iterator[Any]) -> Any:
        """See `unflatten`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Arr(Skeleton):
    """An array."""

    shape: tuple[int, ...]
    dtype: Any
    weak: bool


@dataclass(frozen=True, slots=True)
class Soft(Skeleton):
    """An array that is weakly typed on some paths; a leaf says whether. In the program it always is."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True, slots=True)
class Turned(Skeleton):
    """A Python number that is a scalar array on some paths; a leaf says whether. In the program it always is one."""

    kind: type
    dtype: Any
    weak: bool


@dataclass(frozen=True, slots=True)
class Py(Skeleton):
    """A Python scalar that the program computes."""

    kind: type


@dataclass(frozen=True, slots=True)
class Later(Skeleton):
    """A Python value that is made of arrays after the run, by an expression: a text, a list, an exact number."""

    kind: type
    expr: symbols.Expr
    arrays: tuple[Arr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fixed(Skeleton):
    """A constant, or an object that exists outside of the region."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and fixed_same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(type(self.value))


@dataclass(frozen=True, slots=True)
class Made(Skeleton):
    """An object made in the region: its kind, class and steps, and what it holds."""

    kind: kinds.Kind
    cls: type
    steps: tuple[Any, ...]
    items: tuple[Skeleton, ...]


@dataclass(frozen=True, slots=True)
class Perhaps(Skeleton):
    """A variable that is bound on some paths; a leaf says whether."""

    name: str
    item: Skeleton


@dataclass(frozen=True, slots=True)
class Empty(Skeleton):
    """An unbound variable."""

    name: str


def fixed_same(a: Any, b: Any) -> bool:
    """Whether two values outside of the program are one: mutable objects by identity, host values by expression."""
    if a is b:
        return True
    if is_structure(a) or is_structure(b):
        return is_structure(a) and is_structure(b) and a._jx_expr == b._jx_expr
    if symbols.is_sym(a) or symbols.is_sym(b):
        both = symbols.is_sym(a) and symbols.is_sym(b) and a._jx_expr == b._jx_expr
        return both and context.current().arrays.is_same(a, b)
    category = policy.category(a)
    return category in ("constant", "scalar") and symbols.same(a, b)


def flatten(value: Any, heap: Heap, leaves: list[Any], exact: bool = False) -> Skeleton:
    """The skeleton of a value; its arrays are appended to `leaves`.

    With `exact` Python's own arithmetic on what arrays hold is left to Python: nothing in the program will need it.
    """
    if is_structure(value):
        return Fixed(value)
    if isinstance(value, Unbound):
        return Empty(value.name)
    if isinstance(value, Maybe):
        leaves.append(value.bound)
        return Perhaps(value.name, flatten(value.value, heap, leaves, exact))
    if symbols.is_sym(value):
        return _flatten_sym(value, heap, leaves, exact)
    if isinstance(value, jax.Array):
        turned = context.current().variants.turned.get(id(value))
        if turned is not None:
            leaves += [turned.value, turned.is_array]
            return turned.skeleton  # type: ignore[no-any-return]
        leaves.append(value)
        soft = context.current().variants.soft.get(id(value))
        if soft is None:
            return arr(value)
        leaves.append(soft.weak)
        return Soft(value.shape, value.dtype)
    if value in heap:
        return Fixed(value)
    replaced = context.current().replaced.flatten(value, heap, leaves, exact)
    if replaced is not None:
        return replaced  # type: ignore[no-any-return]
    category = policy.category(value)
    if isinstance(category, kinds.Kind) and category not in (kinds.FUNCTION, kinds.METHOD, kinds.PARTIAL, kinds.CELL):
        if category.mutable:
            heap.leaves_once(value)
        fields = category.fields(value)
        items = tuple(flatten(item, heap, leaves, exact) for _, item in fields)
        if not category.mutable and all(type(item) is Fixed for item in items):
            return Fixed(value)
        return Made(category, type(value), tuple(step for step, _ in fields), items)
    return Fixed(value)


def _flatten_sym(value: Any, heap: Heap, leaves: list[Any], exact: bool) -> Skeleton:
    memory = context.current().arrays.leaving(value)
    if memory is not None and not memory.real:
        known = context.current().arrays.now(value)[1]
    else:
        known = value._jx_value
    if known is not symbols.UNKNOWN:
        return Fixed(value)
    if memory is not None:
        heap.leaves_once(value)
    if exact or value._jx_kind not in (bool, int, float, complex):
        arrays: list[Any] = []
        expr = slotted(symbols.expr_of(value), arrays)
        leaves.extend(arrays)
        return Later(value._jx_kind, expr, tuple(map(arr, arrays)))
    leaves.append(jnp.asarray(symbols.as_array(value)))
    return Py(value._jx_kind)


def parts_of(skeleton: Skeleton) -> tuple[Skeleton, ...]:
    """What a tuple holds."""
    whole = expand(skeleton)
    assert isinstance(whole, Made)
    return whole.items


def arr(value: Any) -> Arr:
    """The skeleton of an array."""
    aval = jax.typeof(value)
    return Arr(tuple(aval.shape), aval.dtype, bool(getattr(aval, "weak_type", False)))


def unflatten(skeleton: Skeleton, leaves: Iterator[Any]) -> Any:
    """A value of this skeleton with these arrays."""
    if isinstance(skeleton, Fixed):
        return skeleton.value
    if isinstance(skeleton, Arr):
        return next(leaves)
    if isinstance(skeleton, Own):
        return skeleton.make(leaves)
    if isinstance(skeleton, Soft):
        value, weak = next(leaves), next(leaves)
        return value if type(value) is Row else context.current().variants.soften(value, weak)
    if isinstance(skeleton, Turned):
        value, is_array = next(leaves), next(leaves)
        return value if type(value) is Row else context.current().variants.turn(value, is_array, skeleton)
    if isinstance(skeleton, Py):
        leaf = next(leaves)
        if isinstance(leaf, symbols.Expr):
            return symbols.Sym(read_back(leaf, skeleton.kind), symbols.UNKNOWN, skeleton.kind)
        return symbols.device_scalar(leaf, skeleton.kind)
    if isinstance(skeleton, Later):
        arrays = [next(leaves) for _ in skeleton.arrays]
        return symbols.Sym(filled(skeleton.expr, arrays), symbols.UNKNOWN, skeleton.kind)
    if isinstance(skeleton, Empty):
        return Unbound(skeleton.name)
    if isinstance(skeleton, Perhaps):
        bound = next(leaves)
        return Maybe(skeleton.name, unflatten(skeleton.item, leaves), bound)
    assert isinstance(skeleton, Made)
    items = [unflatten(item, leaves) for item in skeleton.items]
    if isinstance(skeleton.kind, kinds.TupleKind):
        return skeleton.kind.remake(skeleton.cls, items)
    cls: Any = skeleton.cls
    made = cls.__new__(cls)
    skeleton.kind.fill(made, list(zip(skeleton.steps, items, strict=True)))
    return made


def specs(skeleton: Skeleton) -> list[jax.ShapeDtypeStruct]:
    """Shape and dtype of each leaf."""
    found: list[jax.ShapeDtypeStruct] = []
    _specs(skeleton, found)
    return found


def _specs(skeleton: Skeleton, found: list[jax.ShapeDtypeStruct]) -> None:
    if isinstance(skeleton, Arr):
        found.append(jax.ShapeDtypeStruct(skeleton.shape, skeleton.dtype, weak_type=skeleton.weak))
    elif isinstance(skeleton, Soft | Turned):
        shape = skeleton.shape if isinstance(skeleton, Soft) else ()
        found.append(jax.ShapeDtypeStruct(shape, skeleton.dtype))
        found.append(jax.ShapeDtypeStruct((), bool))
    elif isinstance(skeleton, Py):
        found.append(jax.ShapeDtypeStruct((), jnp.asarray(skeleton.kind(0)).dtype))
    elif isinstance(skeleton, Later):
        for array in skeleton.arrays:
            _specs(array, found)
    elif isinstance(skeleton, Own):
        found.extend(skeleton.specs())
    elif isinstance(skeleton, Perhaps):
        found.append(jax.ShapeDtypeStruct((), bool))
        _specs(skeleton.item, found)
    elif isinstance(skeleton, Made):
        for item in skeleton.items:
            _specs(item, found)


@dataclass(frozen=True)
class Rules:
    """How much unifying may change.

    Attributes:
        widen: a Python number may become an array, an integer a float (a loop's carry); else types must agree.
    """

    widen: bool = False


def expand(skeleton: Skeleton) -> Skeleton:
    """A constant tuple as what it holds, so that it can be compared part by part."""
    if isinstance(skeleton, Fixed) and isinstance(skeleton.value, tuple) and not symbols.is_sym(skeleton.value):
        fields = kinds.TUPLE.fields(skeleton.value)
        parts = tuple(Fixed(item) for _, item in fields)
        return Made(kinds.TUPLE, type(skeleton.value), tuple(step for step, _ in fields), parts)
    return skeleton


def unify(a: Skeleton, b: Skeleton, rules: Rules = Rules()) -> Skeleton:
    """The skeleton that both outcomes fit.

    Raises:
        Unstageable: there is none; the message says what differs.
    """
    if a == b:
        return a
    a, b = expand(a), expand(b)
    if isinstance(a, Empty) or isinstance(b, Empty):
        name, other = (a.name, b) if isinstance(a, Empty) else (b.name, a)  # type: ignore[attr-defined]
        return other if isinstance(other, Perhaps) else Perhaps(name, other)
    if isinstance(a, Perhaps) or isinstance(b, Perhaps):
        inner = unify(a.item if isinstance(a, Perhaps) else a, b.item if isinstance(b, Perhaps) else b, rules)
        return Perhaps(a.name if isinstance(a, Perhaps) else b.name, inner)  # type: ignore[attr-defined]
    replaced = context.current().replaced.unify(a, b, rules)
    if replaced is not None:
        return replaced  # type: ignore[no-any-return]
    if isinstance(a, Made) and isinstance(b, Made) and (a.kind, a.cls, a.steps) == (b.kind, b.cls, b.steps):
        return Made(a.kind, a.cls, a.steps, tuple(unify(x, y, rules) for x, y in zip(a.items, b.items, strict=True)))
    if isinstance(a, Arr | Soft) and isinstance(b, Arr | Soft):
        return _unify_arrays(a, b, rules)
    return _unify_scalars(a, b, rules)


def _unify_arrays(a: Arr | Soft, b: Arr | Soft, rules: Rules) -> Skeleton:
    if a.shape != b.shape:
        raise Unstageable(f"an array of shape {a.shape} against one of shape {b.shape}")
    if a.dtype == b.dtype:
        if isinstance(a, Soft) or isinstance(b, Soft):
            return _soft(a.shape, a.dtype)
        if a.weak != b.weak and not rules.widen:
            return _soft(a.shape, a.dtype)
        return Arr(a.shape, a.dtype, a.weak and b.weak)
    if not rules.widen:
        raise Unstageable(f"an array of {a.dtype} against one of {b.dtype}")
    return Arr(a.shape, jnp.result_type(_sample(a), _sample(b)), False)


def _soft(shape: tuple[int, ...], dtype: Any) -> Skeleton:
    if _weakness_decides(dtype) or not context.current().variants.allowed:
        raise Unstageable(f"a {dtype} array against a weakly typed one")
    return Soft(shape, dtype)


def _weakness_decides(dtype: Any) -> bool:
    """Whether a dtype to come may depend on a weak type."""
    return any(map(symbols.is_narrow, (dtype, *context.current().shadow.dtypes())))


def _sample(a: Arr | Soft) -> Any:
    return jax.ShapeDtypeStruct(a.shape, a.dtype, weak_type=isinstance(a, Arr) and a.weak)


def _unify_scalars(a: Skeleton, b: Skeleton, rules: Rules) -> Skeleton:
    one, other = python_kind(a), python_kind(b)
    if one is not None and one is other:
        return Py(one)
    if rules.widen and one is not None and other is not None and {one, other} == {int, float}:
        return Py(float)
    if rules.widen and one in (int, float) and isinstance(b, Arr):
        return _widen(b, one)
    if rules.widen and other in (int, float) and isinstance(a, Arr):
        return _widen(a, other)
    return _turned(a, b) or _turned(b, a) or _differ(a, b)


def _differ(a: Skeleton, b: Skeleton) -> Skeleton:
    raise Unstageable(f"{describe(a)} against {describe(b)}")


def _turned(number: Skeleton, array: Skeleton) -> Skeleton | None:
    """What a Python number and an array can be together, if the program can hold the number as exactly."""
    if isinstance(number, Turned):
        same = isinstance(array, Arr) and array == Arr((), number.dtype, number.weak)
        return number if same or _holds(number, array) else None
    kind = python_kind(number)
    if kind not in (int, float) or not isinstance(array, Arr) or array.shape or not context.current().variants.allowed:
        return None
    made = Turned(kind, array.dtype, array.weak)
    return made if not _weakness_decides(array.dtype) and _holds(made, number) else None


def _holds(turned: Turned, number: Skeleton) -> bool:
    if python_kind(number) is not turned.kind or (
        turned.kind is float and not jnp.issubdtype(turned.dtype, jnp.floating)
    ):
        return False
    if isinstance(number, Fixed):
        return not symbols.is_sym(number.value) and jnp.dtype(turned.dtype).type(number.value) == number.value
    return True


def _widen(array: Arr, kind: type | None) -> Skeleton:
    if array.shape != () or (kind is float and not jnp.issubdtype(array.dtype, jnp.floating)):
        raise Unstageable(f"a Python number against an array of {array.dtype}{list(array.shape)}")
    return array


def python_kind(skeleton: Skeleton) -> type | None:
    """The type of a Python scalar, constant or computed, else None."""
    if isinstance(skeleton, Py):
        return skeleton.kind
    if isinstance(skeleton, Fixed):
        kind = skeleton.value._jx_kind if symbols.is_sym(skeleton.value) else type(skeleton.value)
        return kind if kind in (bool, int, float, complex) else None
    return None


def describe(skeleton: Skeleton) -> str:
    """A skeleton in words."""
    if isinstance(skeleton, Arr | Soft):
        return f"an array of {skeleton.dtype}{list(skeleton.shape)}"
    kind = python_kind(skeleton)
    if kind is not None:
        return f"a Python {kind.__name__}"
    if isinstance(skeleton, Made):
        return f"a {skeleton.cls.__name__} of {len(skeleton.items)}"
    if isinstance(skeleton, Later | Turned):
        return f"a Python {skeleton.kind.__name__}"
    if isinstance(skeleton, Empty):
        return f"unbound {skeleton.name}"
    value = getattr(skeleton, "value", None)
    return repr(value) if value is None or isinstance(value, str) else f"a {type(value).__name__}"


def convert(target: Skeleton, source: Skeleton, leaves: Iterator[Any], out: list[Any]) -> None:
    """Append the leaves that `target` asks for, made from a value of skeleton `source` with `leaves`."""
    if isinstance(target, Perhaps):
        _convert_perhaps(target, source, leaves, out)
    elif isinstance(target, Own):
        target.convert(source, leaves, out)
    elif isinstance(target, Made):
        source = expand(source)
        assert isinstance(source, Made)
        for wanted, given in zip(target.items, source.items, strict=True):
            convert(wanted, given, leaves, out)
    elif isinstance(target, Arr):
        out.append(_convert_array(target, source, leaves))
    elif isinstance(target, Turned):
        out.append(jnp.asarray(source.value if isinstance(source, Fixed) else next(leaves), target.dtype))
        out.append(next(leaves) if isinstance(source, Turned) else jnp.asarray(isinstance(source, Arr)))
        if isinstance(source, Arr) and source.weak:
            context.current().variants.check_weak(out[-2])
    elif isinstance(target, Soft):
        value = next(leaves)
        out.append(jax.lax.convert_element_type(value, target.dtype))
        if not isinstance(source, Soft) and arr(value).weak:
            context.current().variants.check_weak(value)
        out.append(next(leaves) if isinstance(source, Soft) else jnp.asarray(arr(value).weak))
    elif isinstance(target, Py):
        if isinstance(source, Fixed):
            value = source.value
            out.append(jnp.asarray(symbols.as_array(value)).astype(jnp.asarray(target.kind(0)).dtype))
        else:
            out.append(next(leaves).astype(jnp.asarray(target.kind(0)).dtype))
    elif isinstance(target, Later):
        assert target == source  # expressions are not unified with others
        out.extend(next(leaves) for _ in target.arrays)


def _convert_array(target: Arr, source: Skeleton, leaves: Iterator[Any]) -> Any:
    if isinstance(source, Fixed):
        return jnp.asarray(symbols.as_array(source.value), dtype=target.dtype)
    value = next(leaves)
    if isinstance(source, Soft | Turned):
        next(leaves)
    given = arr(value)
    if given.dtype != target.dtype or (given.weak and not target.weak):
        return jax.lax.convert_element_type(value, target.dtype)
    return value


def _convert_perhaps(target: Perhaps, source: Skeleton, leaves: Iterator[Any], out: list[Any]) -> None:
    if isinstance(source, Empty):
        out.append(jnp.asarray(False))
        out.extend(jnp.zeros(spec.shape, spec.dtype) for spec in specs(target.item))
    elif isinstance(source, Perhaps):
        out.append(next(leaves))
        convert(target.item, source.item, leaves, out)
    else:
        out.append(jnp.asarray(True))
        convert(target.item, source, leaves, out)


def convert_all(target: Skeleton, source: Skeleton, leaves: Sequence[Any]) -> list[Any]:
    """All leaves that `target` asks for."""
    out: list[Any] = []
    convert(target, source, iter(leaves), out)
    return out
