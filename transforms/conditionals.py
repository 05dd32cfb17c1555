"""`if`: two functions and `jx.cond`, or the branch alone where the outcome is assumed."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from janusx.transforms.blocks import RETURN, Block, else_of, falls, jumps, map_blocks, then_of, with_branches
from janusx.transforms.build import assign, expr, give
from janusx.transforms.lines import at, mark_of
from janusx.transforms.regions import Regions
from janusx.transforms.unit import Unit


def inline_assumed(body: Block, unit: Unit) -> list[cst.BaseStatement]:
    """Replace each `if` whose outcome is assumed by a check and the statements of that branch."""
    out: list[cst.BaseStatement] = []
    for statement in body:
        mark = mark_of(statement)
        outcome = unit.assumed.get(mark.site) if isinstance(statement, cst.If) else None
        if outcome is None or not isinstance(statement, cst.If):
            out.append(map_blocks(statement, lambda b: inline_assumed(b, unit)))
            continue
        check = unit.ops("assume", statement.test, cst.Name(str(outcome)), site=mark.site)
        out.append(at(expr(check), mark).with_changes(leading_lines=statement.leading_lines))
        out += inline_assumed(then_of(statement) if outcome else else_of(statement), unit)
    return out


def emit(regions: Regions, statement: cst.If) -> Sequence[cst.BaseStatement]:
    """The functions of the branches, and the call that takes one."""
    mark, ops = mark_of(statement), regions.unit.ops
    last = not falls([statement])
    other = statement.orelse.body if statement.orelse is not None else None
    uses = regions.unit.analysis.uses(statement)
    carried = [] if last else regions.carried(uses.writes, regions.liveness.after[statement])
    tested = regions.unit.analysis.uses(statement.test).writes
    # What the test binds is not yet bound when the functions are made: it is handed in with the call.
    inputs = [[n for n in regions.handed_in(suite, carried) if n not in tested] for suite in (statement.body, other)]
    carried += [n for n in _late(regions, statement, other, carried) if n in tested]
    given = (*carried, *inputs[0], *inputs[1])
    regions.need(statement, [n for n in given if n not in tested or n in regions.scope.unbinds])
    made = []
    for side, suite, handed_in in (("true", statement.body, inputs[0]), ("false", other, inputs[1])):
        name = regions.unit.fresh(f"{mark.stem}_{side}")
        returned = () if last else carried
        made.append(regions.function(name, carried, suite, mark, carried=returned, handed_in=handed_in))
    first = made[0].with_changes(leading_lines=statement.leading_lines)
    if isinstance(statement.orelse, cst.Else):
        made[1] = made[1].with_changes(leading_lines=statement.orelse.leading_lines)
    functions = [cst.Name(f.name.value) for f in made]
    call = ops("cond", statement.test, *functions, *(cst.Name(n) for n in carried), site=mark.site)
    if last and RETURN in {j.removeprefix("hard ") for j in jumps(statement)}:
        return [first, made[1], at(give(call), mark)]
    return [first, made[1], at(assign([] if last else carried, call), mark)]


def _late(regions: Regions, statement: cst.If, other: cst.BaseSuite | None, carried: Sequence[str]) -> list[str]:
    found = [*regions.handed_in(statement.body, carried), *regions.handed_in(other, carried)]
    return list(dict.fromkeys(found))


def native(regions: Regions, statement: cst.If) -> Sequence[cst.BaseStatement]:
    """The `if` as it is, its test asked through the op."""
    mark = mark_of(statement)
    test = regions.unit.ops("truth", statement.test, site=mark.site)
    changed = with_branches(statement, regions.block(then_of(statement)), regions.block(else_of(statement)))
    changed = changed.with_changes(test=test, whitespace_before_test=cst.SimpleWhitespace(" "))
    return [_as_elif(changed)]


def _as_elif(statement: cst.If) -> cst.If:
    """An `else` that holds nothing but a native `if` reads better as `elif`."""
    orelse = statement.orelse
    if isinstance(orelse, cst.Else) and isinstance(orelse.body, cst.IndentedBlock) and len(orelse.body.body) == 1:
        only = orelse.body.body[0]
        if isinstance(only, cst.If):
            leading = [*orelse.leading_lines, *only.leading_lines]
            return statement.with_changes(orelse=only.with_changes(leading_lines=leading))
    return statement
