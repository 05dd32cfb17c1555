"""What the program computes where array code uses a number that Python makes of array values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_INTEGERS = {math.ceil: jnp.ceil, math.floor: jnp.floor}
_SAME = frozenset(
    """acos acosh asin asinh atan atanh cbrt copysign cos cosh degrees exp exp2 expm1 fabs fmod isfinite isinf isnan
    log1p log2 log10 radians sin sinh sqrt tan tanh""".split()
)
_OTHER: dict[tuple[str, int], Callable[..., Any]] = {
    ("atan2", 2): lambda y, x: jnp.arctan2(y, x),
    ("pow", 2): lambda x, y: jnp.power(x, y),
    ("hypot", 2): lambda x, y: jnp.hypot(x, y),
    ("log", 1): lambda x: jnp.log(x),
    ("log", 2): lambda x, base: jnp.log(x) / jnp.log(base),
}


def in_program(function: Callable[..., Any], count: int) -> Callable[..., Any] | None:
    """What does in the program what a function does with so many numbers; None where JAX has none that means the same.

    Example:
        >>> in_program(math.isclose, 2) is None
        True
    """
    module = getattr(function, "__module__", None) or ""
    if module in ("_operator", "operator") or module.startswith("jax"):
        return function
    if module != "math":
        return None
    if function in _INTEGERS:
        rounding = _INTEGERS[function]
        return lambda x: rounding(x).astype(jnp.result_type(int))
    name = function.__name__
    return getattr(jnp, name, None) if name in _SAME else _OTHER.get((name, count))


def fitting(number: int) -> int:
    """An integer that meets arrays; raises OverflowError where JAX has no integer for it."""
    np.asarray(number, jax.dtypes.canonicalize_dtype(int))
    return number
