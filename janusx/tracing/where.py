"""Where an op was emitted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Where:
    """A site of the user's code.

    Attributes:
        key: the function's name and the site's number in it.
        place: `file:line`.
        text: the test as written.
    """

    key: tuple[str, int]
    place: str
    text: str
