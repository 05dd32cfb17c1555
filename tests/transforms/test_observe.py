"""The observed form of a function: its text, and that it does what the original does."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import reprlib
import textwrap
import traceback
import types

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from janusx.emitted import compile_function
from janusx.sources import FunctionSource
from janusx.transforms import observe as module
from janusx.transforms import state_names
from janusx.transforms.observe import observe
from janusx.transforms.result import Region, Write


def text_of(source: str) -> str:
    return observe(textwrap.dedent(source)).text


class TestText:
    """What comes out, line for line."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("if x > 0: y = 1", "if jx.test(x > 0, site=1): y = 1"),
            ("return 1 if x else 2", "return 1 if jx.test(x, site=1) else 2"),
            ("assert x, m", "assert jx.test(x, site=1), m"),
            ("y = [i for i in x if i]", "y = [i for i in x if jx.test(i, site=1)]"),
            ("for i in x: pass", "for i in jx.loop(x, site=1): pass"),
            ("for i in 1, *x: pass", "for i in jx.loop((1, *x), site=1): pass"),
            ("for i in (1, 2): pass", "for i in (jx.loop((1, 2), site=1)): pass"),
            ("return not x", "return not jx.test(x, site=1)"),
            ("return f(x)", "return jx.call(f, site=1)(x)"),
            ("return x.y + x.y", "return jx.read(x.y, at=1) + jx.read(x.y, at=1)"),
            ("return x.y[0].z", "return jx.read(jx.read(x.y, at=2)[0].z, at=1)"),
            ("x.y = 1", "jx.into(x, at=1).y = 1"),
            ("x.y += x.z", "jx.into(x, at=1).y += jx.read(x.z, at=2)"),
            ("x.y[0] = 1", "jx.into(jx.read(x.y, at=1), at=1)[0] = 1"),
            ("(a, b)[0] = 1", "(jx.into((a, b), at=1))[0] = 1"),
            ("del x.y, x[0]", "del jx.into(x, at=1).y, jx.into(x, at=2)[0]"),
            ("for x.y, z in x: pass", "for jx.into(x, at=1).y, z in jx.loop(x, site=1): pass"),
            ("return x.f(g(1))", "return jx.call(x.f, site=1)(jx.call(g, site=2)(1))"),
            ("if (y := f(x)): pass", "if (jx.test((y := jx.call(f, site=2)(x)), site=1)): pass"),
            ("if (yield): pass", "if (jx.test((yield), site=1)): pass"),
            ("if any(i for i in x): pass", "if jx.test(jx.call(any, site=2)(i for i in x), site=1): pass"),
            (
                "return x and (y or z)",
                "return jx.enter(True, site=1) and jx.part(x, site=1) and jx.right(True, site=1)"
                " and (jx.enter(False, site=2) or jx.part(y, site=1) or jx.right(False, site=2) or jx.part(z, site=1))",
            ),
            (
                "if x and y: pass",
                "if (jx.yes(site=1) if (jx.enter(True, site=2) and jx.part(x, site=1) and jx.right(True, site=2)"
                " and jx.part(y, site=1)) else jx.no(site=1)): pass",
            ),
            (
                "if 0 < x < 1: pass",
                "if (jx.yes(site=1) if (jx.part(0, site=1) < jx.part(x, site=1) < jx.part(1, site=1))"
                " else jx.no(site=1)): pass",
            ),
            (
                "if not 0 < x < 1: pass",
                "if (jx.yes(site=1) if (not jx.part(0, site=1) < jx.part(x, site=1) < jx.part(1, site=1))"
                " else jx.no(site=1)): pass",
            ),
            (
                "return x or ()",
                "return jx.enter(False, site=1) or jx.part(x, site=1) or jx.right(False, site=1) or"
                " (jx.part((), site=1))",
            ),
            ("if ( ): pass", "if ( jx.test((), site=1)): pass"),
            ("return f'{f(x)!r:>{g(1)}}'", "return f'{jx.call(f, site=1)(x)!r:>{jx.call(g, site=2)(1)}}'"),
            ("@f(1)\n    def g(): pass", "@jx.call(f, site=1)(1)\n    def g(): pass"),
        ],
    )
    def test_is_the_original_with_calls_put_in(self, before, after):
        assert text_of(f"def f(x):\n    {before}\n") == f"def f(x):\n    {after}\n"

    @pytest.mark.parametrize(
        "line",
        [
            "x: f(1) = 2",
            "y = f'{f(x)=}'",
            "y = 0 < x < 1",
            "y = not 0 < x < 1",
            "y = super().f",
            "y = 'if f(x) and not 1'",
            "y = [i async for i in x]",
            "x.y: int",
            "import a.b, a.c as d",
            "from a.b import c",
            "y = f'{x.y=}'",
            "y: x.y = 1",
        ],
    )
    def test_leaves_alone_what_would_change_or_says_nothing(self, line):
        source = f"async def f(x):\n    {line}  # and if not\n"
        assert text_of(source) == source

    def test_async_for_is_left_alone(self):
        source = "async def f(x):\n    async for i in x: pass\n"
        assert text_of(source) == source

    def test_a_while_says_where_it_begins(self):
        made = observe(
            "def f(x):\n    if x:\n        while x:  # c\n            x = g(x)\n    return x\n", first_line=10
        )
        assert made.text == (
            "def f(x):\n    if jx.test(x, site=1):\n        jx.begin(site=2)\n        while jx.test(x, site=2):  # c\n"
            "            x = jx.call(g, site=3)(x)\n    return x\n"
        )
        assert made.lines == (10, 11, 12, 12, 13, 14)

    def test_comments_layout_and_lines_stay(self):
        source = "def f(\n    x,\n):\n\n    # c\n    if (\n        x  # d\n        and x\n    ): return '''\n  '''\n"
        made = observe(source, first_line=5)
        assert made.lines == tuple(range(5, 5 + source.count("\n")))
        assert [line for line in made.text.split("\n") if "jx" not in line] == [
            line for line in source.split("\n") if "x  #" not in line and "and" not in line
        ]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("lambda: 1", "def lambda_(): return ( 1)\n"),
            ("lambda x, y=f(0), *a, k: f(x)", "def lambda_( x, y=f(0), *a, k): return ( jx.call(f, site=1)(x))\n"),
            ("(lambda x: x +\n    f(x))", "def lambda_( x): return ( x +\n    jx.call(f, site=1)(x))\n"),
            ("(lambda: (yield))", "def lambda_(): return ( (yield))\n"),
            ("lambda x: not x", "def lambda_( x): return ( not jx.test(x, site=1))\n"),
            ("lambda x: x.y", "def lambda_( x): return ( jx.read(x.y, at=1))\n"),
        ],
    )
    def test_a_lambda_becomes_a_def(self, before, after):
        assert observe(before).text == after
        assert len(observe(before).lines) == after.count("\n")

    def test_decorators_go(self):
        made = observe("@a\n@b(\n)\ndef f(x): return g(x)\n", first_line=3)
        assert made.text == "def f(x): return jx.call(g, site=1)(x)\n"
        assert made.lines == (6,)

    def test_the_ops_take_another_name_where_the_user_has_theirs(self):
        made = observe("def f(jx): return jx_(jx)\n")
        assert made.ops_name == "jx__"
        assert made.text == "def f(jx): return jx__.call(jx_, site=1)(jx)\n"

    def test_sites_are_those_of_the_source(self):
        made = observe("def f(x):\n    y = g(x)\n    if y: pass\n", first_line=7)
        assert [(site.id, site.kind, site.line, site.text) for site in made.sites] == [
            (1, "if", 9, "y"),
            (2, "call", 8, "g"),
        ]
        assert made.refusals == ()

    def test_names_and_writes_are_numbered(self):
        made = observe("def f(x, m):\n    if x.a:\n        x.b += m.c\n", modules={"m"}, class_name="_C")
        assert made.names == ("x.a", "x.b")
        assert made.writes == (Write("attribute", "x.b", 3, (Region(1, True),), "b", 2),)
        (private,) = observe("def f(x):\n    x.__b += 1\n", class_name="_C").writes
        assert (private.name, private.updates) == ("x.__b", "_C__b")

    def test_doctests(self):
        assert doctest.testmod(state_names).failed == 0
        assert doctest.testmod(module).failed == 0


