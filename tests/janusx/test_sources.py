"""Finding sources, and making functions that point at them."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import linecache
import math
import subprocess
import sys
import textwrap
import traceback
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from janusx import errors
from janusx.sources import (
    FunctionSource,
    cells_of,
    compile_function,
    find_source,
    is_emitted,
    make_function,
    nested_codes,
    origin,
)


@dataclass(frozen=True)
class Text:
    text: str
    lines: tuple[int, ...]
    ops_name: str = "jx"


def as_it_is(source: FunctionSource) -> Text:
    count = source.text.count("\n") + 1
    return Text(source.text, tuple(range(source.first_line, source.first_line + count)))


def remade(fn, **extra):
    """`fn` through its own source text, and back."""
    source = find_source(fn)
    text = as_it_is(source)
    if source.kind == "lambda":
        head, _, body = source.text.strip("()").partition(":") if "\n" in source.text else source.text.partition(":")
        text = Text(f"def made({head.removeprefix('lambda')}): return ({body})", (source.first_line,) * 3)
    code = compile_function(text, source, source.freevars, original=fn.__code__)
    return make_function(code, fn.__globals__, {**cells_of(fn), "jx": types.CellType(None), **extra}, fn)


def deco(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


def plain(x, y=2):
    """Adds.

    Indented, and to stay so.
    """
    return x + y  # the end


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Base:
    def greet(self) -> str:
        return "base"


class Model(Base):
    @deco
    @deco
    def decorated(self, x):
        return x * 2

    def greet(self) -> str:
        return "model, " + super().greet()

    def strings(self):
        a = """one
        two
    three"""
        return (
            a,
            f"""{a!r}
            {len(a)}""",
        )

    def private(self, __key=1):
        self.__x = __key

        def __get():
            class Other:
                __y = 3

            return vars(Other)

        return vars(self), __get.__name__, sorted(name for name in __get() if "y" in name)

    def hidden(self):
        def inner():
            return 3

        return inner

    @property
    def size(self):
        return 5

    @staticmethod
    def add(a, b):
        return a + b

    @classmethod
    def make(cls):
        return cls()

    async def later(self):
        return 1


# fmt: off
def odd_layout(a,
    b=(1,
2)):
  # a comment
# another one, at the margin
  return (a,
b)


pair = (lambda x: x + 1, lambda x: x + 2)
same = [lambda x: x, lambda x: x]
constants = [lambda: 1, (lambda: lambda: 2), lambda: 3]
nested_lambda = (lambda x: (lambda y: x + y),)[0]
é = {"ü": lambda x: "ü" + x, "b": lambda x: "ä" + x}
spanning = [
    lambda x, y=2: x
    + y
    + 1,
    lambda x, y=2: x
    - y,
]
in_call = functools.reduce(lambda f, g: lambda x: f(g(x)), [lambda x: x + 1, lambda x: x * 2])
# fmt: on


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


def in_linecache(name: str, text: str) -> None:
    linecache.cache[name] = (len(text), None, [str(line) for line in text.splitlines(True)], name)


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


def module_of(path, text, name="janusx_test_module"):
    path.write_text(textwrap.dedent(text))
    module = types.ModuleType(name)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


class TestRefusals:
    def test_no_source(self):
        scope: dict = {}
        exec("def f(x): return x", scope)
        with pytest.raises(errors.NoSourceError, match=r"JX0101.*f cannot be found") as caught:
            find_source(scope["f"])
        assert caught.value.place == errors.Place("<string>", 1)
        assert "<string>" in caught.value.why

    def test_text_that_is_known_under_the_name_but_is_another(self):
        in_linecache("<string>", "import this\n")
        scope: dict = {}
        exec("def f(x): return x", scope)
        with pytest.raises(errors.NoSourceError, match="is another one"):
            find_source(scope["f"])
        del linecache.cache["<string>"]

    @pytest.mark.parametrize("fn", [len, math.sin, "".join, list.append, object.__init__, (1).__add__])
    def test_builtins(self, fn):
        with pytest.raises(errors.BuiltinFunctionError, match="JX0102"):
            find_source(fn)

    @pytest.mark.parametrize("fn", [3, None, Model])
    def test_what_is_no_function(self, fn):
        with pytest.raises(errors.NotCallableError, match="JX0103"):
            find_source(fn)

    def test_an_edited_file(self, tmp_path):
        path = tmp_path / "m.py"
        module = module_of(path, "def f(x):\n    return x + 1\n")
        path.write_text("def f(x):\n    return x + 22\n")
        with pytest.raises(errors.StaleSourceError, match=r"JX0107.*does not fit") as caught:
            find_source(module.f)
        assert "edited" in caught.value.why

    @pytest.mark.parametrize("before", ["1", "(1, 2)", "0.0", "{1, 2}"])
    @pytest.mark.parametrize("after", ["True", "(1.0, 2)", "-0.0", "{1, 3}"])
    def test_constants_that_are_equal_or_nearly_so(self, tmp_path, before, after):
        path = tmp_path / "m.py"
        module = module_of(path, f"def f(x):\n    return x in {before}, {before}\n")
        path.write_text(f"def f(x):\n    return x in {after}, {after}\n")
        with pytest.raises(errors.StaleSourceError):
            find_source(module.f)

    def test_a_file_that_no_longer_compiles(self, tmp_path):
        path = tmp_path / "m.py"
        module = module_of(path, "def f(x):\n    return x + 1\n")
        path.write_text("def f(x):\n    return x +\n")
        with pytest.raises(errors.StaleSourceError, match="cannot be read again"):
            find_source(module.f)

    def test_a_function_that_is_gone(self, tmp_path):
        path = tmp_path / "m.py"
        module = module_of(path, "def f(x):\n    return x + 1\n")
        path.write_text("def g(x):\n    return x + 1\n")
        with pytest.raises(errors.StaleSourceError, match="no f in the file"):
            find_source(module.f)

    def test_a_function_that_only_moved_is_found(self, tmp_path):
        path = tmp_path / "m.py"
        module = module_of(path, "def f(x):\n    return x + 1\n")
        path.write_text("import math\n\ndef f(x):\n    return x + 1\n")
        assert find_source(module.f).first_line == 3


class TestMadeFunctions:
    def test_look_like_the_original(self):
        def original(a, b: int = 2, *args, c=[], d: int, **kwargs) -> tuple:
            """What it does."""
            return a, b, args, c, d, kwargs

        made = remade(original)
        for name in (
            "__name__",
            "__qualname__",
            "__doc__",
            "__module__",
            "__annotations__",
            "__defaults__",
            "__kwdefaults__",
        ):
            assert getattr(made, name) == getattr(original, name)
        assert inspect.signature(made) == inspect.signature(original)
        assert made(1, d=2) == original(1, d=2)
        assert made(1, d=2)[3] is original(1, d=2)[3]

    def test_a_recursive_call_goes_to_the_user_s_global(self):
        made = remade(fib)
        assert made(10) == 55
        assert made.__code__.co_freevars == ()

    def test_super_and_cells_are_shared(self):
        assert remade(Model.greet)(Model()) == "model, base"

        count = 0

        def bump():
            nonlocal count
            count += 1
            return count

        assert remade(bump)() == 1
        assert bump() == 2
        assert count == 2

    def test_private_names_are_mangled_as_in_the_class(self):
        made = remade(Model.private)
        assert made(Model()) == Model().private() == ({"_Model__x": 1}, "__get", ["_Other__y"])
        assert made(Model(), _Model__key=2)[0] == {"_Model__x": 2}

    def test_nested_functions_keep_their_qualified_names(self):
        assert remade(Model.hidden)(Model()).__qualname__ == "Model.hidden.<locals>.inner"

    def test_generators_and_coroutines_stay_so(self):
        def counts(n):
            yield from range(n)

        assert list(remade(counts)(3)) == [0, 1, 2]
        assert inspect.iscoroutinefunction(remade(Model.later))

    @pytest.mark.parametrize("index", [0, 1])
    def test_lambdas(self, index):
        assert remade(pair[index])(1) == pair[index](1)

    def test_defaults_are_not_evaluated_again(self):
        calls = []

        def make(log):
            def f(x=log.append(1)):
                return x

            return f

        f = make(calls)
        assert remade(f)() is None
        assert calls == [1]

    def test_ops_are_a_free_variable(self):
        source = find_source(plain)
        text = Text("def plain(x, y=2):\n    return jx.add(x, y)\n", (source.first_line, source.first_line + 5, 0))
        code = compile_function(text, source, source.freevars)
        made = make_function(code, {}, {"jx": types.CellType(types.SimpleNamespace(add=max))}, plain)
        assert made(1) == 2

    def test_a_traceback_shows_the_user_s_file_and_lines_without_carets(self):
        def fails(x):
            y = x + 1
            return [y / 0 for _ in range(1)]  # here

        made = remade(fails)
        with pytest.raises(ZeroDivisionError) as caught:
            made(1)
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert {frame.filename for frame in frames} == {__file__}
        assert (frames[-1].line or "").endswith("# here")
        assert "^" not in "".join(traceback.format_tb(caught.value.__traceback__)[1:])
        assert made.__code__.co_firstlineno == fails.__code__.co_firstlineno

    def test_text_that_does_not_compile_is_our_fault(self):
        with pytest.raises(errors.InternalError, match="does not compile"):
            compile_function(Text("def f(:", (1,)), find_source(plain), ())
        with pytest.raises(errors.InternalError, match="not one `def`"):
            compile_function(Text("x = 1", (1,)), find_source(plain), ())

    def test_a_missing_cell_is_our_fault(self):
        source = find_source(plain)
        code = compile_function(Text("def f(x): return jx", (1,)), source, ())
        with pytest.raises(errors.InternalError, match="cells of jx"):
            make_function(code, {}, {}, plain)


class TestMarks:
    def test_emitted_code_is_known_at_every_depth(self):
        def outer(x):
            def inner(y):
                return [lambda: y + i for i in range(2)]

            return inner

        made = remade(outer)
        assert is_emitted(made.__code__)
        assert all(map(is_emitted, nested_codes(made.__code__)))
        assert is_emitted(made(1).__code__)
        assert not is_emitted(outer.__code__)
        assert not any(map(is_emitted, nested_codes(outer.__code__)))

    def test_a_mark_is_no_docstring(self):
        def outer():
            return lambda: None

        assert remade(outer)().__doc__ is None

    def test_emitted_code_knows_the_original_and_so_its_source(self):
        def outer(x):
            return (lambda: x), (lambda: -x)

        made = remade(outer)
        assert origin(made.__code__) is outer.__code__
        for one, other in zip(made(1), outer(1), strict=True):
            assert origin(one.__code__) is other.__code__
            assert find_source(one) == find_source(other)

    def test_a_nested_def_is_known_where_a_rewrite_has_added_functions(self):
        def outer(x):
            def inner(y):
                return y

            return inner

        source = find_source(outer)
        lines = tuple(source.first_line + n for n in (0, 0, 1, 2, 4, 4))
        text = "def outer(x):\n def m():\n  def inner(y):\n   return (lambda: y)()\n  return inner\n return m()"
        code = compile_function(Text(text, lines), source, (), original=outer.__code__)
        inner = make_function(code, {}, {}, outer)(1)
        assert find_source(inner).text == "def inner(y):\n    return y\n"
        assert [origin(each) is None for each in nested_codes(code)] == [True, False, True]

    def test_without_an_original_there_is_no_source(self):
        source = find_source(plain)
        made = make_function(compile_function(as_it_is(source), source, ()), {}, {}, plain)
        assert origin(made.__code__) is None
        with pytest.raises(errors.NoSourceError, match="made by JanusX"):
            find_source(made)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are of Python 3.12")
def test_type_parameters(tmp_path):
    module = module_of(tmp_path / "m.py", "def f[T](x: T) -> tuple[T, object]:\n    return x, T\n")
    assert remade(module.f)(1) == module.f(1)


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
