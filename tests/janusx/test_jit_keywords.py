"""jit's own keywords mean what they mean to `jax.jit`, which is asked beside."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.core import Tracer

import janusx
from janusx.errors import OptionError, OptionTypeError, StaticArgumentError

X = jnp.arange(4.0)
BOTH = pytest.mark.parametrize("compiler", [jax.jit, janusx.convert], ids=["jit", "convert"])


def scale(x, n, m=2):
    return x * n + m


@BOTH
@pytest.mark.parametrize(
    ("keywords", "args", "named"),
    [
        ({"static_argnums": 1}, (X, [1]), {}),
        ({"static_argnums": 1}, (X,), {"n": [1]}),
        ({"static_argnums": -1}, (X, 3, [1]), {}),
        ({"static_argnames": "n"}, (X, X), {}),
        ({"static_argnames": ["n", "m"]}, (X, 2), {"m": {}}),
    ],
    ids=str,
)
def test_a_static_argument_that_cannot_be_hashed_is_refused(
    compiler: Any, keywords: Any, args: Any, named: Any
) -> None:
    with pytest.raises(ValueError, match="hash"):
        compiler(scale, **keywords)(*args, **named)


def test_the_refusal_of_a_static_argument_names_it_and_says_what_to_do() -> None:
    with pytest.raises(StaticArgumentError) as caught:
        janusx.convert(scale, static_argnames="n")(X, n=[1, 2])
    said = str(caught.value).splitlines()
    assert said[0] == "[JX0108] argument 'n' of scale is static, and cannot be hashed: [1, 2]."
    assert said[1].startswith(f"  at {__file__}:")
    assert any(line.startswith("  why: unhashable type: 'list'") for line in said)
    assert any(line.startswith("  what to do: give a value that can be hashed") for line in said)
    with janusx.disable(), pytest.raises(TypeError, match="unsupported operand"):
        janusx.convert(scale, static_argnames="n")(X, n=[1, 2])


@BOTH
def test_equal_static_arguments_share_a_program(compiler: Any) -> None:
    class Factor:
        def __init__(self, value: float) -> None:
            self.value = value

        def __hash__(self) -> int:
            return hash(self.value)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Factor) and other.value == self.value

    traced = []

    def f(x, factor):
        traced.append(factor.value) if isinstance(x, Tracer) else None
        return x * factor.value

    g = compiler(f, static_argnums=1)
    for value in (2.0, 2.0, 3.0, 2.0, 3.0):
        assert (g(X, Factor(value)) == X * value).all()
    if compiler is janusx.convert:
        assert janusx.stats(g).entries == 2


@BOTH
@pytest.mark.parametrize(
    "keywords",
    [
        {"static_argnums": 3},
        {"static_argnums": (0, -4)},
        {"static_argnames": "missing"},
        {"donate_argnums": 7},
        {"donate_argnames": ("x", "y")},
        {"static_argnums": 0, "donate_argnums": 0},
        {"static_argnames": "x", "donate_argnums": 0},
    ],
    ids=str,
)
def test_arguments_that_are_not_there_or_marked_twice_are_refused(compiler: Any, keywords: Any) -> None:
    with pytest.raises(ValueError, match=r"arg"):
        compiler(scale, **keywords)


@BOTH
@pytest.mark.parametrize(
    "keywords", [{"static_argnums": "a"}, {"donate_argnums": 1.5}, {"static_argnames": 3}], ids=str
)
def test_what_is_neither_a_position_nor_a_name_is_refused(compiler: Any, keywords: Any) -> None:
    with pytest.raises(TypeError):
        compiler(scale, **keywords)


@BOTH
def test_any_position_or_name_will_do_where_the_function_takes_any(compiler: Any) -> None:
    def f(*args, **kwargs):
        return args[0] * args[3] + kwargs["k"]

    g = compiler(f, static_argnums=(3, 9), static_argnames=("k", "other"))
    assert (g(X, 0, 0, 2, k=1) == X * 2 + 1).all()


def test_refusals_name_function_place_and_what_there_is() -> None:
    with pytest.raises(OptionError, match="JX0106") as caught:
        janusx.convert(scale, static_argnames="mm")
    said = str(caught.value)
    assert "static_argnames: scale has no argument 'mm'." in said
    assert f"at {__file__}:" in said
    assert "it takes x, n, m by name." in said
    with pytest.raises(OptionTypeError, match="JX0106"):
        janusx.convert(scale, name=3)  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize("keywords", [{"donate_argnums": 0}, {"donate_argnames": "x"}], ids=str)
@pytest.mark.parametrize("by_name", [False, True], ids=["by position", "by keyword"])
def test_donated_arrays_are_given_up(compiler: Any, keywords: Any, by_name: bool) -> None:
    def f(x, y):
        return x + 1, y

    g = compiler(f, **keywords)
    for _ in range(2):
        x, y = X + 1, X + 1
        if by_name:
            g(x=x, y=y)
        else:
            g(x, y)
        assert (x.is_deleted(), y.is_deleted()) == (True, False)


@BOTH
def test_every_array_of_a_donated_tree_is_given_up(compiler: Any) -> None:
    g = compiler(lambda tree: {name: value + 1 for name, value in tree.items()}, donate_argnums=(0,))
    tree = {"a": X + 1, "b": X * 2}
    g(tree)
    assert all(value.is_deleted() for value in tree.values())


def both(a, b=None):
    return a + 1, None if b is None else b + 1


def by_name_alone(a, *, k=None):
    return a + 1, None if k is None else k + 1


def by_position_alone(a, b, /):
    return a + 1, b + 1


def several(a, *b):
    return a + 1, b[0] + 1


@pytest.mark.filterwarnings("ignore:Some donated buffers")
@pytest.mark.parametrize(
    ("fun", "nums", "count", "names"),
    [
        (both, -1, 2, ()),
        (both, -1, 1, ()),
        (both, -2, 1, ()),
        (both, -1, 1, ("b",)),
        (both, (0, -1), 1, ("b",)),
        (both, -2, 0, ("a",)),
        (by_name_alone, -1, 1, ("k",)),
        (by_position_alone, -1, 2, ()),
        (several, -1, 2, ()),
        (several, -2, 2, ()),
    ],
)
def test_a_position_from_the_end_is_donated_where_jit_donates_it(fun: Any, nums: Any, count: int, names: Any) -> None:
    # Versions of JAX differ: 0.10 ignores such a position, 0.12 takes it for one of the function's parameters.
    def given_up(compiler: Any) -> list[bool]:
        args, named = [X + i for i in range(count)], {name: X + 9 for name in names}
        compiler(fun, donate_argnums=nums)(*args, **named)
        return [array.is_deleted() for array in (*args, *named.values())]

    assert given_up(janusx.convert) == given_up(jax.jit)


def test_a_static_position_from_the_end_is_that_of_jit() -> None:
    def outcome(compiler: Any, *args: Any, **named: Any) -> Any:
        try:
            return [
                part is None or jnp.asarray(part).tolist() for part in compiler(both, static_argnums=-1)(*args, **named)
            ]
        except ValueError:
            return "refused"

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]]
    calls = [((X,), {}), ((X, 3), {}), ((3, X), {}), ((X,), {"b": X}), ((X,), {"b": 3}), ((3,), {"b": X})]
    for args, named in calls:
        assert outcome(janusx.convert, *args, **named) == outcome(jax.jit, *args, **named)


def test_positions_do_not_count_what_a_partial_brings() -> None:
    g = janusx.convert(functools.partial(scale, X), static_argnums=0)
    assert (g(3) == scale(X, 3)).all()
    with pytest.raises(StaticArgumentError, match="argument 1 of scale"):
        g([3])


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, functools, janusx
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("a", "b"))
rows, columns, copies = (NamedSharding(mesh, spec) for spec in (P("a"), P(None, "b"), P()))
X, V = jnp.arange(16.0).reshape(4, 4), jnp.arange(4.0)


def f(tree, v, k=1):
    return {"s": tree["x"] @ v * k, "t": (tree["x"] + 1, v * 2)}


def outcome(compiler, keywords, args, named):
    try:
        g = compiler(f, **keywords)
        found = [g(*args, **named) for _ in range(2)][1]
    except (ValueError, RuntimeError) as error:
        return "refused"
    return [(leaf.sharding, np.asarray(leaf).tolist()) for leaf in jax.tree.leaves(found)]


CALLS = [
    (dict(in_shardings=({"x": columns}, rows)), (({"x": X}, V)), {}),
    (dict(in_shardings=[copies, rows]), (({"x": X}, V)), {}),
    (dict(in_shardings=copies), (({"x": X}, V)), {}),
    (dict(in_shardings=(None, rows), out_shardings=None), (({"x": X}, V)), {}),
    (dict(out_shardings={"s": rows, "t": (columns, copies)}), (({"x": X}, V)), {}),
    (dict(out_shardings={"s": rows, "t": columns}), (({"x": X}, jnp.ones((4, 4)))), {}),
    (dict(out_shardings=copies), (({"x": X}, V)), {"k": 3}),
    (dict(in_shardings=({"x": columns}, rows), static_argnums=2), (({"x": X}, V, 3)), {}),
    # What does not fit is refused, by both.
    (dict(in_shardings=({"x": columns},)), (({"x": X}, V)), {}),
    (dict(in_shardings=({"y": columns}, rows)), (({"x": X}, V)), {}),
    (dict(in_shardings=({"x": columns}, rows)), (({"x": X},)), {"v": V}),
    (dict(in_shardings=({"x": columns}, rows)), (({"x": X}, jnp.ones(5))), {}),
    (dict(in_shardings=P("a")), (({"x": X}, V)), {}),
    (dict(out_shardings={"q": rows}), (({"x": X}, V)), {}),
    (dict(out_shardings={"s": columns, "t": rows}), (({"x": X}, V)), {}),
]
refused = 0
for keywords, args, named in CALLS:
    expected, found = (outcome(compiler, keywords, args, named) for compiler in (jax.jit, janusx.convert))
    same = found == expected or "refused" not in (found, expected) and all(
        one[1] == other[1] and one[0].is_equivalent_to(other[0], np.ndim(one[1]))
        for one, other in zip(found, expected)
    )
    assert same, (keywords, expected, found)
    refused += expected == "refused"
assert refused == 7, refused


def through(tree, v, k):
    return v, {"again": tree, "other": v + 1}, k


def given_back(compiler):
    v, k, tree = V + 0, V + 1, {"x": X + 0, "n": [V + 2]}
    g = compiler(through, in_shardings=({"x": columns, "n": None}, rows, None))
    for _ in range(2):
        found = g(tree, v, k)
    assert found[1]["again"] is not tree
    return jax.tree.leaves(found)


for expected, found in zip(*map(given_back, (jax.jit, janusx.convert)), strict=True):
    assert found.sharding.is_equivalent_to(expected.sharding, found.ndim), (found, expected.sharding)
    assert np.array_equal(found, expected)


class Cell:
    kept = V + 0


cell = Cell()


def keep(v):
    cell.last = v
    return v, Cell.kept


assert janusx.convert(keep, in_shardings=rows)(V)[1] is Cell.kept
assert janusx.convert(keep, in_shardings=rows)(V)[0] is cell.last and cell.last.sharding.is_equivalent_to(rows, 1)
bound = janusx.convert(functools.partial(f, {"x": X}), in_shardings=(rows,))
assert bound(V)["t"][1].sharding.is_equivalent_to(rows, 1)
try:
    janusx.convert(f, in_shardings=({"y": columns}, rows))({"x": X}, V)
except janusx.errors.ShardingError as error:
    print(error)
"""


def test_shardings_are_those_of_jit_on_several_devices(tmp_path: Path) -> None:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    root = Path(janusx.__file__).parents[1]
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root)}
    program = tmp_path / "sharded.py"
    program.write_text(SHARDED)
    done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[JX0106] in_shardings does not fit the arguments." in done.stdout
    assert "a tree of them that is a prefix of the arguments" in done.stdout
