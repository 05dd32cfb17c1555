"""From a function to its source text.

`find_source` compiles the file that a function came from and looks for the function's own code in it. So it finds the
right lambda among several on a line, and never mistakes an edited file for the program that runs.

The way back, from emitted text to a function, is in `janusx.emitted`; its names can be had from here too.
"""

from __future__ import annotations
import __future__

import ast
import copy
import dataclasses
import functools
import inspect
import linecache
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from janusx.emitted import (
    EmittedText,
    cells_of,
    compile_function,
    is_emitted,
    make_function,
    nested_codes,
    origin,
    piece_source,
)
from janusx.errors import (
    BuiltinFunctionError,
    JanusXError,
    NoSourceError,
    NotCallableError,
    Place,
    StaleSourceError,
)
from janusx.transforms.depth import with_room

__all__ = [
    "EmittedText",
    "FunctionSource",
    "cells_of",
    "compile_function",
    "find_source",
    "is_emitted",
    "make_function",
    "nested_codes",
    "origin",
]

Position = tuple[int, int, int, int]
Definition = ast.FunctionDef | ast.AsyncFunctionDef

_FUTURE_FLAGS = functools.reduce(
    lambda flags, name: flags | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0
)
_KIND_FLAGS = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
    | inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
)


@dataclass(frozen=True)
class FunctionSource:
    """The source of one function.

    Attributes:
        text: one `def` or `lambda`, dedented, without decorators. A lambda of several lines is in parentheses, so that
            it parses alone.
        filename: the file (or notebook cell, or doctest) as tracebacks name it.
        first_line: the file line of the first line of `text`.
        name: the name in the `def`, or `<lambda>`.
        qualname: the qualified name, as in the code object.
        class_name: the class whose name mangles private names here, or None.
        kind: `def` (also for `async def`) or `lambda`.
        freevars: names that come from enclosing functions; `__class__` among them if zero-argument `super()` is used.
        column: how many characters stand in the file before the first line of `text`.
        flags: the `from __future__` features that the function was compiled with.
        block: whether it is a block of a function that calls itself, and no function of the user's.

    Example:
        >>> from textwrap import dedent as example
        >>> find_source(example).name
        'dedent'
    """

    text: str
    filename: str
    first_line: int
    name: str
    qualname: str
    class_name: str | None
    kind: Literal["def", "lambda"]
    freevars: tuple[str, ...]
    column: int = 0
    flags: int = field(default=0, repr=False)
    block: bool = False

    def place(self, line: int, column: int = -1) -> Place:
        """The place of a file line in this source, for messages."""
        return Place(self.filename, line, column, linecache.getline(self.filename, line).rstrip("\n"))


def find_source(fn: Any) -> FunctionSource:
    """Finds the source of a function.

    Args:
        fn: a Python function or method. Of a function that JanusX made, the source of the user's function that it
            stands for is found.

    Returns:
        The source of that very function: of several on one line, the one whose code `fn` runs.

    Raises:
        NoSourceError: there is no file, cell or doctest for it.
        StaleSourceError: there is one, but another function stands there now.
        BuiltinFunctionError: `fn` is written in C.
        NotCallableError: `fn` is no function at all.

    Example:
        >>> from functools import reduce
        >>> pick = [lambda x: x + 1, lambda x: x + 2][1]
        >>> find_source(pick).text
        'lambda x: x + 2'
    """
    fn = _python_function(fn)
    code = fn.__code__
    piece = piece_source(code)
    if piece is not None:
        return piece
    if is_emitted(code):
        original = origin(code)
        if original is None:
            raise NoSourceError(
                f"{code.co_qualname} was made by JanusX and stands for no function in a file.", place=_place(code)
            )
        code = original
    text = "".join(_file_lines(fn, code))
    try:
        return with_room(lambda: _find(code, text))
    except RecursionError:
        raise NoSourceError(
            f"the source of {code.co_qualname} cannot be read.",
            place=_place(code),
            why="something in its file nests too deep for a syntax tree.",
            remedy="move the function to another file, or write what nests (it may be a long sum) as a loop.",
        ) from None


def _find(code: types.CodeType, text: str) -> FunctionSource:
    flags = code.co_flags & _FUTURE_FLAGS
    try:
        parsed = _parse(text, code.co_filename, flags)
    except (SyntaxError, ValueError) as error:
        raise StaleSourceError(
            f"the source of {code.co_qualname} cannot be read again.",
            place=_place(code),
            why=f"its file does not compile: {error}.",
        ) from None
    found = _match(code, parsed) or _match(code, _by_statement(parsed, flags))
    if found is None:
        raise _not_there(code, parsed)
    return _function_source(found, code, text, flags)


def _python_function(fn: Any) -> types.FunctionType:
    if isinstance(fn, types.MethodType):
        fn = fn.__func__
    if isinstance(fn, types.FunctionType):
        return fn
    if isinstance(
        fn,
        types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType | types.MethodWrapperType,
    ):
        raise BuiltinFunctionError(f"{fn!r} has no Python source.")
    raise NotCallableError(
        f"{fn!r} is not a Python function.", why="only a function written with `def` or `lambda` has source of its own."
    )


