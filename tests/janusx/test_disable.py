"""`janusx.disable` and `disable=True`: what is disabled runs in plain Python, at once and without a warning."""

from __future__ import annotations

import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.core import Tracer

import janusx
from janusx.errors import ClassGivenError, NotCallableError

X = jnp.arange(3.0)


def last(g: Any) -> str | None:
    return janusx.stats(g).last_call


def cuts(g: Any) -> list[str]:
    split = janusx.explain(g).split
    return [] if split is None else [cut.reason for cut in split.cuts]


def test_a_function_that_is_compiled_already_is_disabled_at_once_and_compiled_again_afterwards() -> None:
    g = janusx.convert(lambda x: x + 1)
    g(X)
    with janusx.disable(reason="to step through it"):
        g(X)
        assert last(g) == "eager"
    g(X)
    with janusx.config.using(disable=True):
        g(X)
        assert last(g) == "eager"
        with janusx.config.using(disable=False):
            g(X)
            assert last(g) == "compiled"
    with jax.disable_jit():
        g(X)
        assert last(g) == "eager"
    try:
        janusx.config.update("disable", True)
        g(X)
        assert last(g) == "eager"
    finally:
        janusx.config.update("disable", False)
    g(X)
    stats = janusx.stats(g)
    assert (stats.last_call, stats.compiled, stats.eager, stats.recompilations) == ("compiled", 4, 4, 0)


def test_other_threads_run_compiled_while_one_is_disabled() -> None:
    g = janusx.convert(lambda x: x + 1)
    g(X)
    found: list[str | None] = []

    def call() -> None:
        g(X)
        found.append(last(g))

    with janusx.disable():
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        call()
    assert found == ["compiled", "eager"]


def test_a_disabled_function_runs_in_python_also_where_it_is_called_and_nobody_is_warned() -> None:
    traced: list[bool] = []

    @janusx.disable(reason="it is meant")
    def plain(x):
        traced.append(isinstance(x, Tracer))
        return x + 1

    def f(x):
        y = jnp.tanh(x @ x)
        z = plain(y)
        return jnp.tanh(z * z)

    g = janusx.convert(f)
    for _ in range(3):
        assert jnp.allclose(g(X), f(X))
    assert not any(traced)
    assert last(g) == "mixed"
    (reason,) = cuts(g)
    assert reason.endswith(".plain is disabled: it is meant")
    alone = janusx.convert(plain)
    alone(X)
    assert last(alone) == "eager"


def test_a_disabled_block_of_a_converted_function_runs_in_python() -> None:
    traced: list[bool] = []

    def f(x):
        y = jnp.tanh(x @ x)
        with janusx.disable(reason="under the magnifying glass"):
            traced.append(isinstance(y, Tracer))
            y = y + 1
        return jnp.tanh(y * y)

    g = janusx.convert(f)
    for _ in range(3):
        assert jnp.allclose(g(X), f(X))
    assert not any(traced)
    assert last(g) == "mixed"
    assert cuts(g) == ["the block is disabled: under the magnifying glass"]


class Scale:
    factor = 2.0

    @janusx.disable
    @janusx.convert
    def converted(self, x):
        return x * self.factor

    @janusx.disable(reason="a method")
    @staticmethod
    def static(x):
        return x + 1

    def method(self, x):
        return x * self.factor

    def __call__(self, x):
        return x - self.factor


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: Scale().method, id="a bound method"),
        pytest.param(lambda: functools.partial(Scale.method, Scale()), id="a partial"),
        pytest.param(lambda: Scale(), id="a callable object"),
        pytest.param(lambda: jnp.tanh, id="a library's function"),
    ],
)
def test_whatever_can_be_called_can_be_disabled(given: Any) -> None:
    plain = given()
    traced: list[bool] = []

    @janusx.disable
    def disabled(x: Any) -> Any:
        traced.append(isinstance(x, Tracer))
        return plain(x)

    wrapped = janusx.disable(plain)
    g = janusx.convert(lambda x: wrapped(disabled(x * 2)))
    assert jnp.allclose(g(X), plain(plain(X * 2)))
    assert not any(traced)


def test_converted_and_static_methods_can_be_disabled() -> None:
    scale = Scale()
    assert (scale.converted(X) == X * 2).all()
    assert last(Scale.converted) == "eager"
    g = janusx.convert(lambda x: scale.static(x))
    assert (g(X) == X + 1).all()
    assert last(g) == "eager"


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(NotCallableError, match=r"JX0103(.|\n)*janusx.disable\(reason='too slow'\)"):
        janusx.disable("too slow")  # type: ignore[arg-type]
    with pytest.raises(ClassGivenError, match=r"JX0104(.|\n)*disable its methods"):
        janusx.disable(Scale)
