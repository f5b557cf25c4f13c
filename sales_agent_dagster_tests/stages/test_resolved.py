from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.profile import Profile, Suppress
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.stages.base import Plan, StageContext
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    identity_reviews,
    imported_leads,
    lead_norm,
    merge_events,
    merged_companies,
    resolution_order,
    resolved_leads,
)
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import (
    ACME,
    ACME_AGAIN,
    ACME_MAYBE,
    ACME_TAMPA,
    BRIDGE,
    ZENITH,
    Columns,
    firm,
)


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


def everything(warehouse: Warehouse) -> dict[str, list[str]]:
    with warehouse.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in METADATA.sorted_tables
        }


def stored(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_leads_of_one_batch_share_their_company(warehouse: Warehouse, context: MakeContext) -> None:
    first_id, _, _ = seed_batch(
        warehouse, leads=[{**ACME, "oems": "Generac"}, {**ACME_AGAIN, "oems": "Kohler, Generac"}, ZENITH]
    )
    plan = resolve(context(warehouse))
    first, second, third = rows(warehouse)
    assert (plan.total, len(plan.todo)) == (3, 3)
    assert first["entity_id"] == second["entity_id"] == entity_id_of(first_id)
    assert first["account_id"] == second["account_id"] != third["account_id"]
    assert [row["decision"] for row in (first, second, third)] == ["new", "merge", "new"]
    assert (first["is_duplicate"], first["duplicate_of"], first["bits"]) == (False, None, None)
    assert (second["is_duplicate"], second["duplicate_of"]) == (True, first_id)
    assert second["matched_lead_id"] == first_id
    assert second["reason"].startswith(f"Same as {first_id} Acme Generator Service LLC: ")
    assert "phone equal (+" in second["reason"]
    assert [row["cluster_size"] for row in (first, second, third)] == [2, 2, 1]
    assert [row["oems"] for row in (first, second, third)] == ["Generac, Kohler", "Generac, Kohler", None]
    version = f"linkage {load_model().version}"
    assert all((row["status"], row["engine_version"]) == ("ok", version) for row in (first, second, third))


def test_the_explanation_adds_up_to_the_bits_decided_on(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[ACME, ACME_AGAIN, ACME_MAYBE, ACME_TAMPA])
    resolve(context(warehouse))
    explained = [*rows(warehouse)[1:], *stored(warehouse, identity_reviews)]
    assert len(explained) == 4
    for row in explained:
        told = row["explanation"]
        total = told["prior"] + sum(part["bits"] + part["tf_bits"] for part in told["parts"])
        assert total == pytest.approx(told["total"])
        assert row["bits"] == pytest.approx(total)
        assert told["probability"] == pytest.approx(1 / (1 + 2**-total))


def test_a_later_batch_joins_known_companies(warehouse: Warehouse, context: MakeContext) -> None:
    [founder] = seed_batch(warehouse, "batch-1", [{**ACME, "oems": "Generac"}])
    seed_batch(warehouse, "batch-2", [{**ACME_AGAIN, "oems": "Kohler"}])
    seed_batch(warehouse, "batch-3", [ACME])
    for batch_id in ("batch-1", "batch-2", "batch-3"):
        resolve(context(warehouse, batch_id))
    [first], [second], [third] = (rows(warehouse, f"batch-{number}") for number in (1, 2, 3))
    assert (first["cluster_size"], first["oems"]) == (1, "Generac")
    assert (second["entity_id"], second["duplicate_of"]) == (first["entity_id"], founder)
    assert (second["cluster_size"], second["oems"], second["oem_count"]) == (2, "Generac, Kohler", 2)
    assert (third["cluster_size"], third["oems"], third["duplicate_of"]) == (3, "Generac, Kohler", founder)
    [company] = stored(warehouse, merged_companies)
    assert (company["leads"], company["company_name"]) == (3, "Acme Generator Service LLC")
    assert [event["after"]["leads"] for event in stored(warehouse, merge_events)] == [2, 3]


def test_what_may_be_the_same_stays_its_own_company_and_is_asked(
    warehouse: Warehouse, context: MakeContext
) -> None:
    known, asked = seed_batch(warehouse, leads=[ACME, ACME_MAYBE])
    resolve(context(warehouse))
    first, second = rows(warehouse)
    assert (second["decision"], second["is_duplicate"], second["status"]) == ("review", False, "ok")
    assert second["entity_id"] != first["entity_id"]
    assert second["reason"].startswith(f"Perhaps the same as {known} Acme Generator Service LLC: ")
    [review] = stored(warehouse, identity_reviews)
    assert (review["lead_id"], review["other_lead_id"], review["state"]) == (asked, known, "open")
    assert review["other_entity_id"] == first["entity_id"]
    assert review["explanation"] == second["explanation"]
    assert stored(warehouse, merge_events) == []


def test_a_lead_between_two_companies_joins_neither(warehouse: Warehouse, context: MakeContext) -> None:
    acme, zenith = seed_batch(warehouse, "batch-1", [ACME, ZENITH])
    seed_batch(warehouse, "batch-2", [BRIDGE])
    for batch_id in ("batch-1", "batch-2"):
        resolve(context(warehouse, batch_id))
    [bridge] = rows(warehouse, "batch-2")
    assert (bridge["decision"], bridge["is_duplicate"]) == ("review", False)
    assert {row["other_lead_id"] for row in stored(warehouse, identity_reviews)} == {acme, zenith}
    assert len({row["entity_id"] for row in [*rows(warehouse), bridge]}) == 3


def test_a_branch_is_a_company_of_the_same_account(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, "batch-1", [ACME, *map(firm, range(4))])
    seed_batch(warehouse, "batch-2", [ACME_TAMPA])
    for batch_id in ("batch-1", "batch-2"):
        resolve(context(warehouse, batch_id))
    head, [branch] = rows(warehouse)[0], rows(warehouse, "batch-2")
    assert (branch["decision"], branch["relation"], branch["related_to"]) == (
        "new",
        "branch",
        head["entity_id"],
    )
    assert branch["account_id"] == head["account_id"]
    assert branch["explanation"]["veto"]


def test_a_rerun_changes_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    for batch_id in ("batch-1", "batch-2"):
        seed_batch(warehouse, batch_id, [ACME, ZENITH, ACME_AGAIN, ACME_MAYBE, ACME_TAMPA, BRIDGE])
        resolve(context(warehouse, batch_id))
    before = everything(warehouse)
    for batch_id in ("batch-2", "batch-1"):
        plan = resolve(context(warehouse, batch_id, run_id="run-2"))
        assert (plan.total, plan.todo, plan.chunks(1)) == (6, (), [])
    assert everything(warehouse) == before


def test_an_earlier_batch_resolved_later_joins_what_is_there(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, "batch-1", [ACME])
    [later] = seed_batch(warehouse, "batch-2", [ACME_AGAIN])
    for batch_id in ("batch-2", "batch-1"):
        resolve(context(warehouse, batch_id))
    assert rows(warehouse, "batch-1")[0]["duplicate_of"] == later
    before = everything(warehouse)
    assert resolve(context(warehouse, "batch-2")).todo == ()
    assert everything(warehouse) == before


def change(warehouse: Warehouse, lead_id: str, **columns: Any) -> None:
    with warehouse.transaction() as connection:
        own = imported_leads.c.lead_id == lead_id
        connection.execute(sa.update(imported_leads).where(own).values(**columns))


def test_a_changed_lead_has_only_those_it_concerns_decided_again(
    warehouse: Warehouse, context: MakeContext
) -> None:
    first, second, third, _ = seed_batch(warehouse, leads=[ACME, ZENITH, ACME_AGAIN, firm(0)])
    resolve(context(warehouse))
    again = {name: ACME.get(name) for name in (*ZENITH, "email")}
    change(warehouse, second, **again)
    plan = ResolvedLeads().plan(context(warehouse))
    assert {first, second, third}.issuperset(plan.todo)
    assert second in plan.todo
    assert plan.chunks(1) == [plan.todo]
    resolve(context(warehouse, run_id="run-2"))
    assert [row["cluster_size"] for row in rows(warehouse)] == [3, 3, 3, 1]
    assert [row["run_id"] for row in rows(warehouse)] == ["run-2", "run-2", "run-2", "run-1"]
    with warehouse.reading() as connection:
        zenith = sa.select(sa.func.count()).where(lead_norm.c.phone == "4195550177")
        assert connection.scalar(zenith) == 0
        assert connection.scalars(sa.select(resolution_order.c.run_id)).all() == ["run-1"]
    assert resolve(context(warehouse)).todo == ()


def test_a_batch_that_learns_of_an_earlier_change_follows_it(
    warehouse: Warehouse, context: MakeContext
) -> None:
    [acme] = seed_batch(warehouse, "batch-1", [ACME])
    [again, other] = seed_batch(warehouse, "batch-2", [ACME_AGAIN, firm(0)])
    for batch_id in ("batch-1", "batch-2"):
        resolve(context(warehouse, batch_id))
    change(warehouse, acme, **{name: firm(1).get(name) for name in (*ACME, "phone_2")})
    resolve(context(warehouse, "batch-1", run_id="run-2"))
    assert resolve(context(warehouse, "batch-2", run_id="run-2")).todo == (again,)
    found, untouched = rows(warehouse, "batch-2")
    assert (found["decision"], found["is_duplicate"]) == ("new", False)
    assert (untouched["lead_id"], untouched["run_id"]) == (other, "run-1")
    assert stored(warehouse, merged_companies) == []
    assert [event["event"] for event in stored(warehouse, merge_events)] == ["merge", "undo"]


def test_a_batch_without_leads_needs_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[])
    plan = resolve(context(warehouse))
    assert (plan.total, plan.todo) == (0, ())


