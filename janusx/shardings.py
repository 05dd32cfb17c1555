"""`in_shardings` and `out_shardings`, as `jax.jit` means them, for a program whose inputs are flat."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from janusx import errors


@dataclass(frozen=True)
class Shardings:
    """What the user asked for: prefixes of the arguments' and of the result's trees; None leaves it to XLA."""

    inputs: Any = None
    outputs: Any = None

    def of_inputs(self, args: Mapping[int | str, Any], leaves: Sequence[Any]) -> list[Any]:
        """The sharding of each array leaf of the program: of arguments as asked for, of state (None) as it is.

        Raises:
            ShardingError: they are no prefix of the arguments.
        """
        by_name = [key for key in args if isinstance(key, str)]
        if by_name:
            raise errors.ShardingError(
                f"in_shardings is given, and {', '.join(by_name)} by keyword.",
                why="in_shardings are by position, as in jax.jit.",
                remedy="give the arguments by position.",
            )
        values = tuple(args.values())
        prefix = tuple(self.inputs) if isinstance(self.inputs, list) else self.inputs
        with _fitting("in_shardings", "arguments"):
            specs = _spread(prefix, values)
        wanted = {id(leaf): spec for spec, leaf in zip(specs, jax.tree.leaves(values), strict=True)}
        return [wanted.get(id(leaf)) for leaf in leaves]

    def moved(self, args: Mapping[int | str, Any], leaves: Sequence[Any]) -> frozenset[int]:
        """The array leaves that the program places, and so may not hand through: all of the arguments, as in jit.

        Where one is placed on a mesh, the program runs there, and what else it is given goes there, too.
        """
        if not jax.tree.leaves(self.inputs):
            return frozenset()
        given = {id(leaf) for leaf in jax.tree.leaves(tuple(args.values()))}
        return frozenset(i for i, leaf in enumerate(leaves) if id(leaf) in given)

    def constrain(self, result: Any) -> Any:
        """The result with its arrays sharded as asked for.

        Raises:
            ShardingError: they are no prefix of the result, or do not suit its shapes.
        """
        if self.outputs is None:
            return result
        leaves, tree = jax.tree.flatten(result)
        with _fitting("out_shardings", "result"):
            placed = [
                leaf if spec is None else jax.lax.with_sharding_constraint(leaf, spec)
                for leaf, spec in zip(leaves, _spread(self.outputs, result), strict=True)
            ]
        return jax.tree.unflatten(tree, placed)


def rebuilt(result: Any, moved: Iterable[Any]) -> Any:
    """The result with new containers around arguments that the program has placed: the caller's hold the old arrays."""
    ids = {id(array) for array in moved}

    def stays(part: Any) -> bool:
        return not any(id(leaf) in ids for leaf in jax.tree.leaves(part))

    return jax.tree.map(lambda part: part, result, is_leaf=stays) if ids else result


def blame(specs: Sequence[Any], leaves: Sequence[Any], error: Exception) -> None:
    """Say that the shardings are the reason of an error, if they are: a program that does nothing has it, too."""
    with _fitting("in_shardings", "arguments", error):
        jax.jit(lambda *_: (), in_shardings=tuple(specs)).trace(*leaves)


@contextlib.contextmanager
def _fitting(option: str, what: str, cause: Exception | None = None) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # JAX's text goes into all that might have been meant.
        why, _, _ = str(error).partition("\n")
        raise errors.ShardingError(
            f"{option} does not fit the {what}.",
            why=why,
            remedy=f"give one sharding, or a tree of them that is a prefix of the {what}; None leaves it to XLA.",
        ) from cause


def _is_spec(value: Any) -> bool:
    return value is None or isinstance(value, jax.sharding.Sharding | jax.sharding.PartitionSpec)


def _spread(prefix: Any, tree: Any) -> list[Any]:
    """A prefix tree's leaf for each leaf of the tree."""
    found: list[Any] = []

    def each(spec: Any, part: Any) -> None:
        found.extend([spec] * len(jax.tree.leaves(part)))

    jax.tree.map(each, prefix, tree, is_leaf=_is_spec)
    return found
