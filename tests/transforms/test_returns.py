"""Early `return`: branches that return, flags where that would copy code."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "a guard clause makes an if that returns on both sides",
        """
        def f(x):
            if x < 0:
                return 0
            y = x + 1
            return y
        """,
        """
        def f(x):
            def if_1_true():
                return 0
            def if_1_false():
                y = x + 1
                return y
            return jx.cond(x < 0, if_1_true, if_1_false, site=1)
        """,
        calls=((1,), (-1,)),
    ),
    Case(
        "a missing return is None",
        """
        def f(x):
            if x:
                return 1
        """,
        """
        def f(x):
            def if_1_true():
                return 1
            def if_1_false():
                return None
            return jx.cond(x, if_1_true, if_1_false, site=1)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a return in a loop is a break flag",
        """
        def f(xs):
            for x in xs:
                if x > 1:
                    return x
            return 0
        """,
        """
        def f(xs):
            retval = jx.unbound("retval")
            def for_1_body(x, did_return, retval):
                def if_2_true(retval, did_return):
                    retval = x
                    did_return = True
                    return retval, did_return
                def if_2_false(retval, did_return): return retval, did_return
                retval, did_return = jx.cond(x > 1, if_2_true, if_2_false, retval, did_return, site=2)
                return did_return, retval
            did_return, retval = jx.for_loop(xs, for_1_body, False, retval, site=1, breaks=True)
            def return_1_true():
                return jx.sure(retval)
            def return_1_false():
                return 0
            return jx.cond(did_return, return_1_true, return_1_false, site=3)
        """,
        calls=(([1, 2, 3],), ([1],), ([],)),
    ),
    Case(
        "a return out of two loops leaves both",
        """
        def f(n):
            for i in range(n):
                for j in range(n):
                    if i * j == 2:
                        return i, j
                log(i)
            return None
        """,
        """
        def f(n):
            retval = jx.unbound("retval")
            def for_1_body(i, did_return, retval):
                def for_2_body(j, did_return, retval):
                    def if_3_true(retval, did_return):
                        retval = i, j
                        did_return = True
                        return retval, did_return
                    def if_3_false(retval, did_return): return retval, did_return
                    retval, did_return = jx.cond(i * j == 2, if_3_true, if_3_false, retval, did_return, site=3)
                    return did_return, retval
                did_return, retval = jx.for_loop(jx.call(range)(n), for_2_body, False, retval, site=2, breaks=True)
                def return_2_true():
                    pass
                def return_2_false():
                    jx.call(log)(i)
                jx.cond(did_return, return_2_true, return_2_false, site=7)
                return did_return, retval
            did_return, retval = jx.for_loop(jx.call(range)(n), for_1_body, False, retval, site=1, breaks=True)
            def return_1_true():
                return jx.sure(retval)
            def return_1_false():
                return None
            return jx.cond(did_return, return_1_true, return_1_false, site=8)
        """,
        calls=((3,), (2,)),
    ),
    Case(
        "a return out of while True needs no rest",
        """
        def f(x):
            while True:
                x += 1
                if x > 3:
                    return x
        """,
        """
        def f(x):
            retval = jx.unbound("retval")
            did_return = False
            def while_1_test(x, retval, did_return): return jx.not_(did_return)
            def while_1_body(x, retval, did_return):
                x += 1
                def if_2_true(retval, did_return):
                    retval = x
                    did_return = True
                    return retval, did_return
                def if_2_false(retval, did_return): return retval, did_return
                retval, did_return = jx.cond(x > 3, if_2_true, if_2_false, retval, did_return, site=2)
                return x, retval, did_return
            x, retval, did_return = jx.while_loop(while_1_test, while_1_body, x, retval, did_return, site=1)
            return jx.sure(retval)
        """,
        calls=((1,), (5,)),
    ),
    Case(
        "flags where the rest would have to be copied",
        """
        def f(x):
            if x > 0:
                if x > 1:
                    return 1
                x = log(5)
            else:
                x = log(6)
            y = x + 1
            return log(y)
        """,
        """
        def f(x):
            retval = jx.unbound("retval")
            did_return = False
            def if_1_true(retval, did_return, x):
                def if_2_true(retval, did_return, x):
                    retval = 1
                    did_return = True
                    return retval, did_return, x
                def if_2_false(retval, did_return, x):
                    x = jx.call(log)(5)
                    return retval, did_return, x
                retval, did_return, x = jx.cond(x > 1, if_2_true, if_2_false, retval, did_return, x, site=2)
                return retval, did_return, x
            def if_1_false(retval, did_return, x):
                x = jx.call(log)(6)
                return retval, did_return, x
            retval, did_return, x = jx.cond(x > 0, if_1_true, if_1_false, retval, did_return, x, site=1)
            def return_1_true():
                return jx.sure(retval)
            def return_1_false():
                y = x + 1
                return jx.call(log)(y)
            return jx.cond(did_return, return_1_true, return_1_false, site=6)
        """,
        calls=((2,), (1,), (0,)),
    ),
    Case(
        "a trivial rest is copied",
        """
        def f(x):
            if x > 0:
                if x > 1:
                    return 1
                x = 7
            return x
        """,
        """
        def f(x):
            def if_1_true(x=x):
                def if_2_true():
                    return 1
                def if_2_false():
                    x = 7
                    return x
                return jx.cond(x > 1, if_2_true, if_2_false, site=2)
            def if_1_false():
                return x
            return jx.cond(x > 0, if_1_true, if_1_false, site=1)
        """,
        calls=((2,), (1,), (0,)),
    ),
    Case(
        "raising is leaving too",
        """
        def f(x):
            if x:
                return 1
            else:
                raise ValueError(x)
        """,
        """
        def f(x):
            def if_1_true():
                return 1
            def if_1_false():
                raise jx.call(ValueError)(x)
            return jx.cond(x, if_1_true, if_1_false, site=1)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a with body that always returns is lowered in place",
        """
        def f(x):
            with manager():
                if x:
                    return 1
                return 2
        """,
        """
        def f(x):
            with jx.call(manager)():
                def if_1_true():
                    return 1
                def if_1_false():
                    return 2
                return jx.cond(x, if_1_true, if_1_false, site=1)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a return in a try stays native when something follows the try",
        """
        def f(x):
            try:
                if x:
                    return 1
                log(2)
            finally:
                log(3)
            return 4
        """,
        """
        def f(x):
            try:
                if jx.truth(x, site=1):
                    return 1
                jx.call(log)(2)
            finally:
                jx.call(log)(3)
            return 4
        """,
        calls=((1,), (0,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_returns(case: Case) -> None:
    check(case)
