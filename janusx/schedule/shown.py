"""What reports show of walks: which functions the host walks with, the kinds of array work, and room for how much."""

from __future__ import annotations

import textwrap
from typing import Any

from janusx.report import model
from janusx.schedule.recording import Kind
from janusx.schedule.region import Region
from janusx.state.structure import STRUCTURE


def regions_of(knowledge: Any) -> list[Region]:
    """The calls that walk, of what is known of a function."""
    return [each for each in list(knowledge.regions.values()) if isinstance(each, Region) and each.functions.hosts]


def walks(knowledge: Any) -> tuple[model.Walk, ...]:
    """What there is to show of the walks of a function."""
    paths = tuple(str(path) for path, why in list(knowledge.relaxed.items()) if why == STRUCTURE)
    made = tuple(_walk(region, paths) for region in regions_of(knowledge) if region.plan is not None)
    if knowledge.unscheduled and not made:
        return (model.Walk((), (), (), 0, knowledge.unscheduled),)
    return made


def texts(knowledge: Any) -> list[str]:
    """The host programs."""
    return [text for region in regions_of(knowledge) for _, _, text in region.functions.texts]


def _walk(region: Region, paths: tuple[str, ...]) -> model.Walk:
    plan = region.plan
    assert plan is not None
    layout = plan.layout
    hosts = tuple(model.Walker(place, text) for _, place, text in region.functions.texts)
    work = tuple(_work(kind, layout) for kind in layout.kinds if layout.sizes.rows[kind.index])
    steps = sum(layout.steps(number) for number in range(len(layout.order.phases)))
    return model.Walk(paths, hosts, work, steps)


def _work(kind: Kind, layout: Any) -> model.Work:
    """One kind of array work."""
    sizes, spot = layout.sizes, layout.order.spots[kind.index]
    rows = sizes.rows[kind.index]
    if spot is not None:
        how = f"in steps of {rows}, after a first level of {sizes.first[kind.index]}"
    elif kind.chain:
        how = f"{rows} chains of {sizes.terms[kind.index]} terms in all, as sums"
    else:
        how = f"{rows} at once"
    return model.Work(_place(kind), " ".join(_lines(kind)), how)


def _lines(kind: Kind) -> list[str]:
    """The statements of a piece, without what hands its variables back."""
    body = textwrap.dedent("\n".join(kind.segment.text.splitlines()[1:])).splitlines()
    return body[:-1] if len(body) > 1 and body[-1].startswith("return ") else body


def _place(kind: Kind) -> str:
    code = kind.segment.function.__code__
    return f"{code.co_filename}:{kind.segment.line or code.co_firstlineno}"
