"""An entry serves every instance of one structure and keeps none of the user's objects alive."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import jax.numpy as jnp
import pytest

from tests.conformance.harness import WARM_UP, Subject

UP = jnp.array([1.0, 2.0, 3.0])


class Model:
    def __init__(self) -> None:
        self.w, self.count, self.parts, self.table = jnp.zeros(3), 0, [Part(), Part()], {"part": Part()}

    def step(self, x: Any) -> Any:
        self.count += 1
        if x.sum() > 0:
            self.w = self.w + x
        for part in self.parts:
            part.w = part.w + x
        self.last = Part()
        return self.w * self.count + self.table["part"].w


class Part:
    def __init__(self) -> None:
        self.w = jnp.ones(3)


def collected(reference: weakref.ref[Any]) -> bool:
    for _ in range(3):
        gc.collect()
    return reference() is None


def step(model: Any, x: Any) -> Any:
    return Model.step(model, x)


def test_no_entry_keeps_an_argument_or_what_it_holds_alive(subject: Subject) -> None:
    g = subject.convert(step, **subject.options)
    model = Model()
    for k in range(WARM_UP):
        g(model, UP * (-1) ** k)
    held = [weakref.ref(one) for one in (model, model.parts[0], model.table["part"], model.last, model.w)]
    del model
    assert [collected(one) for one in held] == [True] * len(held)


def test_a_method_converted_on_its_class_keeps_no_instance_alive(subject: Subject) -> None:
    class Mine(Model):
        pass

    Mine.step = subject.convert(Model.step, **subject.options)  # type: ignore[method-assign]
    first, second = Mine(), Mine()
    for _ in range(WARM_UP):
        first.step(UP)
        second.step(UP)
    held = weakref.ref(first), weakref.ref(first.parts[1])
    del first
    assert [collected(one) for one in held] == [True, True]
    assert second.step(UP) is not None


def test_array_arguments_and_results_are_not_kept(subject: Subject) -> None:
    g = subject.convert(lambda x: x * 2 if x.sum() > 0 else x - 1, **subject.options)
    x = y = UP
    for _ in range(WARM_UP):
        x = UP + 1
        y = g(x)
    held = weakref.ref(x), weakref.ref(y)
    del x, y
    assert [collected(one) for one in held] == [True, True]


def test_a_call_that_raises_keeps_nothing_either(subject: Subject) -> None:
    def refuse(model: Any, x: Any) -> Any:
        model.count += 1
        if x.sum() < 0:
            raise ValueError("negative")
        return model.w + x

    g = subject.convert(refuse, **subject.options)
    model = Model()
    for _ in range(WARM_UP):
        g(model, UP)
    with pytest.raises(ValueError, match="negative"):
        g(model, -UP)
    held = weakref.ref(model)
    del model
    assert collected(held)


def test_the_converted_function_goes_with_its_last_user(subject: Subject) -> None:
    def make() -> Any:
        model = Model()

        def closed(x: Any) -> Any:
            model.count += 1
            return model.w + x

        return subject.convert(closed, **subject.options), model

    g, model = make()
    for _ in range(WARM_UP):
        g(UP)
    held = weakref.ref(model)
    del g, model
    assert collected(held), "a closure's objects live as long as the closure, not as long as the cache"


def test_many_calls_with_changing_counters_leave_nothing_behind(subject: Subject) -> None:
    g = subject.convert(step, **subject.options)
    model = Model()

    def after(calls: int) -> int:
        for _ in range(calls):
            g(model, UP)
        gc.collect()
        return len(gc.get_objects())

    after(20)
    first = after(20)
    assert after(200) - first < 50, "objects grow with the number of calls"
