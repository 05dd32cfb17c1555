"""The handwritten digits that ship with scikit-learn: real data, and nothing to download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["BATCH", "Digits", "load"]

BATCH = 32
HELD_OUT = 360


@dataclass(frozen=True)
class Digits:
    """1797 images of 8 by 8 pixels between 0 and 1, split once for training and testing."""

    images: np.ndarray
    labels: np.ndarray
    test_images: jax.Array
    test_labels: jax.Array

    @property
    def batches(self) -> int:
        """Batches an epoch."""
        return len(self.labels) // BATCH

    def epoch(self, number: int) -> Iterator[tuple[jax.Array, jax.Array]]:
        """The batches of one epoch, in an order that depends on its number alone."""
        order = np.random.default_rng(number).permutation(len(self.labels))[: self.batches * BATCH]
        for chosen in order.reshape(self.batches, BATCH):
            yield jax.device_put(self.images[chosen]), jax.device_put(self.labels[chosen])


def load() -> Digits:
    """Reads the digits.

    Raises:
        ImportError: when scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = np.asarray(digits.images[order] / 16.0, np.float32)[..., None]
    labels = np.asarray(digits.target[order], np.int32)
    tested = jnp.asarray(images[:HELD_OUT]), jnp.asarray(labels[:HELD_OUT])
    return Digits(images[HELD_OUT:], labels[HELD_OUT:], *tested)
