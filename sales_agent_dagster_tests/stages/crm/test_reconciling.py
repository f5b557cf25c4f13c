"""When the absence of a lost record proves something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Operation, Reconciled, Verdict
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import Agreed, FieldChange
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster.stages.crm.arriving import store_records
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import enqueue, mark, mark_sending, unknown_operations
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.stages.crm.reconciling import reconcile
from sales_agent_dagster.stages.crm.stored import Link, agreements_of, save_agreements, save_links
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_link, crm_outbox
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


class Wordy(FakeCrm):
    """Has no place for keys: what says the same may be any operation's."""

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        for operation in operations:
            found = [
                one for one in self.living(operation.kind) if one.fields.items() <= operation.fields.items()
            ]
            if found:
                yield Reconciled(operation.op_id, Verdict.FOUND, found[0], tuple(found[1:]))
            else:
                yield Reconciled(operation.op_id, Verdict.ABSENT)


def test_the_settle_time_counts_from_the_loss_and_not_from_the_start_of_its_group(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm(lag=60)
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])

    def take_long(operation: Operation) -> None:
        crm.tick(300)

    crm.before_push = take_long
    crm.fault = lambda operation: "lost" if operation.external_key == "E2" else None
    assert run_sync(sqlite_warehouse, crm)["still_unknown"] == 1
    crm.before_push = crm.fault = lambda operation: None
    crm.tick(30)
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["still_unknown"]) == (0, 1)
    crm.tick(60)
    assert run_sync(sqlite_warehouse, crm)["still_unknown"] == 0
    assert [record.external_key for record in crm.living()] == ["E1", "E2"]


