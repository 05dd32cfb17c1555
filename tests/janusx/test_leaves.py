"""The leaf list: what is traced through as it is, what is converted, what may be run again, what only speaks."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import logging
import math
import operator
import types
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from janusx.leaves import dotted_name, is_host_module, is_leaf, is_leaf_module, is_output, is_pure_host


def user_function(x: Any) -> Any:
    return x


class UserClass:
    def method(self, x: Any) -> Any:
        return x

    def __call__(self, x: Any) -> Any:
        return x


class UserDict(dict[str, int]):
    def step(self) -> int:
        return len(self)


@functools.wraps(jnp.sin)
def wrapper_with_a_borrowed_name(x: Any) -> Any:
    return x


@jax.custom_vjp
def user_custom_vjp(x: Any) -> Any:
    return x


def named(value: Any) -> str:
    """A test id without addresses: the workers of pytest-xdist compare them."""
    return f"{type(value).__name__} {getattr(value, '__qualname__', '')}"


@pytest.mark.parametrize(
    "value",
    [
        len,
        int,
        [].append,
        "".join,
        str.upper,
        (3).__add__,
        dict.fromkeys,
        json.dumps,
        collections.OrderedDict,
        functools.reduce,
        operator.add,
        math.sqrt,
        np.sin,
        np.mean,
        np.linalg.norm,
        np.zeros(3).sum,
        jnp.sin,
        jnp.where,
        jax.nn.relu,
        jax.lax.scan,
        jax.random.normal,
        jax.jit(jnp.sin),
        functools.partial(jnp.sum, axis=0),
        optax.adam(1e-3).update,
        logging.getLogger("train").info,
        UserDict().update,
    ],
    ids=named,
)
def test_leaf(value: Any) -> None:
    assert is_leaf(value)


@pytest.mark.parametrize(
    "value",
    [
        user_function,
        lambda x: x,
        UserClass,
        UserClass().method,
        UserClass(),
        UserDict().step,
        wrapper_with_a_borrowed_name,
        functools.partial(user_function, 1),
        functools.partial(functools.partial(user_function), 1),
        functools.lru_cache(user_function),
        jax.jit(user_function),
        jax.grad(user_function),
        user_custom_vjp,
        dataclasses.make_dataclass("Made", ["x"], namespace={"__module__": "train"}),
        3,
        np.zeros(3),
    ],
    ids=named,
)
def test_not_a_leaf(value: Any) -> None:
    assert not is_leaf(value)


def test_a_users_file_with_a_standard_name_is_converted() -> None:
    module = types.ModuleType("queue")
    exec(compile("def push(x): return x", "/home/me/project/queue.py", "exec"), vars(module))
    assert not is_leaf(vars(module)["push"])


@pytest.mark.parametrize(
    "name", ["jax", "jax.numpy", "optax._src.base", "flax.nnx", "builtins", "os.path", "janusx.ops"]
)
def test_leaf_modules(name: str) -> None:
    assert is_leaf_module(name)


@pytest.mark.parametrize(
    "name", ["train", "jaxtra", "my.jax", "janusx.demo", "janusx.demo.lenet", "__main__", "tests.a", ""]
)
def test_modules_that_are_converted(name: str) -> None:
    assert not is_leaf_module(name)


def test_host_modules_take_no_tracers() -> None:
    assert is_host_module("gymnasium.envs")
    assert not is_host_module("jax.numpy")


@pytest.mark.parametrize(
    "value",
    [
        abs,
        min,
        len,
        sum,
        sorted,
        int,
        float,
        math.sqrt,
        operator.add,
        operator.getitem,
        np.sin,
        np.mean,
        np.add,
        np.linalg.norm,
    ]
    + [np.fft.fft, "a b".split, str.upper, (1.5).is_integer, (1, 2).count],
    ids=named,
)
def test_pure_on_the_host(value: Any) -> None:
    assert is_pure_host(value)


@pytest.mark.parametrize(
    "value",
    [
        print,
        input,
        open,
        id,
        next,
        iter,
        setattr,
        list,
        dict,
        [].append,
        {}.get,
        operator.iadd,
        operator.setitem,
        np.copyto,
    ]
    + [
        np.random.normal,
        np.random.default_rng(0).normal,
        np.empty,
        np.save,
        np.zeros(3).sum,
        user_function,
        UserClass,
        list.append,
    ],
    ids=named,
)
def test_not_pure_on_the_host(value: Any) -> None:
    assert not is_pure_host(value)


def test_output_is_print_logging_and_warnings() -> None:
    logger = logging.getLogger("train")
    adapter = logging.LoggerAdapter(logger, {})
    for speaks in (print, warnings.warn, logging.info, logger.info, logger.exception, adapter.warning):
        assert is_output(speaks), speaks


def test_other_logging_calls_are_not_output() -> None:
    class Counting(logging.Logger):
        def info(self, *args: Any, **kwargs: Any) -> None:
            self.count = 1

    for other in (logging.getLogger, logging.getLogger("train").setLevel, Counting("c").info, input, user_function):
        assert not is_output(other), other


def test_dotted_names_are_public() -> None:
    names = (operator.add, warnings.warn, np.sin, str.upper, 3, user_function)
    assert [dotted_name(value) for value in names[:5]] == [
        "operator.add",
        "warnings.warn",
        "numpy.sin",
        "builtins.str.upper",
        "",
    ]
    assert dotted_name(user_function).endswith(".user_function")
