"""Steps that read one field or a group of fields of a row; composed once per file for the columns it has.

A step takes the row's cells, the row being made and the list of repairs, and fills in its fields. Steps run
in the order in which they need each other: the address gives the phone's country, e-mail comes before
website, the website before the domain that notes state.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sales_agent_dagster.domain.headers import HeaderMap
from sales_agent_dagster.domain.oems import parse_brands
from sales_agent_dagster.domain.row_cells import (
    MAX_TEXT,
    Cells,
    Columns,
    Fields,
    Row,
    Step,
    cut,
    first_of,
    line,
)
from sales_agent_dagster.domain.row_facts import (
    NUMBERS,
    capability_step,
    number_step,
    size_step,
    status_step,
    tier_step,
)
from sales_agent_dagster.domain.values.address import Address, read_address
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.notes import Notes, parse_notes
from sales_agent_dagster.domain.values.number import without_point_zero
from sales_agent_dagster.domain.values.person import read_person
from sales_agent_dagster.domain.values.phone import read_phones, region_of
from sales_agent_dagster.domain.values.text import is_missing
from sales_agent_dagster.domain.values.web import (
    host_without_www,
    is_linkedin,
    read_linkedin,
    read_website,
)

_NO_NOTES = Notes()


def steps_of(header: HeaderMap) -> list[tuple[Columns, Step]]:
    """The steps for a file's columns, in order, each with the columns of which one must hold something."""
    fields, found = header.fields, []

    def add(step: Step, *names: str) -> None:
        columns = tuple(column for name in names for column in fields.get(name, ()))
        if columns:
            found.append((columns, step))

    for name in ("industry", "contact_title", "dealer_tier", "external_id"):
        add(_text_step(name, fields.get(name, ())), name)
    for name in NUMBERS:
        add(number_step(name, fields.get(name, ())), name)
    add(size_step(fields), "company_size", "employee_count")
    add(_person_step(fields), *_PERSON)
    if header.places:
        columns = tuple(column for place in header.places for part in place.values() for column in part)
        found.append((columns, _address_step(header.places)))
    add(_phone_step(fields.get("phone", ())), "phone")
    add(_email_step(fields.get("email", ())), "email")
    add(_linkedin_step(fields.get("linkedin_url", ())), "linkedin_url")
    add(_website_step(fields.get("website", ())), "website")
    add(tier_step(fields.get("source_icp_tier", ())), "source_icp_tier")
    add(_notes_step(fields), "notes", "domain", "oems")
    add(status_step(fields), "do_not_contact", "existing_customer", "status")
    if header.capabilities:
        found.append((tuple(header.capabilities), capability_step(header.capabilities)))
    return found


def _text_step(name: str, columns: Columns) -> Step:
    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        text = first_of(cells, columns)
        if text:
            row[name] = line(without_point_zero(text), MAX_TEXT, repairs)

    return step


_PERSON = ("contact_name", "contact_first_name", "contact_last_name")


def _person_step(fields: Fields) -> Step:
    full: Columns = fields.get("contact_name", ())
    first: Columns = fields.get("contact_first_name", ())
    last: Columns = fields.get("contact_last_name", ())

    def joined(cells: Cells, some: Columns) -> str:
        return next((cells[column] for column in some if cells[column]), "")

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        texts = (cut(joined(cells, some), MAX_TEXT, repairs) for some in (full, first, last))
        person = read_person(*texts)
        row["contact_name"], row["contact_first_name"], row["contact_last_name"] = person[:3]
        repairs.extend(person.repairs)

    return step


def _address_step(places: Sequence[Fields]) -> Step:
    parts = ("street", "city", "state", "zip", "country", "whole", "street_2")
    groups = [tuple(place.get(part, ()) for part in parts) for place in places]

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        for group in groups:
            texts = [first_of(cells, columns)[:1000] for columns in group]
            if any(texts):
                *main, more = texts
                main[0] = ", ".join(filter(None, (main[0].replace("\n", ", "), more)))
                main[-1] = main[-1].replace("\n", ", ")
                _fill_address(read_address(*main), row, repairs)
                return

    return step


