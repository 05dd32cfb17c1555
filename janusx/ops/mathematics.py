"""The functions of `math` on arrays: Python's own, computed after the run from the numbers that the arrays hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from janusx.state import symbols

_INTEGER = frozenset("comb factorial gcd isqrt lcm perm".split())
_GENERIC = frozenset("dist fsum ldexp prod sumprod trunc".split())
_PAIRS: dict[str, tuple[type, type]] = {"frexp": (float, int), "modf": (float, float)}


def number(array: Any, kind: type) -> Any:
    """The Python number that an array holds, known after the run."""
    given = array.astype(jnp.result_type(kind))
    return symbols.Sym(symbols.Device(array, kind), symbols.UNKNOWN, kind, given)


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    kind = int if function.__name__ in _INTEGER else float

    def run(*args: Any, **kwargs: Any) -> Any:
        arrays = [arg for arg in args if symbols.is_array(arg)]
        if not all(array.ndim == 0 and _holds(array, kind) for array in arrays):
            return function(*args, **kwargs)  # raises, as it does outside of a trace
        given = [number(arg, kind) if symbols.is_array(arg) else arg for arg in args]
        if not symbols.has_sym(given) and not symbols.has_sym(list(kwargs.values())):
            return function(*args, **kwargs)
        result = symbols.apply(function, *given, **kwargs)
        return _parts(result, _PAIRS[function.__name__]) if function.__name__ in _PAIRS else result

    return run


def _holds(array: Any, kind: type) -> bool:
    wanted = jnp.integer if kind is int else jnp.number
    return bool(jnp.issubdtype(array.dtype, wanted)) and not jnp.issubdtype(array.dtype, jnp.complexfloating)


def _parts(pair: Any, kinds: tuple[type, type]) -> Any:
    if not symbols.is_sym(pair):
        return pair
    exprs = [symbols.Apply(symbols.item_of, (pair._jx_expr, symbols.Constant(i))) for i in range(2)]
    return tuple(symbols.Sym(expr, symbols.UNKNOWN, kind) for expr, kind in zip(exprs, kinds, strict=True))


def _of_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """`fsum` and `dist`, which take sequences of numbers."""

    def run(*args: Any) -> Any:
        given = [list(map(_float, items)) for items in args]
        return symbols.apply(function, *given) if symbols.has_sym(given) else function(*given)

    return run


def _float(value: Any) -> Any:
    return number(value, float) if symbols.is_array(value) and value.ndim == 0 and _holds(value, float) else value


HANDLERS: dict[Any, Callable[..., Any]] = {
    **{
        function: _of_numbers(function)
        for name, function in vars(math).items()
        if callable(function) and name not in _GENERIC and not name.startswith("_")
    },
    math.fsum: _of_lists(math.fsum),
    math.dist: _of_lists(math.dist),
}
"""What runs in place of a function of `math`."""
