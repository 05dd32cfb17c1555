"""`match` stays native; what it looks at and the guards of its clauses are asked for through ops."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass


class Matches(ExpressionPass):
    """Rewrites the expressions that a `match` evaluates."""

    def leave_Match(self, original_node: cst.Match, updated_node: cst.Match) -> cst.Match:
        subject = self.ops("subject", updated_node.subject)
        return updated_node.with_changes(subject=subject, whitespace_after_match=cst.SimpleWhitespace(" "))

    def leave_MatchCase(self, original_node: cst.MatchCase, updated_node: cst.MatchCase) -> cst.MatchCase:
        if updated_node.guard is None:
            return updated_node
        guard = self.ops("truth", updated_node.guard, site=self.site(original_node))
        return updated_node.with_changes(guard=guard, whitespace_after_if=cst.SimpleWhitespace(" "))
