"""`while`: a function for the test, one for the body, and `jx.while_loop`."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from janusx.transforms.blocks import else_of, then_of, with_body, with_else
from janusx.transforms.build import assign, define
from janusx.transforms.lines import Mark, at, mark_of, put
from janusx.transforms.regions import Regions


def emit(regions: Regions, loop: cst.While) -> Sequence[cst.BaseStatement]:
    """The functions, and the call that runs them."""
    unit, mark = regions.unit, mark_of(loop)
    live = regions.liveness.after[loop] | regions.liveness.head[loop]
    carried = regions.carried(unit.analysis.uses(loop).writes, live)
    regions.need(loop, carried)
    line = put(cst.SimpleStatementSuite([cst.Return(loop.test)]), Mark(mark.line, mark.end))
    test = define(unit.fresh(f"{mark.stem}_test"), carried, line)
    body = regions.function(unit.fresh(f"{mark.stem}_body"), carried, loop.body, mark, carried=carried)
    functions = [cst.Name(test.name.value), cst.Name(body.name.value)]
    call = unit.ops("while_loop", *functions, *(cst.Name(n) for n in carried), site=mark.site)
    return [test.with_changes(leading_lines=loop.leading_lines), body, at(assign(carried, call), mark)]


def native(regions: Regions, loop: cst.While) -> Sequence[cst.BaseStatement]:
    """The loop as it is, its test asked through the op."""
    test = regions.unit.ops("truth", loop.test, site=mark_of(loop).site)
    changed = with_else(with_body(loop, regions.block(then_of(loop))), regions.block(else_of(loop)))
    return [changed.with_changes(test=test, whitespace_after_while=cst.SimpleWhitespace(" "))]
