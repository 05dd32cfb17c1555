"""The examples in docstrings run.

Not by pytest's `--doctest-modules`: that imports files by their path, and `transforms/` is a package only under the
name it installs with. This finds the modules of the installed package, whichever that is.
"""

from __future__ import annotations

import doctest
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import janusx


def module_names() -> Iterator[str]:
    for root in janusx.__path__:
        for folder, _, files in os.walk(root, followlinks=True):
            for file in files:
                if file.endswith(".py") and file != "__main__.py":
                    parts = ("janusx", *Path(folder, file).relative_to(root).with_suffix("").parts)
                    yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", sorted(set(module_names())))
def test_examples_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0, capsys.readouterr().out
