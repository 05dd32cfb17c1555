"""Recursion whose depth arrays decide, by behaviour and by rung; in batches; where no machine can be made."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import janusx
from tests.conformance import recursion
from tests.conformance.harness import Scenario, Subject, check, scenarios


@pytest.mark.parametrize("case", scenarios(vars(recursion)))
def test_recursion(case: Scenario, subject: Subject) -> None:
    check(case, subject)


def fib(n: Any) -> Any:
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def power(w: Any, n: Any) -> Any:
    if n == 0:
        return w
    half = power(w, n // 2)
    return half * half if n % 2 == 0 else half * half * w


def test_every_lane_of_a_batch_is_at_a_block_of_its_own(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("plain Python has no batch of decisions")
    batched = subject.convert(lambda ns: jax.vmap(fib)(ns))
    for ns in (jnp.arange(8), jnp.array([3, 12, 0, 7])):
        np.testing.assert_array_equal(batched(ns), [fib(n) for n in ns])
        assert subject.stats(batched).last_call == "compiled"


def test_too_deep_for_python_is_too_deep_here(subject: Subject) -> None:
    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        def down(self, n: Any) -> Any:
            self.calls += 1
            if n == 0:
                return 0
            return self.down(n - 1) + 1

        def forever(self, n: Any) -> Any:
            self.calls += 1
            return self.forever(n + 1) if n >= 0 else n

    counter = Counter()
    down, forever = subject.convert(counter.down), subject.convert(counter.forever)
    assert [down(jnp.array(n)) for n in (3, 3, 3, 3)] == [3] * 4
    for fn in (down, forever):
        before = counter.calls
        with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
            fn(jnp.array(5000))
        assert counter.calls > before + 10  # Python's own run, and only that, has counted
        assert counter.calls < before + 1000
    before = counter.calls
    assert down(jnp.array(2)) == 2
    assert counter.calls == before + 3


def test_the_report_is_about_the_functions_of_the_user(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("not about plain Python")
    converted = subject.convert(fib)
    converted(jnp.array(5))
    about = janusx.explain(converted)
    assert [each.name for each in about.functions] == ["fib"]
    assert {(site.text, site.rung) for site in about.functions[0].sites} == {("n < 2", "stage"), ("fib", "stage")}
    assert "a function is within itself at most 32 times" in str(about)
    assert "def block_3(n)" in janusx.source(converted)


def test_under_an_outer_transform_it_is_an_error_that_says_what_to_do(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("not about plain Python")
    with pytest.raises(janusx.errors.UnsupportedError, match="apply the transform within a converted function"):
        jax.vmap(subject.convert(fib))(jnp.arange(3))


def test_the_gradient_in_a_batch_of_depths(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("plain Python has no batch of decisions")
    batched = subject.convert(lambda w, ns: jax.vmap(jax.value_and_grad(power), (0, 0))(w, ns))
    w, ns = jnp.linspace(0.5, 1.5, 6), jnp.arange(6)
    values, grads = batched(w, ns)
    for i in range(6):
        value, grad = jax.value_and_grad(power)(w[i], ns[i])
        np.testing.assert_allclose((values[i], grads[i]), (value, grad), rtol=1e-5)


def test_a_number_against_an_array_stays_in_python_and_says_so(subject: Subject) -> None:
    if subject.stats is None:
        pytest.skip("not about plain Python")

    def ackermann(m: Any, n: Any) -> Any:
        if m == 0:
            return n + 1
        if n == 0:
            return ackermann(m - 1, 1)
        return ackermann(m - 1, ackermann(m, n - 1))

    converted = subject.convert(ackermann)
    assert [int(converted(jnp.array(m), jnp.array(n))) for m, n in ((1, 2), (2, 1), (1, 2))] == [4, 5, 4]
