"""How often a function that cannot be compiled is tried again: less and less."""

from __future__ import annotations

import pytest

import janusx
from janusx import dispatch, errors


@pytest.mark.parametrize("on_unsupported", ["split", "eager"])
def test_the_tries_of_a_function_that_cannot_be_compiled_grow_apart(
    monkeypatch: pytest.MonkeyPatch, on_unsupported: str
) -> None:
    tries: list[int] = []
    build = dispatch.build

    def counted(*args: object, **kwargs: object) -> object:
        tries.append(calls)
        return build(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "build", counted)
    scope: dict[str, object] = {}
    exec("def f(x): return x + 1", scope)  # it has no source
    f = janusx.convert(scope["f"], on_unsupported=on_unsupported)
    for calls in range(1, 301):
        if calls == 1:
            with pytest.warns(errors.EagerWarning):
                f(calls)
        else:
            assert f(calls) == calls + 1
    assert len(tries) == 3
    assert tries[2] - tries[1] > 3 * (tries[1] - tries[0])
