"""`rewrite`: the whole way from a function's source to the source of its functional form."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

import libcst as cst

from janusx.transforms.analysis import Analysis
from janusx.transforms.build import Fresh, Ops, give
from janusx.transforms.depth import with_room
from janusx.transforms.expressions import Expressions
from janusx.transforms.functions import lower
from janusx.transforms.lines import TAG, Mark, put, read_back
from janusx.transforms.private_names import SignatureNames
from janusx.transforms.result import Rewritten
from janusx.transforms.sites import parse
from janusx.transforms.unit import Unit
from janusx.transforms.untouched import TOO_DEEP, UNKNOWN, is_python, untouched
from janusx.transforms.variables import Reads


def _no_leaves(name: str) -> bool:
    return False


def rewrite(
    source: str,
    *,
    first_line: int = 1,
    class_name: str | None = None,
    assumed: Mapping[int, bool] = {},
    is_leaf: Callable[[str], bool] = _no_leaves,
    ops_name: str = "jx",
) -> Rewritten:
    r"""Rewrite one function so that its control flow goes through ops.

    The outcome compiles and means what the source means, for every function that Python accepts: what has no functional
    form stays native and is listed in `refusals`.

    Args:
        source: dedented text of one `def` or `lambda`.
        first_line: file line of the text's first line.
        class_name: the class in whose body the function stands, for private names.
        assumed: site ids of `if`s and conditional expressions, with the outcome that is speculated there.
        is_leaf: says that a dotted name (`jnp.tanh`) is a leaf library's function, to be called as it is.
        ops_name: the name of the ops in the emitted text; another one is taken where the source uses it.

    Returns:
        The emitted text with its line map, sites and refusals.

    Raises:
        libcst.ParserSyntaxError: the source is not valid Python.
        ValueError: the source is not one `def` or `lambda`.

    Example:
        >>> print(rewrite("def f(x):\n    if x > 0:\n        x = -x\n    return x\n").text, end="")
        def f(x):
            def if_1_true(x):
                x = -x
                return x
            def if_1_false(x): return x
            x = jx.cond(x > 0, if_1_true, if_1_false, x, site=1)
            return x
    """
    try:
        return with_room(lambda: _rewrite(source, first_line, class_name, assumed, is_leaf, ops_name))
    except RecursionError:
        return untouched(source, first_line, TOO_DEEP, ops_name)
    except cst.ParserSyntaxError:
        if not is_python(source):
            raise
        return untouched(source, first_line, UNKNOWN, ops_name)


def _rewrite(
    source: str,
    first_line: int,
    class_name: str | None,
    assumed: Mapping[int, bool],
    is_leaf: Callable[[str], bool],
    ops_name: str,
) -> Rewritten:
    parsed = parse(source, first_line=first_line)
    fresh = Fresh(source)
    unit = Unit(
        source, parsed, Ops(fresh(ops_name)), fresh, Analysis(), is_leaf, assumed, class_name, list(parsed.sites)
    )
    if TAG in source:
        reason = f"it contains the character {TAG!r}, which marks lines here"
        return untouched(source, first_line, reason, unit.ops.name, parsed.sites)
    try:
        text, lines = read_back(_emitted(unit), first_line)
        compile(_enclosed(text, unit), "<emitted>", "exec", dont_inherit=True)
    except (SyntaxError, cst.CSTValidationError) as error:
        reason = f"the emitted form goes beyond what Python takes: {error}"
        return untouched(source, first_line, reason, unit.ops.name, parsed.sites)
    return Rewritten(text, lines, tuple(unit.sites), tuple(unit.refusals), unit.ops.name)


def _emitted(unit: Unit) -> str:
    """The passes, in order; the printed code still has its line marks."""
    # Expressions first: they need the positions of the parsed nodes, and all later passes need marked statements in
    # normal form. What a lambda of ours reads counts as read where it stands, so control flow does not mind.
    function = _marked_function(unit)
    # Statements, function by function, the innermost first.
    function = lower(function, unit)
    # Checked reads last: `jx.read(y, "y")` would hide from the passes that `y` is a name.
    if unit.checked or unit.sure or unit.deleted:
        changed = Reads(unit).walk(function)
        assert isinstance(changed, cst.FunctionDef)
        function = changed
    return unit.parsed.module.with_changes(body=[function], header=[], footer=[]).code


def _marked_function(unit: Unit) -> cst.FunctionDef:
    """The function with rewritten expressions, no decorators, and a mark on each statement."""
    original = unit.parsed.function
    walk = Expressions(unit)
    walk.enter(original)
    body = walk.walk(original.body)
    walk.leave(original)
    function = _bare(original, unit)
    line = unit.parsed.line(original)
    if isinstance(body, cst.BaseExpression):
        last = unit.parsed.last_line(original)
        if not body.lpar and unit.parsed.line(original.body) < unit.parsed.last_line(original.body):
            # The parentheses that hold its lines together stood around the lambda.
            body = body.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        body = cst.IndentedBlock([put(give(body), Mark(line, last))])
    assert isinstance(body, cst.BaseSuite)
    start = original.body.body[0] if isinstance(original.body, cst.IndentedBlock) else original.body
    return put(function.with_changes(body=body), Mark(line, max(line, unit.parsed.line(start) - 1)))


def _bare(original: cst.FunctionDef | cst.Lambda, unit: Unit) -> cst.FunctionDef:
    """The signature as it is, without decorators; a `lambda` as a `def`."""
    params = original.params
    if unit.class_name is not None and "__" in unit.source:
        mangled = SignatureNames(unit.class_name).walk(params)
        assert isinstance(mangled, cst.Parameters)
        params = mangled
    if isinstance(original, cst.Lambda):
        return cst.FunctionDef(cst.Name(unit.fresh("lambda_")), params, cst.IndentedBlock([]))
    return original.with_changes(params=params, decorators=[], leading_lines=[], lines_after_decorators=[])


def _enclosed(text: str, unit: Unit) -> str:
    """The text as it can be compiled alone: what is `nonlocal` to it needs a function around it."""
    nonlocals = unit.analysis.scope(unit.parsed.function).free if "nonlocal" in unit.source else ()
    bound = "".join(f"    {name} = None\n" for name in sorted(nonlocals) if name != "__debug__")
    return "def enclosing():\n" + bound + textwrap.indent(text, "    ")
