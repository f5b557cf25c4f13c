"""The command as a whole: help, version, start-up, encodings, signals."""

import subprocess
import sys
from pathlib import Path

import pytest

from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster_tests.cli.conftest import Cli, clean_environment

HEAVY = ("dagster", "langgraph", "pandas", "numpy", "phonenumbers")
COMMANDS = ("demo", "run", "status", "lead", "query", "doctor", "ui")


@pytest.mark.parametrize("arguments", [("--help",), *((command, "--help") for command in COMMANDS)])
def test_help_of_everything(shell: Cli, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Usage: ")
    assert "\x1b" not in outcome.out
    assert not set("╭│─") & set(outcome.out)


def test_help_tells_commands_and_exit_codes(cli: Cli) -> None:
    out = cli("--help").out
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert "Exit codes: 0 all good" in out


@pytest.mark.parametrize("group", [(), ("crm",)])
def test_no_command_is_told_in_half_a_sentence(shell: Cli, group: tuple[str, ...]) -> None:
    listed = shell(*group, "--help", COLUMNS="80").out.partition("Commands:\n")[2].partition("\n\n")[0]
    lines = listed.splitlines()
    assert len(lines) > 8
    assert [line for line in lines if line.endswith("...") or not line.endswith(".")] == []


def test_version(cli: Cli) -> None:
    assert cli("--version").out == "sales-agent 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("nothing",), ("run",), ("lead",), ("ui", "--port", "0"), ("--wrong",), ("run", "--wrong", "x")],
)
def test_wrong_usage_is_code_2_without_traceback(cli: Cli, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["status"], ["status", "--json"], ["query", "select 1"], ["doctor"]],
)
def test_reading_commands_import_nothing_heavy(home: Path, arguments: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['sales-agent', *{arguments!r}]\n"
        "from sales_agent_dagster.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(home),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_output_in_an_encoding_that_lacks_characters(shell: Cli) -> None:
    shell("status")
    outcome = shell("query", "select 'Grüße ☃' as x", PYTHONIOENCODING="ascii")
    assert outcome.code == 0
    assert "Gr\\xfc\\xdfe \\u2603" in outcome.out


def test_a_reader_that_leaves_early_is_no_error(shell: Cli, home: Path) -> None:
    shell("status")
    numbers = (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select i from n"
    )
    command = [sys.executable, "-m", "sales_agent_dagster.cli", "query", numbers]
    for output in ("csv", "json", "table"):
        process = subprocess.Popen(
            [*command, "--format", output, "--limit", "50000"],
            env=clean_environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait() in (0, 1)
