"""From emitted text to a function that points at the user's lines.

The code made here keeps the user's file name and line numbers, is marked (`is_emitted`) and remembers the code that it
stands for (`origin`). There is no registry: what must be known about such code is one of its own constants.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from janusx.errors import InternalError, Place, UnsupportedError
from janusx.transforms.depth import with_room
from janusx.transforms.lines import lines_of

if TYPE_CHECKING:
    from janusx.sources import FunctionSource

# A tuple, since a string in the first place of `co_consts` would be taken for a docstring.
_MARKER = "janusx.emitted"
_PIECE = "janusx.piece"
# Names that cannot be written in Python: they hide no name of the user's.
_FACTORY, _EMITTED = "<factory>", "<emitted>"


class EmittedText(Protocol):
    """What a pass hands over: the text of one `def`, and for each of its lines the original file line."""

    @property
    def text(self) -> str:
        """The emitted `def`."""
        ...

    @property
    def lines(self) -> Sequence[int]:
        """For each line of `text` a line of the user's file."""
        ...

    @property
    def ops_name(self) -> str:
        """The free name through which `text` reaches the ops."""
        ...


def compile_function(
    rewritten: EmittedText,
    source: FunctionSource,
    freevars: Sequence[str],
    *,
    original: types.CodeType | None = None,
) -> types.CodeType:
    """Compiles an emitted `def`, at the lines of the user's file. Nothing is executed, not even defaults.

    Args:
        rewritten: the emitted text and its lines.
        source: where the function came from.
        freevars: the names that are to be free: those of the user's function, `__class__` among them if it was.
        original: the user's code that the result stands for (`origin`). Nested functions are paired, too: all of them
            if both hold the same ones in the same order, as with an observed function; else those with a `def`.

    Returns:
        The code of the `def`. Its `co_freevars` are those of `freevars` and `rewritten.ops_name` that it uses. Lines
        have no columns: a caret at a column of the emitted text would point at the wrong thing.

    Raises:
        InternalError: the text is not one `def` that compiles.
        UnsupportedError: it nests too deep.
    """
    return _mark(_compile(rewritten, source, [*freevars, rewritten.ops_name]), source, original)


def _compile(rewritten: EmittedText, source: FunctionSource, free: Sequence[str]) -> types.CodeType:
    def compiled() -> types.CodeType:
        node = _as_nested(rewritten, free, source.class_name)
        code: types.CodeType = compile(node, source.filename, "exec", source.flags, dont_inherit=True)
        return code

    try:
        module = with_room(compiled)
    except RecursionError:
        what = f"{source.qualname} nests too deep to be compiled from a syntax tree."
        raise UnsupportedError(what, place=source.place(source.first_line)) from None
    except (SyntaxError, ValueError, TypeError) as error:
        raise InternalError(
            f"the program made of {source.qualname} does not compile.",
            place=source.place(source.first_line),
            why=f"{error}\n{rewritten.text}",
        ) from error
    return next(inner for inner in nested_codes(module) if inner.co_name == _EMITTED)


@dataclass(frozen=True)
class _Verbatim:
    """Text whose lines follow each other as those of the file do."""

    text: str
    lines: tuple[int, ...]
    ops_name: str


def make_piece(source: FunctionSource, of: types.FunctionType) -> types.FunctionType:
    """A function of some statements of another one, over the same globals and cells, in plain Python.

    Args:
        source: of the piece; `find_source` finds it from the result.
        of: the function whose statements they are.
    """
    lines = tuple(range(source.first_line, source.first_line + len(lines_of(source.text))))
    # No name can be hidden by one that cannot be written.
    code = _compile(_Verbatim(source.text, lines, "<ops>"), source, [*of.__code__.co_freevars, "<ops>"])
    code = _renamed(code, source).replace(co_consts=(*code.co_consts, (_PIECE, source)))
    cells = cells_of(of)
    made = types.FunctionType(
        code, of.__globals__, of.__name__, None, tuple(cells[name] for name in code.co_freevars) or None
    )
    made.__qualname__ = of.__qualname__
    made.__module__ = of.__module__
    return made


def compile_host(
    rewritten: EmittedText, source: FunctionSource, pieces: Sequence[str], original: types.CodeType
) -> types.CodeType:
    """Compiles the host program of a split function. Functions nested in it are the user's own.

    Args:
        rewritten: the emitted text and its lines.
        source: where the function came from.
        pieces: the free names of its pieces.
        original: the user's code.
    """
    code = _compile(rewritten, source, [*original.co_freevars, rewritten.ops_name, *pieces])
    own = {(each.co_name, each.co_firstlineno): each for each in nested_codes(original)}
    consts: list[Any] = []
    for const in code.co_consts:
        theirs = own.get((const.co_name, const.co_firstlineno)) if isinstance(const, types.CodeType) else None
        consts.append(const if theirs is None or theirs.co_freevars != const.co_freevars else theirs)
    kept = piece_source(original)
    return _renamed(code, source).replace(co_consts=(*consts, *([(_PIECE, kept)] if kept is not None else [])))


def _renamed(code: types.CodeType, source: FunctionSource) -> types.CodeType:
    return code.replace(co_name=source.name, co_qualname=source.qualname)


def piece_source(code: types.CodeType) -> FunctionSource | None:
    """The source of a piece of a function (`make_piece`), or of what was made of one; None for other code."""
    code = origin(code) or code
    last = code.co_consts[-1] if code.co_consts else None
    return last[1] if type(last) is tuple and last[:1] == (_PIECE,) else None


