"""Runs a session of the noxfile on a machine that has nothing but Python and pip.

    python3 run.py tests
    python3 run.py demo
    python3 run.py lint types -- --any --arguments

It makes an environment in `.nox/`, installs nox there and hands over. Nothing is installed outside of the checkout, so
a system Python that refuses pip installs (PEP 668) and one without `ensurepip` (Debian without python3-venv) will do.
The sessions run with the Python that runs this file; `nox -s tests` runs the tests with every Python it finds.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".nox" / "bootstrap"
NOX = "nox>=2024.10"


def main(arguments):
    """Make the environment if need be, and run nox in it."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return subprocess.call([other_python(), __file__, *arguments])
    names, rest = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        names, rest = arguments[:cut], arguments[cut:]
    if not names or names[0].startswith("-"):
        print(__doc__)
        return 0 if names else 2
    python = virtual_environment()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environment = {**os.environ, "JANUSX_NOX_PYTHON": version}
    # First on PATH, so that nox finds this Python and not another of the same version.
    environment["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return subprocess.call([str(python), "-m", "nox", "-s", *names, *rest], cwd=ROOT, env=environment)


def virtual_environment():
    """The Python of the environment, with nox installed."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists() and usable(python):
        return python
    if VENV.exists():
        shutil.rmtree(VENV)
    print(f"making {VENV}", flush=True)
    # Without pip: that needs no ensurepip. The pip of this Python then installs into the environment from outside.
    run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    run([*pip_for(python), "install", "--quiet", "--disable-pip-version-check", NOX])
    return python


def usable(python):
    """Whether the environment there is of this Python's version and has nox."""
    probe = "import sys, nox; print(sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", probe], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == str(sys.version_info[:2])


def pip_for(python):
    """The command of a pip that installs into the environment of `python`."""
    if can([sys.executable, "-m", "ensurepip", "--version"]):
        run([str(python), "-m", "ensurepip", "--upgrade", "--default-pip"], stdout=subprocess.DEVNULL)
        return [str(python), "-m", "pip"]
    if can([sys.executable, "-m", "pip", "--python", str(python), "--version"]):
        return [sys.executable, "-m", "pip", "--python", str(python)]
    sys.exit(
        f"{sys.executable} has neither ensurepip nor a pip of version 22.3 or later. "
        "Install one of them (Debian, Ubuntu: apt install python3-venv) and try again."
    )


def can(command):
    """Whether a command succeeds."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def run(command, **options):
    """Run a command; leave with its status, and the command named, if it fails."""
    status = subprocess.call(command, **options)
    if status:
        sys.exit(f"{' '.join(command)} failed with status {status}")


def other_python():
    """A Python of a version that JanusX supports, where this one is not."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A shim of pyenv is there for every version that was ever installed, and fails for those not in use.
        if found and can([found, "-c", ""]):
            return found
    sys.exit(
        f"JanusX needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}; "
        f"this is {sysconfig.get_python_version()} and none of them is on PATH."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
