"""Classes: those that a converted function makes, and the data that it reads from those of libraries."""

from __future__ import annotations

import builtins
import types
from typing import TYPE_CHECKING, Any

from janusx.signals import Unsupported
from janusx.state.paths import Contents
from janusx.state.shadow import ConstantNode
from janusx.tracing import attributes

if TYPE_CHECKING:
    from janusx.tracing.trace import Trace


def refuse(*args: Any, **kwargs: Any) -> Any:
    """Leave making a class to Python: each call makes one of its own."""
    raise Unsupported("a class is made, another one in each call")


def builtins_of_trace() -> dict[str, Any]:
    """The builtins of emitted code, in which no class statement can run."""
    return {**vars(builtins), "__build_class__": refuse}


def follow(trace: Trace, node: ConstantNode, mentioned: dict[str, None], stored: set[str]) -> None:
    """Follow what code names of something that is shared as it is."""
    if isinstance(node.value, types.ModuleType) and type(node.path.steps[-1]) is Contents:
        trace.follow_members(node.value, [name for name in mentioned if name in vars(node.value)])
        return
    # What a class inherits is read from the class that has it.
    for owner in node.value.__mro__ if type(node.value) is type else (node.value,):
        if wanted := attributes.wanted(owner, mentioned, stored):
            trace.follow_members(owner, wanted)
