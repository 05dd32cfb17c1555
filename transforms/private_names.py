"""`self.__x` in a method: the emitted `def` stands in no class, so the pass mangles as the compiler would."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.walks import Transformer


def mangle(name: str, class_name: str | None) -> str:
    """The name as the compiler stores it in a function of that class."""
    owner = (class_name or "").lstrip("_")
    private = name.startswith("__") and not name.endswith("__")
    return f"_{owner}{name}" if owner and private else name


class PrivateNames(ExpressionPass):
    """Rewrites private names; those in a nested class belong to that class."""

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        if self.classes or not updated_node.value.startswith("__"):
            return updated_node
        return updated_node.with_changes(value=mangle(updated_node.value, self.unit.class_name))

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self.classes += 1  # Nor is the keyword of a call: it goes by name into somebody else's parameters.

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        self.classes -= 1

    def visit_ImportAlias_name(self, node: cst.ImportAlias) -> None:
        self.classes += 1  # A module's name is not mangled, only the variable it is bound to.

    def leave_ImportAlias_name(self, node: cst.ImportAlias) -> None:
        self.classes -= 1


class SignatureNames(Transformer):
    """Mangles names in the outermost signature, which is else left alone."""

    def __init__(self, class_name: str) -> None:
        super().__init__()
        self._class_name = class_name

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=mangle(updated_node.value, self._class_name))
