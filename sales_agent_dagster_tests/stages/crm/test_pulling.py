from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Page
from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.pulling import pull as pull_streams
from sales_agent_dagster.stages.crm.pulling import watermark
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
