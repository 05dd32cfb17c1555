"""Functions cut at their calls of themselves: a machine that runs the blocks does what Python does."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from janusx.transforms import Blocks, NotInBlocks, recursion

FUEL = 60


class State:
    """What the programs change and say."""

    def __init__(self) -> None:
        self.fuel = FUEL
        self.log: list[Any] = []
        self.n = 0

    def say(self, value: Any) -> Any:
        self.log.append(value)
        return value

    def burn(self) -> bool:
        self.fuel -= 1
        return self.fuel < 0


def cut(source: str, **options: Any) -> Blocks:
    return recursion(source, is_recursive=lambda fn: isinstance(fn, ast.Name) and fn.id == "f", **options)


def machine(source: str, state: State, *args: Any) -> Any:
    """Run the blocks with a counter and a stack, as the op does, in Python."""
    done = cut(source)
    scope: dict[str, Any] = {"f": "f", "s": state, "g": state.say}
    functions = []
    for block in done.blocks:
        exec(block.text, scope)
        functions.append(scope[block.text[4 : block.text.index("(")]])
    parameters = [each.arg for each in ast.parse(source).body[0].args.args]  # type: ignore[attr-defined]
    pc, values, stack = 0, dict(zip(parameters, args, strict=True)), list[Any]()
    for _ in range(100_000):
        block = done.blocks[pc]
        out = functions[pc](*(values[name] for name in block.params))
        if block.end == "return":
            if not stack:
                return out
            pc, values = stack.pop()
            values = {**values, done.blocks[pc].result: out}
            continue
        values = {**values, **dict(zip(block.stores, out[0], strict=True))}
        if block.end == "call":
            _, callee, given_, named = out
            assert callee == "f"
            stack.append((block.next[0], {name: values[name] for name in done.kept if name in values}))
            pc, values = 0, {**dict(zip(parameters, given_, strict=False)), **named}
        else:
            pc = block.next[0] if block.end == "goto" or out[1] else block.next[1]
    raise AssertionError("it never ends")


def python(source: str, state: State, *args: Any) -> Any:
    scope: dict[str, Any] = {"s": state, "g": state.say}
    exec(source, scope)
    return scope["f"](*args)


def both(source: str, *args: Any) -> None:
    outcomes = []
    for run in (python, machine):
        state = State()
        try:
            result = run(source, state, *args)
        except (TypeError, AttributeError) as error:
            result = type(error), str(error)
        outcomes.append((repr(result), state.log, state.n))
    assert outcomes[0] == outcomes[1], source


def expressions(depth: int) -> st.SearchStrategy[str]:
    plain = st.sampled_from(["a", "b", "u", "v", "1", "0", "3", "s.n"])
    if not depth:
        return plain
    inner = expressions(depth - 1)
    made = [
        st.builds("f({} - 1, {})".format, inner, inner),
        st.builds("f(b={}, a={} - 1)".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} < {})".format, inner, inner),
        st.builds("({} < {} <= {})".format, inner, inner, inner),
        st.builds("sum([{} + k for k in ({}, {})])".format, inner, inner, inner),
        st.builds("max(f(k, b - 1) for k in range(2))".format),
        st.builds("((u := {}) + u)".format, plain),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {} or {})".format, inner, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("g({})".format, inner),
        st.builds("({}, {})[{} > 0]".format, inner, inner, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("len(f'{{{}}}{{f({} - 1, {})}}')".format, *[expressions(0)] * 3),
        st.builds("[{}, *[{}]][-1]".format, inner, inner),
    ]
    return st.one_of(plain, *made)


def blocks(depth: int, in_loop: bool = False) -> st.SearchStrategy[str]:
    value = expressions(2)
    made = [
        st.builds("u = {}".format, value),
        st.builds("u, v = {}, {}".format, value, value),
        st.builds("v += {}".format, value),
        st.builds("s.n += {}".format, value),
        st.builds("g({})".format, value),
        st.builds("return {}".format, value),
    ]
    if in_loop:
        made += [st.just("break"), st.just("continue")]
    if depth:
        body, looped = blocks(depth - 1, in_loop), blocks(depth - 1, True)
        made += [
            st.builds("if {}:\n{}\nelse:\n{}".format, value, body.map(_in), body.map(_in)),
            st.builds("if {}:\n{}".format, value, body.map(_in)),
            st.builds("for u in range({} % 3):\n{}".format, value, looped.map(_in)),
            st.builds("for u in ({}, {}):\n{}\nelse:\n{}".format, value, value, looped.map(_in), body.map(_in)),
            st.builds("while {} and not s.burn():\n{}".format, value, looped.map(_in)),
        ]
    return st.lists(st.one_of(*made), min_size=1, max_size=3).map("\n".join)


def _in(text: str) -> str:
    return textwrap.indent(text, "    ")


@settings(max_examples=150, deadline=None)
@given(blocks(2))
def test_random_programs_do_what_python_does(body: str) -> None:
    source = f"def f(a, b):\n    if s.burn():\n        return 1\n    u = v = 2\n{_in(body)}\n    return u + v\n"
    try:
        compile(source, "<program>", "exec")
    except SyntaxError:  # a name may not be bound everywhere
        reject()
    both(source, 2, 3)


def test_the_blocks_are_at_the_lines_of_the_user() -> None:
    done = cut("def f(n):\n    if n:\n\n        return f(n - 1)\n\n    return n + 1\n", first_line=10)
    places = []
    for block in done.blocks:
        back = next(i for i, line in enumerate(block.text.splitlines()) if "return" in line)
        places.append((block.end, block.first_line + back))
    assert places == [("branch", 11), ("call", 13), ("return", 13), ("return", 15)]


def test_a_lambda_is_cut_like_a_def() -> None:
    done = cut("lambda n: n * f(n - 1) if n > 1 else n")
    assert [block.end for block in done.blocks] == ["branch", "call", "goto", "return", "goto"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("try:\n    f(x)\nfinally:\n    pass", "it calls itself, or returns, within a `try`"),
        ("return [f(y) for y in x]", "it calls itself within a `ListComp` of unknown length"),
        ("return {y: f(y) for y in x}", "it calls itself within a `DictComp`"),
        ("if x:\n    y = 1\nz = f(x)\nreturn y", "y may be unbound where it is read"),
        ("global x\nx = f(x)", "it has a `global` in it"),
        ("for y in range(1, 9, 2):\n    f(y)", "it calls itself in a loop over a `range` with a step"),
        ("x[f(x)] = 1", "it calls itself in the target of an assignment"),
    ],
)
def test_what_has_no_blocks_is_refused(body: str, reason: str) -> None:
    name = "q" if body.startswith("global") else "x"
    with pytest.raises(NotInBlocks, match=reason.replace("(", r"\(")):
        cut(f"def f({name}):\n{_in(body)}\n")