def _place(code: types.CodeType) -> Place:
    line = code.co_firstlineno
    return Place(code.co_filename, line, text=linecache.getline(code.co_filename, line).rstrip("\n"))


def _file_lines(fn: types.FunctionType, code: types.CodeType) -> list[str]:
    # Called by attribute: doctest and IPython replace these functions on the module.
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, fn.__globals__)
    if not lines:
        try:
            lines, _ = inspect.findsource(code)
        except (OSError, TypeError, IndexError, SyntaxError):
            lines = []
    if not lines:
        raise NoSourceError(
            f"the source of {code.co_qualname} cannot be found.",
            place=_place(code),
            why=f"{code.co_filename!r} is no file, notebook cell or doctest that Python knows.",
        )
    return lines if lines[-1].endswith("\n") else [*lines[:-1], lines[-1] + "\n"]


@dataclass(frozen=True)
class _Function:
    """A function or lambda of a file: its node, and the class whose name mangles names in it."""

    node: Definition | ast.Lambda
    class_name: str | None

    @property
    def key(self) -> tuple[str, int]:
        """Name and first line, decorators included, as its code object has them."""
        if isinstance(self.node, ast.Lambda):
            return "<lambda>", self.node.lineno
        return self.node.name, next(iter(self.node.decorator_list), self.node).lineno


@dataclass(frozen=True)
class _Parsed:
    """A file: its tree, its functions in it, and what they compile to."""

    tree: ast.Module
    functions: tuple[_Function, ...]
    codes: tuple[types.CodeType, ...]


