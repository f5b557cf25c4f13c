"""Claims become facts."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.providers import FIELDS
from sales_agent_dagster.enrichment.website.document import read_document
from sales_agent_dagster.enrichment.website.provider import SPEC
from sales_agent_dagster.enrichment.website.reading import MAX_TEXT, facts_of, texts_of
from sales_agent_dagster_tests.enrichment.website.html import page
from sales_agent_dagster_tests.website_farm import pages
from sales_agent_dagster_tests.website_farm.firms import Firm, firm

FIRMS = [firm(number) for number in range(12)]


def site(own: Firm, structured: bool) -> list[tuple[str, str]]:
    head = pages.json_ld(own) if structured else ""
    return [
        ("home", pages.home(own, head=head, before=pages.COOKIES)),
        ("contact", pages.contact(own)),
        ("team", pages.team(own)),
        ("about", pages.about(own)),
        ("services", pages.services(own)),
    ]


def read(own: Firm, structured: bool) -> dict[str, list[str]]:
    found = [page(html, kind, f"http://{own.host}/{kind}") for kind, html in site(own, structured)]
    values: dict[str, list[str]] = {}
    for fact in facts_of(found, own.host):
        values.setdefault(fact.field, []).append(fact.value)
    return values


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize("own", FIRMS, ids=lambda own: own.host)
def test_what_the_website_says_is_found_and_nothing_else(own: Firm, structured: bool):
    found = read(own, structured)
    assert found["company_phone"] == [own.phone]
    assert found["company_email"] == [own.email, f"jobs@{own.host}"]
    assert found["company_linkedin"] == [own.linkedin]
    assert found["street_address"] == [own.street]
    assert found["region_city"] == [own.city]
    assert found["region_state"] == [own.state]
    assert found["postal_code"] == [own.zip_code]
    assert found["founded"] == [str(own.founded)]
    assert set(found["contact_person"]) == {f"{name}, {title}" for name, title in own.people}
    assert set(found["brands"]) == set(own.brands)
    assert own.trade in found["trades"]
    assert "contact_email" not in found
    if structured:
        assert found["company_name"] == [own.name]
        assert found["opening_hours"] == ["Mo,Tu,Fr 08:00-17:00"]


@pytest.mark.parametrize("own", FIRMS[:4], ids=lambda own: own.host)
def test_every_fact_is_quoted_from_its_page(own: Firm):
    html = {f"http://{own.host}/{kind}": text for kind, text in site(own, True)}
    found = [page(text, url.rpartition("/")[2], url) for url, text in html.items()]
    facts = facts_of(found, own.host)
    assert len({fact.id for fact in facts}) == len(facts)
    for fact in facts:
        document = read_document(html[fact.url])
        seen = " ".join(
            [html[fact.url], document.title, document.description, *document.lines, *document.blocks]
        )
        said = fact.quote.partition(": ")[2] if fact.quote.startswith('"') else fact.quote
        assert _plain(said) in _plain(seen), fact
        assert fact.fetched_at == "2026-03-02T09:30:00+00:00"
        assert fact.source == "web page"
        assert fact.field in SPEC.offers


def _plain(text: str) -> str:
    return "".join(text.replace("&amp;", "&").split()).casefold()


def test_everything_offered_is_a_field():
    assert SPEC.offers <= FIELDS.keys()


def test_another_domain_may_be_another_firm():
    html = '<a href="tel:2175550142">Call</a>'
    [here] = facts_of([page(html)], "acme.example")
    [elsewhere] = facts_of([page(html)], "bought.example")
    assert (here.confidence, elsewhere.confidence) == (0.85, 0.68)


def test_addresses_of_people_go_to_them():
    html = """<p>gabernathy@acme.example hugo@acme.example office@acme.example fixit@acme.example</p>
    <h1>Team</h1><h3>Greta Abernathy</h3><p>Owner</p><h3>Hugo Ellery</h3><p>Estimator</p>"""
    lines = (
        html.replace(" hugo", "</p><p>hugo")
        .replace(" office", "</p><p>office")
        .replace(" fixit", "</p><p>fixit")
    )
    found = facts_of([page(lines)], "acme.example")
    assert [fact.value for fact in found if fact.field == "contact_email"] == [
        "gabernathy@acme.example",
        "hugo@acme.example",
    ]
    assert [fact.value for fact in found if fact.field == "company_email"] == [
        "office@acme.example",
        "fixit@acme.example",
    ]


def test_texts_are_bounded_and_named():
    found = [
        page(f"<p>{'word ' * 150}</p>" * 40),
        page("<p>us</p>", "about"),
        page("<p>again</p>", "about"),
        page(""),
    ]
    texts = texts_of(found)
    assert list(texts) == ["website home", "website about"]
    assert texts["website about"] == "us"
    assert len(texts["website home"]) == MAX_TEXT
