"""A few histories of each vendor; ``benchmarks.crm_histories`` lives thousands. And that they find what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sales_agent_dagster.crm import merging
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster.stages.crm import syncing
from sales_agent_dagster.warehouse.database import Warehouse
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


def forget_leftovers(context: SyncContext, connection: sa.Connection) -> None:
    """Takes what may have been sent for not done."""
    connection.execute(sa.update(crm_outbox).where(crm_outbox.c.state == "sending").values(state="failed"))


SABOTAGES: dict[str, tuple[Any, str, Any]] = {
    "was created 2 times": (syncing, "give_up_leftovers", forget_leftovers),
    "against a person's edit": (merging, "_fill_if_empty", lambda sides: "ours"),
    "is not there": (linking, "_by_key", None),
}
"""What histories say when a part of the engine is another one."""


@pytest.mark.parametrize(
    ("said", "seeds"), [("was created 2 times", (14, 25, 26)), ("against a person's edit", (1, 2, 3))]
)
def test_histories_find_what_is_wrong(
    lives: Lives, monkeypatch: pytest.MonkeyPatch, said: str, seeds: tuple[int, ...]
) -> None:
    module, name, broken = SABOTAGES[said]
    monkeypatch.setattr(module, name, broken)
    monkeypatch.setitem(merging._REASONS, Rule.FILL_IF_EMPTY, merging._fill_if_empty)
    assert any(said in fault for seed in seeds for fault in lives("close", seed).faults)
