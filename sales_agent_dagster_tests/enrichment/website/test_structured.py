"""Structured data is read like cells of a list."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.enrichment.website.structured import claims_of_data
from sales_agent_dagster_tests.enrichment.website.html import data, facts, values


def company(**parts: object) -> str:
    return data(json.dumps({"@type": "LocalBusiness", **parts}))


@pytest.mark.parametrize(
    ("parts", "field", "expected"),
    [
        ({"name": "Acme &amp; Sons"}, "company_name", ["Acme & Sons"]),
        ({"name": "Cookie policy"}, "company_name", []),
        ({"description": "<b>We</b> fix standby generators."}, "description", ["We fix standby generators."]),
        ({"description": "short"}, "description", []),
        ({"telephone": "217.555.0142"}, "company_phone", ["+12175550142"]),
        ({"telephone": ["(217) 555-0142", "x"]}, "company_phone", ["+12175550142"]),
        ({"telephone": "000-000-0000"}, "company_phone", []),
        ({"contactPoint": [{"telephone": "217 555 0143"}]}, "company_phone", ["+12175550143"]),
        ({"contactPoint": "x"}, "company_phone", []),
        ({"email": "mailto:Info@Acme.example"}, "company_email", ["info@acme.example"]),
        ({"email": "acme@elsewhere.example"}, "company_email", ["acme@elsewhere.example"]),
        ({"email": "not one"}, "company_email", []),
        ({"foundingDate": "1987"}, "founded", ["1987"]),
        ({"foundingDate": 1987}, "founded", ["1987"]),
        ({"foundingDate": "last year"}, "founded", []),
        ({"foundingDate": True}, "founded", []),
        ({"numberOfEmployees": {"@type": "QuantitativeValue", "value": 12}}, "employees", ["12"]),
        ({"numberOfEmployees": {"minValue": 5, "maxValue": 9}}, "employees", ["5-9"]),
        ({"numberOfEmployees": "many"}, "employees", []),
        ({"openingHours": ["Mo-Fr 08:00-17:00", "soon"]}, "opening_hours", ["Mo-Fr 08:00-17:00"]),
        ({"openingHours": "Mo,We 8:00 - 17:00"}, "opening_hours", ["Mo,We 8:00 - 17:00"]),
        (
            {
                "openingHoursSpecification": [
                    {
                        "dayOfWeek": ["http://schema.org/Monday", "Friday"],
                        "opens": "08:00:00",
                        "closes": "17:00",
                    },
                    {"dayOfWeek": "Saturday", "opens": "09:00", "closes": "12:00"},
                    {"dayOfWeek": "Someday", "opens": "09:00", "closes": "12:00"},
                    {"dayOfWeek": "Sunday"},
                    "x",
                ]
            },
            "opening_hours",
            ["Mo,Fr 08:00-17:00; Sa 09:00-12:00"],
        ),
        (
            {"areaServed": ["Dayton", {"@type": "City", "name": "Utica"}, 7]},
            "service_area",
            ["Dayton, Utica"],
        ),
        ({"serviceArea": {"name": "Ohio"}}, "service_area", ["Ohio"]),
        ({"@type": "Electrician"}, "trades", ["electrical"]),
        ({"@type": ["HVACBusiness", "Plumber"]}, "trades", ["hvac", "plumbing"]),
        ({"@type": "https://schema.org/RoofingContractor"}, "trades", ["roofing"]),
        ({"makesOffer": [{"itemOffered": {"name": "Solar panels"}}]}, "trades", ["solar"]),
        ({"knowsAbout": "Generator repair"}, "trades", ["generator"]),
        (
            {"sameAs": ["https://linkedin.com/company/Acme/about", "https://linkedin.com/in/x", 3]},
            "company_linkedin",
            ["https://www.linkedin.com/company/acme"],
        ),
        ({"@type": "Recipe", "telephone": "2175550142"}, "company_phone", []),
        ({"@type": None, "telephone": "2175550142"}, "company_phone", []),
    ],
)
def test_properties(parts: dict[str, object], field: str, expected: list[str]):
    assert values(company(**parts), field) == expected


def test_an_address_is_read_like_that_of_a_lead():
    address = {"streetAddress": "1 Main St", "addressLocality": "DAYTON", "addressRegion": "Ohio"}
    html = company(address={"@type": "PostalAddress", **address, "postalCode": "45402"})
    found = {fact.field: fact.value for fact in facts(html)}
    assert found == {
        "street_address": "1 Main St",
        "region_city": "Dayton",
        "region_state": "OH",
        "postal_code": "45402",
    }
    assert {fact.quote for fact in facts(html)} == {
        '"address": {"@type":"PostalAddress","streetAddress":"1 Main St","addressLocality":"DAYTON",'
        '"addressRegion":"Ohio","postalCode":"45402"}'
    }


def test_an_address_on_one_line_is_taken_apart():
    found = {fact.field: fact.value for fact in facts(company(address="1 Main St, Dayton, OH 45402"))}
    assert found["postal_code"] == "45402"


@pytest.mark.parametrize(
    "address", [7, [], [{"postalCode": "45402"}, {"postalCode": "62701"}], {"postalCode": "x"}]
)
def test_of_several_branches_or_none_nothing_is_said(address: object):
    assert facts(company(address=address)) == []


def test_people_are_those_the_company_names():
    html = company(
        founder={
            "@type": "Person",
            "name": "Greta Abernathy",
            "jobTitle": "Owner",
            "email": "g@acme.example",
        },
        employee=[{"givenName": "Hugo", "familyName": "Ellery"}, {"name": "Our Team"}],
        review={"author": {"@type": "Person", "name": "Robin Reviewer"}},
        author={"@type": "Person", "name": "Web Designer"},
    )
    assert values(html, "contact_person") == ["Greta Abernathy, Owner", "Hugo Ellery"]
    assert values(html, "contact_email") == ["g@acme.example"]
    assert values(html, "company_email") == []


def test_a_persons_page_on_linkedin_is_theirs():
    person = {"@type": "Person", "name": "Greta Abernathy", "sameAs": "https://linkedin.com/in/greta"}
    assert values(data(json.dumps(person)), "contact_linkedin") == ["https://www.linkedin.com/in/greta"]


@pytest.mark.parametrize("key", ["worksFor", "brand", "memberOf"])
def test_other_companies_are_not_this_one(key: str):
    other = {"@type": "Organization", "name": "Generac", "telephone": "2175550142"}
    assert values(company(name="Acme Power", **{key: other}), "company_name") == ["Acme Power"]
    assert values(company(name="Acme Power", **{key: other}), "company_phone") == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["@type", "name", "address", "openingHoursSpecification", "telephone", "founder", "sameAs"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(["name", "address", "employee", "areaServed", "email"]), _JSON))
def test_no_data_is_too_strange(parts: dict[str, object]):
    for claim in claims_of_data([("", {"@type": "Organization", **parts})]):
        assert claim.value
        assert claim.quote
