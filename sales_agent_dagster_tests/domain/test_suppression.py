from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.domain.profile import Suppress
from sales_agent_dagster.domain.suppression import SuppressionList

LEAD: dict[str, Any] = {
    "do_not_contact": False,
    "existing_customer": False,
    "company_name": "Acme Electric",
    "email": "pat@acme.example",
    "phone": "+12025550101",
    "phone_2": "+12025550102",
    "website_host": "shop.acme-power.example",
}


def reason(suppress: dict[str, list[str]], **columns: Any) -> str | None:
    return SuppressionList(Suppress(**suppress)).reason(LEAD | columns)


def test_nothing_listed_suppresses_nobody():
    assert reason({}) is None
    assert reason({}, email=None, phone=None, phone_2=None, website_host=None) is None


@pytest.mark.parametrize("column", ["do_not_contact", "existing_customer"])
def test_columns_of_the_file(column: str):
    assert reason({}, **{column: True}) == f"{column} is set in the file"


@pytest.mark.parametrize(
    ("kind", "entry", "found"),
    [
        ("emails", " PAT@Acme.example ", "pat@acme.example"),
        ("emails", "mailto:pat@acme.example", "pat@acme.example"),
        ("domains", "acme.example", "acme.example"),
        ("domains", "@acme.example", "acme.example"),
        ("domains", "https://www.Acme-Power.example/about?x=1", "shop.acme-power.example"),
        ("domains", "shop.acme-power.example:443", "shop.acme-power.example"),
        ("phones", "(202) 555-0101", "2025550101"),
        ("phones", "1-202-555-0102", "2025550102"),
        ("companies", "ACME ELECTRICAL, INC.", "acme electric"),
    ],
)
def test_lists_match_however_they_are_written(kind: str, entry: str, found: str):
    assert reason({kind: [entry]}) == f"suppress.{kind} of the profile lists {found}"


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        ("emails", "lee@acme.example"),
        ("domains", "cme.example"),
        ("domains", "other.acme-power.example"),
        ("domains", ""),
        ("phones", "202 555 0109"),
        ("phones", "no number"),
        ("companies", "Acme Plumbing"),
        ("companies", "  "),
    ],
)
def test_others_are_not_suppressed(kind: str, entry: str):
    assert reason({kind: [entry]}) is None


def test_a_second_trade_name_is_suppressed_too():
    assert reason({"companies": ["Bolt Solar"]}, company_name="Acme Electric dba Bolt Solar LLC")
