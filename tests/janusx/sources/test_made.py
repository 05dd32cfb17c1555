"""Functions made of emitted text look like the originals, and are known."""

from __future__ import annotations

import inspect
import sys
import traceback
import types

import pytest

from janusx import errors
from janusx.sources import (
    compile_function,
    find_source,
    is_emitted,
    make_function,
    nested_codes,
    origin,
)
from tests.janusx.sources.samples import Model, Text, as_it_is, fib, module_of, pair, plain, remade


def outside(self):
    return super().greet()  # pyright: ignore[reportGeneralTypeIssues]


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

    def test_super_outside_of_a_class_has_no_class_to_find(self):
        made = remade(outside)
        assert made.__code__.co_freevars == outside.__code__.co_freevars == ()
        with pytest.raises(RuntimeError, match="__class__ cell not found"):
            made(Model())
        assert made.__qualname__ == outside.__qualname__

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
