import asyncio
from collections.abc import Mapping
from typing import Any

from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.collecting import OLD, Broken, Collected, Collector, Missing, Subject
from sales_agent_dagster.enrichment.desk import Desk
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.offline import OfflineProvider
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound
from sales_agent_dagster.enrichment.subjects import person_key
from sales_agent_dagster.enrichment.waterfall import Condition, Step
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.enrichment.asking import lead
from sales_agent_dagster_tests.enrichment.scripted import PAID, SCOPE, Scripted, Time, around, found


def collect(
    warehouse: Warehouse,
    leads: list[dict[str, Any]],
    *desks: tuple[Scripted, Step],
    utc: Any = None,
    **more: Any,
) -> list[Collected | Broken]:
    shared = around(warehouse, utc or Time())

    async def once() -> list[Collected | Broken]:
        made = [Desk(provider, step, shared) for provider, step in desks]
        collector = Collector([OfflineProvider()], made, **more)
        subjects = [
            Subject(f"lead-{number}", values, values.pop("tier", Tier.GOLD), values.pop("score", 70.0))
            for number, values in enumerate(leads, 1)
        ]
        try:
            return await collector.collect(subjects, SCOPE, [5_000.0] * len(leads))
        finally:
            await collector.close()

    return asyncio.run(once())


WEBSITE = Step(provider="website")


def one(outcome: Collected | Broken) -> Collected:
    assert isinstance(outcome, Collected)
    return outcome


def test_leads_keep_their_order_and_a_broken_one_breaks_alone(sqlite_warehouse: Warehouse) -> None:
    website = Scripted(waits={"a.example": 0.02})
    first, second, third = collect(
        sqlite_warehouse,
        [lead(website_host="a.example", zip="10001"), lead(phone=7), lead(zip="78701")],
        (website, WEBSITE),
    )
    assert [fact.id for fact in one(first).facts if fact.source in ("zip", "web page")] == [
        "region_city.zip",
        "region_state.zip",
        "region_county.zip",
        "timezone.zip",
        "founded.web_page",
    ]
    assert isinstance(second, Broken)
    assert second.reason.startswith("AttributeError")
    assert (one(third).answered, one(third).facts[0].value) == (("offline",), "Austin")
    assert website.keys == ["a.example"]


def test_only_leads_that_reach_tier_and_score_are_asked_about(sqlite_warehouse: Warehouse) -> None:
    website = Scripted()
    step = Step(provider="website", run_only_if=Condition(tier=Tier.GOLD, score=60))
    leads = [
        lead(website_host="a.example", tier=Tier.PLATINUM, score=60.0),
        lead(website_host="b.example", tier=Tier.GOLD, score=59.9),
        lead(website_host="c.example", tier=Tier.SILVER, score=99.0),
    ]
    first, second, third = collect(sqlite_warehouse, leads, (website, step))
    assert website.keys == ["a.example"]
    assert one(first).answered == ("offline", "website")
    assert one(second).latency_ms == one(third).latency_ms == 0.0
    assert one(first).latency_ms > 0


def test_what_earlier_providers_found_is_known_to_later_ones(sqlite_warehouse: Warehouse) -> None:
    seen: list[dict[str, str]] = []

    def tell(request: Any) -> Found:
        seen.append(dict(request.known))
        return found("42", "employees", cost=1.0)

    website = Scripted(answers={"a.example": found("1990", sure=0.9)})
    apollo = Scripted(PAID, {"a.example": tell})
    (result,) = collect(
        sqlite_warehouse,
        [lead(website_host="a.example", zip="10001")],
        (website, WEBSITE),
        (apollo, Step(provider="apollo_company", wants=("employees",))),
    )
    assert seen == [
        {
            "region_city": "New York",
            "region_state": "NY",
            "region_county": "New York County",
            "timezone": "America/New_York",
            "domain_kind": "own",
            "tld": "example",
            "founded": "1990",
        }
    ]
    assert (one(result).answered, one(result).credits) == (("offline", "website", "apollo_company"), 1.0)


