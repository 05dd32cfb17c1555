"""`jax.custom_vjp` and `jax.custom_jvp` that were made outside of the trace: made again over the converted functions.

Else what the user's function reads would not be guarded, and what it writes would be written while it is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from janusx import leaves
from janusx.emitted import contents_of
from janusx.signals import Unsupported

_KNOWN = frozenset("fun nondiff_argnums nondiff_argnames fwd bwd symbolic_zeros optimize_remat jvp".split())


def remade(fn: Any, given: Callable[[Any], Any]) -> Any | None:
    """The same rules on converted functions; None for what is neither, or a library's own.

    Args:
        fn: what is called.
        given: makes of a function of the user's what JAX gets.
    """
    if not isinstance(fn, jax.custom_vjp | jax.custom_jvp):
        return None
    of: Any = fn
    if leaves.is_leaf(of.fun):
        return None
    used = [name for name, value in vars(of).items() if name not in _KNOWN and not name.startswith("__") and value]
    if used:
        raise Unsupported(f"a {type(fn).__name__} with {used[0]} was made outside, which JanusX does not make again")
    if isinstance(fn, jax.custom_jvp):
        made: Any = jax.custom_jvp(given(of.fun), nondiff_argnums=of.nondiff_argnums)
        rule = getattr(of, "jvp", None)
        if rule is None:
            return made
        each = contents_of(rule).get("jvps") if leaves.is_leaf(rule) else None
        if each is not None:
            made.defjvps(*map(given, each))
        else:
            made.defjvp(given(rule), symbolic_zeros=of.symbolic_zeros)
        return made
    made = jax.custom_vjp(given(of.fun), nondiff_argnums=of.nondiff_argnums)
    if of.fwd is not None:
        options = {"symbolic_zeros": of.symbolic_zeros, "optimize_remat": of.optimize_remat}
        made.defvjp(given(of.fwd), given(of.bwd), **options)
    return made
