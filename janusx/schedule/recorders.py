"""Generated functions that record: for each piece one that tests for the kinds that are known, and adds a row.

A row costs about half a microsecond so; `Segment.__call__`, which does the same for any arguments, costs four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from janusx.guards.codegen import Writer
from janusx.schedule.order import Order, Spot
from janusx.schedule.recording import Computed, Given, Host, Kind, Passed, Same, Slot, Tree, row
from janusx.state import exprs

MOST = 12
"""Kinds of one piece that are tested for one by one."""


def make(kinds: Sequence[Kind], segment: Any, order: Order, sums: Mapping[int, type]) -> Callable[..., Any]:
    """The factory of a piece's recorder: `bind(recording, otherwise)` makes it for one recording.

    Args:
        kinds: those of the piece.
        segment: the piece.
        order: in which kinds are computed.
        sums: the classes of totals, by kind.
    """
    maker = _Maker(segment, order, sums)
    kinds = [kind for kind in kinds if kind.index < len(order.spots)]
    maker.chains = {kind.gives[0]: kind.index for kind in kinds if kind.chain}
    body: list[str] = []
    for kind in kinds[:MOST]:
        if all(type(arg) in (Slot, Host, Given, Same) for arg in kind.args):
            body += maker.kind(kind)
    out, names = maker.out, ", ".join(maker.names)
    out.line("handles, objects = recording.handles, recording.objects")
    out.lines += maker.before
    out.line(f"def piece({names}):")
    out.lines += [f"    {line}" for line in (*maker.flushes(kinds), *body)]
    out.line(f"    return otherwise({names})")
    out.line("return piece")
    return out.function("bind", "recording, otherwise")[0]  # type: ignore[no-any-return]


class _Maker:
    """Writes the recorder of one piece."""

    def __init__(self, segment: Any, order: Order, sums: Mapping[int, type]):
        self.out = Writer()
        self.before: dict[str, None] = {}
        self.names = [f"a{i}" for i in range(segment.function.__code__.co_argcount)]
        self.accumulation = segment.accumulation
        self.order = order
        self.sums = {name: cls for name, cls in sums.items() if name < len(order.spots)}
        self.chains: dict[int, int] = {}  # by aval: the piece's kind that adds arrays

    def flushes(self, kinds: Sequence[Kind]) -> list[str]:
        """What reads an array reads the array of a total."""
        lines = []
        for i, name in enumerate(self.names):
            avals = {kind.args[i].aval for kind in kinds if type(kind.args[i]) is Slot}
            own = self.accumulation is not None and self.accumulation.total == i
            for index, cls in self.sums.items():
                if cls.aval in avals and not (own and any(kind.index == index for kind in kinds)):  # type: ignore[attr-defined]
                    lines.append(f"if type({name}) is {self._sum(index)}: {name} = {name}.done()")
        return lines

    def kind(self, kind: Kind) -> list[str]:
        """The lines for one kind."""
        tests, reads, hosts = [], [], []
        for name, arg in zip(self.names, kind.args, strict=True):
            if type(arg) is Slot:
                tests.append(f"type({name}) is {self._handle(arg.aval)}")
                reads.append(name)
            elif type(arg) is Host:
                if arg.kind not in (int, float):
                    return []
                tests.append(f"type({name}) is {arg.kind.__name__}")
                hosts.append(name)
            else:
                tests.append(self._test(name, arg))
        if kind.chain:
            return self._chain(kind, tests)
        lines = [f"if {' and '.join(tests) or 'True'}:", *self._zero(kind, reads, hosts)]
        if not reads and not hosts and type(kind.result) is Slot:
            return [*lines, *self._constant(kind)]
        lines += self._row(kind, reads, hosts)
        inner = self.out.block()
        returned = self._result(kind.result, hosts, inner)
        return [*lines, *(f"    {line}" for line in inner.lines), f"    return {returned}"]

    def _test(self, name: str, arg: Any) -> str:
        if type(arg) is Given:
            self.before[f"o{arg.index} = objects[{arg.index}]"] = None
            return f"{name} is o{arg.index}"
        if arg.value is None or type(arg.value) is bool:
            return f"{name} is {arg.value}"
        if type(arg.value) in (int, str):
            return f"type({name}) is {type(arg.value).__name__} and {name} == {arg.value!r}"
        return f"{name} is {self.out.const(arg.value)}"

    def _row(self, kind: Kind, reads: list[str], hosts: list[str]) -> list[str]:
        """What `Recording.row` does."""
        if not kind.gives:
            return []
        number = kind.index
        spot = self.order.spots[number]
        self.before[f"L{number} = recording.lanes[{number}]"] = None
        lines = self._lane(kind, spot, reads) if spot is not None else [f"    lane = n{number}()"]
        if spot is None:
            self.before[f"n{number} = L{number}.next"] = None
        for i, aval in enumerate(kind.gives):
            self.before[f"take{aval} = recording.taker({aval})"] = None
            self.before[f"s{number}_{i} = L{number}.starts[{i}]"] = None
            start = f"s{number}_{i}[step]" if spot is not None else f"s{number}_{i}"
            level = f"step * {spot.count} + {spot.base + spot.position}" if spot is not None else "0"
            lines += [
                f"    made{i} = take{aval}()",
                f"    made{i}.level = {level}",
                f"    made{i}.slot = {start} + lane",
            ]
        row = [f"w{number}[step] + lane" if spot is not None else "lane", *(f"{name}.slot" for name in reads)]
        self.before[f"r{number} = recording.rows[{number}].ints.extend"] = None
        lines.append(f"    r{number}(({', '.join(row)},))")
        if hosts:
            adds = "append" if len(hosts) == 1 else "extend"
            self.before[f"v{number} = recording.rows[{number}].hosts.{adds}"] = None
            lines.append(f"    v{number}({hosts[0] if len(hosts) == 1 else '(' + ', '.join(hosts) + ')'})")
        return lines

    def _constant(self, kind: Kind) -> list[str]:
        """The one row of a kind that reads nothing: each would give the same array."""
        self.before["once = recording.once"] = None
        row = [f"    {line}" for line in self._row(kind, [], [])]
        number = kind.index
        return [f"    if {number} not in once:", *row, f"        once[{number}] = made0", f"    return once[{number}]"]

    def _lane(self, kind: Kind, spot: Spot, reads: list[str]) -> list[str]:
        """What `Lanes.take` does."""
        number = kind.index
        self.before[f"left{number}, w{number} = L{number}.left, L{number}.rows"] = None
        lines = [f"    level = {reads[0]}.level"]
        for name in reads[1:]:
            lines.append(f"    if {name}.level > level: level = {name}.level")
        after = f"level - {spot.base + spot.position}"
        after = f"({after}) // {spot.count}" if spot.count > 1 else after
        return [
            *lines,
            f"    step = {after} + 1 if level >= {spot.base} else 0",
            f"    while not left{number}[step]: step += 1",
            f"    lane = left{number}[step] = left{number}[step] - 1",
        ]

    def _chain(self, kind: Kind, tests: list[str]) -> list[str]:
        """A total and a term: the next total."""
        own = self.accumulation
        total, term, cls = self.names[own.total], self.names[own.term], self._sum(kind.index)
        return [
            f"if type({total}) is {cls} and {tests[own.term]}: return {total}.plus({term})",
            f"if {' and '.join(tests)}: return {cls}([{total}, {term}], 2, True)",
        ]

    def _zero(self, kind: Kind, reads: list[str], hosts: list[str]) -> list[str]:
        """A chain that begins with zero has only terms."""
        own = self.accumulation
        if own is None or own.op == "*" or len(kind.gives) != 1 or len(reads) != 1 or len(hosts) != 1:
            return []
        (aval,) = kind.gives
        index = self.chains.get(aval)
        if hosts != [self.names[own.total]] or kind.reads != (aval,) or index is None:
            return []
        return [f"    if {hosts[0]} == 0: return {self._sum(index)}([{reads[0]}], 1, False)"]

    def _handle(self, aval: int) -> str:
        self.before[f"H{aval} = handles[{aval}]"] = None
        return f"H{aval}"

    def _sum(self, index: int) -> str:
        return self.out.const(self.sums[index])

    def _result(self, part: Any, hosts: list[str], out: Writer) -> str:
        if type(part) is Slot:
            return f"made{part.index}"
        if type(part) is Passed:
            return hosts[part.index]
        if type(part) is Given:
            self.before[f"o{part.index} = objects[{part.index}]"] = None
            return f"o{part.index}"
        if type(part) is Computed:
            named = {exprs.Apply(row, (exprs.Constant(i),)): name for i, name in enumerate(hosts)}
            return out.expr(part.expr, named)
        if type(part) is Same:
            return out.literal(part.value)
        assert type(part) is Tree
        parts = [self._result(each, hosts, out) for each in part.parts]
        if part.cls is dict:
            keys = [out.literal(key) for key in part.keys]
            return "{" + ", ".join(f"{key}: {value}" for key, value in zip(keys, parts, strict=True)) + "}"
        if part.cls in (list, tuple):
            inner = "".join(f"{each}, " for each in parts)
            return f"[{inner}]" if part.cls is list else f"({inner})"
        return f"{out.const(part.cls)}({', '.join(parts)})"
