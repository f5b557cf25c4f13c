"""What a page says in words."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.website.brands import brands_in
from sales_agent_dagster_tests.enrichment.website.html import facts, values


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="tel:+1-217-555-0142">Call</a>', ["+12175550142"]),
        ('<a href="TEL:%28217%29%20555-0142">Call</a>', ["+12175550142"]),
        ("<p>Call (217) 555-0142 or 217.555.0143</p>", ["+12175550142", "+12175550143"]),
        ("<p>Call 1-800-555-0142</p>", ["+18005550142"]),
        ("<p>Fax: (217) 555-0142</p>", []),
        ("<p>Phone (217) 555-0142, Fax (217) 555-0199</p>", ["+12175550142"]),
        ("<p>Licence 2175550142123</p>", []),
        ("<p>Order 12-217-555-01421</p>", []),
        ("<p>999 999 9999</p>", []),
        ('<a href="tel:123">123</a>', []),
        ("<script>var x='(217) 555-0142'</script>", []),
    ],
)
def test_phones(html: str, expected: list[str]):
    assert values(html, "company_phone") == expected


def test_the_number_that_is_a_link_and_is_named_most_comes_first():
    html = """<p>217 555 0101</p><p>217 555 0102</p><p>217 555 0102</p><p>217 555 0103</p>
    <a href="tel:2175550104">x</a>"""
    assert values(html, "company_phone") == ["+12175550104", "+12175550102", "+12175550101"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="mailto:Info@acme.example?subject=Hi">Mail</a>', ["info@acme.example"]),
        ("<p>Mail info@acme.example today</p>", ["info@acme.example"]),
        ("<p>info (at) acme (dot) example</p>", ["info@acme.example"]),
        ("<p>info [AT] acme.example</p>", ["info@acme.example"]),
        ("<p>info{at}acme{dot}example</p>", ["info@acme.example"]),
        ("<p>Look at acme.example (at noon)</p>", []),
        ("<p>acmepower@gmail.com</p>", ["acmepower@gmail.com"]),
        ("<p>mail@webdesigner.example</p>", []),
        ("<p>info@mail.acme.example</p>", ["info@mail.acme.example"]),
        ("<p>logo@2x.png</p>", []),
    ],
)
def test_emails(html: str, expected: list[str]):
    assert values(html, "company_email") == expected


def test_company_pages_on_linkedin():
    html = '<a href="https://www.linkedin.com/company/Acme-Power/?x">in</a><a href="https://linkedin.com/in/greta">me</a>'
    assert values(html, "company_linkedin") == ["https://www.linkedin.com/company/acme-power"]
    assert values(html, "contact_linkedin") == []


ADDRESS = "123 N. Main Street, Suite 4, Dayton, OH 45402"


@pytest.mark.parametrize(
    "line",
    [
        ADDRESS,
        f"Acme Electric \u00b7 {ADDRESS}",
        f"Visit us at {ADDRESS}-1234",
        f"Office: {ADDRESS}, USA",
    ],
)
def test_addresses_on_one_line(line: str):
    found = {fact.field: fact.value for fact in facts(f"<p>{line}</p>")}
    assert found["region_city"] == "Dayton"
    assert found["region_state"] == "OH"
    assert found["postal_code"] == "45402"
    assert found["street_address"] == "123 N. Main Street, Suite 4"


@pytest.mark.parametrize(
    "html",
    [
        "<p>We serve Dayton, OH 45402</p>",
        "<p>123 Main Street, Dayton, IL 45402</p>",  # the ZIP is another state's
        "<p>123 Main Street</p><p>Dayton</p>",
        f"<p>{ADDRESS}</p><p>9 Oak Street, Utica, NY 13501</p>",  # two branches
        f"<p>{ADDRESS[4:]}</p>",
    ],
)
def test_no_address_is_made_up(html: str):
    assert not {"street_address", "region_city", "postal_code"} & {fact.field for fact in facts(html)}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Founded in 1987 by two brothers.", ["1987"]),
        ("Est. 1987", ["1987"]),
        ("Before Greta started this company in 1987", ["1987"]),
        ("We started in 1987", ["1987"]),
        ("The storm started on 1987 roofs", []),
        ("Family owned and operated since 1987", ["1987"]),
        ("Proudly serving Dayton since 1987!", ["1987"]),
        ("In business since 1987", ["1987"]),
        ("A Generac dealer since 2015", []),
        ("\u00a9 1987 Acme", []),
        ("We have 1987 customers", []),
        ("Founded in 1687", []),
    ],
)
def test_years(sentence: str, expected: list[str]):
    assert values(f"<p>{sentence}</p>", "founded") == expected


def test_of_two_years_none_is_the_companys():
    assert values("<p>Founded in 1987</p><p>Established 1990</p>", "founded") == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Serving Dayton, Springfield and Utica.", ["Dayton, Springfield and Utica"]),
        ("Proudly serving the Miami Valley for years", ["Miami Valley"]),
        ("Serves Clark County, and Greene County", ["Clark County, and Greene County"]),
        ("Serving you since 1987", []),
        ("We observe Dayton", []),
    ],
)
def test_areas(sentence: str, expected: list[str]):
    assert values(f"<p>{sentence}</p>", "service_area") == expected


def test_work_is_what_the_page_calls_itself():
    html = """<title>Acme | Generator Repair</title>
    <meta name="description" content="Home and commercial HVAC."
    ><h2>24/7 emergency service</h2><h2>No plumbing work</h2><p>We once saw a solar panel on a roof.</p>"""
    assert values(html, "trades") == ["generator", "hvac"]
    assert sorted(values(html, "customers")) == ["businesses", "homes"]
    assert sorted(values(html, "service")) == ["24/7", "emergency", "repair", "service"]
    quotes = {fact.value: fact.quote for fact in facts(html) if fact.field == "trades"}
    assert quotes == {"generator": "Acme | Generator Repair", "hvac": "Home and commercial HVAC."}


def test_pages_about_services_list_them():
    html = f"<ul><li>Backup Generators</li><li>{'We even fix solar panels, ' * 4}</li></ul>"
    assert values(html, "trades", "services") == ["generator"]
    assert values(html, "trades", "about") == []


def test_names_and_descriptions():
    html = """<meta property="og:site_name" content="Acme">
    <meta name="description" content="We fix standby generators">"""
    assert values(html, "company_name") == ["Acme"]
    assert values(html, "description") == ["We fix standby generators"]
    assert (
        facts('<meta property="og:site_name" content="Untitled"><meta name="description" content="Short">')
        == []
    )


@pytest.mark.parametrize(
    ("text", "brands"),
    [
        ("an authorized Generac dealer", ["Generac"]),
        ("Generac PWRcell systems", ["Generac PWRcell"]),
        ("Briggs & Stratton, Kohler and Cummins", ["Briggs & Stratton", "Kohler", "Cummins"]),
        ("Kohler\u2122 generators", ["Kohler"]),
        ("generac generators", []),
        ("Service in York", []),
        ("an authorized York dealer", ["York"]),
        ("York, Trane and Lennox units", ["York", "Trane", "Lennox"]),
        ("We Discover problems and Sense them", []),
        ("Carrier of bad news", []),
        ("licences in New York City, and an authorized Generac dealer", ["Generac"]),
        ("Trane & York, Lennox or Carrier", ["Trane", "York", "Lennox", "Carrier"]),
        ("the Generacs of this world", []),
        ("", []),
    ],
)
def test_brands_in_sentences(text: str, brands: list[str]):
    assert brands_in(text) == brands


@pytest.mark.parametrize(
    ("html", "brands"),
    [
        ("<p>We install Generac and Kohler.</p>", ["Generac", "Kohler"]),
        ("<p>We install Kohler. We do not service Generac.</p>", ["Kohler"]),
        ("<p>Generac announced its numbers.</p>", []),
        ('<img alt="Generac logo"><img alt="Kohler"><img alt="Company logo">', ["Generac"]),
        ("<blockquote>They install Generac.</blockquote>", []),
    ],
)
def test_brands_the_company_deals_with(html: str, brands: list[str]):
    assert values(html, "brands") == brands


def test_technologies():
    html = """<meta name="generator" content="WordPress 6.5"><link href="/wp-content/x.css">
    <script src="https://www.googletagmanager.com/gtag/js"></script><script src="/own.js"></script>"""
    assert values(html, "technologies") == ["WordPress", "Google Tag Manager"]
