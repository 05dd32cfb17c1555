"""What guards and gather cost a guarded value.

Measured from outside, so that it holds whatever the generated code looks like. The same program is run with ever more
guarded values of one kind, and the slope of the time of a call over their number is the cost of one:

- *layers*: objects as models have them, with two arrays, a number and a word each. The arrays add inputs to the
  compiled program, so the slope of ``jax.jit`` on a flat list of the same arrays is taken off; what is left is guards
  and gather. The bar is for these.
- *scalars*, *lists*, *arrays*: what one kind of value costs at worst, when every object holds a single one: a Python
  number, a list of three numbers, an array. Numbers add nothing to the compiled program (a constant is folded).

A guarded value is what ``janusx.explain`` lists as one: an object (its class and which fields it has), a list (its
class and its length), a number, a word, an array. What it costs for each value that is read, with the objects on the
way to it, is given beside that; it is a multiple. Where the library reports its own time for guards and gather, that
is shown beside it.
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
SIZES = {"layers": (5, 100), "scalars": (10, 200), "lists": (10, 200), "arrays": (10, 200)}  # 10 and 200 arrays
ELEMENTS = 3


class Box:
    """A place for a value; one class for all, as layers of one kind are."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Layer:
    """A layer, as models have them."""

    def __init__(self, weight: jax.Array) -> None:
        self.weight = weight
        self.bias = jnp.zeros(())
        self.rate = 0.5
        self.activation = "tanh"


class Model:
    """A list of boxes, as a model is a list of layers."""

    def __init__(self, values: Sequence[Any], made_of: type = Box) -> None:
        self.boxes = [made_of(value) for value in values]


def layers(model: Model, x: jax.Array) -> jax.Array:
    """Reads two arrays, a number and a word a layer."""
    for layer in model.boxes:
        x = x * layer.weight + layer.bias
        if layer.activation == "tanh":
            x = x * layer.rate
    return x


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


def flat_layers(leaves: list[jax.Array], x: jax.Array) -> jax.Array:
    """The layers on a flat list, for ``jax.jit``."""
    for weight, bias in zip(leaves[::2], leaves[1::2], strict=True):
        x = (x * weight + bias) * 0.5
    return x


def values(kind: str, size: int) -> list[Any]:
    """Values of one kind for a model."""
    if kind == "scalars":
        return [0.5 * number for number in range(size)]
    if kind == "lists":
        return [[0.5 * number, 1.0, 2.0] for number in range(size)]
    return [jnp.full((), 0.5 * number) for number in range(size)]


def model_of(kind: str, size: int) -> Model:
    """A model of one kind and size."""
    return Model(values(kind, size), Layer if kind == "layers" else Box)


def leaves_of(kind: str, size: int) -> list[jax.Array]:
    """The arrays of such a model."""
    if kind == "arrays":
        return values(kind, size)
    return [leaf for layer in model_of(kind, size).boxes for leaf in (layer.weight, layer.bias)]


GUARDED = {"layers": 5, "scalars": 2, "lists": 2 + ELEMENTS, "arrays": 2}
"""Guarded values a member of a model: the object, the list in it, numbers, words and arrays."""

READ = {"layers": 4, "scalars": 1, "lists": ELEMENTS, "arrays": 1}
"""Of them what the program reads: numbers, words and arrays."""

FLAT = {"layers": flat_layers, "arrays": flat}
"""The programs whose arrays are inputs, as written for ``jax.jit``."""


def _running(call: Callable[[Any, jax.Array], jax.Array], state: Any) -> Running:
    x = jnp.zeros(())
    last: list[Any] = [None]

    def step() -> object:
        last[0] = call(state, x)
        return last[0]

    return Running(step, lambda: last[0], rung(call))


PROGRAMS: dict[str, Callable[[Model, jax.Array], jax.Array]] = {
    "layers": layers,
    "scalars": scalars,
    "lists": lists,
    "arrays": arrays,
}


def columns() -> tuple[Column, ...]:
    """All ways to run the programs: each kind and size converted, and on flat leaves by ``jax.jit``."""
    found = []
    for kind, program in PROGRAMS.items():
        for size in SIZES[kind]:
            made = _maker(program, kind, size)
            found.append(Column(f"{kind} {size}", made))
            if kind in FLAT:
                found.append(Column(f"{kind}, jit {size}", _maker_flat(kind, size)))
    return tuple(found)


def _maker(program: Callable[[Model, jax.Array], jax.Array], kind: str, size: int) -> Callable[[], Running]:
    return lambda: _running(convert(program), model_of(kind, size))


def _maker_flat(kind: str, size: int) -> Callable[[], Running]:
    return lambda: _running(jax.jit(FLAT[kind]), leaves_of(kind, size))


def nanoseconds(measured: Measured, kind: str) -> list[float]:
    """Cost of one more guarded value, in every round."""
    few, many = SIZES[kind]
    more = GUARDED[kind] * (many - few)
    slopes = measured.paired(f"{kind} {many}", f"{kind} {few}", lambda one, other: (one - other) / more * 1e9)
    if kind not in FLAT:
        return slopes
    theirs = measured.paired(f"{kind}, jit {many}", f"{kind}, jit {few}", lambda one, other: (one - other) / more * 1e9)
    return [ours - base for ours, base in zip(slopes, theirs, strict=False)]


def own_timings(kind: str) -> dict[str, Any]:
    """What a converted function says of the time and the number of its guards."""
    converted = convert(PROGRAMS[kind])
    running = _running(converted, model_of(kind, SIZES[kind][1]))
    for _ in range(50):
        running.step()
    found = explanation(converted)
    return {"timings": found.get("timings")}


def run(options: Options) -> Result:
    """Measures the program."""
    if not options.wants("janusx"):
        return Result("guards", TITLE, bars=(bar("nanoseconds a guarded value of layers", "<=", LIMIT, None, "ns"),))
    measured = measure(columns(), Options((), options.rounds, options.block_seconds, options.warmup))
    found = {kind: nanoseconds(measured, kind) for kind in PROGRAMS}
    costs = {kind: spread(slopes) for kind, slopes in found.items() if slopes}
    figures: dict[str, Any] = {
        "nanoseconds a guarded value": costs,
        "nanoseconds a value read": {kind: cost.median * GUARDED[kind] / READ[kind] for kind, cost in costs.items()},
    }
    errors = dict(measured.errors)
    for kind in costs:
        try:
            figures[f"own timings, {SIZES[kind][1]} {kind}"] = own_timings(kind)
        except Exception as error:
            errors[f"own timings, {kind}"] = reason(error)
    return Result(
        "guards",
        TITLE,
        measured.seconds(),
        bars=(
            bar(
                "nanoseconds a guarded value of layers",
                "<=",
                LIMIT,
                costs["layers"].median if "layers" in costs else None,
                "ns",
            ),
        ),
        figures=figures,
        errors=errors,
        method="slope of the time of a call between few and many objects, a round at a time, median; with arrays less "
        "the slope of jax.jit on a flat list of them",
    )
