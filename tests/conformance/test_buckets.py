"""Arguments padded to buckets: what code may do with one, for every length, and what ends the attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import janusx
from tests.conformance.walk import Tolerance, differences, observe

LENGTHS = (5, 5, 7, 8, 3, 11, 12, 9, 20, 23, 6, 1)
WEIGHTS = {"x": jnp.eye(3) * 0.5, "h": jnp.array([[0.9, 0.3, -0.2], [-0.3, 0.8, 0.1], [0.2, 0.1, 0.9]])}


def rows(length: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed + length).uniform(0.1, 1.0, (length, 2, 3)), jnp.float32)


def compare(plain: Callable[..., Any], converted: Any, *args: Any) -> None:
    expected, found = observe({"result": plain(*args)}), observe({"result": converted(*args)})
    lines = list(differences(expected.facts, found.facts, Tolerance()))
    assert not lines, f"{[getattr(a, 'shape', a) for a in args]}: {lines}"


def loss(weights: Any, xs: Any, ys: Any) -> Any:
    h, total = jnp.zeros((2, 3)), jnp.float32(0.0)
    for x, y in zip(xs, ys, strict=True):
        h = jnp.tanh(x @ weights["x"] + h @ weights["h"])
        total = total + jnp.mean((h - y) ** 2)
    return total / len(xs)


def test_a_recurrent_network_over_batches_of_many_lengths_has_a_program_a_bucket() -> None:
    def step(weights: Any, xs: Any, ys: Any) -> Any:
        return jax.value_and_grad(loss)(weights, xs, ys)

    converted = janusx.convert(step, buckets={"xs": 0, "ys": 0})
    for length in LENGTHS:
        compare(step, converted, WEIGHTS, rows(length), rows(length, 7))
        assert janusx.stats(converted).last_call == "compiled"
    assert janusx.stats(converted).entries == 3  # for 8, 12 and 24 rows
    assert janusx.stats(converted).eager == 0


def next_tokens(weights: Any, xs: Any) -> Any:
    h, total = jnp.zeros((2, 3)), jnp.float32(0.0)
    for t, (x, y) in enumerate(zip(xs[:-1], xs[1:])):  # noqa: B905
        h = jnp.tanh(x @ weights["x"] + h @ weights["h"])
        total = total + jnp.mean((h - y) ** 2) * (t + 1)
    return total


def by_number(weights: Any, xs: Any) -> Any:
    h = jnp.zeros((2, 3))
    for t in range(xs.shape[0]):
        h = jnp.tanh(xs[t] @ weights["x"] + h @ weights["h"])
    return h


def from_the_end(weights: Any, xs: Any) -> Any:
    h = xs[-1]
    for x in reversed(xs):
        h = jnp.tanh(x @ weights["x"] + h @ weights["h"])
        if h.sum() < 0.3:
            break
    return h, xs[0], len(xs), xs.shape, xs.ndim, xs.dtype


def reductions(weights: Any, xs: Any) -> Any:
    scaled = jnp.exp(xs @ weights["x"]) / 2.0
    centred = scaled - scaled.mean(0)
    return (
        (centred**2).sum(0),
        jnp.max(jnp.log(xs)),
        xs.min(axis=(0, 2)),
        jnp.mean(jnp.where(xs > 0.5, xs, 0.0), axis=0, keepdims=True),
        jnp.any(xs > 0.99),
        xs.sum(axis=2).mean(),
        xs[:, 0].max(axis=0),
    )


def leaving(weights: Any, xs: Any) -> Any:
    return xs, xs * 2.0, {"last": xs[1:]}, jnp.tanh(xs @ weights["h"])


def in_branches(weights: Any, xs: Any) -> Any:
    if xs.sum() > 5.0:
        xs = xs * 0.5
    kept = xs if len(xs) > 6 else xs + 1.0
    return kept.sum(0), kept


@pytest.mark.parametrize("program", [next_tokens, by_number, from_the_end, reductions, leaving, in_branches])
def test_what_is_known_to_be_right_for_every_length(program: Callable[..., Any]) -> None:
    converted = janusx.convert(program, buckets={"xs": 0}, recompile_limit=20)
    for length in LENGTHS:
        compare(program, converted, WEIGHTS, rows(length))
    assert "no padding" not in str(janusx.explain(converted))
    assert janusx.stats(converted).entries <= 8


def test_an_argument_that_is_returned_is_the_same_object_and_one_that_is_kept_too() -> None:
    class Model:
        last: Any = None

        def see(self, xs: Any) -> Any:
            self.last = xs
            return xs, xs.sum()

    model, see = Model(), janusx.convert(Model.see, buckets={"xs": 0}, recompile_limit=20)
    for length in LENGTHS:
        xs = rows(length)
        assert see(model, xs)[0] is xs
        assert model.last is xs


def test_no_rows() -> None:
    def total(xs: Any) -> Any:
        h = jnp.zeros((2, 3))
        for x in xs:
            h = h + x
        return h, xs.sum(0)

    converted = janusx.convert(total, buckets={"xs": 0})
    for length in (4, 0, 5, 0):
        compare(total, converted, rows(length))


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (lambda xs: jnp.cumsum(xs, axis=0), "given whole to cumsum"),
        (lambda xs: xs.reshape(-1), "reshape is used"),
        (lambda xs: jnp.linalg.norm(xs), "given whole to norm"),
        (lambda xs: jax.grad(lambda xs: jnp.sum(xs**2))(xs), "given whole"),
        (lambda xs: xs[jnp.array([0, 1])], "indexed by an array"),
        (lambda xs: xs[::2], "cut by more"),
        (lambda xs: xs.T @ xs[:, 0], "T is used"),
        (lambda xs: jax.vmap(jnp.sum)(xs), "given whole"),
    ],
)
def test_anything_else_is_compiled_for_each_shape_and_the_report_says_why(
    program: Callable[..., Any], why: str
) -> None:
    converted = janusx.convert(program, buckets={"xs": 0}, recompile_limit=20)
    for length in (3, 4, 3, 9):
        compare(program, converted, rows(length))
        assert janusx.stats(converted).last_call == "compiled"
    told = " ".join(str(janusx.explain(converted)).split())
    assert "no padding, a program for each shape" in told
    assert why in told


def test_rows_after_the_length_poison_no_gradient() -> None:
    def f(scale: Any, xs: Any) -> Any:
        return jax.grad(lambda s: jnp.sum(jnp.log(xs * s)) + jnp.max(jnp.sqrt(xs) * s))(scale)

    converted = janusx.convert(f, buckets={"xs": 0})
    for length in LENGTHS:
        compare(f, converted, jnp.float32(1.5), rows(length))
    assert janusx.stats(converted).entries == 3


def test_lists_that_a_loop_over_rows_fills() -> None:
    def f(xs: Any) -> Any:
        found = []
        for x in xs:
            found.append(x.sum())
        return found, len(found)

    converted = janusx.convert(f, buckets={"xs": 0})
    for length in (3, 4, 9, 3):
        compare(f, converted, rows(length))


@pytest.mark.parametrize("buckets", [{"zs": 0}, {"xs": 1}, ["xs"], {"xs": "0"}])
def test_bad_buckets(buckets: Any) -> None:
    with pytest.raises(janusx.errors.JanusXError, match=r"bucket|padded"):
        janusx.convert(lambda xs: xs, buckets=buckets)
