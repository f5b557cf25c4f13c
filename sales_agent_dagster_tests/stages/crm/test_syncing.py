from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Operation
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.profile import Suppress
from sales_agent_dagster.domain.suppression import SuppressionList
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    crm_changes,
    crm_conflicts,
    crm_dead_letters,
    crm_link,
    crm_outbox,
)
from sales_agent_dagster_tests.crm.fake import AUTH, POISON, FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


@pytest.fixture(params=[False, True], ids=["creates", "upserts"])
def crm(request: pytest.FixtureRequest) -> FakeCrm:
    return FakeCrm(upsert=request.param, tells_modified=not request.param)


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def left(warehouse: Warehouse, crm: FakeCrm) -> list[Any]:
    return pending(context_of(warehouse, crm, lambda: crm.now))


def test_first_sync_creates_and_the_second_writes_nothing(warehouse: Warehouse, crm: FakeCrm) -> None:
    people = [{"contact_name": "Jo", "email": "jo@acme.example"}]
    want(
        warehouse,
        "batch-1",
        [company(f"E{n}", score=50.0, contacts=people if n < 3 else []) for n in range(12)],
    )
    card = run_sync(warehouse, crm)
    assert (card["planned_creates"], card["created"], card["rejected"], card["still_unknown"]) == (
        15,
        15,
        0,
        0,
    )
    assert len(crm.living()) == 12
    assert len(crm.living(Kind.CONTACT)) == 3
    assert {record.external_key for record in crm.living()} == {f"E{n}" for n in range(12)}
    before = len(crm.writes)
    crm.tick(60)
    card = run_sync(warehouse, crm)
    assert (card["planned_creates"], card["planned_updates"], card["created"], card["human_changes"]) == (
        0,
        0,
        0,
        0,
    )
    assert len(crm.writes) == before
    assert left(warehouse, crm) == []


def test_a_dry_run_writes_nothing(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company()])
    card = run_sync(sqlite_warehouse, crm, live=False)
    assert (card["mode"], card["planned_creates"], card["created"], crm.writes) == ("dry_run", 1, 0, [])
    assert rows(sqlite_warehouse, crm_outbox) == []


