"""`match` stays native; what it looks at and the guards of its clauses are asked for through ops."""

from __future__ import annotations

import libcst as cst

from janusx.transforms.expression_pass import ExpressionPass
from janusx.transforms.sites import numbers_of
from janusx.transforms.walks import parts


class Matches(ExpressionPass):
    """Rewrites the expressions that a `match` evaluates."""

    def leave_Match(self, original_node: cst.Match, updated_node: cst.Match) -> cst.Match:
        deep = [cst.Name("True")] if any(_asks_inside(case.pattern) for case in original_node.cases) else []
        subject = self.ops("subject", updated_node.subject, *deep)
        return updated_node.with_changes(subject=subject, whitespace_after_match=cst.SimpleWhitespace(" "))

    def leave_MatchCase(self, original_node: cst.MatchCase, updated_node: cst.MatchCase) -> cst.MatchCase:
        if updated_node.guard is None:
            values = numbers_of(updated_node.pattern)
            return self._compared(original_node, updated_node, values) if values else updated_node
        guard = self.ops("truth", updated_node.guard, site=self.site(original_node))
        return updated_node.with_changes(guard=guard, whitespace_after_if=cst.SimpleWhitespace(" "))

    def _compared(
        self, original: cst.MatchCase, case: cst.MatchCase, values: list[cst.BaseExpression]
    ) -> cst.MatchCase:
        """A pattern of numbers as a comparison: the subject may be an array."""
        site = self.site(original)
        name = cst.Name(self.unit.fresh(f"case_{site}"))
        tests = [cst.Comparison(name, [cst.ComparisonTarget(cst.Equal(), value)]) for value in values]
        test: cst.BaseExpression = tests.pop()
        while tests:
            test = self.ops("either", tests.pop(), cst.Lambda(cst.Parameters(), test))
        return case.with_changes(
            pattern=cst.MatchAs(name=name),
            whitespace_after_case=cst.SimpleWhitespace(" "),
            whitespace_before_if=cst.SimpleWhitespace(" "),
            whitespace_after_if=cst.SimpleWhitespace(" "),
            guard=self.ops("truth", test, site=site),
        )


def _asks_inside(pattern: cst.MatchPattern) -> bool:
    """Whether a pattern asks, of something inside of the subject, if it is `True` or `False`."""
    if isinstance(pattern, cst.MatchSingleton):
        return False
    if isinstance(pattern, cst.MatchOr):
        return any(_asks_inside(each.pattern) for each in pattern.patterns)
    if isinstance(pattern, cst.MatchAs):
        return pattern.pattern is not None and _asks_inside(pattern.pattern)
    return _holds_bool(pattern)


def _holds_bool(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.MatchSingleton):
        return node.value.value != "None"
    return any(map(_holds_bool, parts(node)))
