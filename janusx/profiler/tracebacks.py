"""Takes the frames of JanusX out of a traceback that leaves an observed run."""

from __future__ import annotations

import os
import types

from janusx import config
from janusx.emitted import piece_source

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The demo is a user's program.
_DEMO = os.path.join(_HERE, "demo", "")


def without_us(error: BaseException) -> None:
    """Removes our frames from an exception and from those that it was raised in the handling of.

    Observed functions have the user's file name, and so stay. `config.traceback == "full"` keeps everything.
    """
    if config.traceback == "full":
        return
    done: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in done:
            done.add(id(each))
            each.__traceback__ = _filtered(each.__traceback__)
            left += [each.__cause__, each.__context__]


def _filtered(traceback: types.TracebackType | None) -> types.TracebackType | None:
    kept: list[types.TracebackType] = []
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if not filename.startswith(_HERE) or filename.startswith(_DEMO):
            if kept and piece_source(traceback.tb_frame.f_code) is not None:
                kept.pop()  # the function that was cut: its piece stands for it
            kept.append(traceback)
        traceback = traceback.tb_next
    # Linked anew from the innermost: a traceback object may be part of another exception's chain, so none is changed.
    linked: types.TracebackType | None = None
    for each in reversed(kept):
        linked = types.TracebackType(linked, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return linked
