"""The README says what the product does today."""

import re
import subprocess
import sys
from pathlib import Path

from docs import readme
from sales_agent_dagster.settings import PROJECT_ROOT, Settings

TEXT = readme.README.read_text(encoding="utf-8")


def test_output_blocks_are_what_the_commands_print() -> None:
    assert "<!-- output: sales-agent demo -->" in TEXT
    assert readme.comparable(readme.rendered(TEXT)) == readme.comparable(TEXT)


def test_comparing_ignores_times_but_nothing_else() -> None:
    assert readme.comparable("200 rows in 3.2 s") == readme.comparable("200 rows in 41 s")
    assert readme.comparable("200 rows") != readme.comparable("201 rows")


def test_every_command_named_exists() -> None:
    help_text = subprocess.run(
        [Path(sys.executable).with_name("sales-agent"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in set(re.findall(r"sales-agent ([a-z]+)", TEXT)):
        assert re.search(rf"\b{command}\b", help_text), command
    targets = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z]+)", TEXT)):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target


def test_every_setting_named_exists() -> None:
    for name in set(re.findall(r"SALES_AGENT_([A-Z_]+)", TEXT)):
        assert name.split("__")[0].lower() in Settings.model_fields, name


def test_every_relative_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", TEXT):
        assert (PROJECT_ROOT / link).exists(), link
