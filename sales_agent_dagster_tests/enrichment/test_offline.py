from typing import Any

import pytest

from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import mark_conflicts, offline_facts

EMPTY: dict[str, Any] = dict.fromkeys(
    (
        "company_name",
        "email",
        "phone",
        "website_host",
        "city",
        "state",
        "zip",
        "industry",
        "capabilities",
        "notes",
        "oems",
    )
) | {"company_name": "Example"}


def facts(**fields: Any) -> dict[str, tuple[str, float]]:
    found = offline_facts(EMPTY | fields)
    assert len({item.id for item in found}) == len(found)
    return {item.id: (item.value, item.confidence) for item in found}


def test_nothing_known_gives_no_fact() -> None:
    assert facts() == {}


def test_facts_of_a_full_row() -> None:
    assert facts(
        company_name="Example Plumbing",
        email="sales@example.com",
        phone="+12128675309",
        website_host="example.com",
        city="New York",
        state="NY",
        zip="10001",
        industry="Construction",
        capabilities="hvac, commercial",
        notes="Drain work. No roofing.",
        oems="Generac, Handmade",
    ) == {
        "region_city.zip": ("New York", 0.95),
        "region_state.zip": ("NY", 0.95),
        "region_county.zip": ("New York County", 0.95),
        "timezone.zip": ("America/New_York", 0.95),
        "region_city.address": ("New York", 0.9),
        "region_state.address": ("NY", 0.9),
        "region_city.phone": ("New York", 0.6),
        "region_state.phone": ("NY", 0.7),
        "timezone.phone": ("America/New_York", 0.7),
        "domain_kind.website": ("own", 1.0),
        "tld.website": ("com", 1.0),
        "email_kind.email": ("role", 1.0),
        "email_domain.email": ("own_domain", 1.0),
        "brands.file": ("Generac, Handmade", 1.0),
        "brand_categories.brand_dictionary": ("battery, generator", 0.9),
        "trades.columns": ("hvac", 0.9),
        "trades.name": ("plumbing", 0.85),
        "trades.notes": ("plumbing", 0.7),
        "trades.brands": ("generator, battery", 0.6),
    }


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"website_host": "example.com"}, "own"),
        ({"website_host": "example.business.site"}, "shared_platform"),
        ({"email": "a@gmail.com"}, "free_mail"),
        ({"email": "a@example.com"}, "own"),
        ({"email": "a@gmail.com", "website_host": "example.com"}, "own"),
    ],
)
def test_kind_of_domain(fields: dict[str, str], kind: str) -> None:
    found = facts(**fields)
    source = "website" if "website_host" in fields else "email"
    assert found[f"domain_kind.{source}"] == (kind, 1.0)


@pytest.mark.parametrize(
    ("email", "kind"),
    [
        ("info@example.com", "role"),
        ("no-reply@example.com", "role"),
        ("customer.service@example.com", "role"),
        ("office@gmail.com", "role"),
        ("example@gmail.com", "free_mail"),
        ("jordan@example.com", "personal"),
    ],
)
def test_kind_of_email(email: str, kind: str) -> None:
    assert facts(email=email)["email_kind.email"] == (kind, 1.0)


def test_an_industry_tells_a_trade_only_when_nothing_else_does() -> None:
    assert facts(industry="Generator/Electrical Services")["trades.industry"] == (
        "generator, electrical",
        0.4,
    )
    assert "trades.industry" not in facts(industry="Electrical", company_name="Example HVAC")


def test_toll_free_numbers_and_unknown_zips_give_no_region() -> None:
    assert facts(phone="+18005550100", zip="00000") == {}


def test_a_phone_from_another_state_is_doubted() -> None:
    found = facts(phone="+12128675309", city="Austin", state="TX", zip="78701")
    assert found["region_state.zip"] == ("TX", 0.95)
    assert found["region_state.address"] == ("TX", 0.9)
    assert found["region_state.phone"] == ("NY", 0.35)
    assert found["timezone.phone"] == ("America/New_York", 0.35)
    assert found["region_city.phone"] == ("New York", 0.3)
    notes = {item.id: item.note for item in offline_facts(EMPTY | {"phone": "+12128675309", "state": "TX"})}
    assert notes["region_state.phone"] == "address says TX"
    assert notes["region_state.address"] is None


def test_zip_and_address_that_disagree_are_both_doubted() -> None:
    found = facts(state="TX", zip="10001")
    assert found["region_state.zip"] == ("NY", 0.475)
    assert found["region_state.address"] == ("TX", 0.45)


def test_the_phone_settles_between_zip_and_address() -> None:
    found = facts(phone="+15125550100", state="TX", zip="10001")
    assert found["region_state.zip"] == ("NY", 0.475)
    assert found["region_state.address"] == ("TX", 0.9)
    assert found["region_state.phone"] == ("TX", 0.7)


def test_agreeing_regions_stay_as_they_are() -> None:
    regions = [
        Fact(id="region_state.zip", field="region_state", value="TX", source="zip", confidence=0.9),
        Fact(id="timezone.phone", field="timezone", value="America/Chicago", source="phone", confidence=0.7),
    ]
    assert mark_conflicts(regions) == regions


def test_very_long_values_are_cut() -> None:
    found = facts(oems=", ".join(f"Brand number {number} of a very long list" for number in range(40)))
    assert len(found["brands.file"][0]) == 500


@pytest.mark.parametrize(
    ("name", "notes", "expected"),
    [
        ("Example Home Services", None, {"customers.name": "homes", "service.name": "service"}),
        (
            "Example",
            "Commercial and residential work, repair and maintenance.",
            {"customers.notes": "homes, businesses", "service.notes": "repair, maintenance"},
        ),
        ("Example", "No residential work. We do no maintenance.", {}),
        ("Example Electric", "Industrial clients.", {"customers.notes": "businesses"}),
    ],
)
def test_customers_and_service_are_read_in_name_and_notes(
    name: str, notes: str | None, expected: dict[str, str]
) -> None:
    found = facts(company_name=name, notes=notes)
    read = {key: value for key, (value, _) in found.items() if key.startswith(("customers", "service"))}
    assert read == expected
    assert all(found[key][1] == (0.85 if key.endswith("name") else 0.7) for key in read)