class Truth:
    """A value whose truth and comparisons are heard of."""

    def __init__(self, log, value):
        self.log, self.value = log, value

    def __bool__(self):
        self.log.append(("bool", self.value))
        return self.value % 3 != 0

    def __lt__(self, other):
        self.log.append(("<", self.value))
        return Truth(self.log, self.value + 1)

    def __eq__(self, other):
        return type(other) is Truth and other.value == self.value

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self):
        self.log.append(("iter", self.value))
        return iter([Truth(self.log, i) for i in range(self.value % 4)])

    def __repr__(self):
        return f"T{self.value}"


class Ops:
    """Ops that take no notes."""

    def test(self, value, site):
        return bool(value)

    def yes(self, site):
        return True

    def no(self, site):
        return False

    def part(self, value, site):
        return value

    def enter(self, neutral, site):
        return neutral

    right = enter

    def read(self, value, at):
        return value

    into = read

    def begin(self, site):
        return None

    def loop(self, xs, site):
        return iter(xs)

    def call(self, f, site):
        return f


def shown(value):
    """A value in words, without what is deep in it: lists that hold one list twice, forty times over, have no end."""
    words = reprlib.Repr()
    words.maxlevel, words.maxlist, words.maxtuple, words.maxdict = 5, 40, 40, 40
    words.maxother = words.maxstring = words.maxlong = 1000
    return words.repr(value)


