"""Host guards are complete by construction: whatever is reachable is changed from outside, one thing at a time.

Each change is made to a settled program; the calls after it answer like plain Python.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import pytest

from tests.conformance.harness import Scenario, Step, Subject, World, call, change, check, fresh_module
from tests.conformance.places import Variation, places, variations
from tests.conformance.walk import Tolerance

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])

PLAIN_CLASSES = """
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


CONTAINERS = """
import collections
import enum
import functools
import jax.numpy as jnp
import types

Point = collections.namedtuple("Point", "x y")
HOOKS = [lambda x: x + 1]


class Mode(enum.Enum):
    ADD = 1
    SUB = 2


class Slotted:
    __slots__ = ("scale", "shift", "inner")

    def __init__(self, scale, shift, inner=None):
        self.scale, self.shift, self.inner = scale, shift, inner

    def __call__(self, x):
        return x * self.scale + self.shift


class Meta(type):
    strength = 2.0


class Strong(metaclass=Meta):
    @classmethod
    def apply(cls, x):
        return x * cls.strength

    def __getattr__(self, name):
        return 3.0


def scaled(x, by, *, plus=0.0):
    return x * by + plus


def remember(x, seen=[1.0, 2.0]):
    return x * len(seen) + seen[0]


def make():
    slotted = Slotted(2.0, jnp.ones(3), Slotted(1.0, 0.5))
    point = Point(1.5, jnp.array([0.5, 1.0, 2.0]))
    window = collections.deque([1.0, 2.0, 3.0], maxlen=5)
    counts = collections.defaultdict(float, a=1.0, b=2.0)
    tags = {"fast", "warm"}
    mode = Mode.ADD
    strong = Strong()
    tools = types.SimpleNamespace(act=jnp.tanh, by=functools.partial(scaled, by=2.0, plus=1.0))
    total = 0.0
    pair = [jnp.ones(3), jnp.ones(3)]

    def inner(x):
        return x + point.x * point.y

    def step(x):
        nonlocal total
        total += 1.0
        x = inner(slotted(x)) + slotted.inner(x)
        x = x * sum(window) + counts["a"] * len(counts)
        if "fast" in tags:
            x = x / 2
        x = x + 1 if mode is Mode.ADD else x - 1
        x = tools.by(tools.act(x)) + remember(x) + Strong.apply(x) + strong.missing
        for hook in HOOKS:
            x = hook(x)
        if pair[0] is pair[1]:
            x = x * 100
        return x * total + pair[0] * pair[1]

    return step
"""

LIBRARIES = """
import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.act = jnp.tanh
        self.gain = 1.5
        self.calls = nnx.Variable(jnp.zeros(()))

    def __call__(self, x):
        self.calls[...] = self.calls[...] + 1
        return self.norm(self.act(self.first(x))).sum(axis=1) * self.gain


def make():
    net = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(net, optax.sgd(0.01, momentum=0.9), wrt=nnx.Param)

    def step(x):
        def loss_of(net):
            return ((net(jnp.stack([x, x * 2, x - 1]) * 0.1) - 1.0) ** 2).mean()

        loss, grads = nnx.value_and_grad(loss_of)(net)
        optimizer.update(net, grads)
        return loss

    return step
"""

CUT = """
import jax.numpy as jnp
import time

LIMIT = 2.0


class Trainer:
    def __init__(self):
        self.w, self.rate, self.log, self.flag = jnp.ones(3), 0.5, [0.0], True
        self.parts = {"a": jnp.zeros(3), "n": 1}


def scale(x, by=2.0):
    return jnp.tanh(x * by)


def make():
    trainer = Trainer()

    def step(x):
        y = scale(x @ trainer.w * x) * trainer.rate
        trainer.parts["n"] += 1
        started = time.perf_counter()
        trainer.w = trainer.w + y if trainer.flag else trainer.w - y
        trainer.log.append(float(y.sum()))
        for value in (1.0, LIMIT):
            trainer.parts["a"] = trainer.parts["a"] * value + jnp.cos(y)
        assert time.perf_counter() >= started
        return trainer.w + trainer.parts["a"] * trainer.parts["n"]

    return step
"""

PROGRAMS = {"classes": PLAIN_CLASSES, "containers": CONTAINERS, "libraries": LIBRARIES, "cut": CUT}


def world_of(program: str) -> Callable[[], World]:
    def make() -> World:
        module = fresh_module(PROGRAMS[program])
        return World(module=module, step=module.make())

    return make


def make_world() -> World:
    return world_of("classes")()


def all_variations(program: str) -> list[Variation]:
    root = world_of(program)().step
    return [one for place, value in places(root) for one in variations(place, value)]


CASES = [pytest.param(program, one, id=f"{program}: {one}") for program in PROGRAMS for one in all_variations(program)]


def test_the_walk_finds_every_kind_of_place() -> None:
    found = {place.steps[-1].kind for place, _ in places(make_world().step)}
    assert found >= {"cell", "global", "attribute", "item", "default", "keyword default", "class"}
    names = {str(place) for place, _ in places(make_world().step)}
    assert {"cell model.layers[1].w", "global SCALE", "cell model.layers[0] class Layer.gain", "default 0"} <= names


def test_the_walk_enters_slots_sets_queues_partials_and_the_libraries_own_objects() -> None:
    names = {str(place) for place, _ in places(world_of("containers")().step)}
    assert {
        "cell slotted.inner.scale",
        "cell inner cell point[0]",
        "cell window[2]",
        "cell tools.by function keywords['by']",
    } <= names
    assert {"cell counts['a']", "global Strong.apply function __func__", "cell pair[1]"} <= names
    names = {str(place) for place, _ in places(world_of("libraries")().step)}
    assert {"cell net.first.kernel", "cell net.norm.mean", "cell net.gain", "cell optimizer.step"} <= names


@pytest.mark.filterwarnings("ignore::janusx.errors.EagerWarning")
@pytest.mark.parametrize(("program", "variation"), CASES)
def test_a_change_from_outside_is_seen_by_the_next_call(program: str, variation: Variation, subject: Subject) -> None:
    steps: tuple[Step, ...] = (
        *(call("step", UP) for _ in range(5)),
        change(lambda w: variation.apply(w.step)),
        call("step", UP),
        call("step", DOWN),
    )
    tolerance = Tolerance(relative=1e-3, absolute=1e-4) if program == "libraries" else Tolerance()  # it trains
    check(Scenario(str(variation), world_of(program), steps, converted=("step",), tolerance=tolerance), subject)
