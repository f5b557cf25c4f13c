"""A lead's cells as comparable values: pure, versioned, the same for one lead and for a million."""

from __future__ import annotations

import re

from sales_agent_dagster.domain.us_places import STATES
from sales_agent_dagster.domain.values.address import split_whole
from sales_agent_dagster.domain.values.text import is_missing
from sales_agent_dagster.matching.address_keys import read_city, read_state, read_street, read_zip
from sales_agent_dagster.matching.lead import NormLead, RawLead
from sales_agent_dagster.matching.name_words import read_name
from sales_agent_dagster.matching.web_keys import (
    read_linkedin,
    read_mail,
    read_person,
    read_phone,
    read_site,
)

NORM_VERSION = "6"
"""Changes when the same cells may give other values or keys: stored leads of another version are redone."""

_LINE_END = re.compile(r"\s*[\r\n]+\s*")
_CITY_STATE = re.compile(r"([^,\d]+),\s*([A-Za-z][A-Za-z. ]+?)\.?\s*(\d{5})?(?:-\d{4})?\s*")
_ZIP = re.compile(r"\s*\d{5}(?:-\d{4})?\s*")
_TEN_DIGITS = re.compile(r"(?:\D*\d){10,11}\D*")


def normalise(raw: RawLead) -> NormLead:
    """Comparable values of one lead. Never raises; see ``NormLead``."""
    raw = rearranged(raw)
    name = read_name(raw.name)
    phone, second = read_phone(raw.phone)
    other, _ = read_phone(raw.phone_2)
    if not phone:
        phone, other = other, ""
    site, mail = read_site(raw.website), read_mail(raw.email)
    street = read_street(raw.street)
    return NormLead(
        raw.lead_id,
        *name,
        phone,
        second or ("" if other == phone else other),
        site.host or mail.host,
        site.page,
        mail.email,
        read_linkedin(raw.linkedin),
        read_person(raw.contact),
        *street,
        read_city(raw.city),
        read_state(raw.state),
        read_zip(raw.zip),
    )


def rearranged(raw: RawLead) -> RawLead:
    """Cells that stand in the wrong column or hold several fields, put where they belong."""
    if (
        is_website_odd(raw.website)
        or is_email_odd(raw.email)
        or is_phone_odd(raw.phone)
        or is_linkedin_odd(raw.linkedin)
    ):
        raw = _contact_cells(raw)
    if is_place_odd(raw.city) or is_state_odd(raw.state) or is_street_odd(raw.street):
        raw = _place_cells(raw)
    return raw


def is_website_odd(text: str) -> bool:
    """True when a website cell holds an e-mail address or a LinkedIn page."""
    return "@" in text or "linkedin.com" in text.lower()


def is_email_odd(text: str) -> bool:
    """True when an e-mail cell holds something else."""
    return bool(text) and "@" not in text


def is_phone_odd(text: str) -> bool:
    """True when a phone cell holds an e-mail address."""
    return "@" in text


def is_linkedin_odd(text: str) -> bool:
    """True when a LinkedIn cell holds another website."""
    return "." in text and "linkedin" not in text.lower()


def is_place_odd(text: str) -> bool:
    """True when a city cell holds a state or a ZIP."""
    return "," in text or _is_state(text) or any(map(str.isdigit, text))


def is_state_odd(text: str) -> bool:
    """True when a state cell ends in a state but begins with something else."""
    return len(text) > 2 and read_state(text) not in STATES


def is_street_odd(text: str) -> bool:
    """True when a street cell has several lines, or holds city and state."""
    several = "\n" in text or "\r" in text
    return several or (("," in text or text[-4:].isdigit()) and split_whole(text) is not None)


def _contact_cells(raw: RawLead) -> RawLead:
    if "@" in raw.website and "://" not in raw.website:
        raw = raw._replace(email=raw.email if "@" in raw.email else raw.website, website="")
    if "linkedin.com" in raw.website.lower():
        raw = raw._replace(linkedin=raw.linkedin or raw.website, website="")
    if raw.email and "@" not in raw.email and not is_missing(raw.email):
        if _TEN_DIGITS.fullmatch(raw.email):
            raw = raw._replace(phone_2=raw.phone_2 or raw.email, email="")
        elif "." in raw.email:
            raw = raw._replace(website=raw.website or raw.email, email="")
    if "@" in raw.phone:
        raw = raw._replace(email=raw.email or raw.phone, phone="")
    if raw.linkedin and "linkedin" not in raw.linkedin.lower() and "." in raw.linkedin:
        raw = raw._replace(website=raw.website or raw.linkedin, linkedin="")
    return raw


def _place_cells(raw: RawLead) -> RawLead:
    raw = raw._replace(street=_LINE_END.sub(", ", raw.street))
    whole = split_whole(raw.street) if not raw.city or not raw.zip else None
    if whole:
        street, city, state, zip_code = whole
        raw = raw._replace(
            street=street, city=raw.city or city, state=raw.state or state, zip=raw.zip or zip_code
        )
    if is_state_odd(raw.state) and raw.city:
        rest, _, last = raw.state.strip().rpartition(" ")
        if rest and _is_state(last):
            raw = raw._replace(city=f"{raw.city} {rest}", state=last)
    both = _CITY_STATE.fullmatch(raw.city)
    if both and read_state(both[2]) in STATES:
        raw = raw._replace(city=both[1], state=raw.state or both[2], zip=raw.zip or both[3] or "")
    if _ZIP.fullmatch(raw.city):
        swapped = raw.zip if raw.zip and not any(map(str.isdigit, raw.zip)) else ""
        return raw._replace(city=swapped, zip=raw.city)
    if _is_state(raw.city) and raw.state and read_state(raw.state) not in STATES:
        return raw._replace(city=raw.state, state=raw.city)
    return raw


def _is_state(text: str) -> bool:
    return len(text) == 2 and text.upper() in STATES