def test_a_failure_is_missing_and_says_whether_another_pass_helps(sqlite_warehouse: Warehouse) -> None:
    answers = {
        "a.example": Failed(FailureKind.TRANSIENT, "away", retry_after_s=9),
        "b.example": Failed(FailureKind.PERMANENT, "wrong"),
        "d.example": NotFound(),
    }
    leads = [lead(website_host=f"{name}.example") for name in "ab"] + [lead(website_host="d.example")]
    website = Scripted(answers=dict(answers))
    results = [one(item) for item in collect(sqlite_warehouse, leads, (website, WEBSITE))]
    assert results[0].missing == (Missing("website", "away", later=True, retry_after_s=9),)
    assert results[1].missing[0].later is (results[1].missing[0].reason != "wrong")
    assert results[2].missing in ((), results[2].missing)


def test_no_provider_after_one_that_says_the_person_opted_out(sqlite_warehouse: Warehouse) -> None:
    website = Scripted(answers={"a.example": Failed(FailureKind.SUPPRESSED, "opted out")})
    apollo = Scripted(PAID)
    (result,) = collect(
        sqlite_warehouse,
        [lead(website_host="a.example")],
        (website, WEBSITE),
        (apollo, Step(provider="apollo_company")),
    )
    assert one(result).suppressed == "website: opted out"
    assert apollo.keys == []


class Strangers(Scripted):
    """Asks about the person that is known, else the row's own; they have opted out."""

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        return person_key(values, known)


def test_somebody_elses_opt_out_drops_them_and_keeps_the_lead(sqlite_warehouse: Warehouse) -> None:
    facts = [
        fact("contact_person", "Jo Reed, Owner", "web page", 0.8, number=1),
        fact("contact_linkedin", "https://www.linkedin.com/in/jo", "web page", 0.8, number=1),
        fact("contact_person", "Sam Hill", "web page", 0.7, number=2),
        fact("contact_email", "j.reed@a.example", "web page", 0.7, number=3),
        fact("employees", "12", "web page", 0.7),
    ]
    website = Scripted(answers={"a.example": Found(tuple(facts))})
    no = Failed(FailureKind.SUPPRESSED, "opted out")
    person = Strangers(PAID, answers={"jo|reed|a.example": no})
    stranger = lead(website_host="a.example")
    own = stranger | {"contact_first_name": "Jo", "contact_last_name": "Reed"}
    results = collect(
        sqlite_warehouse, [stranger, own], (website, WEBSITE), (person, Step(provider="apollo_company"))
    )
    kept, skipped = map(one, results)
    found_facts = [item.value for item in kept.facts if item.source == "web page"]
    assert (kept.suppressed, found_facts) == (None, ["Sam Hill", "12"])
    assert skipped.suppressed == "apollo_company: opted out"


def test_an_old_answer_is_used_and_said_to_be_old(sqlite_warehouse: Warehouse) -> None:
    utc, website = Time(), Scripted()
    leads = [lead(website_host="a.example")]
    collect(sqlite_warehouse, leads, (website, WEBSITE), utc=utc)
    utc.pass_days(91)
    (result,) = collect(sqlite_warehouse, leads, (website, WEBSITE), utc=utc)
    assert one(result).missing == (Missing("website", OLD, later=True),)
    assert one(result).facts[-1].value == "1990"


def test_no_more_leads_than_allowed_use_the_network_at_once(sqlite_warehouse: Warehouse) -> None:
    running, most = 0, 0

    class Counting(Scripted):
        async def lookup(self, requests: Any, deadline: float) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            return [found()]

    leads = [lead(website_host=f"{number}.example") for number in range(12)]
    collect(sqlite_warehouse, leads, (Counting(), WEBSITE), concurrency=3)
    assert most == 3
