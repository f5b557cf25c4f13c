from __future__ import annotations

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import (
    Deferred,
    Event,
    EventAction,
    FailureClass,
    Operation,
    Page,
    Record,
    Sent,
    Suppression,
    SuppressionScope,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.stages.crm.erasing import erase
from sales_agent_dagster.stages.crm.pulling import store_page
from sales_agent_dagster.stages.crm.suppressing import suppressed_leads, token_of
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    crm_contacts,
    crm_link,
    crm_outbox,
    enrichment_cache,
    enrichment_credits,
    enrichment_suppressions,
    imported_leads,
    suppression,
)
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import campaign, company, context_of, run_sync, want

JO = {"contact_name": "Jo Doe", "email": "Jo@acme.example"}
AL = {"contact_name": "Al Roe", "email": "al@acme.example"}


def everything(warehouse: Warehouse) -> str:
    with warehouse.reading() as connection:
        return "\n".join(
            repr(row) for table in METADATA.sorted_tables for row in connection.execute(sa.select(table))
        )


def test_nothing_of_the_person_is_left_and_nothing_comes_back(warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(
        warehouse,
        "batch-1",
        [company("E1", contacts=[JO, AL])],
        email="jo@acme.example",
        contact_name="Jo Doe",
        contact_first_name="Jo",
    )
    run_sync(warehouse, crm)
    run_sync(warehouse, crm)
    assert len(crm.living(Kind.CONTACT)) == 2
    context = context_of(warehouse, crm, lambda: crm.now)
    receipt = erase(context, " JO@acme.example ")
    assert receipt.remote == {"contact": 1}
    assert receipt.archives == ["file-batch-1"]
    assert {"imported_leads", "crm_wanted", "crm_outbox", "crm_contacts"} <= receipt.rows.keys()
    assert [record.fields["contact_name"] for record in crm.living(Kind.CONTACT)] == ["Al Roe"]
    left = everything(warehouse)
    assert "jo@acme" not in left.lower()
    assert "Jo Doe" not in left
    assert "al@acme.example" in left
    assert pending(context) == []
    want(warehouse, "batch-2", [company("E1", contacts=[JO])])
    card = run_sync(warehouse, crm)
    assert (card["created"], len(crm.living(Kind.CONTACT))) == (0, 1)
    with warehouse.reading() as connection:
        again = {"lead_id": "L", "email": "JO@acme.example", "phone": None, "website": None}
        assert suppressed_leads(connection, "pepper", [again, again | {"lead_id": "M", "email": None}]) == {
            "L": "erased"
        }
        tokens = connection.scalars(sa.select(suppression.c.token)).all()
    assert tokens == [token_of("pepper", SuppressionScope.EMAIL, "jo@acme.example")]
    assert erase(context, "jo@acme.example").remote == {}


@pytest.mark.parametrize("said", ["Hello Jo. This is Al.", "Hello Ms DOE,", "Ask for jo  doe."])
def test_our_note_that_names_the_person_goes_and_is_not_made_again(
    sqlite_warehouse: Warehouse, said: str
) -> None:
    crm = FakeCrm()
    jo = {"email": "jo@acme.example", "contact_name": "Jo Doe", "contact_first_name": "Jo"}
    companies = [company("E1", contacts=[JO]), company("E2")]
    ids = want(sqlite_warehouse, "batch-1", companies, **jo, contact_last_name="Doe", raw={"who": " jo DOE"})
    campaign(sqlite_warehouse, "batch-1", ids[1:])
    campaign(sqlite_warehouse, "batch-1", ids[:1], call=said)
    lead = imported_leads.c
    with sqlite_warehouse.transaction() as connection:
        al = {"email": "al@acme.example", "contact_name": "Jo Poe", "contact_last_name": "Poe"}
        nobody = sa.update(imported_leads).where(lead.lead_id == ids[1])
        connection.execute(nobody.values(**al, raw={"who": "Jo"}))
        connection.execute(
            sa.update(imported_leads).where(lead.lead_id == ids[0]).values(extra={"mail": jo["email"]})
        )
    run_sync(sqlite_warehouse, crm)
    assert len(crm.living(Kind.NOTE)) == 2
    receipt = erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "jo@acme.example")
    assert receipt.remote == {"contact": 1, "email_draft": 1, "note": 1}
    [note] = crm.living(Kind.NOTE)
    assert "Ask for the owner." in str(note.fields["body"]), "the other company's names nobody"
    left = everything(sqlite_warehouse)
    assert said not in left
    assert "doe" not in left.lower()
    assert "Jo Poe" in left
    run_sync(sqlite_warehouse, crm)
    assert len(crm.living(Kind.NOTE)) == 1


