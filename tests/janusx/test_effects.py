"""Effects that are held: how they leave regions, what the commit function makes of them, what a program pays."""

from __future__ import annotations

import logging
import sys
import traceback
import types
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import janusx
from janusx.state import delivery, symbols
from janusx.tracing import slots
from janusx.tracing.effects import Effect, Row, Trips, only_appends, under

ROWS = jnp.arange(12.0).reshape(6, 2)


def test_the_rows_of_trips_stop_at_the_count() -> None:
    stacked = np.arange(4), np.arange(8).reshape(4, 2)
    assert [(int(a), b.tolist()) for a, b in delivery.rows(2, *stacked)] == [(0, [0, 1]), (1, [2, 3])]
    assert list(delivery.rows(3)) == [0, 1, 2]


def test_an_effect_under_a_condition_keeps_the_one_that_it_had() -> None:
    plain = Effect(print, ("a",), {})
    assert under(plain, True).when is True
    assert bool(under(Effect(print, ("a",), {}, when=jnp.array(True)), jnp.array(False)).when) is False


def test_what_leaves_a_region_comes_back_in_its_place() -> None:
    effect = Effect(print, (1, 2), {"sep": "|"}, when=True)
    args, named, when = effect.values()
    assert effect.with_values((args, named, when)) == effect
    trips = Trips((effect,), (Row(raw=True),), (ROWS,), 6)
    assert trips.with_values(trips.values()) == trips


def test_appends_are_told_from_what_is_said() -> None:
    append = Effect(list.append, (["target"], 1), {})
    assert only_appends(append)
    assert only_appends(Trips((append,), (), (), 3))
    assert not only_appends(Trips((append, Effect(print, (), {})), (), (), 3))
    assert list(append.appended) == [(["target"], [1])]
    assert list(under(append, True).appended) == [(["target"], None)]


def test_an_expression_with_slots_is_filled_again() -> None:
    first, second = np.float32(1), np.float32(2)
    expr = symbols.Apply(
        max, (symbols.Device(first, float), symbols.Device(second, float), symbols.Device(first, None))
    )
    arrays: list[Any] = []
    template = slots.slotted(expr, arrays)
    assert arrays == [first, second]
    assert template == slots.slotted(expr, [])
    filled = slots.filled(template, arrays)
    assert isinstance(filled, symbols.Apply)
    assert [arg.array for arg in filled.args] == [first, second, first]


def outputs(g: Any, *args: Any) -> int:
    """How many arrays the newest program of a converted function returns."""
    entry = g._record.entries[0]
    return len(entry.program.trace(*entry.gather(args, {})[0]).out_avals)


def test_a_loop_without_effects_has_no_further_outputs() -> None:
    @janusx.convert
    def total(xs: Any) -> Any:
        found = jnp.zeros(2)
        for x in xs:
            found = found + x
        while found.sum() > 1:
            found = found / 2
        return found

    total(ROWS)
    assert outputs(total, ROWS) == 2  # the sum, and whether the `while` ended within its limit


def test_a_list_of_floats_is_one_output(capsys: pytest.CaptureFixture[str]) -> None:
    @janusx.convert
    def losses(xs: Any) -> Any:
        found = []
        for x in xs:
            found.append(float(x.sum()))
        return found

    assert losses(ROWS) == [1.0, 5.0, 9.0, 13.0, 17.0, 21.0]
    assert all(type(loss) is float for loss in losses(ROWS))
    assert outputs(losses, ROWS) == 1


def test_room_grows_by_a_program_and_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    @janusx.convert
    def count_down(x: Any) -> Any:
        while x > 0:
            x = x - 1
            print(f"{x:.0f}")
        return x

    for start in (3.0, 500.0, 400.0, 2.0):
        count_down(jnp.array(start))
        assert capsys.readouterr().out.split() == [str(k) for k in reversed(range(int(start)))]
    stats = janusx.stats(count_down)
    assert (stats.compiled, stats.violations, stats.entries) == (4, 1, 2)


def test_a_run_that_is_thrown_away_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    @janusx.convert
    def check(xs: Any) -> Any:
        for x in xs:
            print("row", x[0])
            if x[0] > 7:
                raise ValueError(f"{x[0]:.0f} is too large")
        return xs

    check(ROWS / 2)
    capsys.readouterr()
    with pytest.raises(ValueError, match="8 is too large"):
        check(ROWS)
    assert capsys.readouterr().out.splitlines() == [f"row {k}.0" for k in (0, 2, 4, 6, 8)]


def test_notes_and_lines_of_an_exception_in_a_rolled_loop() -> None:
    @janusx.convert
    def check(xs: Any) -> Any:
        for k, x in enumerate(xs):
            if x[0] > 7:
                error = ValueError("too large")
                error.add_note(f"in row {k}")
                raise error from KeyError(k)
        return xs

    check(ROWS / 2)
    with pytest.raises(ValueError, match="too large") as caught:
        check(ROWS)
    assert caught.value.__notes__ == ["in row 4"]
    assert isinstance(caught.value.__cause__, KeyError)
    shown = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert shown == ["test_notes_and_lines_of_an_exception_in_a_rolled_loop", "check"]


