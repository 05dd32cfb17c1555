"""`a if t else b`: an op that gets both sides as lambdas."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.build import thunk
from janusx.transforms.expression_pass import ExpressionPass


class ConditionalExpressions(ExpressionPass):
    """Rewrites conditional expressions; one that binds a name in a side stays native."""

    def leave_IfExp(self, original_node: cst.IfExp, updated_node: cst.IfExp) -> cst.BaseExpression:
        site = self.site(original_node)
        test, yes, no = updated_node.test, updated_node.body, updated_node.orelse
        outcome = self.unit.assumed.get(site)
        if outcome is not None:
            return updated_node.with_changes(test=self.ops("assume", test, cst.Name(str(outcome)), site=site))
        if self.walrus(yes) or self.walrus(no):
            return updated_node.with_changes(test=self.ops("truth", test, site=site))
        return self.replace(original_node, self.ops("if_exp", test, thunk(yes), thunk(no), site=site))
