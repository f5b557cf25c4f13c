"""What a page's structured data says (JSON-LD with the vocabulary of schema.org).

It is written for machines and mostly by site builders, so it is surer than words. It is data from outside
all the same: every value is read like a cell of a lead list, and what does not read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.domain.values.address import read_address
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.name import is_junk
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.text import clean_cell, decode_entities, one_line
from sales_agent_dagster.domain.values.web import read_linkedin
from sales_agent_dagster.enrichment.website.claims import Claim, claim
from sales_agent_dagster.enrichment.website.people import is_person, title_of

CONFIDENCE = 0.9
"""Of what structured data says of the company; of persons a little less."""

PERSON_CONFIDENCE = 0.85
MIN_DESCRIPTION = 20
MAX_VALUE = 500

# Subtypes of schema.org's LocalBusiness and Organization that contractors use.
_COMPANY_TYPES = re.compile(
    r"(?:Local|HomeAndConstruction|HVAC|Professional)Business|Organization|Corporation|Electrician|Plumber"
    r"|HVACBusiness|RoofingContractor|GeneralContractor|ProfessionalService|Store|HardwareStore|Locksmith"
    r"|HousePainter|MovingCompany|AutoRepair|EmergencyService"
)
_TYPE_TRADES = {"Electrician": "electrical", "Plumber": "plumbing", "HVACBusiness": "hvac"} | {
    "RoofingContractor": "roofing"
}
_DAYS = frozenset({"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"})
_OPENING = re.compile(r"(?:(?:Mo|Tu|We|Th|Fr|Sa|Su)[,\- ]*)+\s*\d{1,2}:\d\d\s*-\s*\d{1,2}:\d\d")
_TIME = re.compile(r"\d{1,2}:\d\d")
_YEAR = re.compile(r"(1[89]\d\d|20\d\d)(?!\d)")
_TAG = re.compile(r"<[^>]*>")


def claims_of_data(data: Iterable[tuple[str, dict[str, Any]]]) -> list[Claim]:
    """Claims of a page's structured objects, each given with the key it is under."""
    found: list[Claim] = []
    for key, item in data:
        types = _types(item)
        if any(map(_COMPANY_TYPES.fullmatch, types)) and key not in ("worksFor", "brand", "memberOf"):
            found += _company(item, types)
        elif "Person" in types or key in ("founder", "founders", "employee", "employees"):
            found += _person(item)
    return found


def _types(item: dict[str, Any]) -> list[str]:
    given = item.get("@type")
    named = given if isinstance(given, list) else [given]
    return [name.rpartition("/")[2] for name in named if isinstance(name, str)]


def _company(item: dict[str, Any], types: list[str]) -> Iterator[Claim]:
    name, description = _text(item, "name"), _text(item, "description")
    year = _YEAR.match(_text(item, "foundingDate"))
    said = {
        ("company_name", "name"): "" if is_junk(name) else name,
        ("description", "description"): description if len(description) > MIN_DESCRIPTION else "",
        ("opening_hours", "openingHours"): _written_hours(item.get("openingHours")),
        ("opening_hours", "openingHoursSpecification"): _hours(item.get("openingHoursSpecification")),
        ("service_area", "areaServed"): ", ".join(_names(item.get("areaServed"))),
        ("service_area", "serviceArea"): ", ".join(_names(item.get("serviceArea"))),
        ("founded", "foundingDate"): year[1] if year else "",
        ("employees", "numberOfEmployees"): _employees(item.get("numberOfEmployees")),
    }
    for (field, key), value in said.items():
        if value:
            yield claim(field, value[:MAX_VALUE], CONFIDENCE, _quote(item, key))
    yield from _reached(item, "company", CONFIDENCE)
    yield from _address(item)
    yield from _trades(item, types)
    for page in _strings(item.get("sameAs")):
        if (linkedin := read_linkedin(page)) and "/company/" in linkedin:
            yield claim("company_linkedin", linkedin, CONFIDENCE, page)


def _trades(item: dict[str, Any], types: list[str]) -> Iterator[Claim]:
    for kind in types:
        if kind in _TYPE_TRADES:
            yield claim("trades", _TYPE_TRADES[kind], CONFIDENCE, _quote(item, "@type"))
    for words in (*_names(item.get("makesOffer")), *_names(item.get("knowsAbout"))):
        for trade in trades_in(words):
            yield claim("trades", trade, CONFIDENCE, words)


