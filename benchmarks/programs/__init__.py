"""The programs that are measured, one a file.

Each module has ``TITLE``, ``columns()`` (unless it measures something other than columns) and ``run(options) ->
Result``.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["NAMES", "load"]

NAMES = tuple(
    """nnx_adam one_array lenet lstm guards counters rewriting profiler cuts nesting
    trainer dynamic trees syntax_trees recursion""".split()
)


def load(name: str) -> Any:
    """Imports the module of the program ``name``."""
    if name not in NAMES:
        raise ValueError(f"no program {name!r}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"benchmarks.programs.{name}")
