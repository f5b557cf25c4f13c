from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Deferred, Failed, FailureClass, Operation
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import batch, desired, pushing
from sales_agent_dagster.stages.crm.lease import Lease
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_dead_letters
from sales_agent_dagster_tests.crm.fake import POISON, FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


@pytest.fixture(params=[False, True], ids=["creates", "upserts"])
def crm(request: pytest.FixtureRequest) -> FakeCrm:
    return FakeCrm(batch=1, upsert=request.param, tells_modified=not request.param)


def theirs(warehouse: Warehouse) -> set[tuple[str, Any]]:
    with warehouse.reading() as connection:
        return set(connection.execute(sa.select(crm_changes.c.field, crm_changes.c.after)).tuples())


def synced(warehouse: Warehouse, crm: FakeCrm, **fields: Any) -> dict[str, str]:
    """Two companies in the CRM that want something else by now; the ids of their records."""
    keys = ("E1", "E2")
    phone = "+13305550101"
    leads = want(warehouse, "batch-1", [company(key, score=1.0, phone=phone, city="Akron") for key in keys])
    for _ in range(2):
        run_sync(warehouse, crm)
    newer = {"score": 2.0, "phone": "+13305550222", "city": "Kent"} | fields
    rewant(warehouse, "batch-1", leads, [company(key, **newer) for key in keys], at=crm.tick(60))
    return {str(record.external_key): record.remote_id for record in crm.living()}


def edited_on_the_way(crm: FakeCrm, remote_id: str, **fields: Any) -> None:
    """A person edits the record while the first operation of the sync is under way."""

    def edit(operation: Operation) -> None:
        crm.before_push = lambda operation: None
        crm.edit(Kind.COMPANY, remote_id, **fields)

    crm.before_push = edit


