"""The whole sync with Close."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import MakeConnector
from sales_agent_dagster_tests.crm.close.world import CloseWorld
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, want

FIRMS = 6


@pytest.fixture
def world(close: RunningClose, connector_to: MakeConnector) -> CloseWorld:
    return CloseWorld(close, lambda: connector_to(longest_wait_s=10_000.0))


def synced(warehouse: Warehouse, world: CloseWorld, **options: Any) -> dict[str, Any]:
    return sync(context_of(warehouse, world.connector, lambda: world.now, **options))


def left(warehouse: Warehouse, world: CloseWorld) -> list[Any]:
    return pending(context_of(warehouse, world.connector, lambda: world.now))


def firms(score: float, **more: Any) -> list[dict[str, Any]]:
    return [
        company(f"E{n}", score=score, phone=f"+1330555010{n}", contacts=[person(n)], **more)
        for n in range(FIRMS)
    ]


def person(number: int) -> dict[str, Any]:
    return {"contact_name": f"Jo {number}", "email": f"jo{number}@acme{number}.com"}


def test_first_and_second_sync(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    want(sqlite_warehouse, "batch-1", firms(50.0, city="Akron", state="OH"))
    card = synced(sqlite_warehouse, world)
    assert (card["created"], card["rejected"], card["still_unknown"]) == (2 * FIRMS, 0, 0)
    before = len(world.writes())
    cards = []
    for seconds in (0, 3_600):
        world.tick(seconds)
        cards.append(synced(sqlite_warehouse, world))
    assert [(card["planned_creates"], card["planned_updates"]) for card in cards] == [(0, 0)] * 2
    assert [card["human_changes"] for card in cards] == [0, 0], "Close gives a new lead its status itself"
    assert len(world.writes()) == before
    assert left(sqlite_warehouse, world) == []


def test_a_dry_run_writes_nothing(
    sqlite_warehouse: Warehouse, world: CloseWorld, connector_to: MakeConnector
) -> None:
    want(sqlite_warehouse, "batch-1", firms(50.0))
    dry = connector_to(dry_run=True)
    card = sync(context_of(sqlite_warehouse, dry, lambda: world.now, live=False))
    assert card["planned_creates"] == 2 * FIRMS
    assert world.writes() == []


def test_a_rep_edits_what_is_theirs_and_what_is_ours(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    leads = want(sqlite_warehouse, "batch-1", firms(50.0, city="Akron"))
    synced(sqlite_warehouse, world)
    synced(sqlite_warehouse, world)
    record = next(each for each in world.living() if each.external_key == "E0")
    world.tick(3_600)
    world.edit(
        Kind.COMPANY, record.remote_id, company="Acme Power", score=1.0, city="Kent", status="Qualified"
    )
    world.tick(60)
    rewant(sqlite_warehouse, "batch-1", leads, firms(70.0, city="Stow"), at=world.now)
    card = synced(sqlite_warehouse, world)
    assert card["human_changes"] == 4
    record = world.connector.read(Kind.COMPANY, [record.remote_id])[record.remote_id]
    assert {name: record.fields[name] for name in ("company", "score", "city", "status")} == {
        "company": "Acme Power",
        "score": 70.0,
        "city": "Kent",
        "status": "Qualified",
    }
    assert left(sqlite_warehouse, world) == []


def test_an_opt_out_in_close_stops_contact_and_draft(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    world.unsubscribe("JO0@acme0.com")
    want(sqlite_warehouse, "batch-1", firms(50.0))
    synced(sqlite_warehouse, world)
    emails = {record.fields.get("email") for record in world.living(Kind.CONTACT)}
    assert emails == {f"jo{n}@acme{n}.com" for n in range(1, FIRMS)}
