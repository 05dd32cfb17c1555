"""Host guards are complete by construction: whatever is reachable is changed from outside, one thing at a time.

Each change is made to a settled program; the calls after it answer like plain Python.
"""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from tests.conformance.harness import Scenario, Step, Subject, World, call, change, check, fresh_module
from tests.conformance.places import Variation, places, variations

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])

PROGRAM = """
import dataclasses
import jax.numpy as jnp
import numpy as np

SCALE = 2.0
TABLE = {"low": -5.0, "high": 5.0}
EXTRA = None


@dataclasses.dataclass(frozen=True)
class Config:
    power: int = 2
    act: str = "relu"


class Layer:
    gain = 1.5

    def __init__(self, k):
        self.w = jnp.full((3,), k)
        self.active = True

    @property
    def doubled(self):
        return self.w * 2

    @staticmethod
    def shift(x):
        return x + 0.5

    def apply(self, x):
        if not self.active:
            return x
        return self.shift(x * self.doubled) * self.gain


class Deep(Layer):
    def apply(self, x):
        return super().apply(x) - self.gain


def act(x, kind, slope=0.25):
    if kind == "relu":
        return jnp.where(x > 0, x, slope * x)
    return jnp.tanh(x)


class Model:
    def __init__(self):
        self.layers = [Layer(1.0), Deep(2.0)]
        self.config = Config()
        self.rate = 0.1
        self.count = 0
        self.offsets = np.array([1.0, 2.0])
        self.mask = None
        self.pair = (1, 2.5)
        self.named = {"a": jnp.ones(3), "b": {"c": 0.5}}


def make():
    model = Model()
    weight = jnp.ones(3)
    trim = [0.5, 0.25]

    def step(x, k=1.0, *, bias=0.0):
        model.count += 1
        for layer in model.layers:
            x = act(layer.apply(x), model.config.act)
        if model.mask is not None:
            x = x * model.mask
        if x.sum() > 0:
            x = x + SCALE
        x = jnp.clip(x, TABLE["low"], TABLE["high"]) ** model.config.power
        for value in model.named["b"].values():
            x = x * value + model.named["a"]
        if EXTRA is not None:
            x = x + EXTRA
        x = x * weight * sum(trim) + model.pair[0] * model.pair[1] + float(model.offsets.sum())
        return x * k * model.rate + bias, model.count

    return step
"""


def make_world() -> World:
    module = fresh_module(PROGRAM)
    return World(module=module, step=module.make())


def all_variations() -> list[Variation]:
    root = make_world().step
    return [one for place, value in places(root) for one in variations(place, value)]


def test_the_walk_finds_every_kind_of_place() -> None:
    found = {place.steps[-1].kind for place, _ in places(make_world().step)}
    assert found >= {"cell", "global", "attribute", "item", "default", "keyword default", "class"}
    names = {str(place) for place, _ in places(make_world().step)}
    assert {"cell model.layers[1].w", "global SCALE", "cell model.layers[0] class Layer.gain", "default 0"} <= names


@pytest.mark.parametrize("variation", all_variations(), ids=str)
def test_a_change_from_outside_is_seen_by_the_next_call(variation: Variation, subject: Subject) -> None:
    steps: tuple[Step, ...] = (
        *(call("step", UP) for _ in range(5)),
        change(lambda w: variation.apply(w.step)),
        call("step", UP),
        call("step", DOWN),
    )
    check(Scenario(str(variation), make_world, steps, converted=("step",)), subject)
