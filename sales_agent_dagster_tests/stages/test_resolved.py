from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.profile import Profile, Suppress
from sales_agent_dagster.matching.base import entity_id_of
from sales_agent_dagster.stages.base import Plan, StageContext
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import imported_leads, lead_keys, resolution_order, resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch

PHONE, OTHER_PHONE = "+13305550101", "+14195550101"


def resolve(context: StageContext) -> Plan:
    return asyncio.run(ResolvedLeads().run(context))


def rows(warehouse: Warehouse, batch_id: str = "batch-1") -> list[dict[str, Any]]:
    """The batch's rows in import order."""
    query = (
        sa.select(resolved_leads)
        .join(
            imported_leads,
            sa.and_(
                imported_leads.c.batch_id == resolved_leads.c.batch_id,
                imported_leads.c.lead_id == resolved_leads.c.lead_id,
            ),
        )
        .where(resolved_leads.c.batch_id == batch_id)
        .order_by(imported_leads.c.record_no)
    )
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def everything(warehouse: Warehouse) -> list[Any]:
    with warehouse.reading() as connection:
        return [
            sorted(map(repr, connection.execute(sa.select(table))))
            for table in (resolved_leads, lead_keys, resolution_order)
        ]


def test_leads_of_one_batch_share_their_company(warehouse: Warehouse, context: MakeContext) -> None:
    first_id, second_id, _ = seed_batch(
        warehouse,
        leads=[
            {"company_name": "Acme", "phone": PHONE, "oems": "Generac", "line_no": 7},
            {"company_name": "Acme Solar", "phone": OTHER_PHONE, "phone_2": PHONE, "oems": "Kohler, Generac"},
            {"company_name": "Zenith"},
        ],
    )
    plan = resolve(context(warehouse))
    first, second, third = rows(warehouse)
    assert (plan.total, len(plan.todo)) == (3, 3)
    assert first["entity_id"] == second["entity_id"] == entity_id_of(first_id)
    assert third["entity_id"] != first["entity_id"]
    assert (first["is_duplicate"], first["duplicate_of"], first["match_rule"]) == (False, None, None)
    assert (second["is_duplicate"], second["duplicate_of"], second["match_rule"]) == (True, first_id, "phone")
    assert second["reason"] == f"Same phone {PHONE} as {first_id} Acme (line 7)."
    assert second["evidence"]["merged"][0]["lead_id"] == first_id
    assert third["evidence"] is None
    assert [row["cluster_size"] for row in (first, second, third)] == [2, 2, 1]
    assert [row["oems"] for row in (first, second, third)] == ["Generac, Kohler", "Generac, Kohler", None]
    assert [row["oem_count"] for row in (first, second, third)] == [2, 2, 0]
    assert all((row["status"], row["engine_version"]) == ("ok", "exact 1") for row in (first, second, third))
    assert second_id == second["lead_id"]


def test_a_later_batch_joins_known_companies(warehouse: Warehouse, context: MakeContext) -> None:
    [founder] = seed_batch(
        warehouse, "batch-1", [{"company_name": "Acme", "phone": PHONE, "oems": "Generac", "line_no": 9}]
    )
    [duplicate] = seed_batch(
        warehouse, "batch-2", [{"company_name": "Acme", "phone": PHONE, "oems": "Kohler"}]
    )
    seed_batch(warehouse, "batch-3", [{"company_name": "Acme", "phone": PHONE}])
    for batch_id in ("batch-1", "batch-2", "batch-3"):
        resolve(context(warehouse, batch_id))
    [first], [second], [third] = (rows(warehouse, f"batch-{number}") for number in (1, 2, 3))
    assert (first["cluster_size"], first["oems"]) == (1, "Generac")
    assert (second["entity_id"], second["duplicate_of"]) == (first["entity_id"], founder)
    assert (second["cluster_size"], second["oems"], second["oem_count"]) == (2, "Generac, Kohler", 2)
    assert second["reason"] == f"Same phone {PHONE} as {founder} Acme (line 9 of batch-1)."
    assert (third["cluster_size"], third["oems"], third["duplicate_of"]) == (3, "Generac, Kohler", founder)
    assert duplicate != founder


def test_a_rerun_changes_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    for batch_id in ("batch-1", "batch-2"):
        seed_batch(warehouse, batch_id, [{"phone": PHONE}, {"phone": OTHER_PHONE}, {"phone": PHONE}])
        resolve(context(warehouse, batch_id))
    before = everything(warehouse)
    for batch_id in ("batch-2", "batch-1"):
        plan = resolve(context(warehouse, batch_id, run_id="run-2"))
        assert (plan.total, plan.todo, plan.chunks(1)) == (3, (), [])
    assert everything(warehouse) == before


def test_an_earlier_batch_resolved_later_joins_what_is_there(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, "batch-1", [{"phone": PHONE}])
    [later] = seed_batch(warehouse, "batch-2", [{"phone": PHONE}])
    for batch_id in ("batch-2", "batch-1"):
        resolve(context(warehouse, batch_id))
    assert rows(warehouse, "batch-1")[0]["duplicate_of"] == later
    before = everything(warehouse)
    assert resolve(context(warehouse, "batch-2")).todo == ()
    assert everything(warehouse) == before


