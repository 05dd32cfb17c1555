"""What a library warns of while a program is made is shown once, as the user's filters say."""

from __future__ import annotations

import sys
import threading
import types
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from janusx.errors import EagerWarning
from janusx.tracing.library_warnings import LibraryWarnings

# A module of a library whose functions are called as they are.
SOURCE = """
import jax
import warnings

def old(x):
    warnings.warn("old is deprecated", DeprecationWarning, stacklevel=2)
    return x

def loose(x):
    warnings.warn("loose takes anything")
    return x

@jax.jit
def traced(x):
    warnings.warn("traced as float32")
    return x

def careful(x):
    try:
        return old(x)
    except DeprecationWarning:
        return x + 100
"""


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = types.ModuleType("flax.janusx_test_library")
    module.__file__ = "/flax/janusx_test_library.py"
    exec(compile(SOURCE, module.__file__, "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


class Counter:
    def __init__(self) -> None:
        self.n = 0


def program(library: Any) -> Any:
    old, loose, traced = library.old, library.loose, library.traced

    def step(counter, x):
        counter.n += 1  # found out by a pass that is thrown away
        y = old(x) + loose(x)
        y = old(y)
        return traced(y) * counter.n

    return step


def seen(action: Any, step: Any, calls: int = 1) -> list[list[tuple[str, str, int]]]:
    """What is shown in each call."""
    found = []
    globals().pop("__warningregistry__", None)
    warnings.onceregistry.clear()  # type: ignore[attr-defined]  # which typeshed does not know
    jax.clear_caches()
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter(action)
        counter = Counter()
        for call in range(calls):
            assert (step(counter, jnp.ones(2)) == 2.0 * (call + 1)).all()
            found.append([(str(each.message), each.filename, each.lineno) for each in log])
            log.clear()
    return found


@pytest.mark.parametrize("action", ["always", "default", "module", "once", "ignore"])
def test_a_call_that_makes_a_program_warns_as_plain_python_does(library: Any, action: str) -> None:
    expected, found = (seen(action, step)[0] for step in (program(library), janusx.convert(program(library))))
    assert sorted(found) == sorted(expected)
    assert len(expected) == {"always": 4, "default": 4, "module": 3, "once": 3, "ignore": 0}[action]


def test_what_was_shown_is_not_shown_again_where_filters_say_once(library: Any) -> None:
    step = janusx.convert(program(library))
    assert list(map(len, seen("default", step, 4))) == [4, 0, 0, 0]
    assert janusx.stats(step).compiled == 4
    assert "__warningregistry__" in globals()  # Python's own memory of it, where plain Python has it


def test_python_takes_no_warning_for_shown_that_was_thrown_away(library: Any) -> None:
    old = library.old

    def step(counter, x):
        counter.n += 1
        y = old(x) * 2 * counter.n
        print(threading.active_count() and sys.stdout)  # not followed: Python answers
        return y

    plain, found = (seen("default", step, 2) for step in (step, janusx.convert(step, on_unsupported="eager")))
    assert [[text for text, *_ in call if text.startswith("old")] for call in found] == [
        [text for text, *_ in call] for call in plain
    ]


def test_a_filter_that_makes_errors_is_met_within_the_library(library: Any) -> None:
    careful, old = library.careful, library.old
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        assert (janusx.convert(lambda x: careful(x))(jnp.ones(2)) == 101).all()
        with pytest.raises(DeprecationWarning, match="old is deprecated"):
            janusx.convert(lambda x: old(x))(jnp.ones(2))


def test_only_warnings_of_this_thread_that_are_not_our_own_are_held() -> None:
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        before = warnings.showwarning
        with LibraryWarnings():
            warnings.warn("mine")
            other = threading.Thread(target=warnings.warn, args=("theirs",))
            other.start()
            other.join()
            warnings.warn(EagerWarning("ours"))
        assert warnings.showwarning is before
    assert [str(each.message).split("]")[-1].strip().splitlines()[0] for each in log] == ["theirs", "ours"]


def test_whoever_kept_the_replacement_has_everything_passed_on() -> None:
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        with LibraryWarnings():
            kept = warnings.showwarning
        kept("late", UserWarning, "file.py", 3)
    assert [str(each.message) for each in log] == ["late"]
