"""The harness is worth what it catches: a `convert` with a planted fault must be found out, a faithful one not."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.conformance.harness import (
    PLAIN,
    Different,
    Scenario,
    Step,
    Subject,
    World,
    call,
    change,
    check,
    fresh_module,
    of,
    scenario,
    settled,
    steady,
)
from tests.conformance.walk import Tolerance, differences, observe

X = jnp.array([1.0, 2.0])

Fault = Callable[[Callable[..., Any]], Callable[..., Any]]


def world() -> World:
    """A program with a bit of everything: state, aliases, prints, an exception, a closure."""
    w = World(count=0, w=jnp.zeros(2), log=[], table={"a": jnp.ones(2)})
    w.alias = w.log

    def f(x: Any, fail: bool = False) -> Any:
        w.count += 1
        w.w = w.w + x
        w.log.append(w.count)
        print("call", w.count)
        if fail:
            raise ValueError("refused", w.count) from KeyError("why")
        return w.w * 2

    w.f = f
    return w


class Planted:
    """Stands where the converted function stands; like it, it is walked as the user's function behind it."""

    __module__ = "janusx.planted"

    def __init__(self, run: Callable[..., Any], behind: Callable[..., Any]) -> None:
        self.run = run
        self.__wrapped__ = behind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)


def planted(fault: Fault, stats: Any = None) -> Subject:
    return Subject(convert=lambda fn, **_: Planted(fault(fn), fn), stats=stats)


def found(fault: Fault, *steps: Step, make: Callable[[], World] = world, stats: Any = None, **fields: Any) -> str:
    """The message with which the harness finds a fault."""
    case = Scenario("a program", make, steps or (call("f", X), call("f", X, True), call("f", X)), **fields)
    with pytest.raises(Different) as caught:
        check(case, planted(fault, stats))
    return str(caught.value)


def after(change_result: Callable[[Any], Any]) -> Fault:
    """A fault in the result."""

    def fault(fn: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: change_result(fn(*args, **kwargs))

    return fault


def test_a_faithful_conversion_passes() -> None:
    steps = (call("f", X), call("f", X, True), change(lambda w: w.log.clear()), call("f", X, rung="compiled"))
    check(Scenario("a program", world, steps), PLAIN)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(after(lambda y: y.astype(jnp.float16)), "result: jax.Array float32[2]", id="another dtype"),
        pytest.param(after(lambda y: y[:1]), "jax.Array float32[1]", id="another shape"),
        pytest.param(after(lambda y: np.asarray(y)), "numpy.ndarray float32[2]", id="NumPy for JAX"),
        pytest.param(after(lambda y: y * 1.001), "result: jax.Array float32[2]", id="another value"),
        pytest.param(after(lambda y: (y,)), "tuple of 1 items", id="a tuple around it"),
        pytest.param(after(lambda y: None), "NoneType None", id="no result"),
    ],
)
def test_a_wrong_result_is_found(fault: Fault, said: str) -> None:
    assert said in found(fault)


