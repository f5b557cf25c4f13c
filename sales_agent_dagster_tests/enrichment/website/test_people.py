"""Nobody is invented."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.website.people import is_person, title_of
from sales_agent_dagster_tests.enrichment.website.html import facts, values


@pytest.mark.parametrize(
    "name",
    [
        "Greta Abernathy",
        "Mary Ann O'Neil",
        "Mary-Jane McDonald",
        "John Q. Public",
        "Robert \u201cBob\u201d Smith",
        "Dr. Jos\u00e9 \u00c1lvarez",
        "Hugo Ellery Jr.",
        "Al Van Dyke",
    ],
)
def test_names_are_known(name: str):
    assert is_person(name)


@pytest.mark.parametrize(
    "words",
    [
        "Our Team",
        "Meet The Team",
        "Customer Service",
        "General Manager",
        "Standby Generators",
        "Ellery Electric",
        "Call Now",
        "Main Street",
        "Springfield",
        "greta abernathy",
        "GRETA ABERNATHY",
        "Greta Abernathy is our owner",
        "Greta Abernathy 1",
        "Oakridge Heating",
        "Read More",
        "A B",
        "",
    ],
)
def test_other_words_are_not(words: str):
    assert not is_person(words)


@pytest.mark.parametrize(
    "title",
    [
        "Owner",
        "President & CEO",
        "VP of Sales",
        "Service Manager",
        "Master Electrician",
        "Co-Owner",
        "Lead Technician",
    ],
)
def test_titles_are_known(title: str):
    assert title_of(title) == title


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Service",
        "owner",
        "Our manager is great",
        "Call us",
        "Owner of the best and oldest company in this and many other states",
        "He is a manager",
        "Owner since 1987",
        "Springfield",
    ],
)
def test_other_words_are_no_titles(words: str):
    assert title_of(words) == ""


CARD = "<h3>Greta Abernathy</h3><p>Owner</p>"


@pytest.mark.parametrize(
    "html",
    [
        f"<h1>Meet the Team</h1>{CARD}",
        f'<div class="our-team">{CARD}</div>',
        f'<section id="Staff">{CARD}</section>',
        "<h2>Leadership</h2><div><span>GRETA ABERNATHY</span><span>Owner</span></div>",
        "<h2>Our staff</h2><p>Greta Abernathy, Owner</p>",
        "<h2>Our staff</h2><p>Greta Abernathy \u2013 Owner</p>",
        "<h2>Our staff</h2><p>Greta <b>Abernathy</b><br>Owner</p>",
        "<h2>Our staff</h2><div><div><a><h4>Greta Abernathy</h4></a></div><div><p>Owner</p></div></div>",
        "<h2>Our staff</h2><h4>Greta Abernathy</h4><img alt='Greta'><br><span></span><p>Owner</p>",
    ],
)
def test_people_who_are_introduced_are_found(html: str):
    assert values(html, "contact_person") == ["Greta Abernathy, Owner"]


@pytest.mark.parametrize(
    "html",
    [
        CARD,
        "<h1>Team</h1><h3>Greta Abernathy</h3>",
        "<h1>Team</h1><h3>Greta Abernathy</h3><p>Loves dogs and generators.</p>",
        "<h1>Team</h1><h3>Our Mission</h3><p>Manager</p>",
        "<h1>Team</h1><p>Owner</p><h3>Greta Abernathy</h3>",
        '<div class="team"></div>' + CARD,
        "<h1>Team</h1><div><h4>Rusty</h4><h5>Shop Dog</h5></div><div><h4>Project Manager</h4></div>",
        "<h1>Team</h1><div><h3>Greta Abernathy</h3><p>x</p></div><p>Owner</p>",
        "<h1>Team</h1><div><h3>Greta Abernathy</h3></div><div><h3>Manager</h3><p>We are hiring</p></div>",
        f"<h1>Team</h1><blockquote>{CARD}</blockquote>",
    ],
)
def test_people_who_are_not_are_not(html: str):
    assert values(html, "contact_person") == []


def test_on_a_page_about_the_team_no_mark_is_needed():
    assert values(CARD, "contact_person", "team") == ["Greta Abernathy, Owner"]


def test_addresses_in_cards_are_theirs():
    html = """<h1>Team</h1><h3>Greta Abernathy</h3><p>Owner</p><p>gab@acme.example</p>
    <h3>Hugo Ellery</h3><p>Estimator</p><h3>Ilse Corwin</h3><p>Manager</p><p>x</p><p>y</p><p>z</p>
    <p>office@acme.example</p><a href="mailto:hellery@acme.example">Mail Hugo</a>"""
    assert values(html, "contact_email") == ["hellery@acme.example", "gab@acme.example"]
    assert values(html, "company_email") == ["office@acme.example"]


def test_quotes_are_the_words_on_the_page():
    [fact] = [fact for fact in facts(f"<h1>Team</h1>{CARD}") if fact.field == "contact_person"]
    assert (fact.quote, fact.id, fact.confidence) == (
        "Greta Abernathy Owner",
        "contact_person.web_page.1",
        0.75,
    )


def test_people_are_bounded():
    letters = "abcdefghijklmnopqrstuvwxyz"
    cards = "".join(f"<h3>Greta {letter.upper()}bernathy</h3><p>Owner</p>" for letter in letters)
    assert len(values(f"<h1>Team</h1>{cards}", "contact_person")) == 20
