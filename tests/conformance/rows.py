"""The table of the Python that JanusX covers: each row's constructs, the promised rung, and what proves it.

A proof is the sentence of a scenario in this folder, or `file.py::test` for what no scenario can show. Which rung a row
reaches is not written here: it is measured (`coverage.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
      number: in the table.
      group: its heading.
      construct: what is covered, in a line.
      promised: in words, the rung it must reach where its control depends on array values.
      proofs: for each construct that the row names, the sentences of scenarios, or tests.
    """

    number: int
    group: str
    construct: str
    promised: str
    proofs: Mapping[str, tuple[str, ...]]


STAGE = "staged"
STAGE_OR_SPECULATE = "staged, else speculated"
SPECULATE = "speculated"
HELD = "staged, held until commit"

CONTROL, FUNCTIONS, VALUES, STATE, EFFECTS, LIBRARIES, BAD_INPUT = (
    "Control",
    "Functions",
    "Values",
    "State",
    "Effects",
    "Libraries",
    "Bad input",
)

ROWS: tuple[Row, ...] = (
    Row(
        1,
        CONTROL,
        "`if`/`elif`/`else`, nested, early `return`, missing `else`",
        STAGE_OR_SPECULATE,
        {
            "if, else": (
                "an if takes the side that its array says, call after call",
                "an if without an else leaves its variable as it was",
            ),
            "elif": ("elif chains choose one of four sides",),
            "nested": (
                "nested ifs, each with its own early return",
                "an if in a loop in an if, with the outcome changing at every call",
            ),
            "early return": ("an early return and code after it that must not run",),
            "None against an array": ("a missing else returns None against an array", "None in one branch"),
            "other structure, shape, dtype": (
                "branches that return a tuple on one side and an array on the other",
                "branches that return different shapes",
                "branches of different dtype keep the dtype of the side that ran",
                "a Python number on one side and an array on the other keep their types",
            ),
            "Python beside arrays": ("a Python condition stays Python, an array condition beside it is staged",),
        },
    ),
    Row(
        2,
        CONTROL,
        "conditional expression, `and`/`or`/`not`, chained comparison, `in`, `is`, walrus",
        STAGE_OR_SPECULATE,
        {
            "conditional expression": ("a conditional expression on an array",),
            "and, or, not": (
                "and, or and not on arrays give what Python gives",
                "a short circuit does not evaluate its right side",
            ),
            "as values": (
                "or as a value returns one of its operands",
                "and, or and not as values in a staged loop",
                "and, or between Python values return the operand itself",
            ),
            "chained comparison": (
                "a chained comparison evaluates its middle once",
                "a chained comparison with a call in its middle and one that mixes Python and arrays",
            ),
            "in": (
                "in and not in a list, a tuple, a dict and an array",
                "in an array decides an if, and is a value",
                "in and not in a set, a text, a range and a dict's views that change",
            ),
            "is": (
                "is and is not between names of one object",
                "is and is not decide a staged branch's side, of None, of objects and of arrays",
                "a chain of identities and a condition in a branch",
                "an array that a staged branch hands through is the object that it was",
            ),
            "walrus": (
                "a walrus binds in the condition and is seen after it",
                "a walrus in a while's test, in an elif, in an argument and in a comprehension",
            ),
        },
    ),
    Row(
        3,
        CONTROL,
        "`while`, nested, with `break`, `continue`, `return`, `else`",
        STAGE,
        {
            "while": ("a while on an array", "a while over a Python counter with an array inside"),
            "nested": ("nested whiles, the inner with break, the outer with continue",),
            "break": ("while with break", "while True with break only"),
            "continue": ("while with continue",),
            "return": ("while with a return inside",),
            "else": ("while with else, with and without the break taken", "else of loops on arrays"),
        },
    ),
    Row(
        4,
        CONTROL,
        "`for` over arrays, `range`, containers, `enumerate`, `zip`, `reversed`; jumps, `else`, tuple targets",
        STAGE,
        {
            "rows of an array": ("for over the rows of an array",),
            "range": (
                "for over a range with many trips, rolled",
                "range with an array for a bound",
                "range with a Python bound that changes",
                "range with start, stop and step, downwards too",
            ),
            "lists, tuples, dict views": ("for over a list, a tuple and a dict's views",),
            "enumerate, zip, reversed": (
                "enumerate, zip and reversed",
                "reversed, slices, enumerate with start and zip with strict, over what changes length",
            ),
            "nested": ("nested fors with ifs, break in the inner one",),
            "break": ("for with break on an array", "break on an array in a loop over a Python list"),
            "continue": ("for with continue on an array",),
            "return": ("for with a return inside and else after it",),
            "else": ("for with else, with and without the break taken",),
            "tuple targets": (
                "nested tuple targets and a starred target",
                "tuple targets: swaps, nested, starred, of an array's rows, and into attributes and items",
            ),
            "the target after the loop": (
                "the loop variable keeps its last value after the loop",
                "a loop over nothing leaves its target unbound",
            ),
        },
    ),
    Row(
        5,
        CONTROL,
        "loops whose carry changes type, shape or structure",
        "staged by casts, else speculated",
        {
            "type": (
                "a while whose carry begins as an int and becomes a float",
                "a loop that begins with an int, goes on with a float and keeps a structure",
                "a loop whose variable changes its dtype",
                "a Python number that a loop turns into an array on some paths, with continue",
            ),
            "shape": (
                "a while whose carry grows",
                "a loop whose variable changes its shape",
                "an array is put together row by row in a while loop, and used afterwards as an array of that length",
            ),
            "structure": ("a loop whose variable changes its structure",),
            "objects": (
                "weights in a dictionary are replaced in a while loop, and stay the same object if it has no trip",
                "an attribute that holds an object is replaced in a loop in a loop, and read by a method",
            ),
        },
    ),
    Row(
        6,
        CONTROL,
        "variables of one branch or loop; a read that is not bound; `del`",
        STAGE_OR_SPECULATE,
        {
            "bound in one branch": ("a variable defined in one branch only, not read where it is not bound",),
            "bound in a loop": (
                "a while that does not run leaves its variables unbound",
                "a variable that is bound in the loop alone",
            ),
            "UnboundLocalError": ("a read of a name that is not bound raises UnboundLocalError, as in Python",),
            "del": (
                "a name that is deleted on one path is not bound after it",
                "del of names, items, slices and attributes, in a branch on an array too",
            ),
        },
    ),
    Row(
        7,
        CONTROL,
        "`match` with all kinds of patterns",
        STAGE_OR_SPECULATE,
        {
            "literal, or, capture, wildcard, star": (
                "match on Python values: literals, captures, sequences, mappings, classes, guards",
            ),
            "literals against an array": ("match on an array's value: literal, or, capture and wildcard patterns",),
            "value, class, keyword, as": ("match with value, class and keyword patterns whose parts are arrays",),
            "sequence, mapping": ("match with nested sequence patterns and a star, over lists that change",),
            "guard": ("match with a guard on an array",),
            "in a loop": ("match in a staged loop, with a guard on an array that takes turns",),
            "True, False, None": ("a pattern asks for True inside of a list, a dictionary and an object",),
            "with a cut in it": ("match with a cut in a case",),
        },
    ),
    Row(
        8,
        CONTROL,
        "`try`/`except`/`else`/`finally`, `raise`, `assert`; exceptions on array values",
        SPECULATE,
        {
            "try, except, else, finally": (
                "try and except around a raise on an array",
                "try, except, else and finally around a raise on an array",
                "try, except, else and finally around each other, with return in finally's way",
                "try in a loop, with a raise on an array that is caught",
            ),
            "raise": ("a raise on an array that is not reached, then is", "a raise inside a loop on an array"),
            "from, re-raise": (
                "raise from, raise from None and a bare re-raise, on array values",
                "nested try with a re-raise and two finally",
            ),
            "notes, groups": ("an exception group and an exception with notes, raised on an array value",),
            "assert": (
                "an assert on an array that holds, then fails, then holds",
                "an assert's message is evaluated only when it fails",
                "an assert with a message of array values, in a callee and a loop",
            ),
            "state": ("what was mutated before a raise stays mutated",),
        },
    ),
    Row(
        9,
        CONTROL,
        "`with`: JAX contexts; context managers of the user's, generator based ones too",
        "speculated, else split",
        {
            "JAX contexts": ("with JAX's own contexts", "JAX's own context managers around a loop on an array"),
            "of the user's": (
                "with a context manager of the user's, and one made of a generator",
                "a context manager of the user's with effects",
            ),
            "made of a generator": ("a context manager of the user's that changes state and restores it",),
            "contextlib": (
                "ExitStack, nullcontext, closing and suppress",
                "contextlib.suppress around a raise on an array",
            ),
        },
    ),
    Row(
        10,
        CONTROL,
        "comprehensions of all four kinds, nested, with conditions; generator expressions in builtins",
        STAGE_OR_SPECULATE,
        {
            "list, dict, set, nested": ("list, dict, set and nested comprehensions over lists of arrays",),
            "over an array": (
                "a comprehension over the rows of an array, with a conditional expression on an array inside",
                "a list comprehension over an array",
            ),
            "conditions": (
                "a comprehension with a condition over a list of arrays",
                "a comprehension with a condition on an array changes its length",
            ),
            "generator expressions": (
                "generator expressions consumed by sum, any, all, max, min, tuple, dict, join and next",
                "any and all of a generator expression on arrays stop at the first answer",
            ),
            "with state": ("a comprehension that reads and writes state through a method",),
        },
    ),
    Row(
        11,
        CONTROL,
        "generator functions consumed inside; generators as results; coroutines",
        "split; eager",
        {
            "consumed inside": (
                "a generator is consumed inside",
                "a generator of another function is consumed",
                "a generator with send, return value and yield from, consumed inside",
            ),
            "as results": (
                "a generator runs its pieces as it is asked",
                "a generator is the result and is read by the caller",
                "a generator with a decision on an array in it",
            ),
            "coroutines": ("a coroutine is made inside and driven by hand",),
        },
    ),
    Row(
        12,
        CONTROL,
        "recursion: over arrays; mutual; over Python structures",
        STAGE,
        {
            "depth in Python": ("a recursion over arrays", "mutual recursion and a function that returns a function"),
            "depth in an array, mutual": ("mutual recursion whose depth an array decides",),
            "depth in an array": (
                "two calls of itself in one expression",
                "a call of itself in tail position",
                "a lambda that calls itself",
                "two functions that call each other as often as an array says",
                "a call of itself through a helper",
                "a call of itself is the argument of another",
                "a method that calls itself writes to its object at every level",
                "a number of Python's is counted up on the way down",
                "an object that calls itself",
                "a list of an object's gets an item at every level",
                "it says something at every level",
                "pairs go down and tuples come up",
                "it calls itself in loops, and leaves them early",
                "a function is handed down, and decides",
                "an adaptive quadrature splits its interval in two",
                "a closure calls itself, over a value of the call",
                "quicksort in place of an array",
                "the best of a tree that lies in an array is searched for",
                "random keys are split on the way down",
                "an exception at some depth is Python's",
                "deeper than there is room for",
                "the gradient of a recursion, to weights that are handed down",
                "the No-U-Turn sampler builds its trees by recursion",
                "defaults, keywords and a partial function",
                "a recursion whose depth is an attribute that changes from outside",
            ),
            "over Python structures": (
                "recursion over a tree of objects that grows from outside",
                "recursion over a Python structure",
                "a tree is walked by a method that calls itself",
                "a TreeLSTM over nodes with any number of children",
                "a batch of trees is trained on, with labels in an array",
                "a function within the loss walks, and labels are a list",
                "syntax trees of the standard library's ast are walked",
                "nested lists of numbers",
                "arrays are handed down, and sums come up",
                "two functions that call each other",
                "an evaluator of expressions, with a decision on arrays in it",
                "patterns decide, and a pair of an array and a count comes up",
                "a linked list of any length",
                "weights and words change from outside, and the structure itself",
            ),
            "with a cut": ("recursion with an opaque call on each level",),
        },
    ),
    Row(
        13,
        FUNCTIONS,
        "nested functions, lambdas, closures, `nonlocal`, `global`, all kinds of parameters, decorators, functools",
        STAGE,
        {
            "nested, lambdas": (
                "user functions calling user functions that branch on arrays",
                "nested functions and lambdas, several on one line",
            ),
            "closures, nonlocal": (
                "a closure counts with nonlocal, in a branch on an array",
                "nonlocal of an inner function, in a loop",
                "two closures share one cell",
                "a function returned from the call closes over this call's values",
            ),
            "global": ("globals are read and written",),
            "parameters": (
                "defaults, keyword-only, *args and **kwargs",
                "a wrong call raises Python's own TypeError",
                "a mutable default remembers",
            ),
            "decorators, partial, wraps": (
                "decorated and partial functions are called",
                "functools.partial is converted",
                "a decorated function is itself converted",
            ),
            "lru_cache": ("functools.reduce, partial, lru_cache and wraps",),
            "singledispatch": ("functools.singledispatch on types of arguments",),
        },
    ),
    Row(
        14,
        FUNCTIONS,
        "methods of all kinds, descriptors, `super`, dunders, private names, metaclasses, abstract classes",
        STAGE,
        {
            "methods": ("a method is converted on its class and serves every instance",),
            "classmethod, staticmethod, super": (
                "classmethod, staticmethod, property, __call__, super and private names",
                "methods keep super, private names, properties and defaults",
            ),
            "descriptors": ("descriptors with __get__, __set__ and __set_name__, and a cached property",),
            "__call__": ("a callable object is converted",),
            "dunders": (
                "dunder operators, __getattr__, __len__ and __getitem__",
                "__getattr__, __setattr__, __getitem__, __setitem__, __contains__, __iter__, __len__ and __eq__ of the "
                "user's",
            ),
            "private names": ("private names and name mangling",),
            "metaclasses, abstract": (
                "an abstract class, a metaclass and __slots__",
                "a metaclass with attributes, __init_subclass__, class and static methods, and super in each",
            ),
        },
    ),
    Row(
        15,
        FUNCTIONS,
        "classes instantiated inside, dataclasses, namedtuples, enums, `__slots__`",
        STAGE,
        {
            "made inside": ("dataclasses, namedtuples and enums made inside and returned",),
            "dataclasses": (
                "dataclasses made inside, in a loop too, and stored outside, keep fields, defaults and identity",
                "a frozen dataclass is replaced, a mutable one is mutated",
            ),
            "namedtuples, enums, slots": (
                "__slots__, namedtuples, enums with methods and flags, made and changed in a staged branch",
            ),
        },
    ),
    Row(
        16,
        FUNCTIONS,
        "builtins, `functools`, `itertools`, `operator`, `math` on arrays",
        STAGE_OR_SPECULATE,
        {
            "sum, len, abs, round": ("sum, len, abs, round, divmod and pow over arrays",),
            "min, max": (
                "min and max of arrays, with several arguments, a key and a default",
                "max of an array and a Python number is the one or the other",
                "max by a key on arrays, and sorted by one, give the objects themselves",
            ),
            "sorted": ("sorted of arrays and of an array's entries, forwards and reversed",),
            "any, all": ("any and all of arrays decide an if",),
            "map, filter": ("map, filter, zip and enumerate with user functions that branch on arrays",),
            "isinstance, type, getattr, setattr, hasattr": (
                "isinstance, type, callable, getattr, setattr, hasattr, vars and issubclass on what the program holds",
                "getattr, setattr, hasattr and delattr by name",
            ),
            "functools.reduce": ("functools.reduce, partial, lru_cache and wraps",),
            "itertools": (
                "itertools: chain, accumulate, product, islice, repeat, cycle, pairwise, groupby, starmap, takewhile",
            ),
            "operator": ("operator: arithmetic, comparison, itemgetter, attrgetter and methodcaller",),
            "math": (
                "math functions of array values give Python floats",
                "math functions on a float that came from an array",
            ),
            "together": (
                "builtins over arrays: sum, min, max, any, all, sorted, len, abs, map, filter, reduce, isinstance",
            ),
        },
    ),
    Row(
        17,
        FUNCTIONS,
        "functions of notebooks, `exec`, the REPL; builtins and C functions",
        "as is, or a clear error",
        {
            "cells, exec, REPL, doctest": ("../janusx/sources/test_everywhere.py", "../janusx/sources/test_made.py"),
            "no source": (
                "test_errors.py::test_a_function_without_source_still_runs_and_says_why",
                "../janusx/sources/test_refusals.py",
            ),
            "builtins and C functions": ("test_errors.py::test_what_cannot_be_converted_is_refused_with_a_code",),
        },
    ),
)
