"""Finds functions that recurse over objects, and has the host walk with them (`janusx.schedule`)."""

from __future__ import annotations

import inspect
import sys
import types
from collections import Counter
from collections.abc import Sequence
from typing import Any

from janusx import emitted
from janusx.signals import Decides, Structured, Unscheduled
from janusx.state.opaque import Opaque
from janusx.state.paths import Path
from janusx.state.shadow import LeafNode, ObjectNode, Shadow
from janusx.state.structure import STRUCTURE, depends
from janusx.tracing.wrapped import Wrapped
from janusx.transforms import OUTLINED

ENOUGH = 8
"""Calls of a function within itself, over objects, before those are taken for a structure that differs from call to
call. Fewer are unrolled, until a program does not fit another call."""

OFTEN = 2
"""Calls with an object of another layout than a program was made for, before that is taken for a structure."""

DEEP = 100
"""Objects within objects; a deeper nest, for which Python's stack did not do, is a structure."""

WALKABLE = frozenset("ast _ast xml html".split())
"""Libraries whose objects are trees to walk, and nothing else."""


class Structures:
    """What a trace does about structures."""

    def __init__(self, trace: Any):
        self._trace = trace
        self._within = 0
        self._calls = 0

    def note(self, fn: types.FunctionType) -> None:
        """A function of the user's is about to be called: is it within itself, over objects?"""
        trace = self._trace
        if trace.settings.unscheduled:
            return
        frames = []
        frame: Any = sys._getframe(2)
        while frame is not None:
            if frame.f_code is fn.__code__:
                frames.append(frame)
            frame = frame.f_back
        if not frames:
            return
        self._within += 1
        if self._within < (2 if trace.settings.again else ENOUGH):
            return
        code = fn.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        paths = [self._walked(frames[-1].f_locals.get(name)) for name in names]
        found = tuple(path for path in paths if path is not None)
        if found:
            raise Structured(found)

    def reshape(self, paths: Sequence[Path]) -> None:
        """What had another layout in call after call, and holds no arrays, is a structure from now on."""
        if self._trace.settings.unscheduled or len(paths) < OFTEN:
            return
        nodes = {node.path: node for node in self._trace.shadow.objects}
        plain = [nodes[path] for path in paths if path in nodes and holds_no_arrays(nodes[path])]
        counts = Counter(map(self._outermost, plain))
        found = tuple(path for path, count in counts.items() if count >= OFTEN)
        if found:
            raise Structured(found)

    def walk(self, *values: Any) -> None:
        """Code looks at objects as no guard could follow: those without arrays are structures from now on."""
        if self._trace.settings.unscheduled:
            return
        found = tuple(path for path in map(self._walked, values) if path is not None)
        if found:
            raise Structured(found)

    def _walked(self, value: Any) -> Path | None:
        """The path of what a parameter holds, if that is an object of the user's without arrays in it."""
        if type(value) is Opaque:
            node: Any = value._jx_node
            if type(value._jx_real).__module__.partition(".")[0] not in WALKABLE:
                return None
        else:
            node = self._trace.shadow.by_shadow.get(id(value))
            if node is None or not node.pinned or not holds_no_arrays(node):
                return None
        return self._outermost(node)

    def _outermost(self, node: ObjectNode) -> Path:
        """The path of the outermost object without arrays that an object is a part of: of all trees of a batch."""
        nodes = {known.path: known for known in self._trace.shadow.objects if known.pinned}
        steps = node.path.steps
        outer = (nodes.get(Path(steps[:count])) for count in range(1, len(steps)))
        return next((known.path for known in outer if known is not None and holds_no_arrays(known)), node.path)

    def is_scheduled(self, fn: types.FunctionType) -> bool:
        """Whether the host walks with a function."""
        scheduled = self._trace.settings.scheduled
        return bool(scheduled) and (emitted.origin(fn.__code__) or fn.__code__) in scheduled

    def run(self, fn: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function that the host walks with: as a whole, or what of it walks."""
        from janusx.schedule.outlining import outlined

        code = emitted.origin(fn.__code__) or fn.__code__
        bound = inspect.signature(fn).bind(*args, **kwargs)
        bound.apply_defaults()
        own = fn if emitted.is_emitted(fn.__code__) else self._trace.function(fn)
        free = {name: content_of(cell) for name, cell in emitted.cells_of(own).items() if name in code.co_freevars}
        regions, key = self._trace.settings.regions, (code, "outlined")
        if key not in regions:
            regions[key] = outlined(self._trace, fn, {**bound.arguments, **free})
        if regions[key] is None:
            del free  # what a walker's variables hold is counted: a memo can be lent to it (`schedule.lending`)
            return self._walk(code, fn, bound)
        outer, inner = regions[key]
        inside = Wrapped(lambda *given: self._walk(code, inner, inspect.signature(inner).bind(*given)))
        return self._trace.function(outer)(*args, **kwargs, **free, **{OUTLINED: inside})

    def _walk(self, code: types.CodeType, fn: types.FunctionType, bound: inspect.BoundArguments) -> Any:
        from janusx.schedule.builder import Builder
        from janusx.schedule.region import Region

        if bound.kwargs:
            raise Unscheduled(f"{fn.__qualname__} has parameters that are given by name only")
        key = (code, self._calls)
        self._calls += 1
        region = self._trace.settings.regions.setdefault(key, Region())
        return Builder(region, self._trace).run(fn, bound.args)

    def check(self, expr: Any) -> None:
        """A host value is about to decide something: not one of a structure."""
        if STRUCTURE in self._trace.settings.relaxed.values() and depends(expr, self._trace.settings.relaxed):
            raise Decides("a value in a structure decides what happens")


def deciding(signal: Decides) -> types.CodeType | None:
    """The user's code in which a structure decided something: the innermost that was traced."""
    found, at = None, signal.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if emitted.is_emitted(code) and emitted.origin(code) is not None:
            found = emitted.origin(code)
        at = at.tb_next
    return found


def content_of(cell: types.CellType) -> Any:
    """What a cell holds, or None where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def holds_no_arrays(node: ObjectNode) -> bool:
    """Whether nothing that an object leads to is an array."""
    seen, pending = {id(node)}, [node]
    while pending:
        for child in pending.pop().children.values():
            if isinstance(child, LeafNode):
                return False
            if isinstance(child, ObjectNode) and id(child) not in seen:
                seen.add(id(child))
                pending.append(child)
    return True


def too_deep(shadow: Shadow) -> tuple[Path, ...]:
    """Arguments that nest deeper than guards are written for, without arrays: those are for Python to walk."""
    nodes = {node.path: node for node in shadow.objects}
    roots = dict.fromkeys(Path(node.path.steps[:1]) for node in shadow.objects if len(node.path.steps) > DEEP)
    return tuple(path for path in roots if path in nodes and holds_no_arrays(nodes[path]))
