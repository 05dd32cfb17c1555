"""`in_shardings` and `out_shardings`, as `jax.jit` means them, for a program whose inputs are flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax


@dataclass(frozen=True)
class Shardings:
    """What the user asked for: prefixes of the arguments' and of the result's trees; None leaves it to XLA."""

    inputs: Any = None
    outputs: Any = None

    def of_inputs(self, args: tuple[Any, ...], leaves: Sequence[Any]) -> list[Any]:
        """The sharding of each array leaf of the program: of arguments as asked for, of state (None) as it is."""
        prefix = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,) * len(args)
        wanted: dict[int, Any] = {}
        for spec, arg in zip(prefix, args, strict=False):
            for sharding, leaf in zip(_spread(spec, arg), jax.tree.leaves(arg), strict=True):
                wanted[id(leaf)] = sharding
        return [wanted.get(id(leaf)) for leaf in leaves]

    def constrain(self, result: Any) -> Any:
        """The result with its arrays sharded as asked for."""
        if self.outputs is None:
            return result
        leaves, tree = jax.tree.flatten(result)
        specs = _spread(self.outputs, result)
        return jax.tree.unflatten(
            tree,
            [
                leaf if spec is None else jax.lax.with_sharding_constraint(leaf, spec)
                for leaf, spec in zip(leaves, specs, strict=True)
            ],
        )


def _spread(prefix: Any, tree: Any) -> list[Any]:
    """A prefix tree's leaf for each leaf of the tree."""
    found: list[Any] = []

    def each(spec: Any, part: Any) -> None:
        found.extend([spec] * len(jax.tree.leaves(part)))

    jax.tree.map(each, prefix, tree, is_leaf=lambda spec: spec is None or isinstance(spec, jax.sharding.Sharding))
    return found
