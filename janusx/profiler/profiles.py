"""The profiles of all functions that observed runs have reached, and the observed form of each, kept by its owner."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from janusx.errors import JanusXError, UnsupportedError
from janusx.profiler.records import Profile
from janusx.sources import compile_function, find_source
from janusx.transforms.observe import observe
from janusx.transforms.result import Site, Write

_READS_LOCALS = re.compile(
    r"\b(locals|vars|dir)\s*\(\s*\)|(?<!\.)\b(eval|exec)\s*\(|\b(f_locals|_getframe|currentframe)\b"
)


@dataclass(frozen=True)
class Observed:
    """A function's observed form: the code, the name of its ops, its sites, what state it reads and writes."""

    code: types.CodeType
    ops_name: str
    sites: tuple[Site, ...]
    names: tuple[str, ...]
    writes: tuple[Write, ...]


class Profiles:
    """Profiles by code object.

    Code objects compare by value, and two equal lambdas are still two; so the key is the identity, and the code object
    is kept for as long as the profile is.
    """

    def __init__(self) -> None:
        self._profiles: dict[int, tuple[types.CodeType, Profile]] = {}
        self._observed: dict[int, tuple[types.CodeType, Observed | None]] = {}

    def of(self, function: types.FunctionType | types.CodeType) -> Profile:
        """The profile of a function; an empty one, if no observed run has reached it."""
        code = function.__code__ if isinstance(function, types.FunctionType) else function
        known = self._profiles.get(id(code))
        return known[1] if known else Profile(code.co_qualname)

    def add(self, code: types.CodeType, profile: Profile) -> None:
        """Adds what a run has shown of a function."""
        self._profiles[id(code)] = (code, self.of(code) + profile)

    def __iter__(self) -> Iterator[tuple[types.CodeType, Profile]]:
        return iter(list(self._profiles.values()))

    def __len__(self) -> int:
        return len(self._profiles)

    def forget(self) -> None:
        """Forgets what was observed; the observed forms stay."""
        self._profiles.clear()

    def observed(
        self, function: types.FunctionType, code: types.CodeType, convertible: Callable[[types.FunctionType], bool]
    ) -> Observed | None:
        """The observed form of a function, made once.

        Args:
            function: the function.
            code: the user's code that it runs.
            convertible: whether a function is to be observed at all; asked once for each code.

        Returns:
            None if it runs as it is: it is not convertible, or (its profile says why) it cannot be observed.
        """
        known = self._observed.get(id(code))
        if known is None:
            made = self._make(function, code) if convertible(function) else None
            known = self._observed[id(code)] = (code, made)
        return known[1]

    def _make(self, function: types.FunctionType, code: types.CodeType) -> Observed | None:
        try:
            source = find_source(function)
            if reads := _READS_LOCALS.search(source.text):
                raise UnsupportedError(
                    "it reads its local variables by name.",
                    why=f"`{reads[0]}` would also find the name of the observer.",
                )
            modules = {name for name, value in function.__globals__.items() if type(value) is types.ModuleType}
            rewritten = observe(
                source.text, first_line=source.first_line, class_name=source.class_name, modules=modules
            )
            made = compile_function(rewritten, source, source.freevars, original=code)
        except JanusXError as error:
            self.add(code, Profile(code.co_qualname, unobserved=f"{error.what} {error.why}".strip()))
            return None
        return Observed(made, rewritten.ops_name, rewritten.sites, rewritten.names, rewritten.writes)
