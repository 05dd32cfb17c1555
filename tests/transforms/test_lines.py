"""The line map: each emitted line stands for a line of the user's file."""

from __future__ import annotations

from janusx.transforms import rewrite
from tests.transforms.compare import source


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
