"""The sessions of the project: what a contributor runs and what CI runs.

    nox -l                      the sessions, with a line about each
    nox -s tests                the tests, with every Python that is found
    nox -s tests-3.11 -- -k if  one Python, and arguments for pytest
    nox -s lint types           what CI checks besides

`python3 run.py <session>` does the same on a machine without nox, with one Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CACHE = ROOT / ".nox" / "cache"

# The JAX each Python is tested with: the oldest that is supported on the oldest Python, the newest on the others.
JAX = {"3.11": "jax>=0.10,<0.11", "3.12": "jax>=0.12,<0.13", "3.13": "jax>=0.12"}

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests"]


def found_pythons() -> list[str]:
    """The supported versions that run here; `run.py` names the only one it wants in JANUSX_NOX_PYTHON."""
    asked = os.environ.get("JANUSX_NOX_PYTHON")
    wanted = [asked] if asked else list(JAX)
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = [version for version in wanted if version == running or _runs(f"python{version}")]
    if not found:
        raise SystemExit(f"no Python of {', '.join(wanted)} was found: nothing would be tested")
    return found


def _runs(name: str) -> bool:
    # A pyenv shim exists for versions that are not in use, and fails.
    path = shutil.which(name)
    return path is not None and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0


PYTHONS = found_pythons()


def _pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest, in parallel (two workers in CI), with JAX's compilation cache kept between runs."""
    chosen = [*arguments, *session.posargs]
    if not any(argument.startswith("-n") for argument in chosen):
        chosen = ["-n", "2" if os.environ.get("CI") else "auto", *chosen]
    cache = CACHE / f"jax-{session.name}"
    cache.mkdir(parents=True, exist_ok=True)
    env = {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    session.run("python", "-m", "pytest", *chosen, env=env)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests and the examples in docstrings: 3.11 with JAX 0.10, 3.12 with 0.12, 3.13 with the newest."""
    session.install("-e", ".[test]", JAX[str(session.python)])
    _pytest(session)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Ruff: rules, then formatting."""
    session.install(*nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHONS[0])
def types(session: nox.Session) -> None:
    """Mypy --strict, then pyright."""
    session.install("-e", ".[test,types]", JAX[PYTHONS[0]])
    session.run("mypy")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session(python=PYTHONS[0], reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Build the sdist and from it the wheel, install that in a clean environment, test it from outside the checkout."""
    session.install("build")
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT))
    (built,) = dist.glob("*.whl")
    session.install(f"{built}[test]", JAX[PYTHONS[0]])
    with tempfile.TemporaryDirectory() as outside:
        # pyproject.toml holds pytest's settings; janusx/ itself stays behind.
        for folder in ("tests", "benchmarks"):
            shutil.copytree(ROOT / folder, Path(outside, folder), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", outside)
        with session.chdir(outside):
            where = session.run("python", "-c", "import janusx; print(janusx.__file__)", silent=True)
            if str(session.virtualenv.location) not in str(Path(ROOT, str(where).strip())):
                session.error(f"this is not the installed wheel: {where}")
            _pytest(session, "tests")


@nox.session(python=PYTHONS[0])
def demo(session: nox.Session) -> None:
    """Train LeNet on handwritten digits: eager, converted, hand-written jit. Writes an HTML report."""
    session.install("-e", ".[demo]")
    session.run("python", "-m", "janusx", "demo", *session.posargs)


@nox.session(python=PYTHONS[0])
def notebooks(session: nox.Session) -> None:
    """Execute the notebooks; the .ipynb with the outputs is written beside the .py."""
    session.install("-e", ".[notebook]")
    session.run("python", "notebooks/execute.py", *session.posargs, env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"})


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """The benchmarks: a table, and JSON. Arguments go to `python -m benchmarks`."""
    # JANUSX_BENCH_JAX="jax[cuda12]" measures on a GPU.
    session.install("-e", ".[bench]", *os.environ.get("JANUSX_BENCH_JAX", "").split())
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    """Random whole programs against plain Python, 20,000 unless `-- --examples N` says else; `--jobs` are processes."""
    session.install("-e", ".[test]", JAX[str(session.python)])
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(python=PYTHONS[0])
def sweep(session: nox.Session) -> None:
    """Rewrite every function of large libraries; run the standard library's own tests converted. Tables, and JSON."""
    # Arguments go to `python -m tests.sweep`, which then runs alone: `nox -s sweep -- optax --every 10`.
    session.install("-e", ".[test]", JAX[PYTHONS[0]])
    session.run("python", "-m", "tests.sweep", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "tests.sweep.stdlib")


@nox.session(python=PYTHONS[0])
def coverage(session: nox.Session) -> None:
    """Measure every conformance scenario, and write docs/coverage.md: which Python is covered, on which rung."""
    # `nox -s coverage -- --new` measures only what was not measured yet.
    session.install("-e", ".[test]", JAX[PYTHONS[0]])
    session.run("python", "-m", "tests.conformance.coverage", *session.posargs)


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """Build the documentation site; a broken link is an error."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", "--site-dir", str(CACHE / "site"), *session.posargs)