def test_a_note_that_names_nobody_stays(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    jo = {"email": "jo@acme.example", "contact_name": "Jo Doe", "contact_first_name": "O"}
    ids = want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO])], **jo)
    campaign(sqlite_warehouse, "batch-1", ids)
    run_sync(sqlite_warehouse, crm)
    receipt = erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "jo@acme.example")
    assert receipt.remote == {"contact": 1, "email_draft": 1}
    assert len(crm.living(Kind.NOTE)) == 1


def test_a_note_of_which_nobody_knows_yet_is_told(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    jo = {"email": "jo@acme.example", "contact_name": "Jo Doe"}
    ids = want(sqlite_warehouse, "batch-1", [company("E1")], **jo)
    campaign(sqlite_warehouse, "batch-1", ids)
    run_sync(sqlite_warehouse, crm)
    row = crm_outbox.c
    with sqlite_warehouse.transaction() as connection:
        lost = {"state": "unknown", "remote_id": None, "payload": {"body": "Hello Jo Doe."}}
        connection.execute(sa.update(crm_outbox).where(row.kind == "note").values(lost))
    receipt = erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "jo@acme.example")
    assert [text.partition(":")[0] for text in receipt.refused] == ["note"]
    with sqlite_warehouse.reading() as connection:
        kept = connection.scalar(sa.select(row.payload).where(row.kind == "note"))
    assert kept == {"body": "Hello Jo Doe."}, "what is read back is compared with it"


def test_what_providers_said_of_the_person_is_forgotten(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    asked = {"lookup_id": "1", "provider": "hunter_verifier", "run_id": "r", "batch_id": "b", "lead_id": "L"}
    paid = asked | {"day": "2026-03-02", "state": "reserved", "credits": 1.0, "cost_usd": 0.02, "facts": 0}
    answer = {"version": "1", "outcome": "found", "fetched_at": crm.now, "fresh_until": crm.now}
    said = '{"facts": [{"value": "Jo@acme.example"}], "texts": {}}'
    people = ("jo@acme.example", "al@acme.example")
    with sqlite_warehouse.transaction() as connection:
        connection.execute(
            sa.insert(enrichment_cache),
            [
                answer | {"provider": "hunter_verifier", "lookup_key": "jo@acme.example", "payload": None},
                answer | {"provider": "hunter_finder", "lookup_key": "jo|doe|acme.example", "payload": said},
                answer | {"provider": "hunter_verifier", "lookup_key": "al@acme.example", "payload": None},
            ],
        )
        for place, email in enumerate(people):
            row = paid | {"lookup_id": str(place), "lookup_key": email, "reserved_at": crm.now}
            connection.execute(sa.insert(enrichment_credits), row)
            told = {"value": email, "provider": "hunter_finder", "created_at": crm.now}
            connection.execute(sa.insert(enrichment_suppressions), told)
    for email in people[:1] * 2:
        erase(context, email)
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(enrichment_cache.c.lookup_key)).all() == [people[1]]
        assert connection.scalars(sa.select(enrichment_suppressions.c.value)).all() == [people[1]]
        keys = connection.scalars(sa.select(enrichment_credits.c.lookup_key)).all()
    token = token_of("pepper", SuppressionScope.EMAIL, people[0])
    assert sorted(keys) == sorted([token, people[1]])


def test_a_contact_that_never_reached_the_crm_leaves_no_name(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO, AL])])
    run_sync(sqlite_warehouse, crm)
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.update(crm_outbox).values(remote_id=None))
        connection.execute(sa.delete(crm_contacts))
        connection.execute(sa.delete(crm_link))
    crm.records.clear()
    erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "jo@acme.example")
    with sqlite_warehouse.reading() as connection:
        payloads = repr(connection.scalars(sa.select(crm_outbox.c.payload)).all())
    assert "Jo Doe" not in payloads
    assert "Al Roe" in payloads


