"""Names that may be unbound."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check, same

CASES = [
    Case(
        "a name bound on one path only",
        """
        def f(x):
            if x:
                y = 1
            return y
        """,
        """
        def f(x):
            y = jx.unbound("y")
            def if_1_true(y):
                y = 1
                return y
            def if_1_false(y): return y
            y = jx.cond(x, if_1_true, if_1_false, y, site=1)
            return jx.read(y, "y")
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a name bound on both paths is not checked",
        """
        def f(x):
            if x:
                y = 1
            else:
                y = 2
            return y
        """,
        """
        def f(x):
            y = jx.unbound("y")
            def if_1_true(y):
                y = 1
                return y
            def if_1_false(y):
                y = 2
                return y
            y = jx.cond(x, if_1_true, if_1_false, y, site=1)
            return y
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a deleted name is unbound again",
        """
        def f(x):
            y = 1
            if x:
                del y
            return y
        """,
        """
        def f(x):
            y = jx.unbound("y")
            y = 1
            def if_1_true(y):
                y = jx.unbound("y")
                return y
            def if_1_false(y): return y
            y = jx.cond(x, if_1_true, if_1_false, y, site=1)
            return jx.read(y, "y")
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "an augmented assignment reads first",
        """
        def f(x):
            if x:
                y = 1
            y += log(2)
            return y
        """,
        """
        def f(x):
            y = jx.unbound("y")
            def if_1_true(y):
                y = 1
                return y
            def if_1_false(y): return y
            y = jx.cond(x, if_1_true, if_1_false, y, site=1)
            y = jx.read(y, "y")
            y += jx.call(log)(2)
            return y
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a name that is bound whichever way a loop was left is read as such",
        """
        def f(xs):
            for x in xs:
                if x:
                    y = x
                    break
            else:
                y = log(1)
            return y + 1
        """,
        """
        def f(xs):
            y = jx.unbound("y")
            def for_1_body(x, brk_1, y):
                def if_2_true(y, brk_1):
                    y = x
                    brk_1 = True
                    return y, brk_1
                def if_2_false(y, brk_1): return y, brk_1
                y, brk_1 = jx.cond(x, if_2_true, if_2_false, y, brk_1, site=2)
                return brk_1, y
            brk_1, y = jx.for_loop(xs, for_1_body, False, y, site=1, breaks=True)
            def else_1_true(y):
                y = jx.call(log)(1)
                return y
            def else_1_false(y): return y
            y = jx.cond(jx.not_(brk_1), else_1_true, else_1_false, y, site=4)
            return jx.sure(y) + 1
        """,
        calls=(([0, 2],), ([0],), ([],)),
    ),
    Case(
        "a name that a closure sees is a cell",
        """
        def f(x):
            y = 0
            g = lambda: y
            if x:
                y = 1
            return g()
        """,
        """
        def f(x):
            y = 0
            g = lambda: y
            def if_1_true():
                nonlocal y
                y = 1
            def if_1_false(): pass
            jx.cond(x, if_1_true, if_1_false, site=1)
            return jx.call(g)()
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a closure's name bound only in a region is declared",
        """
        def f(x):
            g = lambda: y
            if x:
                y = 1
            return g()
        """,
        """
        def f(x):
            y: object
            g = lambda: y
            def if_1_true():
                nonlocal y
                y = 1
            def if_1_false(): pass
            jx.cond(x, if_1_true, if_1_false, site=1)
            return jx.call(g)()
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a name that a handler reads is a cell",
        """
        def f(x):
            y = 0
            try:
                if x:
                    y = 1
                    raise ValueError
            except ValueError:
                return y
            return -1
        """,
        """
        def f(x):
            y = 0
            try:
                def if_1_true():
                    nonlocal y
                    y = 1
                    raise ValueError
                def if_1_false(): pass
                jx.cond(x, if_1_true, if_1_false, site=1)
            except ValueError:
                return y
            return -1
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "global names stay global",
        """
        def f(x):
            global counter
            if x:
                counter = 1
            return counter
        """,
        """
        def f(x):
            global counter
            def if_1_true():
                global counter
                counter = 1
            def if_1_false(): pass
            jx.cond(x, if_1_true, if_1_false, site=1)
            return counter
        """,
        calls=((1,),),
    ),
    Case(
        "an inlined branch keeps the other's names local",
        """
        def f(x):
            if x:
                y = 1
            return y
        """,
        """
        def f(x):
            y: object
            jx.assume(x, False, site=1)
            return y
        """,
        calls=((0,),),
        options={"assumed": {1: False}},
    ),
    Case(
        "a name of except is unbound after it",
        """
        def f(x):
            try:
                int(x)
            except ValueError as e:
                if x:
                    log(1)
            if x == 'b':
                e = 2
            return e
        """,
        """
        def f(x):
            e = jx.unbound("e")
            try:
                jx.call(int)(x)
            except ValueError as e_caught:
                e = e_caught
                try:
                    def if_1_true():
                        jx.call(log)(1)
                    def if_1_false(): pass
                    jx.cond(x, if_1_true, if_1_false, site=1)
                finally:
                    e = jx.unbound("e")
            def if_2_true(e):
                e = 2
                return e
            def if_2_false(e): return e
            e = jx.cond(x == 'b', if_2_true, if_2_false, e, site=2)
            return jx.read(e, "e")
        """,
        calls=(("a",), ("b",), ("",)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_variables(case: Case) -> None:
    check(case)


def test_an_annotated_variable_of_a_closure_is_bound_in_a_region() -> None:
    made = same(
        """
        def f(c):
            def g():
                return x
            if c:
                x: int = 1
                y: int = 2
            else:
                x: unknown
                x, y = 2, 1
            for i in range(3):
                x: unknown = x + i
                try:
                    z: int = 3
                finally:
                    pass
            return g(), y, z
        """,
        (0,),
        (1,),
    )
    assert not made.refusals
    assert "y: int = 2" in made.text, "where it can, it stays"