def test_a_changed_lead_has_its_whole_batch_decided_again(warehouse: Warehouse, context: MakeContext) -> None:
    first, second, third = seed_batch(
        warehouse, leads=[{"phone": PHONE}, {"phone": OTHER_PHONE}, {"phone": PHONE}]
    )
    resolve(context(warehouse))
    with warehouse.transaction() as connection:
        connection.execute(
            sa.update(imported_leads).where(imported_leads.c.lead_id == second).values(phone=PHONE)
        )
    plan = ResolvedLeads().plan(context(warehouse))
    assert plan.todo == (first, second, third)
    assert plan.chunks(1) == [plan.todo]
    resolve(context(warehouse, run_id="run-2"))
    assert [row["cluster_size"] for row in rows(warehouse)] == [3, 3, 3]
    assert {row["run_id"] for row in rows(warehouse)} == {"run-2"}
    with warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(lead_keys.c.value == OTHER_PHONE)) == 0
        assert connection.scalars(sa.select(resolution_order.c.run_id)).all() == ["run-1"]


def test_keys_are_stored_with_the_company(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(
        warehouse, leads=[{"company_name": "Acme Power", "phone": PHONE, "website_host": "acme.example"}]
    )
    resolve(context(warehouse))
    with warehouse.reading() as connection:
        stored = connection.execute(
            sa.select(lead_keys.c.kind, lead_keys.c.value, lead_keys.c.entity_id)
        ).all()
    entity_id = rows(warehouse)[0]["entity_id"]
    assert sorted(stored) == [
        ("domain", "acme.example", entity_id),
        ("name", "acme power", entity_id),
        ("phone", PHONE, entity_id),
    ]


def test_a_batch_without_leads_needs_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[])
    plan = resolve(context(warehouse))
    assert (plan.total, plan.todo) == (0, ())


def test_one_lead_not_to_be_contacted_suppresses_its_company(
    warehouse: Warehouse, context: MakeContext
) -> None:
    _, second, _ = seed_batch(
        warehouse,
        "batch-1",
        [{"phone": PHONE}, {"phone": PHONE, "do_not_contact": True}, {"company_name": "Zenith"}],
    )
    seed_batch(warehouse, "batch-2", [{"phone": PHONE}])
    for batch_id in ("batch-1", "batch-2"):
        resolve(context(warehouse, batch_id))
    found = [*rows(warehouse, "batch-1"), *rows(warehouse, "batch-2")]
    assert [row["suppressed"] for row in found] == [True, True, False, True]
    said = f"do_not_contact is set in the file (lead {second})"
    assert [row["suppressed_reason"] for row in found] == [said, said, None, said]


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ({"domains": ["acme.example"]}, "suppress.domains"),
        ({"emails": ["pat@acme.example"]}, "suppress.emails"),
        ({"phones": ["330-555-0101"]}, "suppress.phones"),
        ({"companies": ["ACME, Inc."]}, "suppress.companies"),
    ],
)
def test_the_profiles_lists_suppress(
    warehouse: Warehouse, context: MakeContext, profile: Profile, listed: dict[str, list[str]], named: str
) -> None:
    lead = {
        "company_name": "Acme",
        "phone": PHONE,
        "email": "pat@acme.example",
        "website_host": "acme.example",
    }
    seed_batch(warehouse, leads=[lead])
    resolve(context(warehouse))
    assert rows(warehouse)[0]["suppressed"] is False
    strict = profile.model_copy(update={"suppress": Suppress(**listed)})
    assert len(resolve(context(warehouse, profile=strict)).todo) == 1
    [row] = rows(warehouse)
    assert row["suppressed"] is True
    assert row["suppressed_reason"].startswith(named)


def test_scoring_weights_do_not_matter_here(
    warehouse: Warehouse, context: MakeContext, profile: Profile
) -> None:
    seed_batch(warehouse, leads=[{"phone": PHONE}])
    resolve(context(warehouse))
    renamed = profile.model_copy(update={"name": "another"})
    assert resolve(context(warehouse, profile=renamed)).todo == ()


def test_two_runs_at_once_create_one_company_once(warehouse: Warehouse, context: MakeContext) -> None:
    batches = [f"batch-{number}" for number in range(1, 5)]
    for batch_id in batches:
        seed_batch(warehouse, batch_id, [{"phone": PHONE}, {"company_name": f"Own {batch_id}"}])
    with ThreadPoolExecutor(len(batches)) as pool:
        list(pool.map(lambda batch_id: resolve(context(warehouse, batch_id)), batches))
    shared = [rows(warehouse, batch_id)[0] for batch_id in batches]
    assert len({row["entity_id"] for row in shared}) == 1
    assert sorted(row["cluster_size"] for row in shared) == [1, 2, 3, 4]
    assert [row["is_duplicate"] for row in shared].count(False) == 1