ORDERED: list[list[Columns]] = [
    [ACME, firm(0), ACME_TAMPA],
    [ZENITH, ACME_AGAIN, firm(1)],
    [firm(0), ZENITH, firm(2), ACME],
]


def partition(warehouse: Warehouse) -> tuple[set[frozenset[str]], dict[str, str]]:
    """Companies as sets of leads, and the leads that are in question."""
    companies: dict[str, set[str]] = {}
    reviews = {}
    for row in stored(warehouse, resolved_leads):
        companies.setdefault(row["entity_id"], set()).add(row["lead_id"])
        if row["decision"] == "review":
            reviews[row["lead_id"]] = row["entity_id"]
    return set(map(frozenset, companies.values())), reviews


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_the_batches_does_not_matter(
    sqlite_warehouse: Warehouse, context: MakeContext, order: tuple[int, ...]
) -> None:
    ids = {
        number: seed_batch(sqlite_warehouse, f"batch-{number}", leads) for number, leads in enumerate(ORDERED)
    }
    for number in order:
        resolve(context(sqlite_warehouse, f"batch-{number}"))
    companies, reviews = partition(sqlite_warehouse)
    assert reviews == {}
    assert companies == {
        frozenset({ids[0][0], ids[1][1], ids[2][3]}),
        frozenset({ids[0][1], ids[2][0]}),
        frozenset({ids[1][0], ids[2][1]}),
        frozenset({ids[0][2]}),
        frozenset({ids[1][2]}),
        frozenset({ids[2][2]}),
    }


