"""Runs a function once in its observed form: for real, in plain Python, on the user's own objects.

`jx` in observed code is an `Observer`. Whatever it is asked, it gives back what the original would have had; it only
takes notes. At the end of the run the notes become a `Profile`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import jax

from janusx.profiler.notes import ABSENT, BranchNotes, CallNotes, LoopNotes, VariableNotes, stored
from janusx.profiler.profiles import Observed, Profiles
from janusx.profiler.records import BranchProfile, LoopProfile, Profile, WriteProfile
from janusx.profiler.tracebacks import without_us
from janusx.sources import cells_of, is_emitted, make_function, origin
from janusx.transforms.result import Write

Convertible = Callable[[types.FunctionType], bool]

_LOOKS = 3
"""Trips of a run at whose head the variables are looked at; later ones rarely differ, and a look costs some µs."""
_LOOKED_RUNS = 8
"""Runs of a loop in one observed run that are looked at."""
_LOOKED_READS = 8
"""Reads of one dotted name in one observed run that are looked at."""

# Library functions that call their function arguments in the course of, or by way of, this call, and keep no cache by
# the function's identity that outlives it.
_HIGHER_ORDER = frozenset(
    {"grad", "value_and_grad", "vmap", "jacfwd", "jacrev", "hessian", "jvp", "vjp", "linearize", "tree_map"}
    | {"filter_grad", "filter_value_and_grad", "filter_vmap"}
)
_HIGHER_ORDER_LIBRARIES = frozenset({"jax", "flax", "equinox"})


def run_observed(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    convertible: Convertible,
    profiles: Profiles,
) -> Any:
    """Calls a function once, and adds to `profiles` what it and the functions that it calls did.

    All effects happen, exactly once; the functions run in the user's own globals and closure cells.

    Args:
        fn: a function, a bound method, a `functools.partial` of one, or an object whose class has a Python `__call__`.
        args: its positional arguments.
        kwargs: its keyword arguments.
        convertible: whether a function that is called on the way is the user's, and so to be observed. `fn` always is.
        profiles: where the profiles go, by code object.

    Returns:
        What `fn` returns.

    Raises:
        BaseException: whatever `fn` raises, unchanged, with a traceback in which observed functions look like the
            user's own.

    Example:
        >>> def halve(n):
        ...     while n > 1:
        ...         n = n // 2
        ...     return n
        >>> profiles = Profiles()
        >>> run_observed(halve, (20,), {}, lambda fn: True, profiles)
        1
        >>> print(profiles.of(halve).loop(1))
        trips 4
    """
    run = Run(convertible, profiles)
    try:
        function = run.start(fn, args, kwargs)
        return function(*args, **kwargs)
    except BaseException as error:
        without_us(error)
        raise
    finally:
        run.close()


class Run:
    """One observed run: the observers of the functions that it reached."""

    def __init__(self, convertible: Convertible, profiles: Profiles) -> None:
        self._convertible = convertible
        self._profiles = profiles
        self._observers: dict[int, Observer] = {}
        self._made: dict[int, tuple[types.FunctionType, types.FunctionType]] = {}
        self._array_types: dict[type, bool] = {}

    def start(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The observed form of the function that the run is about, which is observed whatever its module."""
        asked, self._convertible = self._convertible, lambda _: True
        try:
            started = self.observed(fn)
        finally:
            self._convertible = asked
        inner: Any = started
        while isinstance(inner, functools.partial):
            inner, args = inner.func, inner.args + args
        if isinstance(inner, types.MethodType):
            inner, args = inner.__func__, (inner.__self__, *args)
        if isinstance(inner, types.FunctionType) and (observer := self._observers.get(id(origin(inner.__code__)))):
            observer.note_inputs(inner, args, kwargs)
        return started

    def is_array(self, value: Any) -> bool:
        """Whether a value is a JAX array; by type, since `isinstance` with `jax.Array` takes 0.3 µs."""
        kind = type(value)
        known = self._array_types.get(kind)
        if known is None:
            known = self._array_types[kind] = isinstance(value, jax.Array)
        return known

    def observed(self, target: Any) -> Any:
        """What is called in the place of `target`: its observed form, or itself."""
        kind = type(target)
        if kind is types.FunctionType:
            return self._function(target)
        if kind is types.MethodType and type(target.__func__) is types.FunctionType:
            made = self._function(target.__func__)
            return target if made is target.__func__ else types.MethodType(made, target.__self__)
        if kind is functools.partial:
            made = self.observed(target.func)
            return target if made is target.func else functools.partial(made, *target.args, **target.keywords)
        if isinstance(target, type) or kind is types.BuiltinFunctionType:
            return target
        if _is_higher_order(target):
            return self._higher_order(target)
        call = next((each.__dict__["__call__"] for each in kind.__mro__ if "__call__" in each.__dict__), None)
        if type(call) is types.FunctionType and (made := self._function(call)) is not call:
            return types.MethodType(made, target)
        return target

    def _function(self, fn: types.FunctionType) -> Callable[..., Any]:
        code = fn.__code__
        known = self._made.get(id(fn))
        if known is not None and known[1].__defaults__ is fn.__defaults__ and known[0].__code__ is code:
            return known[1]
        if is_emitted(code):
            observer = _observer_in(fn)
            original = origin(code)
            if observer is None or observer.run is self or original is None:
                return fn
            # It was made in an earlier run and outlived it. What it stands for is observed afresh.
            code = original
        elif _is_higher_order(fn) and not self._convertible(fn):
            return self._higher_order(fn)
        form = self._profiles.observed(fn, code, self._convertible)
        if form is None:
            return fn
        cells = cells_of(fn)
        # A function that a rewrite has made may lack variables that the original had.
        if not {*form.code.co_freevars} <= {*cells, form.ops_name}:
            return fn
        observer = self._observers.get(id(code)) or Observer(self, code, form)
        self._observers[id(code)] = observer
        made = make_function(form.code, fn.__globals__, {**cells, form.ops_name: observer.cell}, fn)
        if not cells and "<locals>" not in fn.__qualname__:
            # Other functions are made anew all the time, and keeping one would keep what it holds.
            self._made[id(fn)] = (fn, made)
        return made

    def _higher_order(self, target: Any) -> Callable[..., Any]:
        @functools.wraps(target)
        def call(*args: Any, **kwargs: Any) -> Any:
            return target(*map(self._argument, args), **{name: self._argument(value) for name, value in kwargs.items()})

        return call

    def _argument(self, value: Any) -> Any:
        return self.observed(value) if type(value) in (types.FunctionType, types.MethodType) else value

    def close(self) -> None:
        """Adds the notes to the profiles. Functions that outlive the run go on working, unobserved."""
        for observer in self._observers.values():
            self._profiles.add(observer.original, observer.profile())
            observer.run = None
        self._observers.clear()
        self._made.clear()


