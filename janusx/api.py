"""The public functions: `convert` and what tells about converted functions."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Never, TypeVar

import jax

from janusx import config, dispatch, errors, running, split
from janusx.arguments import Marks, buckets_of, marks_of
from janusx.compile import Call
from janusx.entry import Entry
from janusx.profiler.tracebacks import without_us
from janusx.record import Options, Record, Stats
from janusx.schedule import shown
from janusx.signals import Unsupported
from janusx.state.policy import REGISTRY, Rule
from janusx.tracing import context

F = TypeVar("F", bound=Callable[..., Any])
_UNSET: Any = None
_options = config.process


class Converted:
    """A converted function. Call it like the original; `janusx.explain`, `source`, `stats` and `reset` take it."""

    def __init__(
        self,
        fun: Callable[..., Any],
        record: Record,
        prefix: tuple[Any, ...],
        named: dict[str, Any],
        marks: Marks,
        keywords: dict[str, Any],
    ):
        functools.update_wrapper(self, fun)
        self._keywords = keywords
        if "name" in keywords:
            self.__name__ = keywords["name"]
        self._record = record
        self._prefix = prefix
        self._named = named
        self._marks = marks
        self._parameters = _parameter_names(record.fun)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the original returns, computed by a program that holds for this call, else by Python."""
        if self._prefix:
            args = self._prefix + args
        if self._named:
            kwargs = {**self._named, **kwargs}
        record = self._record
        try:
            entry = record.entries[0] if record.entries and not _options.disabling else None
            if entry is not None:
                result = running.run(record, entry, args, kwargs)
                if result is not running.MISS:
                    return result
            elif record.split is not None and split.settled(record, args, kwargs):
                return split.run(record, args, kwargs)
            return split.answer(record, self._call(args, kwargs), entry)
        except BaseException as error:
            # A bare `raise` adds no frame of its own, so the user sees only their own.
            without_us(error)
            raise

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        names = self._parameters
        shown = tuple(names[i] if i < len(names) else f"args[{i}]" for i in range(len(args)))
        marks, skip = self._marks, len(self._prefix)
        static = marks.static(args, kwargs, skip) if marks.static else frozenset()
        bound = frozenset([*range(skip), *self._named]) if marks.shardings else frozenset()
        donated = marks.donated(args, kwargs, skip) if marks.donated else frozenset()
        return Call(self._record.fun, args, kwargs, shown, static, donated, marks.shardings, bound)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Pickled as functions are, by name; by the original's, where the name leads to that.
        name = str(getattr(self, "__qualname__", ""))
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_restored, (self.__wrapped__, self._keywords))  # type: ignore[attr-defined]

    def __copy__(self) -> Converted:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Converted:
        return self

    def __janusx_function__(self) -> Any:
        fun = self._record.fun
        if self._prefix or self._named:
            return functools.partial(fun, *self._prefix, **self._named)
        return fun

    def __repr__(self) -> str:
        return f"<janusx.convert of {self._record.fun!r}>"

    def trace(self, /, *args: Any, **kwargs: Any) -> jax.stages.Traced:
        """The program for these arguments, traced: as `jax.jit(f).trace`."""
        try:
            entry, inputs = self._prepare(args, kwargs)
            return entry.program.trace(*inputs)  # type: ignore[attr-defined, no-any-return]
        except BaseException as error:
            without_us(error)
            raise

    def lower(self, /, *args: Any, **kwargs: Any) -> jax.stages.Lowered:
        """The program for these arguments, lowered: as `jax.jit(f).lower`."""
        try:
            entry, inputs = self._prepare(args, kwargs)
            return entry.lowered(inputs)
        except BaseException as error:
            without_us(error)
            raise

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, tuple[Any, ...]]:
        return dispatch.prepare(self._record, self._call(self._prefix + args, {**self._named, **kwargs}))

    def clear_cache(self) -> None:
        """Forget the programs, keep what was learned: as `jax.jit(f).clear_cache`."""
        self._record.entries = []


