"""Expressions of random programs: what may stand where a value of a kind is wanted.

Kinds of values, each with names of its own: `A` one-dimensional integer arrays, `S` integer arrays without dimensions,
`F` floating ones, `N` Python integers, `R` Python floats, `L` lists of `S`, `Q` a number of whatever type, `O` anything
or None. Numbers are kept small and are multiples of powers of two: no predicate flips by a rounding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

NAMES = {
    "A": ("x", "y", "a", "b"),
    "S": ("s", "t", "u"),
    "F": ("p", "q"),
    "N": ("n", "i", "j"),
    "R": ("r", "w"),
    "L": ("items", "found"),
    "Q": ("m", "v"),
    "O": ("z",),
}
KIND = {name: kind for kind, names in NAMES.items() for name in names}
PARAMETERS = ("x", "y", "s", "n", "r", "box")


@dataclass(frozen=True)
class Scope:
    """What the statements at one place may use and do.

    Attributes:
        bound: names that have a value here.
        maybe: names that have one on some paths.
        depth: of nested statements.
        in_loop: whether `break` and `continue` may stand here.
        serial: makes the names of counters unique.
        returns: the kind of what the function returns; None where any value will do.
        calls: names of functions that may be called: those defined before.
        box: the name of the object.
        traced: whether floating arrays may be JAX's tracers, of which plain Python makes no number.
    """

    bound: frozenset[str] = frozenset(PARAMETERS) - {"box"}
    maybe: frozenset[str] = frozenset()
    depth: int = 0
    in_loop: bool = False
    serial: str = ""
    returns: str | None = None
    calls: frozenset[str] = frozenset()
    box: str = "box"
    traced: bool = False

    def bind(self, *names: str) -> Scope:
        """The scope after an assignment."""
        return replace(self, bound=self.bound | set(names), maybe=self.maybe - set(names))

    def unbind(self, name: str) -> Scope:
        """The scope after a `del`."""
        return replace(self, bound=self.bound - {name}, maybe=self.maybe - {name})

    def after(self, *branches: Scope) -> Scope:
        """The scope after branches of which one has run."""
        every = frozenset.intersection(*(one.bound for one in branches))
        some = frozenset[str]().union(*(one.bound | one.maybe for one in branches))
        return replace(self, bound=every, maybe=(self.maybe | some) - every)

    def inner(self, number: int, in_loop: bool | None = None) -> Scope:
        """The scope of a nested block."""
        loop = self.in_loop if in_loop is None else in_loop
        return replace(self, depth=self.depth + 1, in_loop=loop, serial=f"{self.serial}{number}")


@dataclass
class Choices:
    """Draws from Hypothesis, in words."""

    draw: st.DrawFn
    _integers: dict[int, st.SearchStrategy[int]] = field(default_factory=dict)

    def below(self, count: int) -> int:
        """A number from 0 to `count - 1`."""
        if count not in self._integers:
            self._integers[count] = st.integers(0, count - 1)
        return self.draw(self._integers[count])

    def one(self, options: Sequence[T]) -> T:
        """One of several; the first is the simplest."""
        return options[self.below(len(options))]

    def rarely(self, times: int = 10) -> bool:
        """Once in so many times."""
        return self.below(times) == times - 1


@dataclass
class Expressions:
    """Draws expressions that are right at one place."""

    choices: Choices
    scope: Scope
    fuel: int = 4

    def make(self, kind: str) -> str:
        """An expression of a kind."""
        self.fuel -= 1
        simple = self.named(kind)
        if self.fuel < 0 or self.choices.below(3) == 0:
            return simple
        return self.filled(self.one(FORMS[kind]))

    def named(self, kind: str) -> str:
        """A name of a kind; a literal where none is bound. Rarely a name that is perhaps unbound."""
        sure = [name for name in NAMES[kind] if name in self.scope.bound]
        unsure = [name for name in NAMES[kind] if name in self.scope.maybe]
        if unsure and self.choices.rarely(12):
            return self.choices.one(unsure)
        if sure and not (kind in "NR" and self.choices.below(4) == 0):
            return self.choices.one(sure)
        return self.choices.one(LITERALS[kind])

    def predicate(self, deep: bool = True) -> str:
        """A test."""
        simple = self.filled(self.choices.one(TESTS))
        form = self.choices.below(8) if deep else 7
        if form == 0:
            return f"not ({simple})"
        if form in (1, 2):
            return f"{simple} {('', 'and', 'or')[form]} {self.predicate(False)}"
        return simple

    def any_of(self, kinds: str) -> str:
        """An expression of one of several kinds."""
        return self.make(self.choices.one(kinds))

    def one(self, forms: Sequence[str]) -> str:
        """One of several forms, of those that call only what may be called here."""
        form = self.choices.one(forms)
        if self.scope.traced and form == "float({F})":
            return forms[0]
        called = _CALL.search(form)
        return forms[0] if called is not None and called[1] not in self.scope.calls else form

    def filled(self, form: str) -> str:
        """A form with its holes filled.

        `{A}` is an expression of that kind, `{a}` a name of that kind, `{?}` a test, `{#}` and `{+}` are numbers.
        """
        return _HOLE.sub(lambda hole: self._fill(hole[1]), form)

    def _fill(self, hole: str) -> str:
        if hole == "?":
            return self.predicate(False)
        if hole == "#":
            return str(self.choices.below(13) - 3)
        if hole == "+":
            return str(self.choices.below(3) + 1)
        if hole == "box":
            return self.scope.box
        return self.named(hole.upper()) if hole.islower() else self.make(hole)


_HOLE = re.compile(r"{(box|[A-Za-z?#+])}")
_CALL = re.compile(r"\b(pick|walk|bump|tick)\(")

LITERALS: dict[str, tuple[str, ...]] = {
    "A": ("jnp.arange(2)",),
    "S": ("jnp.array(3)", "jnp.array(-2)"),
    "F": ("jnp.array(0.5)", "jnp.array(-1.5)"),
    "N": ("0", "1", "2", "5"),
    "R": ("0.5", "2.0", "-1.5"),
    "L": ("[]", "[jnp.array(1)]"),
    "Q": ("1", "0.5", "jnp.array(2)"),
    "O": ("None",),
}

FORMS: dict[str, tuple[str, ...]] = {
    "A": (
        "{A} + {A}",
        "{A} - {N}",
        "{a} * {S}",
        "jnp.maximum({A}, {A})",
        "jnp.where({a} > {S}, {a}, -{a})",
        "{a}.at[0].set({S})",
        "{a}.at[{N} % {a}.shape[0]].add({N})",
        "{a}[::-1]",
        "({A} if {?} else {A})",
        "{box}.total + {a}",
        "-{a}",
        "jnp.cumsum({a})",
        "({a} + jnp.array([*{l}, 0])[0])",
    ),
    "S": (
        "{a}[0]",
        "{a}.sum()",
        "{a}.max()",
        "{s} + {N}",
        "{S} - {S}",
        "{s} * {+}",
        "{a}[{N} % {a}.shape[0]]",
        "jnp.where({S} > {#}, {S}, {N})",
        "{box}.best",
        "({S} if {?} else {S})",
        "abs({S})",
        "max({S}, {S})",
        "-{s}",
        "{s} // {+}",
        "pick({A}, {S})",
        "walk({S}, {+})",
        "{box}.bump({S})",
        "sum({l}, {s})",
        "{box}.parts[0].w",
        "sum([one.w for one in {box}.parts], {s})",
        "({s} and {s})",
        "({s} or {s})",
        "{a}[-1] % 5",
    ),
    "F": (
        "{s} * 0.5",
        "{f} + {R}",
        "{f} - {F}",
        "jnp.abs({f})",
        "{s} / 2",
        "({F} if {?} else {F})",
        "{f} * {R}",
        "({a} * 0.5).max()",
        "jnp.minimum({f}, {S})",
    ),
    "N": (
        "{n} + {+}",
        "{n} - {N}",
        "{n} % {+}",
        "len({l})",
        "{box}.n",
        "min({N}, {N})",
        "{a}.shape[0]",
        "int({S})",
        "({N} if {?} else {N})",
        "COUNT",
        "len({box}.hist)",
        "abs({n})",
        "{n} // {+}",
        "len({box}.table)",
        "({n} or {+})",
        "{a}.ndim",
        "{box}.parts[-1].k",
        "len({box}.parts)",
    ),
    "R": (
        "{r} + 0.5",
        "{r} * 0.5",
        "{box}.rate",
        "float({S})",
        "float({N})",
        "-{r}",
        "({R} if {?} else {R})",
        "max({R}, {R})",
        "{n} / 2",
        "float({F})",
        "float({box}.grid[{N} % 4])",
        "float({box}.grid.sum()) % 8.0",
    ),
    "L": (
        "[{S}, {S}]",
        "[e + {N} for e in {l}]",
        "[e for e in {l} if e > {#}]",
        "{l}[1:]",
        "[{S} for _ in range({+})]",
        "{l} + [{S}]",
        "list({l})",
        "[e * k for k, e in enumerate({l})]",
        "[{a}[k] for k in range({a}.shape[0])]",
        "list(reversed({l}))",
    ),
    "Q": ("{S}", "{N}", "{F}", "{R}", "({S} if {?} else {N})", "({N} and {S})", "{q} + {N}", "({q} or {S})"),
    "O": ("None", "{A}", "{S}", "{N}", "(None if {?} else {S})", "({S} if {?} else {A})", "{box}.last", "{L}"),
}

TESTS = (
    "{s} > {#}",
    "{a}.sum() > {#}",
    "{a}[0] < {a}[-1]",
    "{n} > {+}",
    "{N} % 2 == 0",
    "{s} == {S}",
    "{box}.n < {#}",
    "{f} < {R}",
    "{r} > {R}",
    "0 <= {S} < {#}",
    "{N} < {S} <= {N}",
    "{l}",
    "len({l}) > {+}",
    "{s} % 2",
    "{box}.rate > 0.5",
    "{box}.last is None",
    "{q} > {#}",
    "'k' in {box}.table",
    "{s} in {a}",
    "({a} > {#}).any()",
    "{box}.best >= {S}",
    "{s} != {N}",
    "isinstance({q}, int)",
    "{o} is None",
    "any(e > {#} for e in {l})",
    "{box}.grid[0] > {R}",
    "{box}.parts[0].w > {#}",
    "{box}.parts[-1].k < {+}",
    "all(one.w < {#} for one in {box}.parts)",
)

TAMED = {"A": "({}) % 97", "S": "({}) % 97", "F": "jnp.clip({}, -40, 40)", "N": "({}) % 7", "R": "({}) % 8.0"}


def tamed(kind: str, expression: str) -> str:
    """An expression kept small, so that loops cannot make it grow."""
    return TAMED.get(kind, "{}").format(expression)
