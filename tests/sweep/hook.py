"""An import hook: modules whose every function, method and lambda goes through a wrapper when it is defined."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

_NAME = "__janusx_wrap__"
# What Python makes of these by itself, it makes only of plain functions.
_IMPLICIT: dict[str, Callable[[Any], Any]] = {
    "__new__": staticmethod,
    "__init_subclass__": classmethod,
    "__class_getitem__": classmethod,
}


def load_wrapped(names: Iterable[str], wrap: Callable[[types.FunctionType], Any]) -> None:
    """Import modules anew, in this process and whenever they are imported afresh, with `wrap` around each function."""
    setattr(builtins, _NAME, lambda fn: _wrapped(fn, wrap))
    chosen = frozenset(names)
    sys.meta_path.insert(0, _Finder(chosen))
    for name in chosen:
        sys.modules.pop(name, None)
    for name in sorted(chosen):
        importlib.import_module(name)


def _wrapped(fn: types.FunctionType, wrap: Callable[[types.FunctionType], Any]) -> Any:
    made = wrap(fn)
    implicit = _IMPLICIT.get(fn.__name__)
    return made if implicit is None or made is fn or "." not in fn.__qualname__ else implicit(made)


class _Finder:
    """Finds the chosen modules, frozen ones too, in their files."""

    def __init__(self, chosen: frozenset[str]) -> None:
        self._chosen = chosen

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self._chosen:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the file with a decorator more on each function; the code of the functions stays the same."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        tree = ast.fix_missing_locations(_Marker().visit(ast.parse(self.get_data(path))))
        code: types.CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code


class _Marker(ast.NodeTransformer):
    """Puts the wrapper around the functions of a module and its classes; what is nested in them is theirs."""

    def _definition(self, node: Any) -> Any:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        # On the line of the `def`: the function's code has the line of its first decorator.
        node.decorator_list.append(ast.copy_location(ast.Name(_NAME, ast.Load()), node))
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> ast.Call:
        return ast.copy_location(ast.Call(ast.Name(_NAME, ast.Load()), [node], []), node)

    def _as_it_is(self, node: ast.expr) -> ast.expr:
        return node

    # In a comprehension a lambda is nested in a function to CPython 3.11.
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _as_it_is