def test_what_python_cannot_compute_of_a_run_is_raised_by_python() -> None:
    seen: list[int] = []

    @janusx.convert
    def count(x: Any) -> Any:
        seen.append(1)
        return int(x)

    assert count(jnp.array(2.5)) == 2
    with pytest.raises(ValueError, match="cannot convert float NaN to integer"):
        count(jnp.array(jnp.nan))
    assert count(jnp.array(3.5)) == 3
    assert len(seen) == 3
    assert janusx.stats(count).entries == 1


def test_a_handler_gets_a_program_of_its_own() -> None:
    @janusx.convert
    def guarded(x: Any) -> Any:
        try:
            if x.sum() < 0:
                raise ValueError("negative")
            return x * 2
        except ValueError:
            return x - 1

    up, down = jnp.ones(2), -jnp.ones(2)
    for x, expected in ((up, 2.0), (down, -2.0), (up, 2.0), (down, -2.0)):
        assert guarded(x).tolist() == [expected] * 2
        assert janusx.stats(guarded).last_call == "compiled"
    assert janusx.stats(guarded).entries == 2


def test_a_warning_names_the_line_of_the_caller_that_it_asks_for() -> None:
    def inner(x: Any) -> None:
        if x[0] > 0:
            warnings.warn("positive", stacklevel=2)

    @janusx.convert
    def outer(x: Any) -> Any:
        inner(x)
        return x

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        outer(jnp.ones(2))
    assert janusx.stats(outer).last_call == "compiled"
    line = outer.__wrapped__.__code__.co_firstlineno + 2
    assert [(one.filename, one.lineno) for one in told if "positive" in str(one.message)] == [(__file__, line)]


def test_a_list_is_read_where_only_the_run_knows_its_items() -> None:
    w = types.SimpleNamespace()
    w.found = []

    @janusx.convert
    def last(xs: Any) -> Any:
        for x in xs:
            if x[0] > 3:
                w.found.append(float(x[0]))
        return w.found[-1]

    assert [last(ROWS), last(ROWS * 2), last(ROWS)] == [10.0, 20.0, 10.0]
    assert w.found == [4.0, 6.0, 8.0, 10.0, 4.0, 8.0, 12.0, 16.0, 20.0, 4.0, 6.0, 8.0, 10.0]


def test_a_number_that_became_an_array_is_what_python_has() -> None:
    @janusx.convert
    def total(xs: Any) -> Any:
        found = 0.0
        for x in xs:
            if x[0] > 7:
                found = found + x[0]
        return found

    assert isinstance(total(ROWS), jax.Array)
    assert type(total(ROWS / 100)) is float
    assert janusx.stats(total).entries == 1


def test_under_an_outer_transform_output_comes_while_it_traces(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("test_effects")

    @janusx.convert
    def scaled(x: Any) -> Any:
        print("shape", x.shape)
        print("to stderr", file=sys.stderr)
        logger.debug("shape %s", x.shape)
        return x * 2

    assert jax.jit(scaled)(jnp.ones(2)).tolist() == [2.0, 2.0]
    assert capsys.readouterr() == ("shape (2,)\n", "to stderr\n")


def test_under_an_outer_transform_what_a_branch_prints_is_said_to_be_lost() -> None:
    @janusx.convert
    def told(x: Any) -> Any:
        if x.sum() > 0:
            print("positive")
        print(f"{x[0]:.2f}")
        return x

    with pytest.warns(janusx.errors.EagerWarning, match="nothing is shown"):
        jax.jit(told)(jnp.ones(2))


def test_under_an_outer_transform_a_list_cannot_grow() -> None:
    w = types.SimpleNamespace()
    w.seen = []

    @janusx.convert
    def collect(x: Any) -> Any:
        for k in range(6):
            w.seen.append(x[0] * k)
        return x

    collect(jnp.ones(2))
    collect(jnp.ones(2))
    with pytest.raises(janusx.errors.OuterTransformWriteError, match="w.seen"):
        jax.jit(collect)(jnp.ones(2))
    assert len(w.seen) == 12


def test_a_handler_that_prints_its_exception_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    @janusx.convert
    def guarded(x: Any) -> Any:
        try:
            if x.sum() < 0:
                raise LookupError("negative", 3)
        except LookupError as error:
            print("caught", error)
        return x

    for x in (jnp.ones(2), -jnp.ones(2), -jnp.ones(2)):
        guarded(x)
    assert janusx.stats(guarded).compiled == 3
    assert capsys.readouterr().out == "caught ('negative', 3)\n" * 2


def test_an_exception_whose_text_holds_an_array_is_shown_by_python(capsys: pytest.CaptureFixture[str]) -> None:
    @janusx.convert
    def guarded(x: Any) -> Any:
        try:
            if x.sum() < 0:
                raise LookupError(f"negative {x[0]:.1f}")
        except LookupError as error:
            print("caught", error)
        return x

    guarded(jnp.ones(2))
    with pytest.warns(janusx.errors.EagerWarning):  # said once
        guarded(-jnp.ones(2))
    guarded(-2 * jnp.ones(2))
    assert capsys.readouterr().out == "caught negative -1.0\ncaught negative -2.0\n"
