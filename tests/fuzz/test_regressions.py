"""Programs that once were answered wrongly. One file each; its first line says what went wrong.

`EAGER = 0` in a file says that no call may be left to Python.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.fuzz.programs import Program
from tests.fuzz.run import run

FILES = sorted((Path(__file__).parent / "regressions").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_went_wrong_once_is_right(file: Path) -> None:
    text = file.read_text()
    tally = run(Program.parsed(text))
    if "\nEAGER = 0\n" in text:
        assert not tally.reasons


def test_every_regression_says_what_went_wrong() -> None:
    assert FILES
    assert [file.stem for file in FILES if not ast.get_docstring(ast.parse(file.read_text()))] == []
