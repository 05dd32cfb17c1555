"""Errors: the user's own, as Python raises them, and JanusX's, each with its code, place, reason and remedy."""

from __future__ import annotations

import functools
import re
import traceback
from typing import Any

import jax.numpy as jnp
import pytest

from tests.conformance import errors
from tests.conformance.harness import PLAIN, Scenario, Subject, check, fresh_module, scenarios

UP = jnp.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("case", scenarios(vars(errors)))
def test_errors(case: Scenario, subject: Subject) -> None:
    check(case, subject)


async def coroutine(x: Any) -> Any:
    return x


async def async_generator(x: Any) -> Any:
    yield x


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(len, "JX0102", id="a builtin"),
        pytest.param([].append, "JX0102", id="a builtin method"),
        pytest.param(3, "JX0103", id="a number"),
        pytest.param("f", "JX0103", id="a text"),
        pytest.param(dict, "JX0104", id="a builtin class"),
        pytest.param(type("Mine", (), {}), "JX0104", id="a class"),
        pytest.param(coroutine, "JX0105", id="a coroutine function"),
        pytest.param(async_generator, "JX0105", id="an async generator function"),
        pytest.param(functools.partial(len), "JX0102", id="a partial of a builtin"),
        pytest.param(str.upper, "JX0102", id="a method of a builtin class"),
        pytest.param(int.__add__, "JX0102", id="a slot of a builtin class"),
        pytest.param((1).__add__, "JX0102", id="a bound slot"),
        pytest.param(vars(dict)["fromkeys"], "JX0102", id="a class method of a builtin class"),
        pytest.param(type("Waits", (), {"__call__": coroutine})(), "JX0105", id="an object whose call is a coroutine"),
        pytest.param(functools.partial(coroutine), "JX0105", id="a partial of a coroutine function"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_a_code(subject: Subject, given: Any, code: str) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python refuses nothing")
    with pytest.raises(Exception, match=code) as caught:
        subject.convert(given)
    said = caught.value
    assert getattr(said, "why", None) and getattr(said, "remedy", None)


@pytest.mark.parametrize(
    "options",
    [
        {"profile_runs": -1},
        {"profile_runs": "three"},
        {"recompile_limit": 0.5},
        {"on_unsupported": "splitt"},
        {"on_violation": "explode"},
        {"guards": "flag"},
        {"speculate": "no"},
        {"name": 3},
        {"static_argnums": 4},
        {"static_argnums": "x"},
        {"donate_argnames": "y"},
        {"static_argnums": 0, "donate_argnames": "x"},
    ],
    ids=str,
)
def test_bad_options_are_refused_at_once(subject: Subject, options: dict[str, Any]) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python refuses nothing")
    with pytest.raises((ValueError, TypeError), match="JX0106"):
        subject.convert(lambda x: x, **options)


BAD = """
import functools, janusx

class Model:
    def step(self, x):
        return x

    @staticmethod
    def fixed(x):
        return x

    async def wait(self, x):
        return x

    @property
    def shown(self):
        return 1

def f(x):
    if x.sum() > 0:
        return x
    return None
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            lambda module: module.Model,
            """\
[JX0104] the class Model was given to convert.
  at {file}:4
      class Model:
      ^
  why: calling a class makes an object; the work is in its methods.
  what to do: decorate the methods to be converted, or convert a function that uses the class.
  see: docs/errors.md#jx0104""",
            id="a class",
        ),
        pytest.param(
            lambda module: module.Model().wait,
            """\
[JX0105] Model.wait is an async function.
  at {file}:12
      async def wait(self, x):
      ^
  why: a coroutine gives up control in the middle, and a compiled program cannot.
  what to do: move the computation to an ordinary function, convert that one and call it from the coroutine.
  see: docs/errors.md#jx0105""",
            id="an async method",
        ),
        pytest.param(
            lambda module: vars(module.Model)["fixed"],
            """\
[JX0103] a staticmethod object was given to convert.
  at {file}:8
      @staticmethod
      ^
  why: a staticmethod object makes a function of a class, and is none itself.
  what to do: Put @staticmethod above @janusx.convert.
  see: docs/errors.md#jx0103""",
            id="a staticmethod object",
        ),
        pytest.param(
            lambda module: module.Model.shown,
            """\
[JX0103] a property object was given to convert.
  at {file}:15
      @property
      ^
  why: a property object makes a function of a class, and is none itself.
  what to do: Put @property above @janusx.convert.
  see: docs/errors.md#jx0103""",
            id="a property object",
        ),
        pytest.param(
            lambda module: module.Model(),
            """\
[JX0103] <program.Model object> was given to convert, which cannot be called.
  why: only functions, methods and objects with `__call__` can be converted.
  what to do: give convert the function itself, not the result of calling it.
  see: docs/errors.md#jx0103""",
            id="an object",
        ),
        pytest.param(
            lambda module: print,
            """\
[JX0102] print is written in C and has no source to convert.
  why: it is written in C: there is no Python in it to convert.
  what to do: call it from a Python function and convert that one.
  see: docs/errors.md#jx0102""",
            id="a builtin",
        ),
    ],
)
def test_a_refusal_says_what_where_why_and_what_to_do(subject: Subject, given: Any, message: str) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python refuses nothing")
    module = fresh_module(BAD)
    with pytest.raises(Exception, match="JX") as caught:
        subject.convert(given(module))
    said = re.sub(r"<program_\w+\.Model object at \w+>", "<program.Model object>", str(caught.value))
    assert said == message.format(file=module.__file__)


