"""What code objects name and compare, read off their instructions."""

from __future__ import annotations

import dis
import types
from typing import Any

from janusx import emitted


def global_names(code: types.CodeType) -> tuple[list[str], list[str]]:
    """The global names that a code object and those nested in it use, and all attribute names beside them."""
    found: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for inner in (code, *emitted.nested_codes(code)):
        attributes.update(dict.fromkeys(inner.co_names))
        for instruction in dis.get_instructions(inner):
            if instruction.opname in ("LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "STORE_NAME"):
                found[str(instruction.argval)] = None
    return list(found), list(attributes)


def compares_identity(code: types.CodeType) -> bool:
    """Whether code has an `is` between two values (not constants), an `in`, or a name that compares likewise."""
    for inner in (code, *emitted.nested_codes(code)):
        if not {"id", "index", "count", "remove"}.isdisjoint(inner.co_names):
            return True
        last: Any = None
        for instruction in dis.get_instructions(inner):
            constant = last is not None and last.opname.startswith("LOAD_CONST")
            if instruction.opname == "CONTAINS_OP" or (instruction.opname == "IS_OP" and not constant):
                return True
            last = instruction
    return False
