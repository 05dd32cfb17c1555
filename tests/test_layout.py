"""The shape of the project: imports point one way, modules stay short, the package list is complete."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LONGEST_MODULE = 500

# A part may import the parts after the colon, and itself; `shared` is everything in janusx/ that is not one of PACKAGES
# or TOP. Parts that are not named may import anything.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "transforms": frozenset(),
    "ops": frozenset({"ops", "shared", "state", "guards", "profiler"}),
    "state": frozenset({"state", "shared", "guards", "profiler"}),
    "guards": frozenset({"guards", "shared", "state", "profiler"}),
    "profiler": frozenset({"profiler", "shared", "state", "guards", "ops", "transforms"}),
    "shared": frozenset({"shared", "profiler", "state", "guards", "transforms", "ops"}),
    "split": frozenset({"split", "dispatch", "shared", "profiler", "state", "guards", "transforms", "ops"}),
    "dispatch": frozenset({"dispatch", "shared", "profiler", "state", "guards", "transforms", "ops"}),
}
PACKAGES = ("transforms", "ops", "state", "guards", "profiler", "demo")
TOP = ("api", "split", "dispatch", "__init__", "__main__")


@dataclass(frozen=True)
class Violation:
    """A rule that a file breaks."""

    file: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}"


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module of the package; `transforms/` is named as it installs."""
    for folder, package in ((root / "janusx", "janusx"), (root / "transforms", "janusx.transforms")):
        # os.walk does not follow the symlink janusx/transforms, which would give every file a second time.
        for at, _, files in os.walk(folder):
            for file in sorted(files):
                if file.endswith(".py"):
                    path = Path(at, file)
                    yield ".".join((package, *path.relative_to(folder).with_suffix("").parts)), path


def part_of(module: str) -> str:
    """The part a module belongs to: a package, `api`, `dispatch`, ..., or `shared`."""
    names = module.split(".")
    if len(names) == 1:
        return "__init__"
    if names[1] in PACKAGES or names[1] in TOP:
        return names[1]
    return "shared"


def imports(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line and dotted name of what is imported, and whether absolutely; imports for type checkers do not count."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, True
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module or ''}.{alias.name}", node.level == 0


def violations(root: Path) -> list[Violation]:
    """Every rule that a module below `root` breaks."""
    known = {name.removesuffix(".__init__") for name, _ in modules(root)}
    return [violation for name, path in modules(root) for violation in check_module(name, path, root, known)]


def check_module(name: str, path: Path, root: Path, known: set[str]) -> Iterator[Violation]:
    text = path.read_text(encoding="utf-8")
    file = str(path.relative_to(root))
    lines = text.count("\n")
    if lines >= LONGEST_MODULE:
        yield Violation(file, lines, f"a module has under {LONGEST_MODULE} lines")
    part = part_of(name)
    for line, imported, absolute in imports(ast.parse(text)):
        package = imported.partition(".")[0]
        if not absolute:
            yield Violation(file, line, "imports are absolute")
        elif imported.startswith(("jax._src", "jaxlib.xla", "jax.interpreters")):
            yield Violation(file, line, f"JAX internals are not imported: {imported}")
        elif part == "transforms" and package in ("jax", "jaxlib", "numpy"):
            yield Violation(file, line, f"transforms works on text: {imported} does not belong there")
        elif package == "transforms":
            yield Violation(file, line, "the package is imported as janusx.transforms")
        elif package == "janusx":
            yield from check_direction(file, line, part, imported, known)


def check_direction(file: str, line: int, part: str, imported: str, known: set[str]) -> Iterator[Violation]:
    # `from janusx.config import update` names a module and something in it.
    module = imported if imported in known else imported.rpartition(".")[0]
    target = part_of(module)
    allowed = MAY_IMPORT.get(part)
    if allowed is not None and target not in allowed and target != part:
        yield Violation(file, line, f"{part} does not import {target}: {imported}")


