"""What becomes of an `if` or a loop: the table of the constructs that turn into functions."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from janusx.transforms import conditionals, for_loops, while_loops
from janusx.transforms.natives import native
from janusx.transforms.regions import Regions


def emit(regions: Regions, statement: cst.If | cst.While | cst.For) -> Sequence[cst.BaseStatement]:
    """The statements that stand for one, functional or native."""
    if isinstance(statement, cst.If):
        return conditionals.native(regions, statement) if native(statement) else conditionals.emit(regions, statement)
    if isinstance(statement, cst.While):
        return while_loops.native(regions, statement) if native(statement) else while_loops.emit(regions, statement)
    return for_loops.native(regions, statement) if native(statement) else for_loops.emit(regions, statement)
