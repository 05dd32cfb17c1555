"""What is kept of a split function: its pieces, its counts, its frames; and what it does where it cannot be split."""

from __future__ import annotations

import gc
import threading
import time
import traceback
import warnings
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from janusx.errors import EagerWarning, UnsupportedError

X = jnp.array([1.0, 2.0, 3.0])

pytestmark = pytest.mark.filterwarnings("ignore::janusx.errors.EagerWarning")


def cut_twice(x, log):
    y = jnp.sin(x) * 2
    log.append(time.perf_counter())
    z = y @ y
    log.append(time.perf_counter())
    return z + 1


def records(g: Any) -> list[Any]:
    return [part.record for part in g._record.split.pieces]


def test_a_cut_is_told_once_with_its_line() -> None:
    g = janusx.convert(cut_twice)
    with pytest.warns(EagerWarning, match=r"a statement of cut_twice runs in plain Python") as told:
        g(X, [])
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            g(X, [])
    assert "time.perf_counter" in str(told[0].message)
    cuts = janusx.explain(g).split.cuts  # type: ignore[union-attr]
    first = cut_twice.__code__.co_firstlineno
    assert [int(cut.at.rpartition(":")[2]) for cut in cuts] == [first + 2, first + 4]


def test_the_second_call_has_all_cuts_in_one_program_and_keeps_the_pieces() -> None:
    g = janusx.convert(cut_twice)
    g(X, [])
    split = g._record.split
    assert split.made_of == 1
    first = split.pieces[0].record
    g(X, [])
    assert split.made_of == 2
    assert len(split.pieces) == 3
    assert split.pieces[0].record is first
    assert all(record.split is None for record in records(g))
    g(X, [])
    assert [record.stats().last_call for record in records(g)] == ["compiled"] * 3


def test_counts_and_shares() -> None:
    g = janusx.convert(cut_twice)
    for _ in range(5):
        g(X, [])
    stats = janusx.stats(g)
    assert (stats.calls, stats.mixed, stats.eager, stats.last_call) == (5, 5, 0, "mixed")
    report = janusx.explain(g)
    assert report.split is not None
    assert 0 < report.split.share <= 1
    assert [part.name for part in report.split.parts] == ["piece_1", "piece_2", "piece_3"]
    assert "piece_2" in str(report)
    assert "piece_2" in report._repr_html_()
    assert "def piece_3(z):" in janusx.source(g)
    assert report.to_dict()["split"]["parts"][0]["about"]["stats"]["last_call"] == "compiled"


def test_reset_forgets_the_cuts() -> None:
    g = janusx.convert(cut_twice)
    g(X, [])
    janusx.reset(g)
    assert g._record.split is None
    assert janusx.stats(g).calls == 0
    g(X, [])
    assert janusx.stats(g).last_call == "mixed"


def test_a_traceback_shows_the_function_once() -> None:
    def f(x):
        y = x * 2
        time.perf_counter()
        if y.sum() > 0:
            raise ValueError("up")
        return y

    g = janusx.convert(f)
    for _ in range(3):
        with pytest.raises(ValueError, match="up") as caught:
            g(X)
        frames = traceback.extract_tb(caught.value.__traceback__)[1:]
        assert [(frame.name, frame.line) for frame in frames] == [("f", 'raise ValueError("up")')]


def test_on_unsupported_says_whether_functions_are_split() -> None:
    eager = janusx.convert(cut_twice, on_unsupported="eager")
    eager(X, [])
    assert janusx.stats(eager).last_call == "eager"
    with pytest.raises(UnsupportedError, match=r"perf_counter"):
        janusx.convert(cut_twice, on_unsupported="error")(X, [])
    g = janusx.convert(cut_twice)
    g(X, [])
    with janusx.config.using(on_unsupported="eager"):
        g(X, [])
        assert janusx.stats(g).last_call == "eager"
    g(X, [])
    assert janusx.stats(g).last_call == "mixed"


def test_disable_runs_the_users_own_function() -> None:
    g = janusx.convert(cut_twice)
    g(X, [])
    with janusx.disable():
        g(X, [])
    assert janusx.stats(g).last_call == "eager"


