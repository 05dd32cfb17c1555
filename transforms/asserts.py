"""`assert t, m`: an op that gets the message as a lambda."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.build import thunk
from janusx.transforms.expression_pass import ExpressionPass


class Asserts(ExpressionPass):
    """Rewrites assertions; one whose message binds a name stays native."""

    def leave_Assert(self, original_node: cst.Assert, updated_node: cst.Assert) -> cst.BaseSmallStatement:
        site = self.site(original_node)
        if updated_node.msg is None:
            return cst.Expr(self.ops("assert_", updated_node.test, site=site))
        if self.walrus(updated_node.msg):
            return updated_node.with_changes(test=self.ops("truth", updated_node.test, site=site))
        return cst.Expr(self.ops("assert_", updated_node.test, thunk(updated_node.msg), site=site))
