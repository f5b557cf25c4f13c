from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import sales_agent_dagster
from sales_agent_dagster.warehouse import migrating
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrations import __main__ as command
from sales_agent_dagster.warehouse.schema import METADATA

PACKAGE = Path(sales_agent_dagster.__file__).parent
COMMAND = (sys.executable, "-m", "sales_agent_dagster.warehouse.migrations")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package whose migrations a test may add to."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Without coverage's variables: the copy is not the package that is measured.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment = {**outer, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
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
    number = f"{len(migrating.revisions()) + 1:04d}"
    path = Path(done.stdout.splitlines()[-1])
    assert path.name == f"{number}_a_motto.py"
    written = path.read_text()
    assert f"down_revision = '{migrating.revisions()[-1]}'" in written
    assert "add_column(sa.Column('motto', sa.Text(), nullable=True" in written
    assert "sa.Column('seen_at', sa.DateTime(timezone=True)" in written
    assert "create_table" not in written

    again = run(copy, "Nothing more")
    assert again.returncode == 0, again.stderr
    assert "add_column" not in Path(again.stdout.splitlines()[-1]).read_text()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations folder in the place of the real one."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrating.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrating, "MIGRATIONS", folder)
    monkeypatch.setattr(command, "MIGRATIONS", folder)
    return folder / "versions"


def test_an_unchanged_schema_makes_an_empty_revision(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = migrating.revisions()
    command.main(["Views only"])
    path = Path(capsys.readouterr().out.splitlines()[-1])
    assert path.parent == scratch
    assert "op." not in path.read_text().replace("import op", "")
    assert migrating.revisions() == (*before, f"{len(before) + 1:04d}")


def test_without_revisions_the_first_makes_the_whole_schema(scratch: Path, empty_postgres_url: str) -> None:
    for path in scratch.glob("0*.py"):
        path.unlink()
    written = command.write_revision("Everything", empty_postgres_url)
    assert written.name == "0001_everything.py"
    made = set(re.findall(r"op\.create_table\('(\w+)'", written.read_text()))
    assert made == set(METADATA.tables)
    warehouse = Warehouse(empty_postgres_url)
    warehouse.migrate()
    with warehouse.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    warehouse.dispose()


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"]])
def test_with_other_arguments_it_says_how_to_use_it(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="what changed"):
        command.main(arguments)