def test_edits_of_people_follow_the_rules(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    fields = {"score": 50.0, "phone": "+13305550101", "next_step": "Call.", "brands": "Generac, Kohler"}
    [lead] = want(sqlite_warehouse, "batch-1", [company(**fields)])
    run_sync(sqlite_warehouse, crm)
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(3600)
    crm.edit(
        Kind.COMPANY,
        record.remote_id,
        company="Acme Power",
        score=10.0,
        phone="+13305550999",
        next_step="Visit.",
        brands="Generac",
        status="Qualified",
    )
    crm.tick(60)
    card = run_sync(sqlite_warehouse, crm)
    assert card["human_changes"] == 6
    [record] = crm.living()
    assert {name: record.fields.get(name) for name in ("company", *fields)} == {
        "company": "Acme Power",
        "score": 50.0,
        "phone": "+13305550999",
        "next_step": "Visit.",
        "brands": "Generac",
    }
    newer = fields | {"score": 70.0, "phone": "+13305550222", "brands": "Generac, Kohler, Cummins"}
    rewant(sqlite_warehouse, "batch-1", [lead], [company(**newer)], at=crm.tick(60))
    card = run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    assert record.fields["score"] == 70.0
    assert record.fields["phone"] == "+13305550999"
    assert record.fields["brands"] == "Generac, Cummins"
    assert card["conflicts"] == 1
    [conflict] = rows(sqlite_warehouse, crm_conflicts)
    assert (conflict["field"], conflict["winner"], conflict["theirs"]) == ("phone", "theirs", "+13305550999")
    assert {row["field"] for row in rows(sqlite_warehouse, crm_changes)} >= {
        "company",
        "score",
        "phone",
        "status",
    }
    assert left(sqlite_warehouse, crm) == []


def test_a_value_they_cleared_stays_cleared(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(phone="+13305550101", city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(60)
    crm.edit(Kind.COMPANY, record.remote_id, phone=None)
    run_sync(sqlite_warehouse, crm)
    assert "phone" not in crm.living()[0].fields
    assert left(sqlite_warehouse, crm) == []


@pytest.mark.parametrize("fault", ["lost", "never"])
def test_a_lost_answer_makes_no_second_record(sqlite_warehouse: Warehouse, crm: FakeCrm, fault: str) -> None:
    want(sqlite_warehouse, "batch-1", [company(contacts=[{"contact_name": "Jo"}])])
    crm.fault = lambda operation: fault
    card = run_sync(sqlite_warehouse, crm)
    assert card["unknown"] >= 1
    crm.fault = lambda operation: None
    for _ in range(3):
        crm.tick(61)
        run_sync(sqlite_warehouse, crm)
    assert len(crm.living()) == len(crm.living(Kind.CONTACT)) == 1
    assert left(sqlite_warehouse, crm) == []
    assert {row["state"] for row in rows(sqlite_warehouse, crm_outbox)} <= {"sent", "failed"}


def test_an_unknown_create_is_not_sent_again_before_its_absence_is_sure(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company()])
    crm.fault = lambda operation: "never"
    run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    crm.tick(30)
    card = run_sync(sqlite_warehouse, crm)
    assert (card["still_unknown"], card["skipped"], crm.writes) == (1, 1, [])
    crm.tick(31)
    assert run_sync(sqlite_warehouse, crm)["created"] == 1


def test_a_lost_update_is_due_again(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    [lead] = want(sqlite_warehouse, "batch-1", [company(score=1.0)])
    run_sync(sqlite_warehouse, crm)
    rewant(sqlite_warehouse, "batch-1", [lead], [company(score=2.0)], at=crm.tick())
    crm.fault = lambda operation: "never"
    run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    crm.tick(61)
    run_sync(sqlite_warehouse, crm)
    assert crm.living()[0].fields["score"] == 2.0


def test_merged_and_deleted_records_are_followed(warehouse: Warehouse, crm: FakeCrm) -> None:
    leads = want(warehouse, "batch-1", [company(f"E{n}", score=1.0) for n in range(4)])
    run_sync(warehouse, crm)
    ids = {record.external_key: record.remote_id for record in crm.living()}
    other = crm.add(company="Acme Holding")
    crm.tick(60)
    crm.merge(ids["E0"], other)
    crm.merge(ids["E1"], ids["E2"])
    crm.delete(Kind.COMPANY, ids["E3"])
    crm.tick(60)
    rewant(warehouse, "batch-1", leads, [company(f"E{n}", score=2.0) for n in range(4)], at=crm.now)
    card = run_sync(warehouse, crm)
    assert (card["created"], card["updated"], card["skipped"]) == (0, 2, 2)
    states = {row["external_key"]: (row["state"], row["remote_id"]) for row in rows(warehouse, crm_link)}
    assert states == {
        "E0": ("linked", other),
        "E1": ("shared", ids["E2"]),
        "E2": ("linked", ids["E2"]),
        "E3": ("gone", ids["E3"]),
    }
    assert {record.fields.get("score") for record in crm.living()} == {2.0}
    assert left(warehouse, crm) == []


def test_a_merge_between_pull_and_push_is_followed(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    [lead] = want(sqlite_warehouse, "batch-1", [company(score=1.0)])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    other = crm.add(company="Acme Holding")
    rewant(sqlite_warehouse, "batch-1", [lead], [company(score=2.0)], at=crm.tick(60))

    def merge(operation: Operation) -> None:
        crm.before_push = lambda operation: None
        crm.merge(record.remote_id, other)

    crm.before_push = merge
    run_sync(sqlite_warehouse, crm)
    assert {found.fields.get("score") for found in crm.living()} == {2.0}
    assert left(sqlite_warehouse, crm) == []


def test_refused_rows_are_told_and_stay_due(warehouse: Warehouse, crm: FakeCrm) -> None:
    [bad, _] = want(warehouse, "batch-1", [company("E1"), company("E2")])
    crm.fault = lambda operation: POISON if operation.external_key == "E1" else None
    card = run_sync(warehouse, crm)
    assert (card["created"], card["rejected"], card["rejected_by_class"]) == (1, 1, {"validation": 1})
    [letter] = rows(warehouse, crm_dead_letters)
    assert (letter["external_key"], letter["remedy"], letter["attempts"]) == ("E1", "Correct the tier.", 1)
    assert len(left(warehouse, crm)) == 1
    for _ in range(6):
        run_sync(warehouse, crm)
    assert rows(warehouse, crm_dead_letters)[0]["attempts"] == 5
    assert left(warehouse, crm) == []
    crm.fault = lambda operation: None
    rewant(warehouse, "batch-1", [bad], [company("E1", city="Kent")])
    assert run_sync(warehouse, crm)["created"] == 1
    assert rows(warehouse, crm_dead_letters) == []


def test_a_refused_key_stops_the_sync(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(30)])
    crm.fault = lambda operation: AUTH
    card = run_sync(sqlite_warehouse, crm)
    assert card["deferred"] == 10
    assert "refuses the key" in card["stopped"]
    crm.fault = lambda operation: None
    assert run_sync(sqlite_warehouse, crm)["created"] == 30


def test_failures_that_are_all_alike_stop_the_sync(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(60)])
    crm.fault = lambda operation: POISON
    card = run_sync(sqlite_warehouse, crm)
    assert card["rejected"] == 30
    assert "all failed" in card["stopped"]


def test_no_more_creates_than_the_limit(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(15)])
    card = run_sync(sqlite_warehouse, crm, max_creates=12)
    assert card["created"] == 12
    assert "limit" in card["stopped"]
    assert run_sync(sqlite_warehouse, crm, max_creates=12)["created"] == 3


def test_suppression_added_on_the_way_stops_the_push(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    from sales_agent_dagster.crm.contract import SuppressionScope
    from sales_agent_dagster.stages.crm.suppressing import Entry, suppress

    people = [{"contact_name": "Jo", "email": "jo@acme.example"}]
    want(sqlite_warehouse, "batch-1", [company(f"E{n}", contacts=people) for n in range(12)])
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)

    def opt_out(operation: Operation) -> None:
        if operation.kind is Kind.CONTACT:
            raise AssertionError("a contact was pushed")
        with sqlite_warehouse.transaction() as connection:
            suppress(
                context, connection, [Entry(SuppressionScope.EMAIL, "JO@acme.example", "opt-out", "test")]
            )

    crm.before_push = opt_out
    run_sync(sqlite_warehouse, crm)
    assert len(crm.living()) == 12
    assert crm.living(Kind.CONTACT) == []
    assert left(sqlite_warehouse, crm) == []


def test_gates_stop_companies(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    customer = crm.add(
        company="Customer", existing_customer=True, phone="+13305550142", city="Akron", state="OH"
    )
    listed = SuppressionList(Suppress(domains=["zenith.example"]))
    want(
        sqlite_warehouse,
        "batch-1",
        [
            company("E1", website="https://zenith.example/"),
            company("E2", company="Customer", phone="+13305550142", city="Akron", state="OH"),
        ],
    )
    want(sqlite_warehouse, "batch-2", [company("E3")], resolved_leads={"entity_id": "E3", "suppressed": True})
    card = run_sync(sqlite_warehouse, crm, suppress=listed)
    assert (card["skipped"], card["created"], card["updated"]) == (3, 0, 0)
    assert [record.remote_id for record in crm.living()] == [customer]


def test_a_company_that_the_crm_has_is_linked(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    fields = {
        "company": "Buckeye Generator Service LLC",
        "phone": "+13305550117",
        "website": "https://buckeyegen.example/",
        "street": "12 Main St",
        "city": "Akron",
        "state": "OH",
        "zip": "44301",
    }
    theirs = crm.add(**fields, owner="Sam")
    ours = company("E1", score=60.0, **(fields | {"company": "Buckeye Generator Service"}))
    want(sqlite_warehouse, "batch-1", [ours])
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["updated"]) == (0, 1)
    [record] = crm.living()
    assert (record.remote_id, record.fields["score"]) == (theirs, 60.0)
    assert record.fields["company"] == "Buckeye Generator Service LLC"
    [link] = rows(sqlite_warehouse, crm_link)
    assert (link["state"], link["how"]) == ("linked", "matched")
    assert link["explanation"]["parts"]


@pytest.mark.parametrize("upsert", [False, True])
def test_what_a_person_adds_meanwhile_is_found_before_creating(
    sqlite_warehouse: Warehouse, upsert: bool
) -> None:
    crm = FakeCrm(batch=1, upsert=upsert)
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2", phone="+13305550117")])

    def add(operation: Operation) -> None:
        crm.before_push = lambda operation: None
        record = crm.records[Kind.COMPANY, crm.add(company="Acme E2", phone="+13305550117")]
        crm.records[Kind.COMPANY, record.remote_id] = record

    crm.before_push = add
    run_sync(sqlite_warehouse, crm)
    assert len(crm.living()) == 2
    links = {row["external_key"]: row["state"] for row in rows(sqlite_warehouse, crm_link)}
    assert links["E2"] in ("linked", "review")


def test_events_in_any_order_and_number_are_one(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(3)])
    run_sync(sqlite_warehouse, crm)
    ids = [record.remote_id for record in crm.living()]
    crm.tick(60)
    crm.merge(ids[0], ids[1])
    crm.delete(Kind.COMPANY, ids[2])
    crm.events = [*reversed(crm.events), *crm.events]
    run_sync(sqlite_warehouse, crm)
    crm.events.reverse()
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["updated"], len(crm.living())) == (0, 0, 1)


