"""Options: one table, read as attributes, set by `update`, by `using` and by the environment.

    >>> from janusx import config
    >>> config.profile_runs
    3
    >>> with config.using(profile_runs=0):
    ...     config.profile_runs
    0

What counts, first to last: a keyword of `janusx.convert`, `using` (this thread or task only), `update` (the whole
process), `JANUSX_*` in the environment (read when JanusX is imported), the default. `docs/config.md` is made of the
table (`python -m janusx.config`).
"""

from __future__ import annotations

import contextlib
import contextvars
import difflib
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from janusx import errors


class Accepts(Protocol):
    """What an option takes."""

    def parse(self, text: str) -> object:
        """The value that `text` from the environment stands for, or `text` itself where it stands for none."""
        ...

    def check(self, value: object) -> str | None:
        """None if `value` is taken, otherwise why it is not."""
        ...

    def describe(self) -> str:
        """The accepted values, in words."""
        ...


@dataclass(frozen=True)
class Flag:
    """True or False."""

    def parse(self, text: str) -> object:
        """Read `1`, `true`, `yes`, `on` and their opposites."""
        word = text.strip().lower()
        if word in ("1", "true", "yes", "on"):
            return True
        return False if word in ("0", "false", "no", "off", "") else text

    def check(self, value: object) -> str | None:
        """Only bools: `speculate="no"` would otherwise be true."""
        return None if isinstance(value, bool) else "it takes True or False"

    def describe(self) -> str:
        """In words."""
        return "`True`, `False`"


@dataclass(frozen=True)
class Count:
    """An int that is not smaller than `least`."""

    least: int = 0

    def parse(self, text: str) -> object:
        """Read a decimal number."""
        try:
            return int(text)
        except ValueError:
            return text

    def check(self, value: object) -> str | None:
        """Bools are refused: `profile_runs=True` is a mistake."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= self.least:
            return None
        return f"it takes an int, at least {self.least}"

    def describe(self) -> str:
        """In words."""
        return f"an int, at least {self.least}"


@dataclass(frozen=True)
class Choice:
    """One of `names`, or a callable where `calls` says so."""

    names: tuple[str, ...]
    calls: bool = False

    def parse(self, text: str) -> object:
        """A name stands for itself."""
        return text.strip()

    def check(self, value: object) -> str | None:
        """Exact names; a near miss is named in the message."""
        if self.calls and callable(value):
            return None
        if isinstance(value, str):
            return None if value in self.names else f"it takes {self.describe()}{meant(value, self.names)}"
        return f"it takes {self.describe()}"

    def describe(self) -> str:
        """In words."""
        return ", ".join(f'`"{name}"`' for name in self.names) + (", or a callable" if self.calls else "")


@dataclass(frozen=True)
class Option:
    """A row of the table.

    Attributes:
        name: as in `config.update(name, value)` and in the keywords of `janusx.convert`.
        default: the value where nothing else is said.
        accepts: what it takes.
        doc: a sentence or two for the documentation.
    """

    name: str
    default: object
    accepts: Accepts
    doc: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"JANUSX_{self.name.upper()}"


OPTIONS: tuple[Option, ...] = (
    Option(
        "profile_runs",
        3,
        Count(),
        "At most so many calls run in plain Python and are observed before a function is compiled. "
        "A function that decides nothing on array values is compiled at its first call. "
        "0 stages everything and speculates on nothing.",
    ),
    Option(
        "speculate",
        True,
        Flag(),
        "Whether outcomes that were always the same may be taken for granted, with a guard, "
        "where they cannot be staged.",
    ),
    Option(
        "recompile_limit",
        8,
        Count(1),
        "How many programs one function may have. "
        "When it is reached the existing ones keep serving and a warning is given once.",
    ),
    Option(
        "on_unsupported",
        "split",
        Choice(("split", "eager", "error")),
        "What happens to code that can be neither staged nor speculated on: "
        "compile around it, run the whole function in Python, or raise.",
    ),
    Option(
        "on_violation",
        "recompile",
        Choice(("recompile", "eager", "error"), calls=True),
        "What happens when an assumption does not hold: "
        "compile for what is true now, run this call in Python, raise, or call the handler and then compile.",
    ),
    Option(
        "guards",
        "flags",
        Choice(("flags", "callback")),
        "How a compiled program tells the host about a violated assumption: "
        "one packed output that is read after the run, or a host callback inside the program.",
    ),
    Option(
        "loop_grad",
        "store",
        Choice(("store", "checkpoint")),
        "What is kept for the gradient of a loop whose trips arrays decide: everything of every trip, "
        "or its state now and then, from which the rest is computed again.",
    ),
    Option(
        "traceback",
        "user",
        Choice(("user", "full")),
        "Whether the tracebacks of errors in user code leave the frames of JanusX out, or show them.",
    ),
    Option("disable", False, Flag(), "Run every converted function in plain Python, as if it were not converted."),
    Option(
        "roll_threshold",
        4,
        Count(),
        "Loops with at most so many trips are unrolled; longer ones are rolled where they can be.",
    ),
    Option(
        "container_limit",
        1024,
        Count(1),
        "Containers with more items than this are taken for data, not state: "
        "they are not copied, and only the items read are tracked.",
    ),
)
"""Every option. To add one, add a row here and its type below."""

# The types of the attributes of this module, for type checkers. `__getattr__` answers the reads.
profile_runs: int
speculate: bool
recompile_limit: int
on_unsupported: str
on_violation: str | Callable[..., object]
guards: str
loop_grad: str
traceback: str
disable: bool
roll_threshold: int
container_limit: int


def update(name: str, value: object) -> None:
    """Set an option for the whole process.

    Args:
        name: one of the options.
        value: its new value.

    Raises:
        OptionError: there is no such option, or it does not take the value.

    Example:
        >>> from janusx import config
        >>> config.update("recompile_limit", 16)
        >>> config.recompile_limit
        16
        >>> config.update("recompile_limit", 8)
    """
    _process.update(name, check(name, value))


@contextlib.contextmanager
def using(**values: object) -> Iterator[None]:
    """Set options for a `with` block, in this thread (or asyncio task) alone.

    Args:
        **values: options and their values.

    Raises:
        OptionError: there is no such option, or it does not take the value; nothing is set then.

    Example:
        >>> from janusx import config
        >>> with config.using(speculate=False, profile_runs=0):
        ...     (config.speculate, config.profile_runs)
        (False, 0)
    """
    checked = {name: check(name, value) for name, value in values.items()}
    token = _overrides.set(types.MappingProxyType({**_overrides.get(), **checked}))
    disables = bool(checked.get("disable"))
    _process.count_disabling(disables)
    try:
        yield
    finally:
        _process.count_disabling(-disables)
        _overrides.reset(token)


def read(name: str) -> Any:
    """The value of an option that counts here and now; `config.read("guards")` is `config.guards`.

    Raises:
        UnknownOptionError: there is no such option.
    """
    overrides = _overrides.get()
    if name in overrides:
        return overrides[name]
    try:
        return _process.values[name]
    except KeyError:
        raise _unknown(name) from None


def check(name: str, value: object) -> object:
    """Return `value` if the option takes it; `janusx.convert` checks its keywords with this.

    Raises:
        UnknownOptionError: there is no such option.
        OptionTypeError: a value of a wrong type.
        OptionError: a value of the right type that the option does not take.
    """
    option = _option(name)
    why = option.accepts.check(value)
    if why is None:
        return value
    kind = errors.OptionError if type(value) is type(option.default) else errors.OptionTypeError
    raise kind(f"option {name} cannot be {value!r}.", why=_sentence(why))


def documentation() -> str:
    """The text of `docs/config.md`, made of the table."""
    lines = [
        "# Options\n",
        "Made from `janusx/config.py` by `python -m janusx.config`; a test keeps it up to date.\n",
        "What counts, first to last:\n",
        "1. a keyword of `janusx.convert`;",
        "2. `with janusx.config.using(name=value):`, in this thread or task;",
        "3. `janusx.config.update(name, value)`, in the whole process;",
        "4. the environment variable, read when JanusX is imported;",
        "5. the default.\n",
        "| option | default | takes | environment | |",
        "|---|---|---|---|---|",
    ]
    for row in OPTIONS:
        default = f'"{row.default}"' if isinstance(row.default, str) else repr(row.default)
        lines.append(f"| `{row.name}` | `{default}` | {row.accepts.describe()} | `{row.variable}` | {row.doc} |")
    return "\n".join(lines) + "\n"


class _Process:
    """The options of the process: an immutable mapping, replaced as a whole so that readers need no lock.

    Attributes:
        values: the options.
        disabling: how many, this process and `using` blocks of any thread, have asked for plain Python: while there is
            none, a call need not ask whether it is meant (10 ns rather than 150; 2 cores, Python 3.11).
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self.values: Mapping[str, Any] = {row.name: row.default for row in OPTIONS}
        self.disabling = 0
        for row in OPTIONS:
            if row.variable in environment:
                text = environment[row.variable]
                self.update(row.name, _from_environment(row, text))

    def update(self, name: str, value: object) -> None:
        with self._lock:
            if name == "disable":
                self.disabling += bool(value) - bool(self.values[name])
            self.values = {**self.values, name: value}

    def count_disabling(self, more: int) -> None:
        if more:
            with self._lock:
                self.disabling += more


