"""What every group of the corpus is run against.

`JANUSX_CONFORMANCE=identity` runs the corpus with a `convert` that does nothing: the self-test of the corpus.
`JANUSX_CONFORMANCE="guards='callback', profile_runs=0"` adds options to every conversion; rungs are then not checked.
"""

from __future__ import annotations

import ast
import os

import pytest

from tests.conformance.coverage import record, recorded
from tests.conformance.harness import PLAIN, Subject


@pytest.fixture(scope="session")
def subject() -> Subject:
    """JanusX, or what the environment names in its place."""
    asked = os.environ.get("JANUSX_CONFORMANCE", "")
    if asked == "identity":
        return PLAIN
    import janusx

    if not asked:
        return Subject(janusx.convert, janusx.stats, why=_reason, ended=recorded(record()))
    keywords = ast.parse(f"f({asked})", mode="eval").body
    assert isinstance(keywords, ast.Call)
    options = {word.arg: ast.literal_eval(word.value) for word in keywords.keywords if word.arg}
    return Subject(janusx.convert, None, options)


def _reason(converted: object) -> str:
    """The reason for the last eager run, from the log of events."""
    record = getattr(converted, "_record", None)
    events = [event.what for event in getattr(record, "events", ())]
    return "; ".join(dict.fromkeys(events))
