# mypy: ignore-errors
# pyright: reportAttributeAccessIssue=false, reportPossiblyUnboundVariable=false, reportUnboundVariable=false
# pyright: reportOperatorIssue=false, reportUndefinedVariable=false
"""Changes from outside between two calls: the next call answers like plain Python."""

from __future__ import annotations

import copy
import types

import jax
import jax.numpy as jnp

from tests.conformance.harness import World, call, change, fresh_module, of, scenario, settled, steady

UP = jnp.array([1.0, 2.0, 3.0])
DOWN = jnp.array([-1.0, -2.0, -3.0])


def _model_world():
    class Layer:
        def __init__(self, scale):
            self.w = jnp.full((3,), scale)
            self.active = True

        def apply(self, x):
            return jnp.tanh(x * self.w) if self.active else x

    class Model:
        bias = 0.5

        def __init__(self):
            self.layers = [Layer(1.0), Layer(2.0)]
            self.rate = 0.1
            self.hooks = {}
            self.norm = None

        @property
        def doubled(self):
            return self.rate * 2

        def step(self, x):
            for layer in self.layers:
                x = layer.apply(x)
            for name, hook in self.hooks.items():
                x = hook(x)
            if self.norm is not None:
                x = x / self.norm
            if x.sum() > 0:
                x = x + self.bias
            self.last = x
            return x * self.doubled

    return World(Model=Model, Layer=Layer, model=Model(), other=Model())


_changes = {
    "a rate": lambda w: setattr(w.model, "rate", 0.3),
    "a rate, to another type": lambda w: setattr(w.model, "rate", 1),
    "a rate, to an array": lambda w: setattr(w.model, "rate", jnp.array(0.5)),
    "an array": lambda w: setattr(w.model.layers[0], "w", DOWN),
    "an array's dtype": lambda w: setattr(w.model.layers[0], "w", jnp.ones(3, jnp.int32)),
    "an array's shape": lambda w: setattr(w.model.layers[0], "w", jnp.array(2.0)),
    "a flag": lambda w: setattr(w.model.layers[1], "active", False),
    "a list that grew": lambda w: w.model.layers.append(w.Layer(3.0)),
    "a list that shrank": lambda w: w.model.layers.pop(),
    "a list in another order": lambda w: w.model.layers.reverse(),
    "a list replaced by a tuple": lambda w: setattr(w.model, "layers", tuple(w.model.layers)),
    "an alias introduced": lambda w: w.model.layers.__setitem__(1, w.model.layers[0]),
    "a None replaced": lambda w: setattr(w.model, "norm", 2.0),
    "a hook added": lambda w: w.model.hooks.update(a=lambda x: x + 1),
    "a class attribute": lambda w: setattr(w.Model, "bias", 1.5),
    "an attribute that hides the class's": lambda w: setattr(w.model, "bias", 2.5),
    "a method on the class": lambda w: setattr(w.Layer, "apply", lambda self, x: x - self.w),
    "a method on the instance": lambda w: setattr(w.model.layers[0], "apply", lambda x: x * 10),
    "a property of the class": lambda w: setattr(w.Model, "doubled", property(lambda self: self.rate * 3)),
    "an object swapped": lambda w: setattr(w.model, "layers", [w.Layer(5.0), w.Layer(6.0)]),
    "the class of an object": lambda w: setattr(
        w.model.layers[0], "__class__", type("Other", (w.Layer,), {"apply": lambda self, x: x * 0})
    ),
    "an attribute deleted": lambda w: delattr(w.model, "rate"),
    "the method of the program itself called on another instance": lambda w: setattr(w, "model", w.other),
}

for _number, (_name, _change) in enumerate(_changes.items()):
    globals()[f"change_{_number}"] = scenario(
        f"from outside: {_name}",
        *settled(call("model.step", UP), "compiled"),
        change(_change),
        call("model.step", UP),
        call("model.step", DOWN),
        call("model.step", UP),
        converted=("Model.step",),
    )(_model_world)


