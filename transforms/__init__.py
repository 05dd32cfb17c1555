"""From a function's source to the readable source of a program that XLA can run. Knows LibCST and nothing of JAX."""

from __future__ import annotations

# The folder lies beside the package, where it could pass for a user's own `transforms`.
if __name__ != "janusx.transforms":
    raise ImportError(f"this package is janusx.transforms, not {__name__}: install janusx and import it from there")

from janusx.transforms.flow import Block as Block
from janusx.transforms.flow import Blocks as Blocks
from janusx.transforms.flow import NotInBlocks as NotInBlocks
from janusx.transforms.outline import OUTLINED as OUTLINED
from janusx.transforms.outline import Outlined as Outlined
from janusx.transforms.outline import outline as outline
from janusx.transforms.pipeline import rewrite as rewrite
from janusx.transforms.recursion import recursion as recursion
from janusx.transforms.result import Refusal as Refusal
from janusx.transforms.result import Rewritten as Rewritten
from janusx.transforms.result import Site as Site
from janusx.transforms.sites import statement_line as statement_line
from janusx.transforms.skeleton import NotASkeleton as NotASkeleton
from janusx.transforms.skeleton import Skeleton as Skeleton
from janusx.transforms.skeleton import skeleton as skeleton
from janusx.transforms.split import Piece as Piece
from janusx.transforms.split import Split as Split
from janusx.transforms.split import split as split
