"""Objects of libraries that JanusX does not look into."""

from __future__ import annotations

import json.encoder

import pytest

import janusx


@pytest.mark.filterwarnings("ignore::janusx.errors.EagerWarning")
def test_what_an_init_is_about_to_fill_is_no_sentinel(monkeypatch: pytest.MonkeyPatch) -> None:
    made = json.encoder.JSONEncoder
    monkeypatch.setattr(made, "__init__", janusx.convert(made.__init__))
    for sort in (False, True, False):
        encoder = made(sort_keys=sort)
        # Taken for a constant, it was written to while it was traced: with what stands for a value.
        assert type(encoder.sort_keys) is bool
        assert encoder.sort_keys is sort
        assert encoder.encode({"b": 1, "a": 2}) == ('{"a": 2, "b": 1}' if sort else '{"b": 1, "a": 2}')
