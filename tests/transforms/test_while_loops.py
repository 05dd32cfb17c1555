"""`while`: a test function, a body function and `jx.while_loop`."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "what lives at the loop's head is carried",
        """
        def f(x):
            n = 0
            while x > 1:
                t = x // 2
                x = t
                n += 1
            return x, n
        """,
        """
        def f(x):
            n = 0
            def while_1_test(x, n): return x > 1
            def while_1_body(x, n):
                t = x // 2
                x = t
                n += 1
                return x, n
            x, n = jx.while_loop(while_1_test, while_1_body, x, n, site=1)
            return x, n
        """,
        calls=((9,), (0,)),
    ),
    Case(
        "a test that binds a name moves into the body",
        """
        def f(xs):
            while (n := len(xs)) > 1:
                xs.pop()
                log(n)
            return n
        """,
        """
        def f(xs):
            n = jx.unbound("n")
            brk_1 = False
            def while_1_test(n, brk_1): return jx.not_(brk_1)
            def while_1_body(n, brk_1):
                def test_1_true(n, brk_1):
                    brk_1 = True
                    return n, brk_1
                def test_1_false(n, brk_1):
                    jx.call(xs.pop)()
                    jx.call(log)(n)
                    return n, brk_1
                n, brk_1 = jx.cond(jx.not_((n := jx.call(len)(xs)) > 1), test_1_true, test_1_false, n, brk_1, site=5)
                return n, brk_1
            n, brk_1 = jx.while_loop(while_1_test, while_1_body, n, brk_1, site=1)
            return jx.sure(n)
        """,
        calls=(([1, 2, 3],), ([],)),
    ),
    Case(
        "a nested loop is a function in a function",
        """
        def f(n):
            total = 0
            while n:
                m = n
                while m:
                    total += m
                    m -= 1
                n -= 1
            return total
        """,
        """
        def f(n):
            total = 0
            def while_1_test(total, n): return n
            def while_1_body(total, n):
                m = n
                def while_2_test(total, m): return m
                def while_2_body(total, m):
                    total += m
                    m -= 1
                    return total, m
                total, m = jx.while_loop(while_2_test, while_2_body, total, m, site=2)
                n -= 1
                return total, n
            total, n = jx.while_loop(while_1_test, while_1_body, total, n, site=1)
            return total
        """,
        calls=((3,), (0,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_while_loops(case: Case) -> None:
    check(case)
