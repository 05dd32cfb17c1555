"""The program that the demo converts, as a beginner writes it: objects, attributes, lists, a branch, an exception.

Nothing in this file knows of JanusX. It is plain Python on JAX arrays and runs as it is, op by op.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["GoodEnough", "LeNet", "Momentum", "Trainer", "convolve", "cross_entropy", "pool"]

Layer = dict[str, jax.Array]


class GoodEnough(Exception):
    """The running loss is as low as it was asked to be; training may stop."""


class LeNet:
    """LeNet for 8 by 8 images of digits; counts the batches it was trained on."""

    def __init__(self, seed: int) -> None:
        keys = jax.random.split(jax.random.key(seed), 5)
        self.batches = 0
        self.params: dict[str, Layer] = {
            "conv1": conv_layer(keys[0], 1, 6),
            "conv2": conv_layer(keys[1], 6, 16),
            "dense1": dense_layer(keys[2], 64, 120),
            "dense2": dense_layer(keys[3], 120, 84),
            "dense3": dense_layer(keys[4], 84, 10),
        }

    def logits(self, params: dict[str, Layer], images: jax.Array) -> jax.Array:
        """Scores of the ten digits for each image."""
        x = pool(jnp.tanh(convolve(params["conv1"], images)))
        x = pool(jnp.tanh(convolve(params["conv2"], x)))
        x = x.reshape(x.shape[0], -1)
        for name in ("dense1", "dense2"):
            x = jnp.tanh(x @ params[name]["kernel"] + params[name]["bias"])
        return x @ params["dense3"]["kernel"] + params["dense3"]["bias"]

    def loss(self, params: dict[str, Layer], images: jax.Array, labels: jax.Array) -> jax.Array:
        """Mean cross entropy over a batch."""
        return cross_entropy(self.logits(params, images), labels)


class Momentum:
    """Gradient descent with momentum; changes the parameters in place."""

    def __init__(self, params: dict[str, Layer], lr: float = 0.05, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.velocity = jax.tree.map(jnp.zeros_like, params)

    def update(self, params: dict[str, Layer], grads: dict[str, Layer]) -> None:
        """Takes one step against the gradients."""
        for name, layer in params.items():
            for part in layer:
                velocity = self.momentum * self.velocity[name][part] - self.lr * grads[name][part]
                self.velocity[name][part] = velocity
                layer[part] = layer[part] + velocity


class Trainer:
    """Everything that training needs, and what it remembers of it."""

    def __init__(self, seed: int = 0, good_enough: float = 0.04) -> None:
        self.model = LeNet(seed)
        self.optimizer = Momentum(self.model.params)
        self.good_enough = good_enough
        self.decay = 1e-4
        self.decayed = ["dense1"]
        self.running_loss = jnp.float32(2.3)
        self.losses: list[float] = []
        self.bad_batches = 0

    def train_step(self, images: jax.Array, labels: jax.Array) -> Any:
        """Trains on one batch; raises when the running loss is good enough."""
        loss, grads = jax.value_and_grad(self.model.loss)(self.model.params, images, labels)
        for name in self.decayed:
            grads[name]["kernel"] = grads[name]["kernel"] + self.decay * self.model.params[name]["kernel"]
        self.optimizer.update(self.model.params, grads)
        self.model.batches += 1
        self.running_loss = 0.95 * self.running_loss + 0.05 * loss
        if loss > 1.5 * self.running_loss:
            self.bad_batches += 1
        self.losses.append(float(loss))
        if self.running_loss < self.good_enough:
            raise GoodEnough(f"running loss {self.running_loss:.4f} after {self.model.batches} batches")
        return loss

    def end_epoch(self) -> None:
        """Lets the learning rate decay."""
        self.optimizer.lr *= 0.97

    def accuracy(self, images: jax.Array, labels: jax.Array) -> float:
        """Part of the images whose digit is found."""
        found = jnp.argmax(self.model.logits(self.model.params, images), axis=1)
        return float(jnp.mean(found == labels))


def dense_layer(key: jax.Array, inputs: int, outputs: int) -> Layer:
    """Parameters of a fully connected layer."""
    return {"kernel": jax.random.normal(key, (inputs, outputs)) / math.sqrt(inputs), "bias": jnp.zeros(outputs)}


def conv_layer(key: jax.Array, inputs: int, outputs: int) -> Layer:
    """Parameters of a 3 by 3 convolution."""
    kernel = jax.random.normal(key, (3, 3, inputs, outputs)) / math.sqrt(9 * inputs)
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}


def convolve(layer: Layer, x: jax.Array) -> jax.Array:
    """A convolution that keeps height and width; ``x`` is batch, height, width, channels."""
    out = lax.conv_general_dilated(x, layer["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return out + layer["bias"]


def pool(x: jax.Array) -> jax.Array:
    """Means over 2 by 2 windows."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean negative log-likelihood of the right digits."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1))