_MODULE = """
import jax.numpy as jnp

SCALE = 2.0
LIMITS = {"low": -5.0, "high": 5.0}
table = [1.0, 2.0]

class cfg:
    factor = 1.5

def clip(x):
    return jnp.clip(x, LIMITS["low"], LIMITS["high"])

def f(x, k=1.0, *, shift=0.0):
    return clip(x * SCALE * cfg.factor) * k + shift + sum(table) * abs(-1)
"""


def _module_world():
    return World(module=fresh_module(_MODULE))


_module_changes = {
    "a global number": lambda w: setattr(w.module, "SCALE", 3.0),
    "a global dict": lambda w: w.module.LIMITS.update(high=1.0),
    "a global dict rebound": lambda w: setattr(w.module, "LIMITS", {"low": 0.0, "high": 2.0}),
    "a global list": lambda w: w.module.table.append(4.0),
    "a global class's attribute": lambda w: setattr(w.module.cfg, "factor", -1.0),
    "a global function": lambda w: setattr(w.module, "clip", lambda x: x * 7),
    "the defaults": lambda w: setattr(_function(w.module.f), "__defaults__", (2.0,)),
    "the keyword defaults": lambda w: _function(w.module.f).__kwdefaults__.update(shift=9.0),
    "a global module": lambda w: setattr(w.module, "jnp", types.SimpleNamespace(clip=lambda x, a, b: x + a + b)),
    "a global that hides a builtin": lambda w: setattr(w.module, "abs", lambda v: 100.0),
    "the code of a callee": lambda w: setattr(_function(w.module.clip), "__code__", (lambda x: x + 3).__code__),
    "a global deleted": lambda w: delattr(w.module, "SCALE"),
}


def _function(value):
    return getattr(value, "__wrapped__", value)


for _number, (_name, _change) in enumerate(_module_changes.items()):
    globals()[f"module_change_{_number}"] = scenario(
        f"in the module: {_name}",
        *settled(call("module.f", UP), "compiled"),
        change(_change),
        call("module.f", UP),
        call("module.f", DOWN),
        converted=("module.f",),
    )(_module_world)


@scenario(
    "a closure cell is changed from outside",
    settled(call("f", UP), "compiled"),
    call("set", 5.0, converted="f"),
    call("f", UP),
    call("set", UP, converted="f"),
    call("f", UP),
    call("set", "text", converted="f"),
    call("f", UP),
)
def closure_cell():
    k = 2.0

    def f(x):
        return x * (len(k) if isinstance(k, str) else k)

    def set(value):
        nonlocal k
        k = value

    return World(f=f, set=set)


@scenario(
    "a module's attribute, of a module the program reads through",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w.settings, "scale", 9.0)),
    call("f", UP),
    change(lambda w: setattr(w.settings, "act", jnp.sin)),
    call("f", UP),
    change(lambda w: setattr(w.settings, "scale", jnp.array(2.0))),
    call("f", UP),
)
def module_attribute():
    settings = fresh_module("import jax.numpy as jnp\nscale = 2.0\nact = jnp.tanh\n")

    def f(x):
        return settings.act(x) * settings.scale

    return World(f=f, settings=settings)


@scenario(
    "going back to what was, finds the entry of then",
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w, "mode", "b")),
    settled(call("f", UP), "compiled"),
    change(lambda w: setattr(w, "mode", "a")),
    call("f", UP, rung="compiled"),
    change(lambda w: setattr(w, "mode", "b")),
    call("f", UP, rung="compiled"),
)
def there_and_back():
    w = World(mode="a")

    def f(x):
        return x * 2 if w.mode == "a" else x - 2

    w.f = f
    return w


