"""The line map: each emitted line stands for a line of the user's file."""

from __future__ import annotations

import pytest

from janusx.transforms import rewrite
from janusx.transforms.observe import observe
from tests.transforms.compare import make, source


def lines_of(text: str, first_line: int = 1) -> list[tuple[int, str]]:
    rewritten = rewrite(source(text), first_line=first_line)
    return list(zip(rewritten.lines, map(str.strip, rewritten.text.splitlines()), strict=True))


def test_statements_keep_their_lines_in_the_functions_they_move_to() -> None:
    found = lines_of(
        """
        @decorator
        def f(x):

            if x:
                y = 1  # one

            else:
                y = 2
            return y
        """,
        first_line=10,
    )
    assert (11, "def f(x):") in found
    assert (14, "y = 1  # one") in found
    assert (17, "y = 2") in found
    assert (13, "y = jx.cond(x, if_1_true, if_1_false, y, site=1)") in found
    assert (18, "return y") in found


def test_a_statement_over_several_lines_keeps_each() -> None:
    found = lines_of("""
        def f(x):
            y = [
                x,
                g(x),
            ]
            return (
                y
            )
    """)
    assert [line for line, _ in found] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_comments_survive_and_belong_to_what_follows() -> None:
    found = lines_of("""
        def f(x):
            # first
            log(x)  # second

            # third
            if x:  # fourth
                pass
    """)
    text = "\n".join(t for _, t in found)
    assert all(f"# {word}" in text for word in ("first", "second", "third", "fourth"))
    assert (3, "# first") in found and (6, "# third") in found


def test_a_string_over_several_lines_is_not_touched() -> None:
    found = lines_of("""
        def f(x):
            '''Doc
            # not a comment
            '''
            return 1
    """)
    assert [line for line, _ in found] == [1, 2, 3, 4, 5]


def test_a_return_that_is_understood_stands_on_the_line_of_what_it_follows() -> None:
    found = lines_of("""
        def f(xs):
            for x in xs:
                if x:
                    return x
    """)
    assert (2, "return None") in found


STRINGS = {
    "lines of spaces": "a\n    \n\n  \nb",
    "spaces at the end": "a\n  ",
    "form feeds and other characters at which `str.splitlines` splits": "a\x0cb\x0bc\x1cd\x85e\u2028f",
    "lines that look like comments": "# a\n   \n# b\n",
}


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize(
    "form", ["return x, {}", "if x:\n        y = {}\n    else: y = 1\n    return y", "return(str)({})"]
)
def test_what_is_in_a_string_stays_as_it_is(text: str, form: str) -> None:
    before = "def f(x):\n    " + form.format(f'"""{text}"""') + "\n"
    made = rewrite(before)
    assert make(made.text, {}, made.ops_name)(1) == make(before, {})(1)
    assert len(made.lines) == made.text.count("\n")
    assert text in observe(before).text


def test_a_lambda_or_a_deep_function_keeps_its_strings() -> None:
    assert "a\n   \x0cb" in rewrite('lambda x: """a\n   \x0cb"""\n').text
    deep = "-" * 2000 + "x"
    made = rewrite(f'def f(x):\n    y = """a\x0c\n  \n"""\n    return {deep}\n')
    assert made.refusals and "a\x0c\n  \n" in made.text
    assert len(made.lines) == made.text.count("\n")
