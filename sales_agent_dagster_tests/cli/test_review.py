"""``sales-agent review`` and ``unmerge``: listed, answered by argument, answered on a terminal, undone."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_reviews, resolved_leads
from sales_agent_dagster_tests.cli.conftest import Cli, clean_environment
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import ACME, ACME_AGAIN, ACME_MAYBE, ZENITH

NAME = "Acme Generator Service LLC"


@pytest.fixture
def leads(home_settings: Settings, home_warehouse: Warehouse) -> list[str]:
    """A company of two leads, another one, and two leads that may be the first."""
    rows = [ACME, ZENITH, ACME_AGAIN, {**ACME_MAYBE, "contact_name": "\x1b[31mJo"}]
    ids = seed_batch(home_warehouse, "batch-1", rows)
    profile = load_profile(home_settings.profile_path)
    context = StageContext(home_warehouse, home_settings, profile, ScorecardEngine(), "batch-1", "run-1")
    asyncio.run(ResolvedLeads().run(context))
    return ids


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def decision(warehouse: Warehouse, lead_id: str) -> str:
    found = {row["lead_id"]: row["decision"] for row in rows(warehouse, resolved_leads)}
    return str(found[lead_id])


def test_the_queue_is_listed(cli: Cli, leads: list[str], home_warehouse: Warehouse) -> None:
    [review] = rows(home_warehouse, identity_reviews)
    for arguments in (["review", "--list"], ["review"]):
        outcome = cli(*arguments)
        assert outcome.code == 0
        for words in (review["review_id"], leads[3], NAME, "name equal (+", "1 open review. ", "--accept ID"):
            assert words in outcome.out


def test_an_empty_queue_is_said(cli: Cli) -> None:
    assert cli("review", "--list").out == "Nothing to review.\n"


def test_answers_by_argument(cli: Cli, leads: list[str], home_warehouse: Warehouse) -> None:
    [review] = rows(home_warehouse, identity_reviews)
    outcome = cli("review", "--accept", review["review_id"])
    assert outcome.code == 0
    assert f"{leads[3]}: merge, company E" in outcome.out
    assert "outdated, run them again: file-batch-1.csv." in outcome.out
    assert decision(home_warehouse, leads[3]) == "merge"
    outcome = cli("review", "--reject", review["review_id"])
    assert f"{leads[3]}: new, company E" in outcome.out
    assert "Nothing to review" in cli("review", "--list").out
    outcome = cli("review", "--reject", review["review_id"])
    assert "outdated" not in outcome.out


def test_an_unknown_review_is_told_what_to_do(cli: Cli, leads: list[str]) -> None:
    outcome = cli("review", "--accept", "R\x1b[31m")
    assert outcome.code == 1
    assert "sales-agent review --list" in outcome.err
    assert "\x1b" not in outcome.err


def test_unmerge(cli: Cli, leads: list[str], home_warehouse: Warehouse) -> None:
    assert decision(home_warehouse, leads[2]) == "merge"
    outcome = cli("unmerge", leads[2])
    assert (outcome.code, outcome.out.startswith(f"{leads[2]}: new, company E")) == (0, True)
    assert decision(home_warehouse, leads[2]) == "new"
    outcome = cli("unmerge", leads[1])
    assert (outcome.code, outcome.err) == (1, f"Error: Lead {leads[1]} is not merged with any other.\n")


def test_a_lead_shows_why_it_is_which_company(cli: Cli, leads: list[str]) -> None:
    out = cli("lead", leads[2]).out
    assert "Identity: merge, company E" in out
    assert f"Same as {leads[0]} {NAME}: " in out
    waterfall = out[out.index("Evidence") :]
    for words in (
        "phone",
        "3305550101",
        "equal",
        "prior",
        "before anything is compared",
        "total",
        "probability",
    ):
        assert words in waterfall
    assert "Identity" not in cli("lead", leads[0]).out


@pytest.mark.parametrize(
    ("typed", "decided", "said"),
    [
        ("x\na\n", "merge", "Nothing more to review."),
        ("r\n", "new", "Nothing more to review."),
        ("s\n", "review", "Nothing more to review."),
        ("q\n", "review", "are these one company?"),
        ("\x04", "review", "[a]ccept"),
    ],
)
def test_on_a_terminal_it_asks(
    leads: list[str], home: Path, home_warehouse: Warehouse, typed: str, decided: str, said: str
) -> None:
    master, terminal = pty.openpty()
    os.write(master, typed.encode())
    done = subprocess.run(
        [sys.executable, "-m", "sales_agent_dagster.cli", "review"],
        env=clean_environment(home),
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    os.close(master)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout
    assert NAME in done.stdout
    assert "\x1b" not in done.stdout
    assert decision(home_warehouse, leads[3]) == decided
