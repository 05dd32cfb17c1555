"""Executes the notebooks of this folder, which are kept as text, and writes each with its outputs as .ipynb beside it.

python notebooks/execute.py                       all of them
python notebooks/execute.py 01_first_conversion   some
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
TIME_LIMIT = 600  # seconds a cell


def main(names: list[str]) -> int:
    """Execute the named notebooks; the first failing cell is shown and ends the run."""
    paths = [FOLDER / f"{name}.py" for name in names] or sorted(FOLDER.glob("[0-9]*.py"))
    for path in paths:
        print(f"executing {path.name}", flush=True)
        notebook = jupytext.read(path)
        client = NotebookClient(
            notebook, timeout=TIME_LIMIT, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
        )
        client.execute()
        nbformat.write(notebook, path.with_suffix(".ipynb"))
        print(f"wrote {path.with_suffix('.ipynb').name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