def test_a_lost_mutation_is_found() -> None:
    def fault(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            w = fn.__closure__[0].cell_contents
            count = w.count
            try:
                return fn(*args)
            finally:
                w.count = count

        return run

    assert "world.count: int 1 in plain Python, int 0 when converted" in found(fault)


def test_a_print_said_twice_or_never_is_found() -> None:
    def twice(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            print("again")
            return fn(*args)

        return run

    assert "printed: str 'call 1\\n'" in found(twice)


def test_another_exception_or_cause_or_line_is_found() -> None:
    def renamed(fn: Any, make: Callable[[ValueError], BaseException], keep_trace: bool = True) -> Any:
        def run(*args: Any) -> Any:
            try:
                return fn(*args)
            except ValueError as error:
                new = make(error)
                new.__cause__ = error.__cause__
                raise new.with_traceback(error.__traceback__ if keep_trace else None) from error.__cause__

        return run

    assert "builtins.TypeError" in found(lambda fn: renamed(fn, lambda e: TypeError(*e.args)))
    assert "'refused'" in found(lambda fn: renamed(fn, lambda e: ValueError("other", e.args[1])))
    assert "exception.lines" in found(lambda fn: renamed(fn, lambda e: ValueError(*e.args), keep_trace=False))

    def no_cause(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            try:
                return fn(*args)
            except ValueError as error:
                error.__cause__ = None
                raise

        return run

    assert "exception.__cause__" in found(no_cause)


def test_a_missing_exception_is_found() -> None:
    def swallow(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            try:
                return fn(*args)
            except ValueError:
                return X

        return run

    assert "exception: " in found(swallow)


def test_broken_aliasing_is_found() -> None:
    def fault(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            w = fn.__closure__[0].cell_contents
            w.log = list(w.log)
            return fn(*args)

        return run

    assert "world.alias: the same object as world.log" in found(fault)


def test_a_replaced_object_is_found_though_it_is_equal() -> None:
    def fault(fn: Any) -> Any:
        def run(*args: Any) -> Any:
            w = fn.__closure__[0].cell_contents
            w.table = dict(w.table)
            return fn(*args)

        return run

    assert "(before) world.table" in found(fault, call("f", X), call("f", X))


def test_an_array_replaced_by_an_equal_one_is_found_on_request() -> None:
    fault = after(lambda y: y + 0)

    def make() -> World:
        return World(f=lambda x: x)

    check(Scenario("a program", make, (call("f", X),)), planted(fault))
    assert "result: the same object as args[0]" in found(fault, call("f", X), make=make, arrays_by_identity=True)


def test_a_stale_value_is_found() -> None:
    def make() -> World:
        w = World(rate=1.0)
        w.f = lambda x: x * w.rate
        return w

    def cached(fn: Any) -> Any:
        once = functools.cache(lambda: fn(X))
        return lambda x: once()

    steps = (call("f", X), call("f", X), change(lambda w: setattr(w, "rate", 2.0)), call("f", X))
    assert "step 4 of 4" in found(cached, *steps, make=make)


def test_a_fall_to_another_rung_is_found() -> None:
    def stats(_: Any) -> Any:
        return types.SimpleNamespace(last_call="eager")

    said = found(lambda fn: fn, *settled(call("f", X), "compiled"), stats=stats)
    assert "f ran eager, not compiled" in said


def test_a_recompilation_where_none_may_be_is_found() -> None:
    counts = iter(range(10))

    def stats(_: Any) -> Any:
        return types.SimpleNamespace(recompilations=next(counts), entries=1, profiled=3, last_call="compiled")

    assert "compiled or profiled again" in found(lambda fn: fn, steady("f", call("f", X)), stats=stats)


def test_an_earlier_result_that_changes_later_is_found() -> None:
    def make() -> World:
        return World(f=lambda x: [x])

    def fault(fn: Any) -> Any:
        kept: list[Any] = []

        def run(x: Any) -> Any:
            kept[:] = fn(x)
            return kept

        return run

    assert "earlier results" in found(fault, call("f", X), call("f", X * 2), make=make)


def test_closures_defaults_globals_slots_and_class_attributes_are_state() -> None:
    source = "total = 0\ndef bump():\n    global total\n    total += 1\n"

    class Slotted:
        __slots__ = ("value",)

        def __init__(self) -> None:
            self.value = 1

    def make() -> World:
        cell = 0

        class Model:
            shared = [1]

        def f(x: Any, items: list[int] = [5]) -> Any:  # noqa: B006
            nonlocal cell
            cell += 1
            return x

        return World(f=f, model=Model(), module=fresh_module(source), slotted=Slotted())

    def look(touch: Callable[[World], Any]) -> list[str]:
        one, other = make(), make()
        touch(other)
        return list(differences(observe({"world": one}).facts, observe({"world": other}).facts))

    assert look(lambda w: None) == []
    assert look(lambda w: w.f(X)) == ["world.f.<closure cell> : int 0 in plain Python, int 1 when converted"]
    assert "world.f.<defaults>[0][0]" in look(lambda w: w.f.__defaults__[0].append(6))[0]
    assert "world.module.total: int 0" in look(lambda w: w.module.bump())[0]
    assert "world.slotted.value: int 1" in look(lambda w: setattr(w.slotted, "value", 2))[0]
    assert "world.model.__class__.shared: list of 1" in look(lambda w: w.model.shared.append(2))[0]


def test_tolerance_is_for_arrays_and_floats_not_for_integers_and_text() -> None:
    def lines(one: Any, other: Any, tolerance: Tolerance = Tolerance()) -> list[str]:
        return list(differences(observe({"v": one}).facts, observe({"v": other}).facts, tolerance))

    assert lines(X, X * (1 + 1e-6)) == []
    assert lines(1.0, 1.0 + 1e-9) == []
    assert lines(1.0, 1.0 + 1e-9, Tolerance(exact_floats=True)) != []
    assert lines(1, 2) == ["v: int 1 in plain Python, int 2 when converted"]
    assert lines(1, True) and lines(1, 1.0) and lines("a", "b") and lines(np.float32(1), np.float64(1))
    assert lines(jnp.asarray(1.0), jnp.asarray(1.0, jnp.float32)), "weak types differ"
    assert lines(float("nan"), float("nan")) == []


def test_arguments_are_each_worlds_own() -> None:
    worlds: list[World] = []

    def make() -> World:
        w = World(model=[1])
        w.f = lambda *args: setattr(w, "kept", args)
        worlds.append(w)
        return w

    items = [np.ones(2), {"a": [1]}]
    check(Scenario("arguments", make, (call("f", items, of(lambda w: w.model)),)), PLAIN)
    (one, mine), (other, theirs) = (w.kept for w in worlds)
    assert one is not other and one[0] is not other[0] and one[1]["a"] is not other[1]["a"] and mine is not theirs
    assert copy.copy(items)[0] is items[0]


def test_a_decorated_factory_is_a_scenario() -> None:
    @scenario("a sentence", settled(call("f", X), "compiled"), call("f", X), exact := call("f", 1))
    def case() -> World:
        return World(f=lambda x: x)

    assert str(case) == "a sentence" and case.steps[-1] is exact and len(case.steps) == 8
