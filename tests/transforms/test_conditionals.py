"""`if`: branch functions and `jx.cond`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "a variable assigned in one branch is carried through both",
        """
        def f(x):
            if x > 0:
                x = -x
            return x
        """,
        """
        def f(x):
            def if_1_true(x):
                x = -x
                return x
            def if_1_false(x): return x
            x = jx.cond(x > 0, if_1_true, if_1_false, x, site=1)
            return x
        """,
        calls=((1,), (-1,)),
    ),
    Case(
        "an if that assigns nothing live has functions without return",
        """
        def f(x):
            if x:
                t = log(x)
                log(t)
        """,
        """
        def f(x):
            def if_1_true():
                t = jx.call(log)(x)
                jx.call(log)(t)
            def if_1_false(): pass
            jx.cond(x, if_1_true, if_1_false, site=1)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "an elif is an if in the false function",
        """
        def f(x):
            if x > 1:
                y = 1
            elif x > 0:
                y = 2
            else:
                y = 3
            return y
        """,
        """
        def f(x):
            y = jx.unbound("y")
            def if_1_true(y):
                y = 1
                return y
            def if_1_false(y):
                def if_2_true(y):
                    y = 2
                    return y
                def if_2_false(y):
                    y = 3
                    return y
                y = jx.cond(x > 0, if_2_true, if_2_false, y, site=2)
                return y
            y = jx.cond(x > 1, if_1_true, if_1_false, y, site=1)
            return y
        """,
        calls=((2,), (1,), (0,)),
    ),
    Case(
        "a name that a branch changes for itself alone comes in as a default",
        """
        def f(x, y):
            if x:
                y = y + 1
                log(y)
            else:
                log(0)
        """,
        """
        def f(x, y):
            def if_1_true(y=y):
                y = y + 1
                jx.call(log)(y)
            def if_1_false():
                jx.call(log)(0)
            jx.cond(x, if_1_true, if_1_false, site=1)
        """,
        calls=((1, 2), (0, 2)),
    ),
    Case(
        "comments stay with what they belong to",
        """
        def f(x):
            # before
            if x:  # why
                # inside
                x = 2  # two
            else:
                x = 3
                # at the end
            return x  # done
        """,
        """
        def f(x):
            # before
            def if_1_true(x):  # why
                # inside
                x = 2  # two
                return x
            def if_1_false(x):
                x = 3
                return x
                # at the end
            x = jx.cond(x, if_1_true, if_1_false, x, site=1)
            return x  # done
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "an assumed branch is inlined under its check",
        """
        def f(x):
            if x > 0:
                y = 1
            else:
                z = 2
            return y
        """,
        """
        def f(x):
            jx.assume(x > 0, True, site=1)
            y = 1
            return y
        """,
        calls=((1,),),
        options={"assumed": {1: True}},
    ),
    Case(
        "a test that binds a name hands it in",
        """
        def f(x):
            if (n := x) > 1:
                n = n + 1
                log(n)
        """,
        """
        def f(x):
            def if_1_true(n):
                n = n + 1
                jx.call(log)(n)
                return n
            def if_1_false(n): return n
            n = jx.cond((n := x) > 1, if_1_true, if_1_false, n, site=1)
        """,
        calls=((2,), (0,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conditionals(case: Case) -> None:
    check(case)
