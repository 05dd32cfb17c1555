"""Errors: the user's own, as Python raises them, and JanusX's, each with its code, place, reason and remedy."""

from __future__ import annotations

import functools
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
    ],
    ids=str,
)
def test_bad_options_are_refused_at_once(subject: Subject, options: dict[str, Any]) -> None:
    if subject is PLAIN:
        pytest.skip("plain Python refuses nothing")
    with pytest.raises((ValueError, TypeError), match="JX0106"):
        subject.convert(lambda x: x, **options)


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
