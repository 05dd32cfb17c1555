"""One function, the user's own or one nested in it: the passes over its statements, in order."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from janusx.transforms.blocks import Block, map_blocks
from janusx.transforms.boundness import Boundness
from janusx.transforms.breaks import Breaks
from janusx.transforms.build import statements
from janusx.transforms.conditionals import inline_assumed
from janusx.transforms.constructs import emit
from janusx.transforms.context_managers import swallows_by
from janusx.transforms.lines import mark_of
from janusx.transforms.liveness import Liveness
from janusx.transforms.natives import mark_natives, why_native
from janusx.transforms.regions import Regions
from janusx.transforms.returns import Returns
from janusx.transforms.unit import Unit
from janusx.transforms.variables import declarations, read_in_functions


def lower(function: cst.FunctionDef, unit: Unit) -> cst.FunctionDef:
    """The function with its control flow in functions. Its expressions are rewritten already."""
    if why_native(function) is not None:
        return function
    mark = mark_of(function)
    assert isinstance(function.body, cst.IndentedBlock)
    # Nested functions first, while what surrounds them is still where the user wrote it.
    body = _nested(statements(function.body), unit)
    scope = unit.analysis.scope(function)
    # Before anything looks at control flow: the branch that is not taken must not ask for anything.
    body = inline_assumed(body, unit)
    # Before jumps are lowered: a jump that has to stay keeps what it leaves, and what it leads to, native.
    body = mark_natives(body, unit)
    # Before jumps are lowered: flags would blur which names are bound where.
    swallows = swallows_by(unit.is_leaf)
    bound = Boundness(unit.analysis, swallows, scope.bound - scope.captured)
    bound.block(body, frozenset(scope.params))
    # Returns before breaks: a return in a loop becomes a break.
    returns = Returns(unit)
    body = returns(body)
    body = Breaks(unit, returns.did_return)(body)
    # Declarations bind the whole function, wherever they stand; their statements may have moved or gone.
    body, declared = _without_declarations(body)
    # Last, when control flow is nothing but `if` and loops: what lives where, then functions from the outside in.
    liveness = Liveness(unit.analysis, swallows)
    liveness.function(body)
    regions = Regions(unit, scope, swallows, liveness, emit)
    lowered = Boundness(unit.analysis, swallows, scope.bound - scope.captured)
    lowered.block(body, frozenset(scope.params))
    emitted, needed = regions.function_body(body)
    unbound = [n for n in dict.fromkeys([*needed, *read_in_functions(emitted, bound.maybe)]) if n not in scope.captured]
    _note_reads(unit, scope_body=body, names=set(unbound), maybe=bound.maybe)
    # Flags blur what is bound: such a read is sure, and yet its variable may hold a region's doubt.
    unit.sure |= {n for n in lowered.maybe - bound.maybe if n.value in unbound}
    top = [*declared, *declarations(scope, [*declared, *emitted], unbound, unit, mark)]
    return function.with_changes(body=function.body.with_changes(body=_under_docstring(top, emitted)))


def _nested(body: Block, unit: Unit) -> list[cst.BaseStatement]:
    out: list[cst.BaseStatement] = []
    for statement in body:
        if isinstance(statement, cst.FunctionDef):
            out.append(lower(statement, unit))
        else:
            out.append(map_blocks(statement, lambda b: _nested(b, unit)))
    return out


def _without_declarations(body: Block) -> tuple[list[cst.BaseStatement], list[cst.BaseStatement]]:
    """The body without `global` and `nonlocal`, and those for the top of the function."""
    found: list[cst.BaseStatement] = []

    def strip(block: Block) -> list[cst.BaseStatement]:
        kept: list[cst.BaseStatement] = []
        for statement in block:
            if isinstance(statement, cst.SimpleStatementLine) and isinstance(
                statement.body[0], (cst.Global, cst.Nonlocal)
            ):
                found.append(statement)
            else:
                kept.append(map_blocks(statement, strip))
        return kept

    return strip(body), found


def _note_reads(unit: Unit, scope_body: Block, names: set[str], maybe: set[cst.Name]) -> None:
    unit.checked |= {n for n in maybe if n.value in names}
    uses = unit.analysis.block(scope_body)
    unit.deleted |= {n for n in uses.deletes if n.value in names}
    unit.deleted |= {n for n in uses.caught if n.value in names}


def _under_docstring(top: Sequence[cst.BaseStatement], body: Sequence[cst.BaseStatement]) -> list[cst.BaseStatement]:
    first = body[0] if body else None
    docstring = (
        isinstance(first, cst.SimpleStatementLine)
        and isinstance(first.body[0], cst.Expr)
        and isinstance(first.body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )
    out = [*body[:1], *top, *body[1:]] if docstring else [*top, *body]
    return out or [cst.SimpleStatementLine([cst.Pass()])]
