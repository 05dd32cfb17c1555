"""All passes over expressions, as one walk: what it costs is to go through the tree, whatever is changed in it."""

from __future__ import annotations

from janusx.transforms.asserts import Asserts
from janusx.transforms.calls import Calls
from janusx.transforms.comprehensions import Comprehensions
from janusx.transforms.conditional_expressions import ConditionalExpressions
from janusx.transforms.logical import Logical
from janusx.transforms.matches import Matches
from janusx.transforms.private_names import PrivateNames
from janusx.transforms.strings import Strings
from janusx.transforms.subscripts import Subscripts


class Expressions(
    Asserts, Calls, Comprehensions, ConditionalExpressions, Logical, Matches, PrivateNames, Strings, Subscripts
):
    """No two of these change the same node type, so their order is free. Parts are rewritten before their whole."""