def test_a_stale_copy_changes_nothing(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    [lead] = want(sqlite_warehouse, "batch-1", [company(score=1.0)])
    run_sync(sqlite_warehouse, crm)
    stale = crm.living()[0]
    rewant(sqlite_warehouse, "batch-1", [lead], [company(score=2.0)], at=crm.tick())
    run_sync(sqlite_warehouse, crm)
    fresh = crm.records[Kind.COMPANY, stale.remote_id]
    crm.records[Kind.COMPANY, stale.remote_id] = stale
    card = run_sync(sqlite_warehouse, crm)
    assert (card["human_changes"], card["planned_updates"]) == (0, 0)
    crm.records[Kind.COMPANY, stale.remote_id] = fresh
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 0


@pytest.mark.parametrize("skew", [-300, 300])
def test_clocks_that_differ(sqlite_warehouse: Warehouse, crm: FakeCrm, skew: int) -> None:
    from sales_agent_dagster.stages.crm.syncing import sync

    want(sqlite_warehouse, "batch-1", [company(score=1.0)])

    def run() -> dict[str, Any]:
        return sync(context_of(sqlite_warehouse, crm, lambda: crm.now + timedelta(seconds=skew)))

    run()
    run()
    for n in range(3):
        crm.tick(20)
        crm.edit(Kind.COMPANY, crm.living()[0].remote_id, status=f"Status {n}")
        assert run()["human_changes"] == 1
    assert len(crm.living()) == 1
