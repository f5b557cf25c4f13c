"""Imports point down, packages say what belongs to them, files stay readable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sales_agent_dagster_tests.layers import MAX_LINES, PACKAGE, RANKS, violations

ROOT = Path(__file__).resolve().parent.parent / PACKAGE


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's folders with their ``__init__.py`` only: a sound package to plant faults in."""

    def others(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name != "__init__.py" and not _is_package(Path(folder, name))]

    copied = Path(shutil.copytree(ROOT, tmp_path / PACKAGE, ignore=others))
    assert violations(copied) == []
    return copied


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").exists()


def test_package_keeps_its_rules():
    assert violations(ROOT) == []


def test_every_ranked_package_exists():
    parts = {path.name for path in ROOT.iterdir() if _is_package(path)}
    assert parts <= RANKS.keys()
    assert {"domain", "matching", "inference", "enrichment", "crm", "warehouse", "agents", "stages"} <= parts


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        (
            "domain/planted.py",
            f"from {PACKAGE}.stages.base import Stage",
            "domain (rank 0) must not import stages",
        ),
        ("domain/planted.py", f"import {PACKAGE}.settings", "must not import settings"),
        (
            "crm/planted.py",
            f"from {PACKAGE}.warehouse.database import Warehouse",
            "must not import warehouse",
        ),
        ("matching/planted.py", f"from {PACKAGE} import crm", "must not import crm"),
        ("agents/planted.py", "from ..stages import base", "must not import stages"),
        ("agents/planted.py", "from .. import defs", "must not import defs"),
        ("stages/planted.py", "import dagster as dg", "imports dagster"),
        ("stages/planted.py", "from dagster_postgres import storage", "imports dagster_postgres"),
        ("stages/planted.py", "def f():\n    from dagster import asset\n", "imports dagster.asset"),
        ("stages/planted.py", "import importlib\nx = importlib.import_module('dagster')", "imports dagster"),
        ("inference/planted.py", f"__import__('{PACKAGE}.agents')", "must not import agents"),
        ("defs/planted.py", f"from {PACKAGE}_tests.rows import file_row", "imports the tests"),
        ("settings/planted.py", f"from {PACKAGE}.warehouse import schema", "must not import warehouse"),
        ("unheard_of.py", "x = 1", "part 'unheard_of' has no rank"),
        ("domain/__init__.py", '"""Belongs here: all."""', "does not say 'Does not belong here'"),
        ("domain/planted.py", "x = 1\n" * (MAX_LINES + 1), f"{MAX_LINES + 1} lines"),
    ],
)
def test_planted_fault_is_named(copy: Path, file: str, line: str, said: str):
    (copy / file).write_text(line, encoding="utf-8")
    [found] = violations(copy)
    assert found.startswith(f"{file}: ")
    assert said in found


def test_imports_down_and_within_a_part_are_allowed(copy: Path):
    (copy / "defs" / "planted.py").write_text(
        f"import dagster\nfrom {PACKAGE}.stages import base\nfrom . import more\nimport {PACKAGE}.settings"
    )
    (copy / "stages" / "planted.py").write_text(
        "from .base import Stage\nfrom ..domain import tiers\nimport os\nfrom dagsterlike import x"
    )
    assert violations(copy) == []
