"""Sites: what is numbered, and in which order."""

from __future__ import annotations

import pytest

from janusx.transforms import rewrite
from janusx.transforms.sites import parse
from tests.transforms.compare import source


def test_what_shows_in_emitted_text_is_numbered_first_in_source_order() -> None:
    text = source("""
        def f(x, y=g(0)):
            while a(x) and b:
                if not x:
                    assert x
            return [z for z in x if c(z)] if x < y < 1 else 0
    """)
    kinds = [(s.id, s.kind, s.line) for s in parse(text, first_line=11).sites]
    assert kinds == [
        (1, "while", 12),
        (2, "if", 13),
        (3, "assert", 14),
        (4, "if_exp", 15),
        (5, "comp_if", 15),
        (6, "and", 12),
        (7, "call", 12),
        (8, "not", 13),
        (9, "call", 15),
        (10, "chain", 15),
    ]


def test_a_site_shows_its_predicate_on_one_line() -> None:
    parsed = parse("def f(x):\n    if (x and\n            1):\n        pass\n")
    assert parsed.sites[0].text == "(x and 1)"


def test_added_branches_have_sites_of_their_own() -> None:
    sites = rewrite("def f(xs):\n    for x in xs:\n        if x: break\n    else:\n        log(0)\n").sites
    assert [s.id for s in sites] == list(range(1, len(sites) + 1))
    assert sites[-1].kind == "flag" and sites[-1].line == 2


def test_a_lambda_over_several_lines_parses() -> None:
    assert parse("lambda x: (x if x\n    else 1) + \\\n    2").sites[0].kind == "if_exp"
    assert parse("lambda x: x if x\n    else 1").sites[0].line == 1


@pytest.mark.parametrize("text", ["x = 1\n", "def f(): pass\ndef g(): pass\n", ""])
def test_anything_but_one_function_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not one def or lambda"):
        parse(text)
