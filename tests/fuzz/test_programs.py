"""Random whole programs do what plain Python does. The same ones each time: `nox -s fuzz` runs others, and many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings

from tests.fuzz.programs import Program, programs
from tests.fuzz.run import UNCHECKED, Tally, run
from tests.fuzz.shrink import failure_of, shrink

SHARDS = 8
EXAMPLES = 25


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_programs_do_what_python_does(shard: int, record_property: Any) -> None:
    tally = Tally()

    # Shrunk as text, which is quicker than by what was drawn, and reads better.
    @seed(shard)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNCHECKED,
    )
    @given(programs(depth=2, longest=3))
    def each(program: Program) -> None:
        try:
            tally.add(run(program))
        except Exception as error:
            small = shrink(program, failure_of, 60.0)
            raise AssertionError(f"put this into tests/fuzz/regressions/:\n\n{small.text}") from error

    each()
    record_property("rungs", dict(tally.rungs))
    assert tally.programs == EXAMPLES
    assert tally.rungs["compiled"] + tally.rungs["mixed"] > tally.calls / 2, tally.reasons.most_common(5)
