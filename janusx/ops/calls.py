"""Calls: user functions are converted on demand, library functions traced through, output held, the rest refused.

A table of handlers decides, by what is called. (AutoGraph's `converted_call` does this in one long function.)
"""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from janusx import emitted, leaves
from janusx.ops import buckets, builtin_calls, custom_rules, higher_order, strings
from janusx.ops.confined import confined, is_confined, is_known, real_of
from janusx.ops.effects import hold, stream_method
from janusx.signals import Unsupported
from janusx.state import symbols
from janusx.state.arrays import WRITING_FUNCTIONS, Write
from janusx.state.buckets import Bucketed
from janusx.state.buffers import check
from janusx.state.opaque import Opaque, OpaqueMethod, describe
from janusx.state.structure import is_structure, refuse
from janusx.tracing import classes, context, methods
from janusx.tracing.wrapped import Wrapped

HIGHER_ORDER = higher_order.NAMES | {"stack", "array", "asarray"}

PURE_STDLIB = frozenset(
    """abc ast builtins cmath collections contextlib copy dataclasses enum functools inspect itertools math numbers
    operator re string textwrap types typing statistics bisect heapq fractions decimal datetime warnings weakref pprint
    reprlib""".split()
)
"""Modules of the standard library whose functions see nothing but their arguments."""

OPAQUE_BUILTINS = frozenset("open input exec eval compile breakpoint __import__ globals locals vars id".split())


CLOCKS = frozenset("now utcnow today".split())
"""Class methods of `datetime` that answer anew at every call."""


def call(fn: Any) -> Callable[..., Any]:
    """What to call in place of `fn` while tracing."""
    if context.active() is None:
        return fn  # type: ignore[no-any-return]  # a class that a program made has outlived the trace
    cls = type(fn)
    if cls is symbols.Method or cls is Wrapped:
        return fn  # type: ignore[no-any-return]
    if fn is super:
        return super
    if cls is functools._lru_cache_wrapper:
        return call(fn.__wrapped__)  # within a program there is nothing to save
    if cls is OpaqueMethod:
        return _opaque_method(fn)
    if cls is types.FunctionType:
        return _function(fn)
    if cls is types.MethodType:
        return _method(fn)
    if cls is functools.partial:
        return functools.partial(call(fn.func), *fn.args, **fn.keywords)
    handler = builtin_calls.handler(fn) or higher_order.handler(fn) or higher_order.made_outside(fn)
    if handler is not None:
        return handler
    unwrapped = getattr(fn, "__janusx_function__", None)
    if unwrapped is not None:
        return asked_for(unwrapped())
    if isinstance(fn, type):
        return _class(fn)
    if isinstance(fn, types.BuiltinMethodType | types.MethodWrapperType):
        return _builtin_method(fn)
    own_call = methods.original(getattr(cls, "__call__", None))  # noqa: B004  # what it is, not whether it is there
    if isinstance(own_call, types.FunctionType) and not leaves.is_leaf(own_call):
        return types.MethodType(_function(own_call), fn)
    return leaf(fn)


def _function(fn: types.FunctionType) -> Callable[..., Any]:
    fn = methods.original(fn)
    structures = context.current().structures
    if structures.is_scheduled(fn):
        return lambda *args, **kwargs: structures.run(fn, args, kwargs)
    recursions = context.current().recursions
    if recursions.cycle_of(fn) is not None:
        return lambda *args, **kwargs: recursions.run(fn, args, kwargs)
    if emitted.is_emitted(fn.__code__):
        structures.note(fn)
        recursions.note(fn)
        return fn
    disabled = fn.__dict__.get("__janusx_disabled__")
    if disabled is not None:
        raise Unsupported(f"{fn.__qualname__} is disabled: {disabled}", meant=True)
    if fn.__code__.co_flags & inspect.CO_COROUTINE:
        raise Unsupported(f"{fn.__qualname__} is a coroutine function")  # a coroutine may not be made in vain
    handler = builtin_calls.handler(fn) or higher_order.handler(fn) or higher_order.made_outside(fn)
    if handler is not None:
        return handler
    if not leaves.is_leaf(fn):
        if fn.__code__.co_filename == "<string>" and fn.__name__.startswith("__"):
            return fn  # made by a library: dataclasses, attrs, namedtuples
        return context.current().function(fn)  # type: ignore[no-any-return]
    return leaf(fn)


