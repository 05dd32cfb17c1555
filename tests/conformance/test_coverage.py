"""The coverage table: every row proved, nothing named that is not there, the page what the measurement gave."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conformance.coverage import HERE, OPTIONAL, PAGE, ROWS, corpus, page, record, share, uncut
from tests.conformance.rows import Row

AGAIN = "run: python -m tests.conformance.coverage --new"


def test_every_row_is_there_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, 36))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}")
def test_a_row_is_proved_construct_by_construct_by_what_exists(row: Row) -> None:
    assert row.proofs
    assert not [construct for construct, proofs in row.proofs.items() if not proofs]
    scenarios = corpus().keys() | OPTIONAL
    named = [proof for proofs in row.proofs.values() for proof in proofs]
    assert not [proof for proof in named if proof not in scenarios and not _is_test(proof)]


def _is_test(proof: str) -> bool:
    file, _, name = proof.partition("::")
    path = Path(HERE, file)
    if not path.is_file() or path.suffix != ".py":
        return False
    tests = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return any(test.startswith("test_") and name in ("", test) for test in tests)


def test_every_scenario_was_measured_and_no_other() -> None:
    measured, scenarios = record(), corpus()
    assert not [name for name in scenarios if name not in measured], AGAIN
    assert not [name for name in measured if name not in scenarios.keys() | OPTIONAL], AGAIN


def test_what_is_known_to_fail_is_marked_so() -> None:
    marked = {name for name, (_, case) in corpus().items() if any(mark.name == "xfail" for mark in case.marks)}
    assert {name for name, each in record().items() if each.fails} == marked, AGAIN


def test_the_page_is_what_the_measurement_gave() -> None:
    assert PAGE.read_text() == page(record()), AGAIN


def test_settled_calls_on_array_input_run_compiled() -> None:
    assert share(uncut(record()), "compiled") >= 0.9


def test_settled_calls_on_array_input_run_compiled_or_mixed() -> None:
    assert share(record().values(), "compiled", "mixed") >= 0.98


def test_settled_calls_run_compiled_on_the_whole_corpus() -> None:
    assert share(record().values(), "compiled") >= 0.9
