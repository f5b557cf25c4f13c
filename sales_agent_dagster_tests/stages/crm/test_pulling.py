from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Page
from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.pulling import pull as pull_streams
from sales_agent_dagster.stages.crm.pulling import store_page, watermark
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_link
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want


def test_what_went_while_the_log_forgot_is_noticed_by_a_run_of_the_same_name(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])
    for _ in range(2):
        run_sync(sqlite_warehouse, crm, run_id="command line")
    ids = {record.external_key: record.remote_id for record in crm.living()}
    crm.delete(Kind.COMPANY, ids["E1"])
    del crm.records[Kind.COMPANY, ids["E1"]]
    crm.events.clear()
    crm.tick(timedelta(days=40).total_seconds())
    asked: list[str] = []
    read = crm.read
    crm.read = lambda kind, some: (asked.extend(some), read(kind, some))[1]  # type: ignore[method-assign]
    run_sync(sqlite_warehouse, crm, run_id="command line")
    assert asked == [ids["E1"]], "what came with the pull is not asked for again"
    with sqlite_warehouse.reading() as connection:
        rows = connection.execute(sa.select(crm_link.c.external_key, crm_link.c.state)).tuples()
        assert dict(rows.all()) == {"E1": "gone", "E2": "linked"}


def test_a_crm_in_which_nothing_happens_is_not_read_anew_each_time(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1")])
    for _ in range(2):
        run_sync(sqlite_warehouse, crm)
    asked: list[tuple[str, bool]] = []
    pull = crm.pull
    crm.pull = lambda stream, since: (asked.append((stream, since is None)), pull(stream, since))[1]  # type: ignore[method-assign]
    for _ in range(10):
        crm.tick(timedelta(days=20).total_seconds())
        run_sync(sqlite_warehouse, crm)
    assert [whole for stream, whole in asked if stream in ("companies", "events")] == [False] * 20


def test_a_log_that_broke_off_is_not_called_complete(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1")])
    run_sync(sqlite_warehouse, crm)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    crm.tick(timedelta(days=20).total_seconds())
    pull = crm.pull

    def broken(stream: str, since: object) -> Iterator[Page]:
        yield from pull(stream, since)  # type: ignore[arg-type]
        raise Unavailable("away")

    crm.pull = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        pull_streams(context, ["events"])
    assert watermark(context, "events") == crm.events[-1].updated_at, "and no later"


def test_a_crm_whose_clock_is_ahead_does_not_hide_what_comes(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now - timedelta(minutes=5))
    crm.add(company="Somebody")
    pull_streams(context, ["companies"])
    assert watermark(context, "companies") == crm.now - timedelta(minutes=5)


def test_what_we_wrote_ourselves_counts_as_an_echo(sqlite_warehouse: Warehouse) -> None:
    """The CRM's spelling is new, and nobody but us has written it."""
    crm = FakeCrm(tells_modified=False)
    want(sqlite_warehouse, "batch-1", [company("E1", city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    there = {**record.fields, "status": "Potential"}
    crm.records[Kind.COMPANY, record.remote_id] = replace(record, fields=there)
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    pull_streams(context, ["companies"])
    assert (context.card.pulled, context.card.human_changes) == (1, 0)
    assert context.card.echoes == 1


def test_a_record_whose_date_alone_moved_counts_as_an_echo(sqlite_warehouse: Warehouse) -> None:
    """Its contacts were created, by us: of itself it says nothing new."""
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])
    run_sync(sqlite_warehouse, crm)
    first, other = crm.living()
    for record, fields in ((first, {}), (other, {"city": "Akron"})):
        moved = replace(record, modified_at=crm.tick(60), fields={**record.fields, **fields})
        crm.records[Kind.COMPANY, record.remote_id] = moved
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    pull_streams(context, ["companies"])
    assert (context.card.pulled, context.card.echoes, context.card.human_changes) == (2, 1, 1)


def test_a_watermark_only_goes_forward(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    first, second = crm.tick(60), crm.tick(60)
    for at in (second, first, None):
        store_page(context, Page(complete_to=at), "companies")
        assert watermark(context, "companies") == second


def test_a_pull_begins_a_little_before_the_last_one_s_end(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    crm.add(company="Somebody")
    began: dict[str, object] = {}
    pull = crm.pull
    crm.pull = lambda stream, since: (began.update({stream: since}), pull(stream, since))[1]  # type: ignore[method-assign]
    for _ in range(2):
        pull_streams(context_of(sqlite_warehouse, crm, lambda: crm.now, overlap_s=90.0))
    end = max(record.modified_at for record in crm.living())
    assert began["companies"] == end - timedelta(seconds=90)


def test_a_quiet_log_is_called_complete_only_up_to_a_day_ago(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    pull_streams(context, ["events", "companies"])
    assert watermark(context, "events") == crm.now - timedelta(days=1)
    assert watermark(context, "companies") is None