def test_what_a_person_edits_between_pull_and_push_is_kept_and_told(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    ids = synced(sqlite_warehouse, crm)
    edited_on_the_way(crm, ids["E2"], phone="+13305550999", score=7.0)
    card = run_sync(sqlite_warehouse, crm)
    record = crm.records[Kind.COMPANY, ids["E2"]]
    found = {name: record.fields[name] for name in ("phone", "score", "city")}
    assert found == {"phone": "+13305550999", "score": 2.0, "city": "Kent"}
    assert theirs(sqlite_warehouse) == {("phone", "+13305550999"), ("score", 7.0)}
    assert (card["updated"], card["human_changes"], card["conflicts"]) == (2, 2, 2)
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_what_a_person_edits_a_moment_before_our_write_is_theirs(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    """Of the record's last change, which is ours, only what we wrote is ours."""
    leads = want(sqlite_warehouse, "batch-1", [company(score=1.0, city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    for score, city in ((2.0, "Akron"), (3.0, "Stow")):
        rewant(sqlite_warehouse, "batch-1", leads, [company(score=score, city=city)], at=crm.tick(60))
        if city == "Akron":
            edited_on_the_way(crm, record.remote_id, city="Kent", industry="Pumps")
        run_sync(sqlite_warehouse, crm)
    assert crm.records[Kind.COMPANY, record.remote_id].fields["city"] == "Kent"
    assert theirs(sqlite_warehouse) == {("city", "Kent"), ("industry", "Pumps")}


def test_what_a_person_edits_while_the_last_look_before_creating_takes_its_time_is_kept(
    sqlite_warehouse: Warehouse, crm: FakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = synced(sqlite_warehouse, crm)
    crm.capabilities = replace(crm.capabilities, push_batch=5)
    want(sqlite_warehouse, "batch-2", [company("E3")])
    appeared, edits = crm.appeared, iter([{"phone": "+13305550999"}])

    def edited_meanwhile(*asked: Any) -> Iterator[Any]:
        for fields in edits:
            crm.edit(Kind.COMPANY, ids["E2"], **fields)
        return appeared(*asked)

    monkeypatch.setattr(crm, "appeared", edited_meanwhile)
    run_sync(sqlite_warehouse, crm)
    found = {str(one.external_key): one.fields.get("phone") for one in crm.living()}
    assert found == {"E1": "+13305550222", "E2": "+13305550999", "E3": None}


def test_what_is_edited_in_every_round_stays_due_and_is_no_refusal(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    ids = synced(sqlite_warehouse, crm)
    refused = {"E1": POISON}
    crm.fault = lambda operation: refused.get(operation.external_key)
    run_sync(sqlite_warehouse, crm)
    scores = iter(range(10, 20))

    def edited_again(operation: Operation) -> Deferred:
        crm.edit(Kind.COMPANY, ids["E1"], score=float(next(scores)))
        return Deferred("", FailureClass.CONFLICT, "It was edited since.")

    crm.fault = edited_again
    card = run_sync(sqlite_warehouse, crm)
    assert (card["deferred"], card["rejected"], card["stopped"]) == (pushing.ROUNDS, 0, None)
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_dead_letters.c.attempts)).all() == [1]
    due = pending(context_of(sqlite_warehouse, crm, lambda: crm.now))
    assert [one.external_key for one in due] == ["E1"]
    crm.fault = lambda operation: None
    assert run_sync(sqlite_warehouse, crm)["updated"] == 1
    fields = crm.records[Kind.COMPANY, ids["E1"]].fields
    assert (fields["score"], fields["city"]) == (2.0, "Kent")
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_dead_letters.c.attempts)).all() == []


def test_a_record_that_ours_was_merged_into_meanwhile_is_looked_at_before_it_is_written_to(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = FakeCrm()
    ids = synced(sqlite_warehouse, crm)
    survivor = crm.add(company="Acme of Ohio", phone="+13305550101")
    run_sync(sqlite_warehouse, crm, live=False)
    read, merged = crm.read, iter([ids["E1"]])

    def merged_and_edited_meanwhile(*asked: Any) -> Any:
        for source in merged:
            crm.merge(source, survivor)
            crm.edit(Kind.COMPANY, survivor, phone="+13305550999")
        return read(*asked)

    monkeypatch.setattr(crm, "read", merged_and_edited_meanwhile)
    card = run_sync(sqlite_warehouse, crm)
    fields = crm.records[Kind.COMPANY, survivor].fields
    assert (fields["phone"], fields["city"], fields["score"]) == ("+13305550999", "Kent", 2.0)
    assert ("phone", "+13305550999") in theirs(sqlite_warehouse)
    assert (card["updated"], card["rejected"]) == (2, 0)
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


ZEDWICK = {"company": "Zedwick Power", "phone": "+13305550101", "city": "Kent", "state": "OH"}


def test_what_is_refused_beside_a_company_that_somebody_made_meanwhile_is_tried_once(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", score=2.0, **ZEDWICK), company("E2"), company("E3")])
    made = iter([ZEDWICK])
    appeared = crm.appeared

    def made_meanwhile(*asked: Any) -> Iterator[Any]:
        for fields in made:
            crm.add(**fields)
        return appeared(*asked)

    def refuses(operation: Operation) -> Failed | None:
        created = operation.remote_id is None
        assert operation.before == ({} if created else {"score": None}), (
            "a create has nothing to compare with"
        )
        return POISON if operation.external_key == "E2" else None

    monkeypatch.setattr(crm, "appeared", made_meanwhile)
    crm.fault = refuses
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["updated"], card["rejected"]) == (1, 1, 1)
    found = {one.fields["company"]: one.fields.get("score") for one in crm.living()}
    assert found == {"Zedwick Power": 2.0, "Acme E3": None}
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_dead_letters.c.attempts)).all() == [1]


def test_what_the_connector_finds_edited_is_compared_again_at_once(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    ids = synced(sqlite_warehouse, crm)
    edits = iter([{"phone": "+13305550999"}])

    def finds_it_edited(operation: Operation) -> Deferred | None:
        for fields in edits if operation.external_key == "E1" else ():
            assert operation.before == {"phone": "+13305550101", "score": 1.0, "city": "Akron"}
            crm.edit(Kind.COMPANY, ids["E1"], **fields)
            return Deferred("", FailureClass.CONFLICT, "It was edited since.")
        return None

    crm.fault = finds_it_edited
    card = run_sync(sqlite_warehouse, crm)
    fields = crm.records[Kind.COMPANY, ids["E1"]].fields
    assert (fields["phone"], fields["city"]) == ("+13305550999", "Kent")
    assert (card["updated"], card["deferred"], card["rejected"], card["stopped"]) == (2, 1, 0, None)
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_what_a_person_did_in_our_place_is_not_done_again(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    ids = synced(sqlite_warehouse, crm)
    edited_on_the_way(crm, ids["E2"], phone="+13305550222", score=2.0, city="Kent")
    run_sync(sqlite_warehouse, crm)
    assert {operation.external_key for operation in crm.writes[2:]} == {"E1"}
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_what_a_person_deletes_on_the_way_is_not_written_to(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    ids = synced(sqlite_warehouse, crm)
    first = crm.before_push

    def delete(operation: Operation) -> None:
        crm.before_push = first
        crm.delete(Kind.COMPANY, ids["E2"])

    crm.before_push = delete
    card = run_sync(sqlite_warehouse, crm)
    assert (card["updated"], card["rejected"], len(crm.living())) == (1, 0, 1)


def test_updates_of_a_group_are_read_in_one_call(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(batch=10)
    ids = synced(sqlite_warehouse, crm)
    calls: list[list[str]] = []
    read = crm.read
    crm.read = lambda kind, some: (calls.append(list(some)), read(kind, some))[1]  # type: ignore[method-assign]
    run_sync(sqlite_warehouse, crm)
    assert calls == [sorted(ids.values())]


def test_after_waiting_for_another_sync_it_pulls_again(
    sqlite_warehouse: Warehouse, crm: FakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = synced(sqlite_warehouse, crm)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now + timedelta(seconds=1))
    holds = held(context)
    next(holds)

    def sleep(seconds: float) -> None:
        crm.edit(Kind.COMPANY, ids["E1"], status="Qualified", phone="+13305550999")
        next(holds, None)

    monkeypatch.setattr(batch.time, "sleep", sleep)
    card = batch._patiently(context, ["E1", "E2"])
    assert (card["stopped"], card["updated"], card["human_changes"]) == (None, 2, 2)
    assert crm.records[Kind.COMPANY, ids["E1"]].fields["phone"] == "+13305550999"


def held(context: Any) -> Iterator[None]:
    with Lease(context):
        yield


def test_the_next_group_is_planned_while_one_is_under_way(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "SETTLED", 1)
    monkeypatch.setattr(desired, "PAGE", 2)
    crm = FakeCrm(batch=2)
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(5)])
    happened: list[str] = []
    planned = pushing.plan

    def plan(*given: Any) -> Iterator[Any]:
        for one in planned(*given):
            happened.append(f"plans {one.external_key}")
            yield one

    monkeypatch.setattr(pushing, "plan", plan)
    crm.before_push = lambda operation: happened.append(f"sends {operation.external_key}")
    assert run_sync(sqlite_warehouse, crm)["created"] == 5
    companies = [one for one in happened if one.startswith("sends") or one.endswith(("E2", "E4"))]
    assert companies[:5] == ["sends E0", "plans E2", "sends E1", "sends E2", "plans E4"]


def test_as_many_first_refusals_as_are_no_rows_fault_stop_it(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(batch=5)
    want(sqlite_warehouse, "batch-1", [company(f"E{n:02}") for n in range(40)])
    crm.fault = lambda operation: POISON
    card = run_sync(sqlite_warehouse, crm)
    assert (card["rejected"], "first 25 operations" in card["stopped"]) == (25, True)
    words = iter(range(99))
    crm.fault = lambda operation: replace(POISON, message=f"{next(words)} is wrong")
    card = run_sync(sqlite_warehouse, crm)
    assert (card["rejected"], card["stopped"]) == (40, None), "each is its row's own"


def test_one_that_has_to_wait_stops_nothing_and_all_that_have_to_do(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(batch=5)
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(10)])
    away = Deferred("", FailureClass.TRANSIENT, "locked")
    crm.fault = lambda operation: away if operation.external_key == "E3" else None
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["deferred"], card["stopped"]) == (9, 1, None)
    want(sqlite_warehouse, "batch-2", [company(f"F{n}") for n in range(10)])
    crm.fault = lambda operation: away
    card = run_sync(sqlite_warehouse, crm)
    assert (card["deferred"], card["stopped"]) == (5, "The CRM is not available: locked")


def test_what_the_connector_says_nothing_of_may_have_been_sent(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])
    push = crm.push
    crm.push = lambda operations: islice(push(operations), 1)  # type: ignore[method-assign,assignment,return-value]
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["unknown"]) == (1, 1)
    crm.push = push  # type: ignore[method-assign]
    crm.tick(120)
    run_sync(sqlite_warehouse, crm)
    assert [record.external_key for record in crm.living()] == ["E1", "E2"]
