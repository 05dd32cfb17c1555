"""`break`, `continue` and loop `else`: flags."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "continue puts the rest into the other branch",
        """
        def f(xs):
            for x in xs:
                if x < 0:
                    continue
                log(x)
        """,
        """
        def f(xs):
            def for_1_body(x):
                def if_2_true():
                    pass
                def if_2_false():
                    jx.call(log)(x)
                jx.cond(x < 0, if_2_true, if_2_false, site=2)
            jx.for_loop(xs, for_1_body, site=1)
        """,
        calls=(([1, -1, 2],),),
    ),
    Case(
        "break in a for is its first carried variable",
        """
        def f(xs):
            n = 0
            for x in xs:
                if x < 0:
                    break
                n += x
            return n
        """,
        """
        def f(xs):
            n = 0
            def for_1_body(x, brk_1, n):
                def if_2_true(brk_1, n):
                    brk_1 = True
                    return brk_1, n
                def if_2_false(brk_1, n):
                    n += x
                    return brk_1, n
                brk_1, n = jx.cond(x < 0, if_2_true, if_2_false, brk_1, n, site=2)
                return brk_1, n
            brk_1, n = jx.for_loop(xs, for_1_body, False, n, site=1, breaks=True)
            return n
        """,
        calls=(([1, -1, 2],), ([],)),
    ),
    Case(
        "break in a while is part of its test",
        """
        def f(x):
            while x < 10:
                x = x * 2
                if x == 8:
                    break
            return x
        """,
        """
        def f(x):
            brk_1 = False
            def while_1_test(x, brk_1): return jx.both(jx.not_(brk_1), lambda: x < 10)
            def while_1_body(x, brk_1):
                x = x * 2
                def if_2_true(brk_1):
                    brk_1 = True
                    return brk_1
                def if_2_false(brk_1): return brk_1
                brk_1 = jx.cond(x == 8, if_2_true, if_2_false, brk_1, site=2)
                return x, brk_1
            x, brk_1 = jx.while_loop(while_1_test, while_1_body, x, brk_1, site=1)
            return x
        """,
        calls=((1,), (3,), (20,)),
    ),
    Case(
        "while True has only the flag for a test",
        """
        def f(x):
            while True:
                x += 1
                if x > 3:
                    break
            return x
        """,
        """
        def f(x):
            brk_1 = False
            def while_1_test(x, brk_1): return jx.not_(brk_1)
            def while_1_body(x, brk_1):
                x += 1
                def if_2_true(brk_1):
                    brk_1 = True
                    return brk_1
                def if_2_false(brk_1): return brk_1
                brk_1 = jx.cond(x > 3, if_2_true, if_2_false, brk_1, site=2)
                return x, brk_1
            x, brk_1 = jx.while_loop(while_1_test, while_1_body, x, brk_1, site=1)
            return x
        """,
        calls=((1,), (7,)),
    ),
    Case(
        "else of a loop that breaks is an if",
        """
        def f(xs):
            for x in xs:
                if x:
                    break
            else:
                log(0)
        """,
        """
        def f(xs):
            def for_1_body(x, brk_1):
                def if_2_true(brk_1):
                    brk_1 = True
                    return brk_1
                def if_2_false(brk_1): return brk_1
                brk_1 = jx.cond(x, if_2_true, if_2_false, brk_1, site=2)
                return brk_1
            brk_1 = jx.for_loop(xs, for_1_body, False, site=1, breaks=True)
            def else_1_true():
                jx.call(log)(0)
            def else_1_false(): pass
            jx.cond(jx.not_(brk_1), else_1_true, else_1_false, site=4)
        """,
        calls=(([0, 1],), ([0],), ([],)),
    ),
    Case(
        "else of a loop that does not break just follows",
        """
        def f(xs):
            for x in xs:
                log(x)
            else:
                log(0)
        """,
        """
        def f(xs):
            def for_1_body(x):
                jx.call(log)(x)
            jx.for_loop(xs, for_1_body, site=1)
            jx.call(log)(0)
        """,
        calls=(([1],), ([],)),
    ),
    Case(
        "a continue deep inside needs a flag",
        """
        def f(xs):
            for x in xs:
                if x > 0:
                    if x > 1:
                        continue
                    log(1)
                log(x)
        """,
        """
        def f(xs):
            def for_1_body(x):
                cont_1 = False
                def if_2_true(cont_1):
                    def if_3_true(cont_1):
                        cont_1 = True
                        return cont_1
                    def if_3_false(cont_1):
                        jx.call(log)(1)
                        return cont_1
                    cont_1 = jx.cond(x > 1, if_3_true, if_3_false, cont_1, site=3)
                    return cont_1
                def if_2_false(cont_1): return cont_1
                cont_1 = jx.cond(x > 0, if_2_true, if_2_false, cont_1, site=2)
                def rest_2_true():
                    jx.call(log)(x)
                def rest_2_false(): pass
                jx.cond(jx.not_(cont_1), rest_2_true, rest_2_false, site=6)
            jx.for_loop(xs, for_1_body, site=1)
        """,
        calls=(([0, 1, 2],),),
    ),
    Case(
        "a break out of a try keeps its loop native",
        """
        def f(xs):
            for x in xs:
                try:
                    if x:
                        break
                finally:
                    log(x)
            return x
        """,
        """
        def f(xs):
            for x in xs:
                try:
                    if jx.truth(x, site=2):
                        break
                finally:
                    jx.call(log)(x)
            return x
        """,
        calls=(([0, 1, 2],), ([0],)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_breaks(case: Case) -> None:
    check(case)
