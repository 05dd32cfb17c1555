"""Nested functions, classes, private names, hygiene."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check, same

CASES = [
    Case(
        "a nested def is rewritten in place",
        """
        def f(x):
            def g(y):
                if y:
                    y = 2
                return y
            return g(x)
        """,
        """
        def f(x):
            def g(y):
                def if_1_true(y):
                    y = 2
                    return y
                def if_1_false(y): return y
                y = jx.cond(y, if_1_true, if_1_false, y, site=1)
                return y
            return jx.call(g)(x)
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "decorators and defaults are evaluated here",
        """
        def f(x):
            @keep(log(1))
            def g(y=log(2)):
                return y
            return g()
        """,
        """
        def f(x):
            @jx.call(keep)(jx.call(log)(1))
            def g(y=jx.call(log)(2)):
                return y
            return jx.call(g)()
        """,
        calls=((1,),),
    ),
    Case(
        "nonlocal of the user stays",
        """
        def f(x):
            y = 0
            def g():
                nonlocal y
                if x:
                    y = 1
            g()
            return y
        """,
        """
        def f(x):
            y = 0
            def g():
                nonlocal y
                def if_1_true():
                    nonlocal y
                    y = 1
                def if_1_false(): pass
                jx.cond(x, if_1_true, if_1_false, site=1)
            jx.call(g)()
            return y
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "a class stays as it is",
        """
        def f(x):
            class C:
                def g(self):
                    return 1 if x else 2
            return C().g()
        """,
        """
        def f(x):
            class C:
                def g(self):
                    return 1 if x else 2
            return jx.call(jx.call(C)().g)()
        """,
        calls=((1,), (0,)),
    ),
    Case(
        "private names are mangled",
        """
        def f(self, __a=1):
            return self.__x + __a
        """,
        """
        def f(self, _C__a=1):
            return self._C__x + _C__a
        """,
        options={"class_name": "_C"},
    ),
    Case(
        "a generator inside is left alone, but for its calls",
        """
        def f(n):
            def g():
                for i in range(n):
                    if i:
                        yield i
            return list(g())
        """,
        """
        def f(n):
            def g():
                for i in jx.call(range)(n):
                    if i:
                        yield i
            return jx.call(list)(jx.call(g)())
        """,
        calls=((3,),),
    ),
    Case(
        "names of the user's are not taken",
        """
        def f(jx, if_1_true, item):
            for a, b in item:
                if jx:
                    if_1_true = a
            return if_1_true
        """,
        """
        def f(jx, if_1_true, item):
            def for_1_body(item_2, if_1_true):
                a, b = item_2
                def if_2_true(if_1_true):
                    if_1_true = a
                    return if_1_true
                def if_2_false(if_1_true): return if_1_true
                if_1_true = jx_2.cond(jx, if_2_true, if_2_false, if_1_true, site=2)
                return if_1_true
            if_1_true = jx_2.for_loop(item, for_1_body, if_1_true, site=1)
            return if_1_true
        """,
        calls=((1, 2, [(3, 4)]), (0, 2, [])),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_functions(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "body", ["x\n  + y", "(\n    x\n  )\n  * y", "[x,\n  y]", '"""a\n b"""', "x", "-x\n  if y\n  else x"], ids=repr
)
def test_a_lambda_over_several_lines_keeps_together(body: str) -> None:
    made = same(f"(lambda x, y: {body})", (1, 2), (3, 0))
    assert not made.refusals
    assert "(x)" not in made.text


def test_debug_is_no_variable() -> None:
    made = same(
        """
        def f(x):
            def g():
                nonlocal x
                if __debug__:
                    x += 1
            g()
            return x
        """,
        (1,),
    )
    assert not made.refusals
