"""Comprehensions stay native; their conditions are asked for through an op."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass


class Comprehensions(ExpressionPass):
    """Rewrites the conditions of comprehensions."""

    def leave_CompIf(self, original_node: cst.CompIf, updated_node: cst.CompIf) -> cst.CompIf:
        test = self.ops("truth", updated_node.test, site=self.site(original_node))
        return updated_node.with_changes(test=test, whitespace_before_test=cst.SimpleWhitespace(" "))
