"""The same training as a JAX expert writes it by hand for ``jax.jit``: pure functions, explicit state, Python outside.

The numbers are the same as those of ``janusx.demo.program``; what is gone is its form. Each attribute that changes
became an argument and a result, the branch on the loss a returned flag, the exception a second flag which the caller
reads and raises.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from janusx.demo.program import GoodEnough, LeNet, convolve, cross_entropy, pool

__all__ = ["ExpertTrainer"]

Params = dict[str, dict[str, jax.Array]]


class State(NamedTuple):
    """What changes on the device."""

    params: Params
    velocity: Params
    running_loss: jax.Array


class Report(NamedTuple):
    """What the host reads after a step."""

    loss: jax.Array
    bad: jax.Array
    done: jax.Array


def logits(params: Params, images: jax.Array) -> jax.Array:
    """The network as a pure function."""
    x = pool(jnp.tanh(convolve(params["conv1"], images)))
    x = pool(jnp.tanh(convolve(params["conv2"], x)))
    x = x.reshape(x.shape[0], -1)
    x = jnp.tanh(x @ params["dense1"]["kernel"] + params["dense1"]["bias"])
    x = jnp.tanh(x @ params["dense2"]["kernel"] + params["dense2"]["bias"])
    return x @ params["dense3"]["kernel"] + params["dense3"]["bias"]


@functools.partial(jax.jit, static_argnames="decayed")
def update(
    state: State,
    images: jax.Array,
    labels: jax.Array,
    lr: float,
    momentum: float,
    decay: float,
    good_enough: float,
    decayed: tuple[str, ...],
) -> tuple[State, Report]:
    """One step."""
    loss, grads = jax.value_and_grad(lambda params: cross_entropy(logits(params, images), labels))(state.params)
    for name in decayed:
        grads[name]["kernel"] = grads[name]["kernel"] + decay * state.params[name]["kernel"]
    velocity = jax.tree.map(lambda old, grad: momentum * old - lr * grad, state.velocity, grads)
    params = jax.tree.map(jnp.add, state.params, velocity)
    running_loss = 0.95 * state.running_loss + 0.05 * loss
    report = Report(loss, loss > 1.5 * running_loss, running_loss < good_enough)
    return State(params, velocity, running_loss), report


class ExpertTrainer:
    """The host's part: numbers, flags and the exception."""

    def __init__(self, seed: int = 0, good_enough: float = 0.04) -> None:
        params = LeNet(seed).params
        self.state = State(params, jax.tree.map(jnp.zeros_like, params), jnp.float32(2.3))
        self.good_enough = good_enough
        self.lr = 0.05
        self.batches = 0
        self.bad_batches = 0
        self.losses: list[float] = []

    def train_step(self, images: jax.Array, labels: jax.Array) -> Any:
        """Trains on one batch; raises when the running loss is good enough."""
        self.state, report = update(
            self.state, images, labels, self.lr, 0.9, 1e-4, self.good_enough, decayed=("dense1",)
        )
        self.batches += 1
        loss, bad, done = jax.device_get(report)  # one wait for all three
        self.bad_batches += int(bad)
        self.losses.append(float(loss))
        if done:
            raise GoodEnough(f"running loss {float(self.state.running_loss):.4f} after {self.batches} batches")
        return report.loss

    def end_epoch(self) -> None:
        """Lets the learning rate decay."""
        self.lr *= 0.97

    def accuracy(self, images: jax.Array, labels: jax.Array) -> float:
        """Part of the images whose digit is found."""
        found = jnp.argmax(logits(self.state.params, images), axis=1)
        return float(jnp.mean(found == labels))
