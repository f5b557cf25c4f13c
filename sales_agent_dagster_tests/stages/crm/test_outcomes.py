"""What became of companies: each outcome once, whoever tells it and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, EventAction, Page, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.linking import link
from sales_agent_dagster.stages.crm.pulling import pull, store_page
from sales_agent_dagster.stages.crm.stored import Link, save_links
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_outcomes, suppression
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want

JO = {"contact_name": "Jo Doe", "email": "Jo@acme.example"}


def outcomes(warehouse: Warehouse) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(crm_outcomes)).mappings()]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_it_is_one_in_any_order(sqlite_warehouse: Warehouse, order: tuple[int, ...]) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1")])
    run_sync(sqlite_warehouse, crm)
    [firm] = crm.living()

    def opted_out(at: datetime, **more: Any) -> Page:
        fields = {"email": "JO@acme.example", "email_opt_out": True}
        return Page([Record(Kind.CONTACT, "cont_1", fields, at, company_id=firm.remote_id, **more)])

    event = Event(
        "ev_1", EventAction.UNSUBSCRIBED, Kind.CONTACT, "unsub_1", crm.now, address="jo@acme.example"
    )
    later = crm.now + timedelta(seconds=50)
    pages = [Page(events=[event]), opted_out(later), opted_out(later + timedelta(days=1), writer="somebody")]
    for number in order:
        store_page(context_of(sqlite_warehouse, crm, lambda: crm.now), pages[number])
    [row] = outcomes(sqlite_warehouse)
    assert (row["entity_id"], row["outcome"]) == ("E1", "unsubscribed")
    if order[0] == 0:
        assert row["happened_at"] == event.updated_at, "whose it is was told later, and changes no date"
    with sqlite_warehouse.reading() as connection:
        assert len(connection.scalars(sa.select(suppression.c.token)).all()) == 1


def test_an_opt_out_of_nobody_known_is_kept(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    at = crm.tick(60)
    known = Event("ev_1", EventAction.UNSUBSCRIBED, Kind.CONTACT, "unsub_1", at, address="jo@acme.example")
    hidden = Event("ev_2", EventAction.UNSUBSCRIBED, Kind.CONTACT, "unsub_2", at)
    crm.events += [known, known, hidden]
    pull(context_of(sqlite_warehouse, crm, lambda: crm.now))
    [row] = outcomes(sqlite_warehouse)
    assert (row["remote_id"], row["entity_id"], row["happened_at"]) == ("unsub_1", None, at)


def test_replies_are_each_an_outcome(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO])])
    run_sync(sqlite_warehouse, crm)
    [firm], [person] = crm.living(), crm.living(Kind.CONTACT)
    for number, (kind, remote_id) in enumerate(
        [(Kind.COMPANY, firm.remote_id), (Kind.CONTACT, person.remote_id), (Kind.CONTACT, "cont_unknown")]
    ):
        crm.events.append(Event(f"reply_{number}", EventAction.REPLIED, kind, remote_id, crm.tick()))
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
    found = sorted(
        (row["outcome"], row["kind"], row["entity_id"])
        for row in outcomes(sqlite_warehouse)
        if row["entity_id"]
    )
    assert found == [("replied", "company", "E1"), ("replied", "contact", "E1")]
    assert len(outcomes(sqlite_warehouse)) == 3


def test_an_outcome_of_a_record_that_was_merged_is_its_survivor_s(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO])])
    run_sync(sqlite_warehouse, crm)
    [firm], [person] = crm.living(), crm.living(Kind.CONTACT)
    between, last = crm.add(company="Acme Ohio"), crm.add(company="Acme of Akron")
    pull(context_of(sqlite_warehouse, crm, lambda: crm.now))
    reply = Event("reply_1", EventAction.REPLIED, Kind.COMPANY, firm.remote_id, crm.tick())
    by_person = Event("reply_2", EventAction.REPLIED, Kind.CONTACT, person.remote_id, crm.tick())
    crm.merge(firm.remote_id, between)
    crm.merge(between, last)
    # Nothing has told yet where the person went.
    crm.records[Kind.CONTACT, person.remote_id] = person
    crm.events += [reply, by_person]
    run_sync(sqlite_warehouse, crm)
    found = {(row["kind"], row["company_id"], row["entity_id"]) for row in outcomes(sqlite_warehouse)}
    assert found == {("company", firm.remote_id, "E1"), ("contact", firm.remote_id, "E1")}


@pytest.mark.parametrize("merged", [False, True])
def test_an_outcome_tells_its_company_once_the_record_is_linked(
    sqlite_warehouse: Warehouse, merged: bool
) -> None:
    crm = FakeCrm()
    theirs, stranger = crm.add(company="Acme Pumps", website="acme.example"), crm.add(company="Another")
    crm.events += [
        Event(f"reply_{number}", EventAction.REPLIED, Kind.COMPANY, firm, crm.tick())
        for number, firm in enumerate((theirs, stranger))
    ]
    run_sync(sqlite_warehouse, crm)
    assert {row["entity_id"] for row in outcomes(sqlite_warehouse)} == {None}
    survivor = theirs
    if merged:
        survivor = crm.add(company="Acme Pumps", website="acme.example")
        crm.merge(theirs, survivor)
    run_sync(sqlite_warehouse, crm)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    with sqlite_warehouse.transaction() as connection:
        save_links(context, connection, [Link(Kind.COMPANY, "E1", "E1", survivor, "linked", "matched", "")])
    link(context)
    assert {row["company_id"]: row["entity_id"] for row in outcomes(sqlite_warehouse)} == {
        theirs: "E1",
        stranger: None,
    }


def test_records_that_were_merged_in_a_ring_keep_nobody_busy(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    ids = [crm.add(company=name) for name in ("Acme", "Bolt")]
    for source, target in (ids, ids[::-1]):
        crm.records[Kind.COMPANY, source] = replace(
            crm.records[Kind.COMPANY, source], archived=True, merged_into=target
        )
    crm.events.append(Event("reply_1", EventAction.REPLIED, Kind.COMPANY, ids[0], crm.tick()))
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
    assert [row["entity_id"] for row in outcomes(sqlite_warehouse)] == [None]


@pytest.mark.parametrize(
    ("states", "whose"),
    [
        ({"E1": "rejected", "E2": "linked"}, "E2"),
        ({"E1": "linked", "E2": "rejected"}, "E1"),
        ({"E1": "shared", "E2": "linked"}, "E2"),
        ({"E1": "review"}, None),
        ({"E1": "gone"}, "E1"),
    ],
)
def test_an_outcome_is_of_the_company_that_has_the_record(
    sqlite_warehouse: Warehouse, states: dict[str, str], whose: str | None
) -> None:
    crm = FakeCrm()
    firm = crm.add(company="Acme")
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    links = [
        Link(Kind.COMPANY, key, key, firm, state, "matched", "It is the same.")
        for key, state in states.items()
    ]
    with sqlite_warehouse.transaction() as connection:
        save_links(context, connection, links)
    reply = Event("reply_1", EventAction.REPLIED, Kind.COMPANY, firm, crm.tick())
    store_page(context, Page(events=[reply]))
    assert [row["entity_id"] for row in outcomes(sqlite_warehouse)] == [whose]


def test_a_won_opportunity_makes_a_customer_and_a_lost_one_does_not(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    keys = {"won": "E1", "lost": "E2", "open": "E3"}
    leads = want(sqlite_warehouse, "batch-1", [company(key, score=1.0) for key in keys.values()])
    run_sync(sqlite_warehouse, crm)
    ids = {record.external_key: record.remote_id for record in crm.living()}
    for outcome, key in keys.items():
        closed = {} if outcome == "open" else {"closed_at": "2026-03-02T00:00:00+00:00", "value": 500.0}
        crm.add(Kind.OPPORTUNITY, company_id=ids[key], outcome=outcome, **closed)
    newer = [company(key, score=2.0) for key in keys.values()]
    rewant(sqlite_warehouse, "batch-1", leads, newer, at=crm.tick(60))
    assert run_sync(sqlite_warehouse, crm)["updated"] == 2
    found = {(row["outcome"], row["entity_id"], row["value"]) for row in outcomes(sqlite_warehouse)}
    assert found == {("won", "E1", 500.0), ("lost", "E2", 500.0)}
    assert {row["happened_at"] for row in outcomes(sqlite_warehouse)} == {datetime(2026, 3, 2, tzinfo=UTC)}
    scores = {record.external_key: record.fields["score"] for record in crm.living()}
    assert scores == {"E1": 1.0, "E2": 2.0, "E3": 2.0}
