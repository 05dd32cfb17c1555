"""What the README says: its example, and `run.py` that its commands start with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_example_prints_what_the_readme_shows(checkout: Path, tmp_path: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (output,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    program = tmp_path / "regression.py"
    program.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == output, done.stderr


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0)], ids=["nothing", "help"])
def test_run_says_what_it_is_for(checkout: Path, arguments: list[str], status: int) -> None:
    done = subprocess.run(
        [sys.executable, checkout / "run.py", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert "python3 run.py tests" in done.stdout
