"""What Python's own arithmetic may raise on values that only the run shows."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from janusx.state.exprs import Constant, Device, Expr, item_of, make_list, make_tuple, with_items

_NEVER: frozenset[Any] = frozenset(
    [
        *(getattr(operator, name) for name in "add sub mul neg pos abs lt le eq ne gt ge not_ truth contains".split()),
        *(getattr(operator, name) for name in "and_ or_ xor invert is_ is_not".split()),
        *(getattr(math, name) for name in "asinh atan atan2 copysign degrees erf erfc fabs hypot isclose".split()),
        *(getattr(math, name) for name in "isfinite isinf isnan radians tanh".split()),
        *(abs, ascii, bool, complex, float, format, isinstance, len, list, max, min, repr, str, sum, tuple),
        *(item_of, make_list, make_tuple, np.array, np.asarray, with_items),
    ]
)
_DIVIDING: frozenset[Any] = frozenset([operator.truediv, operator.floordiv, operator.mod, divmod])
_ROUNDING: frozenset[Any] = frozenset([int, round, math.ceil, math.floor, math.trunc])
_SAFE_POWER = 4
"""Up to this power, no float32 becomes too large for a Python float."""


def may_raise(
    function: Callable[..., Any], args: Sequence[Expr], kinds: Sequence[type], kwargs: Mapping[str, Any]
) -> bool:
    """Whether a pure function may raise on values of these types, whatever they are.

    Args:
        function: the function.
        args: its arguments, as expressions.
        kinds: their types.
        kwargs: its keyword arguments.

    Example:
        >>> x = Device(None, float)
        >>> may_raise(operator.truediv, [x, Constant(2.0)], [float, float], {})
        False
        >>> may_raise(operator.truediv, [Constant(2.0), x], [float, float], {})
        True
    """
    try:
        if function in _NEVER:
            return False
    except TypeError:  # not hashable
        return True
    if getattr(function, "gives_text", False) or isinstance(function, np.ufunc):
        return False
    if function in _DIVIDING and len(args) == 2:
        return not _is_number(args[1], lambda divisor: divisor != 0)
    if function in _ROUNDING and not kwargs:
        if len(args) == 2:
            return not _is_number(args[1], lambda digits: 0 <= digits <= 15)
        return kinds[0] not in (int, bool)
    if function in (operator.lshift, operator.rshift) and len(args) == 2:
        return not _is_number(args[1], lambda bits: 0 <= bits <= 64)
    if function in (operator.pow, pow, math.pow) and len(args) == 2:
        return not (_is_number(args[1], lambda power: power in range(_SAFE_POWER + 1)) and _is_short(args[0]))
    return True


def raised(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> str:
    """The exception that a pure function raises, as text; "" if it raises none.

    Example:
        >>> raised(operator.getitem, [1, 2], 2), raised(operator.getitem, [1, 2], 1)
        ("IndexError('list index out of range')", '')
    """
    try:
        function(*args, **kwargs)
    except Exception as error:
        return repr(error)
    return ""


def _is_number(expr: Expr, holds: Callable[[Any], bool]) -> bool:
    """Whether an expression is a number, the same in every call, for which something holds."""
    return isinstance(expr, Constant) and isinstance(expr.value, int | float) and bool(holds(expr.value))


def _is_short(expr: Expr) -> bool:
    """Whether a value is one of the program's own, of 32 bits or less."""
    return isinstance(expr, Device) and expr.array.dtype.itemsize <= 4
