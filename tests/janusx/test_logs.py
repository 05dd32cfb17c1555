"""What the machine logs while it works, topic by topic."""

from __future__ import annotations

import logging
import time

import jax.numpy as jnp
import pytest

import janusx
from janusx import logs

X = jnp.arange(3.0)


def said(caplog: pytest.LogCaptureFixture, topic: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == f"janusx.{topic}"]


@pytest.mark.filterwarnings("ignore::janusx.errors.JanusXWarning")
def test_each_topic_is_told_of_by_its_logger(caplog: pytest.LogCaptureFixture) -> None:
    def choose(x):
        if x.sum() > 0:
            return x
        return None

    def cut(x):
        y = x * 2
        time.time()
        return y + 1

    with caplog.at_level(logging.DEBUG, "janusx"):
        g = janusx.convert(choose)
        for x in (X, X, X, X, -X, X[:2]):
            g(x)
        janusx.convert(cut)(X)
    assert any(
        "choose: entry 1 has " in line and line.endswith("guards before its program and 1 in it")
        for line in said(caplog, "guards")
    )
    assert any(
        "that `x.sum() > 0`" in line and line.endswith("is True did not hold") for line in said(caplog, "guards")
    )
    assert any(
        line.startswith("test_each") and "x: float32[2] instead of float32[3]" in line
        for line in said(caplog, "recompiles")
    )
    source = "\n".join(said(caplog, "source"))
    assert " > 0, True, site=1)" in source
    assert "def gather(args, kwargs" in source
    assert "def commit(outs, leaves, needs):" in source
    assert "piece_1(x)" in source
    assert "true in 3 of 3 runs (array)" in said(caplog, "profile")[-1]
    assert any(" is cut at " in line and "time.time(...) is called" in line for line in said(caplog, "eager"))


def test_every_topic_is_used() -> None:
    assert set(logs.TOPICS) == {"guards", "recompiles", "source", "profile", "eager"}
