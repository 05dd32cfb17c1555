"""Errors: the wording, the layout, the builtin each is one of, and the help pages."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import textwrap
from pathlib import Path

import pytest

from janusx import errors
from janusx.errors import ERRORS, JanusXError, JanusXWarning, Place, Report


def test_message_has_all_parts_in_order() -> None:
    error = errors.StaleSourceError(
        "`step` cannot be converted: model.py changed.", place=Place("model.py", 12, 4, "    return x + y\n")
    )
    assert str(error) == textwrap.dedent("""\
        [JX0107] `step` cannot be converted: model.py changed.
          at model.py:12
              return x + y
              ^
          why: the source file changed after it was imported.
          what to do: reload the module (importlib.reload) or start Python again.
          see: docs/errors.md#jx0107""")


def test_message_without_a_place_leaves_it_out() -> None:
    error = errors.NotCallableError("3 cannot be converted.", why="it is an int.", remedy="give a function.")
    assert str(error) == textwrap.dedent("""\
        [JX0103] 3 cannot be converted.
          why: it is an int.
          what to do: give a function.
          see: docs/errors.md#jx0103""")


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Place("a.py", 3), "a.py:3"),
        (Place("a.py", 3, 2, ""), "a.py:3"),
        (Place("a.py", 3, -1, "  x = y\n"), "a.py:3\n    x = y"),
        (Place("a.py", 3, 6, "  x = y\n"), "a.py:3\n    x = y\n        ^"),
        (Place("a.py", 3, 99, "  x = y\n"), "a.py:3\n    x = y"),
        (Place("a.py", 3, 3, "\tx\ty"), "a.py:3\n    x\ty\n     \t^"),
    ],
    ids=["no text", "empty text", "no column", "column", "column past the end", "tabs"],
)
def test_place(place: Place, shown: str) -> None:
    assert str(place) == shown


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.NoSourceError, OSError),
        (errors.BuiltinFunctionError, TypeError),
        (errors.NotCallableError, TypeError),
        (errors.ClassGivenError, TypeError),
        (errors.CoroutineGivenError, TypeError),
        (errors.OptionError, ValueError),
        (errors.OptionTypeError, TypeError),
        (errors.UnknownOptionError, AttributeError),
        (errors.StaleSourceError, RuntimeError),
        (errors.OuterTransformWriteError, RuntimeError),
        (errors.UnsupportedError, NotImplementedError),
        (errors.ViolationError, RuntimeError),
        (errors.InternalError, RuntimeError),
        (errors.RecompileLimitWarning, UserWarning),
        (errors.EagerWarning, UserWarning),
    ],
)
def test_each_is_the_builtin_that_users_expect(kind: type[Report], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, JanusXWarning if issubclass(kind, Warning) else JanusXError)


@pytest.mark.parametrize("kind", ERRORS)
def test_survives_pickle_and_copy(kind: type[Report]) -> None:
    error = kind("it happened.", place=Place("a.py", 1, 0, "x"), why="so.", remedy="do.")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.place == error.place


def test_every_class_is_listed_under_its_own_code() -> None:
    codes = [kind.code for kind in ERRORS]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"JX\d{4}", code) for code in codes)
    defined = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Report) and "code" in vars(kind) and kind is not Report
    }
    assert defined == set(ERRORS)


@pytest.mark.parametrize("kind", ERRORS)
def test_help_page_shows_what_to_do(kind: type[Report]) -> None:
    page = kind.__doc__ or ""
    assert "Right:" in page
    for block in code_blocks(page):
        compile(block, kind.__name__, "exec")
    assert kind("x").remedy


def test_codes_keep_their_meaning() -> None:
    # Codes are in people's logs and issues: a new one may be added, none may change.
    assert {kind.code: kind.__name__ for kind in ERRORS} == {
        "JX0101": "NoSourceError",
        "JX0102": "BuiltinFunctionError",
        "JX0103": "NotCallableError",
        "JX0104": "ClassGivenError",
        "JX0105": "CoroutineGivenError",
        "JX0106": "OptionError",
        "JX0107": "StaleSourceError",
        "JX0108": "StaticArgumentError",
        "JX0201": "OuterTransformWriteError",
        "JX0301": "UnsupportedError",
        "JX0302": "ViolationError",
        "JX0303": "RecompileLimitWarning",
        "JX0304": "EagerWarning",
        "JX0901": "InternalError",
    }


@pytest.mark.parametrize("code", ["JX0102", "JX0103", "JX0104", "JX0105", "JX0106"])
def test_help_page_code_does_what_it_says(code: str) -> None:
    import janusx

    (kind,) = (kind for kind in ERRORS if kind.code == code)
    wrong, right = code_blocks(kind.__doc__ or "")
    with pytest.raises(kind):
        exec(wrong, {"janusx": janusx})
    exec(right, {"janusx": janusx})


def test_docs_are_up_to_date(checkout: Path) -> None:
    assert (checkout / "docs" / "errors.md").read_text() == errors.documentation(), (
        "run: python -m janusx.errors > docs/errors.md"
    )


def code_blocks(page: str) -> list[str]:
    """The indented blocks of a docstring, one for each `Wrong:` and `Right:`."""
    lines = inspect.cleandoc(
        page
    ).splitlines()  # Python 3.13 strips the indentation when it compiles, earlier ones do not.
    blocks: list[list[str]] = []
    inside = False
    for line in lines:
        if line.startswith("    "):
            if not inside:
                blocks.append([])
            blocks[-1].append(line)
            inside = True
        elif line.strip():
            inside = False
    return [textwrap.dedent("\n".join(block)) for block in blocks]


def test_a_write_under_an_outer_transform_names_the_function() -> None:
    import jax

    import janusx

    history: list[object] = []

    def square(w: object) -> object:
        history.append(w)
        return w * w  # type: ignore[operator]

    with pytest.raises(errors.OuterTransformWriteError, match=r"JX0201\] history") as caught:
        jax.grad(janusx.convert(square))(3.0)
    place = caught.value.place
    assert place is not None
    assert (place.filename, place.text.strip()) == (__file__, "def square(w: object) -> object:")


def test_a_rule_for_shadows_that_does_not_exist_is_refused() -> None:
    import janusx

    with pytest.raises(errors.OptionError, match=r"JX0106(.|\n)*did you mean 'fields'"):
        janusx.register_shadow(Place, copy="feilds")
    with pytest.raises(TypeError, match=r"JX0106(.|\n)*it takes a type"):
        janusx.register_shadow(3)  # type: ignore[arg-type]
