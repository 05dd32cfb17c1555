"""The source of a function is found: the very function, wherever it lives."""

from __future__ import annotations

import ast
import doctest
import inspect
import linecache
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from janusx.sources import (
    find_source,
    nested_codes,
)
from tests.janusx.sources.samples import (
    Model,
    constants,
    in_call,
    in_linecache,
    nested_lambda,
    odd_layout,
    pair,
    plain,
    remade,
    same,
    spanning,
    é,
)


class TestFindSource:
    def test_a_module_function_has_its_text_place_and_names(self):
        source = find_source(plain)
        assert source.text == inspect.getsource(plain)
        assert source.first_line == plain.__code__.co_firstlineno
        assert (source.name, source.qualname, source.kind) == ("plain", "plain", "def")
        assert source.class_name is None
        assert source.filename == plain.__code__.co_filename
        assert source.freevars == ()

    def test_decorators_are_left_out_and_the_line_is_that_of_the_def(self):
        inner = inspect.unwrap(Model.decorated)
        source = find_source(inner)
        assert source.text == "def decorated(self, x):\n    return x * 2\n"
        assert source.first_line == inner.__code__.co_firstlineno + 2
        assert source.class_name == "Model"
        assert source.column == 4

    def test_a_wrapper_is_itself_and_not_what_it_wraps(self):
        assert find_source(Model.decorated).name == "wrapper"

    def test_bound_methods_class_methods_properties_and_coroutines_are_found(self):
        assert find_source(Model().greet).qualname == "Model.greet"
        assert find_source(Model.make).name == "make"
        assert find_source(Model.size.fget).name == "size"
        assert find_source(Model.later).text.startswith("async def later")

    def test_constants_that_are_not_equal_to_themselves(self):
        def nan():
            return 1e300 * 1e300 * 0, -0.0, {1, 2} <= {2, 1}, (1e999, 1 in {1, True, "a"})

        assert find_source(nan).text.startswith("def nan")

    def test_zero_argument_super_makes_class_a_free_name(self):
        assert find_source(Model.greet).freevars == ("__class__",)

    def test_a_nested_function_in_a_method_keeps_the_class_that_mangles_its_names(self):
        source = find_source(Model().hidden())
        assert (source.qualname, source.class_name) == ("Model.hidden.<locals>.inner", "Model")

    def test_dedenting_leaves_strings_as_they_are(self):
        assert remade(Model.strings)(Model()) == Model().strings()

    def test_lines_less_indented_than_the_def_are_fine(self):
        assert remade(odd_layout)(1) == (1, (1, 2))

    def test_line_numbers_count_from_the_def(self):
        source = find_source(odd_layout)
        assert linecache.getline(source.filename, source.first_line).startswith("def odd_layout")
        assert str(source.place(source.first_line, 0)).endswith("def odd_layout(a,\n    ^")


class TestLambdas:
    def test_several_on_a_line(self):
        assert find_source(pair[0]).text == "lambda x: x + 1"
        assert find_source(pair[1]).text == "lambda x: x + 2"
        assert find_source(pair[0]).name == "<lambda>"
        assert find_source(pair[0]).kind == "lambda"

    def test_equal_ones_on_a_line_are_told_apart_by_column(self):
        assert find_source(same[0]).column < find_source(same[1]).column

    def test_constant_ones(self):
        texts = [find_source(fn).text for fn in (*constants, constants[1]())]
        assert texts == ["lambda: 1", "lambda: lambda: 2", "lambda: 3", "lambda: 2"]

    def test_one_inside_another(self):
        assert find_source(nested_lambda).text == "lambda x: (lambda y: x + y)"
        inner = find_source(nested_lambda(1))
        assert (inner.text, inner.freevars) == ("lambda y: x + y", ("x",))

    def test_columns_are_of_characters_not_bytes(self):
        source = find_source(é["b"])
        assert source.text == 'lambda x: "ä" + x'
        line = linecache.getline(source.filename, source.first_line)
        assert line[source.column :].startswith(source.text)

    def test_over_several_lines_in_parentheses(self):
        first, second = map(find_source, spanning)
        assert first.text == "(lambda x, y=2: x\n    + y\n    + 1)"
        assert second.text == "(lambda x, y=2: x\n    - y)"
        assert second.first_line == first.first_line + 3
        assert first.column == 3

    def test_in_a_call(self):
        assert find_source(in_call).text == "lambda x: f(g(x))"

    def test_default_and_parameters_do_not_confuse(self):
        fns = [lambda a, b=lambda: 1: (a, b), lambda a, b=lambda: 2: (a, b)]
        assert find_source(fns[1]).text == "lambda a, b=lambda: 2: (a, b)"
        assert find_source(fns[1](0)[1]).text == "lambda: 2"


