"""Objects alike are checked and written in loops; what only one of them has is seen all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from tests.conformance.harness import Scenario, Step, Subject, World, call, change, check, fresh_module
from tests.conformance.places import Variation, places, variations
from tests.conformance.walk import unwrapped

UP = jnp.array([1.0, 2.0, 3.0])

PROGRAM = """
import jax.numpy as jnp


class Shared:
    def __init__(self):
        self.scale = 2.0


class Cell:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Layer:
    def __init__(self, k, shared):
        self.w = jnp.full((3,), k)
        self.slot = Cell(jnp.ones(3))
        self.bias = [0.0, k]
        self.flags = {"on": True, "power": 1}
        self.shared = shared
        self.seen = 0

    def __call__(self, x):
        self.seen += 1
        self.slot.value = self.slot.value * 0.5 + x
        if self.flags["on"]:
            x = x * self.w ** self.flags["power"] + self.bias[0] - self.bias[1]
        for key in self.flags:
            x = x + len(key)
        return x * self.shared.scale + self.slot.value


class Model:
    def __init__(self):
        shared = Shared()
        self.layers = [Layer(0.5 * (k + 1), shared) for k in range(5)]
        self.state = {k: {"m": jnp.zeros(3), "n": jnp.full(3, k + 1.0)} for k in range(4)}

    def step(self, x):
        for layer in self.layers:
            x = layer(x)
        for moments in self.state.values():
            moments["m"] = moments["m"] * 0.9 + x
            x = x + moments["m"] * moments["n"]
        return x, [layer.seen for layer in self.layers]


def make():
    model = Model()

    def step(x):
        return model.step(x)

    return step
"""


def make_world() -> World:
    module = fresh_module(PROGRAM)
    return World(module=module, step=module.make())


def all_variations() -> list[Variation]:
    """Of the first member, of one in the middle, and of what all of them share."""
    found = [(place, value) for place, value in places(make_world().step) if wanted(str(place))]
    return [one for place, value in found for one in variations(place, value)]


def wanted(place: str) -> bool:
    member = any(text in place for text in ("layers[0]", "layers[2]", "state[0]", "state[2]", "layers.", ".shared"))
    return "model" in place and (member or not any(f"[{index}]" in place for index in range(4)))


def run(changed: Callable[[World], object], subject: Subject) -> None:
    steps: tuple[Step, ...] = (
        *(call("step", UP) for _ in range(4)),
        change(changed),
        call("step", UP),
        call("step", UP),
    )
    check(Scenario("alike", make_world, steps, converted=("step",)), subject)


@pytest.mark.parametrize("variation", all_variations(), ids=str)
def test_a_change_of_one_of_many_is_seen_by_the_next_call(variation: Variation, subject: Subject) -> None:
    run(lambda w: variation.apply(w.step), subject)


def model(world: World) -> Any:
    return unwrapped(world.step).__closure__[0].cell_contents


CHANGES: dict[str, Callable[[Any], object]] = {
    "two members are one": lambda m: m.layers.__setitem__(2, m.layers[1]),
    "members change places": lambda m: m.layers.reverse(),
    "what two members hold is one": lambda m: setattr(m.layers[3], "slot", m.layers[0].slot),
    "a flag is 1, not True": lambda m: m.layers[1].flags.__setitem__("on", 1),
    "a number is True, not 1": lambda m: m.layers[1].flags.__setitem__("power", True),
    "a zero has a sign": lambda m: m.layers[2].bias.__setitem__(0, -0.0),
    "keys have another order": lambda m: m.layers[2].flags.__setitem__("on", m.layers[2].flags.pop("on")),
    "a member shares no more": lambda m: setattr(m.layers[3], "shared", type(m.layers[3].shared)()),
    "the first member shares no more": lambda m: setattr(m.layers[0], "shared", type(m.layers[3].shared)()),
    "a key has another type": lambda m: m.state.__setitem__(True, m.state.pop(1)),
    "an attribute more": lambda m: setattr(m.layers[1], "extra", 1),
    "an array more": lambda m: m.state[3].__setitem__("o", jnp.ones(3)),
    "a counter is a float": lambda m: setattr(m.layers[2], "seen", 7.0),
    "a counter is set": lambda m: setattr(m.layers[2], "seen", 7),
    "a member more": lambda m: m.layers.append(type(m.layers[0])(0.25, m.layers[0].shared)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_only_one_of_many_has_is_seen(name: str, subject: Subject) -> None:
    run(lambda world: CHANGES[name](model(world)), subject)


def made() -> tuple[Any, Any]:
    world = make_world()
    return world, janusx.convert(world.step)


def test_objects_alike_are_checked_in_one_loop_and_written_in_one() -> None:
    _, step = made()
    for _ in range(4):
        step(UP)
    entry = step._record.entries[0]
    assert janusx.stats(step).last_call == "compiled"
    assert entry.info.gather_source.count("alike") == 2
    assert entry.info.gather_source.count("type(o") < 30
    assert "each(map(" in entry.info.commit_source
    assert "for o" in entry.info.commit_source


def test_a_write_that_fails_midway_undoes_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world, step = made()
    for _ in range(4):
        step(UP)
    layers = model(world).layers
    before = [(layer.seen, layer.slot.value) for layer in layers]

    def each(written: Any) -> None:
        next(written)
        next(written)
        raise MemoryError

    monkeypatch.setitem(step._record.entries[0].commit.__globals__, "each", each)
    with pytest.raises(MemoryError):
        step(UP)
    now = [(layer.seen, layer.slot.value) for layer in layers]
    assert all(a == c and b is d for (a, b), (c, d) in zip(before, now, strict=True))


def same_arrays(model: Any, x: jax.Array) -> tuple[jax.Array, bool]:
    first, second = model.slot.value, model.w
    return x + first, first is second


def test_two_arrays_of_the_state_that_become_one_are_seen() -> None:
    step = janusx.convert(same_arrays)
    layer = make_world().module.Layer(1.0, None)
    assert [step(layer, UP)[1] for _ in range(3)] == [False, False, False]
    layer.w = layer.slot.value
    assert janusx.stats(step).entries == 1
    step(layer, UP)
    assert janusx.stats(step).entries == 2 or janusx.stats(step).last_call == "eager"


def test_a_library_objects_metadata_that_is_equal_but_of_another_type_is_seen() -> None:
    nnx = pytest.importorskip("flax.nnx")

    def forward(layers: Any, x: jax.Array) -> jax.Array:
        for layer in layers:
            x = layer(x)
        return x

    layers = [nnx.Linear(3, 3, rngs=nnx.Rngs(k)) for k in range(4)]
    step = janusx.convert(forward)
    for _ in range(3):
        step(layers, UP)
    assert janusx.stats(step).entries == 1
    metadata = layers[2].kernel._var_metadata
    assert metadata["eager_sharding"] is True
    metadata["eager_sharding"] = 1
    assert jnp.array_equal(step(layers, UP), forward(layers, UP))
    assert janusx.stats(step).entries == 2
