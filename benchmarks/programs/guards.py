"""What guards and gather cost a guarded value.

Measured from outside, so that it holds whatever the generated code looks like. The same program is run with ever more
guarded values of one kind, and the slope of the time of a call over their number is the cost of one:

- *scalars*: Python numbers in attributes of nested objects, used and never changed. They add nothing to the compiled
  program (a constant is folded), so their slope is the cost of the guards alone.
- *lists*: the same with three Python numbers each in a list.
- *arrays*: array leaves in attributes of nested objects. They add inputs to the compiled program, so the slope of
  ``jax.jit`` on a flat list of the same arrays is taken off; what is left is guards and gather.

A guarded value is what ``janusx.explain`` lists as one: an object (its class and which fields it has), a list (its
class and its length), a number, an array. What it costs for each number or array that is read, with the objects on
the way to it, is given beside that; it is a multiple. The bar holds for each kind. Where the library reports its own
time for guards and gather, that is shown beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.columns import convert, explanation, rung
from benchmarks.harness import Column, Measured, Options, Result, Running, bar, measure, reason, spread

TITLE = "Guards and gather, a guarded value"
LIMIT = 40.0  # nanoseconds a value
SIZES = (10, 200)
ELEMENTS = 3


class Box:
    """A place for a value; one class for all, as layers of one kind are."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Model:
    """A list of boxes, as a model is a list of layers."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.boxes = [Box(value) for value in values]


def scalars(model: Model, x: jax.Array) -> jax.Array:
    """Reads one Python number a box."""
    total = 0.0
    for box in model.boxes:
        total += box.value
    return x + total


def lists(model: Model, x: jax.Array) -> jax.Array:
    """Reads a list of Python numbers a box."""
    total = 0.0
    for box in model.boxes:
        for number in box.value:
            total += number
    return x + total


def arrays(model: Model, x: jax.Array) -> jax.Array:
    """Reads one array a box."""
    for box in model.boxes:
        x = x + box.value
    return x


def flat(leaves: list[jax.Array], x: jax.Array) -> jax.Array:
    """The same on a flat list, for ``jax.jit``."""
    for leaf in leaves:
        x = x + leaf
    return x


def values(kind: str, size: int) -> list[Any]:
    """Values of one kind for a model."""
    if kind == "scalars":
        return [0.5 * number for number in range(size)]
    if kind == "lists":
        return [[0.5 * number, 1.0, 2.0] for number in range(size)]
    return [jnp.full((), 0.5 * number) for number in range(size)]


def guarded(kind: str, size: int) -> int:
    """How many guarded values a model of that size has: boxes, inner lists, numbers and arrays."""
    return size * (2 + ELEMENTS) if kind == "lists" else size * 2


def _running(call: Callable[[Any, jax.Array], jax.Array], state: Any) -> Running:
    x = jnp.zeros(())
    last: list[Any] = [None]

    def step() -> object:
        last[0] = call(state, x)
        return last[0]

    return Running(step, lambda: last[0], rung(call))


PROGRAMS: dict[str, Callable[[Model, jax.Array], jax.Array]] = {"scalars": scalars, "lists": lists, "arrays": arrays}


def columns() -> tuple[Column, ...]:
    """All ways to run the programs: each kind and size converted, the arrays also by ``jax.jit`` on flat leaves."""
    found = []
    for kind, program in PROGRAMS.items():
        for size in SIZES:
            made = _maker(program, kind, size)
            found.append(Column(f"{kind} {size}", made))
    for size in SIZES:
        found.append(Column(f"jit {size}", lambda size=size: _running(jax.jit(flat), values("arrays", size))))  # type: ignore[misc]
    return tuple(found)


def _maker(program: Callable[[Model, jax.Array], jax.Array], kind: str, size: int) -> Callable[[], Running]:
    return lambda: _running(convert(program), Model(values(kind, size)))


def nanoseconds(measured: Measured, kind: str) -> list[float]:
    """Cost of one more guarded value, in every round."""
    few, many = SIZES
    more = guarded(kind, many) - guarded(kind, few)
    slopes = measured.paired(f"{kind} {many}", f"{kind} {few}", lambda one, other: (one - other) / more * 1e9)
    if kind != "arrays":
        return slopes
    theirs = measured.paired(f"jit {many}", f"jit {few}", lambda one, other: (one - other) / more * 1e9)
    return [ours - base for ours, base in zip(slopes, theirs, strict=False)]


def own_timings(kind: str) -> dict[str, Any]:
    """What a converted function says of the time and the number of its guards."""
    converted = convert(PROGRAMS[kind])
    running = _running(converted, Model(values(kind, SIZES[1])))
    for _ in range(50):
        running.step()
    found = explanation(converted)
    return {"timings": found.get("timings")}


def run(options: Options) -> Result:
    """Measures the program."""
    if not options.wants("janusx"):
        return Result("guards", TITLE, bars=(bar("nanoseconds a guarded value", "<=", LIMIT, None, "ns"),))
    measured = measure(columns(), Options((), options.rounds, options.block_seconds, options.warmup))
    found = {kind: nanoseconds(measured, kind) for kind in PROGRAMS}
    costs = {kind: spread(slopes) for kind, slopes in found.items() if slopes}
    read = {"scalars": 2.0, "lists": (2 + ELEMENTS) / ELEMENTS, "arrays": 2.0}
    figures: dict[str, Any] = {
        "nanoseconds a guarded value": costs,
        "nanoseconds a number or array read": {kind: cost.median * read[kind] for kind, cost in costs.items()},
    }
    errors = dict(measured.errors)
    for kind in costs:
        try:
            figures[f"own timings, {SIZES[1]} {kind}"] = own_timings(kind)
        except Exception as error:
            errors[f"own timings, {kind}"] = reason(error)
    return Result(
        "guards",
        TITLE,
        measured.seconds(),
        bars=tuple(
            bar(
                f"nanoseconds a guarded value, {kind}", "<=", LIMIT, costs[kind].median if kind in costs else None, "ns"
            )
            for kind in PROGRAMS
        ),
        figures=figures,
        errors=errors,
        method=f"slope of the time of a call between {SIZES[0]} and {SIZES[1]} values, a round at a time, median; for "
        "arrays less the slope of jax.jit on a flat list of them",
    )