@pytest.mark.parametrize("ask", ["lower", "jit"])
def test_what_has_to_be_one_program_says_why_it_cannot(ask: str) -> None:
    def f(x):
        time.perf_counter()
        return (x * 2).sum()

    g = janusx.convert(f)
    run = {"lower": lambda: g.lower(X), "jit": lambda: jax.jit(g)(X)}[ask]
    for _ in range(2):
        with pytest.raises(UnsupportedError, match="perf_counter") as caught:
            run()
        assert caught.value.__cause__ is None
        g(X)  # split by now, or not


def test_python_answers_under_an_eager_gradient() -> None:
    def f(x):
        time.perf_counter()
        return (x * 2).sum()

    g = janusx.convert(f)
    for _ in range(2):
        assert jnp.array_equal(jax.grad(g)(X), jax.grad(f)(X))
        g(X)  # split by now, or not


def test_a_function_of_which_nothing_compiles_goes_back_to_python() -> None:
    def f(x):
        return [time.perf_counter() for _ in x]

    g = janusx.convert(f)
    for _ in range(5):
        g("abc")
    assert g._record.split is None
    assert janusx.stats(g).last_call == "eager"
    assert "perf_counter" in janusx.explain(g).slow[0].what


def test_pieces_without_work_for_the_device_run_in_python() -> None:
    def f(x, names):
        total = len(names) + sum(map(len, names))
        time.perf_counter()
        return x * total

    g = janusx.convert(f)
    for _ in range(4):
        g(X, ["a", "bc"])
    first, second = g._record.split.pieces
    assert first._native
    assert not second._native


def test_nobody_waits_for_a_split_function_that_waits() -> None:
    entered, leave = threading.Event(), threading.Event()

    def f(x, wait):
        y = x * 2
        entered.set() if wait else leave.set()
        leave.wait(20) if wait else None
        return y + 1

    g = janusx.convert(f)
    g(X, False)
    leave.clear()
    waiting = threading.Thread(target=g, args=(X, True))
    waiting.start()
    assert entered.wait(20)
    assert float(g(X, False)[0]) == 3.0  # lets the other go
    waiting.join(20)
    assert not waiting.is_alive()


def test_a_split_function_keeps_no_object_of_its_callers() -> None:
    class Holder:
        def __init__(self):
            self.w = jnp.ones(3)

    def f(holder):
        holder.w = holder.w * 2
        time.perf_counter()
        holder.w = holder.w + 1
        return holder.w

    g = janusx.convert(f)
    holder = Holder()
    for _ in range(3):
        g(holder)
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None


def test_a_generator_runs_lazily_and_is_closed_as_in_python() -> None:
    seen = []

    @janusx.convert
    def f(x):
        try:
            for i in range(3):
                seen.append(i)
                yield jnp.sin(x) * i
        finally:
            seen.append("closed")

    made = f(X)
    assert seen == []
    next(made)
    made.close()
    assert seen == [0, "closed"]
    assert janusx.stats(f).last_call == "mixed"


def test_functions_made_in_each_call_are_not_compiled_in_each_call() -> None:
    def f(x, log):
        def told(v):
            return v * 2

        def scaled(v):
            return v * x

        for _ in range(3):
            log.append((time.perf_counter(), told(x), scaled(x)))
        return (x * 2).sum()

    g = janusx.convert(f)
    for _ in range(5):
        log: list[Any] = []
        g(X, log)
        assert float(log[-1][2][2]) == 9.0
    assert not [part for _, part in g._record.split.called.values() if part is not None]


class Private:
    def __init__(self) -> None:
        self.__weight = jnp.arange(9.0).reshape(3, 3)
        self.sent: list[float] = []

    def __send(self, value: Any) -> float:
        self.sent.append(time.perf_counter())
        return float(value)

    def f(self, x: Any) -> Any:
        return self.__send((self.__weight @ x + 1).sum()) * jnp.sin(self.__weight) - 1


def test_array_work_in_a_cut_statement_is_compiled() -> None:
    one, other = Private(), Private()
    g = janusx.convert(one.f)
    for x in (X, X, -X, X):
        assert jnp.allclose(g(x), other.f(x))
    assert janusx.stats(g).last_call == "mixed"
    assert [record.last_call for record in records(g)] == ["compiled", "compiled"]
    built = [record.built for record in records(g)]
    assert jnp.allclose(g(X / 3), other.f(X / 3))
    assert [record.built for record in records(g)] == built  # what was sent is no constant
    assert len(one.sent) == len(other.sent)
