"""The second half of the table of `rows.py`: values, state, effects, libraries, bad input."""

from __future__ import annotations

from tests.conformance.rows import BAD_INPUT, EFFECTS, HELD, LIBRARIES, STAGE, STATE, VALUES, Row

ROWS: tuple[Row, ...] = (
    Row(
        18,
        VALUES,
        "arguments: arrays, NumPy, scalars, `None`, strings, enums, pytrees, objects, PRNG keys, callables",
        STAGE,
        {
            "arrays and Python scalars": (
                "scalars of other types: int, then float, then bool, then a NumPy scalar",
                "a Python scalar that decides a branch",
            ),
            "NumPy arrays": (
                "NumPy arguments and results keep NumPy's types and arithmetic",
                "a NumPy batch is an input, call after call",
                "a NumPy predicate is a host value",
            ),
            "None, strings, enums": ("strings, None, enums, bytes and ranges pass through and decide",),
            "pytrees": ("pytrees of arguments and results keep their structure",),
            "objects": ("two arguments that are one object, and then are not",),
            "typed PRNG keys": (
                "typed PRNG keys are arguments, results and state",
                "typed and raw PRNG keys in containers, split in a loop and folded by a counter",
            ),
            "callables": (
                "callables as arguments",
                "callables as arguments: functions, lambdas, methods, partials, classes and builtins",
            ),
            "static arguments": ("static arguments mean what they mean to jit",),
        },
    ),
    Row(
        19,
        VALUES,
        "results: the same types; an argument returned is the same object",
        "on every rung",
        {
            "types": (
                "a result that is a constant of the program",
                "Python's own arithmetic on arguments is exact",
                "weak types come and go as in eager JAX",
                "a count of Python's that arrays decide makes no array another type",
                "what is made of an array that is weakly typed on some paths",
            ),
            "identity": (
                "an argument returned is the same object",
                "a bool that the function computes is the one True",
            ),
        },
    ),
    Row(
        20,
        VALUES,
        "`float`, `int`, `bool`, `.item()`, `.tolist()`, f-strings and `str` of an array",
        HELD,
        {
            "float, int, bool, item, tolist": (
                "float, int, bool, item and tolist give Python values",
                "float, int, bool, complex, item and tolist of array values, in branches and loops",
                "Python scalars of array values, and arithmetic on them",
            ),
            "decided on": (
                "a branch on a Python float that came from an array",
                "an int of a float array decides a branch and meets an array",
            ),
            "f-strings and str": (
                "f-strings and str of array values are returned and stored",
                "text of containers that hold arrays, and str.format and join",
                "percent formatting with a literal and with a name on the left",
            ),
            "as an index": ("int(x) as an index, a slice and a range bound", "an array's value as a list index"),
        },
    ),
    Row(
        21,
        VALUES,
        "shapes, dtypes and Python scalars that change",
        STAGE,
        {
            "shape": ("shapes that change between calls",),
            "buckets": ("test_buckets.py",),
            "dtype": ("dtypes that change between calls",),
            "scalars": ("Python scalars that change at every call compile once",),
        },
    ),
    Row(
        22,
        STATE,
        "attributes set, deleted, augmented, created; through aliases, in callees, in library code",
        STAGE,
        {
            "augmented": ("self.count += 1 and self.lr *= 0.9 are Python's own numbers, and compile once",),
            "created, deleted": (
                "attributes are created and deleted",
                "an attribute is created in one branch only",
            ),
            "in branches and loops": (
                "writes in a branch and in a loop body are committed, and only theirs",
                "a Python counter in a branch on an array",
            ),
            "aliases": ("two names for one object stay so", "attributes swapped with each other"),
            "callees": ("mutation hidden in a callee, in a branch and in a loop",),
            "library code": ("an NNX variable and a counter mutated in one branch of an if on an array",),
        },
    ),
    Row(
        23,
        STATE,
        "`list`, `dict`, `set`, `deque`, `defaultdict`, nested",
        "staged; speculated in staged loops when not append-only",
        {
            "list": (
                "list methods and slices",
                "list: insert, remove, pop, reverse, sort, extend, clear, count, index, slices with steps and +=",
                "losses are appended to a list",
            ),
            "sort": ("sort and reverse of a list of array values in place",),
            "dict, set": (
                "a dict of arrays is updated item by item",
                "dict and set: update, setdefault, pop, popitem, union, get, views and fromkeys",
            ),
            "deque, defaultdict": (
                "dict, set, deque and defaultdict methods",
                "deque with maxlen, defaultdict and OrderedDict of arrays",
                "a Counter of what was seen",
            ),
            "in place, by another name": (
                "augmented assignment in place, of containers and NumPy arrays that have another name",
            ),
            "keys and elements": (
                "changing numbers are keys of dicts and elements of sets, frozen ones and within tuples",
            ),
            "nested": ("nested lists and dicts",),
        },
    ),
    Row(
        24,
        STATE,
        "`list.append`, `pop` and index in a rolled loop",
        STAGE,
        {
            "append": (
                "list.append in a rolled loop",
                "lists of the user's that a staged branch and a while loop append to",
                "thousands of appends in a while loop: room grows, and then stays",
            ),
            "pop, index": (
                "list.append and pop in rolled loops, with an index into what was appended",
                "a stack of pairs: nodes are taken off and put on as arrays decide, until it is empty",
                "an interpreter of a stack machine whose program is an array",
                "a queue is served from the front while more is put at its end",
                "a list is appended to now and then in a loop with break, and old items are dropped",
                "a stack machine runs a program of op codes in an array",
                "breadth-first search with a queue over a graph that is an array",
            ),
            "order, parts": (
                "a priority queue is a list that is sorted, cut, searched and added up in a loop that arrays end",
                "Python numbers in a list that grows: looked up, counted, cut, and copied",
            ),
            "read": (
                "a list is read in the loop that appends to it",
                "a list that a while loop grew is returned, counted, indexed and gone through",
                "lists that grow and are held by a tuple, compared, stacked, joined or of two types stay lists",
                "a list that grows has a second name, is filled by a helper or a bound method, or is only counted",
            ),
        },
    ),
    Row(
        25,
        STATE,
        "NumPy arrays mutated in place",
        "split, or staged through copies",
        {
            "arguments": (
                "a NumPy argument that is changed in place is changed for the caller",
                "NumPy arrays of arguments and attributes are written to by slices, masks and out=",
                "images of a batch are scaled, cut out and flipped in place",
            ),
            "views and aliases": (
                "views: a column, a reverse, a transpose and a reshape of an array are written to",
                "an array is an argument and an attribute at once, and then is not",
                "an attribute is a view of another",
                "two arrays that become one memory",
                "overlapping slices of one array are moved",
                "an array is replaced by one of another shape, dtype and layout",
            ),
            "in branches and loops": (
                "a write in a branch on an array, and one before and after it",
                "values of the program are written in a branch",
                "a rolled loop writes a row a trip, and counts by a value",
                "rows of a Python loop are changed in place",
            ),
            "values of the program": (
                "a value of the program is written and read by the host alone",
                "a value of the program is written and then read by the program",
            ),
            "refused by NumPy": (
                "an index out of range, and a value that does not fit",
                "an index that the program computes is out of range",
                "casting that NumPy refuses",
            ),
            "made inside": ("an array that the function makes is filled, returned and kept",),
            "attributes": (
                "NumPy state is changed in place, with NumPy's own arithmetic",
                "a replay buffer that writes to NumPy arrays in place",
                "a ring buffer with priorities is filled, corrected and sampled by index",
                "running mean and variance of Welford in float64",
            ),
            "between pieces": ("NumPy arrays are changed in place between pieces",),
        },
    ),
    Row(
        26,
        STATE,
        "closure cells, globals, class and module attributes",
        STAGE,
        {
            "cells": ("a closure counts with nonlocal, in a branch on an array",),
            "globals": ("globals are read and written", "globals are written on both sides of a cut"),
            "class attributes": ("class attributes are read and written",),
            "module attributes": (
                "module and class attributes and globals written through aliases, with augmented assignment",
            ),
        },
    ),
    Row(
        27,
        STATE,
        "aliasing and identity; cycles; objects made inside and stored outside",
        STAGE,
        {
            "through staged branches and loops": (
                "a flag that changes is True, or is False, or is another thing that is true",
                "a number is the same object as itself, and as what it was taken from",
                "a default that nobody else can pass is told from all that is passed",
                "a chain of identities and a condition in a branch",
                "a pattern asks for True inside of a list, a dictionary and an object",
                "the type of an object that is not looked into is its own",
                "arrays that staged branches hand through decide further branches, by what they are",
                "a staged branch makes an array for two names: it is one array after it",
                "one side of a staged branch makes an array for two names, the other makes two",
                "what attributes hold changes places in a staged branch, and the host waits for a number",
                "two names for one array stay so, whichever side of a staged branch runs, "
                "though the host does not wait",
                "an array that a staged branch hands through is in a list of itself; "
                "of another one Python asks for its truth",
                "an array is compared by identity with what a loop may have handed through",
            ),
            "aliasing": (
                "two names for one object stay so",
                "an array under two names is one argument, and then two",
                "what is not touched keeps its identity, arrays too",
            ),
            "is": ("an object that is not looked into is compared with another",),
            "cycles": ("cycles: a parent and its children",),
            "made inside": (
                "objects made inside are stored and returned, and are one object",
                "objects made inside refer to each other and to what was there before",
            ),
        },
    ),
    Row(
        28,
        STATE,
        "anything of these changed from outside is seen by the next call",
        "guarded",
        {
            "every place": (
                "test_guard_completeness.py::test_a_change_from_outside_is_seen_by_the_next_call",
                "test_alike.py::test_a_change_of_one_of_many_is_seen_by_the_next_call",
            ),
            "cells and modules": (
                "a closure cell is changed from outside",
                "a module's attribute, of a module the program reads through",
            ),
            "and back": ("going back to what was, finds the entry of then",),
            "JAX's settings": ("JAX's own settings are seen",),
        },
    ),
    Row(
        29,
        EFFECTS,
        "`print`, `logging`, `warnings`: in order, once, with values",
        "held until commit",
        {
            "print": (
                "prints of arrays, floats and f-strings, in order",
                "a print in one branch on an array",
                "prints in loops in loops, in Python's order",
                "a print before a raise is printed, one after it is not",
            ),
            "logging": (
                "logging, with arguments that are array values",
                "logging and warnings in a rolled loop, with the user's line and function",
            ),
            "warnings": ("warnings of the program are given once", "warnings made errors for a while"),
        },
    ),
    Row(
        30,
        EFFECTS,
        "`time`, `random`, `numpy.random`, files, any other opaque call",
        "split",
        {
            "opaque calls": (
                "an opaque call in the middle runs once a call, between what is before and after",
                "the pieces before and after an opaque call are compiled, and once",
                "the body of a Python loop is cut, and its pieces are compiled once",
            ),
            "random": (
                "random and numpy.random advance their own state",
                "a program with user randomness learns as in Python",
            ),
            "an environment": ("a Gymnasium CartPole loop: the environment is opaque, the agent is converted",),
            "an opaque call that raises": ("what ran before an opaque call that raises stands",),
        },
    ),
    Row(
        31,
        EFFECTS,
        "`jax.debug.print`, `io_callback`, `pure_callback` by the user",
        STAGE,
        {
            "jax.debug": ("jax.debug.print and jax.debug.callback in a branch and a loop",),
            "io_callback": (
                "an ordered io_callback runs once a call, and is never speculated on",
                "an io_callback in a staged branch and in a rolled loop",
            ),
            "pure_callback": ("pure_callback of the user is staged",),
        },
    ),
    Row(
        32,
        LIBRARIES,
        "`jax.grad`, `vmap`, `jit`, `checkpoint`, custom rules, `lax.*`, `tree.*` with user functions",
        STAGE,
        {
            "grad, value_and_grad": (
                "grad of a function that branches, loops and mutates",
                "value_and_grad with has_aux and argnums",
                "grad, vjp and jvp of a function that branches and loops with state in Python",
                "grad of a function that raises on an array value",
                "a gradient function that was made outside, of a function with a while loop and state",
            ),
            "grad through dynamic loops": (
                "the gradient of a while loop that is entered not at all, often, and more often than there is room for",
                "the gradient of nested while loops: inner ones go round another number of times in each outer trip",
                "the gradient of for loops with break, continue and return on arrays",
                "the gradient of a loop over a range with an array for its bound",
                "a loop that is differentiated counts in Python, writes to an object, appends to its list and prints",
                "second derivatives, Jacobians, vjp, jvp and linearize of a while loop",
                "../janusx/test_dynamic_loops.py::test_each_lane_has_its_own_number_of_trips",
            ),
            "vmap": ("vmap of a function with control flow",),
            "jit, checkpoint": ("jit, checkpoint and nested grad inside",),
            "custom_vjp, custom_jvp": (
                "custom_vjp and custom_jvp of the user",
                "a custom_vjp whose rules branch, on a function that reads state",
            ),
            "lax": (
                "lax.scan, lax.cond and lax.while_loop of the user",
                "lax.cond, switch and scan whose functions are methods, partials and lambdas that read state",
            ),
            "tree": (
                "tree.map with a user function that mutates and branches",
                "tree functions over state: map with several trees, leaves, flatten, reduce and map_with_path",
            ),
            "arrays written inside": (
                "test_libraries.py::test_an_array_written_inside_a_transform_arrives_as_an_array",
            ),
            "unknown libraries": (
                "a function that is given to an unknown library branches and loops",
                "a function that is given to an unknown library counts, appends and writes arrays",
                "a function that is given to an unknown library raises on an array value",
            ),
            "functions that change state": (
                "a function in scan changes Python's values",
                "a function in cond changes Python's values",
                "a function in while_loop changes Python's values",
                "a function in vmap changes Python's values",
                "a function in custom_vjp changes Python's values",
                "a function in custom_jvp changes Python's values",
                "a function in fori_loop writes NumPy arrays in place",
                "a function in scan keeps an array",
                "partials, methods and objects that are called, in scan and cond, change state",
                "custom rules that were made before the call read and change state, call after call",
            ),
            "functions that JAX remembers": (
                "a function that JAX may know, in scan, changes Python's values",
                "a function that JAX may know, in jit, changes Python's values",
                "one function of the call's own is given to JAX twice",
                "what JAX makes of functions of the call's own is kept in an object, and called after it",
            ),
            "what cannot leave a library's trace": (
                "test_libraries.py::test_what_a_function_does_in_a_librarys_own_trace_is_found",
            ),
            "each of them, with state": tuple(
                f"a function that counts and appends Python values, inside {name}"
                for name in (
                    "grad",
                    "value_and_grad",
                    "vmap",
                    "checkpoint",
                    "jacfwd",
                    "jacrev",
                    "hessian",
                    "jvp",
                    "vjp",
                    "linearize",
                    "scan",
                    "map",
                    "cond",
                    "switch",
                    "fori_loop",
                    "while_loop",
                    "associative_scan",
                    "tree.map",
                    "eval_shape",
                    "custom_jvp",
                    "grad of grad",
                    "vmap of grad",
                    "grad of checkpoint",
                )
            ),
        },
    ),
    Row(
        33,
        LIBRARIES,
        "Flax NNX, Linen, Equinox, Optax, Orbax, einops, jaxtyping, chex",
        STAGE,
        {
            "NNX": (
                "an NNX model with BatchNorm, Dropout and Rngs, trained with nnx.Optimizer",
                "an NNX CNN with BatchNorm and Dropout, train and eval modes switched from outside",
                "nnx.Rngs drawn from in a loop",
            ),
            "Linen": ("a Flax Linen model, applied and differentiated", "Flax Linen with a TrainState"),
            "Equinox": (
                "an Equinox model trained with Optax, in a trainer of the user's",
                "an Equinox MLP with filter_value_and_grad",
            ),
            "Optax": (
                "a pure Optax step over a dict of parameters",
                "an Optax chain with a schedule and apply_if_finite",
            ),
            "jaxtyping": (
                "a function with jaxtyping annotations",
                "jaxtyping annotations of arguments, results and fields, of shapes that change",
            ),
            "einops": ("einops rearranges, reduces and repeats",),
            "chex": ("chex dataclasses as arguments, state and results",),
            "Orbax": ("training goes on from a state that Orbax saved and restored",),
        },
    ),
    Row(
        34,
        LIBRARIES,
        "converted functions in converted functions, and under an outer transform",
        STAGE,
        {
            "in each other": (
                "a converted function calls a converted function",
                "converted functions call each other, a method too, and each keeps its own state",
            ),
            "outer transforms": (
                "jit, grad, vmap and scan around a converted function without decisions on arrays",
                "grad around a converted function with an if, called directly by JAX",
                "outer jit, grad, vmap, scan, checkpoint, jacfwd and shard_map around one converted function",
                "test_outer_transforms.py::test_control_flow_on_arrays_is_staged_under",
            ),
            "shard_map inside": ("shard_map, scan and grad inside, over a converted function and a user function",),
            "a write that cannot leave": (
                "test_outer_transforms.py::test_a_write_that_cannot_be_threaded_is_a_clear_error",
            ),
        },
    ),
    Row(
        35,
        BAD_INPUT,
        "no source, builtin, class, async function, not callable, wrong options, a profile that does not fit",
        "`janusx.errors`: what, where, why, what to do",
        {
            "what cannot be converted": ("test_errors.py::test_what_cannot_be_converted_is_refused_with_a_code",),
            "the whole message": ("test_errors.py::test_a_refusal_says_what_where_why_and_what_to_do",),
            "no source": ("test_errors.py::test_a_function_without_source_still_runs_and_says_why",),
            "wrong options": (
                "test_errors.py::test_bad_options_are_refused_at_once",
                "test_errors.py::test_a_near_miss_of_an_option_is_named",
            ),
            "a profile that does not fit": (
                "test_errors.py::test_on_violation_error_and_callable",
                "test_errors.py::test_a_profile_that_does_not_fit_says_where_and_what_was_assumed",
            ),
        },
    ),
)
