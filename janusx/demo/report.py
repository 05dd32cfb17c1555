"""The HTML report of the demo: one file with everything in it; the sources side by side are those of `explain`."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janusx.demo.measure import Change, Speed, Trained
from janusx.demo.show import SPEED_HEAD, speed_rows

__all__ = ["Findings", "plot", "render", "write"]

STYLE = """
:root { --ink: #1d2330; --soft: #667085; --line: #d9dee8; --paper: #fff; --wash: #f6f8fb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9f0; --soft: #98a2b3; --line: #384152; --paper: #14171e; --wash: #1b2029; } }
body { margin: 0 auto; max-width: 1400px; padding: 2rem; font: 16px/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { margin: 0 0 .25rem; font-size: 1.8rem; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem; }
p { max-width: 70ch; }
.soft { color: var(--soft); }
table { border-collapse: collapse; }
th, td { padding: .4rem .9rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--soft); }
.figures td:not(:first-child), .figures th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
.ours td { font-weight: 600; background: var(--wash); }
pre { margin: 0; padding: 1rem; overflow: auto; max-height: 75vh; background: var(--wash);
  border: 1px solid var(--line); border-radius: 8px; font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .9em; }
figure { margin: 0; }
figure svg { max-width: 100%; height: auto; background: #fff; border-radius: 8px; }
"""


@dataclass(frozen=True)
class Findings:
    """What the report shows."""

    trained: Sequence[Trained]
    speeds: Sequence[Speed]
    changes: Sequence[Change]
    explanation: Any


def write(path: Path, findings: Findings) -> None:
    """Writes the report."""
    path.write_text(render(findings), encoding="utf-8")


def render(findings: Findings) -> str:
    """The report as text."""
    parts = (
        "<h1>JanusX: LeNet on handwritten digits</h1>",
        "<p class=soft>The same imperative training program in eager JAX and converted, beside what an expert writes "
        "by hand for <code>jax.jit</code>; same seed, same batches, same number of steps.</p>",
        _speed_table(findings),
        f"<h2>Loss</h2><figure>{plot(findings.trained)}</figure>",
        "<h2>Changed from outside</h2>" + _change_table(findings.changes),
        "<h2>The program, and what was made of it</h2>" + _explanation(findings.explanation),
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>JanusX demo</title>'
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "", ours: int | None = None) -> str:
    """A table of cells that are HTML already."""
    line = "".join(f"<th>{cell}</th>" for cell in head)
    lines = [
        f"<tr{' class=ours' if number == ours else ''}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for number, row in enumerate(rows)
    ]
    return f'<table class="{kind}"><thead><tr>{line}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _speed_table(findings: Findings) -> str:
    rows = [[html.escape(cell) for cell in row] for row in speed_rows(findings.trained, findings.speeds)]
    stopped = sorted({result.stopped for result in findings.trained if result.stopped})
    note = "".join(f"<p class=soft>Stopped by the program itself: {html.escape(reason)}.</p>" for reason in stopped)
    return _table([html.escape(name) for name in SPEED_HEAD], rows, "figures", ours=1) + note


def _change_table(changes: Sequence[Change]) -> str:
    rows = [
        [
            f"<code>{html.escape(change.code)}</code>",
            "<br>".join(html.escape(line) for line in (change.answer, *change.told)),
            f"{change.converted_loss:.6f}",
            f"{change.plain_loss:.6f}",
            "the same" if change.same_parameters else "<strong>others</strong>",
        ]
        for change in changes
    ]
    return _table(["between two steps", "what the guards did", "loss", "loss in plain Python", "parameters"], rows)


def _explanation(explanation: Any) -> str:
    shown = getattr(explanation, "_repr_html_", None)
    return str(shown()) if shown is not None else f"<pre>{html.escape(str(explanation))}</pre>"


def plot(trained: Sequence[Trained]) -> str:
    """The losses of all ways as SVG; a sentence where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return '<p class=soft>No plot: matplotlib is not installed (<code>pip install "janusx[demo]"</code>).</p>'
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    styles = ({"lw": 4, "alpha": 0.35}, {"lw": 1.4}, {"lw": 1.4, "ls": ":"})
    for result, style in zip(trained, styles, strict=False):
        axes.plot(range(1, len(result.losses) + 1), result.losses, label=result.name, **style)  # type: ignore[arg-type]
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
