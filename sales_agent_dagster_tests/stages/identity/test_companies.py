from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.stages.identity.companies import FIELDS, Move, company_of, record_moves, survivor
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import merge_events, merged_companies, resolved_leads
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch
from sales_agent_dagster_tests.stages.identity.indexing import index_leads
from sales_agent_dagster_tests.stages.identity.test_reviews import MORE_THAN_A_STATEMENT_BINDS

EMPTY = {**dict.fromkeys(FIELDS), "company_name": "Acme", "external_id": None, "do_not_contact": False}


def lead(number: int, **columns: Any) -> dict[str, Any]:
    return {**EMPTY, "lead_id": f"L{number}", "lead_no": number, **columns}


@pytest.mark.parametrize(
    ("leads", "lead_id", "rule"),
    [
        ([{"email": "first@acme.example"}, {"email": "longest@acme.example"}], "L2", "longest"),
        ([{"email": "a@acme.example"}, {"email": "b@acme.example"}], "L1", "longest"),
        (
            [{"email": "a@acme.example"}, {"email": "A@acme.example"}, {"email": "very.long@acme.example"}],
            "L2",
            "newest verified",
        ),
        (
            [
                {"email": "a@acme.example", "external_id": "7"},
                {"email": "b@acme.example", "external_id": "8"},
                {"email": "long@acme.example"},
                {"email": "long@acme.example"},
            ],
            "L2",
            "crm",
        ),
        ([{"external_id": "7"}, {"email": "b@acme.example"}], "L2", "longest"),
    ],
)
def test_who_survives(leads: list[dict[str, Any]], lead_id: str, rule: str) -> None:
    found = survivor("email", [lead(number, **columns) for number, columns in enumerate(leads, 1)])
    assert found is not None
    assert (found[0]["lead_id"], found[1]) == (lead_id, rule)


def test_a_field_that_nobody_has_has_no_survivor() -> None:
    assert survivor("email", [lead(1), lead(2)]) is None


def test_an_address_is_never_put_together_from_two() -> None:
    fields, rules = company_of(
        [
            lead(1, street="1 Main Street", city="Akron", zip="44301"),
            lead(2, street="2 Oak", city="Llanfairpwll", state="OH"),
        ]
    )
    assert [fields[name] for name in ("street", "city", "state", "zip")] == [
        "1 Main Street",
        "Akron",
        None,
        "44301",
    ]
    assert rules["zip"] == {"lead_id": "L1", "rule": "longest"}
    assert "state" not in rules


def test_without_a_street_the_place_comes_from_whoever_has_it() -> None:
    fields, _ = company_of([lead(1, city="Akron"), lead(2, state="OH")])
    assert (fields["city"], fields["state"]) == ("Akron", "OH")


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_one_withdrawn_consent_is_the_companys(withdrawn: list[bool]) -> None:
    leads = [lead(number, do_not_contact=said) for number, said in enumerate(withdrawn)]
    assert company_of(leads)[0]["do_not_contact"] is any(withdrawn)


def stored(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in connection.execute(query).mappings()]


def move(warehouse: Warehouse, *moves: Move) -> None:
    """The moves, in ``resolved_leads`` as well."""
    with warehouse.transaction() as connection:
        for one in moves:
            own = resolved_leads.c.lead_id == one.lead_id
            connection.execute(sa.update(resolved_leads).where(own).values(entity_id=one.joined))
        record_moves(warehouse, connection, moves, PROVENANCE)


def test_merges_and_undos_are_logged_and_an_undo_restores_the_company(warehouse: Warehouse) -> None:
    columns = {"entity_id": "E1"}
    ids = seed_batch(
        warehouse,
        leads=[
            {"company_name": "Acme", "phone": "1", "resolved_leads": columns},
            {"company_name": "Acme Power", "email": "a@acme.example"},
            {"company_name": "Acme Power LLC", "do_not_contact": True},
        ],
        through="resolved_leads",
    )
    index_leads(warehouse, ids)
    joins = [Move(lead_id, None, "E1", ids[0], ids[0], False) for lead_id in ids[1:]]
    move(warehouse, joins[0])
    [two] = stored(warehouse, merged_companies)
    assert (two["leads"], two["company_name"], two["phone"], two["email"]) == (
        2,
        "Acme Power",
        "1",
        "a@acme.example",
    )
    move(warehouse, joins[1])
    [three] = stored(warehouse, merged_companies)
    assert (three["company_name"], three["do_not_contact"]) == ("Acme Power LLC", True)
    move(warehouse, Move(ids[2], "E1", "E2", ids[2], ids[2], True))
    assert stored(warehouse, merged_companies) == [two]
    move(warehouse, Move(ids[1], "E1", "E3", ids[1], ids[1], True))
    assert stored(warehouse, merged_companies) == []
    events = stored(warehouse, merge_events)
    assert [(row["event_no"], row["event"], row["joined_lead_id"], row["decided_by"]) for row in events] == [
        (1, "merge", ids[1], "linkage"),
        (2, "merge", ids[2], "linkage"),
        (3, "undo", ids[2], "person"),
        (4, "undo", ids[1], "person"),
    ]
    assert events[1]["before"] == events[0]["after"] == events[2]["after"] == events[3]["before"]
    assert events[1]["after"] == events[2]["before"]
    assert events[0]["rules"]["company_name"] == {"lead_id": ids[1], "rule": "longest"}
    assert (events[0]["before"]["leads"], events[3]["after"]["leads"]) == (1, 1)
    assert events[2]["after"]["do_not_contact"] is False


def test_leads_that_join_together_are_logged_one_by_one(warehouse: Warehouse) -> None:
    ids = seed_batch(
        warehouse,
        leads=[{"company_name": "A" * number, "resolved_leads": {"entity_id": "E1"}} for number in (1, 2, 3)],
    )
    index_leads(warehouse, ids)
    move(warehouse, *(Move(lead_id, None, "E1", ids[0], ids[0], False) for lead_id in ids[1:]))
    events = stored(warehouse, merge_events)
    assert [row["before"]["leads"] for row in events] == [1, 2]
    assert [row["after"]["company_name"] for row in events] == ["AA", "AAA"]


def test_a_founder_that_joins_another_company_leaves_the_rest_its_own(warehouse: Warehouse) -> None:
    leads = [{"resolved_leads": {"entity_id": entity}} for entity in ("E1", "E2", "E2")]
    ids = seed_batch(warehouse, leads=leads)
    index_leads(warehouse, ids)
    move(warehouse, Move(ids[1], "E2", "E1", ids[0], ids[0], True))
    assert [(row["entity_id"], row["leads"]) for row in stored(warehouse, merged_companies)] == [("E1", 2)]
    undo, merge = sorted(stored(warehouse, merge_events), key=lambda row: row["event"], reverse=True)
    assert (undo["entity_id"], undo["before"]["leads"], undo["after"]["leads"]) == ("E2", 2, 1)
    assert (merge["entity_id"], merge["after"]["leads"]) == ("E1", 2)


def test_however_many_leads_move_at_once(warehouse: Warehouse) -> None:
    last = MORE_THAN_A_STATEMENT_BINDS - 1
    company = {"entity_id": f"E{last}", "leads": 2, "company_name": "Acme", "do_not_contact": False}
    moves = [Move(f"L{n}", None, f"E{n}", f"L{n}", f"L{n}", False) for n in range(last + 1)]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, merged_companies, [company])
        record_moves(warehouse, connection, moves, PROVENANCE)
    assert stored(warehouse, merged_companies) == []
