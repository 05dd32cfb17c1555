"""Seconds that the rewriting of a function of 100 lines takes."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.harness import Options, Result, bar, reason

TITLE = "Rewriting a function of 100 lines"
LINES = 100
LIMIT = 0.11  # seconds; it took as long before walks had no copies to make, and now takes half

_OPENING = '''\
def program(self, xs, y, flag):
    """A hundred lines of what training code is made of."""
    total = 0.0
    best = None
'''
_BODY = """\
    h = jnp.tanh(xs @ self.kernel + self.bias)
    if h.sum() > 0:
        self.hits += 1
        y = y + h.mean()
    elif flag and not self.done:
        y = y * 2
    else:
        y = helper(y, scale=self.scale)
    for i, x in enumerate(xs):
        if i % 2 == 0:
            continue
        total += float(jnp.sum(x * y))
        if total > self.limit or x[0] < 0 < x[1]:
            break
    while jnp.abs(y).max() > 1:
        y = y / 2
    assert total >= 0, f"total {total:.3f}"
    best = total if best is None else min(best, total)
    values = [jnp.sin(v) for v in xs if v is not None]
    self.history.append(best)
    y = y + sum(values) * self.rate(lambda v: v + total)
"""


def source(lines: int = LINES) -> str:
    """A function of that many lines, with loops, branches, closures and calls throughout.

    >>> source().count(chr(10))
    100
    """
    text = _OPENING
    while text.count("\n") + _BODY.count("\n") < lines:
        text += _BODY
    missing = lines - text.count("\n") - 1
    return text + "".join(f"    y = y + {number}\n" for number in range(missing)) + "    return y, best\n"


def seconds(lines: int, repeats: int) -> tuple[float, float]:
    """First and median time of rewriting a function of that many lines."""
    from janusx.transforms import rewrite

    found = []
    for number in range(repeats):
        text = source(lines).replace("program", f"program_{number}")  # a cache must not answer
        start = time.perf_counter()
        rewrite(text)
        found.append(time.perf_counter() - start)
    return found[0], statistics.median(found)


def run(options: Options) -> Result:
    """Measures the program."""
    figures: dict[str, Any] = {}
    errors: dict[str, str] = {}
    middle: float | None = None
    if options.wants("janusx"):
        try:
            first, middle = seconds(LINES, 2 if options.quick else 9)
            figures |= {"seconds, the first time": first, "seconds, median": middle}
            if not options.quick:
                figures["seconds by lines"] = {str(n): seconds(n, 3)[1] for n in (25, 50, 100, 200, 400)}
        except Exception as error:
            errors["janusx"] = reason(error)
    return Result(
        "rewriting",
        TITLE,
        bars=(bar("seconds for 100 lines", "<=", LIMIT, middle, "s"),),
        figures=figures,
        errors=errors,
        method="median over functions of the same text with different names; the first is given beside it",
    )
