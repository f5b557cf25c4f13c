"""What becomes of operations that were cut off, and of whom the CRM says to leave alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Operation, Reconciled, Suppression, SuppressionScope, Verdict
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.outbox import enqueue, give_up_leftovers, mark_sending
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.stages.crm.reconciling import reconcile
from sales_agent_dagster.stages.crm.suppressing import token_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_dead_letters, crm_outbox, suppression
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


def column(warehouse: Warehouse, found: sa.Column[Any]) -> list[Any]:
    with warehouse.reading() as connection:
        return list(connection.scalars(sa.select(found).order_by(found)))


def lost_update(warehouse: Warehouse, crm: FakeCrm) -> str:
    """An update that was not done and of which nobody knows; the id of its record."""
    [lead] = want(warehouse, "batch-1", [company(score=1.0)])
    run_sync(warehouse, crm)
    crm.tick(60)
    pull(context_of(warehouse, crm, lambda: crm.now))
    rewant(warehouse, "batch-1", [lead], [company(score=2.0)], at=crm.now)
    crm.fault = lambda operation: "never"
    assert run_sync(warehouse, crm)["still_unknown"] == 1
    crm.fault = lambda operation: None
    return crm.living()[0].remote_id


def test_an_update_that_is_not_there_yet_may_still_come(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    lost_update(sqlite_warehouse, crm)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    for seconds, states in ((30, ["sent", "unknown"]), (31, ["failed", "sent"])):
        crm.tick(seconds)
        reconcile(context)
        assert column(sqlite_warehouse, crm_outbox.c.state) == states


def test_an_update_of_a_record_that_is_gone_is_told_as_such(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    remote_id = lost_update(sqlite_warehouse, crm)
    del crm.records[Kind.COMPANY, remote_id]
    crm.tick(61)
    reconcile(context_of(sqlite_warehouse, crm, lambda: crm.now))
    assert column(sqlite_warehouse, crm_dead_letters.c.failure) == ["gone"]


@pytest.mark.parametrize("edits", [(None, None), ("Theirs", None), (None, "Akron")], ids=str)
def test_an_update_that_seemed_undone_is_ours_when_it_is_seen(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, edits: tuple[str | None, str | None]
) -> None:
    """The CRM shows an older state when the update is read back; people edit before and after a pull."""
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(city="Akron")])
    run_sync(sqlite_warehouse, crm)
    crm.tick(60)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    pull(context)
    [older] = crm.living()
    rewant(sqlite_warehouse, "batch-1", leads, [company(city="Kent")], at=crm.now)

    def told(operations: Sequence[Operation]) -> Iterator[Reconciled]:
        for operation in operations:
            yield Reconciled(operation.op_id, Verdict.FOUND, older)

    crm.fault = lambda operation: "lost"
    with monkeypatch.context() as patched:
        patched.setattr(crm, "reconcile", told)
        run_sync(sqlite_warehouse, crm)
        crm.fault = lambda operation: None
        crm.tick(120)
        reconcile(context)
    assert column(sqlite_warehouse, crm_outbox.c.state) == ["failed", "sent"]
    for edit in edits:
        if edit is not None:
            crm.tick(10)
            crm.edit(Kind.COMPANY, older.remote_id, city=edit)
        pull(context)
    rewant(sqlite_warehouse, "batch-1", leads, [company(city="Stow")], at=crm.tick(60))
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    assert record.fields["city"] == (edits[0] or edits[1] or "Stow")
    assert column(sqlite_warehouse, crm_changes.c.after) == [edit for edit in edits if edit]
    if not any(edits):  # another one followed by now: who writes what it wrote is a person
        crm.edit(Kind.COMPANY, older.remote_id, city="Kent")
        assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1


def test_what_a_person_edits_before_a_create_is_read_back_is_theirs(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company(city="Akron")])
    crm.fault = lambda operation: "lost"
    reconciled = crm.reconcile
    crm.reconcile = lambda operations: iter(())  # type: ignore[method-assign,assignment]
    assert run_sync(sqlite_warehouse, crm)["still_unknown"] == 1
    crm.fault, crm.reconcile = (lambda operation: None), reconciled  # type: ignore[method-assign]
    [record] = crm.living()
    crm.edit(Kind.COMPANY, record.remote_id, city="Kent")
    crm.tick(120)
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1
    assert column(sqlite_warehouse, crm_changes.c.after) == ["Kent"]


def test_what_was_planned_was_not_sent_and_what_was_sending_may_have_been(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    planned = [Planned(Kind.COMPANY, key, key, Step.CREATE, "why") for key in ("E1", "E2")]
    with sqlite_warehouse.transaction() as connection:
        _, second = enqueue(context, connection, planned)
        mark_sending(context, connection, [second])
        give_up_leftovers(context, connection)
    assert column(sqlite_warehouse, crm_outbox.c.external_key) == ["E2"]
    assert column(sqlite_warehouse, crm_outbox.c.state) == ["unknown"]


def test_whom_the_crm_says_to_leave_alone_is_kept_once(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    crm.suppressed = [
        Suppression(SuppressionScope.EMAIL, "Jo@acme.example", "unsubscribed"),
        Suppression(SuppressionScope.COMPANY, "r9", "do not contact"),
    ]
    for _ in range(2):
        pull(context_of(sqlite_warehouse, crm, lambda: crm.now))
    tokens = [("email", "jo@acme.example"), ("company", "fake:r9")]
    expected = sorted(token_of("pepper", SuppressionScope(scope), value) for scope, value in tokens)
    assert column(sqlite_warehouse, suppression.c.token) == expected
