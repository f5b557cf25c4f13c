"""``sales-agent lead``: finds one lead and explains it."""

import json

import pytest

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import campaign_messages, imported_leads
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.rows import CREATED, seed_batch

FACTORS = [{"name": "multi_oem", "value": 80, "weight": 0.25, "points": 20.0, "evidence": "4 brands [/]"}]
MESSAGE = {
    "channel": "email",
    "variant": "A",
    "subject": "Hello \x1b[2J",
    "body": "Dear A,\n\nHello.",
    "word_count": 3,
    "fact_ids": "f1",
    "template_version": "1",
    "run_id": "run-0",
    "created_at": CREATED,
}


@pytest.fixture
def leads(home_warehouse: Warehouse) -> list[str]:
    """Ids of three leads; the first is fully worked out."""
    rows = [
        {
            "company_name": "Alpha [red]Power",
            "city": "Salem",
            "state": "OR",
            "qualified_leads": {
                "score": 81.0,
                "tier": "PLATINUM",
                "summary": "Four brands.",
                "factors": FACTORS,
                "next_steps": "Call.\nWrite.",
            },
        },
        {"company_name": "Beta Power"},
        {
            "company_name": "Gamma % Electric",
            "qualified_leads": {"status": "skipped", "reason": "dup", "score": None},
        },
    ]
    seed_batch(home_warehouse, "batch-1", rows, through="crm_synced_leads")
    with home_warehouse.transaction() as connection:
        query = imported_leads.select().order_by(imported_leads.c.record_no)
        ids = [row.lead_id for row in connection.execute(query)]
        message = {"batch_id": "batch-1", "lead_id": ids[0], **MESSAGE}
        home_warehouse.upsert(connection, campaign_messages, [message])
    return ids


def test_everything_about_a_lead(cli: Cli, leads: list[str]) -> None:
    outcome = cli("lead", leads[0])
    assert outcome.code == 0
    for words in (
        "Alpha [red]Power\nSalem, OR",
        "Score 81 of 100, PLATINUM, confidence 50%",
        "multi_oem",
        "+20",
        "4 brands [/]",
        "Next: Call.\nNext: Write.",
        "crm_synced_leads",
        "1 draft, nothing is sent",
        "Subject: Hello \\x1b[2J",
        "Dear A,\n\nHello.",
    ):
        assert words in outcome.out
    assert "\x1b" not in outcome.out


def test_a_lead_without_score_or_drafts(cli: Cli, leads: list[str]) -> None:
    outcome = cli("lead", "gamma %")
    assert outcome.code == 0
    assert "Score" not in outcome.out
    assert "draft" not in outcome.out
    assert "dup" in outcome.out


@pytest.mark.parametrize("wanted", ["alpha", "ALPHA [RED]"])
def test_part_of_the_name_is_enough(cli: Cli, leads: list[str], wanted: str) -> None:
    assert json.loads(cli("lead", wanted, "--json").out)["imported_leads"]["lead_id"] == leads[0]


def test_json_has_all_stages_and_drafts(cli: Cli, leads: list[str]) -> None:
    shown = json.loads(cli("lead", leads[0], "--json").out)
    assert shown["qualified_leads"]["factors"] == FACTORS
    assert shown["campaign_messages"][0]["subject"] == MESSAGE["subject"]
    assert list(shown)[-2] == "crm_synced_leads"


def test_several_are_listed(cli: Cli, leads: list[str]) -> None:
    outcome = cli("lead", "power")
    assert (outcome.code, outcome.out) == (2, "")
    assert "2 leads fit" in outcome.err
    assert leads[0] in outcome.err
    assert leads[1] in outcome.err
    assert leads[2] not in outcome.err


def test_many_are_cut(cli: Cli, home_warehouse: Warehouse) -> None:
    seed_batch(home_warehouse, "batch-1", [{"company_name": f"Same {n}"} for n in range(30)])
    outcome = cli("lead", "same")
    assert "More than 20 leads fit" in outcome.err
    assert len(outcome.err.splitlines()) == 22


def test_none_is_code_1(cli: Cli, leads: list[str]) -> None:
    outcome = cli("lead", "\x1b[31mzeta%")
    assert (outcome.code, outcome.out) == (1, "")
    assert "\x1b" not in outcome.err
    assert "No lead" in outcome.err
