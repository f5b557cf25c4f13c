"""What was created and could not be attached to its company: it is due again, unless people took it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import (
    Deferred,
    FailureClass,
    Operation,
    Reconciled,
    Record,
    Sent,
    Unknown,
    Verdict,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import outbox
from sales_agent_dagster.stages.crm.reconciling import reconcile
from sales_agent_dagster.stages.crm.stored import links_of
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_leases, crm_outbox
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want

JO = {"contact_name": "Jo", "email": "jo@acme.example"}
AL = {"contact_name": "Al", "email": "al@acme.example"}


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm(upsert=True)


@pytest.fixture(params=["told", "read back"])
def unattached(
    request: pytest.FixtureRequest,
    sqlite_warehouse: Warehouse,
    crm: FakeCrm,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Jo's record, which was made and not attached, and of which no pull tells."""
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO, AL])])
    made: list[Record] = []

    def breaks_off(operation: Operation) -> Deferred | Unknown | None:
        if operation.fields.get("email") != JO["email"]:
            return None
        done = FakeCrm._do(crm, operation)
        assert isinstance(done, Sent)
        made.append(crm.records[Kind.CONTACT, done.remote_id])
        if request.param == "read back":
            return Unknown(operation.op_id, "No answer came.")
        return Deferred("", FailureClass.TRANSIENT, "Created, but not attached yet.", done.remote_id)

    def begun(operations: Sequence[Operation]) -> Iterator[Reconciled]:
        for operation in operations:
            yield Reconciled(operation.op_id, Verdict.ABSENT, made[0])

    crm.fault = breaks_off
    with monkeypatch.context() as patched:
        patched.setattr(crm, "reconcile", begun)
        run_sync(sqlite_warehouse, crm)
        crm.tick(3600)
        reconcile(context_of(sqlite_warehouse, crm, lambda: crm.now))
    crm.fault = lambda operation: None
    crm.lag = timedelta(days=1)
    return made[0].remote_id


def state_of(warehouse: Warehouse, crm: FakeCrm, made: str) -> tuple[str, str] | None:
    """Of the contact that a record was made for: its record by now, and the state of the link."""
    key = crm.records[Kind.CONTACT, made].external_key
    with warehouse.reading() as connection:
        link = links_of(connection, crm.name, ["E1"]).get((Kind.CONTACT, str(key)))
    return (link.remote_id, link.state) if link else None


def test_it_is_due_again(sqlite_warehouse: Warehouse, crm: FakeCrm, unattached: str) -> None:
    assert state_of(sqlite_warehouse, crm, unattached) is None
    run_sync(sqlite_warehouse, crm)
    assert state_of(sqlite_warehouse, crm, unattached) == (unattached, "linked")
    assert len(crm.living(Kind.CONTACT)) == 2
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_what_a_person_deleted_is_not_made_again(
    sqlite_warehouse: Warehouse, crm: FakeCrm, unattached: str
) -> None:
    crm.delete(Kind.CONTACT, unattached)
    before = len(crm.writes)
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
    assert len(crm.writes) == before
    assert state_of(sqlite_warehouse, crm, unattached) == (unattached, "gone")
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_only_what_creates_left_unattached_counts_and_the_last_of_it(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    told = [
        ("E1-a", "contact", "create", "failed", "c2", 2),
        ("E1-a", "contact", "create", "failed", "c1", 1),
        ("E1-a", "contact", "create", "failed", None, 3),
        ("E1-a", "contact", "create", "sent", "c3", 4),
        ("E1-a", "contact", "update", "failed", "c4", 5),
        ("E1-a", "company", "create", "failed", "c5", 6),
        ("E1-b", "contact", "create", "unknown", "c6", 7),
    ]
    rows = [
        {
            "op_id": f"{number}-{remote_id}",
            "crm": crm.name,
            "entity_id": "E1",
            "kind": kind,
            "external_key": key,
            "operation": operation,
            "state": state,
            "remote_id": remote_id,
            "payload": {},
            "payload_hash": "",
            "updated_at": crm.now + timedelta(seconds=number),
            "run_id": "run-1",
            "created_at": crm.now,
        }
        for key, kind, operation, state, remote_id, number in told
    ]
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.insert(crm_outbox), rows)
        found = outbox.unattached(connection, crm.name, Kind.CONTACT, ["E1-a", "E1-b"])
        assert found == {"E1-a": "c2"}
        assert outbox.unattached(connection, "another", Kind.CONTACT, ["E1-a"]) == {}


@pytest.mark.parametrize("ours", [False, True], ids=["a stranger", "one of ours"])
def test_what_a_person_merged_away_is_what_it_was_merged_into(
    sqlite_warehouse: Warehouse, crm: FakeCrm, unattached: str, ours: bool
) -> None:
    [al] = (one.remote_id for one in crm.living(Kind.CONTACT) if one.remote_id != unattached)
    target = al if ours else crm.add(Kind.CONTACT, contact_name="Jo Doe", email="doe@acme.example")
    crm.merge(unattached, target, Kind.CONTACT)
    before = len(crm.living(Kind.CONTACT))
    for lag in (timedelta(days=1), timedelta(0)):
        crm.lag = lag
        run_sync(sqlite_warehouse, crm)
        assert state_of(sqlite_warehouse, crm, unattached) == (target, "shared" if ours else "linked")
    assert len(crm.living(Kind.CONTACT)) == before
    assert state_of(sqlite_warehouse, crm, al) == (al, "linked")
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_a_sync_that_lost_its_lease_while_it_looked_decides_nothing(
    sqlite_warehouse: Warehouse, crm: FakeCrm, unattached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Callable[..., object] = crm.read
    crm.delete(Kind.CONTACT, unattached)

    def taken_over_meanwhile(*asked: object) -> object:
        with sqlite_warehouse.transaction() as connection:
            connection.execute(sa.delete(crm_leases))
        crm.tick(3600)
        return read(*asked)

    with monkeypatch.context() as patched:
        patched.setattr(crm, "read", taken_over_meanwhile)
        run_sync(sqlite_warehouse, crm)
    assert state_of(sqlite_warehouse, crm, unattached) is None