def convert(
    fun: Any = None,
    *,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
    donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Sequence[str] | None = None,
    in_shardings: Any = _UNSET,
    out_shardings: Any = _UNSET,
    profile_runs: int | None = None,
    speculate: bool | None = None,
    recompile_limit: int | None = None,
    on_unsupported: str | None = None,
    on_violation: Any = None,
    guards: str | None = None,
    loop_grad: str | None = None,
    buckets: Mapping[str, int] | None = None,
    name: str | None = None,
    **unknown: Never,
) -> Any:
    """Converts an imperative function on JAX arrays into compiled programs, with plain Python's results.

    Args:
        fun: a function, method, lambda, `functools.partial` or callable object. Without it, a decorator is returned.
        static_argnums: as in `jax.jit`: positions of arguments that are constants of a program.
        static_argnames: as in `jax.jit`.
        donate_argnums: as in `jax.jit`.
        donate_argnames: as in `jax.jit`.
        in_shardings: as in `jax.jit`.
        out_shardings: as in `jax.jit`.
        profile_runs: at most so many calls run observed in plain Python; 0 stages everything and speculates on nothing.
        speculate: whether outcomes seen in profiled runs may be taken for granted under guards.
        recompile_limit: how many programs the function may have.
        on_unsupported: "split", "eager" or "error".
        on_violation: "recompile", "eager", "error", or a function called with the assumption that did not hold.
        guards: "flags" or "callback": how a program tells of a violated assumption.
        loop_grad: "store" or "checkpoint": what is kept for the gradient of a loop whose trips arrays decide.
        buckets: `{"x": 0}`: the array `x` is padded on axis 0 to a bucket, so that not every length is a program; only
            where it can be shown that no result depends on it, else the report says why not.
        name: a name for reports.
        **unknown: there are no others: a word that is nearly one of these is named in the error.

    Returns:
        A callable with the signature of `fun`.

    Raises:
        janusx.errors.JanusXError: `fun` cannot be converted, or an option has a bad value.

    Example:
        >>> import jax.numpy as jnp, janusx
        >>> class Counter:
        ...     def __init__(self): self.hits = 0
        ...     @janusx.convert
        ...     def step(self, x):
        ...         self.hits += 1
        ...         return x * self.hits
        >>> counter = Counter()
        >>> [float(counter.step(jnp.float32(2))) for _ in range(3)], counter.hits
        ([2.0, 4.0, 6.0], 3)

    The idea is JANUS's: Jeong et al., "Speculative Symbolic Graph Execution of Imperative Deep Learning Programs"
    (2019).
    """
    if unknown:
        raise _no_option(next(iter(unknown)))
    chosen = {
        "profile_runs": profile_runs,
        "speculate": speculate,
        "recompile_limit": recompile_limit,
        "on_unsupported": on_unsupported,
        "on_violation": on_violation,
        "guards": guards,
        "loop_grad": loop_grad,
    }
    for option, value in chosen.items():
        if value is not None:
            config.check(option, value)
    if name is not None and not isinstance(name, str):
        raise errors.OptionTypeError(f"name cannot be {name!r}.", why="it takes a str: a name for reports.")
    options = Options(**chosen)
    marked = {
        "static_argnums": static_argnums,
        "static_argnames": static_argnames,
        "donate_argnums": donate_argnums,
        "donate_argnames": donate_argnames,
        "in_shardings": in_shardings,
        "out_shardings": out_shardings,
    }
    keywords = {
        word: value
        for word, value in {**marked, **chosen, "buckets": buckets, "name": name}.items()
        if value is not None
    }

    def wrap(fun: Any) -> Converted:
        target, prefix, named = _target(fun)
        marks = marks_of(fun, errors.Place.of_function(target), **marked)
        padded = None if buckets is None else buckets_of(target, errors.Place.of_function(target), buckets)
        return Converted(fun, Record(target, options, padded), prefix, named, marks, keywords)

    return wrap if fun is None else wrap(fun)


def _no_option(name: str) -> errors.OptionTypeError:
    """What Python says of an unexpected keyword, and which one was perhaps meant."""
    known = [name for name, each in inspect.signature(convert).parameters.items() if each.kind is each.KEYWORD_ONLY]
    what = f"convert() got an unexpected keyword argument {name!r}."
    return errors.OptionTypeError(what, why=f"the options are {', '.join(known)}{config.meant(name, known)}")


def _restored(fun: Any, keywords: dict[str, Any]) -> Converted:
    """What `pickle` makes a converted function of that has no name of its own."""
    return convert(fun, **keywords)  # type: ignore[no-any-return]


