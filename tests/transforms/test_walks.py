"""Walks go where LibCST's own go, in the same order, but for what holds no code."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from janusx.transforms import pipeline
from janusx.transforms.walks import Transformer, Visitor, is_node
from tests.transforms.compare import source

FILES = [pipeline.__file__, __file__, *sorted(map(str, Path(__file__).parent.glob("test_[mfs]*.py")))]
EVERYTHING = source("""
    import a.b as c, d
    from . import e as f
    @g(h)
    class C[T: int](A, *B, metaclass=M, **K):
        x: int = 1
    type L[T] = list[T]
    async def f(a: A, /, b: B = 1, *c: C, d=2, **e) -> R:
        async with a as b, c: pass
        async for x, *y in z: await x
        else: pass
    def g(*, k): return lambda a, *, b=1: a
    match x:
        case 1 | -2.5 | "s": pass
        case [a, *b] if c: pass
        case {"k": v, **r}: pass
        case P(q, r=s) as t: pass
        case (None | True): pass
    try: raise A from b
    except* (C, D) as e: pass
    try: pass
    except E as e: pass
    except: pass
    else: pass
    finally: pass
    for i in j: break
    while k: continue
    if (n := 1): pass
    elif a < b <= c not in d is not e: pass
    else: pass
    del a, b[1:2:3, ...], c.d
    global p
    assert a, b
    x += y if z else not w
    a = b = c
    y: int
    [a for b in c if d for e in f]
    {a: b for c in d}
    ({a, *b}, {c: d, **e}, (f for g in h), [*i])
    f"{a!r:{b}} {c=}" "d" f"e"
    f(a, *b, c=d, **e)
    (yield), (yield from a)
    1j, 1.5, ..., ~a, -b, a @ b
""")


class Mine(Visitor):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []


class Theirs(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []


KINDS = (
    "Name Call If For While Attribute Lambda FunctionDef IfExp Param Arg Integer Comparison MatchValue NameItem".split()
)
for _kind in KINDS:

    def _note(self: Mine | Theirs, node: cst.CSTNode) -> None:
        self.seen.append((type(node).__name__, str(getattr(node, "value", ""))[:20] if is_name(node) else ""))

    setattr(Mine, f"visit_{_kind}", _note)
    setattr(Theirs, f"visit_{_kind}", _note)


def is_name(node: cst.CSTNode) -> bool:
    return isinstance(node, (cst.Name, cst.Integer))


@pytest.mark.parametrize("text", [EVERYTHING, *(Path(file).read_text() for file in FILES)])
def test_nodes_are_met_in_the_order_of_the_source(text: str) -> None:
    module = cst.parse_module(text)
    mine, theirs = Mine(), Theirs()
    mine.walk(module)
    module.visit(theirs)
    assert mine.seen == theirs.seen
    assert len(mine.seen) > 20


def loud(name: str) -> str:
    return name if name in ("True", "False", "None") else name.upper()


class Shout(Transformer):
    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=loud(updated_node.value))


class ShoutAtLength(cst.CSTTransformer):
    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=loud(updated_node.value))


def test_a_transformer_changes_what_libcst_changes() -> None:
    module = cst.parse_module(EVERYTHING)
    changed = Shout().walk(module)
    assert isinstance(changed, cst.Module)
    assert changed.code == module.visit(ShoutAtLength()).code


def test_what_nothing_is_changed_in_is_the_same_node() -> None:
    module = cst.parse_module("f(1)\nx = 2\n")
    assert Transformer().walk(module) is module
    changed = Shout().walk(module)
    assert isinstance(changed, cst.Module) and isinstance(changed.body[1], cst.SimpleStatementLine)
    first, second = module.body
    assert isinstance(second, cst.SimpleStatementLine) and isinstance(second.body[0], cst.Assign)
    again = changed.body[1].body[0]
    assert isinstance(again, cst.Assign) and again.value is second.body[0].value


def test_one_statement_may_become_several() -> None:
    class Twice(Transformer):
        def leave_SimpleStatementLine(
            self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
        ) -> cst.FlattenSentinel[cst.BaseStatement]:
            return cst.FlattenSentinel([updated_node, updated_node])

    changed = Twice().walk(cst.parse_module("f()\n"))
    assert isinstance(changed, cst.Module) and changed.code == "f()\nf()\n"


def test_methods_of_attributes_are_called_around_them() -> None:
    class Nested(Transformer):
        def __init__(self) -> None:
            self.told: list[str] = []

        def visit_Arg_keyword(self, node: cst.Arg) -> None:
            self.told.append("in")

        def leave_Arg_keyword(self, node: cst.Arg) -> None:
            self.told.append("out")

        def visit_Name(self, node: cst.Name) -> None:
            self.told.append(node.value)

    nested = Nested()
    nested.walk(cst.parse_expression("f(a, k=v)"))
    assert nested.told == ["f", "in", "out", "a", "in", "k", "out", "v"]


def test_types_of_nodes_are_told_from_others() -> None:
    assert is_node(cst.Name) and not is_node(str) and not is_node(cst.MaybeSentinel)
