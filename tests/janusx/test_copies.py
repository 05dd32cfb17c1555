"""Converted functions are copied and pickled as functions are: by name, where they have one."""

from __future__ import annotations

import copy
import functools
import pickle

import jax.numpy as jnp
import pytest

import janusx


@janusx.convert
def double(x: object) -> object:
    return x * 2  # type: ignore[operator]


class Counter:
    @janusx.convert
    def step(self, x: object) -> object:
        return x + 1  # type: ignore[operator]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_converted_function_is_pickled_by_name(protocol: int) -> None:
    assert pickle.loads(pickle.dumps(double, protocol)) is double
    assert pickle.loads(pickle.dumps(Counter.step, protocol)) is Counter.step


def test_a_bound_method_that_is_converted_is_pickled_with_its_object() -> None:
    again = pickle.loads(pickle.dumps(Counter().step))
    assert type(again.__self__) is Counter
    assert again(jnp.ones(2)).tolist() == [2.0, 2.0]


def test_a_copy_of_a_converted_function_is_itself() -> None:
    assert copy.copy(double) is double
    assert copy.deepcopy({"step": double})["step"] is double


def test_what_has_no_name_of_its_own_is_not_pickled() -> None:
    inner = janusx.convert(lambda x: x)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(inner)


def triple(x: object) -> object:
    return x * 3  # type: ignore[operator]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_has_no_name_of_its_own_is_made_again_with_its_options(protocol: int) -> None:
    limited = janusx.convert(triple, recompile_limit=2, name="thrice")
    held = {"limited": limited, "partial": janusx.convert(functools.partial(triple, 2)), "object": Counter()}
    again = pickle.loads(pickle.dumps(held, protocol))
    assert again["limited"](jnp.ones(2)).tolist() == [3.0, 3.0]
    assert (again["limited"].__name__, again["limited"]._record.options.recompile_limit) == ("thrice", 2)
    assert again["partial"]() == 6
    assert again["object"].step(jnp.ones(2)).tolist() == [2.0, 2.0]


def test_what_plain_python_cannot_pickle_cannot_be_pickled() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(janusx.convert(lambda x: x))


def test_a_deep_copy_of_an_object_shares_the_converted_functions_that_it_holds() -> None:
    held = {"f": janusx.convert(lambda x: x + 1), "list": []}
    again = copy.deepcopy(held)
    assert again["f"] is held["f"]
    assert again["list"] is not held["list"]
