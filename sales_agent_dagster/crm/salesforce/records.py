"""Rows of Salesforce as our records, and our fields as columns to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.crm.record import Record, Value
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, NO_NAME, Layout, SObject

Row = Mapping[str, Any]
MAX_FIRST_NAME, MAX_LAST_NAME = 40, 80
DRAFT_SUBJECT = "E-mail draft: "
NOTE_SUBJECT = "Note"
_TO = "To: "


def records_of(layout: Layout, sobject: SObject, row: Row, url: str) -> Iterator[Record]:
    """All that a row is: a lead is a company and, if it names one, a person. ``url``: the instance's."""
    for kind in (Kind.COMPANY, Kind.CONTACT, Kind.OPPORTUNITY):
        if sobject in HOLDERS[kind]:
            record = record_of(layout, kind, sobject, row, url)
            if record is not None:
                yield record


def record_of(layout: Layout, kind: Kind, sobject: SObject, row: Row, url: str) -> Record | None:
    """The record of one kind; None for the person of a lead that names none."""
    merged = _survivor(kind, row)
    if (kind, sobject) == (Kind.CONTACT, SObject.LEAD) and not merged and not _is_person(layout, row):
        return None
    found = {}
    for name, columns in layout.sources(kind, sobject).items():
        value = _DERIVE.get((kind, name), _plain)(kind, name, row, columns)
        if value not in (None, "") and value is not False:  # A zero equals False, and is a value.
            found[name] = value
    key = None if kind is Kind.OPPORTUNITY else row.get(layout.key(kind, sobject))
    return Record(
        kind,
        row["Id"],
        found,
        moment_of(row["SystemModstamp"]),
        external_key=key,
        writer=row.get("LastModifiedById"),
        company_id=_company_of(kind, sobject, row),
        archived=bool(row.get("IsDeleted") or merged),
        merged_into=merged,
        url=f"{url}/{row['Id']}",
    )


def columns_of(
    layout: Layout, kind: Kind, sobject: SObject, fields: Mapping[str, Value | None]
) -> dict[str, Any]:
    """Columns to write; None clears.

    Raises:
        KeyError: there is no column for a field.
    """
    if kind in (Kind.NOTE, Kind.EMAIL_DRAFT):
        return _task_columns(kind, fields)
    written: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "contact_name":
            written["FirstName"], written["LastName"] = split_name(str(value or ""))
        else:
            written[layout.columns[kind, sobject][name]] = value
    return written


def split_name(name: str) -> tuple[str | None, str]:
    """First and last name. The last word is the last name, more of them where the first would be too long."""
    words = name.split()
    if not words:
        return None, NO_NAME
    cut = len(words) - 1
    while cut and len(" ".join(words[:cut])) > MAX_FIRST_NAME:
        cut -= 1
    return " ".join(words[:cut]) or None, " ".join(words[cut:])


def moment_of(text: str) -> datetime:
    """A time as the API writes it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _task_columns(kind: Kind, fields: Mapping[str, Value | None]) -> dict[str, Any]:
    body = str(fields.get("body") or "")
    if kind is Kind.NOTE:
        return {"Subject": NOTE_SUBJECT, "Status": "Completed", "Description": body}
    subject = f"{DRAFT_SUBJECT}{fields.get('subject') or ''}"[:255]
    text = f"{_TO}{fields.get('email') or ''}\n\n{body}"
    # A task is nothing that Salesforce sends; TaskSubtype Email would file it as one that was.
    return {"Subject": subject, "Status": "Not Started", "Description": text}


def _plain(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    value = row.get(columns[0])
    field = FIELDS[kind][name]
    if value is None or field.type is FieldType.FLAG:
        return bool(value) or None
    if field.type is FieldType.NUMBER:
        return float(value)
    if field.type is FieldType.MOMENT:
        return moment_of(value).isoformat()
    return str(value)


def _name(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    last = row.get("LastName")
    return " ".join(filter(None, (row.get("FirstName"), last if last != NO_NAME else None)))


def _place(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    text, code = columns
    return row.get(code) or row.get(text)


def _owner(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    return (row.get("Owner") or {}).get("Name")


def _customer(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    return str(row.get("Type") or "").startswith("Customer")


def _outcome(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    if row.get("IsWon"):
        return "won"
    return "lost" if row.get("IsClosed") else "open"


def _closed_at(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    if not row.get("IsClosed") or not row.get("CloseDate"):
        return None
    return datetime.fromisoformat(row["CloseDate"]).replace(tzinfo=UTC).isoformat()


def _draft_subject(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    return str(row.get("Subject") or "").removeprefix(DRAFT_SUBJECT)


def _draft_part(kind: Kind, name: str, row: Row, columns: tuple[str, ...]) -> Value | None:
    head, _, body = str(row.get("Description") or "").partition("\n\n")
    return head.removeprefix(_TO) if name == "email" else body


_DERIVE = {
    (Kind.CONTACT, "contact_name"): _name,
    (Kind.COMPANY, "state"): _place,
    (Kind.COMPANY, "country"): _place,
    (Kind.COMPANY, "owner"): _owner,
    (Kind.COMPANY, "existing_customer"): _customer,
    (Kind.OPPORTUNITY, "outcome"): _outcome,
    (Kind.OPPORTUNITY, "closed_at"): _closed_at,
    (Kind.EMAIL_DRAFT, "subject"): _draft_subject,
    (Kind.EMAIL_DRAFT, "body"): _draft_part,
    (Kind.EMAIL_DRAFT, "email"): _draft_part,
}


def _survivor(kind: Kind, row: Row) -> str | None:
    """What the record was merged into, or the lead converted to."""
    if row.get("IsConverted"):
        return row.get("ConvertedContactId" if kind is Kind.CONTACT else "ConvertedAccountId")
    return row.get("MasterRecordId")


def _company_of(kind: Kind, sobject: SObject, row: Row) -> str | None:
    if kind is Kind.COMPANY:
        return None
    if sobject is SObject.LEAD:
        return str(row["Id"])
    return row.get("AccountId") if sobject is not SObject.TASK else row.get("WhatId") or row.get("WhoId")


def _is_person(layout: Layout, row: Row) -> bool:
    return row.get("LastName") != NO_NAME or bool(row.get("Email") or row.get(layout.lead_contact_key))
