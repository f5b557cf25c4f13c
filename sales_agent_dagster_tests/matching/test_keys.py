from __future__ import annotations

import pytest

from sales_agent_dagster.matching.base import Key
from sales_agent_dagster.matching.keys import KINDS, keys_of, site_of
from sales_agent_dagster_tests.matching.records import record


@pytest.mark.parametrize(
    ("host", "domain", "email", "site"),
    [
        ("shop.acme.example", "acme.example", None, "acme.example"),
        ("acme.example", None, None, "acme.example"),
        ("acme.generacdealers.com", "generacdealers.com", None, "acme.generacdealers.com"),
        ("generacdealers.com", "generacdealers.com", "pat@acme.example", None),
        ("facebook.com", "facebook.com", None, None),
        ("acme.example", "acme.example", "pat@other.example", "acme.example"),
        (None, None, "pat@acme.example", "acme.example"),
        (None, None, "pat@gmail.com", None),
        (None, None, "pat@facebook.com", None),
        (None, None, None, None),
    ],
)
def test_site(host: str | None, domain: str | None, email: str | None, site: str | None):
    assert site_of(host, domain, email) == site


def test_all_keys_strongest_first():
    lead = record(
        name="Acme Power Akron LLC dba Bolton Solar - Ohio",
        phones=("+13305550101", "+18005550101"),
        email="pat@acme.example",
        site="acmepower.example",
        city="Akron",
        state="OH",
    )
    assert keys_of(lead) == (
        Key("phone", "+13305550101"),
        Key("phone", "+18005550101"),
        Key("domain", "acmepower.example"),
        Key("email", "pat@acme.example"),
        Key("name_place", "acme power akron|akron|OH"),
        Key("name_place", "bolton solar ohio|akron|OH"),
        Key("name", "acme power akron"),
        Key("name", "bolton solar ohio"),
        Key("name", "bolton solar"),
        Key("brand", "acme power"),
    )
    assert sorted({key.kind for key in keys_of(lead)}, key=KINDS.index) == list(KINDS)


def test_generic_names_and_free_role_mailboxes_give_no_key():
    assert (
        keys_of(record(name="Heating & Air Service, Inc", city="Akron", state="OH", email="info@gmail.com"))
        == ()
    )
    assert Key("email", "pat@gmail.com") in keys_of(record(email="pat@gmail.com"))
    assert Key("email", "info@acme.example") in keys_of(record(email="info@acme.example"))


def test_a_place_needs_city_and_state():
    assert not [key for key in keys_of(record(city="Akron")) if key.kind == "name_place"]


def test_repeated_values_give_one_key():
    phones = ("+13305550101", "+13305550101")
    assert [key.kind for key in keys_of(record(phones=phones))].count("phone") == 1
