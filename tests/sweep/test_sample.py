"""A sample of the sweep, the same in each run: `nox -s sweep` takes all functions."""

from __future__ import annotations

import types
import zlib
from pathlib import Path

import pytest

from tests.sweep.check import Findings, check, check_file
from tests.sweep.corpus import files_of, functions_of

SAMPLE = {"stdlib": 16, "jax": 8, "flax": 4, "optax": 4, "equinox": 4, "numpy": 8}
"""Files of each library."""
EACH = 6
"""Functions of a file, at most."""


def drawn(text: str) -> int:
    """A number that is the same in every process and on every machine."""
    return zlib.crc32(text.encode())


def sample(library: str, count: int) -> list[Path]:
    """Files with functions in them."""
    files = [path for path in files_of(library) if 1_000 < path.stat().st_size < 60_000]
    return sorted(files, key=lambda path: drawn("/".join(path.parts[-2:])))[:count]


@pytest.mark.parametrize("library", SAMPLE)
def test_functions_of_a_library_are_rewritten_and_compile(library: str) -> None:
    findings = Findings()
    for path in sample(library, SAMPLE[library]):
        chosen = sorted(functions_of(path), key=lambda fn: drawn(f"{fn.__qualname__} {fn.__code__.co_firstlineno}"))
        for function in chosen[:EACH]:
            check(function, findings)
    assert findings.functions > SAMPLE[library], "the library is there"
    assert not findings.failures
    assert not findings.sourceless


def test_every_function_of_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(
        "import functools\n"
        "f, g = lambda x: x, [lambda y: (lambda: y)][0]\n"
        "class A:\n"
        "    x = [i for i in range(3)]\n"
        "    @functools.cache\n"
        "    def method(self):\n"
        "        return [self for _ in (lambda: 1, 2)]\n"
        "async def later():\n"
        "    def inner(): yield 1\n"
    )
    names = [fn.__qualname__ for fn in functions_of(path)]
    assert names == ["<lambda>", "<lambda>", "<lambda>.<locals>.<lambda>", "A.method", "A.method.<locals>.<lambda>"] + [
        "later",
        "later.<locals>.inner",
    ]
    findings = check_file(path)
    assert (findings.functions, findings.whole, findings.failures) == (7, 2, [])


def test_a_file_that_python_refuses_has_no_functions(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("def f(:\n")
    assert functions_of(path) == []


def test_what_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.sweep import check as checks

    def breaks(*_: object, **__: object) -> object:
        raise IndexError("no such thing")

    monkeypatch.setitem(checks.REWRITES, "rewrite", breaks)
    findings = Findings()
    check(types.FunctionType(drawn.__code__, {}), findings)
    ((failure),) = findings.failures
    assert (failure.stage, failure.what) == ("rewrite", "IndexError: no such thing")
    assert "drawn" in failure.where
