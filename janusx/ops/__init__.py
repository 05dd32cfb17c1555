"""What emitted code calls: one file a construct, the twin of the pass that emits it.

Each op looks at the value it gets while the program is traced: a Python value runs Python, an array is staged, what can
be neither is speculated on under a guard, or given up with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from janusx.ops.asserts import assert_
from janusx.ops.calls import call
from janusx.ops.conditionals import assume, cond, if_exp, truth
from janusx.ops.for_loops import for_loop
from janusx.ops.logical import and_, both, chain, contains, either, holds, not_, or_, same
from janusx.ops.sites import Where
from janusx.ops.strings import fstring, percent
from janusx.ops.subscripts import item, set_item, update_item
from janusx.ops.variables import read, subject, sure, unbound
from janusx.ops.while_loops import while_loop

PLAIN: Mapping[str, Callable[..., Any]] = {
    "call": call,
    "contains": contains,
    "fstring": fstring,
    "item": item,
    "not_": not_,
    "percent": percent,
    "read": read,
    "same": same,
    "set_item": set_item,
    "slice": slice,
    "subject": subject,
    "sure": sure,
    "unbound": unbound,
    "update_item": update_item,
}
"""Ops that need no site."""

SITED: Mapping[str, Callable[..., Any]] = {
    "and_": and_,
    "assert_": assert_,
    "assume": assume,
    "both": both,
    "chain": chain,
    "cond": cond,
    "either": either,
    "for_loop": for_loop,
    "holds": holds,
    "if_exp": if_exp,
    "or_": or_,
    "truth": truth,
    "while_loop": while_loop,
}
"""Ops that are told where they were emitted, by number."""


class Ops:
    """The ops as one emitted function sees them (its `jx`): sites are those of that function.

    Args:
        sites: the function's sites by number.
    """

    def __init__(self, sites: Mapping[int, Where]):
        for name, op in PLAIN.items():
            setattr(self, name, op)
        for name, op in SITED.items():
            setattr(self, name, _at(op, sites))


def _at(op: Callable[..., Any], sites: Mapping[int, Where]) -> Callable[..., Any]:
    def run(*args: Any, site: int | None = None, **kwargs: Any) -> Any:
        return op(*args, site=None if site is None else sites.get(site), **kwargs)

    return run
