"""TreeRNN and TreeLSTM over syntax trees in eager PyTorch, for the benchmark of the same name.

``python -m benchmarks.torch_trees 25`` prints the seconds that a tree takes, value and gradient, as JSON. Nothing of
JAX is imported, so that both libraries have the machine's threads for themselves.
"""

from __future__ import annotations

import ast
import json
import statistics
import sys
import time
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]  # pyright: ignore[reportMissingImports]

from benchmarks import syntax
from benchmarks.syntax import CLASSES, KINDS

UNITS, SIZE, RATE = 64, 25, 0.2


class TreeRNN:
    """The same model as in `benchmarks.programs.syntax_trees`."""

    def __init__(self) -> None:
        self.kinds = _weights(len(KINDS), UNITS)
        self.up = _weights(UNITS, UNITS)
        self.out = _weights(len(CLASSES), UNITS)

    def __call__(self, node: Any) -> Any:
        return self.out @ self.state(node)

    def state(self, node: Any) -> Any:
        """The state of a node, from those of its children."""
        below = sum((self.state(child) for child in ast.iter_child_nodes(node)), torch.zeros(UNITS))
        return torch.tanh(self.kinds[KINDS[type(node)]] + self.up @ below)


class TreeLSTM:
    """The same model as in `benchmarks.programs.syntax_trees`."""

    def __init__(self) -> None:
        self.kinds = _weights(len(KINDS), 4 * UNITS)
        self.up = _weights(3 * UNITS, UNITS)
        self.keep = _weights(UNITS, UNITS)
        self.out = _weights(len(CLASSES), UNITS)

    def __call__(self, node: Any) -> Any:
        h, _ = self.cell(node)
        return self.out @ h

    def cell(self, node: Any) -> tuple[Any, Any]:
        """State and memory of a node."""
        x = self.kinds[KINDS[type(node)]]
        below = [self.cell(child) for child in ast.iter_child_nodes(node)]
        gates = x[: 3 * UNITS] + self.up @ sum((h for h, _ in below), torch.zeros(UNITS))
        i, o, u = torch.chunk(gates, 3)
        c = torch.sigmoid(i) * torch.tanh(u)
        for h, memory in below:
            c = c + torch.sigmoid(x[3 * UNITS :] + self.keep @ h) * memory
        return torch.sigmoid(o) * torch.tanh(c), c


def _weights(*shape: int) -> Any:
    return (torch.randn(*shape) * 0.1).requires_grad_()


def step(model: Any, trees: list[Any], labels: list[int]) -> Any:
    """One step of gradient descent."""
    loss: Any = 0.0
    for tree, label in zip(trees, labels, strict=True):
        loss = loss - torch.log_softmax(model(tree), 0)[label]
    loss = loss / len(trees)
    loss.backward()
    with torch.no_grad():
        for weights in vars(model).values():
            weights -= RATE * weights.grad
            weights.grad = None
    return loss


def main() -> None:
    """Measures both models."""
    found: dict[str, float] = {}
    for model in (TreeRNN(), TreeLSTM()):
        times: list[float] = []
        for batch in syntax.batches(SIZE, int(sys.argv[1]) + 2):
            started = time.perf_counter()
            step(model, *batch)
            times.append((time.perf_counter() - started) / SIZE)
        found[type(model).__name__] = statistics.median(times[2:])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
