from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Operation, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.following import archive, revive, shared_where_taken
from sales_agent_dagster.stages.crm.planning import Step, plan
from sales_agent_dagster.stages.crm.stored import Link, links_to, save_links, save_snapshots, snapshots_of
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


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("survivor", ["ours", "theirs", "not seen yet"])
def test_what_we_wrote_to_a_survivor_in_passing_is_no_person_s_edit(
    sqlite_warehouse: Warehouse, survivor: str, lost: bool
) -> None:
    """A record is merged away right before its update, and the CRM writes that to the survivor."""
    crm = FakeCrm(batch=1)
    crm.lets_through = True
    crm.fault = lambda operation: "lost" if lost and operation.remote_id else None
    keys = ["E1", "E2"] if survivor == "ours" else ["E1"]
    wanted = [company(key, score=float(at), next_step=f"Step {key}") for at, key in enumerate(keys)]
    wanted[-1]["company"] |= {"street": "1 Main St"} if survivor == "ours" else {}
    leads = want(sqlite_warehouse, "batch-1", wanted)
    targets = [crm.add(company="Theirs")] if survivor == "theirs" else []
    run_sync(sqlite_warehouse, crm)
    source, *others = (record.remote_id for record in crm.living() if record.external_key)
    [target] = targets or others or [crm.add(company="Theirs")]
    crm.edit(Kind.COMPANY, target, status="Theirs")

    def merge(operation: Operation) -> None:
        crm.before_push = lambda operation: None
        crm.merge(source, target)

    crm.before_push = merge
    wanted[0] = company("E1", score=7.0, next_step="Step 7", city="Akron")
    rewant(sqlite_warehouse, "batch-1", leads, wanted, at=crm.tick(60))
    for _ in range(3):
        crm.tick(70)
        run_sync(sqlite_warehouse, crm)
        crm.fault = lambda operation: None
    fields = crm.records[Kind.COMPANY, target].fields
    expected = {"score": 1.0, "next_step": "Step E2", "city": "Akron", "status": "Theirs"}
    if survivor != "ours":
        expected |= {"score": 7.0, "next_step": "Step 7"}
    assert expected.items() <= fields.items()
    if survivor == "ours":
        later = company("E2", score=1.0, next_step="Step E2", street="2 Elm St")
        rewant(sqlite_warehouse, "batch-1", leads[1:], [later], at=crm.tick(60))
        run_sync(sqlite_warehouse, crm)
        street = crm.records[Kind.COMPANY, target].fields["street"]
        assert street == "2 Elm St", "what was agreed on about the survivor itself still is"
    with sqlite_warehouse.reading() as connection:
        told = connection.execute(sa.select(crm_changes.c.field, crm_changes.c.after)).tuples().all()
    assert set(told) <= {("merged_into", target), ("archived", True), ("status", "Theirs")}


def test_items_that_our_own_write_took_from_a_survivor_come_back(sqlite_warehouse: Warehouse) -> None:
    """Both records are updated in one call, and one was just merged into the other."""
    crm = FakeCrm()
    crm.lets_through = True
    leads = want(sqlite_warehouse, "batch-1", [company("E1", brands="A, X"), company("E2", brands="B")])
    run_sync(sqlite_warehouse, crm)
    target, source = (record.remote_id for record in crm.living())
    crm.edit(Kind.COMPANY, target, brands="A")  # a person took X away
    wanted = [company("E1", brands="A, C, X"), company("E2", brands="B, D")]

    def merge(operation: Operation) -> None:
        crm.before_push = lambda operation: None
        crm.merge(source, target)

    crm.before_push = merge
    rewant(sqlite_warehouse, "batch-1", leads, wanted, at=crm.tick(60))
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
        crm.tick(60)
    assert crm.records[Kind.COMPANY, target].fields["brands"] == "B, D, A, C"


def test_what_a_merge_takes_along_was_changed_by_nobody(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company(city="Akron")])
    other = crm.add(company="Somebody of another name")
    run_sync(sqlite_warehouse, crm)
    [ours] = [record.remote_id for record in crm.living() if record.remote_id != other]
    crm.tick(60)
    crm.merge(ours, other)
    crm._change(Kind.COMPANY, other, {"city": "Akron"}, "a person")
    run_sync(sqlite_warehouse, crm)
    with sqlite_warehouse.reading() as connection:
        assert "city" not in connection.scalars(sa.select(crm_changes.c.field)).all()


def linked_to(warehouse: Warehouse, crm: FakeCrm, *, archived: bool) -> SyncContext:
    """A company that is linked to a record; it changed at the CRM's time."""
    context = context_of(warehouse, crm, lambda: crm.now)
    want(warehouse, "batch-1", [company(score=2.0)])
    record = Record(Kind.COMPANY, "r1", {"score": 1.0}, crm.now, archived=archived)
    with warehouse.transaction() as connection:
        save_snapshots(context, connection, [record])
        save_links(context, connection, [Link(Kind.COMPANY, "E1", "E1", "r1", "linked", "matched", "why")])
    return context


@pytest.mark.parametrize(("seconds", "gone"), [(-1, False), (0, True), (1, True)])
def test_a_deletion_counts_from_its_time_on(sqlite_warehouse: Warehouse, seconds: int, gone: bool) -> None:
    crm = FakeCrm()
    context = linked_to(sqlite_warehouse, crm, archived=False)
    with sqlite_warehouse.transaction() as connection:
        archive(context, connection, Kind.COMPANY, "r1", crm.now + timedelta(seconds=seconds))
        assert snapshots_of(connection, context.crm, Kind.COMPANY, ["r1"])["r1"].archived is gone
    assert state(sqlite_warehouse) == ("gone" if gone else "linked")


@pytest.mark.parametrize("archived", [True, False])
def test_nothing_is_planned_for_a_record_that_is_archived(
    sqlite_warehouse: Warehouse, archived: bool
) -> None:
    context = linked_to(sqlite_warehouse, FakeCrm(), archived=archived)
    [planned] = plan(context, None, [Kind.COMPANY])
    assert planned.step is (Step.SKIP if archived else Step.UPDATE)
    assert ("was deleted" in planned.reason) is archived


def test_a_record_that_another_of_ours_has_by_now_is_shared(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    held = Link(Kind.CONTACT, "P1", "E1", "cont_1", "linked", "merged", "")
    with sqlite_warehouse.transaction() as connection:
        save_links(context, connection, [held])
        new = [
            replace(held, external_key="P2", how="created"),
            replace(held, kind=Kind.COMPANY, external_key="E1"),
            replace(held, external_key="P3", remote_id="cont_2"),
            replace(held, reason="again"),
        ]
        found = shared_where_taken(context, connection, new)
        save_links(context, connection, found)
    assert [(one.external_key, one.state) for one in found] == [
        ("P2", "shared"), ("E1", "linked"), ("P3", "linked"), ("P1", "linked"),
    ]  # fmt: skip
