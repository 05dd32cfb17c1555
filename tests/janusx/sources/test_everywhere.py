"""Converted functions from wherever programs come: compiled where there is source, else eager with the reason."""

from __future__ import annotations

import code
import doctest
import functools
import importlib
import linecache
import os
import py_compile
import subprocess
import sys
import textwrap
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import janusx
from janusx import errors
from tests.janusx.sources.samples import in_linecache

X = jnp.array([1.0, 2.0])
TEXT = textwrap.dedent("""
    import janusx

    def scale(x):
        if x.sum() > 0:
            x = x * 2
        return x
""")


def compiled(g: Callable[..., Any], *args: Any) -> Any:
    """The answer of a call that is known to have run compiled."""
    result = g(*args)
    assert janusx.stats(g).last_call == "compiled"
    return np.asarray(result).tolist()


def eager(g: Callable[..., Any], reason: str, *args: Any) -> Any:
    """The answer of a call that runs in plain Python, and says why, once."""
    with pytest.warns(errors.EagerWarning, match=reason):
        result = g(*args)
    assert np.array_equal(g(*args), result)
    assert janusx.stats(g).last_call == "eager"
    assert reason in str(janusx.explain(g))
    return np.asarray(result).tolist()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules can be imported from; they are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def written(path: Path, text: str) -> types.ModuleType:
    path.write_text(text)
    importlib.invalidate_caches()
    return importlib.import_module(path.stem)


class TestInteractive:
    def test_a_cell_of_ipython(self) -> None:
        shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
        for factor in (2, 3):  # the cell is edited and run again
            cell = TEXT.replace("def", "@janusx.convert\ndef").replace("* 2", f"* {factor}")
            shell.run_cell(cell, store_history=True, silent=False).raise_error()
            assert compiled(shell.user_ns["scale"], X) == [factor, 2 * factor]

    def test_a_cell_of_jupyter(self) -> None:
        compiler = pytest.importorskip("ipykernel.compiler").XCachingCompiler()
        name = compiler.cache(TEXT, 1)
        scope: dict[str, Any] = {}
        exec(compiler(TEXT, name, "exec"), scope)
        assert "ipykernel" in name
        assert compiled(janusx.convert(scope["scale"]), X) == [2, 4]

    def test_a_doctest(self) -> None:
        seen: dict[str, Any] = {"compiled": compiled, "convert": janusx.convert, "X": X}
        text = ">>> @convert\n... def f(x):\n...     return x + 1\n>>> compiled(f, X)\n[2.0, 3.0]\n"
        test = doctest.DocTestParser().get_doctest(text, seen, "a docstring", None, 0)
        assert doctest.DocTestRunner().run(test).failed == 0

    def test_a_console_within_a_program_keeps_no_source(self) -> None:
        console = code.InteractiveConsole({"janusx": janusx})
        for line in ("def f(x):", "    return x + 1", "", "g = janusx.convert(f)"):
            console.push(line)
        assert eager(console.locals["g"], "'<console>' is no file", X) == [2, 3]

    @pytest.mark.parametrize("way", ["-c", "-i"])
    def test_a_command_line_and_the_prompt_keep_source_from_python_3_13_on(self, way: str, tmp_path: Path) -> None:
        lines = [
            "import warnings; warnings.simplefilter('ignore')",
            "import janusx, jax.numpy as jnp",
            "f = janusx.convert(lambda x: x + 1)",
            "print(f(jnp.float32(1)), janusx.stats(f).last_call, 'cannot be found' in str(janusx.explain(f)))",
        ]
        text = "\n".join(lines) + "\n"
        command = [sys.executable, "-c", text] if way == "-c" else [sys.executable, "-q", "-i"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
        )
        known = sys.version_info >= (3, 13)
        assert ("2.0 compiled False" if known else "2.0 eager True") in done.stdout, done.stderr

    def test_exec(self) -> None:
        scope: dict[str, Any] = {}
        exec(TEXT, scope)
        assert eager(janusx.convert(scope["scale"]), "scale has no source", X) == [2, 4]

    def test_exec_with_linecache(self) -> None:
        scope: dict[str, Any] = {}
        in_linecache("<made here>", TEXT)
        exec(compile(TEXT, "<made here>", "exec"), scope)
        assert compiled(janusx.convert(scope["scale"]), X) == [2, 4]
        del linecache.cache["<made here>"]

    def test_one_text_run_in_two_namespaces(self) -> None:
        text = "def f(x):\n    return np.sum(x) * 2\n"
        in_linecache("<made twice>", text)
        made = compile(text, "<made twice>", "exec")
        ones: list[Any] = []
        for np_of_it in (jnp, types.SimpleNamespace(sum=lambda x: x.max())):
            scope: dict[str, Any] = {"np": np_of_it}
            exec(made, scope)
            ones.append(scope["f"])

        def both(x: Any) -> Any:
            return ones[0](x), ones[1](x)

        assert compiled(janusx.convert(both), X) == [6, 4]
        del linecache.cache["<made twice>"]