def asked_for(fn: Any) -> Callable[..., Any]:
    """What `janusx.convert` was given: a function of the standard library is then converted like any other."""
    if type(fn) is not types.FunctionType or package_of(fn) in leaves.ARRAY_PACKAGES or emitted.is_emitted(fn.__code__):
        return call(fn)
    return context.current().function(methods.original(fn)) if leaves.is_leaf(fn) else call(fn)


def package_of(fn: types.FunctionType) -> str:
    """The package that a function's code was written in."""
    return str(fn.__globals__.get("__name__", "")).partition(".")[0]


def _method(fn: types.MethodType) -> Callable[..., Any]:
    if leaves.is_output(fn):
        return functools.partial(hold, fn)
    of_stream = stream_method(fn)
    if of_stream is not None:
        return of_stream
    if symbols.is_array(fn.__self__):
        return builtin_calls.handler(fn) or leaf(fn)
    function = methods.original(fn.__func__)
    if isinstance(function, types.FunctionType) and (
        emitted.is_emitted(function.__code__) or not leaves.is_leaf(function)
    ):
        return types.MethodType(_function(function), fn.__self__)
    return leaf(fn)


def _opaque_method(fn: OpaqueMethod) -> Callable[..., Any]:
    if leaves.is_output(fn.real):
        return functools.partial(hold, fn)
    raise Unsupported(f"{describe(fn.owner)}.{fn.name}(...) is called, which JanusX does not see into")


def _class(cls: Any) -> Callable[..., Any]:
    """The user's classes make their instances themselves: their methods are converted while the trace lasts."""
    if issubclass(cls, type) or (isinstance(cls, enum.EnumMeta) and not len(cls)):
        classes.refuse()
    return leaf(cls) if leaves.is_leaf_module(cls.__module__) else cls


def _builtin_method(fn: Any) -> Callable[..., Any]:
    owner = fn.__self__
    if isinstance(owner, types.ModuleType) or owner is None:
        return leaf(fn)
    if isinstance(owner, type) and fn.__name__ in CLOCKS:
        raise Unsupported(f"{owner.__qualname__}.{fn.__name__}() asks the clock")
    return native(fn)


def native(fn: Any) -> Callable[..., Any]:
    """A method of a Python object (`list.append`, `str.join`): called as it is, unless symbols must be spelled out."""

    def run(*args: Any, **kwargs: Any) -> Any:
        check(fn.__self__)
        if type(fn.__self__) is bytes and any(map(symbols.has_sym, args)):
            return symbols.apply(symbols.call_method, fn.__self__, fn.__name__, *args, **kwargs)
        return fn(*args, **kwargs)

    if type(fn.__self__) is str:
        return strings.method(fn.__self__, fn.__name__)

    return run


def leaf(fn: Any) -> Callable[..., Any]:
    """A library function: traced through where its library is known to be pure, else refused."""
    _check_pure(fn)
    if fn is jnp.concatenate:
        return functools.partial(_concatenate, fn)
    if fn is jnp.stack or fn is jnp.asarray or fn is jnp.array:
        return functools.partial(_stack, fn)
    return leaf_of(fn)


