"""The functions of a source file, as objects: made from its code, so that nothing is imported or run."""

from __future__ import annotations

import ast
import importlib.util
import sysconfig
import tokenize
import types
import warnings
from pathlib import Path

from janusx.sources import nested_codes

LIBRARIES = ("stdlib", "test", "jax", "flax", "optax", "equinox", "numpy")
"""What is swept: the standard library, its own tests, and the libraries that programs on JAX are made with."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def files_of(library: str) -> list[Path]:
    """The source files of a library, sorted; none if it is not installed."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    if library == "test":
        return _sources(stdlib / "test")
    if library == "stdlib":
        apart = (stdlib / "test", stdlib / "site-packages")
        return [path for path in _sources(stdlib) if not any(map(path.is_relative_to, apart))]
    spec = importlib.util.find_spec(library)
    folders = (spec.submodule_search_locations if spec else None) or []
    return [path for folder in folders for path in _sources(Path(folder))]


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def functions_of(path: Path) -> list[types.FunctionType]:
    """Every function and lambda of a file, in the order of the source; none if this Python cannot compile the file."""
    try:
        with tokenize.open(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = file.read()
            places = {_place(node) for node in ast.walk(ast.parse(text)) if isinstance(node, _FUNCTIONS)}
            module = compile(text, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, OSError):
        return []
    # Comprehensions, and in CPython 3.12 type aliases and bounds of type parameters, have code of their own too.
    codes = [code for code in nested_codes(module) if (code.co_name, code.co_firstlineno) in places]
    return [types.FunctionType(code, {}, closure=tuple(types.CellType() for _ in code.co_freevars)) for code in codes]


def _place(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> tuple[str, int]:
    if isinstance(node, ast.Lambda):
        return "<lambda>", node.lineno
    return node.name, next(iter(node.decorator_list), node).lineno
