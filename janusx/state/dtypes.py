"""Dtypes and weak types: what Python's numbers are for arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np


def is_of(array: Any, kind: Any) -> bool:
    """Whether the numbers of an array are those that Python reads back as `kind`: `int(x)` of a float is another."""
    return kind in (None, list) or jnp.issubdtype(getattr(array, "dtype", kind), _ABSTRACT[kind])


_ABSTRACT: dict[type, Any] = {bool: np.bool_, int: np.integer, float: np.floating, complex: np.complexfloating}


def weakened(array: Any) -> Any:
    """The same array, weakly typed."""
    # An update keeps the weak type of what is updated, and there is no other public way for integers.
    zeros = jnp.broadcast_to(jnp.asarray(array.dtype.type(0).item()), array.shape)
    return zeros.at[...].set(array)


def is_narrow(dtype: Any) -> bool:
    """Whether a dtype is another than those that Python's numbers get by themselves."""
    return jnp.dtype(dtype) not in (jnp.dtype(bool), *(jnp.result_type(kind) for kind in (int, float, complex)))
