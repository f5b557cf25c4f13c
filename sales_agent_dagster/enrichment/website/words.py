"""What a page says in words: ways to reach the company, where it works, what it does and sells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.domain.values.address import read_address
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.name import is_junk
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_linkedin
from sales_agent_dagster.domain.wording import affirmed, read_wording
from sales_agent_dagster.enrichment.website.brands import brand_claims
from sales_agent_dagster.enrichment.website.claims import Claim, claim
from sales_agent_dagster.enrichment.website.document import Document

LINKED = 0.85
"""Confidence of numbers and addresses that are links: written to be used."""

WRITTEN = 0.7
"""Of those that stand in the text."""

SAID = 0.75
"""Of what sentences and headings say."""

_PHONE = re.compile(r"(?<![\d.+(-])(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]{0,2}[2-9]\d\d[ .-]?\d{4}(?![\d-])")
_FAX = re.compile(r"fax\W{0,4}$", re.IGNORECASE)
_HIDDEN_AT = re.compile(r"\s*[\[({]\s*(?:at|@)\s*[\])}]\s*", re.IGNORECASE)
_HIDDEN_DOT = re.compile(r"\s*[\[({]\s*(?:dot|\.)\s*[\])}]\s*", re.IGNORECASE)
_FOUNDED = re.compile(
    r"\b(?:founded(?: in)?|established(?: in)?|est\.?(?: in)?|in business since|we (?:started|opened) in"
    r"|(?:founded|started|opened) (?:the|this|our|his|her) (?:company|business|firm) in"
    r"|(?:family|locally|veteran)[ -]owned(?: (?:and|&) operated)? since"
    r"|serving .{3,60} since)\s+((?:18|19|20)\d\d)\b",
    re.IGNORECASE,
)
_PLACE = r"[A-Z][\w.'\u2019-]*(?: [A-Z][\w.'\u2019-]*){0,3}"
_AREA = re.compile(
    rf"\b[Ss]erv(?:ing|es?) (?:(?:the|all of|greater) )?({_PLACE}(?:, (?:and )?{_PLACE}){{0,9}}"
    rf"(?:,? (?:and|&) {_PLACE})?)"
)
_LISTED = 60
"""Characters of an item in a list of services; what is longer is a sentence about something."""

_PLACE_END = re.compile(r",? [A-Z]{2},? \d{5}(?!\d)")
_STREET_START = re.compile(r"(?:^|[\u00b7\u2022|:;,(\u2013\u2014-] ?|\bat )(?=\d{1,6}[A-Z]? [A-Z0-9])")
_BEFORE_PLACE = 100
"""Characters of street and city before the state."""

_TECHNOLOGIES = {
    "wp-content": "WordPress", "wordpress": "WordPress", "wixstatic": "Wix", "wix.com": "Wix",
    "squarespace": "Squarespace", "weebly": "Weebly", "shopify": "Shopify", "webflow": "Webflow",
    "img1.wsimg.com": "GoDaddy Website Builder", "duda": "Duda", "hubspot": "HubSpot",
    "hs-scripts": "HubSpot",
    "googletagmanager": "Google Tag Manager", "google-analytics": "Google Analytics",
    "connect.facebook.net": "Meta Pixel", "callrail": "CallRail", "servicetitan": "ServiceTitan",
    "housecallpro": "Housecall Pro", "getjobber": "Jobber", "podium": "Podium", "birdeye": "Birdeye",
    "calendly": "Calendly", "scheduleengine": "Schedule Engine", "intercom": "Intercom", "tawk.to": "tawk.to",
    "drift.com": "Drift", "mailchimp": "Mailchimp", "salesforce": "Salesforce", "zoho": "Zoho",
}  # fmt: skip


def claims_of_words(document: Document, kind: str) -> list[Claim]:
    """Claims of a page's visible words and links; people are ``people_on``'s.

    Args:
        document: the page.
        kind: of the page, by ``links.telling_pages``: pages about services list them.
    """
    return [
        *_names(document),
        *_phones(document),
        *_emails(document),
        *_pages(document),
        *_addresses(document),
        *_sentences(document),
        *_work(document, kind),
        *brand_claims(document),
        *_technologies(document),
    ]


def _names(document: Document) -> Iterator[Claim]:
    name = document.site_name
    if name and not is_junk(name):
        yield claim("company_name", name, SAID, name)
    if len(document.description) > 20 and not is_junk(document.description):
        yield claim("description", document.description, SAID, document.description)


def _phones(document: Document) -> Iterator[Claim]:
    for link in document.links:
        if link.href.casefold().startswith("tel:"):
            phone = read_phones(unquote(link.href[4:])).phone
            if phone:
                yield claim("company_phone", phone, LINKED, link.text or link.href)
    for line in document.lines:
        for match in _PHONE.finditer(line):
            phone = None if _FAX.search(line[: match.start()]) else read_phones(match[0]).phone
            if phone:
                yield claim("company_phone", phone, WRITTEN, line)


def _emails(document: Document) -> Iterator[Claim]:
    for link in document.links:
        if link.href.casefold().startswith("mailto:"):
            email = first_email(unquote(link.href[7:]).partition("?")[0]).email
            if email:
                yield claim("company_email", email, LINKED, link.text if "@" in link.text else link.href)
    for line in (*document.lines, *document.blocks):
        plain = line
        if _HIDDEN_AT.search(line):
            plain = _HIDDEN_DOT.sub(".", _HIDDEN_AT.sub("@", line))
        if "@" in plain and (email := first_email(plain).email):
            yield claim("company_email", email, WRITTEN, line)


def _pages(document: Document) -> Iterator[Claim]:
    for link in document.links:
        linkedin = read_linkedin(link.href)
        if linkedin and "/company/" in linkedin:
            yield claim("company_linkedin", linkedin, LINKED, link.href)


def _addresses(document: Document) -> Iterator[Claim]:
    """Street, city, state and ZIP where they stand on one line."""
    for line in document.blocks:
        for end in _PLACE_END.finditer(line):
            before = line[max(0, end.start() - _BEFORE_PLACE) : end.start()]
            start = _STREET_START.search(before)
            if start:
                yield from _address(before[start.end() :] + end[0])


def _address(text: str) -> Iterator[Claim]:
    read = read_address("", "", "", "", "", text)
    if read.street and read.city and read.state and read.zip_code and not _doubted(read.repairs):
        yield claim("street_address", read.street, SAID, text)
        yield claim("region_city", read.city, SAID, text)
        yield claim("region_state", read.state, SAID, text)
        yield claim("postal_code", read.zip_code, SAID, text)


def _doubted(repairs: list[str]) -> bool:
    return any(repair.endswith(("_mismatch", "_invalid", "_unconfirmed")) for repair in repairs)


def _sentences(document: Document) -> Iterator[Claim]:
    for line in document.blocks:
        founded = _FOUNDED.search(line)
        if founded:
            yield claim("founded", founded[1], SAID, line)
        area = _AREA.search(line)
        if area:
            yield claim("service_area", area[1].rstrip(".'"), 0.6, line)


def _work(document: Document, kind: str) -> Iterator[Claim]:
    """Trades, kinds of customers and of service by the page's title, description, headings."""
    listed = (line for line in document.blocks if kind == "services" and len(line) < _LISTED)
    for line in dict.fromkeys((document.title, document.description, *document.headings, *listed)):
        said = affirmed(line) if line else ""
        for trade in trades_in(said):
            yield claim("trades", trade, SAID, line)
        wording = read_wording(said)
        if wording.commercial:
            yield claim("customers", "businesses", SAID, line)
        if wording.residential:
            yield claim("customers", "homes", SAID, line)
        for operation in wording.operations:
            yield claim("service", operation, SAID, line)


def _technologies(document: Document) -> Iterator[Claim]:
    for source in document.sources:
        for mark, name in _TECHNOLOGIES.items():
            if mark in source.casefold():
                yield claim("technologies", name, SAID, source)