def _place_of_class(cls: type) -> errors.Place | None:
    try:
        return errors.Place.of_line(inspect.getfile(cls), inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):  # written in C, or typed where no file is
        return None


def _parameter_names(fun: Any) -> tuple[str, ...]:
    code = getattr(fun, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount]


def _target(fun: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The plain function under `fun`, and the arguments that it brings."""
    if isinstance(fun, Converted):
        return fun._record.fun, fun._prefix, fun._named
    if isinstance(fun, functools.partial):
        target, prefix, named = _target(fun.func)
        return target, prefix + fun.args, {**named, **fun.keywords}
    if isinstance(fun, types.MethodType):
        target, prefix, named = _target(fun.__func__)
        return target, (*prefix, fun.__self__), named
    if type(fun) in DESCRIPTORS:
        raise errors.NotCallableError(
            f"a {type(fun).__name__} object was given to convert.",
            place=errors.Place.of_function(getattr(fun, DESCRIPTORS[type(fun)])),
            why=f"a {type(fun).__name__} object makes a function of a class, and is none itself.",
            remedy=f"Put @{type(fun).__name__} above @janusx.convert.",
        )
    if isinstance(fun, type):
        raise errors.ClassGivenError(f"the class {fun.__qualname__} was given to convert.", place=_place_of_class(fun))
    if not callable(fun):
        raise errors.NotCallableError(f"{fun!r} was given to convert, which cannot be called.")
    if isinstance(fun, WRITTEN_IN_C):
        raise errors.BuiltinFunctionError(f"{fun.__qualname__} is written in C and has no source to convert.")
    if isinstance(fun, types.FunctionType):
        return _synchronous(fun), (), {}
    call = type(fun).__call__
    if isinstance(call, types.FunctionType):
        return _synchronous(call), (fun,), {}
    return fun, (), {}


DESCRIPTORS: Mapping[type, str] = types.MappingProxyType(
    {
        staticmethod: "__func__",
        classmethod: "__func__",
        property: "fget",
        functools.cached_property: "func",
        functools.singledispatchmethod: "func",
    }
)
"""Decorators that belong above `convert`, and where they keep the function."""

WRITTEN_IN_C = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
)


def _synchronous(fun: types.FunctionType) -> types.FunctionType:
    if inspect.iscoroutinefunction(fun) or inspect.isasyncgenfunction(fun):
        place = errors.Place.of_function(fun)
        raise errors.CoroutineGivenError(f"{fun.__qualname__} is an async function.", place=place)
    return fun


def _record(g: Any) -> Record:
    if isinstance(g, types.MethodType):
        g = g.__func__
    if not isinstance(g, Converted):
        raise errors.NotCallableError(
            f"{g!r} is not a converted function.", remedy="Pass what janusx.convert returned."
        )
    return g._record


def stats(g: Any) -> Stats:
    """Counts of what a converted function did, as a frozen snapshot.

    Example:
        >>> import jax.numpy as jnp, janusx
        >>> double = janusx.convert(lambda x: x * 2)
        >>> _ = double(jnp.arange(3))
        >>> janusx.stats(double).last_call
        'compiled'
    """
    return _record(g).stats()


def reset(g: Any) -> None:
    """Forget programs, profiles and counts of a converted function."""
    _record(g).reset()


def source(g: Any) -> str:
    """The generated program of a converted function, as readable source.

    The functions that it calls follow it, in the order in which they were met.
    """
    return "\n\n".join(_texts(_record(g), set()))


def _texts(record: Record, seen: set[int]) -> list[str]:
    if id(record) in seen:
        return []
    seen.add(id(record))
    if record.split is not None:
        parts = zip(record.split.names, record.split.pieces, strict=True)
        found = [record.split.text, *(_named(_texts(part.record, seen), name) for name, part in parts)]
        called = [part for _, part in record.split.called.values() if part is not None]
        return [text for text in [*found, *(text for part in called for text in _texts(part.record, seen))] if text]
    programs = record.entries[0].info.programs if record.entries else record.rewriter.programs()
    texts = [program.rewritten.text for program in programs if program.rewritten is not None]
    if not texts:
        program = record.rewriter.program(record.fun)
        if program.rewritten is None:
            raise errors.NoSourceError(f"{record.fun!r} has no generated program.", why=program.reason)
        texts = [program.rewritten.text]
    return [*texts, *shown.texts(record.knowledge)]


def _named(texts: list[str], name: str) -> str:
    """A piece's programs under the name by which the host program calls it."""
    return "\n\n".join([re.sub(r"^def \w+", f"def {name}", texts[0]), *texts[1:]]) if texts else ""


def is_converting() -> bool:
    """Whether the code that asks runs while JanusX traces it."""
    return context.active() is not None


class _Disable:
    """`janusx.disable`: a decorator, with or without a reason, and a context manager."""

    def __call__(self, fn: Callable[..., Any] | None = None, *, reason: str = "it was disabled") -> Any:
        """What is disabled runs in plain Python, also where a converted function calls it.

        Args:
            fn: a function, converted or not. Without it, a decorator that is a context manager, too, is returned.
            reason: for reports.

        Returns:
            The function, marked; for a callable that cannot be marked, a function that calls it.

        Raises:
            NotCallableError: `fn` is no function.

        Example:
            >>> import jax.numpy as jnp, janusx
            >>> double = janusx.convert(lambda x: x * 2)
            >>> with janusx.disable(reason="to step through it"):
            ...     _ = double(jnp.arange(3))
            >>> janusx.stats(double).last_call
            'eager'
        """
        block = _DisabledBlock(reason)
        return block if fn is None else block(fn)


class _DisabledBlock:
    def __init__(self, reason: str):
        self._reason = reason
        self._manager = config.using(disable=True)

    def __call__(self, fn: Any) -> Any:
        if isinstance(fn, type):
            remedy = "disable its methods."
            raise errors.ClassGivenError(f"the class {fn.__qualname__} was given to disable.", remedy=remedy)
        if not callable(fn) and not isinstance(fn, classmethod):
            raise errors.NotCallableError(
                f"{fn!r} was given to disable, which cannot be called.",
                remedy=f"give a reason by keyword: janusx.disable(reason={fn!r})." if isinstance(fn, str) else "",
            )
        plain: Any = fn
        if isinstance(fn, Converted):
            plain = fn._record.fun
            fn._record.reset(counts=False)
        elif isinstance(fn, staticmethod | classmethod):
            plain = fn.__func__
        if not isinstance(plain, types.FunctionType):
            fn = plain = _calling(plain)
        plain.__dict__["__janusx_disabled__"] = self._reason
        return fn

    def __enter__(self) -> None:
        if context.active() is not None:
            raise Unsupported(f"the block is disabled: {self._reason}", meant=True)
        self._manager.__enter__()

    def __exit__(self, *details: Any) -> None:
        self._manager.__exit__(*details)


def _calling(fn: Callable[..., Any]) -> types.FunctionType:
    """A function in place of a callable that has no attributes to mark: a builtin, a bound method, an object."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return functools.update_wrapper(call, fn)  # type: ignore[return-value]


disable = _Disable()

RULES = ("fields", "share", "opaque")
"""How `register_shadow` has objects copied, by name."""


def register_shadow(cls: type, copy: Any = "fields") -> None:
    """Says how instances of a library's type are copied for a trace.

    Args:
        cls: the type; its subclasses follow.
        copy: "fields" (attributes are followed), "share" (the object itself, guarded by identity: for what never
            changes), "opaque" (never looked into), or a function that makes a new object from the old (tokens that
            belong to one trace).

    Raises:
        OptionError: `cls` is no type, or there is no such rule.

    Example:
        >>> import janusx
        >>> class Token:
        ...     pass
        >>> janusx.register_shadow(Token, copy="opaque")
    """
    if not isinstance(cls, type):
        raise errors.OptionTypeError(f"register_shadow cannot take {cls!r}.", why="it takes a type.")
    if not callable(copy) and copy not in RULES:
        known = f"it takes {', '.join(map(repr, RULES))} or a function{config.meant(str(copy), RULES)}"
        raise errors.OptionError(f"copy cannot be {copy!r}.", why=known)
    REGISTRY.register(cls, Rule("fresh", copy) if callable(copy) else Rule(copy))


__all__ = ["Converted", "convert", "disable", "is_converting", "register_shadow", "reset", "source", "stats"]
