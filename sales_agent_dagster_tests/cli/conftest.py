"""Runs the command: ``cli`` within the test's process, ``shell`` as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sales_agent_dagster.cli.main import main
from sales_agent_dagster.settings import PROJECT_ROOT, Settings, load_settings
from sales_agent_dagster.warehouse.database import Warehouse


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a process whose state is under ``home``; nothing else of ours is set."""
    ours = ("SALES_AGENT_", "DAGSTER_", "CEREBRAS_", "REDIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "SALES_AGENT_HOME": str(home),
        "SALES_AGENT_INCOMING_DIR": str(home / "incoming"),
        **variables,
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``SALES_AGENT_HOME`` of this test, not there yet."""
    folder = tmp_path / "home"
    wanted = clean_environment(folder)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """``cli("status", "--json")`` runs the command on ``home``."""

    def invoke(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["sales-agent", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return Outcome(int(stopped.value.code or 0), captured.out, captured.err)

    return invoke


def run_process(home: Path, *arguments: str, cwd: Path = PROJECT_ROOT, **variables: str) -> Outcome:
    """Run ``sales-agent`` as a process, its output through pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "sales_agent_dagster.cli", *arguments],
        env=clean_environment(home, **variables),
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(home: Path) -> Cli:
    """``shell("run", "x.csv", NO_COLOR="1")`` runs the command on ``home`` as a process."""

    def invoke(*arguments: str, **variables: str) -> Outcome:
        return run_process(home, *arguments, **variables)

    return invoke


@pytest.fixture
def home_settings(home: Path) -> Settings:
    """Settings of the test's home."""
    return load_settings(_env_file=None)


@pytest.fixture
def home_warehouse(home_settings: Settings) -> Iterator[Warehouse]:
    """The warehouse of the test's home, migrated."""
    home_settings.home.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(home_settings.warehouse_url.get_secret_value())
    warehouse.migrate()
    yield warehouse
    warehouse.dispose()


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The home and the output of one ``demo`` on nothing, as a process. Read only: copy it to go on."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, run_process(home, "demo")


@pytest.fixture
def demo_home(demo_run: tuple[Path, Outcome], home: Path) -> Path:
    """This test's home, as ``demo`` left it."""
    shutil.copytree(demo_run[0], home)
    return home