def test_what_was_begun_and_not_finished_is_due_again_at_once(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = FakeCrm(lag=60)
    want(sqlite_warehouse, "batch-1", [company("E1")])
    crm.fault = lambda operation: "lost"
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.fault = lambda operation: None
    with monkeypatch.context() as patched:
        patched.setattr(
            crm, "reconcile", lambda some: [Reconciled(one.op_id, Verdict.ABSENT, record) for one in some]
        )
        card = run_sync(sqlite_warehouse, crm)
    assert (card["resolved"], card["still_unknown"]) == (1, 0)


def test_of_a_lost_update_that_a_person_edited_the_rest_stays_ours(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(score=1.0, city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.fault = lambda operation: "lost"
    rewant(sqlite_warehouse, "batch-1", leads, [company(score=2.0, city="Kent")], at=crm.tick(60))
    assert run_sync(sqlite_warehouse, crm)["unknown"] == 1
    crm.fault = lambda operation: None
    crm.edit(Kind.COMPANY, record.remote_id, score=-1.0, company="Acme Pumps")
    rewant(sqlite_warehouse, "batch-1", leads, [company(score=3.0, city="Stow")], at=crm.tick(120))
    run_sync(sqlite_warehouse, crm)
    fields = crm.records[Kind.COMPANY, record.remote_id].fields
    assert (fields["score"], fields["city"], fields["company"]) == (3.0, "Stow", "Acme Pumps")


def test_what_a_person_took_from_a_list_stays_known_when_an_answer_is_lost(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(brands="A, B")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.edit(Kind.COMPANY, record.remote_id, brands="B, Theirs")
    crm.fault = lambda operation: "lost"
    rewant(sqlite_warehouse, "batch-1", leads, [company(brands="A, B, C")], at=crm.tick(60))
    run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    for _ in range(2):
        crm.tick(120)
        run_sync(sqlite_warehouse, crm)
    assert crm.records[Kind.COMPANY, record.remote_id].fields["brands"] == "B, Theirs, C"


def test_what_a_person_takes_away_after_it_was_seen_and_before_it_is_read_back_stays_away(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(brands="A")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    rewant(sqlite_warehouse, "batch-1", leads, [company(brands="A, B")], at=crm.tick(60))
    crm.fault = lambda operation: "lost"
    with monkeypatch.context() as patched:
        patched.setattr(
            crm, "reconcile", lambda some: [Reconciled(one.op_id, Verdict.UNSURE) for one in some]
        )
        for _ in range(2):
            run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    crm.edit(Kind.COMPANY, record.remote_id, brands="A, Theirs")
    rewant(sqlite_warehouse, "batch-1", leads, [company(brands="A, B, C")], at=crm.tick(60))
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
        crm.tick(120)
    assert crm.records[Kind.COMPANY, record.remote_id].fields["brands"] == "A, Theirs, C"


def test_what_an_unanswered_create_wrote_is_ours_when_it_is_found_by_its_key(
    sqlite_warehouse: Warehouse,
) -> None:
    """Its outcome says that nothing was done, but a pull brings the record."""
    crm = FakeCrm(upsert=True)
    leads = want(sqlite_warehouse, "batch-1", [company(city="Akron", industry="Pumps")])
    crm.fault = lambda operation: "lost"
    run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.update(crm_outbox).values(state="failed"))
    [record] = crm.living()
    crm.edit(Kind.COMPANY, record.remote_id, industry="Theirs")
    rewant(sqlite_warehouse, "batch-1", leads, [company(city="Kent", industry="Fans")], at=crm.tick(60))
    card = run_sync(sqlite_warehouse, crm)
    fields = crm.records[Kind.COMPANY, record.remote_id].fields
    assert (card["created"], fields["city"], fields["industry"]) == (0, "Kent", "Theirs")


def lost(warehouse: Warehouse, crm: FakeCrm, kind: Kind, keys: Sequence[str], fields: dict[str, Any]) -> None:
    """Creates whose answers were lost just now."""
    context = context_of(warehouse, crm, lambda: crm.now)
    changes = {name: FieldChange(None, value, Rule.PIPELINE, "") for name, value in fields.items()}
    planned = [
        Planned(kind, f"E-{key}", key, Step.CREATE, "", company_id="comp_1", changes=changes) for key in keys
    ]
    with warehouse.transaction() as connection:
        waiting = enqueue(context, connection, planned)
        mark(context, connection, [one.operation.op_id for one in waiting], "unknown")


def test_what_an_earlier_create_wrote_is_ours_when_the_last_one_is_found(sqlite_warehouse: Warehouse) -> None:
    """It made the record, was not finished, and is tried again with other values that do not arrive."""
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E1"], {"city": "Akron", "industry": "Pumps"})
    with sqlite_warehouse.transaction() as connection:
        [(first, _)] = unknown_operations(connection, context.crm)
        list(crm.push([first.operation]))
        mark_sending(context, connection, [first])
        mark(context, connection, [first.operation.op_id], "failed")
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E1"], {"city": "Kent", "industry": "Fans"})
    [record] = crm.living()
    crm.edit(Kind.COMPANY, record.remote_id, industry="Theirs")
    with sqlite_warehouse.transaction() as connection:
        [(second, _)] = unknown_operations(connection, context.crm)
        crm.tick()
        mark_sending(context, connection, [second])
        mark(context, connection, [second.operation.op_id], "unknown")
    reconcile(context)
    with sqlite_warehouse.reading() as connection:
        kept = agreements_of(connection, context.crm, Kind.COMPANY, [record.remote_id])[record.remote_id]
        edited = connection.scalars(sa.select(crm_changes.c.field)).all()
    assert kept["city"] == Agreed("Akron", "Akron", written=True)
    assert (kept["industry"].ours, kept["industry"].locked, edited) == ("Pumps", True, ["industry"])


def begun(
    context: SyncContext, crm: FakeCrm, kind: Kind, key: str, fields: dict[str, Any], state: str
) -> Operation:
    """A create that was given to the CRM, which has not done it yet, and was decided to be so."""
    lost(context.warehouse, crm, kind, [key], fields)
    with context.warehouse.transaction() as connection:
        [(create, _)] = unknown_operations(connection, context.crm)
        mark_sending(context, connection, [create])
        mark(context, connection, [create.operation.op_id], state)
    return create.operation


def test_what_only_a_create_said_that_did_not_arrive_was_not_written(sqlite_warehouse: Warehouse) -> None:
    """Its outcome says that nothing was done; the next one, which knows less, arrives without an answer."""
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    told = [{"company": "Acme", "city": "Akron"}, {"company": "Acme", "industry": "Pumps"}]
    for fields, state in zip(told, ("failed", "unknown"), strict=True):
        crm.tick()
        create = begun(context, crm, Kind.COMPANY, "E1", fields, state)
    list(crm.push([create]))
    reconcile(context)
    [record] = crm.living()
    with sqlite_warehouse.reading() as connection:
        kept = agreements_of(connection, context.crm, Kind.COMPANY, [record.remote_id])[record.remote_id]
    assert ("city" in kept, kept["industry"]) == (False, Agreed("Pumps", "Pumps", written=True))


@pytest.mark.parametrize("first", [True, False])
def test_of_two_creates_of_a_contact_the_one_arrived_that_the_record_is_more_like(
    sqlite_warehouse: Warehouse, first: bool
) -> None:
    """Contacts bear no mark."""
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    told = [
        {"contact_name": "Jo", "contact_title": "Owner"},
        {"contact_name": "Al", "email": "al@acme.example"},
    ]
    for fields, state in zip(told, ("failed", "unknown"), strict=True):
        crm.tick()
        create = begun(context, crm, Kind.CONTACT, "E1-a", fields, state)
        if first == (state == "failed"):
            list(crm.push([create]))
    reconcile(context)
    [record] = crm.living(Kind.CONTACT)
    with sqlite_warehouse.reading() as connection:
        kept = agreements_of(connection, context.crm, Kind.CONTACT, [record.remote_id])[record.remote_id]
    assert {name: one.ours for name, one in kept.items()} == told[0 if first else 1]


def states(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return sorted(connection.scalars(sa.select(crm_outbox.c.state)).all())


def links(warehouse: Warehouse) -> dict[str, str]:
    with warehouse.reading() as connection:
        query = sa.select(crm_link.c.external_key, crm_link.c.remote_id)
        return dict(connection.execute(query).tuples().all())


@pytest.mark.parametrize("arrived", [1, 2, 3])
def test_notes_that_say_the_same_are_each_given_out_once(sqlite_warehouse: Warehouse, arrived: int) -> None:
    crm = Wordy()
    there = [crm.add(Kind.NOTE, company_id="comp_1", body="Same") for _ in range(arrived)]
    lost(sqlite_warehouse, crm, Kind.NOTE, ["n1", "n2", "n3"], {"body": "Same"})
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    crm.tick(61)
    for _ in range(2):
        reconcile(context)
        assert sorted(links(sqlite_warehouse).values()) == sorted(there)
        assert states(sqlite_warehouse) == ["failed"] * (3 - arrived) + ["sent"] * arrived


def test_a_record_that_is_another_s_already_stops_nothing(sqlite_warehouse: Warehouse) -> None:
    """Its key says that it is ours, but somebody linked it to another company."""
    crm = Wordy()
    theirs = crm.add(company="Same")
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E1"], {"company": "Same"})
    reconcile(context)
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E2"], {"company": "Same"})
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E3"], {"company": "Other"})
    crm.tick(61)
    reconcile(context)
    assert links(sqlite_warehouse) == {"E1": theirs, "E2": theirs}
    assert states(sqlite_warehouse) == ["failed", "sent", "sent"]
    with sqlite_warehouse.reading() as connection:
        query = sa.select(crm_link.c.external_key, crm_link.c.state)
        assert dict(connection.execute(query).tuples().all()) == {"E1": "linked", "E2": "shared"}


def test_what_people_took_from_a_record_that_became_another_s_is_known_as_theirs(
    sqlite_warehouse: Warehouse,
) -> None:
    """The answer to its create was lost; before it was read back, another of ours was merged into it."""
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    sent = {"next_step": "Call", "city": "Akron", "brands": "A, B", "industry": "Pumps", "tier": "GOLD"}
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E0"], sent)
    with sqlite_warehouse.reading() as connection:
        [(create, _)] = unknown_operations(connection, context.crm)
    list(crm.push([create.operation]))
    [record] = crm.living()
    crm.edit(Kind.COMPANY, record.remote_id, next_step=None, city="Kent", brands="B", tier="SILVER")
    others = {
        "next_step": Agreed("Wait", "Wait", written=True, carried=True),
        "brands": Agreed("C", "C", written=True),
        "tier": Agreed("SILVER", "SILVER", written=True),
    }
    link = Link(Kind.COMPANY, "E1", "E1", record.remote_id, "linked", "merged", "", created_by_us=True)
    with sqlite_warehouse.transaction() as connection:
        save_links(context, connection, [link])
        save_agreements(context, connection, Kind.COMPANY, {record.remote_id: others})
    reconcile(context)
    with sqlite_warehouse.reading() as connection:
        kept = agreements_of(connection, context.crm, Kind.COMPANY, [record.remote_id])[record.remote_id]
    edited = {"written": True, "locked": True, "edited_at": crm.living()[0].modified_at}
    assert kept == {
        "next_step": Agreed("Wait", "Wait", **edited),
        "city": Agreed("Akron", "Akron", **edited),
        "brands": Agreed("A, B", "C, A, B", **edited),
        "tier": others["tier"],
    }


def test_an_update_that_left_its_mark_was_done_and_what_differs_was_edited_since(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    remote_id = crm.add(company="Acme Pumps")
    changes = {"city": FieldChange(None, "Akron", Rule.FILL_IF_EMPTY, "")}
    planned = [Planned(Kind.COMPANY, "E1", "E1", Step.UPDATE, "", remote_id=remote_id, changes=changes)]
    link = Link(Kind.COMPANY, "E1", "E1", remote_id, "linked", "merged", "", created_by_us=True)
    carried = {"city": Agreed("Akron", "Akron", written=True, carried=True)}
    with sqlite_warehouse.transaction() as connection:
        store_records(context, connection, crm.living())
        save_links(context, connection, [link])
        save_agreements(context, connection, Kind.COMPANY, {remote_id: carried})
        [update] = enqueue(context, connection, planned)
        mark(context, connection, [update.operation.op_id], "unknown")
    list(crm.push([update.operation]))
    crm.edit(Kind.COMPANY, remote_id, city=None)
    crm.tick(61)
    reconcile(context)
    with sqlite_warehouse.reading() as connection:
        kept = agreements_of(connection, context.crm, Kind.COMPANY, [remote_id])[remote_id]
    assert (kept["city"].locked, kept["city"].carried) == (True, False)
    assert states(sqlite_warehouse) == ["sent"]


def test_what_a_sync_that_took_over_decided_is_not_decided_again(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    lost(sqlite_warehouse, crm, Kind.COMPANY, ["E1"], {"city": "Akron"})
    with sqlite_warehouse.reading() as connection:
        [(create, _)] = unknown_operations(connection, context.crm)
    list(crm.push([create.operation]))
    read_back = crm.reconcile

    def first_decided(operations: Sequence[Operation]) -> Iterator[Reconciled]:
        with sqlite_warehouse.transaction() as connection:
            mark(context, connection, [create.operation.op_id], "failed")
        yield from read_back(operations)

    monkeypatch.setattr(crm, "reconcile", first_decided)
    reconcile(context)
    assert (links(sqlite_warehouse), states(sqlite_warehouse)) == ({}, ["failed"])


@pytest.mark.parametrize("taken", [False, True])
def test_a_record_that_is_not_attached_yet_is_noted_unless_it_is_another_s(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    lost(sqlite_warehouse, crm, Kind.CONTACT, ["E1-a"], {"contact_name": "Jo"})
    made = crm.add(Kind.CONTACT, contact_name="Jo")
    if taken:
        link = Link(Kind.CONTACT, "E2-b", "E2", made, "linked", "matched", "")
        with sqlite_warehouse.transaction() as connection:
            save_links(context, connection, [link])
    begun = crm.records[Kind.CONTACT, made]

    def told(operations: Sequence[Operation]) -> Iterator[Reconciled]:
        for operation in operations:
            yield Reconciled(operation.op_id, Verdict.ABSENT, begun)

    monkeypatch.setattr(crm, "reconcile", told)
    crm.tick(3600)
    reconcile(context)
    with sqlite_warehouse.reading() as connection:
        [row] = connection.execute(sa.select(crm_outbox.c.state, crm_outbox.c.remote_id)).tuples()
    assert row == ("failed", None if taken else made)
