"""What a CRM sync must survive, on every vendor's stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Action, Failed, Operation, SuppressionScope
from sales_agent_dagster.crm.errors import WriteRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster.stages.crm.suppressing import Entry, suppress
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.schema import crm_changes, crm_dead_letters, crm_link, crm_outbox
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand, keys_of
from sales_agent_dagster_tests.stages.crm.wanting import company, rewant, want

JO = {"contact_name": "Jo Doe", "email": "jo@acme.example", "contact_title": "Owner"}


def test_the_second_sync_writes_nothing(syncs: Syncs, stand: Stand) -> None:
    fields = {"city": "Akron", "state": "OH", "zip": "44301", "brands": "Generac, Kohler", "score": 61.25}
    companies = [
        company(f"E{n}", **fields, contacts=[JO | {"email": f"jo{n}@acme.example"}]) for n in range(12)
    ]
    want(syncs.warehouse, "batch-1", companies)
    card = syncs()
    assert (card["created"], card["rejected"], card["unknown"], card["stopped"]) == (24, 0, 0, None)
    assert keys_of(stand.companies()) == sorted(f"E{n}" for n in range(12))
    stand.clear_log()
    card = syncs()
    assert (card["planned_creates"], card["planned_updates"], card["human_changes"], stand.writes()) == (
        0,
        0,
        0,
        0,
    )
    assert syncs.left() == []


def test_people_of_whom_only_an_address_is_known(syncs: Syncs, stand: Stand) -> None:
    address = {"email": "info@acme.example"}
    want(syncs.warehouse, "batch-1", [company("E1", contacts=[address]), company("E2", contacts=[])])
    card = syncs()
    assert (card["created"], card["rejected"]) == (3, 0)
    [person] = stand.pulled(Kind.CONTACT)
    assert {name: person.fields.get(name) for name in ("email", "contact_name")} == {
        "email": "info@acme.example",
        "contact_name": None,
    }
    assert (syncs()["human_changes"], syncs.left()) == (0, [])


def test_a_rep_edits_owned_and_unowned_fields(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company(score=61.0, city="Akron")])
    syncs()
    [record] = stand.companies()
    stand.advance(600)
    stand.edit(record.remote_id, company="Acme Holding", score=1)
    syncs()
    [record] = stand.companies()
    assert (record.fields["company"], record.fields["score"]) == ("Acme Holding", 61.0)
    with syncs.warehouse.reading() as connection:
        changed = connection.execute(sa.select(crm_changes.c.field, crm_changes.c.after)).tuples().all()
    assert dict(changed) == {"company": "Acme Holding", "score": 1.0}
    assert syncs.left() == []


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_a_lost_answer_makes_no_second_company(syncs: Syncs, stand: Stand, done: bool) -> None:
    want(syncs.warehouse, "batch-1", [company()])
    stand.lose_the_next_create(done=done)
    syncs()
    for _ in range(3):
        stand.advance(120)
        syncs()
    assert keys_of(stand.companies()) == ["E1"]
    assert len(stand.companies()) == 1
    assert syncs.left() == []
    with syncs.warehouse.reading() as connection:
        assert "unknown" not in connection.scalars(sa.select(crm_outbox.c.state)).all()


def test_merges_are_followed(syncs: Syncs, stand: Stand) -> None:
    leads = want(syncs.warehouse, "batch-1", [company("E1", score=1.0), company("E2", score=1.0)])
    syncs()
    ids = {record.external_key: record.remote_id for record in stand.companies()}
    stand.advance(600)
    stand.merge(ids["E1"], ids["E2"])
    stand.advance(600)
    rewant(
        syncs.warehouse,
        "batch-1",
        leads,
        [company("E1", score=2.0), company("E2", score=2.0)],
        at=stand.now(),
    )
    card = syncs()
    assert (card["created"], card["skipped"]) == (0, 1)
    [record] = stand.companies()
    assert record.fields["score"] == 2.0
    assert syncs.left() == []
    assert syncs()["created"] == 0


def test_deleted_companies_are_not_created_again(syncs: Syncs, stand: Stand) -> None:
    [lead] = want(syncs.warehouse, "batch-1", [company(score=1.0)])
    syncs()
    [record] = stand.companies()
    stand.advance(600)
    stand.delete(record.remote_id)
    stand.advance(600)
    rewant(syncs.warehouse, "batch-1", [lead], [company(score=2.0)], at=stand.now())
    assert (syncs()["created"], syncs()["created"]) == (0, 0)
    assert stand.companies() == []
    assert syncs.left() == []


def test_a_storm_of_refusals_passes(syncs: Syncs, stand: Stand) -> None:
    stand.limit()
    people = [[JO | {"email": f"jo{n}@acme.example"}] for n in range(60)]
    want(syncs.warehouse, "batch-1", [company(f"E{n}", contacts=people[n]) for n in range(60)])
    stand.storm(6)
    before = stand.connector.counters.refusals
    card = syncs()
    assert (card["created"], card["unknown"], card["stopped"]) == (120, 0, None)
    assert keys_of(stand.companies()) == sorted(f"E{n}" for n in range(60))
    assert 6 <= stand.connector.counters.refusals - before <= 8, (
        "what was refused first is not run into again"
    )


def test_a_poison_row_is_alone_and_told(syncs: Syncs, stand: Stand) -> None:
    companies = [company(f"E{n}") for n in range(100)]
    companies[17]["company"] |= stand.poison
    want(syncs.warehouse, "batch-1", companies)
    card = syncs()
    assert (card["created"], card["rejected"], card["rejected_by_class"]) == (99, 1, {"validation": 1})
    with syncs.warehouse.reading() as connection:
        [letter] = connection.execute(sa.select(crm_dead_letters)).mappings()
    assert letter["external_key"] == "E17"
    assert letter["remedy"]
    assert [planned.external_key for planned in syncs.left()] == ["E17"]


def test_a_changed_rule_writes_only_real_changes(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company(f"E{n}", city="Akron") for n in range(5)])
    syncs()
    [first, *_] = sorted(stand.companies(), key=lambda record: str(record.external_key))
    stand.advance(600)
    stand.edit(first.remote_id, city="Kent")
    assert syncs()["planned_updates"] == 0
    context = syncs.context()
    rules = {kind: dict(some) for kind, some in context.ownership.rules.items()}
    rules[Kind.COMPANY]["city"] = Rule.PIPELINE
    context = replace(context, ownership=replace(context.ownership, rules=rules, version="another"))
    card = sync(context)
    assert (card["planned_updates"], card["updated"]) == (1, 1)
    assert {record.fields["city"] for record in stand.companies()} == {"Akron"}


def test_who_opts_out_is_left_alone(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company("E1", contacts=[JO]), company("E2", contacts=[])])
    context = syncs.context()
    with syncs.warehouse.transaction() as connection:
        entry = Entry(SuppressionScope.EMAIL, "Jo@acme.example", "asked for it", "a person")
        assert suppress(context, connection, [entry, entry]) == 1
    syncs()
    assert keys_of(stand.companies()) == ["E1", "E2"]
    assert stand.pulled(Kind.CONTACT) == []
    assert syncs.left() == []


def test_a_dry_run_cannot_write(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company(contacts=[JO])])
    dry = stand.connect(dry_run=True)
    stand.clear_log()
    card = syncs(connector=dry, live=False)
    assert (card["planned_creates"], stand.writes()) == (2, 0)
    assert stand.requests() > 0
    operation = Operation("op", Kind.COMPANY, Action.CREATE, "E1", {"company": "Acme"})
    try:
        [result] = dry.push([operation])
        assert isinstance(result, Failed)
    except WriteRefused:
        pass
    assert (stand.writes(), stand.companies()) == (0, [])
    dry.close()


@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_that_differ_lose_no_edit(syncs: Syncs, stand: Stand, minutes: int) -> None:
    def skewed() -> object:
        return stand.now() + timedelta(minutes=minutes)

    want(syncs.warehouse, "batch-1", [company(score=1.0)])
    syncs(now=skewed)
    [record] = stand.companies()
    for city in ("Kent", "Akron"):
        stand.advance(20)
        stand.edit(record.remote_id, city=city)
        assert syncs(now=skewed)["human_changes"] == 1
    assert len(stand.companies()) == 1


def test_any_text_comes_back_as_it_went(syncs: Syncs, stand: Stand) -> None:
    texts = {"company": 'Ünïted 電力 & Söns 🔌 "Ltd" <b>', "city": "São Paulo", "next_step": "é" * 400}
    person = {
        "contact_name": "Zoë 😀 O'Neil-Søn",
        "email": "zoe+x@acme.example",
        "contact_title": '"Boss", 主',
    }
    firms = [company("E1", **texts, contacts=[person]), company("E2", city="e\u0301")]
    want(syncs.warehouse, "batch-1", firms)
    card = syncs()
    assert card["created"] == 3
    [contact] = stand.pulled(Kind.CONTACT)
    assert {name: contact.fields.get(name) for name in person} == person
    by_key = {record.external_key: record.fields for record in stand.companies()}
    held = stand.connector.capabilities.fields[Kind.COMPANY]
    for name, text in texts.items():
        if name in held:
            assert by_key["E1"][name] == text
    assert syncs.left() == []
    assert syncs()["updated"] == 0


@pytest.mark.parametrize("stand", ["close", "hubspot", "salesforce_leads"], indirect=True)
def test_a_status_changed_before_the_first_pull_is_a_person_s(syncs: Syncs, stand: Stand) -> None:
    want(syncs.warehouse, "batch-1", [company("E1"), company("E2")])
    syncs()
    ids = {record.external_key: record.remote_id for record in stand.companies()}
    stand.advance(5)
    stand.edit(ids["E1"], status=stand.status)
    assert syncs()["human_changes"] == 1
    with syncs.warehouse.reading() as connection:
        row = crm_changes.c
        [changed] = connection.execute(sa.select(row.external_key, row.field, row.after)).tuples()
    assert changed == ("E1", "status", stand.status)


@pytest.mark.parametrize("fate", ["merged", "deleted", "merged, then deleted"])
def test_what_becomes_of_a_company_whose_create_is_unknown(syncs: Syncs, stand: Stand, fate: str) -> None:
    """The answer is lost, and before it is read back people merge or delete what was created."""
    other = stand.add(company="Holding of another name")
    want(syncs.warehouse, "batch-1", [company(score=1.0)])
    stand.advance(120)
    stand.lose_the_next_create(done=True)
    original = stand.connector.reconcile

    def people_first(operations: Any) -> Any:
        stand.connector.reconcile = original  # type: ignore[method-assign]
        [mine] = [record.remote_id for record in stand.companies() if record.external_key == "E1"]
        if "merged" in fate:
            stand.merge(mine, other)
        if "deleted" in fate:
            stand.delete(other if "merged" in fate else mine)
        return original(operations)

    stand.connector.reconcile = people_first  # type: ignore[method-assign]
    assert syncs()["unknown"] == 1
    for _ in range(3):
        stand.advance(120)
        assert syncs()["created"] == 0
    assert [record.remote_id for record in stand.companies()] == ([] if "then" in fate else [other])
    row = crm_link.c
    with syncs.warehouse.reading() as connection:
        [(state, remote_id)] = connection.execute(sa.select(row.state, row.remote_id)).tuples()
    assert (state, remote_id == other) == ("linked" if fate == "merged" else "gone", "merged" in fate)
    assert syncs.left() == []
