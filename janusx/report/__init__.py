"""What is said about a converted function: the data, and its two forms, text and HTML."""

from __future__ import annotations

from janusx.report.model import Explanation as Explanation
