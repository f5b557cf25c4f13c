"""The order and the batches in which leads arrive: they change who is asked, never who may be one company."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from benchmarks.dedupe.generator import generate
from sales_agent_dagster.stages.identity.answers import answer_review, unmerge
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_reviews, resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import Columns
from sales_agent_dagster_tests.stages.identity.test_answers import state

RENAMED = {"name": "company_name", "linkedin": "linkedin_url", "contact": "contact_name"}
BRIDGES = 3


def world(seed: int) -> list[Columns]:
    """Some 50 leads: firms listed several times, branches, namesakes, and leads between two firms.

    Column ``external_id`` tells them apart whatever their order is.
    """
    leads = generate(500, seed, "hard", f"{('trades', 'commerce', 'mixed')[seed % 3]}:{60 + seed}")
    entity, company = (leads.truth[name].to_numpy() for name in ("entity", "company"))
    rows = [
        {RENAMED.get(name, name): value for name, value in row.items() if name != "record_id"}
        for row in leads.table.to_pylist()
    ]
    named = np.array([bool(row["company_name"]) for row in rows])
    by_firm = np.lexsort((entity, company))[named[np.lexsort((entity, company))]]
    copied, of_company = np.bincount(entity)[entity], np.bincount(company)[company]
    several = by_firm[copied[by_firm] > 1][:26]
    branches = by_firm[of_company[by_firm] > copied[by_firm]][:12]
    others = by_firm[(of_company == 1)[by_firm]][:10]
    chosen = [rows[row] for row in dict.fromkeys([*several, *branches, *others])]
    full = [row for row in chosen if row["phone"] and row["website"]]
    chosen += [bridge(*full[2 * number : 2 * number + 2]) for number in range(BRIDGES)]
    return [{**row, "external_id": f"X{number}"} for number, row in enumerate(chosen)]


def bridge(first: Columns, second: Columns) -> Columns:
    """A lead that has as much of one firm as of the other."""
    return {
        "company_name": f"{first['company_name']} dba {second['company_name']}",
        "phone": first["phone"],
        "phone_2": second["phone"],
        "website": second["website"],
        "email": first["email"],
    }


def batches(leads: Sequence[Columns], random: Random) -> Iterator[list[Columns]]:
    """The leads in another order, cut at random."""
    order = random.sample(leads, len(leads))
    cuts = sorted(random.sample(range(1, len(leads)), random.randrange(0, 5)))
    for low, high in zip([0, *cuts], [*cuts, len(leads)], strict=True):
        yield order[low:high]


class Arrivals:
    """What became of leads that arrived in batches.

    Attributes:
        company: lead (its ``external_id``) to the company it is in.
        asked: pairs of leads that a person is asked about.
    """

    def __init__(
        self, warehouse: Warehouse, context: MakeContext, parts: Sequence[Sequence[Columns]]
    ) -> None:
        names: dict[str, str] = {}
        for number, leads in enumerate(parts, 1):
            ids = seed_batch(warehouse, f"batch-{number}", [dict(lead) for lead in leads])
            names |= zip(ids, (lead["external_id"] for lead in leads), strict=True)
            asyncio.run(ResolvedLeads().run(context(warehouse, f"batch-{number}")))
        self.company = {names[row["lead_id"]]: row["entity_id"] for row in stored(warehouse, resolved_leads)}
        reviews = stored(warehouse, identity_reviews)
        self.asked = [(names[row["lead_id"]], names[row["other_lead_id"]]) for row in reviews]

    def merged(self) -> set[frozenset[str]]:
        """Pairs of leads in one company."""
        groups: dict[str, list[str]] = {}
        for lead, company in self.company.items():
            groups.setdefault(company, []).append(lead)
        return {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}

    def connected(self) -> set[frozenset[str]]:
        """Pairs of leads that are one company if every question is answered with yes."""
        label = dict(self.company)
        for one, other in self.asked:
            old, new = label[one], label[other]
            label = {lead: new if company == old else company for lead, company in label.items()}
        everything = Arrivals.__new__(Arrivals)
        everything.company = label
        return everything.merged()


def stored(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in connection.execute(query).mappings()]


MakeWarehouse = Callable[[], Warehouse]


@pytest.fixture
def fresh(tmp_path: Path, migrated_sqlite: Path) -> Iterator[MakeWarehouse]:
    """Makes empty warehouses."""
    made: list[Warehouse] = []

    def make() -> Warehouse:
        path = tmp_path / f"warehouse-{len(made)}.db"
        shutil.copyfile(migrated_sqlite, path)
        made.append(Warehouse(f"sqlite:///{path}"))
        return made[-1]

    yield make
    for warehouse in made:
        warehouse.dispose()


@pytest.mark.parametrize("seed", [7, 8])
def test_whoever_is_merged_in_one_order_is_merged_or_asked_about_in_any_other(
    fresh: MakeWarehouse, context: MakeContext, seed: int
) -> None:
    leads, random = world(seed), Random(seed)
    found = [Arrivals(fresh(), context, list(batches(leads, random))) for _ in range(4)]
    assert any(arrivals.asked for arrivals in found)
    merged = set().union(*(arrivals.merged() for arrivals in found))
    assert len(merged) >= 20
    for arrivals in found:
        assert merged <= arrivals.connected()


def test_undoing_answers_in_any_number_restores_every_row_to_the_byte(
    fresh: MakeWarehouse, context: MakeContext
) -> None:
    warehouse, random = fresh(), Random(3)
    Arrivals(warehouse, context, list(batches(world(7), random)))
    work = context(warehouse, "", run_id="run-2")
    before, accepted = [state(warehouse)], []
    for _ in range(5):
        answered = {row["lead_id"] for row in accepted}  # a lead with two answers loses both at once
        asked = [row for row in stored(warehouse, identity_reviews) if row["state"] == "open"]
        review = random.choice([row for row in asked if row["lead_id"] not in answered])
        answer_review(work, review["review_id"], same=True)
        accepted.append(review)
        before.append(state(warehouse))
    assert len(set(map(repr, before))) == len(before)
    for review in reversed(accepted):
        before.pop()
        unmerge(work, review["lead_id"])
        assert state(warehouse) == before[-1]