class TestWhereSourcesLive:
    def test_exec_with_linecache_as_a_notebook_does(self):
        text = "import math\nasync def g(): pass\nawait_ = [await_ for await_ in ()]\ndef f(x):\n    return x\n"
        in_linecache("<cell 1>", text)
        scope: dict = {}
        exec(compile(text, "<cell 1>", "exec"), scope)
        assert find_source(scope["f"]).text == "def f(x):\n    return x\n"
        del linecache.cache["<cell 1>"]

    def test_a_cell_that_awaits_at_its_top(self):
        import ast

        text = "await g()\nf = lambda x: x\n"
        in_linecache("<cell 2>", text)
        code = compile(text, "<cell 2>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        fn = types.FunctionType(next(nested_codes(code)), {})
        assert find_source(fn).text == "lambda x: x"
        del linecache.cache["<cell 2>"]

    def test_future_flags_of_an_earlier_cell_are_kept(self):
        import __future__

        text = "def f(x):\n    def g(y: int): ...\n    return g\n"
        in_linecache("<cell 3>", text)
        scope: dict = {}
        exec(compile(text, "<cell 3>", "exec", __future__.annotations.compiler_flag, dont_inherit=True), scope)
        assert remade(scope["f"])(1).__annotations__ == {"y": "int"}
        del linecache.cache["<cell 3>"]

    def test_ipython_cell(self):
        shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell.instance()
        shell.run_cell("def f(x):\n    return x + 1\n\nf(1)", store_history=False, silent=True)
        assert find_source(shell.user_ns["f"]).text == "def f(x):\n    return x + 1\n"

    def test_doctest(self):
        seen = []
        test = doctest.DocTestParser().get_doctest(
            ">>> def f(x):\n...     return x\n>>> seen.append(find_source(f).text)\n",
            {"find_source": find_source, "seen": seen},
            "name",
            None,
            0,
        )
        doctest.DocTestRunner().run(test)
        assert seen == ["def f(x):\n    return x\n"]

    def test_functions_with_pytest_assertions_in_them(self):
        def asserts(x):
            assert x > 0, "positive"
            return (lambda: x)()

        assert find_source(asserts).text.startswith("def asserts(x):\n    assert x > 0")


def test_without_columns_in_the_code(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(
        "from janusx.sources import find_source\n"
        "f, g = lambda x: x + 1, lambda x: lambda y: x + y\n"
        "print(find_source(g).text, find_source(f).text, find_source(g(1)).text, sep='; ')\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", path], capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert done.stdout == "lambda x: lambda y: x + y; lambda x: x + 1; lambda y: x + y\n", done.stderr


def test_a_method_of_a_cell_that_imports_what_it_calls_is_found(tmp_path: Path) -> None:
    """IPython compiles a cell's statements one by one, which gives other code than compiling the cell."""
    text = "import math\n\nclass Circle:\n    def area(self, r):\n        return math.sqrt(r) * r\n"
    filename = "<cell that imports>"
    scope: dict[str, Any] = {"__name__": "__main__"}
    for node in ast.parse(text).body:
        exec(compile(ast.Module([node], []), filename, "exec"), scope)
    lines: list[str] = list(text.splitlines(keepends=True))
    linecache.cache[filename] = (len(text), None, lines, filename)
    assert find_source(scope["Circle"].area).text.startswith("def area")
