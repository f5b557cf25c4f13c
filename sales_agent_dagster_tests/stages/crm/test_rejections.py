"""Records of the CRM of which a person said that they are not the company."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.linking import answer_review, reviews
from sales_agent_dagster.stages.crm.stored import Link, save_links
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_link, crm_rejections
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm()


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def test_a_record_that_a_person_rejected_is_passed_over(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    fields = {"company": "Zedwick", "phone": "+13305550117", "website": "https://zedwick.example/"}
    twin, theirs = crm.add(**fields), crm.add(**fields | {"company": "Zedwick LLC"})
    want(sqlite_warehouse, "batch-1", [company("E1", **fields)])
    said = Link(Kind.COMPANY, "E1", "E1", twin, "rejected", "person", "A person said that it is another one.")
    with sqlite_warehouse.transaction() as connection:
        save_links(context_of(sqlite_warehouse, crm, lambda: crm.now), connection, [said])
    run_sync(sqlite_warehouse, crm)
    [link] = rows(sqlite_warehouse, crm_link)
    assert (link["remote_id"], link["how"]) == (theirs, "matched")


def test_every_record_that_a_person_rejected_is_remembered(warehouse: Warehouse, crm: FakeCrm) -> None:
    fields = {"company": "Zedwick Plumbing", "phone": "+13305550117", "website": "https://zedwick.example/"}
    remote_ids = {crm.add(**fields) for _ in range(3)}
    want(warehouse, "batch-1", [company("E1", **fields)])
    asked = []
    for _ in remote_ids:
        assert run_sync(warehouse, crm)["created"] == 0
        context = context_of(warehouse, crm, lambda: crm.now)
        [link] = reviews(context)
        asked.append(link.remote_id)
        answer_review(context, Kind.COMPANY, "E1", same=False)
    assert set(asked) == remote_ids
    assert {row["remote_id"] for row in rows(warehouse, crm_rejections)} == remote_ids
    assert run_sync(warehouse, crm)["created"] == 1


@pytest.mark.parametrize("taken", [True, False])
def test_a_question_about_a_record_that_another_of_ours_has_by_now_is_dropped(
    warehouse: Warehouse, crm: FakeCrm, taken: bool
) -> None:
    theirs, elsewhere = (crm.add(company=name) for name in ("Quillfeather Electric", "Ravenscar Solar"))
    want(warehouse, "batch-1", [company("E1"), company("E2", company="Zedwick Plumbing")])
    context = context_of(warehouse, crm, lambda: crm.now)
    asked = Link(Kind.COMPANY, "E2", "E2", theirs, "review", "matched", "It may be a sister firm.")
    first = theirs if taken else elsewhere
    with warehouse.transaction() as connection:
        other = Link(Kind.COMPANY, "E1", "E1", first, "linked", "merged", "People merged them.")
        save_links(context, connection, [asked, other])
    assert run_sync(warehouse, crm)["created"] == taken
    assert [one.external_key for one in reviews(context)] == ([] if taken else ["E2"])
