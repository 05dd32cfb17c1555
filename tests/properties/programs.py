"""A generator of random programs: nested control flow over arrays and Python numbers.

Arrays are small integers kept small (`% 97`): an integer is the same compiled or not, so no predicate flips by a
rounding. Every loop has a trip count that is bounded. Names may be unbound on some paths; a program that reads one
raises, in both worlds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

ARRAYS = ("x", "y", "a", "b", "c")
NUMBERS = ("n", "i", "j")
DEPTH = 3


@dataclass(frozen=True)
class Scope:
    """What the statements at one place may use."""

    bound: frozenset[str] = frozenset({"x", "y", "n"})
    maybe: frozenset[str] = frozenset()
    depth: int = 0
    in_loop: bool = False
    serial: str = "0"

    def bind(self, name: str) -> Scope:
        return replace(self, bound=self.bound | {name}, maybe=self.maybe - {name})

    def after(self, *branches: Scope) -> Scope:
        """The scope after branches of which one has run."""
        every = frozenset.intersection(*(one.bound for one in branches))
        some = frozenset().union(*(one.bound | one.maybe for one in branches))
        return replace(self, bound=self.bound | every, maybe=(self.maybe | some) - self.bound - every)

    def inner(self, number: int, in_loop: bool | None = None) -> Scope:
        return replace(
            self,
            depth=self.depth + 1,
            in_loop=self.in_loop if in_loop is None else in_loop,
            serial=f"{self.serial}_{number}",
        )


def _name(draw: st.DrawFn, scope: Scope, kinds: tuple[str, ...]) -> str:
    sure = [name for name in kinds if name in scope.bound]
    unsure = [name for name in kinds if name in scope.maybe]
    risky = unsure and draw(st.integers(0, 9)) == 0
    return draw(st.sampled_from(unsure if risky else sure))


def _array(draw: st.DrawFn, scope: Scope) -> str:
    one, other = (_name(draw, scope, ARRAYS) for _ in range(2))
    number = _name(draw, scope, NUMBERS)
    forms = (
        f"{one} + {other}",
        f"{one} * 3 - {other}",
        f"{one} - {number}",
        f"jnp.maximum({one}, {other})",
        f"jnp.where({one} > {other}, {one}, -{other})",
        f"({one} + 1 if {_predicate(draw, scope)} else {other} - 1)",
        f"state.total + {one}",
        f"helper({one}, {other})",
        f"{one}",
    )
    return draw(st.sampled_from(forms))


def _predicate(draw: st.DrawFn, scope: Scope) -> str:
    array, number = _name(draw, scope, ARRAYS), _name(draw, scope, NUMBERS)
    simple = (
        f"{array}.sum() > {draw(st.integers(-4, 9))}",
        f"{array}[0] < {array}[1]",
        f"{number} > {draw(st.integers(0, 3))}",
        f"{number} % 2 == 0",
        f"state.count < {draw(st.integers(1, 9))}",
        f"0 <= {array}[0] < {draw(st.integers(2, 20))}",
    )
    first = draw(st.sampled_from(simple))
    form = draw(st.integers(0, 7))
    if form == 0:
        return f"not {first}"
    if form in (1, 2):
        return f"{first} {'and' if form == 1 else 'or'} {draw(st.sampled_from(simple))}"
    return first


_Block = tuple[list[str], Scope]


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _block(draw: st.DrawFn, scope: Scope) -> _Block:
    lines: list[str] = []
    for number in range(draw(st.integers(1, 3 if scope.depth else 4))):
        more, scope = _statement(draw, scope, number)
        lines += more
    return lines, scope


def _statement(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    simple = [_assign, _assign, _count, _mutate]
    if scope.depth:
        simple += [_leave] * (3 if scope.in_loop else 1)
    nested = [_if, _if, _while, _for] if scope.depth < DEPTH else []
    return draw(st.sampled_from([*simple, *nested]))(draw, scope, number)


def _assign(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    name = draw(st.sampled_from(ARRAYS))
    return [f"{name} = ({_array(draw, scope)}) % 97"], scope.bind(name)


def _count(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    name = draw(st.sampled_from(NUMBERS[1:]))
    value = draw(st.sampled_from(["0", "2", f"{_name(draw, scope, NUMBERS)} + 1", "len(state.log) % 3"]))
    return [f"{name} = {value}"], scope.bind(name)


def _mutate(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    array = _array(draw, scope)
    return [
        draw(
            st.sampled_from(
                [
                    "state.count += 1",
                    f"state.total = ({array}) % 97",
                    f"state.log.append(({array}) % 97)",
                    f"state.table['k'] = ({array}) % 97",
                    "state.rate *= 0.5",
                    f"state.last = ({array}) % 97",
                    "print('count', state.count)",
                ]
            )
        )
    ], scope


def _leave(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    number_and_array = f"{_name(draw, scope, NUMBERS)}, {_name(draw, scope, ARRAYS)}"
    ways = [f"return ({_array(draw, scope)}) % 97", f"return {number_and_array}"]
    ways += ["continue", "break", "continue", "break"] if scope.in_loop else ["raise ValueError(state.count)"]
    way = draw(st.sampled_from(ways))
    return [f"if {_predicate(draw, scope)}:", f"    {way}"], scope


def _if(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    inner = scope.inner(number)
    lines, taken = _block(draw, inner)
    text = [f"if {_predicate(draw, scope)}:", *_indented(lines)]
    other = inner
    if draw(st.booleans()):
        lines, other = _block(draw, inner)
        text += ["else:", *_indented(lines)]
    return text, scope.after(taken, other)


def _loop_else(draw: st.DrawFn, scope: Scope, number: int) -> list[str]:
    if draw(st.integers(0, 4)):
        return []
    lines, _ = _assign(draw, scope, number)
    return ["else:", *_indented(lines)]


def _while(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    counter = f"k{scope.serial}_{number}"
    start = draw(st.sampled_from(["0", "jnp.array(0)"]))
    lines, body = _block(draw, scope.inner(number, in_loop=True))
    test = f"{counter} < {draw(st.integers(1, 4))}"
    if draw(st.booleans()):
        test = f"{test} and ({_predicate(draw, scope)})"
    text = [f"{counter} = {start}", f"while {test}:", f"    {counter} = {counter} + 1", *_indented(lines)]
    return text + _loop_else(draw, scope, number), scope.after(scope, body)


def _for(draw: st.DrawFn, scope: Scope, number: int) -> _Block:
    target = draw(st.sampled_from(["i", "a"]))
    array = _name(draw, scope, ARRAYS)
    over = {
        "i": ["range(3)", "range(n)", "range(6)"],
        "a": [f"jnp.stack([{array}, {array} * 2])", f"[{array}, x]"],
    }[target]
    lines, body = _block(draw, scope.inner(number, in_loop=True).bind(target))
    text = [f"for {target} in {draw(st.sampled_from(over))}:", *_indented(lines)]
    return text + _loop_else(draw, scope, number), scope.after(scope, body)


_HEADER = """\
import jax.numpy as jnp


def helper(p, q):
    if p.sum() > q.sum():
        return p - q
    return q


def f(x, y, n, state):
"""


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The source of a module with a function `f(x, y, n, state)`."""
    lines, scope = _block(draw, Scope())
    last = [f"return ({_array(draw, scope)}) % 97, {_name(draw, scope, NUMBERS)}"]
    return _HEADER + "\n".join(_indented([*lines, *last])) + "\n"
