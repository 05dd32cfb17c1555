"""Statements of random programs. Every loop and every recursion is bounded by construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.fuzz.grammar import KIND, NAMES, Choices, Expressions, Scope, tamed

Block = tuple[list[str], Scope]

ASSIGNED = "AASSSFNNRLLQO"


def indented(lines: list[str]) -> list[str]:
    """Lines one level deeper."""
    return ["    " + line for line in lines]


@dataclass(frozen=True)
class Writer:
    """Draws statements.

    Attributes:
        choices: what draws.
        depth: how deep statements nest.
        opaque: whether there are calls that nobody sees into, at which functions are split.
        constructs: more statements, some of which are drawn.
        pure: whether nothing outside of the function is changed, and nothing is printed.
        assigned: the kinds of values that are assigned.
    """

    choices: Choices
    depth: int = 3
    opaque: bool = False
    constructs: Sequence[Make] = ()
    pure: bool = False
    assigned: str = ASSIGNED

    def e(self, scope: Scope, fuel: int = 4) -> Expressions:
        """Expressions at a place."""
        return Expressions(self.choices, scope, fuel)

    def block(self, scope: Scope, longest: int = 3) -> Block:
        """A few statements. What follows a jump is not drawn."""
        lines: list[str] = []
        for number in range(1 + self.choices.below(longest)):
            more, scope = self.statement(scope, number)
            lines += more
        return lines, scope

    def statement(self, scope: Scope, number: int) -> Block:
        """One statement."""
        make = self.choices.one(SIMPLE if scope.depth >= self.depth else SIMPLE + NESTED)
        if self.constructs and scope.depth < self.depth and self.choices.rarely(3):
            make = self.choices.one(self.constructs)
        if self.opaque and self.choices.rarely(5):
            make = unseen
        if make is leave and not scope.depth and self.choices.below(2):
            make = mutate
        return make(self, scope, number)


Make = Callable[[Writer, Scope, int], Block]


def assign(w: Writer, scope: Scope, number: int) -> Block:
    """`name = expression`."""
    kind = w.choices.one(w.assigned)
    name = w.choices.one(NAMES[kind])
    return [f"{name} = {tamed(kind, w.e(scope).make(kind))}"], scope.bind(name)


def several(w: Writer, scope: Scope, number: int) -> Block:
    """Tuple unpacking, swaps, chained and starred targets."""
    form = w.choices.below(5)
    e = w.e(scope)
    if form == 0:
        return [f"s, t = {tamed('S', e.make('S'))}, {e.make('N')}"], scope.bind("s", "t")
    if form == 1 and {"x", "y"} <= scope.bound:
        return ["x, y = y, x"], scope
    if form == 2:
        return [f"a = b = {tamed('A', e.make('A'))}"], scope.bind("a", "b")
    if form == 3:
        return [f"u, *items = [{e.make('S')}, *{e.named('L')}][:4]"], scope.bind("u", "items")
    return [f"i, (w, s) = {e.make('N')}, ({e.make('R')}, {e.make('S')})"], scope.bind("i", "w", "s")


def augment(w: Writer, scope: Scope, number: int) -> Block:
    """`name += expression`."""
    kind = w.choices.one("ASFNR")
    bound = [name for name in NAMES[kind] if name in scope.bound]
    if not bound:
        return assign(w, scope, number)
    sign = w.choices.one(["+=", "-=", "+="])
    small = {"N": "NS", "R": "RN", "S": "SN", "F": "FSR", "A": "ASN"}[kind]
    return [f"{w.choices.one(bound)} {sign} {w.e(scope, 2).any_of(small)}"], scope


MUTATIONS = (
    "{box}.n += 1",
    "{box}.best = ({S}) % 97",
    "{box}.hist.append(({S}) % 97)",
    "{box}.hist.append({N})",
    "{box}.table['k'] = ({S}) % 97",
    "{box}.table['l'] = {N}",
    "{box}.rate *= 0.5",
    "{box}.last = {O}",
    "{box}.total = ({A}) % 97",
    "{box}.bump({S})",
    "{box}.n = ({N}) % 7",
    "{box}.best += {N}",
    "{box}.hist = {box}.hist[-2:]",
    "{box}.hist.extend({l}[:3])",
    "{box}.best, {box}.n = ({S}) % 97, ({N}) % 7",
    "{box}.table.pop('k', None)",
    "tick()",
)


def mutate(w: Writer, scope: Scope, number: int) -> Block:
    """A change of an object."""
    if w.pure:
        return assign(w, scope, number)
    e = w.e(scope)
    return [e.filled(e.one(MUTATIONS))], scope


UNSEEN = (
    ("n = dice.randrange(4)", "n"),
    ("r = dice.choice((0.5, 1.0, 2.0))", "r"),
    ("s = jnp.array(dice.randrange(5))", "s"),
    ("{box}.n = dice.randrange(3)", ""),
    ("{box}.hist.append(dice.randrange(9))", ""),
    ("n = ({N}) % 5 + dice.randrange(2)", "n"),
    ("dice.random()", ""),
)


def unseen(w: Writer, scope: Scope, number: int) -> Block:
    """A call whose result is another one each time, and must happen once."""
    e = w.e(scope)
    form, name = w.choices.one(UNSEEN)
    return [e.filled(form)], scope.bind(name) if name else scope


def lists(w: Writer, scope: Scope, number: int) -> Block:
    """A change of a local list."""
    bound = [name for name in NAMES["L"] if name in scope.bound]
    e = w.e(scope)
    if not bound:
        return [f"items = {e.make('L')}"], scope.bind("items")
    name = w.choices.one(bound)
    forms = (
        [f"{name}.append({tamed('S', e.make('S'))})"],
        [f"{name} = {name}[-3:]", f"{name} += [{e.make('S')}]"],
        [f"if {name}:", f"    {name}[0] = {e.make('S')}"],
        [f"if len({name}) > 1:", f"    {name}.pop()"],
        [f"{name}.insert(0, {e.make('S')})"],
        [f"del {name}[1:]"],
    )
    return w.choices.one(forms), scope


def say(w: Writer, scope: Scope, number: int) -> Block:
    """Output."""
    if w.pure:
        return augment(w, scope, number)
    e = w.e(scope, 2)
    forms = (
        f"print('n', {e.make('N')})",
        f'print(f"{{{e.make("S")}}} of {{{e.named("N")}}}")',
        f"print({e.any_of('SFRQ')}, {scope.box}.n)",
        f"print({e.named('L')})",
        f"print(f'{{{e.named('R')}:.2f}}', end=';')",
    )
    return [w.choices.one(forms)], scope


def leave(w: Writer, scope: Scope, number: int) -> Block:
    """A jump, an exception, an assertion, mostly under a test."""
    e = w.e(scope)
    ways = [f"return {result(w, scope)}"]
    if scope.in_loop:
        ways += ["continue", "break"] * 3
    if w.choices.rarely(4):
        ways = [f"raise ValueError('low', {e.make('N')})", f"raise ValueError(f'at {{{e.make('S')}}}')"]
    if w.choices.rarely(6):
        return [f"assert {e.predicate()}, {e.any_of('NS')}"], scope
    if w.choices.rarely(30):
        bound = sorted(scope.bound & (KIND.keys() - {"x"}))
        name = w.choices.one(bound)
        return [f"del {name}"], scope.unbind(name)
    return [f"if {e.predicate()}:", f"    {w.choices.one(ways)}"], scope


def result(w: Writer, scope: Scope) -> str:
    """What a function returns."""
    e = w.e(scope)
    if scope.returns is not None:
        return tamed(scope.returns, e.make(scope.returns))
    forms = (
        lambda: tamed("A", e.make("A")),
        lambda: tamed("S", e.make("S")),
        lambda: f"{e.make('N')}, {e.make('S')}",
        lambda: f"{{'s': {e.make('S')}, 'r': {e.make('R')}}}",
        lambda: "None",
        lambda: e.make("L"),
        lambda: e.make("Q"),
        lambda: f'f"{{{e.make("S")}}}"',
        lambda: e.make("F"),
        lambda: e.make("O"),
        lambda: scope.box,
    )
    return w.choices.one(forms)()


def if_(w: Writer, scope: Scope, number: int) -> Block:
    """`if`, `elif`, `else`."""
    inner = scope.inner(number)
    lines, taken = w.block(inner)
    text = [f"if {w.e(scope).predicate()}:", *indented(lines)]
    branches = [taken]
    for _ in range(w.choices.below(3) // 2):
        lines, other = w.block(inner)
        text += [f"elif {w.e(scope).predicate()}:", *indented(lines)]
        branches.append(other)
    if w.choices.below(2):
        lines, other = w.block(inner)
        text += ["else:", *indented(lines)]
        branches.append(other)
    else:
        branches.append(scope)
    return text, scope.after(*branches)


def _else(w: Writer, scope: Scope, number: int) -> list[str]:
    if w.choices.below(5):
        return []
    lines, _ = w.choices.one([assign, mutate, leave])(w, replace(scope, in_loop=False), number)
    return ["else:", *indented(lines)]


def while_(w: Writer, scope: Scope, number: int) -> Block:
    """`while` over a counter, which is a Python number or an array."""
    counter = f"k{scope.serial}{number}"
    start = w.choices.one(["0", "jnp.array(0)"])
    lines, body = w.block(scope.inner(number, in_loop=True))
    test = f"{counter} < {w.choices.one(['2', '3', '4', '6'])}"
    if w.choices.below(2):
        test = f"{test} and {w.e(scope).predicate(False)}"
    text = [f"{counter} = {start}", f"while {test}:", f"    {counter} = {counter} + 1", *indented(lines)]
    return text + _else(w, scope, number), scope.after(scope, body)


RANGES = ("range(3)", "range({n})", "range(6)", "range({n}, 3)", "range(5, 0, -1)", "range(int({S} % 4))", "range(j)")
LOOPS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("i", ("i",), RANGES),
    ("i", ("i",), RANGES),
    ("s", ("s",), ("{a}", "{A}", "{l}[:4]", "[{S}, {S}]", "jnp.arange(6)", "reversed({a})")),
    ("j, s", ("j", "s"), ("enumerate({a})", "enumerate({l}[:4])", "enumerate(jnp.arange(5))")),
    ("s, t", ("s", "t"), ("zip({a}, {a})", "zip({a}, {l}[:4])")),
    ("a", ("a",), ("jnp.stack([{a}, {a} * 2])", "[{a}, {a}]")),
    ("m", ("m",), ("({S}, {N})", "[{N}, {N}]", "{box}.hist[:4]")),
    ("_", (), ("range(2)", "{box}.table")),
)


def for_(w: Writer, scope: Scope, number: int) -> Block:
    """`for` over ranges, arrays, lists, `enumerate`, `zip`."""
    target, names, overs = w.choices.one(LOOPS)
    over = w.choices.one(overs)
    if over == "range(j)" and "j" not in scope.bound:
        over = "range(2)"
    text = w.e(scope, 3).filled(over)
    lines, body = w.block(scope.inner(number, in_loop=True).bind(*names))
    head = f"for {target} in {text}:"
    return [head, *indented(lines), *_else(w, scope, number)], scope.after(scope, body)


def try_(w: Writer, scope: Scope, number: int) -> Block:
    """`try`, `except`, `else`, `finally`."""
    inner = scope.inner(number)
    lines, tried = w.block(inner)
    if w.choices.below(2):
        lines += [f"if {w.e(tried).predicate()}:", f"    raise ValueError({w.e(tried).any_of('NS')})"]
    handled_scope = replace(inner, maybe=inner.maybe | (tried.bound - inner.bound))
    handler, handled = w.block(handled_scope, 2)
    caught = w.choices.one(["ValueError", "(ValueError, AssertionError)", "Exception"])
    text = ["try:", *indented(lines), f"except {caught} as error:"]
    if w.choices.below(2) and not w.pure:
        handler = [f"print('caught', type(error).__name__, {w.e(inner).named('N')})", *handler]
    text += indented(handler)
    if w.choices.rarely(5):
        more, tried = w.block(tried, 1)
        text += ["else:", *indented(more)]
    if w.choices.rarely(4):
        more, _ = mutate(w, replace(inner, in_loop=False), number)
        text += ["finally:", *indented(more)]
    return text, scope.after(tried, handled)


def closure(w: Writer, scope: Scope, number: int) -> Block:
    """A nested function that changes a variable around it."""
    name = f"inner{scope.serial}{number}"
    captured = w.choices.one([one for one in ("s", "n", "a", "t") if one in scope.bound] or ["x"])
    if captured not in scope.bound:
        return assign(w, scope, number)
    kind = KIND[captured]
    own = replace(scope, in_loop=False, depth=w.depth, returns="S", bound=scope.bound | {"t"})
    text = [f"def {name}(t):", f"    nonlocal {captured}" if captured != "t" else "    pass"]
    text += [f"    {captured} = {tamed(kind, w.e(own).make(kind))}"]
    if w.choices.below(3):
        lines, own = w.choices.one([mutate, if_, leave])(w, own, number)
        text += indented(lines)
    text += [f"    return {result(w, own)}"]
    argument = w.e(scope).make("S")
    uses = [f"u = {name}({argument})"]
    if w.choices.below(2):
        uses = [f"for u in jnp.arange(3):\n    u = {name}(u)"]
    bound = scope.bind("u") if len(uses[0].splitlines()) == 1 else replace(scope, maybe=scope.maybe | {"u"})
    return [*text, *[line for use in uses for line in use.splitlines()]], bound


def sort(w: Writer, scope: Scope, number: int) -> Block:
    """Nested loops where the trips of the inner one depend on the outer one."""
    name = w.choices.one([one for one in NAMES["A"] if one in scope.bound] or ["x"])
    inner = w.choices.one(["{n}.shape[0] - i - 1", "i", "i + 1"]).format(n=name)
    text = [f"for i in range({name}.shape[0]):", f"    for j in range({inner}):"]
    body = w.choices.one(
        [
            [
                f"if {name}[j] > {name}[j + 1]:",
                f"    {name} = {name}.at[j].set({name}[j + 1]).at[j + 1].set({name}[j])",
            ],
            [f"{name} = {name}.at[j].add({w.e(scope).make('N')})", f"{name} = {name} % 97"],
        ]
    )
    return [*text, *indented(indented(body))], replace(scope, maybe=scope.maybe | {"i", "j"} - scope.bound)


SIMPLE: list[Make] = [assign, assign, assign, several, augment, mutate, mutate, lists, say, leave, leave]
NESTED: list[Make] = [if_, if_, if_, while_, for_, for_, for_, try_, closure, sort]
