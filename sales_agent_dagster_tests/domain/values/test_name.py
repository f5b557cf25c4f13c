from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sales_agent_dagster.domain.repairs import REPAIRS
from sales_agent_dagster.domain.values.name import clean_company, is_junk, name_of_domain, readable_case


@pytest.mark.parametrize(
    ("text", "display", "legal_form"),
    [
        ("A & B EXAMTRON INC.", "A & B Examtron", "Inc"),
        ("NORTHWIND PLUMBING A/C & ELECTRICAL", "Northwind Plumbing A/C & Electrical", None),
        ("NORTHWIND PLUMBING, SEWER, & ELECTRIC", "Northwind Plumbing, Sewer, & Electric", None),
        ("NORTHWIND & SONS PLUMBING & HVAC", "Northwind & Sons Plumbing & HVAC", None),
        ("Q.Z. GENERATOR INC", "Q.Z. Generator", "Inc"),
        ("Q&Z ELECTRICAL CONTRACTING SRV LLC", "Q&Z Electrical Contracting Srv", "LLC"),
        ("MCTEST ENGINEERING SERVICES", "McTest Engineering Services", None),
        ("O'TEST'S ELECTRIC", "O'Test's Electric", None),
        ("TESTER'S ELECTRIC", "Tester's Electric", None),
        ("4TH EXAMPLE ELECTRIC, INC", "4th Example Electric", "Inc"),
        ("QZX GROUP LLC", "QZX Group", "LLC"),
        ("GENERATORS OF ANYTOWN", "Generators of Anytown", None),
        ("GENERATORS OF MA", "Generators of MA", None),
        ("THE EXAMPLE MAN", "The Example Man", None),
        ("OF THE ELECTRIC", "Of the Electric", None),
        ("TRI-CITY HVAC-ELECTRIC", "Tri-City HVAC-Electric", None),
        ("northwind electric abc", "Northwind Electric ABC", None),
        ("HVAC", "HVAC", None),
        ("ExamPower Plus", "ExamPower Plus", None),
        ("NORTHWIND PLUMBING & HEATING CO LLC", "Northwind Plumbing & Heating Co", "LLC"),
        ("Q.Z. TESTER & CO. INC", "Q.Z. Tester & Co.", "Inc"),
        ("NORTHWIND SERVICE COMPANY", "Northwind Service Company", None),
        ("Northwind Services Llc - Anytown", "Northwind Services - Anytown", "LLC"),
        ("EXAMPLE TECH- ANYTOWN, LLC", "Example Tech - Anytown", "LLC"),
        ("Northwind Electric L.L.C.", "Northwind Electric", "LLC"),
        ("Northwind Corporation, Inc.", "Northwind", "Inc"),
        ("LLC", "LLC", None),
        ("Inc. LLC", "Inc.", "LLC"),
        ("NORTHWIND HOME SERVICES,", "Northwind Home Services", None),
        ("EXAMPLE & GAS SERVICES , INC.", "Example & Gas Services", "Inc"),
        ("NORTHWIND FUELS &ENERGY", "Northwind Fuels & Energy", None),
        ("NORTHWIND FUELS& ENERGY", "Northwind Fuels & Energy", None),
        ("Northwind  Electric", "Northwind Electric", None),
        ("Northwind &amp; Sons", "Northwind & Sons", None),
        ("QZ Holdings LLC DBA Northwind Power", "Northwind Power", None),
        ("QZ Holdings d/b/a Northwind Power, Inc.", "Northwind Power", "Inc"),
        ("Northwind Power (DBA)", "Northwind Power", None),
        ("Northwind Power (dba QZ Power)", "QZ Power", None),
        ("=cmd Electric", "=cmd Electric", None),
        ("", "", None),
        (",", ",", None),
    ],
)
def test_display_name_and_legal_form(text, display, legal_form):
    found = clean_company(text)
    assert (found.display, found.legal_form) == (display, legal_form)
    assert clean_company(found.display).display == found.display


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ("Northwind Electric LLC", ()),
        ("NORTHWIND ELECTRIC", ("name_case",)),
        ("Northwind &Sons,", ("name_punctuation",)),
        ("QZ dba Northwind", ("name_dba",)),
        ("Northwind &amp; Sons", ("text_decoded",)),
    ],
)
def test_repairs_are_named(text, repairs):
    assert clean_company(text).repairs == repairs


@pytest.mark.parametrize(
    "name",
    [
        "Manage Your Cookie Preferences",
        "Manage Consent Preferences",
        "Accept All Cookies",
        "We use cookies to improve your visit",
        "Cookie Policy",
        "Privacy Preference Center",
        "OFFERING",
        "Get Directions",
        "View Details",
        "Learn more",
        "Loading...",
        "404 Page not found",
        "Access denied",
        "Test Company",
        "company_name",
        "12345",
        "---",
        "\u2026",
    ],
)
def test_junk(name):
    assert is_junk(name)


@pytest.mark.parametrize(
    "name",
    [
        "Preferences Electric",
        "Cookie Monster Electric",
        "Test Equipment Sales",
        "More Power Generators",
        "Sample & Sons Plumbing",
        "Privacy Fence & Generator",
        "84 Examples",
        "4X",
        "\u96fb\u6c17\u5de5\u4e8b",
        "Page Electric",
        "Dealer Example Group",
    ],
)
def test_names_that_only_hold_a_junk_word_are_kept(name):
    assert not is_junk(name)


@pytest.mark.parametrize(
    ("domain", "name"),
    [("acme-electric.com", "Acme Electric"), ("acme.co.uk", "Acme"), ("xn--bcher-kva.com", "B\u00fccher")],
)
def test_name_of_domain(domain, name):
    assert name_of_domain(domain) == name


_words = st.lists(
    st.sampled_from(
        [
            "ACME",
            "LLC",
            "Inc.",
            "dba",
            "&",
            "- ",
            " , ",
            "of",
            "THE",
            "A/C",
            "4TH",
            "&amp;",
            "(",
            "d/b/a",
            "Co",
            "'S",
            "x",
        ]
    ),
    max_size=7,
).map(" ".join)


@given(st.text(max_size=60) | _words)
@example("- & -")
def test_cleaning_is_idempotent_and_never_empties_a_name(text):
    found = clean_company(text)
    assert set(found.repairs) <= REPAIRS.keys()
    assert bool(found.display) == bool(text)
    if any(map(str.isalnum, text)):
        again = clean_company(found.display)
        assert again.display == found.display


@given(st.text(max_size=40))
def test_case_never_changes_letters(text):
    assert readable_case(text).casefold() == text.casefold()
    is_junk(text)
