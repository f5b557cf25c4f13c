"""Which pages are read."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.website.document import Link
from sales_agent_dagster.enrichment.website.links import telling_pages

BASE = "https://www.acme.example/"


def chosen(*links: tuple[str, str], most: int = 9, base: str = BASE) -> list[tuple[str, str]]:
    return telling_pages(base, [Link(href, text) for href, text in links], most)


@pytest.mark.parametrize(
    ("href", "text", "kind"),
    [
        ("/contact-us", "", "contact"),
        ("/page7", "Get in touch", "contact"),
        ("/our-team/", "", "team"),
        ("/meet_the_team.html", "", "team"),
        ("/leadership", "", "team"),
        ("/about", "", "about"),
        ("/x", "About Us", "about"),
        ("/who-we-are", "", "about"),
        ("/services/generators", "", "services"),
        ("/What-We-Do", "", "services"),
        ("/brands", "", "brands"),
        ("/service-areas", "", "area"),
        ("/areas-we-serve", "", "area"),
        ("/index.php?page=contact", "Contact", "contact"),
    ],
)
def test_telling_pages_are_known_by_address_or_words(href: str, text: str, kind: str):
    [(found, url)] = chosen((href, text))
    assert found == kind
    assert url.startswith(BASE)


@pytest.mark.parametrize(
    ("href", "text"),
    [
        ("/blog/our-team-grows", "Our team"),
        ("/about.pdf", "About us"),
        ("/privacy-policy", "About your privacy"),
        ("/careers", "Join our team"),
        ("/gallery", "Gallery"),
        ("/contactless", ""),
        ("mailto:a@acme.example", "Contact"),
        ("tel:+12175550142", "Contact"),
        ("javascript:void(0)", "About"),
        ("#about", "About"),
        ("https://other.example/about", "About"),
        ("https://evil-acme.example/about", "About"),
        ("http://[/about", "About"),
        ("/x", "A long sentence that happens to be about us and much more"),
        ("", "About"),
        ("/", "About"),
    ],
)
def test_other_pages_are_not(href: str, text: str):
    assert chosen((href, text)) == []


def test_one_page_of_each_kind_comes_first_and_then_the_others():
    links = [("/services/a", ""), ("/services", ""), ("/about/history", ""), ("/about", ""), ("/contact", "")]
    assert chosen(*links) == [
        ("contact", f"{BASE}contact"),
        ("about", f"{BASE}about"),
        ("services", f"{BASE}services"),
        ("about", f"{BASE}about/history"),
        ("services", f"{BASE}services/a"),
    ]
    assert len(chosen(*links, most=2)) == 2
    assert chosen(*links, most=0) == []


def test_a_page_is_read_once():
    links = [
        ("/about", ""),
        ("/About/", ""),
        ("https://acme.example/about#x", ""),
        ("http://www.acme.example/about", ""),
    ]
    assert chosen(*links) == [("about", f"{BASE}about")]
    assert chosen(("/about", ""), base=f"{BASE}about") == []