def test_a_contact_that_was_made_and_not_attached_is_erased_too(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(upsert=True, lag=3600)
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO, AL])])

    def breaks_off(operation: Operation) -> Deferred | None:
        if operation.kind is not Kind.CONTACT:
            return None
        done = FakeCrm._do(crm, operation)
        assert isinstance(done, Sent)
        return Deferred("", FailureClass.TRANSIENT, "Created, but not attached yet.", done.remote_id)

    crm.fault = breaks_off
    run_sync(sqlite_warehouse, crm)
    with sqlite_warehouse.transaction() as connection:  # a draft to another that names the address
        row = dict(connection.execute(sa.select(crm_outbox).limit(1)).mappings().one())
        to_al = {"email": "al@acme.example", "body": "Ask Jo@acme.example."}
        draft = {"op_id": "draft", "kind": "email_draft", "remote_id": "acti_1", "payload": to_al}
        connection.execute(sa.insert(crm_outbox), row | draft)
    receipt = erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "jo@acme.example")
    assert (receipt.remote, receipt.refused) == ({"contact": 1}, [])
    assert [record.fields["contact_name"] for record in crm.living(Kind.CONTACT)] == ["Al Roe"]
    with sqlite_warehouse.reading() as connection:
        payloads = repr(connection.scalars(sa.select(crm_outbox.c.payload)).all())
    assert "Jo Doe" not in payloads
    assert "Al Roe" in payloads


def test_what_cannot_be_erased(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    with pytest.raises(ConfigurationError, match="no e-mail address"):
        erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "Jo")
    with pytest.raises(ConfigurationError, match="live"):
        erase(context_of(sqlite_warehouse, crm, lambda: crm.now, live=False), "jo@acme.example")


def test_what_may_be_in_the_crm_without_anybody_knowing_is_told(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(lag=45)
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO, AL])])
    lost = ("jo@acme.example", "al@acme.example")
    crm.fault = lambda operation: "lost" if str(operation.fields.get("email")).lower() in lost else None
    run_sync(sqlite_warehouse, crm)
    crm.fault = lambda operation: None
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    told = erase(context, "jo@acme.example")
    assert told.remote == {}
    assert [text.partition(":")[0] for text in told.refused] == ["contact"]
    crm.tick(120)
    run_sync(sqlite_warehouse, crm)
    again = erase(context, "jo@acme.example")
    assert (again.remote, again.refused) == ({"contact": 1}, [])
    assert [record.fields["email"] for record in crm.living(Kind.CONTACT)] == ["al@acme.example"]
    assert "jo@acme" not in everything(sqlite_warehouse).lower()


def test_who_had_opted_out_before_is_erased_all_the_same(sqlite_warehouse: Warehouse) -> None:
    """What the CRM tells later, of its recycle bin or in a late event, is stored without the person."""
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1")])
    run_sync(sqlite_warehouse, crm)
    [firm] = crm.living()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    crm.suppressed.append(Suppression(SuppressionScope.EMAIL, "jo@acme.example", "unsubscribed"))
    run_sync(sqlite_warehouse, crm)
    erase(context, "jo@acme.example")
    event = Event(
        "ev_late", EventAction.UNSUBSCRIBED, Kind.CONTACT, "unsub_1", crm.now, address="JO@acme.example"
    )
    fields = {**JO, "phone": "+12125550199"}
    binned = Record(Kind.CONTACT, "cont_9", fields, crm.now, company_id=firm.remote_id, archived=True)
    store_page(context, Page([binned], [event]))
    left = everything(sqlite_warehouse)
    assert "jo@acme" not in left.lower()
    assert "Jo Doe" not in left
    assert "2125550199" not in left
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_contacts.c.archived)).all() == [True]
        told = sa.select(suppression.c.reason, suppression.c.source)
        assert connection.execute(told).tuples().all() == [("erased", "erasure")]
