"""What has no source, or another one than what runs."""

from __future__ import annotations

import linecache
import math

import pytest

from janusx import errors
from janusx.sources import (
    find_source,
)
from tests.janusx.sources.samples import Model, in_linecache, module_of


class TestRefusals:
    def test_no_source(self):
        scope: dict = {}
        exec(compile("def f(x): return x", "<nowhere>", "exec"), scope)
        with pytest.raises(errors.NoSourceError, match=r"JX0101.*f cannot be found") as caught:
            find_source(scope["f"])
        assert caught.value.place == errors.Place("<nowhere>", 1)
        assert "<nowhere>" in caught.value.why

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
