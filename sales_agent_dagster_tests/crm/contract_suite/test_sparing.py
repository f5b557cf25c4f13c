"""Who must not be written to, and two who write at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Action, Operation, PushResult, SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.erasing import erase
from sales_agent_dagster.stages.crm.lease import LEASE, LeaseHeld
from sales_agent_dagster.stages.crm.suppressing import Entry, suppress, suppressed_leads
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, crm_leases
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand, keys_of
from sales_agent_dagster_tests.stages.crm.wanting import campaign, company, context_of, rewant, want

JO = {"contact_name": "Jo Doe", "email": "Jo@acme.example", "contact_title": "Owner"}
AL = {"contact_name": "Al Roe", "email": "al@acme.example"}


@pytest.fixture
def before_push(stand: Stand) -> Iterator[Callable[[Callable[[Sequence[Operation]], None]], None]]:
    """Sets what happens right before the connector is given operations."""
    original = stand.connector.push

    def set_to(act: Callable[[Sequence[Operation]], None]) -> None:
        def push(operations: Sequence[Operation]) -> Iterator[PushResult]:
            act(operations)
            return original(operations)

        stand.connector.push = push  # type: ignore[method-assign]

    yield set_to
    vars(stand.connector).pop("push", None)


def opt_out(syncs: Syncs, scope: SuppressionScope, value: str) -> None:
    context = syncs.context()
    with syncs.warehouse.transaction() as connection:
        suppress(context, connection, [Entry(scope, value, "asked for it", "a person")])


def test_who_opts_out_during_a_sync_gets_neither_contact_nor_draft(
    syncs: Syncs, stand: Stand, before_push: Any
) -> None:
    ids = want(syncs.warehouse, "batch-1", [company("E1", contacts=[JO])])
    campaign(syncs.warehouse, "batch-1", ids)
    kinds: list[Kind] = []

    def opts_out(operations: Sequence[Operation]) -> None:
        kinds.extend(operation.kind for operation in operations)
        opt_out(syncs, SuppressionScope.EMAIL, "jo@acme.example")

    before_push(opts_out)
    card = syncs()
    assert kinds == [Kind.COMPANY, Kind.NOTE]
    assert (card["planned_creates"], card["created"], card["suppression_breaches"]) == (4, 2, 0)
    assert keys_of(stand.companies()) == ["E1"]
    assert (stand.pulled(Kind.CONTACT), stand.drafts()) == ([], 0)
    assert "jo@acme" not in stand.texts().lower()
    assert syncs.left() == []


def test_who_opts_out_after_the_contact_gets_no_draft(syncs: Syncs, stand: Stand, before_push: Any) -> None:
    """Between two groups of one sync, and what is there already is left as it is."""
    ids = want(syncs.warehouse, "batch-1", [company("E1", contacts=[JO])])
    syncs()
    campaign(syncs.warehouse, "batch-1", ids)
    stand.advance(60)
    rewant(
        syncs.warehouse,
        "batch-1",
        ids,
        [company("E1", city="Akron", contacts=[JO | {"contact_title": "Boss"}])],
        at=stand.now(),
    )
    before_push(lambda operations: opt_out(syncs, SuppressionScope.EMAIL, "jo@acme.example"))
    card = syncs()
    assert card["suppression_breaches"] == 0
    assert stand.drafts() == 0
    [contact] = stand.pulled(Kind.CONTACT)
    assert contact.fields["contact_title"] == "Owner"


def test_a_company_suppressed_during_a_sync_is_not_created(
    syncs: Syncs, stand: Stand, before_push: Any
) -> None:
    stand.connector.capabilities = replace(stand.connector.capabilities, push_batch=1, bulk_above=None)
    firms = [company(f"E{n}", website=f"https://firm{n}.example/", contacts=[JO]) for n in (1, 2)]
    want(syncs.warehouse, "batch-1", firms)
    before_push(lambda operations: opt_out(syncs, SuppressionScope.DOMAIN, "firm2.example"))
    card = syncs()
    assert (keys_of(stand.companies()), card["suppression_breaches"]) == (["E1"], 0)
    assert "firm2" not in stand.texts()
    assert syncs.left() == []


def everything(warehouse: Warehouse) -> str:
    with warehouse.reading() as connection:
        return "\n".join(
            repr(row) for table in METADATA.sorted_tables for row in connection.execute(sa.select(table))
        )


def test_who_is_erased_is_nowhere_and_does_not_come_back(syncs: Syncs, stand: Stand) -> None:
    person = {"email": "jo@acme.example", "contact_name": "Jo Doe"}
    ids = want(syncs.warehouse, "batch-1", [company("E1", contacts=[JO, AL])], **person)
    campaign(syncs.warehouse, "batch-1", ids, call="Hello Jo Doe. I am calling about generators.")
    for _ in range(2):
        syncs()
        stand.advance(600)
    assert (len(stand.pulled(Kind.CONTACT)), stand.drafts()) == (2, 1)
    receipt = erase(syncs.context(), " JO@acme.example ")
    assert (receipt.remote, receipt.refused) == ({"contact": 1, "email_draft": 1, "note": 1}, [])
    for _ in range(2):
        for text in (stand.texts(), everything(syncs.warehouse)):
            assert "jo@acme" not in text.lower()
            assert "Jo Doe" not in text
            assert "al@acme.example" in text
        # What the CRM still shows of what it deleted, and events that come again, bring nobody back.
        stand.advance(60)
        syncs()
    # The same person in a new list: stopped at the import, and by the gates if it got past that.
    with syncs.warehouse.reading() as connection:
        again = {"lead_id": "L", "email": "JO@acme.example", "phone": None, "website": None}
        assert suppressed_leads(connection, "pepper", [again]) == {"L": "erased"}
    ids = want(syncs.warehouse, "batch-2", [company("E1", contacts=[JO])])
    campaign(syncs.warehouse, "batch-2", ids)
    for _ in range(2):
        stand.advance(600)
        syncs()
    assert "jo@acme" not in stand.texts().lower()
    assert len([one for one in stand.pulled(Kind.CONTACT) if not one.archived]) == 1
    assert syncs.left() == []
    assert erase(syncs.context(), "jo@acme.example").remote == {}


def test_two_workers_with_the_same_key_make_one_record(syncs: Syncs, stand: Stand) -> None:
    """Each with its own connections, at the same time: one writes, the other waits for its turn."""
    want(syncs.warehouse, "batch-1", [company("E1", contacts=[JO])])
    stand.advance(60)
    together, cards = threading.Barrier(2), list[dict[str, Any]]()
    url = syncs.warehouse.engine.url.render_as_string(hide_password=False)

    def work(name: str) -> None:
        warehouse, connector = Warehouse(url), stand.connect()
        together.wait()
        while True:
            try:
                cards.append(sync(context_of(warehouse, connector, stand.now, run_id=name)))
                break
            except LeaseHeld:
                threading.Event().wait(0.01)
        connector.close()
        warehouse.dispose()

    workers = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted((card["created"], card["rejected"]) for card in cards) == [(0, 0), (2, 0)]
    assert keys_of(stand.companies()) == ["E1"]
    assert len(stand.pulled(Kind.CONTACT)) == 1
    assert syncs.left() == []


def test_a_worker_that_another_took_over_from_makes_no_second_record(
    syncs: Syncs, stand: Stand, before_push: Any
) -> None:
    """It slept too long, on another machine, with its operations marked as on their way."""
    want(syncs.warehouse, "batch-1", [company("E1")])
    other = stand.connect()

    def sleep(operations: Sequence[Operation]) -> None:
        assert [operation.action for operation in operations] == [Action.CREATE]
        with syncs.warehouse.transaction() as connection:
            connection.execute(sa.update(crm_leases).values(holder="elsewhere/-/-/1/-/0"))
        stand.advance(LEASE.total_seconds() + 1)
        for _ in range(3):
            syncs(connector=other, run_id="other")
            stand.advance(120)

    before_push(sleep)
    with contextlib.suppress(LeaseHeld):
        syncs(run_id="sleeper")
    for _ in range(2):
        syncs(connector=other, run_id="later")
    other.close()
    assert keys_of(stand.companies()) == ["E1"]
    assert syncs.left() == []
