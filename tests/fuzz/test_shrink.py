"""The fuzzer's own tools: programs are read back as they were written, a failing one is made small, counts are kept."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from tests.fuzz.campaign import Found, report
from tests.fuzz.programs import Program, programs
from tests.fuzz.run import UNCHECKED, Tally
from tests.fuzz.shrink import shrink

LONG = Program(
    """\
import jax.numpy as jnp

class Box:
    n = 0

def f(x, box):
    k0 = 0
    while k0 < 3 and box.n < 4:
        k0 = k0 + 1
        if x.sum() > 0:
            box.n += 1
        else:
            print(x * 2 + 1)
    return x

box = Box()
""",
    ("f(jnp.array(1), box)", "box.n = 2", "f(jnp.array(-1), box)"),
    (("profile_runs", 1),),
)


@settings(max_examples=25, derandomize=True, database=None, suppress_health_check=UNCHECKED)
@given(programs())
def test_a_program_is_python_and_reads_back(program: Program) -> None:
    compile(program.module, "program", "exec")
    again = Program.parsed(program.text)
    assert again.text == program.text
    assert again.steps == program.steps


def test_a_failing_program_is_made_small_and_its_loops_still_end() -> None:
    def failure(program: Program) -> str:
        return "prints" if "print(" in program.module and len(program.steps) > 1 else ""

    small = shrink(LONG, failure)
    assert failure(small) == "prints"
    assert len(small.steps) == 2
    assert "return" not in small.module
    assert "while" not in small.module or "k0 = k0 + 1" in small.module


def test_a_program_that_does_not_fail_stays_as_it_is() -> None:
    assert shrink(LONG, lambda program: "") == LONG


def test_a_report_counts_calls_and_ranks_reasons() -> None:
    tally = Tally(3, Counter(compiled=6, eager=2), Counter({"a list": 2}), {"a list": "text"})
    found = Found.from_json(Found(tally, [("program", "differs")]).to_json())
    assert found.tally == tally
    text = report(found, 10.0)
    assert "3 programs, 8 calls" in text
    assert "compiled 75.0%, eager 25.0%" in text
    assert "2 a list" in text
