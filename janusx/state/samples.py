"""Typical values, to find out what a function gives whose arguments are known only after the run."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from janusx.signals import Unstageable

_TYPICAL: dict[type, Any] = {bool: True, int: 3, float: 1.5, complex: 1 + 1j, str: "x"}

_BY_SHAPE = (np.asarray, np.array, np.copy, operator.add, operator.sub, operator.mul, operator.truediv, operator.neg)
"""Functions, beside NumPy's elementwise ones, of which shape and dtype follow from those of their arguments."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A typical value.

    Attributes:
        value: of the type, for an array of the dtype and the number of axes, that the real one has.
        exact: whether its shape is the real one's, too.
    """

    value: Any
    exact: bool


def typical(kind: type) -> Any:
    """A value of a type, or a number."""
    return _TYPICAL.get(kind, 1.5)


def of_array(array: Any) -> Any:
    """What the host gets of an array of the program, as far as its type goes."""
    return np.ones(array.shape, array.dtype)


def sees_arrays(function: Callable[..., Any]) -> bool:
    """Whether a function is NumPy's own, which makes its arrays of JAX's."""
    return isinstance(function, np.ufunc) or str(getattr(function, "__module__", "")).partition(".")[0] == "numpy"


def result(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], exact: bool) -> Sample:
    """What a function gives for samples.

    Raises:
        Unstageable: it is no function of such values, as it will be at commit.
    """
    if function in (str, repr, format, ascii) or getattr(function, "gives_text", False):
        return Sample("x", False)
    try:
        with np.errstate(all="ignore"):
            value = function(*args, **kwargs)
    except Exception as error:
        name = getattr(function, "__name__", function)
        raise Unstageable(f"{name} of a value known only after the run: {error}") from None
    return Sample(value, exact and (isinstance(function, np.ufunc) or function in _BY_SHAPE))
