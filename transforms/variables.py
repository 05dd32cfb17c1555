"""Names that may be unbound: `jx.unbound` where a region needs some value, `jx.read` where the user's code reads it."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from janusx.transforms.analysis import Scope, declared, uses_of
from janusx.transforms.blocks import Block
from janusx.transforms.build import Region, Thunk, assign, block, expr, simple, string
from janusx.transforms.lines import Mark, at, mark_of, put
from janusx.transforms.unit import Unit
from janusx.transforms.walks import Transformer, parts


def read_in_functions(body: Block, maybe: set[cst.Name]) -> list[str]:
    """Names that may be read unbound inside functions that the passes made, where Python would raise another error."""
    found: dict[str, None] = {}

    def look(node: cst.CSTNode, inside: bool) -> None:
        kind = type(node)
        if kind is cst.Name and isinstance(node, cst.Name):
            if inside and node in maybe:
                found[node.value] = None
        else:
            inside = inside or kind is Region or kind is Thunk
            for part in parts(node):
                look(part, inside)

    if maybe:
        for statement in body:
            look(statement, inside=False)
    return list(found)


def declarations(scope: Scope, body: Block, unbound: Iterable[str], unit: Unit, mark: Mark) -> list[cst.BaseStatement]:
    """What stands at the top of a function: first values, and `y: object` for names that are no longer bound in it."""
    uses = unit.analysis.together(body)
    here = set(uses.binds) | uses.unbinds | set(scope.params)
    for statement in body:
        here |= declared(statement)
    first = [n for n in unbound if n not in scope.params]
    made = [at(assign([n], unit.ops("unbound", string(n))), mark) for n in first]
    mentioned = uses.read | uses.captured | uses.nested
    for name in sorted((scope.bound & mentioned) - here - set(first)):
        annotation = cst.Annotation(cst.Name("object"))
        made.append(at(simple(cst.AnnAssign(cst.Name(name), annotation, None)), mark))
    return [*made]


class Reads(Transformer):
    """Puts the checks in, and `jx.unbound` back where a name ends.

    Attributes:
        checked: reads that may see an unbound name.
        sure: reads of names that are surely bound there, but hold what a region says of them.
        deleted: the names in `del` and `except ... as` that hold `jx.unbound` while they are unbound.
    """

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self._unit = unit
        self._checked = unit.checked
        self._sure = unit.sure
        self._deleted = unit.deleted

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        checked = original_node in self._checked
        return self._read(updated_node, checked) if checked or original_node in self._sure else updated_node

    def _read(self, name: cst.Name, checked: bool) -> cst.BaseExpression:
        plain = name.with_changes(lpar=[], rpar=[])
        read = self._unit.ops("read", plain, string(name.value)) if checked else self._unit.ops("sure", plain)
        return read.with_changes(lpar=name.lpar, rpar=name.rpar)

    def leave_AugAssign(self, original_node: cst.AugAssign, updated_node: cst.AugAssign) -> cst.AugAssign:
        if isinstance(original_node.target, cst.Name):
            return updated_node.with_changes(target=original_node.target)
        return updated_node

    def leave_Del(self, original_node: cst.Del, updated_node: cst.Del) -> cst.Del:
        return original_node if uses_of(original_node).deletes else updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        line = original_node.body[0]
        if isinstance(line, cst.AugAssign) and isinstance(line.target, cst.Name):
            checked = line.target in self._checked
            if checked or line.target in self._sure:
                read = assign([line.target.value], self._read(line.target, checked))
                return _in_turn([at(read, mark_of(original_node)), updated_node], original_node)
        if isinstance(line, cst.Del):
            return self._deletions(original_node, line)
        return updated_node

    def _deletions(
        self, original: cst.SimpleStatementLine, line: cst.Del
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        target = line.target
        targets = [e.value for e in target.elements] if isinstance(target, (cst.Tuple, cst.List)) else [target]
        if not any(t in self._deleted for t in targets):
            return original
        out: list[cst.BaseStatement] = []
        mark = mark_of(original)
        for one in targets:
            if isinstance(one, cst.Name) and one in self._deleted:
                out += [at(expr(self._read(one, True)), mark)] if one in self._checked else []
                out.append(at(assign([one.value], self._unit.ops("unbound", string(one.value))), mark))
            else:
                out.append(at(simple(cst.Del(one)), mark))  # type: ignore[arg-type]
        return _in_turn(out, original)

    def leave_ExceptHandler(
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        named = original_node.name
        if named is None or named.name not in self._deleted or not isinstance(named.name, cst.Name):
            return updated_node.with_changes(name=named)
        mark, name = mark_of(original_node), named.name.value
        caught = self._unit.fresh(f"{name}_caught")
        bind = at(assign([name], cst.Name(caught)), mark)
        unbind = at(assign([name], self._unit.ops("unbound", string(name))), mark)
        plain = Mark(mark.line, mark.end)
        assert isinstance(updated_node.body, cst.IndentedBlock)
        final = put(cst.Finally(block([unbind])), plain)
        kept = put(cst.Try(block(updated_node.body.body), finalbody=final), plain)
        body = updated_node.body.with_changes(body=[bind, kept])
        return updated_node.with_changes(name=named.with_changes(name=cst.Name(caught)), body=body)


def _in_turn(
    made: list[cst.BaseStatement], original: cst.SimpleStatementLine
) -> cst.FlattenSentinel[cst.BaseStatement]:
    made[0] = made[0].with_changes(leading_lines=original.leading_lines)
    made[1:] = [m.with_changes(leading_lines=[]) for m in made[1:]]
    return cst.FlattenSentinel(made)