def _reached(item: dict[str, Any], whose: str, confidence: float) -> Iterator[Claim]:
    points = item.get("contactPoint")
    for place in (item, *(points if isinstance(points, list) else [points])):
        if not isinstance(place, dict):
            continue
        phone = read_phones(_text(place, "telephone")).phone
        if phone:
            yield claim(f"{whose}_phone", phone, confidence, _quote(place, "telephone"))
        email = first_email(_text(place, "email")).email
        if email:
            yield claim(f"{whose}_email", email, confidence, _quote(place, "email"))


def _address(item: dict[str, Any]) -> Iterator[Claim]:
    given = item.get("address")
    places = given if isinstance(given, list) else [given]
    # Of several branches none is the company's.
    if len(places) != 1:
        return
    [place] = places
    quote = _quote(item, "address")
    if isinstance(place, str):
        read = read_address("", "", "", "", "", one_line(clean_cell(place)))
    elif isinstance(place, dict):
        read = read_address(
            _text(place, "streetAddress"),
            _text(place, "addressLocality"),
            _text(place, "addressRegion"),
            _text(place, "postalCode"),
            _text(place, "addressCountry"),
        )
    else:
        return
    fields = {
        "street_address": read.street,
        "region_city": read.city,
        "region_state": read.state,
        "postal_code": read.zip_code,
    }
    for field, value in fields.items():
        if value:
            yield claim(field, value, CONFIDENCE, quote)


def _person(item: dict[str, Any]) -> Iterator[Claim]:
    name = _text(item, "name") or f"{_text(item, 'givenName')} {_text(item, 'familyName')}".strip()
    if not is_person(name):
        return
    title = title_of(_text(item, "jobTitle"))
    value = f"{name}, {title}" if title else name
    yield claim("contact_person", value, PERSON_CONFIDENCE, _quote(item, "name") or name)
    yield from _reached(item, "contact", PERSON_CONFIDENCE)
    for page in _strings(item.get("sameAs")):
        if (linkedin := read_linkedin(page)) and "/in/" in linkedin:
            yield claim("contact_linkedin", linkedin, PERSON_CONFIDENCE, page)


def _written_hours(given: Any) -> str:
    return "; ".join(text for text in _strings(given) if _OPENING.search(text))


def _hours(given: Any) -> str:
    """``Mo,Tu 08:00-17:00; Sa 09:00-12:00``, as the other way to say it is written."""
    shown = []
    for entry in given if isinstance(given, list) else [given]:
        if not isinstance(entry, dict):
            continue
        named = (text.rpartition("/")[2] for text in _strings(entry.get("dayOfWeek")))
        days = [day[:2] for day in named if day in _DAYS]
        opens, closes = (_TIME.match(_text(entry, key)) for key in ("opens", "closes"))
        if days and opens and closes:
            shown.append(f"{','.join(days)} {opens[0]}-{closes[0]}")
    return "; ".join(shown)


def _employees(given: Any) -> str:
    if isinstance(given, dict):
        low, high = given.get("minValue"), given.get("maxValue")
        given = f"{low}-{high}" if low and high else given.get("value")
    text = str(given) if isinstance(given, int | str) else ""
    return text if re.fullmatch(r"\d{1,6}(?:-\d{1,6})?", text) else ""


def _names(given: Any) -> list[str]:
    """Names of things given as text or as objects with a name."""
    found = []
    for entry in given if isinstance(given, list) else [given]:
        name = entry.get("name") if isinstance(entry, dict) else entry
        if isinstance(entry, dict) and isinstance(entry.get("itemOffered"), dict):
            name = entry["itemOffered"].get("name")
        if isinstance(name, str) and (plain := _plain(name)):
            found.append(plain)
    return list(dict.fromkeys(found))[:20]


def _strings(given: Any) -> list[str]:
    return [text for text in (given if isinstance(given, list) else [given]) if isinstance(text, str)]


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    if isinstance(value, list) and value:
        value = value[0]
    return _plain(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _plain(text: str) -> str:
    return one_line(_TAG.sub(" ", decode_entities(clean_cell(text[:2000]))))[:500]


def _quote(item: dict[str, Any], key: str) -> str:
    """The property as it is written."""
    value = item.get(key)
    return f'"{key}": {orjson.dumps(value).decode()}' if value is not None else ""
