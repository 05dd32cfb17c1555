"""Calls."""

from __future__ import annotations

import pytest

from tests.transforms.compare import Case, check

CASES = [
    Case(
        "a callee goes through the op",
        """
        def f(x):
            return x.bit_length(), len(str(x), *[])
        """,
        """
        def f(x):
            return jx.call(x.bit_length)(), jx.call(len)(jx.call(str)(x), *[])
        """,
        calls=((5,),),
    ),
    Case(
        "a leaf is called as it is",
        """
        def f(x):
            return jnp.tanh(x) + jnp.linalg.norm(x)
        """,
        """
        def f(x):
            return jnp.tanh(x) + jnp.linalg.norm(x)
        """,
        options={"is_leaf": {"jnp.tanh", "jnp.linalg.norm"}.__contains__},
    ),
    Case(
        "a local name is not a leaf",
        """
        def f(jnp):
            return jnp.tanh(1)
        """,
        """
        def f(jnp):
            return jx.call(jnp.tanh)(1)
        """,
        options={"is_leaf": {"jnp.tanh"}.__contains__},
    ),
    Case(
        "super with nothing before it stays",
        """
        def f(self):
            super().f()
            return 1
        """,
        """
        def f(self):
            jx.call(super().f)()
            return 1
        """,
    ),
    Case(
        "super in a region names its arguments",
        """
        def f(this, x):
            if x:
                super().f()
        """,
        """
        def f(this, x):
            def if_1_true():
                jx.call(super(__class__, this).f)()
            def if_1_false(): pass
            jx.cond(x, if_1_true, if_1_false, site=1)
        """,
    ),
    Case(
        "parentheses that held a word apart are kept",
        """
        def f(x):
            return(len)(x)
        """,
        """
        def f(x):
            return(jx.call(len)(x))
        """,
        calls=(([1],),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_calls(case: Case) -> None:
    check(case)