def _as_nested(rewritten: EmittedText, free: Sequence[str], class_name: str | None) -> ast.Module:
    """`def factory(<free>): <the def>`, every node at its original line, in the class that mangles its private names.

    A function that is in none gets none: in any class, `super` gives it a `__class__` that the user's own has not.
    """
    tree = ast.parse(rewritten.text)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        raise ValueError("the emitted text is not one `def`.")
    inner = tree.body[0]
    _strip_signature(inner)
    lines = rewritten.lines
    placed: Any
    for placed in ast.walk(inner):
        if hasattr(placed, "lineno"):
            placed.lineno = placed.end_lineno = lines[min(placed.lineno, len(lines)) - 1]
            # -1 stands for "no column" in the line table.
            placed.col_offset = placed.end_col_offset = -1
    module = ast.parse(f"class {class_name}:\n def factory(): pass" if class_name else "def factory(): pass")
    factory = next(node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
    factory.name = _FACTORY
    # `ast.fix_missing_locations` would walk the whole tree by recursion.
    factory.args.args = [ast.copy_location(ast.arg(name), factory) for name in free]
    factory.body = [inner]
    return module


def _strip_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Defaults, annotations and decorators belong to the function object, which takes them from the user's own."""
    # Under its own name, a recursive call would find the factory's local instead of the user's global.
    node.name = _EMITTED
    node.decorator_list = []
    node.returns = None
    none = ast.copy_location(ast.Constant(None), node)
    node.args.defaults = [none for _ in node.args.defaults]
    node.args.kw_defaults = [default and none for default in node.args.kw_defaults]
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    for argument in every:
        if argument is not None:
            argument.annotation = None
    if sys.version_info >= (3, 12):
        # They are free variables of the function already.
        node.type_params = []


def _mark(code: types.CodeType, source: FunctionSource, original: types.CodeType | None) -> types.CodeType:
    made = f"{_FACTORY}.<locals>.{_EMITTED}"
    own = f"{source.class_name}.{made}" if source.class_name else made

    # A rewritten function holds more functions than the original. A nested `def` is known by its name and line. No
    # lambda is: those that stand for operands look like the user's.
    places = [(inner.co_name, inner.co_firstlineno) for inner in nested_codes(original)] if original else []
    named = {
        place: inner
        for place, inner in zip(places, nested_codes(original) if original else (), strict=True)
        if places.count(place) == 1 and not inner.co_name.startswith("<")
    }

    def mark(code: types.CodeType, original: types.CodeType | None) -> types.CodeType:
        original = original or named.get((code.co_name, code.co_firstlineno))
        inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
        theirs = [const for const in original.co_consts if isinstance(const, types.CodeType)] if original else []
        paired = [const.co_name for const in inner] == [const.co_name for const in theirs]
        pairs = iter(theirs if paired else [None] * len(inner))
        consts = [mark(const, next(pairs)) if isinstance(const, types.CodeType) else const for const in code.co_consts]
        return code.replace(
            co_name=source.name if code.co_name == _EMITTED else code.co_name,
            co_qualname=code.co_qualname.replace(own, source.qualname, 1),
            co_consts=(*consts, (_MARKER, original)),
        )

    return mark(code, original)


def make_function(
    code: types.CodeType, globals: dict[str, Any], cells: Mapping[str, types.CellType], like: types.FunctionType
) -> types.FunctionType:
    """Makes a function of `code` that looks like another one.

    Args:
        code: the code to run, from `compile_function`.
        globals: its globals: the user's own dictionary, or a shadow of it.
        cells: a cell for each name in `code.co_freevars`; more do no harm.
        like: the function whose name, defaults, documentation, module and annotations it takes.

    Raises:
        InternalError: a free variable has no cell.
    """
    missing = [name for name in code.co_freevars if name not in cells]
    if missing:
        raise InternalError(
            f"{code.co_qualname} is made without the cells of {', '.join(missing)}.",
            place=Place(code.co_filename, code.co_firstlineno),
        )
    closure = tuple(cells[name] for name in code.co_freevars)
    made = types.FunctionType(code, globals, like.__name__, like.__defaults__, closure)
    made.__kwdefaults__ = like.__kwdefaults__
    made.__qualname__ = like.__qualname__
    made.__doc__ = like.__doc__
    made.__module__ = like.__module__
    made.__annotations__ = like.__annotations__
    if sys.version_info >= (3, 12):
        made.__type_params__ = like.__type_params__
    return made


def cells_of(fn: types.FunctionType) -> dict[str, types.CellType]:
    """The closure cells of a function by name: the cells themselves, so that both sides see what either writes."""
    return dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))


def contents_of(fn: types.FunctionType) -> dict[str, Any]:
    """What a function closes over, by name."""
    found = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # an empty cell
            found[name] = cell.cell_contents
    return found


def is_emitted(code: types.CodeType) -> bool:
    """Whether `code` was made by `compile_function`, or is of a function nested in such code."""
    last = code.co_consts[-1] if code.co_consts else None
    return type(last) is tuple and last[:1] == (_MARKER,)


def origin(code: types.CodeType) -> types.CodeType | None:
    """The user's code that emitted code stands for; None where it stands for no single function of the user's."""
    if not is_emitted(code):
        return None
    original = code.co_consts[-1][1]
    return original if isinstance(original, types.CodeType) else None


def nested_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """All code objects inside of `code`, outer before inner, in the order of the source."""
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from nested_codes(const)
