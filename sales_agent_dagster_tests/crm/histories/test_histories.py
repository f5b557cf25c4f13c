"""A few histories of each vendor, and that they find what is wrong.

``benchmarks.crm_histories`` lives thousands.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm import merging
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster.stages.crm import syncing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_outbox
from sales_agent_dagster_tests.crm.histories.running import Lives

VENDORS = ("close", "hubspot", "salesforce_accounts", "salesforce_leads")


@pytest.fixture
def lives(sqlite_warehouse: Warehouse) -> Iterator[Lives]:
    lives = Lives(sqlite_warehouse)
    yield lives
    lives.machine.close()


@pytest.mark.parametrize("vendor", VENDORS)
def test_histories_end_well(lives: Lives, vendor: str) -> None:
    assert {seed: lives(vendor, seed).faults for seed in (1, 2, 3)} == {1: [], 2: [], 3: []}


def test_a_history_is_told_by_its_seed(lives: Lives) -> None:
    first, again, other = (lives.history("close", seed)[0].story for seed in (1, 1, 2))
    assert first == again != other


def test_what_was_sent_and_taken_for_not_done_is_found(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(context: SyncContext, connection: sa.Connection) -> None:
        state = crm_outbox.c.state
        connection.execute(sa.update(crm_outbox).where(state == "sending").values(state="failed"))

    monkeypatch.setattr(syncing, "give_up_leftovers", forget)
    assert told(lives, "was created 2 times", "it does not end")


def test_writing_over_a_person_is_found(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(merging._REASONS, Rule.FILL_IF_EMPTY, lambda sides: "ours")
    assert told(lives, "against a person's edit")


def told(lives: Lives, *faults: str) -> bool:
    """Whether one of some histories ends with one of these."""
    lines = (line for seed in range(1, 41) for line in lives("close", seed).faults)
    return any(fault in line for line in lines for fault in faults)