# fmt: off
def pair() -> Any: return (lambda x: x + 1), (lambda x: x - 1)


class TestLambdas:
    def test_several_on_a_line(self) -> None:
        up, down = map(janusx.convert, pair())
        assert (compiled(up, X), compiled(down, X)) == ([2, 3], [0, 1])

    def test_in_calls_and_containers(self) -> None:
        table = {"a": lambda x: x * 2 if x.sum() > 0 else x, "b": lambda x: x * 3 if x.sum() > 0 else x}
        listed = [janusx.convert(lambda x: x + 1), janusx.convert(lambda x: x + 2)]
        assert compiled(janusx.convert(table["b"]), X) == [3, 6]
        assert [compiled(listed[1], X), compiled(listed[0], X)] == [[3, 4], [2, 3]]
        assert compiled(janusx.convert(functools.partial(lambda y, x: x * y, 5)), X) == [5, 10]

    def test_called_from_a_converted_function(self) -> None:
        def twice(x: Any) -> Any:
            f, g = (lambda y: y + 1 if y.sum() > 0 else y), (lambda y: y * 10 if y.sum() > 0 else y)
            return f(g(x))

        assert compiled(janusx.convert(twice), X) == [11, 21]
# fmt: on


def logged(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return wrapper


class TestDecorated:
    def test_above_below_and_between_other_decorators(self) -> None:
        def body(x: Any) -> Any:
            if x.sum() > 0:
                return x * 2
            return x

        assert compiled(janusx.convert(logged(logged(body))), X) == [2, 4]
        inner = janusx.convert(body)
        assert np.array_equal(logged(inner)(X), [2, 4])
        assert janusx.stats(inner).last_call == "compiled"
        assert compiled(janusx.convert(logged(janusx.convert(logged(body)))), X) == [2, 4]

    def test_written_with_decorators(self) -> None:
        @logged
        @janusx.convert
        @logged
        def f(x: Any) -> Any:
            return x + 1

        written: Any = f
        assert np.array_equal(written(X), [2, 3])
        assert janusx.stats(written.__wrapped__).last_call == "compiled"

    def test_with_assertions_that_pytest_rewrites(self) -> None:
        @janusx.convert
        def f(x: Any, n: int) -> Any:
            assert n > 0, "positive"
            return x * n

        assert compiled(f, X, 2) == [2, 4]
        with pytest.raises(AssertionError, match="positive"):
            f(X, -1)


class TestWithoutSource:
    def test_a_module_of_bytecode_alone(self, folder: Path) -> None:
        path = folder / "only_bytecode.py"
        path.write_text(TEXT)
        py_compile.compile(str(path), cfile=str(path.with_suffix(".pyc")))
        path.unlink()
        module = importlib.import_module("only_bytecode")
        assert eager(janusx.convert(module.scale), "only_bytecode.py' is no file", X) == [2, 4]
        with pytest.raises(errors.NoSourceError, match="cannot be found"):
            janusx.convert(module.scale, on_unsupported="error")(X)

        def caller(x: Any) -> Any:
            return module.scale(x) + 1

        with pytest.warns(errors.EagerWarning, match="only_bytecode.py' is no file"):
            assert np.array_equal(janusx.convert(caller)(X), [3, 5])

    def test_a_module_in_a_zip_file_has_source(self, folder: Path) -> None:
        with zipfile.ZipFile(folder / "library.zip", "w") as file:
            file.writestr("zipped_away.py", TEXT)
        sys.path.insert(0, str(folder / "library.zip"))
        try:
            module = importlib.import_module("zipped_away")
        finally:
            del sys.path[0]
        assert compiled(janusx.convert(module.scale), X) == [2, 4]

    @pytest.mark.parametrize("fn", [len, "a".join, [].append])
    def test_functions_in_c_are_refused(self, fn: Any) -> None:
        with pytest.raises(errors.BuiltinFunctionError, match="JX0102"):
            janusx.convert(fn)

    def test_functions_of_cython_run_as_they_are(self) -> None:
        draw = np.random.RandomState.uniform
        assert type(draw).__name__ in ("cython_function_or_method", "method_descriptor")
        converted = janusx.convert(draw)
        with pytest.warns(errors.EagerWarning, match="runs in plain Python"):
            found = converted(np.random.RandomState(0))
        assert found == np.random.RandomState(0).uniform()


class TestEdited:
    def test_a_file_edited_after_the_import_is_never_taken_for_the_program(self, folder: Path) -> None:
        module = written(folder / "edited_once.py", TEXT)
        (folder / "edited_once.py").write_text(TEXT.replace("* 2", "* 200"))
        assert eager(janusx.convert(module.scale), "the file was edited since", X) == [2, 4]
        with pytest.raises(errors.StaleSourceError, match="JX0107"):
            janusx.convert(module.scale, on_unsupported="error")(X)

    def test_a_program_made_before_the_edit_goes_on(self, folder: Path) -> None:
        module = written(folder / "edited_late.py", TEXT)
        converted = janusx.convert(module.scale)
        assert compiled(converted, X) == [2, 4]
        (folder / "edited_late.py").write_text(TEXT.replace("* 2", "* 200"))
        assert compiled(converted, X) == [2, 4]

    def test_lines_added_above_and_comments_do_no_harm(self, folder: Path) -> None:
        module = written(folder / "moved_down.py", TEXT)
        moved = "'''Moved.'''\n\nY = 3\n" + TEXT.replace("* 2", "* 2  # doubled")
        (folder / "moved_down.py").write_text(moved)
        assert compiled(janusx.convert(module.scale), X) == [2, 4]

    def test_a_reloaded_module_is_the_new_program(self, folder: Path) -> None:
        module = written(folder / "reloaded.py", TEXT)
        old = janusx.convert(module.scale)

        @janusx.convert
        def caller(x: Any) -> Any:
            return module.scale(x)

        assert (compiled(old, X), compiled(caller, X)) == ([2, 4], [2, 4])
        (folder / "reloaded.py").write_text(TEXT.replace("* 2", "* 200"))
        assert compiled(caller, X) == [2, 4]
        importlib.reload(module)
        assert compiled(caller, X) == [200, 400]
        assert compiled(janusx.convert(module.scale), X) == [200, 400]
        assert compiled(old, X) == [2, 4]

    def test_a_reloaded_module_of_the_same_text(self, folder: Path) -> None:
        module = written(folder / "reloaded_same.py", TEXT)
        old = module.scale
        importlib.reload(module)
        assert module.scale is not old
        assert compiled(janusx.convert(old), X) == compiled(janusx.convert(module.scale), X) == [2, 4]
