"""LeNet step on the handwritten digits that ship with scikit-learn: plain classes with mutable attributes.

The model counts its batches, the optimizer holds its learning rate, its momentum and its velocities in attributes,
both are mutated in place by each step. Neither column reads anything on the host inside a step: the loss is returned
as an array, the batch count and the learning rate are Python numbers that never were on the device. So both run ahead
of the device, and a block ends when the last step's arrays are there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.columns import convert, rung
from benchmarks.harness import Column, Options, Result, Running, bar, measure, ratio

TITLE = "LeNet step on scikit-learn digits"
BATCH = 64
CLASSES = 10

Layer = dict[str, jax.Array]


def dense(key: jax.Array, inputs: int, outputs: int) -> Layer:
    """A fully connected layer's parameters."""
    return {"kernel": jax.random.normal(key, (inputs, outputs)) / math.sqrt(inputs), "bias": jnp.zeros(outputs)}


def conv(key: jax.Array, inputs: int, outputs: int) -> Layer:
    """A 3 by 3 convolution's parameters."""
    kernel = jax.random.normal(key, (3, 3, inputs, outputs)) / math.sqrt(9 * inputs)
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}


def convolve(layer: Layer, x: jax.Array) -> jax.Array:
    """Convolution, same padding, NHWC."""
    out = lax.conv_general_dilated(x, layer["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return out + layer["bias"]


def pool(x: jax.Array) -> jax.Array:
    """Mean over 2 by 2 windows."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean negative log-likelihood."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1))


class LeNet:
    """The network; counts the batches it was trained on."""

    def __init__(self, seed: int) -> None:
        keys = jax.random.split(jax.random.key(seed), 5)
        self.batches = 0
        self.params: dict[str, Layer] = {
            "conv1": conv(keys[0], 1, 6),
            "conv2": conv(keys[1], 6, 16),
            "dense1": dense(keys[2], 64, 120),
            "dense2": dense(keys[3], 120, 84),
            "dense3": dense(keys[4], 84, CLASSES),
        }

    def logits(self, params: dict[str, Layer], images: jax.Array) -> jax.Array:
        """Scores of a batch of 8 by 8 images."""
        x = pool(jnp.tanh(convolve(params["conv1"], images)))
        x = pool(jnp.tanh(convolve(params["conv2"], x)))
        x = x.reshape(x.shape[0], -1)
        for name in ("dense1", "dense2"):
            x = jnp.tanh(x @ params[name]["kernel"] + params[name]["bias"])
        return x @ params["dense3"]["kernel"] + params["dense3"]["bias"]


class Momentum:
    """Stochastic gradient descent with momentum, in place."""

    def __init__(self, model: LeNet, lr: float = 0.05, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.velocity = jax.tree.map(jnp.zeros_like, model.params)

    def update(self, params: dict[str, Layer], grads: dict[str, Layer]) -> None:
        """Moves ``params`` by one step."""
        for name, layer in params.items():
            for part in layer:
                velocity = self.momentum * self.velocity[name][part] - self.lr * grads[name][part]
                self.velocity[name][part] = velocity
                layer[part] = layer[part] + velocity


def train_step(model: LeNet, optimizer: Momentum, images: jax.Array, labels: jax.Array) -> Any:
    """The program: one imperative step."""

    def loss_of(params: dict[str, Layer]) -> jax.Array:
        return cross_entropy(model.logits(params, images), labels)

    loss, grads = jax.value_and_grad(loss_of)(model.params)
    optimizer.update(model.params, grads)
    model.batches += 1
    return loss


def batches() -> list[tuple[jax.Array, jax.Array]]:
    """The digits as device arrays, in batches; synthetic ones of the same shape without scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        rng = np.random.default_rng(0)
        images, labels = rng.uniform(0.0, 16.0, (1797, 8, 8)), rng.integers(0, CLASSES, 1797)
    else:
        digits: Any = load_digits()
        images, labels = digits.images, digits.target
    pixels = jnp.asarray(images, jnp.float32)[..., None] / 16.0
    targets = jnp.asarray(labels, jnp.int32)
    starts = range(0, len(targets) - BATCH + 1, BATCH)
    return [(pixels[start : start + BATCH], targets[start : start + BATCH]) for start in starts]


def _imperative(step_function: Callable[..., Any]) -> Running:
    model = LeNet(0)
    optimizer = Momentum(model)
    data: Iterator[tuple[jax.Array, jax.Array]] = itertools.cycle(batches())
    last: list[Any] = [None]

    def step() -> object:
        images, labels = next(data)
        last[0] = step_function(model, optimizer, images, labels)
        return last[0]

    return Running(step, lambda: (last[0], model.params), rung(step_function))


@jax.jit
def expert_step(
    params: list[jax.Array], velocity: list[jax.Array], images: jax.Array, labels: jax.Array, lr: float, momentum: float
) -> tuple[jax.Array, list[jax.Array], list[jax.Array]]:
    """The expert's program: pure, all state on flat lists, the learning rate an argument."""
    treedef = jax.tree.structure(_BLUEPRINT)

    def loss_of(leaves: list[jax.Array]) -> jax.Array:
        return cross_entropy(LeNet.logits(None, jax.tree.unflatten(treedef, leaves), images), labels)  # type: ignore[arg-type]

    loss, grads = jax.value_and_grad(loss_of)(params)
    moved = [momentum * old - lr * grad for old, grad in zip(velocity, grads, strict=True)]
    return loss, [leaf + step for leaf, step in zip(params, moved, strict=True)], moved


_BLUEPRINT = {name: {"kernel": 0, "bias": 0} for name in ("conv1", "conv2", "dense1", "dense2", "dense3")}


def _expert() -> Running:
    params = jax.tree.leaves(LeNet(0).params)
    state: list[Any] = [None, params, [jnp.zeros_like(leaf) for leaf in params]]
    data = itertools.cycle(batches())

    def step() -> object:
        images, labels = next(data)
        state[:] = expert_step(state[1], state[2], images, labels, 0.05, 0.9)
        return state[0]

    return Running(step, lambda: state)


def columns() -> tuple[Column, ...]:
    """All ways to run the program."""
    return (
        Column("janusx", lambda: _imperative(convert(train_step))),
        Column("expert", _expert),
        Column("eager", lambda: _imperative(train_step), every=20),
    )


def run(options: Options) -> Result:
    """Measures the program."""
    measured = measure(columns(), options)
    throughput = ratio(measured, "expert", "janusx")
    return Result(
        "lenet",
        TITLE,
        measured.seconds(),
        measured.ratios("expert"),
        (bar("throughput over hand-written jit", ">=", 0.97, throughput.median if throughput else None, "×"),),
        {"batch": BATCH},
        measured.errors,
        "median of the paired ratios; nothing is read on the host within a step",
    )