def _observer_in(fn: types.FunctionType) -> Observer | None:
    """The observer that an observed function reports to; None if there is nothing in it to report."""
    for cell in fn.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        if type(content) is Observer:
            return content
    return None


def _may_be_kept(target: Any) -> bool:
    """Whether a callable is of a library for certain, and so holds nothing of the program's."""
    if type(target) is types.BuiltinFunctionType:
        return type(target.__self__) is types.ModuleType  # Else it is the method of an object.
    return isinstance(target, type) or str(getattr(target, "__module__", "")).startswith("jax.")


def _is_higher_order(target: Any) -> bool:
    if getattr(target, "__name__", None) not in _HIGHER_ORDER:
        return False
    module = getattr(target, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in _HIGHER_ORDER_LIBRARIES


class Observer:
    """The ops of one observed function, in one run."""

    def __init__(self, run: Run, original: types.CodeType, form: Observed) -> None:
        self.run: Run | None = run
        self.original = original
        self.cell = types.CellType(self)
        self._form = form
        self._branches = [BranchNotes() for _ in range(len(form.sites) + 1)]
        self._loops: dict[int, LoopNotes] = {s.id: LoopNotes() for s in form.sites if s.kind in ("for", "while")}
        self._while = frozenset(site.id for site in form.sites if site.kind == "while")
        self._calls: dict[int, CallNotes] = {}
        self._inputs: dict[str, VariableNotes] = {}
        # Numbers begin with 1.
        self._reads = [VariableNotes() for _ in range(len(form.names) + 1)]
        self._written = [False] * (len(form.writes) + 1)
        # The read that is part of `self.n += 1` stands nowhere in the text.
        self._updated = [
            None,
            *((write.updates, self._reads[write.read]) if write.read else None for write in form.writes),
        ]

    # What observed code calls. Each costs the program a fraction of a µs at each evaluation: hence the plain code.

    def test(self, value: Any, site: int) -> bool:
        """The truth of a predicate, asked for once."""
        outcome = bool(value)
        run = self.run
        if run is not None:
            notes = self._branches[site]
            if outcome:
                notes.true += 1
            else:
                notes.false += 1
            if run.is_array(value):
                notes.on_array = True
            else:
                notes.on_python = True
            if site in self._while:
                self._trip(site, outcome, sys._getframe(1))
        return outcome

    def yes(self, site: int) -> bool:
        """True: a predicate made of several held."""
        self._branches[site].true += 1
        if site in self._while and self.run is not None:
            self._trip(site, True, sys._getframe(1))
        return True

    def no(self, site: int) -> bool:
        """False: a predicate made of several did not hold."""
        self._branches[site].false += 1
        if site in self._while and self.run is not None:
            self._trip(site, False, sys._getframe(1))
        return False

    def part(self, value: Any, site: int) -> Any:
        """A part of a predicate, as it is."""
        run = self.run
        if run is not None:
            notes = self._branches[site]
            if run.is_array(value):
                notes.on_array = True
            else:
                notes.on_python = True
        return value

    def enter(self, neutral: bool, site: int) -> bool:
        """The neutral element of an `and` or `or` that is being evaluated."""
        notes = self._branches[site]
        notes.entered += 1
        notes.neutral = neutral
        return neutral

    def right(self, neutral: bool, site: int) -> bool:
        """The neutral element of an `and` or `or` whose left side has not decided it."""
        self._branches[site].right += 1
        return neutral

    def begin(self, site: int) -> None:
        """A `while` is about to begin."""
        if self.run is not None:
            self._loops[site].begin(id(sys._getframe(1)))

    def _trip(self, site: int, goes_on: bool, frame: types.FrameType) -> None:
        loop = self._loops[site]
        trip = loop.trip(id(frame), goes_on)
        if goes_on and trip <= _LOOKS:
            self._look(loop, frame)

    def loop(self, xs: Any, site: int) -> Iterator[Any]:
        """The iterator of a `for`."""
        iterator = iter(xs)
        run = self.run
        if run is None:
            return cast(Iterator[Any], iterator)
        notes = self._loops[site]
        notes.iterated.add(_type_name(type(xs)))
        notes.on_array = notes.on_array or run.is_array(xs)
        return self._iterate(iterator, notes)

    def _iterate(self, iterator: Iterator[Any], notes: LoopNotes) -> Iterator[Any]:
        trips = 0
        try:
            while True:
                trips += 1
                if trips <= _LOOKS:
                    self._look(notes, sys._getframe(1))
                # No name is bound to the item: it must not live longer than in the original.
                yield next(iterator)
        except StopIteration:
            trips -= 1
        except GeneratorExit:
            raise
        except BaseException:
            trips -= 1
            raise
        finally:
            notes.finish(trips)

    def call(self, target: Any, site: int) -> Any:
        """What is to be called in the place of `target`."""
        run = self.run
        if run is None:
            return target
        notes = self._calls.get(site)
        if notes is None:
            notes = self._calls[site] = CallNotes()
        if notes.last is target and target is not None:
            notes.again += 1
            return target
        notes.add(target)
        made = run.observed(target)
        notes.last = target if made is target and _may_be_kept(target) else None
        return made

    def read(self, value: Any, at: int) -> Any:
        """An attribute that was read."""
        notes = self._reads[at]
        if notes.looks < _LOOKED_READS and self.run is not None:
            notes.add(value)
        return value

    def into(self, owner: Any, at: int) -> Any:
        """That of which an attribute or item is about to be written."""
        self._written[at] = True
        updated = self._updated[at]
        if updated is not None and updated[1].looks < _LOOKED_READS and self.run is not None:
            value = stored(owner, updated[0])
            if value is not ABSENT:
                updated[1].add(value)
        return owner

    # Variables -----------------------------------------------------------------------------------------------------

    def _look(self, notes: LoopNotes, frame: types.FrameType) -> None:
        if notes.runs > _LOOKED_RUNS or frame.f_code.co_flags & inspect.CO_NEWLOCALS == 0:
            return
        values = frame.f_locals
        for name, value in values.items():
            if name != self._form.ops_name and not name.startswith("."):
                notes.heads.setdefault(name, VariableNotes()).add(value)
        if isinstance(values, dict):
            # Up to Python 3.12 the frame keeps this dictionary, and so would keep what the variables hold now.
            values.clear()

    def note_inputs(self, fn: types.FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Notes the arguments of a call; those of `*args` have no names and are left out."""
        code = fn.__code__
        for name, value in {**dict(zip(code.co_varnames[: code.co_argcount], args, strict=False)), **kwargs}.items():
            self._inputs.setdefault(name, VariableNotes()).add(value)

    def profile(self) -> Profile:
        """The notes so far, as a profile of one run."""
        for loop in self._loops.values():
            loop.finish_all()
        for site in self._while:
            self._loops[site].on_array = self._branches[site].on_array
        branches = {site: notes.profile() for site, notes in enumerate(self._branches) if notes}
        loops = {site: notes.profile() for site, notes in self._loops.items() if notes.runs}
        names = zip(self._form.names, self._reads[1:], strict=True)
        return Profile(
            name=self.original.co_qualname,
            runs=1,
            sites=self._form.sites,
            branches=branches,
            loops=loops,
            calls={site: notes.profile() for site, notes in self._calls.items()},
            inputs={name: notes.profile() for name, notes in self._inputs.items()},
            attributes={name: notes.profile() for name, notes in names if notes},
            writes=self._writes(branches, loops),
        )

    def _writes(
        self, branches: Mapping[int, BranchProfile], loops: Mapping[int, LoopProfile]
    ) -> dict[int, WriteProfile]:
        """What was written, by site."""
        found: dict[int, dict[str, dict[str, None]]] = {}
        for number, write in enumerate(self._form.writes, start=1):
            if write.kind in ("attribute", "item"):
                written = self._written[number]
            else:  # Nothing is called where a name is bound.
                written = _has_run(write, branches, loops)
            if written:
                for site in (0, *(region.site for region in write.regions)):
                    found.setdefault(site, {}).setdefault(f"{write.kind}s", {})[write.name] = None
        return {
            site: WriteProfile(**{kind: tuple(names) for kind, names in kinds.items()}) for site, kinds in found.items()
        }


def _has_run(write: Write, branches: Mapping[int, BranchProfile], loops: Mapping[int, LoopProfile]) -> bool:
    """Whether the region has run in which a write stands."""
    if not write.regions:
        return True
    region = write.regions[-1]
    if (loop := loops.get(region.site)) is not None:
        return not region.side or loop.most > 0
    branch = branches.get(region.site, BranchProfile())
    return bool(branch.true if region.side else branch.false)


def _type_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
