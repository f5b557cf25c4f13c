"""What a provider said before still counts where a later lookup brings less."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sales_agent_dagster.enrichment.answers import joined
from sales_agent_dagster.enrichment.desk import Reply
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enrichment_cache
from sales_agent_dagster_tests.enrichment.asking import lead
from sales_agent_dagster_tests.enrichment.scripted import (
    FREE,
    PAID,
    SCOPE,
    START,
    Scripted,
    Time,
    around,
    ask,
    desk,
    found,
    rows,
)

AWAY = Failed(FailureKind.TRANSIENT, "away")
HOME = fact(
    "company_phone", "+12175550101", "web page", 0.8, number=1, fetched_at="2026-03-02T09:00:00+00:00"
)
TEAM = [
    fact("contact_person", name, "web page", 0.8, number=number, fetched_at="2026-03-02T09:00:00+00:00")
    for number, name in enumerate(("Jo Reed", "Sam Hill"), 1)
]
DOWN = Found((fact("website_status", "down", "web page", 0.95),), lasting=False, passing=True)


def status(value: str) -> Fact:
    return fact("website_status", value, "web page", 0.95)


def visits(
    warehouse: Warehouse, *answers: Any, utc: Any = None, again: bool = True, spec: Any = FREE
) -> list[Reply]:
    """What a lead gets, pass by pass, from a process of its own each time."""
    replies = []
    for answer in answers:
        provider = Scripted(spec, {"a.example": answer})

        async def once(provider: Scripted = provider) -> None:
            async with desk(provider, around(warehouse, utc or Time())) as at:
                reply = await at.ask("lead-1", SCOPE, lead(website_host="a.example"), {}, 1e9, again=again)
                assert reply is not None
                replies.append(reply)

        asyncio.run(once())
    return replies


@pytest.mark.parametrize(
    "failure",
    [AWAY, Failed(FailureKind.LATE, "no answer in time"), Failed(FailureKind.HELD, "not now", 60.0)],
)
def test_a_partial_answer_stands_in_where_the_next_lookup_fails(
    warehouse: Warehouse, failure: Failed
) -> None:
    partial = Found((HOME, *TEAM), {"website home": "Call us."}, complete=False)
    first, second, third = visits(warehouse, partial, failure, found())
    assert first == Reply(partial)
    assert second == Reply(partial, failure=failure)
    assert third == Reply(found())  # a whole answer takes its place


def test_a_lead_out_of_time_has_what_is_known(sqlite_warehouse: Warehouse) -> None:
    partial = replace(found(), complete=False)
    visits(sqlite_warehouse, partial)
    provider = Scripted(waits={"a.example": 60})

    async def late() -> list[Reply]:
        async with desk(provider, around(sqlite_warehouse)) as at:
            return [await ask(at, "a.example", wait_s=wait_s) for wait_s in (0, 0.05)]

    replies = asyncio.run(late())
    assert [reply.outcome for reply in replies] == [partial, partial]
    assert [reply.failure and reply.failure.kind for reply in replies] == [FailureKind.LATE] * 2


def test_who_opts_out_has_said_nothing_before(sqlite_warehouse: Warehouse) -> None:
    no = Failed(FailureKind.SUPPRESSED, "the person asked not to be processed")
    _, second, third = visits(sqlite_warehouse, replace(found(), complete=False), no, found())
    assert second.outcome == no
    assert third.outcome == no  # an opt-out has no end


def test_a_website_that_is_down_today_loses_nothing_but_its_status(sqlite_warehouse: Warehouse) -> None:
    partial = Found((status("ok"), HOME, *TEAM), {"website home": "Call us."}, complete=False)
    _, second, third = visits(sqlite_warehouse, partial, DOWN, found())
    assert isinstance(second.outcome, Found)
    assert second.outcome.facts == (DOWN.facts[0], HOME, *TEAM)
    assert second.outcome.texts == partial.texts
    (row,) = rows(sqlite_warehouse, enrichment_cache)
    assert row["fresh_until"] == START + timedelta(days=14)
    assert third.outcome == replace(second.outcome, lasting=True, passing=False)  # as it was kept
    utc = Time()
    utc.pass_days(15)
    (later,) = visits(sqlite_warehouse, found(), utc=utc)
    assert later.outcome == found()
    parked = Found((status("parked"),), lasting=False)
    utc.pass_days(91)
    (gone,) = visits(sqlite_warehouse, parked, utc=utc)
    assert gone.outcome == parked  # the company is not there any more


def test_a_later_pass_waits_for_a_better_answer_than_an_old_one(sqlite_warehouse: Warehouse) -> None:
    utc = Time()
    visits(sqlite_warehouse, found("1990"), utc=utc)
    utc.pass_days(91)
    assert visits(sqlite_warehouse, AWAY, utc=utc) == [Reply(found("1990"), failure=AWAY)]
    assert visits(sqlite_warehouse, found("1991"), utc=utc) == [Reply(found("1991"))]


@pytest.mark.parametrize("spec", [FREE, PAID])
def test_an_answer_too_old_to_be_used_first_is_better_than_none(
    sqlite_warehouse: Warehouse, spec: Any
) -> None:
    utc = Time()
    visits(sqlite_warehouse, found("1990"), utc=utc, spec=spec)
    utc.pass_days(90 + 31)
    billed = replace(AWAY, credits=spec.credits)
    (reply,) = visits(sqlite_warehouse, billed, utc=utc, again=False, spec=spec)
    assert reply == Reply(found("1990", cost=spec.credits), failure=billed)
    utc.pass_days(1)
    (reply,) = visits(sqlite_warehouse, found("1991"), utc=utc, again=False, spec=spec)
    # What may have been billed is not asked again; the old answer still stands in.
    assert isinstance(reply.outcome, Found)
    assert reply.outcome.facts[0].value == ("1991" if spec is FREE else "1990")


def test_nothing_known_does_not_stand_in(sqlite_warehouse: Warehouse) -> None:
    utc = Time()
    visits(sqlite_warehouse, NotFound(), utc=utc)
    utc.pass_days(15)
    assert visits(sqlite_warehouse, AWAY, utc=utc) == [Reply(AWAY)]


def test_of_each_field_the_newer_facts_count_unless_there_were_more() -> None:
    newer = Found((status("ok"), TEAM[0]), {"website home": "new"}, complete=False)
    earlier = Found((status("down"), *reversed(TEAM), HOME), {"website home": "old", "website team": "We."})
    told = joined(newer, earlier, START - timedelta(days=1))
    assert told.facts == (status("ok"), *reversed(TEAM), HOME)
    assert dict(told.texts) == {"website home": "new", "website team": "We."}
    assert (told.complete, told.passing) == (False, False)
    alike = joined(Found((replace(HOME, value="+12175550102"),)), Found((HOME,)), START - timedelta(days=1))
    assert [item.value for item in alike.facts] == ["+12175550102"]
    assert joined(newer, earlier, START).facts == newer.facts  # fetched too long ago
