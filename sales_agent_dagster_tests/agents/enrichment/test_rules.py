from collections.abc import Sequence
from typing import Any

import pytest

from sales_agent_dagster.agents.enrichment.rules import WANTED, reconcile, settle_region
from sales_agent_dagster.agents.enrichment.state import NOTHING_READ, EnrichedLead, Region
from sales_agent_dagster.enrichment.collecting import Collected
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.offline import offline_facts
from sales_agent_dagster.inference.engine import Answer
from sales_agent_dagster_tests.agents.enrichment.test_graph import lead


def settled(facts: list[Fact], read: Sequence[Fact] = ()) -> EnrichedLead:
    return reconcile(Collected(tuple(facts)), read, (), Answer(NOTHING_READ, "scorecard", "1", 0.1))


@pytest.mark.parametrize(
    ("fields", "region"),
    [
        ({}, Region(None, None, None, None, None)),
        (
            {"zip": "10001", "phone": "+15125550100"},
            Region("New York", "NY", "New York County", "America/New_York", "zip"),
        ),
        ({"phone": "+12128675309"}, Region("New York", "NY", None, "America/New_York", "phone")),
        ({"city": "Austin", "state": "TX"}, Region("Austin", "TX", None, None, "address")),
        (
            {"city": "Austin", "state": "TX", "phone": "+15125550100"},
            Region("Austin", "TX", None, "America/Chicago", "address"),
        ),
        # The number is from elsewhere: neither its city nor its time zone counts.
        ({"state": "TX", "phone": "+12128675309"}, Region(None, "TX", None, None, "address")),
        ({"phone": "+442079460000"}, Region(None, None, None, "Europe/London", "phone")),
        ({"city": "Springfield"}, Region("Springfield", None, None, None, "address")),
        # The phone sides with the address, so the ZIP is the slip.
        (
            {"zip": "10001", "state": "TX", "phone": "+15125550100"},
            Region(None, "TX", None, "America/Chicago", "address"),
        ),
    ],
)
def test_region(fields: dict[str, Any], region: Region) -> None:
    assert settle_region(offline_facts(lead(**fields))) == region


def test_trades_are_the_union_and_other_fields_the_surest() -> None:
    found = settled(
        [
            fact("trades", "solar", "name", 0.8),
            fact("trades", "generator, solar", "brands", 0.6),
            fact("email_kind", "role", "email", 0.6),
            fact("email_kind", "personal", "website", 0.9),
        ]
    )
    assert found.trades == ("generator", "solar")
    assert found.values == {"email_kind": "personal"}


def test_completeness_is_the_share_of_wanted_fields() -> None:
    assert settled([]).completeness == 0.0
    assert settled([fact(field, "x", "file", 1.0) for field in WANTED]).completeness == 1.0
    assert (
        settled([fact("tld", "com", "website", 1.0), fact("brands", "x", "file", 1.0)]).completeness == 0.125
    )


def test_read_brands_stand_in_for_those_of_the_file() -> None:
    read = [fact("brands", "Kohler", "model", 0.5), fact("brands", "Generac", "model", 0.5)]
    assert settled([], read).values["brands"] == "Kohler, Generac"
    assert settled([fact("brands", "Tesla", "file", 0.1)], read).values["brands"] != "Kohler, Generac"
    assert settled([fact("brands", "Tesla", "file", 1.0)], read).values["brands"] == "Tesla"
    assert "brands" not in settled([], [fact("trades", "hvac", "model", 0.5)]).values
    assert settled([], read).read_count == 2
