"""Whole random programs: a module with functions, a class, objects, and what happens to them, step by step.

A program is text, so that it can be read, shrunk and kept. Its steps are lines: calls of `f`, and changes from outside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.fuzz.constructs import CONSTRUCTS
from tests.fuzz.grammar import Choices, Scope
from tests.fuzz.statements import Writer, indented, result

MARK = "\nSTEPS = "


@dataclass(frozen=True)
class Program:
    """A program to be run in both worlds.

    Attributes:
        module: the source that defines `f` and the objects.
        steps: lines that are run one after the other.
        options: for `janusx.convert`.
    """

    module: str
    steps: tuple[str, ...]
    options: tuple[tuple[str, object], ...] = ()

    @property
    def text(self) -> str:
        """The program as one file; `parsed` reads it."""
        steps = "\n".join(self.steps)
        return f'{self.module.rstrip()}\n\n{MARK.strip()} """\n{steps}\n"""\nOPTIONS = {dict(self.options)!r}\n'

    @staticmethod
    def parsed(text: str) -> Program:
        """The program in a file."""
        named = dict(_constants(text))
        steps = tuple(line for line in str(named["STEPS"]).splitlines() if line.strip())
        options = named.get("OPTIONS", {})
        assert isinstance(options, dict)
        return Program(text[: text.index(MARK)] + "\n", steps, tuple(options.items()))


def _constants(text: str) -> Iterator[tuple[str, object]]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in ("STEPS", "OPTIONS"):
                yield node.targets[0].id, ast.literal_eval(node.value)


HEAD = """\
import random

import jax
import jax.numpy as jnp
import numpy as np

COUNT = 0
dice = random.Random(0)


def tick():
    global COUNT
    COUNT += 1


class Part:
    def __init__(self, w, k=0):
        self.w = w
        self.k = k


class Held:
    def __init__(self, box):
        self.box = box

    def __enter__(self):
        self.box.n += 1
        return self

    def __exit__(self, kind, error, trace):
        self.box.n -= 1
        return kind is KeyError
"""

BOX = """\


class Box:
    def __init__(self):
        self.n = 1
        self.best = jnp.array(2)
        self.rate = 1.0
        self.total = jnp.array(1)
        self.hist = []
        self.table = {}
        self.last = None
        self.parts = [Part(jnp.array(1)), Part(jnp.array(-2), 1)]
        self.grid = np.zeros(4)
