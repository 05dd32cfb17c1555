"""Logging by topic, through the standard `logging`: what was guarded, recompiled, generated, profiled, left eager.

A topic is the logger `janusx.<topic>`. Configure it as any logger, or name it in `JANUSX_LOGS=guards,recompiles` (or
`all`), which sends it to stderr.

    >>> import logging
    >>> logging.getLogger("janusx.recompiles").setLevel(logging.DEBUG)
"""

from __future__ import annotations

import difflib
import logging
import os
import sys
import warnings
from typing import Literal

from janusx import errors

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")

Topic = Literal["guards", "recompiles", "source", "profile", "eager"]

TOPICS: tuple[Topic, ...] = ("guards", "recompiles", "source", "profile", "eager")
"""The topics: guards (built, failed), recompiles (why), source (generated programs), profile (what was seen), eager
(what, and why)."""


def logger(topic: Topic) -> logging.Logger:
    """The logger of a topic.

    Example:
        >>> logger("guards").name
        'janusx.guards'
    """
    return logging.getLogger(f"janusx.{topic}")


def wanted(topic: Topic) -> bool:
    """Whether anybody listens: ask before a message is put together that costs something (generated source, a diff)."""
    return logger(topic).isEnabledFor(logging.DEBUG)


def say(topic: Topic, message: str, *args: object, place: errors.Place | None = None) -> None:
    """Log one line, with the user's place where it is known.

    Args:
        topic: which logger.
        message: a `%` format, filled only when somebody listens.
        *args: its values.
        place: where in the user's source.
    """
    target = logger(topic)
    if not target.isEnabledFor(logging.DEBUG):
        return
    if place is not None:
        message = f"%s:%d: {message}"
        args = (place.filename, place.line, *args)
    # The caller's caller is the part of the machine that speaks.
    target.debug(message, *args, stacklevel=2)


def warn(warning: errors.JanusXWarning) -> None:
    """Give a warning at the line of the user's, or of a library, that called JanusX."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def listen(names: str) -> tuple[Topic, ...]:
    """Send topics to stderr, as `JANUSX_LOGS` does.

    Args:
        names: topics with commas between, or `all`.

    Returns:
        The topics that are now sent.

    Raises:
        OptionError: there is no such topic.
    """
    asked = {name.strip() for name in names.split(",") if name.strip()}
    topics = TOPICS if "all" in asked else _chosen(asked)
    for name in sorted(asked.difference(TOPICS, ["all"])):
        near = difflib.get_close_matches(name, TOPICS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise errors.OptionError(f"there is no log topic {name!r}.", why=f"the topics are {', '.join(TOPICS)}{hint}")
    for topic in topics:
        target = logger(topic)
        target.setLevel(logging.DEBUG)
        if not any(isinstance(handler, _StderrHandler) for handler in target.handlers):
            target.addHandler(_StderrHandler())
    return topics


def _chosen(asked: set[str]) -> tuple[Topic, ...]:
    return tuple(topic for topic in TOPICS if topic in asked)


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic in typeshed alone
    """Writes to the stderr of the moment, so that redirection and capture work; known from the user's own handlers."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter("[%(name)s] %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


listen(os.environ.get("JANUSX_LOGS", ""))