def outcome(fn, log):
    """All that can be known of a call."""
    try:
        result = fn()
        if inspect.isgenerator(result):
            result = list(result)
        elif inspect.iscoroutine(result):
            result = asyncio.run(result)
    except Exception as error:
        result = (type(error), str(error), traceback.extract_tb(error.__traceback__)[1].lineno)
    return shown(result), log


def heard(log, x):
    log.append(("h", shown(x)))
    return x


def both(source: str):
    """The outcome of the original and of the observed function `f`."""
    outcomes = []
    for observed in (False, True):
        log: list = []
        scope = {"T": lambda n: Truth(log, n), "h": lambda x: heard(log, x)}
        if observed:
            made = observe(source)
            origin = FunctionSource(source, "<test>", 1, "f", "f", None, "def", ())
            code = compile_function(made, origin, ())
            cells = {"jx": types.CellType(Ops())}
            fn = types.FunctionType(code, scope, "f", None, tuple(cells[name] for name in code.co_freevars))
            scope["f"] = fn
        else:
            exec(compile(source, "<test>", "exec"), scope)
        outcomes.append(outcome(scope["f"], log))
    return outcomes


class TestBehaviour:
    @pytest.mark.parametrize(
        "body",
        [
            "return [T(i) and T(j) or T(0) for i in range(4) for j in range(4)]",
            "return 1 if T(0) and T(1) else 2 if not (T(3) or T(0)) else 3",
            "return 1 if T(1) < T(2) < T(3) else 0",
            "return 1 if (T(1) if T(2) else (T(0) and T(1))) else not (T(0) and T(1) if T(2) else T(3) or T(0))",
            "assert T(1) if T(0) else (T(0) and T(1)), h(1)",
            "return T(2) < T(3) < T(4)",
            "if T(2) < T(3) < T(4) and T(1): return 1",
            "n = 9\n    while T(n):\n        n -= 1\n    else:\n        return n\n    return -1",
            "n = 9\n    while n and T(n) or T(n - 1):\n        n -= 1\n        if n < 2: break\n    return n",
            "def g(n):\n        return n if n < 2 else g(n - 1) + g(n - 2)\n    return g(8)",
            "x = 1\n    def g():\n        nonlocal x\n        x += 1 if T(1) else 2\n    g()\n    return x",
            "try:\n        return h(1) if T(1) else 0\n    finally:\n        h(2)",
            "assert T(0) or T(3), h('m')",
            "raise h(ValueError(1)) if T(1) else h(KeyError(2))",
            "for i in (yield from [1, 2]) or (3, 4):\n        yield i if T(i) else (yield)",
            "class A:\n        y = h(1) if T(1) else 2\n        m = lambda self: super and 1\n    return A().m(), A.y",
            "match T(1), h(2):\n        case a, 2 if a and T(3): return 1\n"
            "        case a, b if not T(2): return 2\n        case _: return 3",
            "with open(h('/dev/null')) as g: return g.read() or T(1)",
            "return (lambda *a, k=h(1), **b: (a, k, b))(1, z=2)",
            "return f'{h(1)!r:>{h(4)}} {T(1) and T(2)} {h(1)=} {(lambda: T(1) or 2)()}'",
            "return [x for x in T(3) if x and T(1) if not x], {k: v for k, v in zip(T(3), T(2))}, (y := T(2)) and y",
            "x = [1, 2]\n    del h(x)[0]\n    h(x)[0] += T(1).value\n    return x",
            "global G\n    G = h(1)\n    return G or T(0)",
            "x = T(1)\n    x.a = x.value\n    x.a += h(2)\n    x.b = [h(3)]\n    h(x.b)[h(0)], x.c = h((4, 5))\n"
            "    for x.d in x.b: pass\n    del x.a\n    return x.b, x.c, x.d, [0 for x.d in (6,)], x.d",
            "class A:\n        n = h(1)\n    match h(1):\n        case A.n: return A.n\n"
            "        case T(value=A.n): return 2",
            "class A:\n        __n = h(1)\n        def m(self):\n            self.__n += h(1)\n"
            "            return vars(self)\n    return A().m()",
            "x = T(1)\n    x.a = h(1)\n    return f'{x.a!r:>{x.value}}', x.nothing",
            "x = T(1)\n    x.a[h(0)] = h(2)",
            "x = None\n    x.a = h(2)",
            "x = h(T(1))\n    x.missing += h(2)",
        ],
    )
    def test_is_the_original_s(self, body):
        one, other = both(f"def f():\n    {body}\n")
        assert one == other

    def test_coroutines_and_async_comprehensions_are_untouched(self):
        one, other = both(
            "async def f():\n    async def d(i): return h(i)\n"
            "    async def g():\n        for i in range(4):\n            if T(i): yield i\n"
            "    return [i async for i in g() if T(i)] or [i for i in range(3) if T(i) and await d(i)]\n"
        )
        assert one == other