def test_imports_point_one_way_and_modules_are_short(checkout: Path) -> None:
    found = violations(checkout)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("module", "text", "rule"),
    [
        ("transforms/loops.py", "import jax", "transforms works on text: jax does not belong there"),
        ("transforms/loops.py", "from janusx import config", "transforms does not import shared: janusx.config"),
        ("transforms/loops.py", "def f():\n    import janusx.ops.loops", "transforms does not import ops"),
        ("janusx/ops/loops.py", "from janusx.transforms import loops", "ops does not import transforms"),
        ("janusx/state/shadow.py", "from janusx.dispatch import call", "state does not import dispatch"),
        ("janusx/ops/loops.py", "from janusx import convert", "ops does not import __init__: janusx.convert"),
        ("janusx/dispatch.py", "import janusx.api", "dispatch does not import api: janusx.api"),
        ("janusx/dispatch.py", "import janusx.split", "dispatch does not import split: janusx.split"),
        ("janusx/guards/flags.py", "from jax._src import core", "JAX internals are not imported: jax._src.core"),
        ("janusx/guards/flags.py", "from . import spec", "imports are absolute"),
        ("janusx/api.py", "import transforms", "the package is imported as janusx.transforms"),
        ("janusx/api.py", "x = 1\n" * LONGEST_MODULE, "a module has under 500 lines"),
    ],
)
def test_the_checker_sees_a_planted_violation(tmp_path: Path, module: str, text: str, rule: str) -> None:
    for name in (
        "janusx/__init__.py",
        "janusx/config.py",
        "janusx/api.py",
        "janusx/dispatch.py",
        "janusx/split.py",
        "transforms/__init__.py",
    ):
        plant(tmp_path, name, "")
    plant(tmp_path, module, text)
    (found,) = violations(tmp_path)
    assert found.file == module
    assert found.rule.startswith(rule)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("janusx/api.py", "from janusx.dispatch import call\nfrom janusx import config\nimport jax.numpy"),
        ("janusx/ops/loops.py", "from janusx.state import shadow\nfrom janusx import config, errors"),
        ("transforms/loops.py", "import libcst\nfrom janusx.transforms import names"),
        ("janusx/state/shadow.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import janusx.dispatch"),
    ],
)
def test_the_checker_lets_good_imports_pass(tmp_path: Path, module: str, text: str) -> None:
    for name in (
        "janusx/__init__.py",
        "janusx/config.py",
        "janusx/errors.py",
        "janusx/dispatch.py",
        "transforms/__init__.py",
    ):
        plant(tmp_path, name, "")
    plant(tmp_path, module, text)
    assert violations(tmp_path) == []


def cycles(root: Path) -> list[str]:
    """The modules that import each other in a circle, by imports at the top of a module."""
    files = {name.removesuffix(".__init__"): path for name, path in modules(root)}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {imported if imported in files else imported.rpartition(".")[0] for _, imported, _ in imports(tree)}
        graph[name] = names & set(files) - {name}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_a_circle(checkout: Path) -> None:
    assert cycles(checkout) == []


def test_a_planted_circle_is_seen(tmp_path: Path) -> None:
    plant(tmp_path, "janusx/state/a.py", "from janusx.state.b import f")
    plant(tmp_path, "janusx/state/b.py", "from janusx.state import a")
    assert {"janusx.state.a", "janusx.state.b"} <= set(cycles(tmp_path))


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_package_list_is_every_init_file(checkout: Path) -> None:
    settings = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {name.removesuffix(".__init__") for name, path in modules(checkout) if path.name == "__init__.py"}
    assert set(settings["packages"]) == found
    assert settings["packages"] == sorted(settings["packages"])
    assert settings["package-dir"] == {"janusx": "janusx", "janusx.transforms": "transforms"}


def test_transforms_symlink_points_beside_the_package(checkout: Path) -> None:
    assert os.readlink(checkout / "janusx" / "transforms") == "../transforms"


def test_version_is_said_once(checkout: Path) -> None:
    version = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (checkout / "CHANGELOG.md").read_text()


def test_readme_commands_are_sessions_of_the_noxfile(checkout: Path) -> None:
    noxfile = ast.parse((checkout / "noxfile.py").read_text())
    sessions = {node.name for node in noxfile.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    readme = (checkout / "README.md").read_text()
    named = set(re.findall(r"python3 run\.py (\w+)", readme))
    assert named >= {"demo", "tests"}
    assert named <= sessions
    assert "python3 run.py tests" in (checkout / ".ci" / "run").read_text()


def test_contributing_stays_short(checkout: Path) -> None:
    assert len((checkout / "CONTRIBUTING.md").read_text().splitlines()) < 60
