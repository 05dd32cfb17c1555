"""JanusX: imperative Python on JAX arrays, compiled. `janusx.convert(f)` does what `f` does, faster."""

from __future__ import annotations

from janusx import config as config
from janusx import errors as errors
from janusx.api import convert as convert
from janusx.api import disable as disable
from janusx.api import is_converting as is_converting
from janusx.api import register_shadow as register_shadow
from janusx.api import reset as reset
from janusx.api import source as source
from janusx.api import stats as stats
from janusx.explain import explain as explain

__version__ = "0.1.0"
