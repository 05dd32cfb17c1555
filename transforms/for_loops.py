"""`for`: a function for the body, which gets the item first, and `jx.for_loop`."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from janusx.transforms.blocks import else_of, then_of, with_body, with_else
from janusx.transforms.build import assign, simple
from janusx.transforms.lines import at, mark_of
from janusx.transforms.regions import Regions


def emit(regions: Regions, loop: cst.For) -> Sequence[cst.BaseStatement]:
    """The function, and the call that runs it for each item."""
    unit, mark = regions.unit, mark_of(loop)
    live = regions.liveness.after[loop] | regions.liveness.head[loop]
    written = unit.analysis.uses(loop).writes
    carried = [n for n in regions.carried(written, live) if n != mark.flag]
    regions.need(loop, carried)
    flags = [mark.flag] if mark.flag else []
    item, first = _item(regions, loop, carried)
    body = regions.function(
        unit.fresh(f"{mark.stem}_body"),
        [item, *flags, *carried],
        loop.body,
        mark,
        first=first,
        carried=[*flags, *carried],
    )
    # The flag is false whenever the loop starts, whatever it was before.
    start = [*(cst.Name("False") for _ in flags), *(cst.Name(n) for n in carried)]
    breaks = {"breaks": cst.Name("True")} if flags else {}
    call = unit.ops("for_loop", loop.iter, cst.Name(body.name.value), *start, site=mark.site, **breaks)
    return [body.with_changes(leading_lines=loop.leading_lines), at(assign([*flags, *carried], call), mark)]


def _item(regions: Regions, loop: cst.For, carried: Sequence[str]) -> tuple[str, list[cst.BaseStatement]]:
    """The parameter for the item, and what the body does with it first."""
    target = loop.target
    if isinstance(target, cst.Name) and target.value not in carried and target.value not in regions.shared:
        return target.value, []
    item = regions.unit.fresh("item")
    unpack = simple(cst.Assign([cst.AssignTarget(target)], cst.Name(item)))
    return item, [at(unpack, mark_of(loop))]


def native(regions: Regions, loop: cst.For) -> Sequence[cst.BaseStatement]:
    """The loop as it is."""
    return [with_else(with_body(loop, regions.block(then_of(loop))), regions.block(else_of(loop)))]
