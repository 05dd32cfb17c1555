"""Command line: ``python -m janusx demo``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

USAGE = """\
usage: python -m janusx COMMAND [options]

commands:
  demo     train LeNet on handwritten digits in eager JAX, converted, and with a hand-written jax.jit
  version  print the version
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    match given:
        case ["demo", *rest]:
            from janusx.demo.run import main as demo

            return demo(rest)
        case ["version" | "--version"]:
            from importlib.metadata import version

            print(version("janusx"))
            return 0
        case [] | ["-h" | "--help" | "help", *_]:
            print(USAGE, end="")
            return 0
        case [unknown, *_]:
            print(f"janusx: no command {unknown!r}\n\n{USAGE}", end="", file=sys.stderr)
            return 2
    return 2


if __name__ == "__main__":
    sys.exit(main())
