"""Variables that are not bound on every path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unbound:
    """Stands in a variable that is not bound here."""

    name: str


@dataclass(frozen=True, eq=False)
class Maybe:
    """A variable that is bound if `bound` (a boolean of the program) is true; `value` is a placeholder otherwise."""

    name: str
    value: Any
    bound: Any