def test_a_near_miss_of_an_option_is_named(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python refuses nothing")
    with pytest.raises(TypeError, match="JX0106") as caught:
        subject.convert(lambda x: x, on_unsuported="split")
    assert "unexpected keyword argument 'on_unsuported'." in str(caught.value)
    assert str(caught.value).splitlines()[1].endswith("; did you mean 'on_unsupported'?")
    with pytest.raises(ValueError, match=r"JX0106(.|\n)*; did you mean 'recompile'\?\n"):
        subject.convert(lambda x: x, on_violation="recompil")
    with pytest.raises(TypeError, match="JX0106") as caught:
        subject.convert(lambda x: x, colour="red")
    assert "did you mean" not in str(caught.value)


def test_a_profile_that_does_not_fit_says_where_and_what_was_assumed(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    module = fresh_module(BAD)
    g = subject.convert(module.f, on_violation="error")
    for _ in range(6):
        g(UP)
    with pytest.raises(Exception, match="JX0302") as caught:
        g(-UP)
    said = str(caught.value)
    assert f"  at {module.__file__}:20\n      if x.sum() > 0:\n      ^\n" in said
    assert "x.sum() > 0" in said.splitlines()[0]
    assert 'what to do: use on_violation="recompile", or keep the fact constant.' in said
    relaxed = subject.convert(module.f)
    for x in (UP, UP, UP, UP, -UP, UP):
        found, expected = relaxed(x), module.f(x)
        assert (found is None) == (expected is None)


def test_a_function_without_source_still_runs_and_says_why(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python needs no source")
    import janusx

    scope: dict[str, Any] = {}
    exec("def double(x):\n    return x * 2\n", scope)
    g = subject.convert(scope["double"])

    def run() -> None:
        for _ in range(5):
            assert (g(UP) == UP * 2).all()

    with pytest.warns(UserWarning, match="JX0304|JX0101"):
        run()
    assert "source" in str(janusx.explain(g))
    with pytest.raises(Exception, match="JX0101"):
        subject.convert(scope["double"], on_unsupported="error")(UP)


def test_no_frame_of_janusx_is_shown_unless_asked_for(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    module = fresh_module("def f(x):\n    y = x + 1\n    return y.missing\n")
    g = subject.convert(module.f)

    def files() -> list[str]:
        with pytest.raises(AttributeError) as caught:
            g(UP)
        return [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]

    for _ in range(4):
        assert not [name for name in files() if "/janusx/" in name and "tests" not in name]
    monkeypatch.setenv("JANUSX_TRACEBACK", "full")
    import janusx

    with janusx.config.using(traceback="full"):
        assert [name for name in files() if "/janusx/" in name]


@pytest.mark.parametrize("stage", ["trace", "lower"])
def test_no_frame_of_janusx_is_shown_where_a_program_is_asked_for(subject: Subject, stage: str) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    module = fresh_module("def f(x):\n    y = x + 1\n    return y.missing\n")
    with pytest.raises(AttributeError) as caught:
        getattr(subject.convert(module.f), stage)(UP)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert not [frame.filename for frame in frames if "/janusx/" in frame.filename and "tests" not in frame.filename]
    assert frames[-1].filename == module.__file__


def test_a_warning_is_given_at_the_line_of_the_call(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    module = fresh_module(
        "import time\n\ndef cut(x):\n    time.time()\n    return x * 2\n\ndef plain(x):\n    yield x\n\n"
        "def call(g, *args):\n    return g(*args)\n"
    )
    limited = subject.convert(lambda x: x * 2, recompile_limit=1)
    limited(UP)
    for g, args in ((subject.convert(module.cut), UP), (subject.convert(module.plain), UP), (limited, UP[:2])):
        with pytest.warns(UserWarning, match=r"JX030\d") as caught:
            module.call(g, args)
        assert [(each.filename, each.lineno) for each in caught] == [(module.__file__, 11)] * len(caught)


def test_on_unsupported_error_names_place_and_reason(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")
    module = fresh_module("def f(x):\n    y = x + 1\n    yield y\n")
    with pytest.raises(Exception, match=r"JX0301(.|\n)*program_\w+\.py"):
        subject.convert(module.f, on_unsupported="error")(UP)


def test_on_violation_error_and_callable(subject: Subject) -> None:
    if subject is PLAIN:
        pytest.skip("not about plain Python")

    def f(x: Any) -> Any:
        if x.sum() > 0:
            return x
        return None

    strict = subject.convert(f, on_violation="error")
    heard: list[Any] = []
    told = subject.convert(f, on_violation=heard.append)
    for _ in range(6):
        strict(UP)
        told(UP)
    with pytest.raises(Exception, match="JX0302"):
        strict(-UP)
    assert told(-UP) is None
    assert len(heard) == 1
