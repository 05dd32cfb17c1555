"""Containers of a function around a walk that the walk changes: a memo of nodes that are shared.

The host works on one of its own in each recording, and nothing of it comes back. So only what nobody reads once the
walk is over can be lent: its variable is read by no code but functions that walk.
"""

from __future__ import annotations

import ast
import dis
import gc
import sys
import types
from collections.abc import Callable
from typing import Any

from janusx.transforms.host_names import CHANGING


def changed_names(source: str) -> set[str]:
    """The names of containers that a function changes: `memo[key] = x`, `found.append(x)`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            found.add(node.value.id)
        method = node.func if isinstance(node, ast.Call) else None
        if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and method.attr in CHANGING:
            found.add(method.value.id)
    return found


def is_lent(name: str, cell: types.CellType, walks: Callable[[types.CodeType], bool]) -> bool:
    """Whether nobody reads what a variable holds once the walk is over.

    Args:
        name: of the variable.
        cell: of the variable.
        walks: says whether code is that of a function that walks.
    """
    content = cell.cell_contents
    frame: Any = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if name in code.co_cellvars and frame.f_locals.get(name) is content:
            local = frame.f_locals
            if sum(each is content for each in local.values()) > 1:
                return False  # it has another name
            return _is_held_by_walkers(content, name, walks) and not _reads(code, name, walks)
        frame = frame.f_back
    return False  # the function around it has returned: others may have it


def _is_held_by_walkers(content: Any, name: str, walks: Callable[[types.CodeType], bool]) -> bool:
    """Whether nothing holds a container but variables of functions that walk, and frames."""
    local, frame = set[int](), sys._getframe(1)
    while frame is not None:
        local.add(id(frame.f_locals))
        frame = frame.f_back  # type: ignore[assignment]
    for each in gc.get_referrers(content):
        if isinstance(each, types.CellType):
            closures = [held for held in gc.get_referrers(each) if isinstance(held, tuple)]
            functions = [fn for held in closures for fn in gc.get_referrers(held) if isinstance(fn, types.FunctionType)]
            if not all(name in fn.__code__.co_freevars and walks(fn.__code__) for fn in functions):
                return False
        elif not isinstance(each, types.FrameType) and id(each) not in local:
            return False
    return True


def _reads(code: types.CodeType, name: str, walks: Callable[[types.CodeType], bool]) -> bool:
    """Whether code, or a function in it that does not walk, reads a variable."""
    # From 3.13 on, a closure is made by LOAD_FAST of the cell itself.
    making = {"LOAD_CLOSURE", "LOAD_CONST"} | ({"LOAD_FAST"} if name in code.co_cellvars else set())
    every = [each.opname for each in dis.get_instructions(code) if each.argval == name]
    if any(opname.startswith("LOAD_") and opname not in making for opname in every):
        return True
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType) and name in each.co_freevars]
    return any(not walks(each) for each in inner)
