from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.stages.crm.linking import reviews
from sales_agent_dagster.stages.crm.stored import Link, rejections_of, save_links
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_link, crm_wanted, resolved_leads
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want

JO = {"contact_name": "Jo", "email": "jo@acme.example"}
AL = {"contact_name": "Al"}


class Joining:
    """Two companies, of which the second will join the first."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.crm = FakeCrm()
        self.leads = want(warehouse, "batch-1", [company("E1"), company("E2")])
        self.first, self.second = (entity_id_of(lead) for lead in self.leads)
        for lead in self.leads:
            self._resolve(lead, entity_id_of(lead), duplicate=False)
        self._forget(*self.leads)

    def want(self, lead: int, **fields: Any) -> None:
        at = self.crm.tick(60)
        entity_id = (self.first, self.second)[lead]
        rewant(self.warehouse, "batch-1", [self.leads[lead]], [company(entity_id, **fields)], at=at)

    def join(self, **fields: Any) -> None:
        self._resolve(self.leads[1], self.first, duplicate=True)
        self._forget(self.leads[1])
        self.want(0, **fields)

    def leave(self, **fields: Any) -> None:
        self._resolve(self.leads[1], self.second, duplicate=False)
        self.want(1, **fields)

    def sync(self) -> dict[str, Any]:
        return run_sync(self.warehouse, self.crm)

    def links(self) -> dict[str, tuple[str, str]]:
        with self.warehouse.reading() as connection:
            rows = connection.execute(sa.select(crm_link)).mappings()
            return {row["external_key"]: (row["state"], row["remote_id"]) for row in rows}

    def left(self) -> list[Any]:
        return pending(context_of(self.warehouse, self.crm, lambda: self.crm.now))

    def _resolve(self, lead: str, entity_id: str, *, duplicate: bool) -> None:
        with self.warehouse.transaction() as connection:
            connection.execute(
                sa.update(resolved_leads)
                .where(resolved_leads.c.lead_id == lead)
                .values(entity_id=entity_id, is_duplicate=duplicate)
            )

    def _forget(self, *leads: str) -> None:
        with self.warehouse.transaction() as connection:
            connection.execute(sa.delete(crm_wanted).where(crm_wanted.c.lead_id.in_(leads)))


def test_the_record_of_a_company_that_joined_another_goes_with_it(warehouse: Warehouse) -> None:
    joining = Joining(warehouse)
    joining.want(1, score=1.0, contacts=[JO, AL])
    joining.sync()
    [record] = joining.crm.living()
    people = {one.remote_id for one in joining.crm.living(Kind.CONTACT)}
    joining.join(score=2.0, contacts=[JO, AL])
    card = joining.sync()
    assert (card["created"], card["updated"]) == (0, 1)
    assert [one.fields["score"] for one in joining.crm.living()] == [2.0]
    links = joining.links()
    assert links[joining.first] == ("linked", record.remote_id)
    assert {remote for _, remote in links.values()} == {record.remote_id} | people
    assert all(key.startswith(joining.first) for key in links)
    assert joining.left() == []


def test_a_person_known_by_another_key_is_found_again(sqlite_warehouse: Warehouse) -> None:
    joining = Joining(sqlite_warehouse)
    joining.want(1, contacts=[{"contact_name": "Jo"}])
    joining.sync()
    joining.join(contacts=[JO])
    assert joining.sync()["created"] == 0
    assert len(joining.crm.living(Kind.CONTACT)) == 1


def test_a_deleted_record_stays_deleted_when_its_company_joins_another(sqlite_warehouse: Warehouse) -> None:
    joining = Joining(sqlite_warehouse)
    joining.want(1)
    joining.sync()
    joining.crm.delete(Kind.COMPANY, joining.crm.living()[0].remote_id)
    joining.sync()
    joining.join()
    assert (joining.sync()["created"], joining.crm.living()) == (0, [])


def test_where_both_have_a_record_nothing_is_created_and_a_person_is_asked(
    sqlite_warehouse: Warehouse,
) -> None:
    joining = Joining(sqlite_warehouse)
    joining.want(0, contacts=[{"contact_name": "Al"}])
    joining.want(1, contacts=[JO])
    joining.sync()
    before = joining.links()
    joining.join(contacts=[AL, JO])
    card = joining.sync()
    assert (card["created"], len(joining.crm.living(Kind.CONTACT))) == (0, 2)
    links = joining.links()
    assert links[joining.first] == before[joining.first]
    assert links[joining.second] == ("shared", before[joining.second][1])
    context = context_of(sqlite_warehouse, joining.crm, lambda: joining.crm.now)
    assert [one.entity_id for one in reviews(context)] == [joining.first]
    joining.sync()
    assert joining.links() == links
    joining.leave(score=3.0)
    card = joining.sync()
    assert (card["created"], card["updated"], len(joining.crm.living())) == (0, 1, 2)
    assert joining.links()[joining.second] == before[joining.second]


def test_a_company_that_leaves_after_its_only_record_went_along_has_it_again(warehouse: Warehouse) -> None:
    joining = Joining(warehouse)
    joining.want(1, score=1.0, contacts=[JO, AL])
    joining.sync()
    before = joining.links()
    [record] = joining.crm.living()
    joining.join(score=2.0, contacts=[JO, AL])
    joining.sync()
    joining.sync()
    assert joining.links()[joining.first] == ("linked", record.remote_id)
    joining.leave(score=3.0, contacts=[JO, AL])
    joining.want(0, score=4.0)
    card = joining.sync()
    assert (card["created"], card["updated"], card["rejected"]) == (1, 1, 0)
    scores = {one.external_key: one.fields["score"] for one in joining.crm.living()}
    assert scores == {joining.first: 4.0, joining.second: 3.0}
    links = joining.links()
    assert {key: link for key, link in links.items() if key in before} == before, "and its people theirs"
    assert links.keys() - before.keys() == {joining.first}
    assert len(joining.crm.living(Kind.CONTACT)) == 2
    assert joining.left() == []


@pytest.mark.parametrize("fault", ["lost", "never"])
def test_a_company_that_joins_another_while_its_create_is_unknown_makes_no_second_record(
    sqlite_warehouse: Warehouse, fault: str
) -> None:
    joining = Joining(sqlite_warehouse)
    joining.crm.lag = timedelta(seconds=45)
    joining.want(1, contacts=[JO])
    joining.crm.fault = lambda operation: fault
    assert joining.sync()["still_unknown"] == 1
    joining.crm.fault = lambda operation: None
    joining.crm.tick(-59)
    joining.join(contacts=[JO])
    joining.crm.tick(-30)
    card = joining.sync()
    assert (card["created"], card["still_unknown"]) == (0, 1)
    assert joining.left()[0].external_key == joining.first, "it is still to be read back"
    for _ in range(2):
        joining.crm.tick(60)
        joining.sync()
    [record] = joining.crm.living()
    assert joining.links()[joining.first] == ("linked", record.remote_id)
    assert len(joining.crm.living(Kind.CONTACT)) == 1
    assert joining.left() == []


def test_what_a_company_is_not_the_one_that_it_joins_is_not_either(sqlite_warehouse: Warehouse) -> None:
    joining = Joining(sqlite_warehouse)
    twins = [joining.crm.add(company=f"Acme {joining.second}") for _ in range(2)]
    context = context_of(sqlite_warehouse, joining.crm, lambda: joining.crm.now)
    with sqlite_warehouse.transaction() as connection:
        for twin in twins:  # the link keeps the later answer only
            said = Link(Kind.COMPANY, joining.second, joining.second, twin, "rejected", "person", "No.")
            save_links(context, connection, [said])
    joining.join()
    joining.sync()
    with sqlite_warehouse.reading() as connection:
        found = rejections_of(connection, joining.crm.name, Kind.COMPANY, [joining.first])
    assert found == {(joining.first, twin) for twin in twins}
