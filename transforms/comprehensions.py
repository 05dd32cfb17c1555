"""Comprehensions and `case` guards stay native; their conditions are asked for through an op."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass


class Comprehensions(ExpressionPass):
    """Rewrites the conditions of what stays native."""

    def leave_CompIf(self, original_node: cst.CompIf, updated_node: cst.CompIf) -> cst.CompIf:
        test = self.ops("truth", updated_node.test, site=self.site(original_node))
        return updated_node.with_changes(test=test, whitespace_before_test=cst.SimpleWhitespace(" "))

    def leave_MatchCase(self, original_node: cst.MatchCase, updated_node: cst.MatchCase) -> cst.MatchCase:
        if updated_node.guard is None:
            return updated_node
        guard = self.ops("truth", updated_node.guard, site=self.site(original_node))
        return updated_node.with_changes(guard=guard, whitespace_after_if=cst.SimpleWhitespace(" "))