"""


def _function(head: str, body: list[str]) -> str:
    return "\n".join(["", "", head, *indented(body), ""])


def _helpers(w: Writer) -> tuple[str, frozenset[str]]:
    """The functions that `f` may call; each may call those before it."""
    text, calls = "", frozenset({"tick"})
    if w.choices.below(2):
        lines, scope = w.block(Scope(frozenset({"a", "s"}), depth=1, returns="S", calls=calls))
        text += _function("def pick(a, s):", [*lines, f"return {result(w, scope)}"])
        calls |= {"pick"}
    if w.choices.below(2):
        scope = Scope(frozenset({"s", "n"}), depth=2, returns="S", calls=calls)
        lines, after = w.block(scope, 2)
        onwards = w.choices.one(["walk({}, d - 1)", "walk({}, d - 1) + s", "1 + walk({}, d - 1)"])
        body = ["n = d", "if d <= 0:", f"    return {result(w, scope)}", *lines]
        text += _function("def walk(s, d):", [*body, f"return {onwards.format(w.e(after).make('S'))}"])
        calls |= {"walk"}
    lines, scope = ["self.n += 1", "self.best = jnp.maximum(self.best, s)"], Scope(frozenset({"s"}), box="self")
    scope = Scope(frozenset({"s"}), depth=1, returns="S", calls=calls, box="self")
    if w.choices.below(2):
        lines, scope = w.block(scope, 2)
    method = _function("def bump(self, s):", [*lines, f"return {result(w, scope)}"]).lstrip("\n")
    text += BOX + "\n" + "\n".join(indented(method.splitlines())) + "\n"
    return text, calls | {"bump"}


ARRAYS = {
    "2": ("jnp.array([1, 2])", "jnp.array([5, -7])", "jnp.array([0, 0])", "jnp.array([-3, 4])"),
    "3": ("jnp.array([1, 2, 3])", "jnp.array([4, -1, 0])", "jnp.array([-2, -2, 9])", "jnp.array([7, 5, 3])"),
    "6": ("jnp.array([1, 2, 3, 4, 5, 6])", "jnp.array([3, -1, 4, -1, 5, -9])", "jnp.zeros(6, int)"),
}
NUMBERS = ("2", "0", "3", "1")
FLOATS = ("0.5", "2.0", "-1.0")
SCALARS = ("jnp.array(1)", "jnp.array(-2)", "jnp.array(0)", "jnp.array(6)")
CHANGES = (
    "box.n = 5",
    "box.n = -1",
    "box.best = jnp.array(-4)",
    "box.best = 3",
    "box.rate = 2",
    "box.rate = -0.5",
    "box.hist.clear()",
    "box.hist.append(4)",
    "box.table.clear()",
    "box.table['k'] = 2.5",
    "box.last = jnp.array([1, 1])",
    "box.last = None",
    "box.total = jnp.array(0)",
    "box.hist = [jnp.array(3)]",
    "other.table = box.table",
    "COUNT = 7",
    "Box.bump = lambda self, s: s + 1",
    "box.grid = np.ones(4)",
    "box.grid[1] = -2.5",
    "box.grid = np.arange(4)",
    "box.parts[0].w = jnp.array(11)",
    "box.parts[0].w = 2",
    "box.parts.append(Part(jnp.array(4), 2))",
    "box.parts = [box.parts[-1]] * 2",
    "box.parts = other.parts",
    "Part.k = 5",
    "box.total = jnp.array(1.5)",
    "box.last = box.parts[0]",
    "box.hist = other.hist",
    "pick = lambda a, s: s - a[0]",
    "tick = lambda: None",
    "box.best = jnp.array([2])[0]",
    "dice.seed(7)",
)


def _call(c: Choices, size: str, odd: bool) -> str:
    x, y = (c.one(ARRAYS[size]) for _ in range(2))
    s, n, r, box = c.one(SCALARS), c.one(NUMBERS), c.one(FLOATS), "box"
    if odd:
        what = c.below(7)
        if what == 0:
            x = f"{x} * 0.5"
        elif what == 1:
            n = f"jnp.array({n})"
        elif what == 2:
            s = "3"
        elif what == 3:
            r = "1"
        elif what == 4:
            box = "other"
        elif what == 5:
            y = c.one(ARRAYS[c.one(sorted(ARRAYS))])
        else:
            s = "jnp.array(1.5)"
    return f"f({x}, {y}, {s}, {n}, {r}, {box})"


def _steps(c: Choices, warm: int) -> Iterator[str]:
    """The same call until a profile is over, then others, with changes between them, then the first again."""
    size = c.one(("2", "3", "6"))
    first = _call(c, size, False)
    yield from [first] * warm
    for _ in range(2 + c.below(2)):
        form = c.below(6)
        if form == 0:
            size = c.one(("3", "6", "2"))
        elif form in (1, 2):
            yield c.one(CHANGES)
        yield _call(c, size, form in (3, 4))
    yield first


def _differentiated(c: Choices, depth: int, longest: int) -> Program:
    """A program whose function is differentiated, too: by its first parameter, in plain Python and converted."""
    w = Writer(c, depth, pure=True, assigned="FFFFASNR")
    scope = Scope(frozenset({"p", "x", "s", "n", "r"}), returns="F", traced=True)
    lines, scope = w.block(scope, longest)
    text = _function("def f(p, x, s, n, r, box):", [*lines, f"return {result(w, scope)}"])
    size = c.one(("2", "3"))

    def arguments() -> str:
        first = c.one(("jnp.array(0.5)", "jnp.array(-1.5)", "jnp.array(2.0)", "jnp.array(0.25)"))
        return f"({first}, {c.one(ARRAYS[size])}, {c.one(SCALARS)}, {c.one(NUMBERS)}, {c.one(FLOATS)}, box)"

    same = arguments()
    steps = [f"f{same}", f"f{same}", f"grad{same}", f"grad{arguments()}", f"f{arguments()}", f"grad{arguments()}"]
    steps += [c.one(CHANGES), f"grad{same}", f"f{same}"] if c.below(2) else [f"grad{same}"]
    bump = _function("def bump(self, s):", ["return s"]).lstrip("\n")
    box = BOX + "\n" + "\n".join(indented(bump.splitlines())) + "\n"
    module = HEAD + box + text + "\n\nbox = Box()\nother = Box()\n"
    return Program(module, tuple(steps), (("profile_runs", 1),))


@st.composite
def programs(draw: st.DrawFn, depth: int = 3, longest: int = 5) -> Program:
    """Programs whose loops all end, nested so deep, with so many statements in `f` at most."""
    choices = Choices(draw)
    if choices.rarely(8):
        return _differentiated(choices, depth, longest)
    w = Writer(choices, depth, choices.rarely(4), CONSTRUCTS)
    helpers, calls = _helpers(w)
    lines, scope = w.block(Scope(calls=calls), longest)
    last = [] if w.choices.rarely(8) else [f"return {result(w, scope)}"]
    if w.choices.rarely(6):
        around = ["total = 0", "", "def f(x, y, s, n, r, box):", "    nonlocal total", "    total += n"]
        text = _function("def make():", [*around, *indented([*lines, *last]), "", "return f"]) + "\n\nf = make()\n"
    else:
        text = _function("def f(x, y, s, n, r, box):", [*lines, *last])
    runs = w.choices.one([1, 1, 2])
    options: list[tuple[str, object]] = [("profile_runs", runs)]
    if w.choices.rarely(12):
        options.append(("guards", "callback"))
    module = HEAD + helpers + text + "\n\nbox = Box()\nother = Box()\n"
    return Program(module, tuple(_steps(w.choices, runs + 1)), tuple(options))
