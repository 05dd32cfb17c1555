"""Subtrees of the standard library's own source, with what encloses them: ever other shapes, and something to learn.

Nothing of JAX is imported here: the column of PyTorch runs in a process of its own.
"""

from __future__ import annotations

import ast
import functools
import random
import sysconfig
from pathlib import Path

__all__ = ["CLASSES", "KINDS", "LARGEST", "SMALLEST", "Batch", "batches", "nodes", "samples"]

SMALLEST, LARGEST = 15, 100
"""Nodes of a tree."""

CLASSES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try,
)  # fmt: skip
"""What may enclose a statement: what is to be predicted."""

KINDS: dict[type, int] = {
    each: i
    for i, each in enumerate(
        sorted((kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)),
               key=lambda kind: kind.__name__)
    )
}  # fmt: skip
"""A number for each kind of node."""

Batch = tuple[list[ast.AST], list[int]]


def nodes(tree: ast.AST) -> int:
    """How many nodes a tree has, as a recursion over `ast.iter_child_nodes` meets them."""
    return 1 + sum(map(nodes, ast.iter_child_nodes(tree)))


@functools.cache
def samples(files: int = 60) -> tuple[tuple[ast.AST, int], ...]:
    """Statements of files of the standard library, and the number of the construct that encloses each; shuffled."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(folder.glob("*.py"), key=lambda path: path.name)
    random.Random(0).shuffle(paths)
    found: list[tuple[ast.AST, int]] = []
    for path in paths[:files]:
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if type(outer) not in CLASSES:
                continue
            label = CLASSES.index(type(outer))
            inner = [each for each in ast.iter_child_nodes(outer) if isinstance(each, ast.stmt)]
            found += [(each, label) for each in inner if SMALLEST <= nodes(each) <= LARGEST]
    random.Random(1).shuffle(found)
    return tuple(found)


def batches(size: int, count: int) -> list[Batch]:
    """Batches of trees and labels. No tree is in two of them."""
    every = samples()
    if size * count > len(every):
        raise ValueError(f"there are {len(every)} trees")
    rows = [every[i * size : (i + 1) * size] for i in range(count)]
    return [([tree for tree, _ in row], [label for _, label in row]) for row in rows]