# A pure function of its arguments. The memo saves parsing the file again for each of its functions.
@functools.lru_cache(maxsize=8)
def _parse(text: str, filename: str, flags: int) -> _Parsed:
    tree = compile(text, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    return _Parsed(tree, tuple(_functions(tree)), _codes(tree, flags))


def _by_statement(parsed: _Parsed, flags: int) -> _Parsed:
    """The same file compiled as IPython does, one top-level statement at a time.

    CPython compiles a call of `module.function` otherwise where it has seen the import in the same text.
    """
    codes = [code for node in parsed.tree.body for code in _codes(ast.Module([node], []), flags)]
    return dataclasses.replace(parsed, codes=tuple(codes))


def _codes(tree: ast.Module, flags: int) -> tuple[types.CodeType, ...]:
    # Notebook cells may await at their top level.
    return tuple(
        nested_codes(compile(tree, "<file>", "exec", flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
    )


def _functions(tree: ast.Module) -> Iterator[_Function]:
    """The functions of a file, outer before inner, in the order of the source; without recursion, as files are deep."""
    left: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while left:
        node, class_name = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield _Function(node, class_name)
        inner = node.name if isinstance(node, ast.ClassDef) else class_name
        left += [(child, inner) for child in reversed(list(ast.iter_child_nodes(node)))]


def _match(code: types.CodeType, parsed: _Parsed) -> _Function | None:
    """The function of the file that `code` is: the same program, best at the same place."""
    same = [other for other in parsed.codes if other.co_name == code.co_name and _same_program(code, other)]
    here = [other for other in same if other.co_firstlineno == code.co_firstlineno]
    # If it is not here, it has moved: lines were added above it. The file shows the same program where it is now.
    moved = [] if _hooked(code) else [other for other in same if other.co_qualname == code.co_qualname]
    if not here and len(moved) != 1:
        return None
    extent = _extent(code)
    found = next((other for other in here if _extent(other) == extent), (here or moved)[0])
    together = [each for each in parsed.functions if each.key == (found.co_name, found.co_firstlineno)]
    return together[0] if len(together) == 1 else _lambda_among(together, found, parsed)


def _lambda_among(together: Sequence[_Function], found: types.CodeType, parsed: _Parsed) -> _Function | None:
    """Of several lambdas that begin on one line, the one that `found` was compiled from."""
    extent = _extent(found)
    lambdas = [(each, each.node) for each in together if isinstance(each.node, ast.Lambda)]
    for each, node in lambdas:
        if _range(node.body) == extent:
            return each
    # No columns: `-X no_debug_ranges`, or a constant body in CPython 3.12. Then each is compiled without the others.
    for each, node in lambdas:
        if _same_program(found, _alone(node, [other for _, other in lambdas], found, parsed.tree)):
            return each
    return None


def _alone(node: ast.Lambda, together: Sequence[ast.Lambda], like: types.CodeType, tree: ast.Module) -> types.CodeType:
    """The code of a lambda, compiled with `None` in the place of those that it neither contains nor is in."""
    before, others = 0, []
    for other in together:
        related = other is node or other in ast.walk(node) or node in ast.walk(other)
        # A lambda comes after those of its defaults, and before those of its body.
        before += other is not node and (other in ast.walk(node.args) or node in ast.walk(other.body))
        others += [] if related else [other]
    # The memo of deepcopy says what a node is copied to.
    pruned = copy.deepcopy(tree, {id(other): ast.copy_location(ast.Constant(None), other) for other in others})
    codes = [code for code in _codes(pruned, like.co_flags & _FUTURE_FLAGS) if code.co_name == like.co_name]
    return [code for code in codes if code.co_firstlineno == node.lineno][before]


def _range(node: ast.expr | ast.stmt) -> Position:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _same_program(live: types.CodeType, found: types.CodeType) -> bool:
    """Whether the two do the same, wherever they stand. Code that an import hook changed may do more than the text."""
    if _signature(live) != _signature(found):
        return False
    if _hooked(live):
        return set(found.co_names) <= set(live.co_names)
    if (live.co_code, live.co_names, live.co_varnames) != (found.co_code, found.co_names, found.co_varnames):
        return False
    if len(live.co_consts) != len(found.co_consts):
        return False
    return all(map(_same_constant, live.co_consts, found.co_consts))


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return one.co_name == other.co_name and _same_program(one, other)
    if isinstance(one, frozenset) and isinstance(other, frozenset):  # the order may differ
        return set(map(repr, one)) == set(map(repr, other))
    # `repr` tells 1 from True and 0.0 from -0.0, inside of tuples too, and not one NaN from another.
    return repr(one) == repr(other)


def _signature(code: types.CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    return code.co_varnames[:count], counts, code.co_flags & _KIND_FLAGS, code.co_freevars


def _hooked(code: types.CodeType) -> bool:
    # pytest's assertion rewriting adds names like `@py_assert1` and `@pytest_ar`, beartype's hook `__beartype...`.
    names = (*code.co_varnames, *code.co_names, *code.co_cellvars)
    return any(name.startswith(("@", "__beartype")) for name in names)


def _extent(code: types.CodeType) -> Position | None:
    """The range that the instructions cover: of a lambda, its body. None where Python keeps no columns."""
    starts, ends = [], []
    for line, end_line, column, end_column in code.co_positions():
        # Instructions of no source (RESUME, cell set-up) have zero width.
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if (line, column) != (end_line, end_column):
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (*min(starts), *max(ends)) if starts else None


def _not_there(code: types.CodeType, parsed: _Parsed) -> JanusXError:
    line = code.co_firstlineno
    if code.co_filename.startswith("<"):
        # From Python 3.13 the text of `python -c` is known as <string>, and that of any `exec` may pass for it.
        why = f"the text that Python knows as {code.co_filename!r} is another one."
        return NoSourceError(f"the source of {code.co_qualname} cannot be found.", place=_place(code), why=why)
    names = {each.key for each in parsed.functions}
    if (code.co_name, line) in names:
        why = f"the function at line {line} of the file is not the one that runs: the file was edited since."
    elif any(name == code.co_name for name, _ in names):
        why = f"{code.co_name} is in the file, but not at line {line}, and its code differs."
    else:
        why = f"there is no {code.co_name} in the file any more."
    return StaleSourceError(f"the source of {code.co_qualname} does not fit the function.", place=_place(code), why=why)


def _function_source(found: _Function, code: types.CodeType, text: str, flags: int) -> FunctionSource:
    line, offset, end_line, end_offset = _range(found.node)
    # Python splits lines at \n alone; `str.splitlines` would also do so at form feeds and in strings.
    lines = [part + "\n" for part in text.split("\n")][line - 1 : end_line]
    column = len(lines[0].encode()[:offset].decode())
    if isinstance(found.node, ast.Lambda):
        # Cut at the end first: on one line, the start moves the end.
        lines[-1] = lines[-1].encode()[:end_offset].decode()
        lines[0] = lines[0][column:]
        body = "".join(lines)
        text, column = (f"({body})", column - 1) if len(lines) > 1 else (body, column)
    else:
        text = _dedent(lines, column, found)
    return FunctionSource(
        text=text,
        filename=code.co_filename,
        first_line=line,
        name=code.co_name,
        qualname=code.co_qualname,
        class_name=found.class_name,
        kind="lambda" if isinstance(found.node, ast.Lambda) else "def",
        freevars=code.co_freevars,
        column=column,
        flags=flags,
    )


def _dedent(lines: list[str], width: int, found: _Function) -> str:
    """Takes away the indentation of the `def`; not inside of strings, whose value `textwrap.dedent` would change."""
    in_string: set[int] = set()
    for inner in ast.walk(found.node):
        if isinstance(inner, ast.JoinedStr | ast.Constant):
            in_string.update(range(inner.lineno + 1, (inner.end_lineno or inner.lineno) + 1))
    shown = []
    for number, line in enumerate(lines, found.node.lineno):
        if number in in_string:
            shown.append(line)
        else:
            blank = len(line) - len(line.lstrip(" \t\f"))
            shown.append(line[min(width, blank) :])
    return "".join(shown)
