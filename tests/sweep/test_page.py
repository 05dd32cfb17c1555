"""The page that is made of the sweep's reports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.sweep.__main__ import report
from tests.sweep.check import Failure, Findings
from tests.sweep.kept import Kept
from tests.sweep.page import page


def findings() -> Findings:
    return Findings(
        files=2,
        functions=1000,
        lines=20_000,
        whole=3,
        seconds={"source": 1.0, "rewrite": 2.0, "observe": 1.0},
        refusals=Counter({("def", "it is a generator"): 3}),
        examples={("def", "it is a generator"): "/x/lib/python3.11/site-packages/jax/a.py:7"},
        sourceless=Counter({"there is none at line 7": 1}),
        failures=[Failure("/x/lib/python3.11/bisect.py:1 f", "rewrite", "IndexError: no")],
    )


def test_the_page_tells_what_was_swept_refused_and_broken() -> None:
    row = {
        "module": "test_x",
        "way": "converted",
        "tests": 5,
        "functions": 7,
        "calls": {"calls": 1234},
        "seconds": 2.0,
        "plain_seconds": 0.1,
        "broken": {"test_a": "Traceback\nAssertionError: 1 != 2"},
    }
    text = page(report({"jax": findings()}, 1), [row], {"converted:test_b *": "it reads a clock"})
    assert "**1,000 functions with 20,000 lines in 2 files: 1 broken.** 250 functions a second" in text
    assert "| jax | 2 | 1,000 | 20,000 | 3 | 1 | 1 | 500 | 1000 |" in text
    assert "| def | it is a generator | 3 | `jax/a.py:7` |" in text
    assert "- `bisect.py:1 f`: rewrite: IndexError: no" in text
    assert "| `test_x` | 7 | 5 | 1 | 1,234 | 2, plain 0.1 |" in text
    assert "- converted: `test_a`: AssertionError: 1 != 2" in text
    assert "- `converted:test_b *`: it reads a clock." in text


def test_what_was_found_is_kept_file_by_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.jsonl")
    assert kept.read() == {}
    kept.write(Path("a.py"), Findings(files=1))
    kept.write(Path("a.py"), findings())
    assert kept.read() == {Path("a.py"): findings()}
    with kept.path.open("a") as file:
        file.write('{"path": "b.py", "versi')  # a sweep that was ended in the middle of a line
    assert list(kept.read()) == [Path("a.py")]
    kept.clear()
    assert kept.read() == {}
