"""What all tests share: the checkout, options put back, Hypothesis profiles, a compilation cache a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Two workers that write one file of JAX's persistent cache at a time would read halves of it. JAX reads this when it is
# imported, so it is set before any test module is.
if "PYTEST_XDIST_WORKER" in os.environ and "JAX_COMPILATION_CACHE_DIR" in os.environ:
    _shared = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(_shared / os.environ["PYTEST_XDIST_WORKER"])

# No deadlines: the first example of a property compiles.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout; a test of the installed wheel has none and is skipped."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "janusx").is_dir():
        pytest.skip("needs the checkout: an installed package is being tested")
    return root


@pytest.fixture(autouse=True)
def options_put_back() -> Iterator[None]:
    """Undo `janusx.config.update`: no test may change the options of the next."""
    from janusx import config

    before = {row.name: config.read(row.name) for row in config.OPTIONS}
    yield
    for name, value in before.items():
        if config.read(name) != value:
            config.update(name, value)
