"""Profiles add up, and say what they saw."""

from __future__ import annotations

import weakref

from hypothesis import given
from hypothesis import strategies as st

from janusx.profiler.notes import VariableNotes, look_at
from janusx.profiler.records import (
    RECENT,
    VARIETY,
    BranchProfile,
    CallProfile,
    LoopProfile,
    Profile,
    Seen,
    Target,
    VariableProfile,
)

branches = st.builds(BranchProfile, st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans())
seens = st.integers(0, 20).map(lambda n: Seen("int", value=n, is_scalar=True))
variables = st.lists(seens, max_size=VARIETY, unique=True).map(lambda seen: VariableProfile(tuple(seen)))
trips = st.lists(st.integers(0, 9), min_size=1, max_size=4)
loops = st.one_of(
    st.just(LoopProfile()),
    trips.map(lambda n: LoopProfile(len(n), min(n), max(n), tuple(n))),
)


@given(branches, branches, branches)
def test_branches_add_up_in_any_order(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + BranchProfile() == a
    assert (a + b).runs == a.runs + b.runs


@given(loops, loops, loops)
def test_loops_add_up(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + LoopProfile() == a == LoopProfile() + a
    assert (a + b).runs == a.runs + b.runs
    assert len((a + b).recent) <= RECENT


@given(variables, variables)
def test_variables_add_up_and_stay_small(a, b):
    both = a + b
    assert len(both.seen) <= VARIETY
    assert both.more == (len({*a.seen, *b.seen}) > VARIETY)


def test_a_loop_that_never_ran_has_no_trip_count():
    assert LoopProfile().trips is None
    assert LoopProfile().last is None
    assert LoopProfile(2, 0, 0, (0, 0)).trips == 0


def test_calls_of_the_same_function_are_one_target():
    def f(): ...

    one = CallProfile((Target("f", 2, anchor=weakref.ref(f.__code__)),))
    other = CallProfile((Target("f", 3, anchor=weakref.ref(f.__code__)),))
    assert (one + other).stable == Target("f", 5)
    dead = CallProfile((Target("f", 3, anchor=weakref.ref(type("Gone", (), {}))),))
    assert len((one + dead).targets) == 2


def test_calls_stay_few():
    many = CallProfile()
    for i in range(VARIETY + 3):
        many = many + CallProfile((Target(f"f{i}", i + 1),))
    assert len(many.targets) == VARIETY
    assert many.runs == sum(range(VARIETY + 4))


def test_profiles_merge_site_by_site():
    one = Profile("f", 1, branches={1: BranchProfile(true=1)}, loops={2: LoopProfile(1, 5, 5, (5,))})
    other = Profile("f", 2, branches={1: BranchProfile(true=1), 3: BranchProfile(false=1)}, unobserved="why")
    both = one.merge(other)
    assert both.runs == 3
    assert both.branch(1) == BranchProfile(true=2)
    assert both.branch(3).stable is False
    assert both.loop(2).trips == 5
    assert both.unobserved == "why"
    assert both.branch(99) == BranchProfile()


def test_values_are_told_from_their_likes():
    notes = VariableNotes()
    for value in (1, True, 1.0, None, "a"):
        notes.add(value)
    assert list(map(repr, notes.profile().values or ())) == ["1", "True", "1.0", "None", "'a'"]


def test_large_values_are_data():
    assert not look_at("a" * 1000).is_scalar
    assert not look_at(1 << 1000).is_scalar
    assert look_at(1 << 60).is_scalar
    assert look_at([1]).type_name == "list"
