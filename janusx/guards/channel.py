"""The other channel for staged guards: a host callback inside the program, in place of the packed output.

Slower (the dispatch becomes synchronous), and there for those who want to hear of a violation while the program runs.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.experimental import io_callback


class Channel:
    """Receives the guards of one program's runs."""

    def __init__(self) -> None:
        self._held: np.ndarray[Any, Any] | None = None

    def _receive(self, held: Any) -> None:
        self._held = np.asarray(held)

    def send(self, packed: Any) -> None:
        """Called while tracing: have the program report its guards."""
        io_callback(self._receive, None, packed)

    def read(self) -> np.ndarray[Any, Any]:
        """The guards of the run that was just dispatched."""
        jax.effects_barrier()
        held, self._held = self._held, None
        assert held is not None, "the program has not reported its guards"
        return held