names = st.sampled_from(["a", "b", "c"])
atoms = st.one_of(names, st.integers(0, 6).map(lambda n: f"T({n})"), st.integers(0, 3).map(str))


def _compound(inner):
    def joined(template, count):
        return st.tuples(*[inner] * count).map(lambda parts: template.format(*parts))

    return st.one_of(
        joined("({} and {})", 2),
        joined("{} and {}", 2).map(lambda text: f"({text})"),
        joined("({} or {} and {})", 3),
        joined("({} or {})", 2),
        joined("(not {})", 1),
        joined("({} if {} else {})", 3),
        joined("(T(1) < T({}) < T(2))", 1).filter(lambda text: text.count("T") == 3),
        joined("h({})", 1),
        joined("[{} for c in T(3) if {}]", 2),
        joined("(lambda a: {})({})", 2),
        st.tuples(names, inner).map(lambda pair: "({} := {})".format(*pair)),
    )


expressions = st.recursive(atoms, _compound, max_leaves=6)


def _indented(block):
    return textwrap.indent(block, "    ")


def _statements(inner):
    block = st.lists(inner, min_size=1, max_size=3).map("\n".join)
    return st.one_of(
        st.tuples(expressions, block, block).map(lambda p: f"if {p[0]}:\n{_indented(p[1])}\nelse:\n{_indented(p[2])}"),
        st.tuples(expressions, block).map(lambda p: f"while tick() and {p[0]}:\n{_indented(p[1])}"),
        st.tuples(expressions, block).map(lambda p: f"while ({p[0]}):\n    if not tick(): break\n{_indented(p[1])}"),
        st.tuples(names, expressions, block).map(lambda p: f"for {p[0]} in T(3), {p[1]}:\n{_indented(p[2])}"),
        block.map(lambda b: f"for _ in 1, 2:\n{_indented(b)}\n    if b: continue\n    else: break\nelse: h(3)"),
        st.tuples(block, expressions).map(lambda p: f"try:\n{_indented(p[0])}\nexcept TypeError:\n    h({p[1]})"),
    )


simple = st.one_of(
    st.tuples(names, expressions).map(lambda p: "{} = {}".format(*p)),
    expressions.map(lambda e: f"h({e})"),
    expressions.map(lambda e: f"assert {e}, h(1)"),
    expressions.map(lambda e: f"if {e}: return h(a)"),
)
programs = st.lists(st.recursive(simple, _statements, max_leaves=6), min_size=1, max_size=4).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(programs)
def test_random_programs_ask_for_every_truth_once_and_in_order(program):
    head = "left = [40]\ndef tick():\n    left[0] -= 1\n    return left[0] > 0\na, b, c = T(1), 0, [2]\n"
    source = "def f():\n" + _indented(head + program + "\nreturn a, b, c\n")
    try:
        compile(source, "<test>", "exec")
    except SyntaxError:
        reject()
    one, other = both(source)
    assert one == other
