"""Symbolic host values: Python scalars, NumPy arrays and strings that stay in Python while a program is traced.

A `Sym` stands where a host value stood. It knows the value that it has in this very call (unless that depends on the
device) and the expression that computes it in later calls. Arithmetic between host values makes longer expressions,
evaluated by plain Python in each call: before the program where they only need inputs, after it where they need
outputs. So `self.step += 1` is exact, costs no device work and never recompiles. Only when a `Sym` meets an array does
it become one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from janusx.signals import Unstageable
from janusx.state import policy, samples
from janusx.state.arithmetic import Arithmetic
from janusx.state.arrays import SET_ITEM, Write
from janusx.state.dtypes import is_narrow as is_narrow
from janusx.state.dtypes import is_of as is_of
from janusx.state.dtypes import weakened as weakened
from janusx.state.exprs import Apply as Apply
from janusx.state.exprs import Constant as Constant
from janusx.state.exprs import Device as Device
from janusx.state.exprs import Expr as Expr
from janusx.state.exprs import Gathered as Gathered
from janusx.state.exprs import Input as Input
from janusx.state.exprs import Object as Object
from janusx.state.exprs import call_method as call_method
from janusx.state.exprs import item_of as item_of
from janusx.state.exprs import make_list as make_list
from janusx.state.exprs import make_tuple as make_tuple
from janusx.state.exprs import objects_in as objects_in
from janusx.state.exprs import on_device as on_device
from janusx.state.exprs import owners as owners
from janusx.state.exprs import read_only as read_only
from janusx.state.exprs import same as same
from janusx.state.exprs import with_items as with_items
from janusx.state.mathematics import fitting, in_program
from janusx.state.raising import may_raise, raised
from janusx.state.structure import Structure
from janusx.tracing import context
from janusx.tracing.effects import evaluate


class Unknown:
    """The value of a `Sym` that depends on the device."""

    def __repr__(self) -> str:
        return "<known after the run>"


UNKNOWN = Unknown()


def is_array(value: Any) -> bool:
    """Whether a value is one of JAX's, traced or not."""
    return type(value) not in (Sym, Structure) and isinstance(value, jax.Array)


_SCALARS = (bool, int, float, complex)


