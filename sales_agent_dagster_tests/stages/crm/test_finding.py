"""The last look before creating: what it takes for the same, and from when on it asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sales_agent_dagster.crm.contract import Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.finding import found_meanwhile
from sales_agent_dagster.stages.crm.planning import plan
from sales_agent_dagster.stages.crm.pulling import pull, watermark
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, want

WANTED = {"company": "Zedwick Power", "phone": "+13305550117", "website": "https://zedwick.example/"}
SHARED = {"company": "Other", "website": "https://facebook.com/zedwick"}


def left_out(context: SyncContext) -> list[str]:
    """Keys of the planned companies that would not be created."""
    group = list(plan(context, kinds=[Kind.COMPANY]))
    kept, out = found_meanwhile(context, group)
    assert sorted([*kept, *out], key=group.index) == group
    return sorted(one.external_key for one in out)


def crm_and_context(warehouse: Warehouse) -> tuple[FakeCrm, SyncContext]:
    crm = FakeCrm()
    want(warehouse, "batch-1", [company("E1", **WANTED), company("E2", **SHARED)])
    return crm, context_of(warehouse, crm, lambda: crm.now)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Kind.COMPANY, {"company": "zedwick  POWER"}),
        (Kind.COMPANY, {"company": "Q", "phone": "(330) 555-0117"}),
        (Kind.COMPANY, {"company": "Q", "website": "www.shop.zedwick.example/about"}),
        (Kind.CONTACT, {"contact_name": "Jo", "phone": "+13305550117"}),
        (Kind.CONTACT, {"contact_name": "Jo", "email": "Jo@Zedwick.example"}),
    ],
)
def test_a_record_that_may_be_the_company_keeps_it_from_being_created(
    sqlite_warehouse: Warehouse, kind: Kind, fields: dict[str, Any]
) -> None:
    crm, context = crm_and_context(sqlite_warehouse)
    crm.add(kind, **fields)
    assert left_out(context) == ["E1"]
    assert left_out(context) == [], "what is stored by now was there to be linked"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Kind.COMPANY, {"company": "Zedwick", "website": "https://facebook.com/zed"}),
        (Kind.COMPANY, {"company": "", "phone": "call us"}),
        (Kind.CONTACT, {"contact_name": "Zedwick Power", "email": "zedwick@gmail.com"}),
        (Kind.OPPORTUNITY, {"status": "Zedwick Power"}),
    ],
)
def test_others_do_not(sqlite_warehouse: Warehouse, kind: Kind, fields: dict[str, Any]) -> None:
    crm, context = crm_and_context(sqlite_warehouse)
    crm.add(kind, **fields)
    assert left_out(context) == []


def test_it_asks_from_a_little_before_each_stream_s_pull(sqlite_warehouse: Warehouse) -> None:
    crm, context = crm_and_context(sqlite_warehouse)
    crm.add(company="Early")
    pull(context)
    asked: dict[str, datetime | None] = {}
    known = crm.appeared

    def appeared(stream: str, since: datetime | None) -> Any:
        asked[stream] = since
        return known(stream, since)

    crm.appeared = appeared  # type: ignore[method-assign]
    left_out(context)
    mark = watermark(context, "companies")
    assert mark is not None
    assert asked["companies"] == mark - timedelta(seconds=context.settings.overlap_s)
    assert asked["contacts"] is None, "it was empty, so that whatever is there came since"


def test_without_creates_nobody_is_asked(sqlite_warehouse: Warehouse) -> None:
    crm, context = crm_and_context(sqlite_warehouse)
    crm.appeared = lambda stream, since: pytest.fail("asked")  # type: ignore[method-assign]
    assert found_meanwhile(context, []) == ([], [])


def test_the_fake_shows_no_key_of_ours() -> None:
    crm = FakeCrm()
    crm.add(company="Theirs")
    crm._create(Kind.COMPANY, {"company": "Ours"}, "E1", None, "us")
    found: list[Record] = list(crm.appeared("companies", None))
    assert [one.fields["company"] for one in found] == ["Theirs"]
