"""Arguments that jit's own keywords mark, by position or by name, and what is wrong with a marking."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from janusx import errors
from janusx.shardings import Shardings
from janusx.state.buckets import Buckets

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Marked:
    """Arguments marked by position and by name.

    Attributes:
        nums: positions, from the end where negative.
        names: of arguments that are given by keyword.
    """

    nums: tuple[int, ...]
    names: tuple[str, ...]

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], skip: int) -> frozenset[int | str]:
        """The marked arguments of a call; the first `skip` positions were bound by `convert` and do not count."""
        count = len(args) - skip
        places = [skip + i % count for i in self.nums if -count <= i < count]
        return frozenset([*places, *(name for name in self.names if name in kwargs)])


@dataclass(frozen=True)
class Marks:
    """What jit's own keywords say of the arguments."""

    static: Marked | None = None
    donated: Marked | None = None
    shardings: Shardings | None = None


def marks_of(
    fun: Callable[..., Any],
    place: errors.Place | None,
    *,
    static_argnums: Any,
    static_argnames: Any,
    donate_argnums: Any,
    donate_argnames: Any,
    in_shardings: Any,
    out_shardings: Any,
) -> Marks:
    """Resolves the keywords against a function's signature, as `jax.jit` does: names are found for positions and back.

    Raises:
        OptionError: a position or name that the function does not have, or an argument both static and donated.
        OptionTypeError: what is neither a position nor a name.
    """
    shardings = None if in_shardings is None and out_shardings is None else Shardings(in_shardings, out_shardings)
    if all(given is None for given in (static_argnums, static_argnames, donate_argnums, donate_argnames)):
        return Marks(shardings=shardings)
    signature = _Signature.of(fun, place)
    static = signature.marked("static", static_argnums, static_argnames)
    donated = signature.marked("donate", donate_argnums, donate_argnames)
    if static is not None and donated is not None:
        both = sorted({*map(str, static.nums), *static.names} & {*map(str, donated.nums), *donated.names})
        if both:
            raise errors.OptionError(
                f"{' and '.join(both)} cannot be both static and donated.",
                place=place,
                why="a static argument is a constant of the program, and has no buffer to give up.",
                remedy="leave it out of static_argnums and static_argnames, or of donate_argnums and donate_argnames.",
            )
    return Marks(static, donated, shardings)


def buckets_of(fun: Callable[..., Any], place: errors.Place | None, axes: Any) -> Buckets:
    """Resolves `buckets={"x": 0}` against a function's signature.

    Raises:
        OptionError: a name that the function does not have, or an axis other than the first.
        OptionTypeError: what is no mapping of names to axes.
    """
    if not isinstance(axes, Mapping) or not all(type(name) is str and type(axis) is int for name, axis in axes.items()):
        why = 'it takes a dictionary of names of arguments and their axes: {"x": 0}.'
        raise errors.OptionTypeError(f"buckets cannot be {axes!r}.", place=place, why=why)
    parameters = inspect.signature(fun).parameters
    for name, axis in axes.items():
        if name not in parameters:
            why = f"the function has no argument of that name: {', '.join(parameters)}."
            raise errors.OptionError(f"buckets names {name!r}.", place=place, why=why)
        if axis != 0:
            raise errors.OptionError(f"axis {axis} of {name!r} cannot be padded.", place=place, why="only axis 0 can.")
    positions = [i for i, each in enumerate(parameters.values()) if each.name in axes and each.kind in POSITIONAL]
    return Buckets(frozenset(axes), frozenset(positions))