def _stack(fn: Callable[..., Any], items: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Stacking the rows that a rolled loop appended gives the loop's own output back."""
    # Of Python numbers `stack` makes a weakly typed array.
    if not args and not kwargs and type(items) is list and not (fn is jnp.stack and any(map(symbols.is_sym, items))):
        whole = context.current().unsliced(items)
        if whole is not None:
            return whole
    return leaf_of(fn)(items, *args, **kwargs)


def _concatenate(fn: Callable[..., Any], items: Any, /, *args: Any, **kwargs: Any) -> Any:
    padded = type(items) in (list, tuple) and any(type(item) is Bucketed for item in items)
    return buckets.concatenate(fn, items, *args, **kwargs) if padded else leaf_of(fn)(items, *args, **kwargs)


def leaf_of(fn: Any) -> Callable[..., Any]:
    """A library function that sees arrays, converted functions, and symbols only where it can take them."""
    seen_through = type(fn) is not types.FunctionType or package_of(fn) in leaves.ARRAY_PACKAGES

    def run(*args: Any, **kwargs: Any) -> Any:
        if any(type(value) is Bucketed for value in (*args, *kwargs.values())):
            return buckets.through(fn, args, kwargs)
        refuse(*args, *kwargs.values())
        if not seen_through:
            # Python code that is not converted may ask for its identity, which a stand-in has not.
            for value in (*args, *kwargs.values()):
                if type(value) is Opaque:
                    context.current().structures.walk(value)
                    raise Unsupported(
                        f"{describe(value)} is given to {fn.__qualname__}, which JanusX does not see into"
                    )
        if symbols.has_sym(args) or symbols.has_sym(tuple(kwargs.values())):
            return _with_symbols(fn, args, kwargs)
        args = tuple(given_away(arg, fn) for arg in args)
        try:
            return fn(*args, **{name: given_away(arg, fn) for name, arg in kwargs.items()})
        except jax.errors.TracerArrayConversionError:
            return _on_host(fn, args, kwargs)

    return run


FORGETFUL = frozenset("map associative_scan custom_vjp custom_jvp defvjp defjvp defjvps".split())
"""JAX's functions that trace what they are given in each call, or have it called."""


def _remembers(fn: Any) -> bool:
    """Whether a library's function may know what it is given from an earlier call, and not call it again."""
    module = getattr(fn, "__module__", None) or ""
    return module.partition(".")[0] in leaves.ARRAY_PACKAGES and getattr(fn, "__name__", "") not in FORGETFUL


def _takes_functions(fn: Any) -> bool:
    """Whether what can be called is a function to a library's function, and no data."""
    name = getattr(fn, "__name__", "")
    return bool(name) and any(getattr(module, name, None) is fn for module in (jax.lax, jax))


def _on_host(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's that takes JAX's arrays for NumPy's: what it gives is made after the run."""
    if not leaves.is_pure_host(fn):
        return fn(*args, **kwargs)
    return symbols.apply(fn, *args, **kwargs)


def convert_callable(value: Any) -> Any:
    """A function of the user's that is handed to a library, converted."""
    if is_structure(value):
        return value
    value = methods.original(value)
    if isinstance(value, types.FunctionType) and not emitted.is_emitted(value.__code__) and not leaves.is_leaf(value):
        return _function(value)
    if isinstance(value, types.MethodType) and isinstance(value.__func__, types.FunctionType):
        return _method(value) if not leaves.is_leaf(value.__func__) else value
    if type(value) is functools.partial:
        function = convert_callable(value.func)
        return value if function is value.func else functools.partial(function, *value.args, **value.keywords)
    rules = custom_rules.remade(value, given_away)
    return value if rules is None else rules


def _as_method(value: Any) -> Any:
    """What calls an object of the user's, for those of JAX's functions that take objects for functions."""
    if not _is_called(value):
        return convert_callable(value)
    called: Any = type(value).__call__
    return types.MethodType(_function(called), value)


def _is_called(value: Any) -> bool:
    """Whether an object of the user's is there to be called: nothing that JAX takes apart, no library's module."""
    own = methods.original(getattr(type(value), "__call__", None))  # noqa: B004  # what it is, not whether it is there
    if not isinstance(own, types.FunctionType) or leaves.is_leaf(own) or isinstance(value, type | Wrapped):
        return False
    packages = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    return packages.isdisjoint(leaves.ARRAY_PACKAGES) and jax.tree_util.all_leaves([value])


def given_away(value: Any, to: Any = None) -> Any:
    """An argument of a library function: the user's functions converted, and confined to what a library can carry.

    Args:
        value: the argument.
        to: the library function; None where it is not known to take functions.
    """
    if type(value) in (list, tuple):
        return type(value)(given_away(each, to) for each in value) if any(map(callable, value)) else value
    if is_structure(value) or not callable(value) or is_confined(value):
        return value
    converted = (_as_method if _takes_functions(to) else convert_callable)(value)
    is_users = converted is not value or (isinstance(value, types.FunctionType) and emitted.is_emitted(value.__code__))
    return confined(converted, _remembers(to) and is_known(value), real_of(value)) if is_users else converted


def _check_pure(fn: Any) -> None:
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None) or type(fn).__qualname__
    module = getattr(fn, "__module__", None) or type(fn).__module__
    if not isinstance(module, str):
        module = type(fn).__module__
    package = module.partition(".")[0].removeprefix("_")
    if package == "numpy" and ("random" in module or "RandomState" in str(name)):
        raise Unsupported(f"{module}.{name} draws from NumPy's global or own random state")
    if package in leaves.ARRAY_PACKAGES or package in ("janusx", "jaxlib"):
        return
    if package == "builtins" and name in OPAQUE_BUILTINS:
        raise Unsupported(f"{name}(...) is called, which JanusX does not see into")
    if package in PURE_STDLIB or not leaves.is_leaf_module(module):
        return
    raise Unsupported(f"{module}.{name}(...) is called, which JanusX does not see into")


def _with_symbols(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a library function with host values that change between calls."""
    arrays = any(map(_holds_array, (*args, *kwargs.values())))
    if (leaves.is_pure_host(fn) and not arrays) or (kwargs.get("out") is not None and symbols.has_sym(kwargs["out"])):
        return symbols.apply(fn, *args, **kwargs)
    if fn in WRITING_FUNCTIONS and symbols.is_sym(args[0]):
        return context.current().arrays.write(args[0], Write(fn), args[1:], kwargs)
    for arg in (*args, *kwargs.values()):
        _unrelax(arg)
    module = getattr(fn, "__module__", None) or type(fn).__module__
    if not isinstance(module, str) or module.partition(".")[0] not in leaves.ARRAY_PACKAGES:
        return fn(*map(convert_callable, args), **{name: convert_callable(arg) for name, arg in kwargs.items()})
    try:
        return fn(*(materialise(arg, fn) for arg in args), **{name: materialise(kwargs[name], fn) for name in kwargs})
    except jax.errors.TracerArrayConversionError:
        return _on_host(fn, args, kwargs)
    except (TypeError, jax.errors.JAXTypeError):
        # An argument that must be a Python value (a shape, an axis): taken for granted, with a guard.
        return fn(*(spell_out(arg, fn) for arg in args), **{name: spell_out(kwargs[name], fn) for name in kwargs})


def _unrelax(value: Any) -> None:
    """A library looks into a container itself: one that was host data because it grows is copied from now on."""
    if type(value) in (tuple, list):
        for item in value:
            _unrelax(item)
    elif symbols.is_sym(value) and value._jx_kind in (list, dict, set) and isinstance(value._jx_expr, symbols.Input):
        context.current().unrelax(value._jx_expr.path)


def _holds_array(value: Any) -> bool:
    if type(value) in (tuple, list):
        return any(map(_holds_array, value))
    return symbols.is_array(value)


def materialise(value: Any, to: Any = None) -> Any:
    """Symbolic host values as arrays; containers are searched. `to` is the library's function that gets it."""
    if type(value) in (tuple, list):
        return type(value)(materialise(item, to) for item in value)
    if type(value) is dict:
        return {key: materialise(item, to) for key, item in value.items()}
    if symbols.is_sym(value):
        return spell_out(value) if isinstance(value, str | list | dict | set) else symbols.as_array(value)
    return convert_callable(value) if to is None else given_away(value, to)


def spell_out(value: Any, to: Any = None) -> Any:
    """Symbolic host values as the values that they have now, guarded; containers are searched."""
    if type(value) in (tuple, list):
        return type(value)(spell_out(item, to) for item in value)
    if type(value) is dict:
        return {key: spell_out(item, to) for key, item in value.items()}
    if symbols.is_sym(value) and value._jx_value is not symbols.UNKNOWN and isinstance(value._jx_value, jax.Array):
        return symbols.as_array(value)
    if symbols.is_sym(value):
        return symbols.read_only(symbols.pin(value))
    return convert_callable(value) if to is None else given_away(value, to)
