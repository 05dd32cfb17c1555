"""The harness takes turns, pairs its rounds, survives a failing column, can be read back. No test looks at a time."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("benchmarks.harness", reason="the benchmarks are not part of the wheel")

from benchmarks import __main__ as command
from benchmarks.harness import Column, Options, Result, Running, bar, measure, orders, ratio, spread
from benchmarks.report import as_data, machine, markdown, show

QUICK = Options(rounds=4, block_seconds=1e-4, warmup=1)


def column(name: str, calls: list[str], every: int = 1) -> Column:
    return Column(name, lambda: Running(lambda: calls.append(name), lambda: ()), every)


def fails(name: str) -> Column:
    def make() -> Running:
        raise RuntimeError("cannot\nbe set up")

    return Column(name, make)


def test_columns_take_turns_and_every_column_comes_after_every_other():
    columns = [column(name, []) for name in "abc"]
    found = [[one.name for one in order] for order in orders(columns, 40)]
    assert all(sorted(order) == ["a", "b", "c"] for order in found)
    pairs = {pair for order in found for pair in zip(order, order[1:], strict=False)}
    assert len(pairs) == 6
    assert found == [[one.name for one in order] for order in orders(columns, 40)]
    assert [len(rounds) for rounds in measure(columns, QUICK).rounds.values()] == [4, 4, 4]


def test_a_slow_column_sits_rounds_out_and_is_paired_with_the_rounds_it_took_part_in():
    measured = measure([column("a", []), column("slow", [], every=2)], QUICK)
    assert [seconds is None for seconds in measured.rounds["slow"]] == [False, True, False, True]
    assert measured.ratios("a")["slow/a"].count == 2


def test_a_column_that_fails_costs_the_others_nothing():
    measured = measure([fails("bad"), column("good", [])], QUICK)
    assert measured.errors == {"bad": "RuntimeError: cannot"}
    assert list(measured.rounds) == ["good"]
    assert ratio(measured, "bad", "good") is None


@pytest.mark.parametrize("after", [0, 3])
def test_a_converted_column_that_runs_in_plain_python_has_no_figure(after):
    calls: list[str] = []
    made = Running(lambda: calls.append("x"), lambda: (), lambda: "eager" if len(calls) > after else "compiled")
    measured = measure([Column("janusx", lambda: made)], QUICK)
    assert measured.seconds() == {}
    assert "last call was eager" in measured.errors["janusx"]


def test_only_the_columns_that_were_asked_for_run():
    calls: list[str] = []
    measure([column("a", calls), column("b", calls)], Options(("b",), rounds=1, block_seconds=1e-4))
    assert set(calls) == {"b"}


@pytest.mark.parametrize(
    ("sense", "value", "passed"),
    [("<=", 1.0, True), ("<=", 1.1, False), (">=", 1.0, True), (">=", 0.9, False), ("<=", None, None)],
)
def test_a_bar_is_reached_missed_or_without_a_figure(sense, value, passed):
    assert bar("x", sense, 1.0, value).passed is passed


def test_a_single_value_is_its_own_spread():
    assert spread([2.0]).lower == spread([2.0]).upper == 2.0


def run_of(*bars, errors=None) -> dict:
    result = Result(
        "p", "A program", {"janusx": spread([1e-3])}, {}, bars, {"n": spread([1.0])}, errors or {}, "by hand"
    )
    return {"machine": machine(), "results": [json.loads(json.dumps(as_data(result)))]}


def test_the_report_says_for_each_bar_whether_it_was_reached(capsys):
    data = run_of(
        bar("ratio", "<=", 1.0, 0.5, "×"),
        bar("size", "<=", 1.0, 2.0),
        bar("rest", "<=", 1.0, None),
        errors={"z": "why"},
    )
    text = markdown(data)
    assert "| A program | ratio | 0.5 × | ≤ 1 × | reached |" in text
    assert "| A program | size | 2 | ≤ 1 | missed |" in text
    assert "| A program | rest | – | ≤ 1 | no figure |" in text
    show(data)
    shown = capsys.readouterr().out
    assert "1.00 ms" in shown
    assert "p: no figure for z: why" in shown


def test_a_program_that_hangs_is_recorded_and_fails_the_run(tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    assert command.main(["--programs", "rewriting", "--time-limit", "0.01", "--json", str(out)]) == 1
    (result,) = json.loads(out.read_text())["results"]
    assert "took more than" in result["errors"]["program"]


@pytest.mark.slow
def test_the_command_measures_in_a_process_and_writes_what_it_found(tmp_path):
    out, report = tmp_path / "out.json", tmp_path / "out.md"
    arguments = [
        "--programs",
        "one_array",
        "--columns",
        "expert,eager",
        "--quick",
        "--json",
        str(out),
        "--markdown",
        str(report),
    ]
    assert command.main(arguments) == 1  # the bar has no figure without our column
    (result,) = json.loads(out.read_text())["results"]
    assert set(result["seconds"]) == {"expert", "eager"}
    assert "# Benchmarks" in report.read_text()