@dataclass(frozen=True)
class _Signature:
    """The parameters that positions and names are looked up in; None where a function does not tell them."""

    fun: Callable[..., Any]
    place: errors.Place | None
    parameters: Mapping[str, inspect.Parameter] | None

    @classmethod
    def of(cls, fun: Callable[..., Any], place: errors.Place | None) -> _Signature:
        try:
            return cls(fun, place, inspect.signature(fun).parameters)
        except (TypeError, ValueError):
            return cls(fun, place, None)

    def marked(self, what: str, nums: Any, names: Any) -> Marked | None:
        if nums is None and names is None:
            return None
        wanted_nums = None if nums is None else self._indices(f"{what}_argnums", nums)
        wanted_names = None if names is None else self._names(f"{what}_argnames", names)
        if self.parameters is not None:
            self._check(what, wanted_nums or (), wanted_names or ())
            both_ways = [
                (i, each.name)
                for i, each in enumerate(self.parameters.values())
                if each.kind is each.POSITIONAL_OR_KEYWORD
            ]
            if wanted_nums is None:
                wanted_nums = tuple(i for i, name in both_ways if name in (wanted_names or ()))
            elif wanted_names is None:
                last = len(self.parameters) if _counts_parameters() else 0
                wanted_names = tuple(name for i, name in both_ways if {i, i - last} & {*wanted_nums})
            wanted_nums = self._from_the_start(wanted_nums)
        if what == "donate":
            wanted_nums = tuple(i for i in wanted_nums or () if i >= 0)
        return Marked(wanted_nums or (), wanted_names or ())

    def _from_the_start(self, nums: tuple[int, ...]) -> tuple[int, ...]:
        """Positions with those from the end resolved, where this version of `jax.jit` does so by the parameters."""
        assert self.parameters is not None
        kinds = [each.kind for each in self.parameters.values()]
        count = sum(kind in POSITIONAL for kind in kinds)
        if not count or inspect.Parameter.VAR_POSITIONAL in kinds or not _counts_parameters():
            return nums
        return tuple(i % count if i < 0 else i for i in nums)

    def _indices(self, option: str, given: Any) -> tuple[int, ...]:
        items: Any = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        try:
            return tuple(operator.index(each) for each in items)
        except TypeError:
            raise self._bad_type(option, given, "it takes an int, or several: positions of arguments.") from None

    def _names(self, option: str, given: Any) -> tuple[str, ...]:
        names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (given,)
        if all(isinstance(each, str) for each in names):
            return names
        raise self._bad_type(option, given, "it takes a str, or several: names of arguments.")

    def _bad_type(self, option: str, given: Any, why: str) -> errors.OptionTypeError:
        return errors.OptionTypeError(f"{option} cannot be {given!r}.", place=self.place, why=why)

    def _check(self, what: str, nums: tuple[int, ...], names: tuple[str, ...]) -> None:
        assert self.parameters is not None
        kinds = {each.kind for each in self.parameters.values()}
        count = sum(each.kind in POSITIONAL for each in self.parameters.values())
        if inspect.Parameter.VAR_POSITIONAL not in kinds:
            for num in nums:
                if not -count <= num < count:
                    raise self._no_such(f"{what}_argnums", num, f"it takes {count} arguments by position")
        known = [each.name for each in self.parameters.values() if each.kind in NAMED]
        only = [each.name for each in self.parameters.values() if each.kind is each.POSITIONAL_ONLY]
        for name in names:
            if name in only or (name not in known and inspect.Parameter.VAR_KEYWORD not in kinds):
                raise self._no_such(f"{what}_argnames", name, f"it takes {', '.join(known) or 'none'} by name")

    def _no_such(self, option: str, given: int | str, why: str) -> errors.OptionError:
        name = getattr(self.fun, "__qualname__", repr(self.fun))
        return errors.OptionError(
            f"{option}: {name} has no argument {given!r}.",
            place=self.place,
            why=f"{why}.",
            remedy=f"name arguments of {name} in {option}.",
        )


def _counts_parameters() -> bool:
    """Whether `jax.jit` takes a negative position for one of the function's parameters.

    JAX 0.10 does not: there a static one is counted from the end of a call's arguments, and a donated one is ignored.
    Asked of `jax.jit` itself, in a way that starts no backend: one argument that is static and donated is refused.
    """
    try:
        jax.jit(lambda x: x, static_argnums=0, donate_argnums=-1)
    except ValueError:
        return True
    return False


def check_static(
    fun: Any,
    place: errors.Place | None,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    static: Iterable[int | str],
) -> None:
    """Refuse a call whose static arguments cannot be told apart.

    Raises:
        StaticArgumentError: one that cannot be hashed.
    """
    for key in static:
        value = args[key] if isinstance(key, int) else kwargs[key]
        try:
            hash(value)
        except TypeError as error:
            which = f"argument {key}" if isinstance(key, int) else f"argument {key!r}"
            name = getattr(fun, "__qualname__", repr(fun))
            raise errors.StaticArgumentError(
                f"{which} of {name} is static, and cannot be hashed: {_shown(value)}.",
                place=place,
                why=f"{error}; a static argument is part of what a program is found by.",
            ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return f"a {type(value).__qualname__}" if len(text) > 60 or "\n" in text else text
