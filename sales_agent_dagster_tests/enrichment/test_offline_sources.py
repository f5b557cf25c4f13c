"""No invented value: every offline fact is found again in the lead's row or in the packages' own data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import phonenumbers
import pytest
import sqlalchemy as sa
import yaml
import zipcodes
from phonenumbers import geocoder, timezone

from sales_agent_dagster.domain.oems import brand_dictionary
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.domain.us_places import state_of_name
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import SPEC, offline_facts
from sales_agent_dagster.settings import PROJECT_ROOT, Settings
from sales_agent_dagster.stages.imported import import_batch
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import imported_leads
from sales_agent_dagster_tests.conftest import NOW, MakeContext
from sales_agent_dagster_tests.enrichment.asking import lead

SAMPLES = ("dealer_leads_sample.csv", "dealer_export_sample.csv")


def imported(warehouse: Warehouse, context: MakeContext, settings: Settings) -> list[dict[str, Any]]:
    """The samples' leads as an import stores them."""
    for name in SAMPLES:
        registration = register_file(PROJECT_ROOT / "data" / "samples" / name, warehouse, settings, NOW)
        for batch_id in registration.batch_ids:
            import_batch(context(warehouse, batch_id))
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(imported_leads)).mappings()]


def check_zip(fact: Fact, row: dict[str, Any]) -> bool:
    (place,) = zipcodes.matching(row["zip"])
    names = {
        "region_city": "city",
        "region_state": "state",
        "region_county": "county",
        "timezone": "timezone",
    }
    return bool(place[names[fact.field]] == fact.value)


def check_phone(fact: Fact, row: dict[str, Any]) -> bool:
    number = phonenumbers.parse(row["phone"])
    told = geocoder.description_for_number(number, "en")
    if fact.field == "timezone":
        return timezone.time_zones_for_number(number) == (fact.value,)
    if fact.field == "region_state":
        return told.endswith(fact.value) or state_of_name(told) == fact.value
    return fact.value in told


def check_stated(fact: Fact, row: dict[str, Any]) -> bool:
    host = row["website_host"] or (row["email"] or "").rpartition("@")[2]
    domain = (row["email"] or "").rpartition("@")[2]
    checks = {
        "tld": host.endswith(f".{fact.value}"),
        "domain_kind": (fact.value == "own") is not (is_free_mail(host) or is_shared_host(host)),
        "email_kind": (fact.value == "free_mail") <= is_free_mail(domain),
        "email_domain": (fact.value == "own_domain") <= (domain.split(".")[-2:] == host.split(".")[-2:]),
        "contact_person": fact.value.casefold().split() == (fact.quote or "-").split(".")
        and (row["email"] or "").startswith(f"{fact.quote}@"),
    }
    return checks[fact.field]


def check_brands(fact: Fact, row: dict[str, Any]) -> bool:
    brands = brand_dictionary()
    if fact.field == "brand_categories":
        return bool(brands.version) and set(fact.value.split(", ")) <= known_categories()
    written = row["oems"].casefold()
    return all(
        any(word.casefold() in written for word in (brand, *brand.split()))
        for brand in fact.value.split(", ")
    )


@lru_cache(maxsize=1)
def known_categories() -> set[str]:
    listed = yaml.safe_load((PROJECT_ROOT / "sales_agent_dagster" / "domain" / "oems.yaml").read_text())
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.update([str(key)])
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        else:
            found.add(str(value))

    walk(listed)
    return found


STEMS = {
    "homes": ("home", "resident", "household"),
    "businesses": ("commerc", "industr", "business", "institution", "municip"),
    "service": ("serv",),
    "repair": ("repair",),
    "maintenance": ("maint",),
    "emergency": ("emergenc",),
    "24/7": ("24",),
    "support": ("support",),
}


def check_words(fact: Fact, text: str) -> bool:
    if fact.field == "trades":
        return set(fact.value.split(", ")) <= set(trades_in(text))
    return all(any(stem in text.lower() for stem in STEMS[value]) for value in fact.value.split(", "))


CHECKS = {
    "zip": check_zip,
    "phone": check_phone,
    "address": lambda fact, row: fact.value in (row["city"], row["state"]),
    "website": check_stated,
    "email": check_stated,
    "file": check_brands,
    "brand dictionary": check_brands,
    "name": lambda fact, row: check_words(fact, row["company_name"]),
    "notes": lambda fact, row: check_words(fact, row["notes"]),
    "brands": lambda fact, row: bool(row["oems"]),
    "columns": lambda fact, row: all(trade in row["capabilities"] for trade in fact.value.split(", ")),
    "industry": lambda fact, row: set(fact.value.split(", ")) <= set(trades_in(row["industry"])),
}


def test_every_fact_of_the_samples_is_found_again_in_its_source(
    sqlite_warehouse: Warehouse, context: MakeContext, settings: Settings
) -> None:
    seen = set()
    for row in imported(sqlite_warehouse, context, settings):
        for fact in offline_facts(row):
            assert fact.field in SPEC.offers
            assert CHECKS[fact.source](fact, row), (fact, row["company_name"])
            seen.add(fact.source)
    assert {"zip", "phone", "address", "website", "file", "brand dictionary"} <= seen


@pytest.mark.parametrize(
    ("email", "host", "facts"),
    [
        ("jo.reed@acme.example", "acme.example", {"email_domain": "own_domain", "contact_person": "Jo Reed"}),
        (
            "jo.reed@mail.acme.example",
            "acme.example",
            {"email_domain": "own_domain", "contact_person": "Jo Reed"},
        ),
        (
            "jo.reed@other.example",
            "acme.example",
            {"email_domain": "other_domain", "contact_person": "Jo Reed"},
        ),
        ("jo.reed@gmail.com", "acme.example", {}),
        ("info@acme.example", "acme.example", {"email_domain": "own_domain"}),
        ("j.reed@acme.example", None, {}),
        ("jo.reed2@acme.example", "facebook.com", {}),
    ],
)
def test_what_an_address_says(email: str, host: str | None, facts: dict[str, str]) -> None:
    found = {fact.field: fact.value for fact in offline_facts(lead(email=email, website_host=host))}
    assert {name: found[name] for name in ("email_domain", "contact_person") if name in found} == facts
