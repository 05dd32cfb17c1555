"""Generated functions that record: for each piece one that tests for the kinds that are known, and adds a row.

A row costs about half a microsecond so; `Segment.__call__`, which does the same for any arguments, costs four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from janusx.guards.codegen import Writer
from janusx.schedule.recording import Computed, Given, Host, Kind, Passed, Same, Slot, Tree, row
from janusx.state import exprs

MOST = 12
"""Kinds of one piece that are tested for one by one."""


def make(kinds: Sequence[Kind], arguments: int) -> Callable[..., Any]:
    """The factory of a piece's recorder: `bind(recording, otherwise)` makes it for one recording."""
    out = Writer()
    names = ", ".join(f"a{i}" for i in range(arguments))
    body: list[str] = []
    before: dict[str, None] = {}
    for kind in kinds[:MOST]:
        if all(type(arg) in (Slot, Host, Given, Same) for arg in kind.args):
            body += _kind(kind, out, before)
    out.line("next_row, handles, objects = recording.next_row, recording.handles, recording.objects")
    out.lines += before
    out.line(f"def piece({names}):")
    out.lines += [f"    {line}" for line in body]
    out.line(f"    return otherwise({names})")
    out.line("return piece")
    return out.function("bind", "recording, otherwise")[0]  # type: ignore[no-any-return]


def _kind(kind: Kind, out: Writer, before: dict[str, None]) -> list[str]:
    tests, reads, hosts = [], [], []
    for i, arg in enumerate(kind.args):
        name = f"a{i}"
        if type(arg) is Slot:
            before[f"H{arg.aval} = handles[{arg.aval}]"] = None
            tests.append(f"type({name}) is H{arg.aval}")
            reads.append(name)
        elif type(arg) is Host:
            if arg.kind not in (int, float):
                return []
            tests.append(f"type({name}) is {arg.kind.__name__}")
            hosts.append(name)
        elif type(arg) is Given:
            before[f"o{arg.index} = objects[{arg.index}]"] = None
            tests.append(f"{name} is o{arg.index}")
        elif arg.value is None or type(arg.value) is bool:
            tests.append(f"{name} is {arg.value}")
        elif type(arg.value) in (int, str):
            tests.append(f"type({name}) is {type(arg.value).__name__} and {name} == {arg.value!r}")
        else:
            tests.append(f"{name} is {out.const(arg.value)}")
    lines = [f"if {' and '.join(tests) or 'True'}:"]
    if kind.gives:
        before[f"r{kind.index} = recording.rows[{kind.index}].ints.extend"] = None
        lines.append("    n = next_row()")
        if reads:
            lines.append(f"    level = {reads[0]}.level")
            for name in reads[1:]:
                lines.append(f"    if {name}.level > level: level = {name}.level")
            lines.append("    level += 1")
        lines.append(
            f"    r{kind.index}(({'level' if reads else 0}, n, {''.join(f'{name}.number, ' for name in reads)}))"
        )
        if hosts:
            before[f"h{kind.index} = recording.rows[{kind.index}].hosts.extend"] = None
            lines.append(f"    h{kind.index}(({''.join(f'{name}, ' for name in hosts)}))")
    inner = out.block()
    returned = _result(kind.result, hosts, "level" if reads else "0", inner, before)
    return [*lines, *(f"    {line}" for line in inner.lines), f"    return {returned}"]


def _result(part: Any, hosts: list[str], level: str, out: Writer, before: dict[str, None]) -> str:
    if type(part) is Slot:
        before[f"H{part.aval} = handles[{part.aval}]"] = None
        before["stride = recording.stride"] = None
        return (
            f"H{part.aval}({level}, n * stride + {part.index})" if part.index else f"H{part.aval}({level}, n * stride)"
        )
    if type(part) is Passed:
        return hosts[part.index]
    if type(part) is Given:
        before[f"o{part.index} = objects[{part.index}]"] = None
        return f"o{part.index}"
    if type(part) is Computed:
        named = {exprs.Apply(row, (exprs.Constant(i),)): name for i, name in enumerate(hosts)}
        return out.expr(part.expr, named)
    if type(part) is Same:
        return out.literal(part.value)
    assert type(part) is Tree
    parts = [_result(each, hosts, level, out, before) for each in part.parts]
    if part.cls is dict:
        keys = [out.literal(key) for key in part.keys]
        return "{" + ", ".join(f"{key}: {value}" for key, value in zip(keys, parts, strict=True)) + "}"
    if part.cls in (list, tuple):
        inner = "".join(f"{each}, " for each in parts)
        return f"[{inner}]" if part.cls is list else f"({inner})"
    return f"{out.const(part.cls)}({', '.join(parts)})"
