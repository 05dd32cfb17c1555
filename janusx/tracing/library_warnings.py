"""Warnings that libraries give while a program is made: those of the pass that is kept are shown, once.

What the user's own code warns of is an effect and happens at commit (`ops.effects`). A library's code runs while a
function is traced, in pass after pass, so its warnings are held back here until it is known which pass counts. Only
`warnings.showwarning` is replaced: the user's filters decide at the place of the warning, as ever.
"""

from __future__ import annotations

import os
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from janusx import emitted
from janusx.errors import JanusXWarning


@dataclass(frozen=True, eq=False)
class _Held:
    """A warning that is not shown yet.

    Attributes:
        shown: what `warnings.showwarning` is called with.
        key: by which Python knows that it was shown already: text, category, line.
        scope: the globals of the code that is warned about, where Python remembers that; None if it is not running.
        cached: whether JAX called what warns. It may not do so again in the next pass, since it remembers traces.
        moved: whether a function of JanusX stood at the place: the user's stands there now, for which filters decide.
    """

    shown: tuple[Any, ...]
    key: tuple[str, type[Warning], int]
    scope: dict[str, Any] | None
    cached: bool
    moved: bool

    def forget(self) -> None:
        """Have Python forget that it was shown."""
        known = (self.scope or {}).get(_REGISTRY, {})
        text, category, _ = self.key
        if known.pop(self.key, None) is not None:
            for registry in (known, getattr(warnings, "onceregistry", {})):
                registry.pop((text, category), None)  # "once" and "module", as C remembers them
                registry.pop((text, category, 0), None)  # "module", as Python does


_REGISTRY = "__warningregistry__"
_HERE = os.path.join(os.path.dirname(os.path.abspath(emitted.__file__)), "")


def shown_by() -> Any:
    """What shows warnings, whoever holds them back just now."""
    shown: Any = warnings.showwarning
    while isinstance(getattr(shown, "__self__", None), LibraryWarnings):
        shown = shown.__self__._show
    return shown


class LibraryWarnings:
    """Holds the warnings of this thread back while passes are made.

    Example:
        >>> with warnings.catch_warnings(record=True) as seen:
        ...     warnings.simplefilter("always")
        ...     with LibraryWarnings() as held:
        ...         warnings.warn("in a pass that is thrown away")
        ...         held.drop()
        ...         warnings.warn("in one that is kept")
        ...     held.show(lambda scope: scope)
        >>> [str(each.message) for each in seen]
        ['in one that is kept']
    """

    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._before: list[_Held] = []  # of passes thrown away, which may not come again
        self._show = warnings.showwarning
        self._thread: int | None = None
        self._frame = 0  # by `id`: whose `with` it is

    def __enter__(self) -> LibraryWarnings:
        # One that was broken off on its way out may still be there.
        self._show, self._thread, self._frame = shown_by(), threading.get_ident(), id(sys._getframe(1))
        warnings.showwarning = self._hold
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Another thread may have replaced it since, and put it back later: it passes everything on from now on.
        self._thread = None
        if warnings.showwarning == self._hold:
            warnings.showwarning = self._show
        if kind is not None:
            self.drop()  # Python answers, and warns itself

    def drop(self) -> None:
        """Throw away what the pass under way warned of: Python does not take it for shown."""
        for each in self._held:
            each.forget()
        self._before += [each for each in self._held if each.cached]
        self._held = []

    def show(self, real_globals: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Show what the pass warned of that is kept.

        Args:
            real_globals: the user's own globals for those that a pass ran with.
        """
        again = {each.key for each in self._held}
        missing = {each.key: each for each in self._before if each.key not in again}
        for each in (*missing.values(), *self._held):
            real = None if each.scope is None else real_globals(each.scope)
            if real is not None and each.scope is not None and _REGISTRY in each.scope:
                real.setdefault(_REGISTRY, each.scope[_REGISTRY])
            if each.moved and real is not None:
                message, category, filename, lineno, *_ = each.shown
                known = real.setdefault(_REGISTRY, {})
                warnings.warn_explicit(message, category, filename, lineno, real.get("__name__"), known)
            else:
                self._show(*each.shown)
        self._held = []
        self._before = []

    def _hold(
        self, message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        ours = threading.get_ident() == self._thread and any(id(each) == self._frame for each in _frames())
        if not ours or issubclass(category, JanusXWarning):
            self._show(message, category, filename, lineno, file, line)
            return
        at = next((each for each in _frames() if (each.f_code.co_filename, each.f_lineno) == (filename, lineno)), None)
        users = next((each for each in _frames() if emitted.is_emitted(each.f_code)), None)
        held = self._held_at(at, (message, category, filename, lineno, file, line))
        if filename.startswith(_HERE) and users is not None:
            held.forget()
            place = users.f_code.co_filename, users.f_lineno
            held = replace(self._held_at(users, (message, category, *place, file, line)), moved=True)
        self._held.append(held)

    @staticmethod
    def _held_at(frame: types.FrameType | None, shown: tuple[Any, ...]) -> _Held:
        key = (str(shown[0]), shown[1], shown[3])
        return _Held(shown, key, None if frame is None else frame.f_globals, _called_by_jax(), False)


def _frames() -> Iterator[types.FrameType]:
    """The frames that are running, innermost first."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _called_by_jax() -> bool:
    """Whether there is a function of JAX between the user's code and what is running."""
    for frame in _frames():
        if emitted.is_emitted(frame.f_code):
            return False
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == "jax":
            return True
    return False
