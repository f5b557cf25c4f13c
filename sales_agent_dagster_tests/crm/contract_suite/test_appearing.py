"""What people create while we sync, on every vendor's stand-in; and values that look empty."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Connector, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.warehouse.schema import crm_link
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand
from sales_agent_dagster_tests.stages.crm.wanting import company, want

JO = {"contact_name": "Jo Doe", "email": "jo@acme.example"}


def appeared(connector: Connector, since: Any = None) -> list[Record]:
    found: list[Record] = []
    for stream in connector.capabilities.streams:
        found += connector.appeared(stream.name, since)
    return found


def test_only_what_others_created_appears(syncs: Syncs, stand: Stand) -> None:
    early = stand.add(company="Early")
    stand.advance(600)
    began = stand.now() - timedelta(seconds=1)
    want(syncs.warehouse, "batch-1", [company("E1", city="Akron", contacts=[JO])])
    syncs()
    late = [stand.add(company=f"Late {n}", phone=f"+1330555010{n}") for n in range(3)]
    stand.advance(1)
    assert {one.remote_id for one in appeared(stand.connector) if one.kind is Kind.COMPANY} == {early, *late}
    found = [one for one in appeared(stand.connector, began) if one.kind is Kind.COMPANY]
    assert sorted(one.remote_id for one in found) == sorted(late)
    assert {one.fields["company"] for one in found} == {"Late 0", "Late 1", "Late 2"}
    assert [one for one in appeared(stand.connector) if one.kind is Kind.CONTACT] == []


def test_many_appear_past_every_page(syncs: Syncs, stand: Stand) -> None:
    ids = {stand.add(company=f"Firm {n}") for n in range(205)}
    assert {one.remote_id for one in appeared(stand.connector)} == ids


def test_who_appears_between_pull_and_push_is_not_doubled(syncs: Syncs, stand: Stand) -> None:
    fields = {"phone": "+13305550117", "website": "https://zedwick.example"}
    want(syncs.warehouse, "batch-1", [company("E1"), company("E2", **fields)])
    known = stand.connector.appeared
    added: list[str] = []
    one = threading.Lock()

    def late(stream: str, since: Any) -> Any:
        with one:
            if not added:
                added.append(stand.add(**fields | {"company": "Acme E2"}))
        return known(stream, since)

    stand.connector.appeared = late  # type: ignore[method-assign]
    syncs()
    assert len(stand.companies()) == 2
    with syncs.warehouse.reading() as connection:
        query = sa.select(crm_link.c.remote_id, crm_link.c.state).where(crm_link.c.external_key == "E2")
        [(remote_id, state)] = connection.execute(query).tuples()
    assert remote_id == added[0]
    assert state in ("linked", "review")


def test_a_zero_is_a_value(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company("E1", score=0.0)])
    syncs()
    stand.clear_log()
    card = syncs()
    assert (card["human_changes"], card["planned_updates"], stand.writes()) == (0, 0, 0)
    [record] = stand.companies()
    assert record.fields["score"] == 0.0