def _from_environment(row: Option, text: str) -> object:
    value = row.accepts.parse(text)
    why = row.accepts.check(value)
    if why is not None:
        raise errors.OptionError(
            f"environment variable {row.variable} cannot be {text!r}.",
            why=_sentence(why),
            remedy=f"unset {row.variable} or correct it.",
        )
    return value


def _option(name: str) -> Option:
    for row in OPTIONS:
        if row.name == name:
            return row
    raise _unknown(name)


def _unknown(name: str) -> errors.UnknownOptionError:
    names = tuple(row.name for row in OPTIONS)
    return errors.UnknownOptionError(
        f"there is no option {name!r}.", why=f"the options are {', '.join(names)}{meant(name, names)}"
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def meant(word: str, known: Sequence[str]) -> str:
    """The end of a sentence that lists what is known: the nearest of it, if one is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


class _ConfigModule(types.ModuleType):
    """This module's type: an assignment to an option would else hide the option from every reader, silently."""

    def __setattr__(self, name: str, value: object) -> None:
        if any(row.name == name for row in OPTIONS):
            raise errors.OptionError(
                f"option {name} cannot be assigned.",
                why="an assignment would not be checked and would race with other threads.",
                remedy=f'use janusx.config.update("{name}", value), or `with janusx.config.using({name}=value):`.',
            )
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    # Dunder probes (`__wrapped__`, `__path__`) come from pytest, pickle and inspect on any module; they ask for no
    # option.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return read(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *(row.name for row in OPTIONS)})


_process = process = _Process(os.environ)
_overrides: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "janusx_options", default=types.MappingProxyType({})
)
sys.modules[__name__].__class__ = _ConfigModule

if __name__ == "__main__":
    sys.stdout.write(documentation())
