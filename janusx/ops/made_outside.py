"""JAX's transforms of a user's function that were made outside of the trace: `grad_fn = jax.grad(loss)`, at import.

Such a function is made again over the converted one, with the options that its closure holds: what the user's function
does then leaves the transform as it does where the transform is made in converted code.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

import jax

from janusx import leaves
from janusx.emitted import contents_of
from janusx.signals import Unsupported

GONE = frozenset({"reduce_axes", "concrete"})
"""Parameters that JAX ignores, or takes no longer."""


def remade(fn: types.FunctionType, table: dict[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    """The same transform of the converted function; None if `fn` is none of those in `table`."""
    name, cells = _transform(fn)
    if name not in table:
        return None
    fun, options = cells.pop("fun", None), {}
    for parameter in list(inspect.signature(getattr(jax, name)).parameters)[1:]:
        if parameter in cells:
            options[parameter] = cells[parameter]
        elif parameter not in GONE:
            raise Unsupported(f"jax.{name} was called outside, and what its {parameter} was is not known")
    if fun is None:
        raise Unsupported(f"jax.{name} was called outside, and of what is not known")
    return table[name](fun, **options)  # type: ignore[no-any-return]


def _transform(fn: Any) -> tuple[str, dict[str, Any]]:
    """Which transform made a function, and what its closure and those below it hold by the transform's own words."""
    name, cells = "", {}
    while isinstance(fn, types.FunctionType) and leaves.is_leaf_module(fn.__globals__.get("__name__", "")):
        maker, _, rest = fn.__code__.co_qualname.partition(".<locals>.")
        own = contents_of(fn)
        if maker == "api_boundary":  # filters tracebacks
            fn = own.get("fun")
            continue
        if not rest or not fn.__globals__["__name__"].startswith("jax"):
            break
        if maker == "value_and_grad" and name == "grad":
            cells.update(own)
        elif not name and getattr(jax, maker, None) is not None:
            name, cells = maker, own
        else:
            break
        fn = cells.get("fun", cells.get("value_and_grad_f"))
        if "fun" in cells:
            break
    return name, cells
