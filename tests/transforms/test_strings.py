"""f-strings and `%`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "pieces and values",
        """
        def f(x):
            return f'loss {x:.3f} {x!r:>8}{{}}'
        """,
        """
        def f(x):
            return jx.fstring("loss ", (x, None, ".3f"), " ", (x, "r", ">8"), "{}")
        """,
        calls=((1.5,),),
    ),
    Case(
        "a nested spec is an f-string",
        """
        def f(x, w):
            return f'{x:>{w}}'
        """,
        """
        def f(x, w):
            return jx.fstring((x, None, jx.fstring(">", (w, None, ""))))
        """,
        calls=((1, 4),),
    ),
    Case(
        "what prints itself",
        """
        def f(x):
            return f'{x=} {x + 1 = :>4}'
        """,
        """
        def f(x):
            return jx.fstring("x=", (x, "r", ""), " x + 1 = ", (x + 1, None, ">4"))
        """,
        calls=((1,),),
    ),
    Case(
        "literals side by side are joined",
        r"""
        def f(x):
            return 'a' f'{x}' "b\n" rf'\d{x}'
        """,
        r"""
        def f(x):
            return jx.fstring("a", (x, None, ""), "b\n\\d", (x, None, ""))
        """,
        calls=((1,),),
    ),
    Case(
        "a percent sign after a literal formats",
        """
        def f(x):
            return"%d %s" % (x, log(x)), ("%d" "%%") % x, f"%d{x}" % x, ("%s" % x % ()), "%s" % {"a": x}["a"]
        """,
        """
        def f(x):
            return(jx.percent("%d %s", (x, jx.call(log)(x)))), jx.percent("%d" "%%", x), """
        """jx.percent(jx.fstring("%d", (x, None, "")), x), (jx.percent("%s", x) % ()), jx.percent("%s", {"a": x}["a"])
        """,
        calls=((1,),),
    ),
    Case(
        "a percent sign before a tuple formats",
        """
        def f(form, x):
            return form % (x, 1)
        """,
        """
        def f(form, x):
            return jx.percent(form, (x, 1))
        """,
        calls=(("%s %s", 1),),
    ),
    Case(
        "other uses of the percent sign stay",
        """
        def f(x, y):
            return x % y, b"%d" % x, b"%d" rb"\\d" % x, (x + "%d") % x
        """,
        """
        def f(x, y):
            return x % y, b"%d" % x, b"%d" rb"\\d" % x, (x + "%d") % x
        """,
        calls=((1, 2),),
    ),
    Case(
        "an f-string without values stays",
        """
        def f():
            return f'a' 'b'
        """,
        """
        def f():
            return f'a' 'b'
        """,
        calls=((),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_strings(case: Case) -> None:
    check(case)
