"""From a lead to the fields of a CRM record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sales_agent_dagster.crm.base import Fields, Value

FIELD_LENGTHS = {
    "company": 255,
    "phone": 32,
    "website": 1000,
    "linkedin": 1000,
    "street": 255,
    "city": 100,
    "state": 50,
    "zip": 20,
    "country": 100,
    "industry": 100,
    "contact_name": 128,
    "contact_title": 128,
    "email": 254,
    "tier": 20,
    "brands": 1000,
    "trades": 500,
    "next_step": 500,
}
"""Longest value per text field, characters: no CRM that sales teams use takes less."""

NUMBERS = ("score", "expansion_score")
LISTS = ("brands", "trades")
"""Comma-separated fields, cut at a whole item."""

_COLUMNS = {"company": "company_name", "linkedin": "linkedin_url"}
"""Fields whose column has another name."""


def record_of(lead: Mapping[str, Any]) -> dict[str, Value]:
    """The fields that a lead can fill, bounded in length; what is missing is left out, never empty.

    ``lead`` holds the columns named in ``FIELD_LENGTHS``, ``company_name`` and ``linkedin_url`` for
    ``company`` and ``linkedin``, and the numbers of ``NUMBERS``.
    """
    record: dict[str, Value] = {}
    for name, length in FIELD_LENGTHS.items():
        if value := bounded(name, lead[_COLUMNS.get(name, name)] or "", length):
            record[name] = value
    for name in NUMBERS:
        if lead[name] is not None:
            record[name] = float(lead[name])
    return record


def company_record(records: Iterable[Fields]) -> dict[str, Value]:
    """One record for all leads of a company: each field from the first lead that has it."""
    merged: dict[str, Value] = {}
    for record in records:
        merged = {**record, **merged}
    return merged


def bounded(name: str, text: str, length: int) -> str:
    """``text`` in one line, cut to ``length`` characters; lists lose whole items, not letters."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[:length]
    return cut.rpartition(",")[0] if name in LISTS and "," in cut else cut.rstrip()


CONTACT_FIELDS = ("contact_name", "contact_title", "email")
"""Fields of a lead that are about the person."""


def split_record(record: Fields) -> tuple[dict[str, Value], dict[str, Value]]:
    """A lead's record as its company and its contact; the contact is empty when nothing is known of it.

    The number goes to both: some CRMs keep numbers with people only.
    """
    company = {name: value for name, value in record.items() if name not in CONTACT_FIELDS}
    contact = {name: record[name] for name in (*CONTACT_FIELDS, "phone") if name in record}
    return company, contact