class Sym(Arithmetic):
    """A host value that is not a constant of the program. Behaves as a value of its type."""

    __slots__ = ("_jx_array", "_jx_expr", "_jx_kind", "_jx_sample", "_jx_value")

    def __init__(self, expr: Expr, value: Any, kind: type | None = None, array: Any = None, sample: Any = None):
        object.__setattr__(self, "_jx_expr", expr)
        object.__setattr__(self, "_jx_value", value)
        object.__setattr__(self, "_jx_kind", kind or type(value))
        object.__setattr__(self, "_jx_array", array)
        object.__setattr__(self, "_jx_sample", sample)

    @property  # type: ignore[misc]  # isinstance sees the type of the value
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._jx_kind  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        if context.active() is None:
            return f"Sym({self._jx_kind.__name__}, {self._jx_value!r})"
        return repr(pin(self))  # a library's code that shows a value must not show what stands for it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._jx_kind is np.ndarray and name in _OF_SHAPE and (shaped := _shaped(self)) is not None:
            return getattr(shaped, name)  # guarded where the array is read
        if self._jx_value is UNKNOWN:
            # Known after the run; what its type has is known now.
            return Method(self, name) if callable(getattr(self._jx_kind, name)) else apply(getattr, self, name)
        attribute = getattr(self._jx_value, name)
        if callable(attribute):
            return Method(self, name)
        return apply(getattr, self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Unstageable(f"attribute {name!r} of a {self._jx_kind.__name__} is set")

    def __bool__(self) -> bool:
        if self._jx_value is UNKNOWN:
            raise Unstageable(
                "a Python value that depends on the device decides something in code that is not converted"
            )
        if grows(self):
            return bool(pin(apply(operator.gt, length(self), 0)))  # whatever its items are
        return bool(pin(apply(operator.truth, self)))

    def __index__(self) -> int:
        return operator.index(pin(self))

    def __int__(self) -> int:
        return int(pin(self))

    def __float__(self) -> float:
        return float(pin(self))

    def __complex__(self) -> complex:
        return complex(pin(self))

    def __hash__(self) -> int:
        return hash(pin(self))

    def __str__(self) -> str:
        return str(pin(self))

    def __format__(self, spec: str) -> str:
        return format(pin(self), spec)

    def __len__(self) -> int:
        if (shaped := _shaped(self)) is not None:
            return len(shaped)  # the shape is guarded
        if self._jx_value is not UNKNOWN:
            return operator.index(pin(length(self)))
        return operator.index(pin(apply(len, self)))

    def __iter__(self) -> Any:
        if self._jx_kind is list and isinstance(self._jx_expr, Input):
            context.current().unrelax(self._jx_expr.path)  # read as a whole: no longer data that is only added to
        items = self if self._jx_kind in _INDEXED or self._jx_kind is np.ndarray else apply(list, self)
        return iter([items[i] for i in range(len(self))])

    def __getitem__(self, key: Any) -> Any:
        if is_array(key):
            return as_array(self)[key]
        added = appended_to(self)
        if added and type(key) is int:
            here, key = _place_in(self, added, key)
            if here:
                return added[key]
        found = _object_in(self, key)
        if found is None and added and type(key) is int:
            found = _as_it_was(self, key)
        return apply(operator.getitem, self, key) if found is None else found

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._jx_kind is not np.ndarray:
            if context.current().entries.set_item(self, key, value):
                return
            self._change_in_place("an item is set")
        context.current().arrays.write(self, SET_ITEM, (key, value))

    def __delitem__(self, key: Any) -> None:
        self._change_in_place("an item is deleted")

    def _change_in_place(self, how: str) -> None:
        if isinstance(self._jx_expr, Input):
            context.current().unrelax(self._jx_expr.path)  # a list that was taken for one that only grows
        raise Unstageable(f"{how} of a {self._jx_kind.__name__} that is data of the host")

    def __contains__(self, item: Any) -> bool:
        return bool(apply(operator.contains, self, item))

    def __jax_array__(self) -> Any:
        return weakly_typed(self)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Unstageable("a host array that changes between calls is read by code that JanusX does not see into")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at" and is_sym(inputs[0]):
            return context.current().arrays.write(inputs[0], Write(ufunc.at), inputs[1:])
        if any(is_array(value) for value in inputs):
            return NotImplemented
        if method != "__call__":
            raise Unstageable(f"np.{ufunc.__name__}.{method} on a host array that changes between calls")
        return apply(ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply(function, *args, **kwargs)


def length(sym: Any) -> Any:
    """`len` of a symbolic value, symbolic itself; of a list that was appended to it is known whatever the items are."""
    if not grows(sym):
        return apply(len, sym)
    grown = context.current().growth(sym._jx_expr.path)
    plain: Any = Sym(Apply(len, (sym._jx_expr,)), len(sym._jx_value))
    if not is_array(grown):
        return plain + grown
    # As often as the run will show. The program knows it, too, so that it may leave a region.
    total = as_array(plain) + grown
    return Sym(Apply(operator.add, (plain._jx_expr, Device(grown, int))), UNKNOWN, int, total)


def grows(sym: Any) -> bool:
    """Whether it is a list of the user's, which the program may append to."""
    return sym._jx_kind is list and isinstance(sym._jx_expr, Input)


class Method:
    """A bound method of a `Sym`."""

    def __init__(self, sym: Sym, name: str):
        self.sym = sym
        self.name = name

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.sym, list | dict | set):
            if grows(self.sym) and self.name in ("append", "extend"):
                given = args if self.name == "append" else tuple(map(list, args))  # as they are now
                context.current().hold_append(self.sym, getattr(list, self.name), given)
                return None
            if self.name == "add" and len(args) == 1 and context.current().entries.add(self.sym, args[0]):
                return None
            if self.name not in _READING:
                if isinstance(self.sym._jx_expr, Input):
                    context.current().unrelax(self.sym._jx_expr.path)
                raise Unstageable(f"`{self.name}` of a large or growing {self.sym._jx_kind.__name__}")
            if self.name == "get" and not unknown(args) and value_of(args[0]) in self.sym._jx_value:
                found = _object_in(self.sym, args[0])
                if found is not None:
                    return found
        if self.sym._jx_kind is np.ndarray and context.current().arrays.method(self.sym, self.name, args, kwargs):
            return None
        return apply(call_method, self.sym, self.name, *args, **kwargs)


_INDEXED = (list, tuple, str, bytes, range)


def _place_in(sym: Any, added: list[Any], index: int) -> tuple[bool, int]:
    """Whether an index of a list that was appended to is that of a new item, and its index there, or before."""
    if index < 0:
        return -len(added) <= index, index if -len(added) <= index else index + len(added)
    before: Any = Sym(Apply(len, (sym._jx_expr,)), len(sym._jx_value))
    if pin(apply(operator.gt, before, index)):
        return False, index
    return True, index - pin(before)


def _as_it_was(sym: Any, index: int) -> Any:
    """An item that a list had before it was appended to: what came after it, which the run may show, is beside it."""
    expr, value = Apply(operator.getitem, (sym._jx_expr, Constant(index))), sym._jx_value[index]
    return context.current().host_input(expr, value) if is_array(value) else Sym(expr, value)


def _object_in(sym: Any, key: Any) -> Any | None:
    """The shadow of an object in a list or dictionary that is host data; None if what is there is data as well."""
    if not isinstance(sym._jx_expr, Input) or sym._jx_kind not in (list, dict) or unknown(key) or type(key) is slice:
        return None
    context.current().entries.look(sym)
    if policy.is_data(sym._jx_value[value_of(key)]):
        return None
    return context.current().object_in(sym._jx_expr.path, pin(key))


_READING = frozenset(
    "count index copy get keys values items union intersection difference issubset issuperset isdisjoint".split()
)


def is_sym(value: Any) -> bool:
    """Whether a value is symbolic."""
    # `isinstance` would ask the value, which answers for the type that it stands for.
    return type(value) is Sym


def value_of(value: Any) -> Any:
    """The present value of a `Sym`, `UNKNOWN` included; any other value as it is. Containers are searched."""
    if type(value) is Sym:
        added = appended_to(value)
        return with_items(value._jx_value, *map(value_of, added)) if added else _now(value)[1]
    if type(value) in (tuple, list):
        return type(value)(value_of(item) for item in value)
    if type(value) is slice:
        return slice(value_of(value.start), value_of(value.stop), value_of(value.step))
    return value


def appended_to(sym: Any) -> list[Any]:
    """What the program has appended to a list of the user's so far; the list itself is only touched at commit."""
    if not grows(sym):
        return []
    return context.current().appended_to(sym._jx_expr.path)  # type: ignore[no-any-return]


def expr_of(value: Any) -> Expr:
    """The expression of a value. Containers that hold symbolic values become expressions that build them."""
    if type(value) is Sym:
        added = appended_to(value)
        if added:
            return Apply(with_items, (value._jx_expr, *map(expr_of, added)))
        return _now(value)[0]
    if is_array(value):
        return Device(value, None)
    if type(value) in (tuple, list) and any(has_sym(item) or unknown(item) for item in value):
        return Apply(make_tuple if type(value) is tuple else make_list, tuple(expr_of(item) for item in value))
    if type(value) is slice and has_sym(value):
        return Apply(slice, (expr_of(value.start), expr_of(value.stop), expr_of(value.step)))
    return Constant(value)


def _now(sym: Any) -> tuple[Expr, Any]:
    """The expression and the value of what stands behind a symbolic value: an array may have been written to."""
    if sym._jx_kind is not np.ndarray or context.active() is None:
        return sym._jx_expr, sym._jx_value
    return context.current().arrays.now(sym)  # type: ignore[no-any-return]


_OF_SHAPE = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize")


def _shaped(sym: Any) -> Any | None:
    """An array that has the shape and the dtype of a symbolic one; None if they are not known, or it is none."""
    if isinstance(sym._jx_value, np.ndarray):
        return sym._jx_value
    sample = sym._jx_sample
    return sample.value if sample is not None and sample.exact and sym._jx_kind is np.ndarray else None


def has_sym(value: Any) -> bool:
    """Whether a value is, or as a tuple, list or slice holds, a symbolic one."""
    if type(value) is Sym:
        return True
    if type(value) in (tuple, list):
        return any(map(has_sym, value))
    if type(value) is slice:
        return has_sym(value.start) or has_sym(value.stop) or has_sym(value.step)
    return False


def unknown(value: Any) -> bool:
    """Whether a value depends on the device."""
    if type(value) is Sym:
        return _now(value)[1] is UNKNOWN or any(map(unknown, appended_to(value)))
    if type(value) in (tuple, list):
        return any(map(unknown, value))
    return is_array(value)


def apply(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Apply a pure function to values some of which are symbolic. Errors are raised now, as Python would."""
    if kwargs.get("out") is not None or (isinstance(function, np.ufunc) and len(args) > function.nin):
        return context.current().arrays.call_out(function, args, kwargs)
    arrays = None if context.active() is None else context.current().arrays
    if arrays is not None:
        context.current().entries.look(*args, *kwargs.values())
    view = None if arrays is None else arrays.view(function, args, kwargs)
    if view is not None:
        return view
    expr = Apply(function, tuple(map(expr_of, args)), tuple((name, expr_of(kwargs[name])) for name in kwargs))
    if any(map(unknown, args)) or any(map(unknown, kwargs.values())):
        sample = _result(function, args, kwargs)
        made = Sym(expr, UNKNOWN, type(sample.value), sample=sample)
        if may_raise(function, expr.args, [each._jx_kind if is_sym(each) else type(each) for each in args], kwargs):
            evaluate(context.current(), made)
        if made._jx_kind is np.ndarray and arrays is not None:
            arrays.made(made, function, args, kwargs)
        return made
    try:
        given = {name: read_only(value_of(kwargs[name])) for name in kwargs}
        value = function(*(read_only(value_of(arg)) for arg in args), **given)
    except Exception as error:
        if isinstance(error, ValueError) and "read-only" in str(error):
            raise Unstageable(f"{getattr(function, '__name__', function)} writes to an array of the host") from None
        if (trace := context.active()) is not None:  # the user's code may catch it
            trace.assume_host(Apply(raised, (Constant(function), *expr.args), expr.kwargs), repr(error))
        raise
    if value is NotImplemented:
        return value
    if arrays is not None and may_raise(function, expr.args, [type(value_of(arg)) for arg in args], kwargs):
        context.current().risky.append(expr)
    if is_array(value):
        return context.current().host_input(expr, value)  # an array that host data holds: an input of the program
    if not policy.is_data(value):
        # Whoever got hold of it could change the user's own object while the program is traced.
        for arg in args:
            if is_sym(arg) and isinstance(arg._jx_expr, Input):
                context.current().unrelax(arg._jx_expr.path)
        raise Unstageable(f"a {type(value).__name__} is taken out of a large or growing container")
    if type(value) is tuple:  # divmod, np.nonzero: the parts are used one by one
        whole = Sym(expr, value)
        return tuple(Sym(Apply(operator.getitem, (whole._jx_expr, Constant(i))), part) for i, part in enumerate(value))
    found = Sym(expr, value)
    if type(value) is np.ndarray and arrays is not None:
        arrays.made(found, function, args, kwargs)
    return found


def _result(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> samples.Sample:
    """A sample of a result that is known only after the run."""
    exact = all(_shaped(value) is not None for value in (*args, *kwargs.values()) if type(value) is Sym)
    arrays = samples.sees_arrays(function)
    named = {name: _sample(kwargs[name], arrays) for name in kwargs}
    return samples.result(function, tuple(_sample(arg, arrays) for arg in args), named, exact)


def _sample(value: Any, arrays: bool) -> Any:
    if type(value) is Sym and _now(value)[1] is UNKNOWN:
        if isinstance(value._jx_value, np.ndarray):
            return read_only(value._jx_value)
        return samples.typical(value._jx_kind) if value._jx_sample is None else value._jx_sample.value
    kind: Any = type(value)
    if kind in (tuple, list):
        return kind(_sample(item, arrays) for item in value)
    return samples.of_array(value) if arrays and is_array(value) else read_only(value_of(value))


def pin(sym: Any) -> Any:
    """The present value, taken for granted: a guard compares it in every later call."""
    if type(sym) is not Sym:
        return sym
    expr, value = _now(sym)
    if value is UNKNOWN:
        raise Unstageable(f"Python needs a {sym._jx_kind.__name__} that is known only after the run")
    context.current().assume_host(expr, value)
    return value


def as_array(value: Any) -> Any:
    """What JAX sees of a host value: a program input, or what the program computed."""
    if type(value) is not Sym:
        return value
    if value._jx_array is not None:
        return value._jx_array
    expr, known = _now(value)
    return _array_of(expr) if known is UNKNOWN else context.current().host_input(expr, known)


def _array_of(expr: Expr) -> Any:
    """Compute in the program what Python would compute after it."""
    if isinstance(expr, Device):
        if expr.kind is int and jnp.issubdtype(expr.array.dtype, jnp.inexact):
            evaluate(context.current(), Sym(Apply(fitting, (expr,)), UNKNOWN, int))
        return expr.array if is_of(expr.array, expr.kind) else expr.array.astype(expr.kind)
    if isinstance(expr, Constant):
        return expr.value
    if not on_device(expr):
        return context.current().host_input(expr, None)
    if isinstance(expr, Apply):
        function: Any = expr.function
        if function in (np.asarray, np.array) and len(expr.args) == 1 and not expr.kwargs:
            array = _array_of(expr.args[0])
            return jax.lax.convert_element_type(array, array.dtype)  # strongly typed, as NumPy's are
        if function in (float, int, bool):
            return jnp.asarray(_array_of(expr.args[0])).astype(function)
        if function in (math.ceil, math.floor):
            evaluate(context.current(), Sym(Apply(fitting, (expr,)), UNKNOWN, int))
        computes = in_program(function, len(expr.args))
        if computes is not None and not expr.kwargs:
            return computes(*map(_array_of, expr.args))
    raise Unstageable("array code uses a Python value that can be computed only after the run")


def device_scalar(array: Any, kind: type) -> Sym:
    """A Python scalar of `kind` whose value the program computes: `float(loss)`."""
    return Sym(Device(array, kind), UNKNOWN, kind, array if is_of(array, kind) else None)


def host_row(stacked: Any, index: int) -> Expr:
    """One row of an array, of the copy that the host makes of the whole."""
    return Apply(operator.getitem, (Device(stacked, list), Constant(index)))


def weakly_typed(sym: Any) -> Any:
    """The array of a symbolic scalar, weakly typed as a Python scalar is."""
    array = as_array(sym)
    if sym._jx_value is UNKNOWN and sym._jx_kind in (int, float, complex) and jnp.shape(array) == ():
        return weakened(jnp.asarray(array, jnp.result_type(sym._jx_kind)))
    return array


def weak(sym: Any, other: Any) -> Any:
    """The array for a symbolic scalar that meets the array `other`, in the dtype that a Python scalar would get."""
    array = as_array(sym)
    if sym._jx_value is UNKNOWN and sym._jx_kind in _SCALARS and jnp.shape(array) == ():
        array = array.astype(jnp.result_type(other, sym._jx_kind(0)))
        if sym._jx_kind is not bool and jax.typeof(other).weak_type:
            return weakened(array)  # nor does it make a weakly typed array another
    return array
