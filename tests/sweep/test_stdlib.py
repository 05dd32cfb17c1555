"""The standard library's own tests with all functions converted: a few modules; `nox -s sweep` runs them all."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sweep import stdlib
from tests.sweep.hook import load_wrapped
from tests.sweep.stdlib import Outcome, available, broken, run_apart

needs_tests = pytest.mark.skipif(not available(), reason="this Python comes without its own tests")


@needs_tests
@pytest.mark.parametrize(("name", "ways"), [("test_bisect", stdlib.WAYS), ("test_textwrap", ["converted"])])
def test_what_passes_plain_passes_converted(name: str, ways: Sequence[str]) -> None:
    plain = run_apart(name, "plain")
    for way in ways:
        other = run_apart(name, way)
        assert not broken(plain, other)
        assert other.tests == plain.tests
        assert other.functions > 5
        if way == "converted":
            assert other.calls["calls"] > 100


def test_functions_methods_and_lambdas_are_wrapped_when_they_are_defined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrapped_here.py").write_text(
        "import functools\n"
        "f = lambda x: (lambda: x)\n"
        "def g(x, key=lambda y: y): return [lambda: i for i in x]\n"
        "class A:\n"
        "    def __new__(cls): return object.__new__(cls)\n"
        "    def __init_subclass__(cls): cls.made = True\n"
        "    @functools.cache\n"
        "    def m(self): return __class__\n"
        "class B(A): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    wrapped: list[str] = []

    class Standing:
        """Like a converted function: no plain function, but bound like one."""

        def __init__(self, fn: types.FunctionType) -> None:
            self.fn = fn
            wrapped.append(f"{fn.__code__.co_firstlineno} {fn.__qualname__}")

        def __call__(self, *args: object) -> object:
            return self.fn(*args)

        def __get__(self, instance: object, owner: type) -> object:
            return self if instance is None else types.MethodType(self, instance)

    load_wrapped(["wrapped_here"], Standing)
    module = importlib.import_module("wrapped_here")
    assert wrapped == ["2 <lambda>", "3 <lambda>", "3 g", "5 A.__new__", "6 A.__init_subclass__", "7 A.m"]
    assert (module.A().m(), module.B.made) == (module.A, True)
    del sys.modules["wrapped_here"]


def test_only_what_conversion_breaks_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Outcome("plain", 3, 0, {}, {"test_a (test.x.X)": "no network"}, 0.1)
    failed = {"test_a (test.x.X)": "no network", "test_b (test.x.X)": "wrong", "test_c (test.x.X)": "wrong"}
    monkeypatch.setattr(stdlib, "EXCLUDED", {"converted:test_c *": "a reason"})
    assert broken(plain, Outcome("converted", 3, 9, {}, failed, 0.1)) == {"test_b (test.x.X)": "wrong"}


def test_every_exclusion_has_a_reason() -> None:
    assert all(len(reason) > 20 and ":" in pattern for pattern, reason in stdlib.EXCLUDED.items())
