"""Which object an array is, at commit: the user's own, where a staged branch has handed that through.

To ask the program is to wait for it. So it is asked where the call waits anyway, for guards or for Python's numbers;
else the array that it returns is as good, and the call comes back before the program is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from janusx.state import kinds, policy, symbols
from janusx.state.diff import Change
from janusx.tracing import context
from janusx.tracing.effects import Effect, Row, Trips
from janusx.tracing.origins import Fresh, Origin

if TYPE_CHECKING:
    from janusx.state.commit import Commit


class Chosen:
    """The arrays of a commit that are one of several objects.

    Their lines are written last: an object that has no other name than such an array needs no output of its own.
    """

    def __init__(self, commit: Commit, waits: bool):
        self._commit = commit
        self._waits = waits
        self._named: dict[int, tuple[str, Origin]] = {}

    def name(self, array: Any) -> str | None:
        """The name of an array that is one of several objects; None for another, or where nobody asks."""
        origin = context.current().chosen.get(id(array))
        if not self._waits or origin is None:
            return None
        return self._named.setdefault(id(array), (f"chosen{len(self._named)}", origin))[0]

    def lines(self) -> list[str]:
        """The lines that say which object each is."""
        alone: dict[int, str] = {}
        return [line for name, origin in self._named.values() for line in self._lines(name, origin, alone)]

    def _lines(self, name: str, origin: Origin, alone: dict[int, str]) -> Iterable[str]:
        array = origin.array
        objects = []
        for each in origin.objects:
            known = type(each) is not Fresh and self._commit.returns(each)
            objects.append(self._commit.output(each) if known else alone.get(id(each)))
        if not any(objects) and not self._shared(origin):
            return [f"{name} = {self._commit.output(array)}"]
        own = self._commit.output(array)
        for each, text in zip(origin.objects, objects, strict=True):
            if text is None:
                alone[id(each)] = own
        texts = [own if text is None else text for text in objects]
        which = self._commit.output(origin.which)
        if len(texts) == 2:
            return [f"{name} = {texts[1]} if {which} else {texts[0]}"]
        return [f"{name} = ({', '.join(texts)})[{which}]"]

    def _shared(self, origin: Origin) -> bool:
        """Whether another of these arrays may be one of the same objects."""
        others = [each for _, other in self._named.values() if other is not origin for each in other.objects]
        return any(each is also for each in origin.objects for also in others)


def _is_read(effect: Effect | Trips) -> bool:
    """Whether the host reads what is said: a list that grows takes an array as it is."""
    if effect.when is not None:
        return True
    if isinstance(effect, Trips):
        return isinstance(effect.count, jax.Array) or any(map(_is_read, effect.effects))
    grows = effect.function is list.append or effect.function is list.extend
    return any(_is_read_of(value, not grows) for value in jax.tree.leaves([effect.args, effect.kwargs]))


def _is_read_of(value: Any, shown: bool) -> bool:
    if symbols.is_sym(value):
        return _on_device(value)
    return not value.raw if type(value) is Row else shown and isinstance(value, jax.Array)


def _on_device(sym: Any) -> bool:
    """Whether a host value is made of what the program computes."""
    # To ask for what a NumPy array holds by now is to read it, which a large one that was written to cannot be.
    return symbols.on_device(sym._jx_expr if sym._jx_kind is np.ndarray else symbols.expr_of(sym))


def is_awaited(trace: Any, values: Iterable[Any], effects: Iterable[Effect | Trips]) -> bool:
    """Whether commit reads what the program computes: Python's numbers, texts, NumPy's arrays, what is said.

    Args:
        trace: the trace.
        values: what leaves it: the result, and the changes.
        effects: held effects.
    """
    if any(map(_is_read, effects)):
        return True
    pending = list(values)
    seen: dict[int, Any] = {}
    while pending:
        value = pending.pop()
        if isinstance(value, Change):
            pending += [value.after[step] for step in value.changed]
        elif id(value) in seen:
            continue
        elif symbols.is_sym(value):
            if _on_device(value):
                return True
        elif isinstance(value, jax.Array):
            if id(value) in trace.variants.soft or id(value) in trace.variants.turned:
                return True
        elif id(value) not in trace.shadow.by_shadow:
            category = policy.category(value)
            if isinstance(category, kinds.Kind):
                seen[id(value)] = value
                pending += [item for _, item in category.fields(value)]
    return False
