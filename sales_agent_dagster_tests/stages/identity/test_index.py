"""The linkage index: what is stored is found, only by later batches, never under a capped key."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from sales_agent_dagster.matching.blocking import MAX_BLOCK
from sales_agent_dagster.matching.counts import Value
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.matching.lead import NormLead, RawLead
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.stages.identity.figures import value_hashes
from sales_agent_dagster.stages.identity.index import (
    BATCH_SPAN,
    Known,
    Sharing,
    _sufficing,
    lead_no_of,
    look_up,
    population_before,
)
from sales_agent_dagster.stages.identity.index_writing import IndexedBatch, IndexedLead, write_index
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    capped_keys,
    lead_block_keys,
    lead_norm,
    resolution_order,
    shared_values,
    value_counts,
)
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch

INDEX = (lead_norm, lead_block_keys, capped_keys, value_counts, shared_values, resolution_order)
STAMP = {"run_id": "run-1", "created_at": PROVENANCE["created_at"]}


def norm(lead_id: str, name: str = "", **cells: str) -> NormLead:
    return normalise(RawLead(lead_id, name, **cells))


def store(warehouse: Warehouse, place: int, leads: Sequence[NormLead]) -> Known:
    """The leads as batch number ``place``, each its own company; returns what was known before."""
    batch_id = f"batch-{place}"
    with warehouse.reading() as connection:
        there = connection.scalar(
            sa.text("SELECT COUNT(*) FROM lead_batches WHERE batch_id = :b"), {"b": batch_id}
        )
    if not there:
        seed_batch(
            warehouse, batch_id, [{"lead_id": lead.lead_id} for lead in leads], through="resolved_leads"
        )
        with warehouse.transaction() as connection:
            connection.execute(sa.delete(resolution_order).where(resolution_order.c.batch_id == batch_id))
    with warehouse.transaction() as connection:
        known = look_up(connection, leads, place, {})
        indexed = [
            IndexedLead(lead_no_of(place, offset), lead, lead.lead_id, f"A{lead.lead_id}")
            for offset, lead in enumerate(leads)
        ]
        batch = IndexedBatch(place, indexed, known)
        write_index(warehouse, connection, batch, {**STAMP, "batch_id": batch_id})
    return known


def find(warehouse: Warehouse, lead: NormLead, place: int, *others: str) -> Known:
    with warehouse.reading() as connection:
        return look_up(connection, [lead], place, {lead.lead_id: others} if others else {})


def ids(known: Known) -> list[str]:
    """Candidates of the only new lead."""
    return [known.lead_ids[row] for row in known.sharing.stored.tolist()]


def values(known: Known) -> dict[Value, tuple[int, int]]:
    """Leads and spread of the values that stored leads hold."""
    found = known.figures
    figures = zip(found.named(), found.leads.tolist(), found.spread.tolist(), strict=True)
    return {value: (leads, spread) for value, leads, spread in figures if leads}


def everything(warehouse: Warehouse) -> dict[str, list[Any]]:
    with warehouse.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr) for table in INDEX
        }


def test_the_table_has_every_field_of_a_normalised_lead() -> None:
    assert set(NormLead._fields) <= set(lead_norm.c.keys())


def test_stored_leads_are_found_as_they_were_by_later_batches_only(warehouse: Warehouse) -> None:
    acme = norm("a", "Acme Power LLC", phone="330-555-0101", city="Akron", state="OH", zip="44301")
    store(warehouse, 1, [acme, norm("z", "Zenith Roofing")])
    twin = norm("b", "ACME POWER", phone="(330) 555-0101")
    found = find(warehouse, twin, 2)
    assert ids(found) == ["a"]
    assert {name: texts.to_pylist() for name, texts in found.leads.items()} == {
        name: [value] for name, value in acme._asdict().items() if name != "lead_id"
    }
    assert (found.account_ids, found.founders_of(["a", "b"])) == (["Aa"], {entity_id_of("a"): "a"})
    assert found.population == 2
    earlier = find(warehouse, twin, 1)
    assert (ids(earlier), len(earlier.leads["core"]), values(earlier), earlier.population) == ([], 0, {}, 0)


def test_candidates_are_in_the_order_of_resolution(warehouse: Warehouse) -> None:
    for place, names in ((1, ("d", "c")), (2, ("b", "a"))):
        store(warehouse, place, [norm(name, phone="330-555-0101") for name in names])
    assert ids(find(warehouse, norm("e", phone="330-555-0101"), 3)) == ["d", "c", "b", "a"]
    assert ids(find(warehouse, norm("e", phone="330-555-0101"), 2)) == ["d", "c"]


def test_leads_that_an_answer_names_are_candidates_without_any_key(warehouse: Warehouse) -> None:
    store(warehouse, 1, [norm("a", "Acme"), norm("b", "Zenith")])
    store(warehouse, 2, [norm("c", "Later")])
    assert ids(find(warehouse, norm("n", "New"), 2, "b", "c", "unknown")) == ["b"]


def test_values_are_counted_up_to_each_batch(warehouse: Warehouse) -> None:
    phone = ("phone", "3305550101")
    leads = [norm(f"a{n}", "Acme", phone="330-555-0101") for n in range(3)]
    store(warehouse, 1, leads[:2])
    store(warehouse, 2, [norm("b", "Zenith", phone="330-555-0102")])
    known = store(warehouse, 3, leads[2:])
    assert values(known)[phone][0] == 2
    seen = [values(find(warehouse, leads[0], place)).get(phone, (0, 0))[0] for place in (1, 2, 3, 4)]
    assert seen == [0, 2, 2, 3]
    again = find(warehouse, leads[0], 4).figures.known
    ones = np.ones(2, np.int32)
    held = pa.array(["3305550101", "3305550109"])
    assert again("phone", held, ones).tolist() == [4, 1]
    assert again("phone_spread", held, 2 * ones).tolist() == [2, 2]
    assert find(warehouse, norm("x"), 4).figures.known("phone", held, ones).tolist() == [1, 1]
    assert values(find(warehouse, norm("x", "Acme"), 4))["token", "acme"][0] == 3


def test_a_batch_that_changes_corrects_the_counts_after_it(warehouse: Warehouse) -> None:
    old, new = ("phone", "3305550101"), ("phone", "3305550102")
    store(warehouse, 1, [norm("a", phone="330-555-0101"), norm("b", phone="330-555-0101")])
    store(warehouse, 2, [norm("c", phone="330-555-0101"), norm("d", phone="330-555-0102")])
    store(warehouse, 1, [norm("a", phone="330-555-0101"), norm("b", phone="330-555-0102")])
    held = find(warehouse, norm("x", phone="330-555-0101", phone_2="330-555-0102"), 3)
    assert (values(held)[old][0], values(held)[new][0]) == (2, 2)
    assert ids(held) == ["a", "b", "c", "d"]


def test_a_lead_that_is_gone_leaves_no_key_and_no_count(warehouse: Warehouse) -> None:
    phone = ("phone", "3305550101")
    store(warehouse, 1, [norm("a", phone="330-555-0101"), norm("b", phone="330-555-0101")])
    store(warehouse, 2, [norm("c", phone="330-555-0101")])
    with warehouse.transaction() as connection:  # as the import does
        connection.execute(sa.delete(lead_norm).where(lead_norm.c.lead_id == "b"))
    store(warehouse, 1, [norm("a", phone="330-555-0101")])
    held = find(warehouse, norm("x", phone="330-555-0101"), 3)
    assert (values(held)[phone][0], ids(held), held.population) == (2, ["a", "c"], 2)


def test_writing_the_same_again_changes_nothing(warehouse: Warehouse) -> None:
    leads = [norm(f"a{n}", "Acme", phone="330-555-0101", city=f"City {n}") for n in range(MAX_BLOCK + 5)]
    store(warehouse, 1, leads)
    store(warehouse, 2, [norm("b", "Acme")])
    before = everything(warehouse)
    statements: list[str] = []
    sa.event.listen(
        warehouse.engine, "before_cursor_execute", lambda *event: statements.append(event[2].split()[0])
    )
    store(warehouse, 1, leads)
    assert everything(warehouse) == before
    assert "DELETE" not in statements


def test_a_key_that_many_share_is_capped_and_logged(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    phone = "330-555-0101"
    first = [norm(f"a{n}", phone=phone, linkedin=f"linkedin.com/company/a{n}") for n in range(MAX_BLOCK - 1)]
    store(warehouse, 1, first)
    assert len(ids(find(warehouse, norm("x", phone=phone), 2))) == MAX_BLOCK - 1
    assert "phone" not in caplog.text
    store(warehouse, 2, [norm("b", phone=phone, linkedin="linkedin.com/company/bb"), norm("c", phone=phone)])
    assert "phone 1" in caplog.text
    assert "3305550101" not in caplog.text
    capped = find(warehouse, norm("x", phone=phone), 3)
    assert ids(capped) == []
    assert MAX_BLOCK in capped.key_leads
    assert ids(find(warehouse, norm("x", phone=phone, linkedin="linkedin.com/company/bb"), 3)) == ["b"]
    assert len(ids(find(warehouse, norm("x", phone=phone), 2))) == MAX_BLOCK - 1
    store(warehouse, 3, [norm("d", phone=phone)])
    stored = everything(warehouse)
    assert [(row[1], row[2]) for row in stored["capped_keys"]] == [("phone", 2)]
    key = stored["capped_keys"][0][0]
    assert sum(row[0] == key for row in stored["lead_key"]) == MAX_BLOCK


def test_a_value_of_several_firms_is_listed_as_shared_once(warehouse: Warehouse) -> None:
    def user(number: int) -> NormLead:
        name = f"{['Alpha', 'Bravo', 'Carol', 'Delta', 'Eagle', 'Foxtrot'][number]} Power"
        city = ["Akron", "Berea", "Celina", "Dayton", "Elyria", "Fremont"][number]
        return norm(f"a{number}", name, phone="330-555-0101", city=city, state="OH")

    store(warehouse, 1, [user(0), user(1), user(2)])
    assert everything(warehouse)["shared_values"] == []
    store(warehouse, 2, [user(3)])
    [row] = everything(warehouse)["shared_values"]
    assert row == ("phone", "3305550101", 2, 4)
    store(warehouse, 3, [user(4)])
    assert everything(warehouse)["shared_values"] == [row]
    assert values(find(warehouse, user(5), 4))["phone", "3305550101"] == (5, 5)


def test_population_counts_earlier_batches(warehouse: Warehouse) -> None:
    store(warehouse, 1, [norm("a"), norm("b")])
    store(warehouse, 2, [norm("c")])
    with warehouse.reading() as connection:
        assert [population_before(connection, place) for place in (1, 2, 3)] == [0, 2, 3]


def test_numbers_and_hashes_are_for_ever() -> None:
    assert lead_no_of(3, 7) == 3 * BATCH_SPAN + 7
    assert BATCH_SPAN > 100_000
    assert value_hashes("phone", pa.array(["3305550101"])).tolist() == [222004357438339647]
    assert value_hashes("name", pa.array(["acme"])).tolist() == [6099589943072897227]


def test_pairs_need_a_key_that_suffices_or_two() -> None:
    new, stored = np.array([2, 1, 1, 1, 3, 1]), np.array([7, 5, 6, 6, 7, 8])
    alone = np.array([True, False, False, False, True, False])
    found = _sufficing(Sharing(new, stored), alone)
    assert (found.new.tolist(), found.stored.tolist()) == ([1, 2, 3], [6, 7, 7])
    nothing = _sufficing(Sharing(new[:0], stored[:0]), alone[:0])
    assert len(nothing.new) == 0