def _fill_address(address: Address, row: Row, repairs: list[str]) -> None:
    for name in ("street", "city", "country"):
        text = getattr(address, name)
        row[name] = cut(text, MAX_TEXT, repairs) if text else None
    row["state"], row["zip"], row["zip4"] = address.state, address.zip_code, address.zip4
    repairs.extend(address.repairs)


def _phone_step(columns: Columns) -> Step:
    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        region = region_of(row["country"]) if row["country"] else None
        for column in columns:
            if not cells[column]:
                continue
            phones = read_phones(cells[column], region)
            if phones.repairs:
                repairs.extend(phones.repairs)
            if row["phone"] is None:
                row["phone"], row["phone_ext"], row["phone_2"], row["phone_kind"] = phones[:4]
            elif row["phone_2"] is None and phones.phone != row["phone"]:
                row["phone_2"] = phones.phone

    return step


def _email_step(columns: Columns) -> Step:
    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        for column in columns:
            if cells[column] and row["email"] is None:
                row["email"], found = first_email(cells[column])
                repairs.extend(found)

    return step


def _linkedin_step(columns: Columns) -> Step:
    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        for column in columns:
            text = cells[column]
            if text and row["linkedin_url"] is None and not is_missing(text):
                row["linkedin_url"] = read_linkedin(text)
                if row["linkedin_url"] is None:
                    repairs.append("linkedin_invalid")

    return step


def _website_step(columns: Columns) -> Step:
    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        for column in columns:
            if cells[column] and row["website"] is None:
                use_website(cells[column], row, repairs)

    return step


def use_website(text: str, row: Row, repairs: list[str]) -> None:
    """Fill in the website, or what stands in its cell instead: an e-mail address, a LinkedIn page."""
    site = read_website(text)
    if site.host and not site.host.endswith("linkedin.com"):
        row["website"], row["website_host"], row["domain"], found = site
        repairs.extend(found)
    elif is_linkedin(text) and (page := read_linkedin(text)):
        row["linkedin_url"] = row["linkedin_url"] or page
        repairs.append("website_was_linkedin")
    elif "@" in text and (email := first_email(text).email):
        row["email"] = row["email"] or email
        repairs.append("email_from_website")
    elif site.host or site.repairs:
        repairs.append("website_invalid")


def _notes_step(fields: Fields) -> Step:
    """Notes, and what they may state too: score, tier, domain, brands. Columns win over notes."""
    columns: Columns = fields.get("notes", ())
    domains: Columns = fields.get("domain", ())
    brands: Columns = fields.get("oems", ())

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        text = first_of(cells, columns)
        notes = parse_notes(text) if text else _NO_NOTES
        row["notes"] = notes.rest
        if notes.score is not None:
            _use_score(notes, row, repairs)
        stated = first_of(cells, domains) or notes.domain
        if stated and stated != row["website_host"]:
            _use_domain(stated, row, repairs)
        texts = [cells[column] for column in brands if cells[column]]
        if notes.oems:
            texts.append(notes.oems)
        if texts:
            _use_brands(", ".join(texts), row, repairs)

    return step


def _use_score(notes: Notes, row: Row, repairs: list[str]) -> None:
    score = float(notes.score or "nan")
    repairs.append("notes_parsed")
    if not score <= 100:
        repairs.append("number_out_of_range")
    elif row["source_icp_score"] is None:
        row["source_icp_score"] = score
    row["source_icp_tier"] = row["source_icp_tier"] or notes.tier


def _use_domain(stated: str, row: Row, repairs: list[str]) -> None:
    """A website from the domain the row states, or a flag when it is not the website's."""
    if row["website"] is None:
        found: list[str] = []
        use_website(stated, row, found)
        repairs.extend(["website_from_domain"] if row["website"] else found)
        return
    host = host_without_www(stated.lower())
    if host not in (row["website_host"], row["domain"]) and read_website(stated).domain != row["domain"]:
        repairs.append("domain_disagrees")


def _use_brands(text: str, row: Row, repairs: list[str]) -> None:
    row["oems"], found = _brands(text)
    stated = row["oem_count"]
    if stated and found and stated != found:
        repairs.append("oem_count_disagrees")
    row["oem_count"] = found or stated


@lru_cache(maxsize=8192)
def _brands(text: str) -> tuple[str | None, int]:
    brands = parse_brands(text)
    return ", ".join(brands) or None, len(brands)
