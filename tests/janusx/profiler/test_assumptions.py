"""The lattice: relaxing goes up, in few steps, and gives nothing away that was admitted before."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janusx.profiler.assumptions import Branch, Callee, Scalar, Shape, Trips
from janusx.profiler.records import BranchProfile, LoopProfile, Seen, VariableProfile


class One:
    def method(self): ...

    def other(self): ...

    def __call__(self): ...


class Two:
    def method(self): ...


def plain(): ...


def plainer(): ...


ones = [One(), One()]
callees = st.sampled_from(
    [plain, plainer, ones[0].method, ones[1].method, ones[0].other, Two().method, ones[0], ones[1], len, partial(plain)]
)
shapes = st.lists(st.integers(0, 2), max_size=3).map(tuple)
scalars = st.one_of(
    st.booleans(), st.integers(-1, 1), st.sampled_from([0.0, -0.0, 1.0, math.nan]), st.none(), st.just("a")
)

# For each kind: assumptions to start with, observations, and the height of the lattice.
KINDS: dict[str, tuple[Any, Any, int]] = {
    "branch": (st.sampled_from([Branch(True), Branch(False), Branch()]), st.booleans(), 1),
    "trips": (st.integers(0, 5).map(lambda n: Trips("exactly", n)), st.integers(0, 9), 2),
    "scalar": (scalars.map(Scalar.exactly), scalars, 2),
    "shape": (shapes.map(Shape), shapes, 4),
    "callee": (callees.map(Callee.exactly), callees, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_relaxing(kind):
    starts, observations, height = KINDS[kind]

    @given(starts, st.lists(observations, max_size=8))
    def check(start, observed):
        current, admitted, changes = start, [], 0
        for each in observed:
            before = current
            current = before.relax(each)
            admitted.append(each)
            # It admits what it admitted before, and the observation.
            assert all(current.admits(one) for one in admitted)
            # It changes only if it has to, and does so at most as often as the lattice is high.
            assert (current == before) == before.admits(each)
            changes += current != before
            assert changes <= height
            # The top is the end.
            assert not before.is_top or current == before
        assert str(current)

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_relaxing_is_monotone(kind):
    starts, observations, _ = KINDS[kind]

    @given(starts, observations, observations)
    def check(start, first, then):
        assert not start.admits(then) or start.relax(first).admits(then)

    check()


@pytest.mark.parametrize(
    ("assumption", "observed", "relaxed"),
    [
        (Branch(True), False, "dynamic"),
        (Trips("exactly", 5), 3, "at most 5"),
        (Trips("exactly", 3), 5, "at most 5"),
        (Trips("at most", 5), 6, "unknown"),
        (Scalar.exactly(1), 2, "int"),
        (Scalar.exactly(1), True, "unknown"),
        (Scalar(int), 1.0, "unknown"),
        (Shape((2, 3)), (4, 3), "(*, 3)"),
        (Shape((2,)), (4,), "(*,)"),
        (Shape((None, 3)), (4, 5), "(*, *)"),
        (Shape((2, 3)), (2,), "unknown"),
        (Callee.exactly(ones[0].method), ones[1].other, "One"),
        (Callee.exactly(ones[0].method), Two().method, "unknown"),
        (Callee.exactly(plain), plainer, "function"),
    ],
)
def test_one_step_at_a_time(assumption, observed, relaxed):
    assert str(assumption.relax(observed)) == relaxed


def test_a_method_is_the_same_on_every_object_of_its_class():
    assert Callee.exactly(ones[0].method).admits(ones[1].method)


def value(*values: int) -> VariableProfile:
    return VariableProfile(tuple(Seen("int", value=each, is_scalar=True) for each in values))


def array(*shapes: tuple[int, ...]) -> VariableProfile:
    return VariableProfile(tuple(Seen("Array", shape, "float32") for shape in shapes))


def test_profiles_suggest_assumptions():
    assert Branch.of(BranchProfile(true=3)) == Branch(True)
    assert Branch.of(BranchProfile(true=3, false=1)).is_top
    assert Branch.of(BranchProfile()).is_top
    assert Trips.of(LoopProfile(2, 5, 5, (5, 5))) == Trips("exactly", 5)
    assert Trips.of(LoopProfile(2, 5, 8, (5, 8))) == Trips("at most", 8)
    assert Trips.of(LoopProfile()).is_top
    assert Scalar.of(value(3)) == Scalar.exactly(3)
    assert Scalar.of(value(3, 4)) == Scalar(int)
    assert Scalar.of(VariableProfile()).is_top
    assert Shape.of(array((2, 3), (4, 3))) == Shape((None, 3))
    assert Shape.of(VariableProfile()).is_top


def test_callees_keep_nothing_alive():
    import gc
    import weakref

    def local(): ...

    ref = weakref.ref(local)
    callee = Callee.exactly(local)
    del local
    gc.collect()
    assert ref() is None
    assert not callee.admits(plain)
    assert "gone" in str(callee)
