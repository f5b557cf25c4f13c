from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sales_agent_dagster
from sales_agent_dagster.warehouse.migrating import revisions

PACKAGE = Path(sales_agent_dagster.__file__).parent
COMMAND = (sys.executable, "-m", "sales_agent_dagster.warehouse.migrations")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package whose migrations a test may add to."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_changed_schema_becomes_the_next_revision(copy: Path) -> None:
    intake = copy / PACKAGE.name / "warehouse" / "schema" / "intake.py"
    old = 'text("notes", '
    new = 'text("motto", "What it says of itself."),\n    moment("seen_at", "When.", null=True),\n    ' + old
    source = intake.read_text()
    assert old in source
    intake.write_text(source.replace(old, new, 1))

    done = run(copy, "A motto")
    assert done.returncode == 0, done.stderr
    number = f"{len(revisions()) + 1:04d}"
    path = Path(done.stdout.splitlines()[-1])
    assert path.name == f"{number}_a_motto.py"
    written = path.read_text()
    assert f"down_revision = '{revisions()[-1]}'" in written
    assert "add_column(sa.Column('motto', sa.Text(), nullable=True" in written
    assert "sa.Column('seen_at', sa.DateTime(timezone=True)" in written
    assert "create_table" not in written

    again = run(copy, "Nothing more")
    assert again.returncode == 0, again.stderr
    assert "add_column" not in Path(again.stdout.splitlines()[-1]).read_text()


def test_without_a_message_it_says_how_to_use_it(copy: Path) -> None:
    done = run(copy)
    assert done.returncode == 1
    assert "what changed" in done.stderr
