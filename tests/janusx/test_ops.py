"""Every op, called by the code that is emitted for it: on a Python value it is Python, on an array it is staged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from janusx.ops import PLAIN, SITED
from tests.conformance.harness import fresh_module

X = jnp.array([1.0, -2.0, 3.0])
POSITIVE, NEGATIVE = jnp.float32(2.0), jnp.float32(-2.0)

PROGRAMS: dict[str, tuple[str, Sequence[tuple[Any, ...]]]] = {
    "cond": ("if v > 0: y = x * 2\n    else: y = x - 1\n    return y", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "assume": (
        "if v > 0: y = x * 2\n    else: y = x.sum()\n    return y",
        [(POSITIVE,), (POSITIVE,), (POSITIVE,), (POSITIVE,), (NEGATIVE,)],
    ),
    "if_exp": ("return x * 2 if v > 0 else x - 1", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "and_": ("return (v and x.sum()) * 2", [(0,), (3,), (POSITIVE,), (jnp.float32(0.0),)]),
    "or_": ("return (v or x.sum()) * 2", [(0,), (3,), (POSITIVE,), (jnp.float32(0.0),)]),
    "both": ("if v > 0 and x.sum() > 1: x = x * 2\n    return x", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "either": ("if v > 0 or x.sum() > 5: x = x * 2\n    return x", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "not_": ("if not v: x = x * 2\n    return x", [(0,), (1,), (POSITIVE,), (jnp.float32(0.0),)]),
    "chain": ("y = 0 < v < 3\n    return x, y", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "holds": ("if 0 < v < 3: x = x * 2\n    return x", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
    "contains": ("return x * 2, v in (1, 2)", [(1,), (5,), (POSITIVE,), (NEGATIVE,)]),
    "same": ("y = v\n    return x, y is v, x is v", [(1,), (POSITIVE,)]),
    "truth": ("return [y for y in (1, 2) if v > 0], x * 2", [(1,), (-1,), (POSITIVE,), (POSITIVE,)]),
    "assert_": ("assert v > 0, f'not {v}'\n    return x * v", [(1,), (POSITIVE,), (POSITIVE,), (NEGATIVE,), (-1,)]),
    "while_loop": (
        "while v > 0:\n        x, v = x * 2, v - 1\n    return x, v",
        [(3,), (0,), (POSITIVE,), (NEGATIVE,)],
    ),
    "for_loop": ("for y in v:\n        x = x * y\n    return x", [([2, 3],), ((),), (X,), (jnp.ones((9, 3)),)]),
    "fstring": ("return f'{v:.2f} and {x.shape}'", [(1,), (POSITIVE,), (NEGATIVE,)]),
    "percent": ("return '%.2f and %s' % (v, x.shape)", [(1,), (POSITIVE,), (NEGATIVE,)]),
    "item": ("return x[v], (4, 5, 6)[v]", [(1,), (-1,), (jnp.array(2),), (jnp.array(0),)]),
    "set_item": ("y = [x, x]\n    k = len(y) - 2\n    y[k] = v\n    return y", [(1,), (POSITIVE,)]),
    "update_item": ("y = [x, x]\n    k = len(y) - 1\n    y[k] += v\n    return y", [(1,), (POSITIVE,)]),
    "slice": (
        "y = [x, v, x]\n    y[:2] = [v]\n    return y[:1], x[v.ndim if hasattr(v, 'ndim') else v :]",
        [(1,), (POSITIVE,)],
    ),
    "subject": ("match v:\n        case 1 | 2: x = x * 2\n        case _: x = x - 1\n    return x", [(1,), (7,)]),
    "unbound": ("if v > 0: y = x\n    return y", [(1,), (-1,), (POSITIVE,), (POSITIVE,), (NEGATIVE,)]),
    "read": ("if v > 0: y = x\n    return y * 2", [(1,), (-1,), (POSITIVE,), (POSITIVE,), (NEGATIVE,)]),
    "sure": (
        "for i in range(3):\n        if x.sum() > i * v:\n            y = x * i\n            break\n"
        "    else:\n        y = x\n    return y",
        [(1,), (POSITIVE,), (100,)],
    ),
    "call": ("return abs(v) * helper(x)", [(1,), (-1,), (POSITIVE,), (NEGATIVE,)]),
}
"""The body of `def f(x, v)` in whose program the op is, and values of `v`."""


def test_every_op_has_a_program() -> None:
    assert set(PROGRAMS) == set(PLAIN) | set(SITED)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    try:
        found = f(*args)
    except (AssertionError, UnboundLocalError) as error:
        return type(error), str(error)
    return jax.tree.map(lambda leaf: leaf.tolist() if isinstance(leaf, jax.Array) else leaf, found)


@pytest.mark.filterwarnings("ignore::janusx.errors.JanusXWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_op_does_what_python_does_and_is_in_the_program(name: str) -> None:
    body, values = PROGRAMS[name]
    module = fresh_module(f"def helper(x):\n    return x + 1\n\ndef f(x, v):\n    {body}\n")
    g = janusx.convert(module.f)
    emitted = ""
    for given in [*values, *values]:
        assert outcome(g, X, *given) == outcome(module.f, X, *given), given
        emitted += janusx.source(g)
    assert f"jx.{name}(" in emitted or name == "slice", emitted
