"""Of which leaves a value that leaves a region holds the array itself, and of which a host copy is as good."""

from __future__ import annotations

from janusx.state import symbols
from janusx.tracing.skeleton import Arr, Later, Made, Perhaps, Py, Skeleton, specs
from janusx.tracing.slots import Slot


def read_whole(skeleton: Skeleton) -> list[bool]:
    """For each leaf, whether the value holds the array itself: of the others a host copy is as good."""
    if isinstance(skeleton, Arr):
        return [True]
    if isinstance(skeleton, Py):
        return [False]
    if isinstance(skeleton, Later):
        whole = [False] * len(skeleton.arrays)
        pending = [skeleton.expr]
        while pending:
            expr = pending.pop()
            if isinstance(expr, Slot) and expr.kind is None:
                whole[expr.index] = True
            elif isinstance(expr, symbols.Apply):
                pending += [*expr.args, *(arg for _, arg in expr.kwargs)]
        return whole
    if isinstance(skeleton, Perhaps):
        return [False, *read_whole(skeleton.item)]
    if isinstance(skeleton, Made):
        return [whole for item in skeleton.items for whole in read_whole(item)]
    return [True] * len(specs(skeleton))
