"""The errors and warnings that JanusX raises: a stable code each, and one layout for all.

Every message says what happened, where (the user's file, line and caret), why, what to do, and where to read more. The
docstring of a class is its help page; `docs/errors.md` is made of them (`python -m janusx.errors`).

Signals that steer the machine itself (an entry that does not match, a region that cannot be staged) are not errors and
do not live here.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Place:
    """A place in the user's source.

    Attributes:
        filename: the file as Python names it in tracebacks.
        line: line number, from 1.
        column: column in `text`, from 0; negative where it is not known.
        text: the source line, or "" where it is not known.

    Example:
        >>> print(Place("model.py", 12, 4, "    if x > 0:"))
        model.py:12
            if x > 0:
            ^
    """

    filename: str
    line: int
    column: int = -1
    text: str = ""

    @classmethod
    def of_line(cls, filename: str, line: int) -> Place:
        """The place of a whole line, with its text where the file can be read."""
        text = linecache.getline(filename, line).rstrip("\n")
        return cls(filename, line, len(text) - len(text.lstrip()), text)

    @classmethod
    def of_function(cls, fun: object) -> Place | None:
        """Where a function begins; None of what has no code."""
        code = getattr(fun, "__code__", None)
        return None if code is None else cls.of_line(code.co_filename, code.co_firstlineno)

    def __str__(self) -> str:
        """The place as `file:line`, then the source line with a caret under the column."""
        stripped = self.text.strip()
        if not stripped:
            return f"{self.filename}:{self.line}"
        shown = f"{self.filename}:{self.line}\n    {stripped}"
        indent = len(self.text) - len(self.text.lstrip())
        if not indent <= self.column < len(self.text.rstrip()):
            return shown
        # A tab under a tab keeps the caret in its column whatever the terminal's tab width is.
        lead = "".join("\t" if letter == "\t" else " " for letter in self.text[indent : self.column])
        return f"{shown}\n    {lead}^"


class Report(Exception):
    """What errors and warnings have in common: the parts of a message and their layout.

    Attributes:
        code: the stable code. It keeps its meaning in every later version.
        what: one line: what happened.
        place: where in the user's source, or None.
        why: the reason.
        remedy: what to do about it.
    """

    code: ClassVar[str] = "JX0000"
    default_why: ClassVar[str] = ""
    default_remedy: ClassVar[str] = ""

    what: str
    place: Place | None
    why: str
    remedy: str

    def __init__(self, what: str, *, place: Place | None = None, why: str = "", remedy: str = "") -> None:
        # `args` is only `what`: pickle and copy call the class with `args`, then restore the rest from `__dict__`.
        super().__init__(what)
        self.what = what
        self.place = place
        self.why = why or self.default_why
        self.remedy = remedy or self.default_remedy

    @property
    def anchor(self) -> str:
        """Where the help page of this error is."""
        return f"docs/errors.md#{self.code.lower()}"

    def __str__(self) -> str:
        """The whole message, a part a line."""
        parts = [f"[{self.code}] {self.what}"]
        if self.place is not None:
            parts.append(f"  at {self.place}".replace("\n", "\n  "))
        if self.why:
            parts.append(f"  why: {self.why}")
        if self.remedy:
            parts.append(f"  what to do: {self.remedy}")
        parts.append(f"  see: {self.anchor}")
        return "\n".join(parts)


class JanusXError(Report):
    """Every error that JanusX raises of its own is one of these.

    Errors of the user's own code are never wrapped: they arrive as they are, with the user's traceback.
    """


class JanusXWarning(Report, UserWarning):
    """Every warning that JanusX gives is one of these.

    `warnings.simplefilter("error", janusx.errors.JanusXWarning)` makes errors of them.
    """


class NoSourceError(JanusXError, OSError):
    """The source of a function cannot be found.

    JanusX rewrites source text. A function made by `exec`, typed at the plain `python` prompt, or shipped as bytecode
    alone has none.

    Wrong:

        scope = {}
        exec("def double(x): return 2 * x", scope)
        janusx.convert(scope["double"], on_unsupported="error")(1.0)

    Right: put the function in a file or in a notebook cell.

        def double(x):
            return 2 * x
        janusx.convert(double)(1.0)
    """

    code = "JX0101"
    default_why = "JanusX rewrites source text, and Python knows no file or notebook cell for this function."
    default_remedy = "put the function in a file or a notebook cell."


class BuiltinFunctionError(JanusXError, TypeError):
    """A builtin, or a function written in C, was given to `convert`.

    Such a function has no Python source, and nothing in it could become faster.

    Wrong:

        janusx.convert(len)

    Right: convert the function that calls it.

        def count(items):
            return len(items)
        janusx.convert(count)
    """

    code = "JX0102"
    default_why = "it is written in C: there is no Python in it to convert."
    default_remedy = "call it from a Python function and convert that one."


class NotCallableError(JanusXError, TypeError):
    """Something that cannot be called was given to `convert`.

    Wrong: the result of a call.

        janusx.convert(max(1, 2))

    Right: the function.

        def larger(a, b):
            return max(a, b)
        janusx.convert(larger)
    """

    code = "JX0103"
    default_why = "only functions, methods and objects with `__call__` can be converted."
    default_remedy = "give convert the function itself, not the result of calling it."


class ClassGivenError(JanusXError, TypeError):
    """A class was given to `convert`.

    Wrong:

        class Model:
            def step(self, x):
                return x + 1
        janusx.convert(Model)

    Right: convert the methods that do the work.

        class Model:
            @janusx.convert
            def step(self, x):
                return x + 1
    """

    code = "JX0104"
    default_why = "calling a class makes an object; the work is in its methods."
    default_remedy = "decorate the methods to be converted, or convert a function that uses the class."


class CoroutineGivenError(JanusXError, TypeError):
    """An `async` function or an async generator was given to `convert`.

    Wrong:

        async def step(x):
            return x + 1
        janusx.convert(step)

    Right: convert the computation, await outside of it.

        @janusx.convert
        def compute(x):
            return x + 1
        async def step(x):
            return compute(x)
    """

    code = "JX0105"
    default_why = "a coroutine gives up control in the middle, and a compiled program cannot."
    default_remedy = "move the computation to an ordinary function, convert that one and call it from the coroutine."


class OptionError(JanusXError, ValueError):
    """An option has a value that it does not take.

    Also raised as `OptionTypeError` (a `TypeError`) for a value of a wrong type, as `UnknownOptionError` (an
    `AttributeError`) for an option that does not exist, and as `ShardingError` for shardings that do not fit a call.

    Wrong:

        janusx.config.update("on_unsupported", "splitt")

    Right:

        janusx.config.update("on_unsupported", "split")
    """

    code = "JX0106"
    default_remedy = "docs/config.md lists the options and their values."


class OptionTypeError(OptionError, TypeError):
    """An option has a value of a wrong type."""


class UnknownOptionError(OptionError, AttributeError):
    """There is no such option."""


class ShardingError(OptionError):
    """A sharding does not fit what it is for."""


class StaleSourceError(JanusXError, RuntimeError):
    """The file on disk is no longer the one that Python has loaded.

    Rewriting the new text would give a program that is not the running one.

    Wrong: edit a module while a session runs, and convert a function of the old import.

        import model
        janusx.convert(model.step, on_unsupported="error")(x)

    Right: load it again first.

        import importlib
        importlib.reload(model)
        janusx.convert(model.step)(x)
    """

    code = "JX0107"
    default_why = "the source file changed after it was imported."
    default_remedy = "reload the module (importlib.reload) or start Python again."


class StaticArgumentError(JanusXError, ValueError):
    """A static argument cannot be hashed.

    As with `jax.jit`, a program belongs to the values of its static arguments, which are told apart by `hash` and `==`.

    Wrong:

        @functools.partial(janusx.convert, static_argnums=1)
        def scale(x, factors):
            return x * sum(factors)
        scale(x, [1, 2])

    Right: a value that can be hashed, or no static argument at all. JanusX guards Python values of any kind.

        scale(x, (1, 2))
    """

    code = "JX0108"
    default_why = "a static argument is part of what a program is found by."
    default_remedy = "give a value that can be hashed (a tuple for a list), or do not mark the argument as static."


class OuterTransformWriteError(JanusXError, RuntimeError):
    """A converted function, called under `jax.jit`, `jax.grad` or `jax.vmap`, writes to an object outside.

    The outer transform owns the trace: it returns only what the function returns, so the written value could not leave
    it.

    Wrong:

        history = []
        @janusx.convert
        def loss(w):
            history.append(w)
            return w * w
        jax.grad(loss)(3.0)

    Right: return what changed, or put the transform inside.

        @janusx.convert
        def gradient(w):
            def loss(w):
                history.append(w)
                return w * w
            return jax.grad(loss)(w)
        gradient(3.0)
    """

    code = "JX0201"
    default_why = (
        "an outer JAX transform keeps only what the function returns; this write would be lost or would leak a tracer."
    )
    default_remedy = "return the new value, or call the transform inside the converted function."


class UnsupportedError(JanusXError, NotImplementedError):
    """Something cannot be compiled, and `on_unsupported="error"` asks to be told.

    With the default, `on_unsupported="split"`, the same code runs: the part that cannot be compiled stays in Python and
    `janusx.explain` names it.

    Wrong:

        @janusx.convert(on_unsupported="error")
        def step(x):
            name = input()
            return x + len(name)

    Right: keep it outside.

        @janusx.convert(on_unsupported="error")
        def step(x, length):
            return x + length
    """

    code = "JX0301"
    default_why = "it can be neither staged nor speculated on."
    default_remedy = 'move it out of the converted function, or use on_unsupported="split".'


class ViolationError(JanusXError, RuntimeError):
    """An assumption of the compiled program did not hold, and `on_violation="error"` asks to be told.

    The objects are as they were before the call.

    Wrong: ask for an error, then break what the profile has seen.

        @janusx.convert(on_violation="error")
        def scale(x):
            if x.sum() > 0:
                return x
            return None

    Right: let it compile again.

        @janusx.convert(on_violation="recompile")
        def scale(x):
            if x.sum() > 0:
                return x
            return None
    """

    code = "JX0302"
    default_why = "an observed fact that the program was compiled for changed."
    default_remedy = 'use on_violation="recompile", or keep the fact constant.'


class RecompileLimitWarning(JanusXWarning):
    """A function was compiled `recompile_limit` times; it will not be compiled for further variants.

    The programs that exist keep serving the calls that they match. The other calls run in Python.

    Wrong: a Python value that is new in each call and decides shapes.

        @janusx.convert
        def head(x, n):
            return x[:n].sum()
        for n in range(100):
            head(x, n)

    Right: keep the shape, mask the rest.

        @janusx.convert
        def head(x, n):
            return jnp.where(jnp.arange(len(x)) < n, x, 0).sum()
    """

    code = "JX0303"
    default_why = "each variant needed a program of its own; janusx.explain lists what differed."
    default_remedy = "make what differs constant, or an array, or raise recompile_limit."


class EagerWarning(JanusXWarning):
    """A function, or a statement of it, runs in plain Python. Said once; the answer is right, only not faster.

    Wrong: array work in a statement that also calls what JanusX cannot see into.

        @janusx.convert
        def step(x):
            return jnp.tanh(x @ x) * time.time()

    Right: the call in a statement of its own; what is around it is compiled.

        @janusx.convert
        def step(x):
            now = time.time()
            return jnp.tanh(x @ x) * now
    """

    code = "JX0304"
    default_why = "nothing in it could be compiled."
    default_remedy = "see janusx.explain for the reason, or use janusx.disable to say that this is meant."


class InternalError(JanusXError, RuntimeError):
    """JanusX contradicted itself. This is a fault in JanusX, never in your program.

    The objects are as they were before the call. With the default options such a call is answered in plain Python and
    the error is only recorded.

    Right: go on working, and report it with the function and the text of the error.

        step = janusx.disable(step)
    """

    code = "JX0901"
    default_why = "an invariant of JanusX does not hold."
    default_remedy = "please report it; janusx.disable keeps the function in plain Python meanwhile."


ERRORS: tuple[type[Report], ...] = (
    NoSourceError,
    BuiltinFunctionError,
    NotCallableError,
    ClassGivenError,
    CoroutineGivenError,
    OptionError,
    StaleSourceError,
    StaticArgumentError,
    OuterTransformWriteError,
    UnsupportedError,
    ViolationError,
    RecompileLimitWarning,
    EagerWarning,
    InternalError,
)
"""Every documented error and warning, in the order of the codes."""


def documentation() -> str:
    """The text of `docs/errors.md`, made of the docstrings.

    Returns:
        Markdown, with a heading (and so an anchor) a code.
    """
    sections = [
        "# Errors\n\nMade from `janusx/errors.py` by `python -m janusx.errors`; a test keeps it up to date.\n\n"
        "A message says what happened, where, why and what to do. The code keeps its meaning in later versions.\n"
    ]
    for kind in ERRORS:
        sections.append(f"## {kind.code}\n\n`janusx.errors.{kind.__name__}`: {inspect.getdoc(kind)}\n")
    return "\n".join(sections)


if __name__ == "__main__":
    sys.stdout.write(documentation())
