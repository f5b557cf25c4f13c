from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_link
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


def state(warehouse: Warehouse) -> str:
    with warehouse.reading() as connection:
        return str(connection.scalar(sa.select(crm_link.c.state)))


def restore(crm: FakeCrm, remote_id: str) -> None:
    record = crm.records[Kind.COMPANY, remote_id]
    crm.records[Kind.COMPANY, remote_id] = replace(record, archived=False, modified_at=crm.tick())


def test_a_restored_record_is_linked_again(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    [lead] = want(sqlite_warehouse, "batch-1", [company(score=1.0)])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(60)
    crm.delete(Kind.COMPANY, record.remote_id)
    run_sync(sqlite_warehouse, crm)
    assert state(sqlite_warehouse) == "gone"
    crm.tick(60)
    restore(crm, record.remote_id)
    rewant(sqlite_warehouse, "batch-1", [lead], [company(score=2.0)], at=crm.now)
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["updated"], state(sqlite_warehouse)) == (0, 1, "linked")
    assert [one.fields["score"] for one in crm.living()] == [2.0]


def test_a_deletion_older_than_the_living_record_is_no_deletion(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company()])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(60)
    crm.delete(Kind.COMPANY, record.remote_id)
    late = crm.events.pop()
    crm.tick(60)
    restore(crm, record.remote_id)
    run_sync(sqlite_warehouse, crm)
    crm.events.append(late)
    run_sync(sqlite_warehouse, crm)
    assert state(sqlite_warehouse) == "linked"


def test_a_restored_record_stays_with_whom_it_was_given_meanwhile(sqlite_warehouse: Warehouse) -> None:
    from sales_agent_dagster.stages.crm.following import revive
    from sales_agent_dagster.stages.crm.stored import Link, links_to, save_links

    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    links = [
        Link(Kind.COMPANY, key, key, "r1", held, "matched", "why")
        for key, held in (("E1", "gone"), ("E2", "linked"), ("E3", "gone"))
    ]
    with sqlite_warehouse.transaction() as connection:
        save_links(context, connection, links)
        revive(context, connection, Kind.COMPANY, ["r1"])
        found = links_to(connection, context.crm, Kind.COMPANY, ["r1"])["r1"]
    assert {link.external_key: link.state for link in found} == {"E1": "gone", "E2": "linked", "E3": "gone"}


def test_what_a_merge_does_not_take_along_is_due_again(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    wanted = company(score=1.0, city="Akron", next_step="Call.", brands="A, B", street="1 Main St")
    want(sqlite_warehouse, "batch-1", [wanted])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(60)
    crm.edit(Kind.COMPANY, record.remote_id, street="2 Elm St")
    run_sync(sqlite_warehouse, crm)
    crm.merge(record.remote_id, crm.add(company="Somebody"))
    crm.tick(60)
    run_sync(sqlite_warehouse, crm)
    [survivor] = crm.living()
    ours = {"score": 1.0, "city": "Akron", "next_step": "Call.", "brands": "A, B"}
    assert ours.items() <= survivor.fields.items()
    assert "street" not in survivor.fields, "a person had typed another one"
    crm.edit(Kind.COMPANY, survivor.remote_id, city=None)
    crm.tick(60)
    run_sync(sqlite_warehouse, crm)
    assert "city" not in crm.records[Kind.COMPANY, survivor.remote_id].fields


def test_nobody_cleared_the_fields_of_a_record_that_is_gone(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company(city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.merge(record.remote_id, crm.add(company="Somebody"))
    left = crm.records[Kind.COMPANY, record.remote_id]
    crm.records[Kind.COMPANY, record.remote_id] = replace(left, fields={}, modified_at=crm.tick(60))
    run_sync(sqlite_warehouse, crm)
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_changes.c.field)).all() == []