def test_the_cut_into_batches_does_not_matter(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    together = [lead for leads in ORDERED for lead in leads]
    ids = seed_batch(sqlite_warehouse, leads=together)
    resolve(context(sqlite_warehouse))
    companies, reviews = partition(sqlite_warehouse)
    assert reviews == {}
    assert frozenset({ids[0], ids[4], ids[9]}) in companies
    assert len(companies) == 6


def test_one_lead_not_to_be_contacted_suppresses_its_company(
    warehouse: Warehouse, context: MakeContext
) -> None:
    _, second, _ = seed_batch(
        warehouse,
        "batch-1",
        [ACME, {**ACME_AGAIN, "do_not_contact": True}, ZENITH],
    )
    seed_batch(warehouse, "batch-2", [ACME])
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
        "phone": "+13305550101",
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
    seed_batch(warehouse, leads=[ACME])
    resolve(context(warehouse))
    renamed = profile.model_copy(update={"name": "another"})
    assert resolve(context(warehouse, profile=renamed)).todo == ()


def test_two_runs_at_once_create_one_company_once(warehouse: Warehouse, context: MakeContext) -> None:
    batches = [f"batch-{number}" for number in range(1, 5)]
    for number, batch_id in enumerate(batches):
        seed_batch(warehouse, batch_id, [ACME, firm(number)])
    with ThreadPoolExecutor(len(batches)) as pool:
        list(pool.map(lambda batch_id: resolve(context(warehouse, batch_id)), batches))
    shared = [rows(warehouse, batch_id)[0] for batch_id in batches]
    assert len({row["entity_id"] for row in shared}) == 1
    assert sorted(row["cluster_size"] for row in shared) == [1, 2, 3, 4]
    assert [row["is_duplicate"] for row in shared].count(False) == 1