@scenario(
    "more structures than the limit of entries",
    *(call("f", jnp.ones(n)) for n in range(1, 8)),
    *(call("f", jnp.ones(n)) for n in range(1, 8)),
    options={"recompile_limit": 3},
)
def over_the_limit():
    def f(x):
        return x * 2 + x.shape[0]

    return World(f=f)


@scenario(
    "two instances share a program, and each keeps its own state",
    settled(call("f", of(lambda w: w.a), UP), "compiled"),
    call("f", of(lambda w: w.b), UP, rung="compiled"),
    call("f", of(lambda w: w.a), DOWN, rung="compiled"),
    change(lambda w: setattr(w.b, "w", jnp.ones((2, 3)))),
    call("f", of(lambda w: w.b), UP),
    call("f", of(lambda w: w.a), UP, rung="compiled"),
)
def two_instances():
    class Model:
        def __init__(self):
            self.w, self.n = jnp.zeros(3), 0

    def f(model, x):
        model.n += 1
        model.w = model.w + x
        return model.w * model.n

    return World(f=f, a=Model(), b=Model())


@scenario(
    "a deep copy made from outside is another object of the same structure",
    settled(call("f", of(lambda w: w.model), UP), "compiled"),
    change(lambda w: setattr(w, "model", copy.deepcopy(w.model))),
    call("f", of(lambda w: w.model), UP, rung="compiled"),
)
def deep_copied():
    w = World(model=types.SimpleNamespace(w=jnp.zeros(3), parts=[jnp.ones(3), {"k": 1.0}]))

    def f(model, x):
        model.w = model.w + x * model.parts[0]
        model.parts[1]["k"] += 1
        return model.w

    w.f = f
    return w


@scenario(
    "JAX's own settings are seen",
    settled(call("f", UP), "compiled"),
    change(lambda w: jax.config.update("jax_default_matmul_precision", "float32")),
    call("f", UP),
    change(lambda w: jax.config.update("jax_default_matmul_precision", None)),
    call("f", UP),
)
def jax_settings():
    def f(x):
        return x @ x

    return World(f=f)


@scenario(
    "an unhashable and a large value among the host values",
    settled(call("f", UP, {"ids": list(range(50))}), "compiled"),
    call("f", UP, {"ids": list(range(50))}),
    call("f", UP, {"ids": list(range(49)) + [7]}),
    call("f", UP, {"ids": [1]}),
)
def host_data():
    def f(x, config):
        return x * sum(config["ids"])

    return World(f=f)


@scenario(
    "containers that others fill cost no compilation a call",
    settled(call("t.step", UP, converted="Trainer.step"), "compiled"),
    change(lambda w: w.t.fill(1)),
    call("t.step", UP, converted="Trainer.step"),
    steady(
        "Trainer.step",
        change(lambda w: w.t.fill(2)),
        call("t.step", UP, rung="compiled", converted="Trainer.step"),
        change(lambda w: w.t.fill(3)),
        call("t.step", UP, rung="compiled", converted="Trainer.step"),
    ),
    change(lambda w: w.t.scales.append(jnp.full(3, 2.0))),
    call("t.step", UP, converted="Trainer.step"),
    change(lambda w: w.t.scales.append(jnp.full(3, 3.0))),
    call("t.step", UP, converted="Trainer.step"),
    converted=("Trainer.step",),
)
def filled_from_outside():
    class Trainer:
        def __init__(self):
            self.total = jnp.zeros(3)
            self.history = {"loss": [], "accuracy": []}
            self.seen = set()
            self.metrics = {}
            self.scales = [jnp.ones(3)]

        def step(self, x):
            for scale in self.scales:
                x = x * scale
            self.total = self.total + x
            self.history["loss"].append(float(self.total.sum()))
            return self.total, len(self.metrics)

        def fill(self, n):
            self.history["accuracy"].append(n / 2)
            self.seen.add(n)
            self.metrics[f"epoch {n}"] = jnp.full(2, n)

    return World(Trainer=Trainer, t=Trainer())
