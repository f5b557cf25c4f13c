"""The fields that we exchange with a CRM, by our names: one catalogue for every vendor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sales_agent_dagster.crm.mapping import FIELD_LENGTHS


class Kind(StrEnum):
    """Kinds of records."""

    COMPANY = "company"
    CONTACT = "contact"
    NOTE = "note"
    EMAIL_DRAFT = "email_draft"
    OPPORTUNITY = "opportunity"


class FieldType(StrEnum):
    """How a field's values are written, compared and hashed (``canonical``)."""

    TEXT = "text"
    NAME = "name"
    NUMBER = "number"
    FLAG = "flag"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    LIST = "list"
    """Items separated by a comma and a space; their order says nothing."""
    MOMENT = "moment"
    """ISO 8601 with offset."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one kind of record.

    Attributes:
        label: what a CRM shows where the field has to be created.
        length: longest text, characters; None for other types.
        readable_only: the CRM's own: pulled, never pushed.
    """

    name: str
    type: FieldType
    label: str
    length: int | None = None
    readable_only: bool = False


def _texts(**fields: tuple[FieldType, str]) -> tuple[Field, ...]:
    return tuple(Field(name, kind, label, FIELD_LENGTHS[name]) for name, (kind, label) in fields.items())


EXTERNAL_KEY = "external_key"
"""Our id of the company or contact, kept in a field of the CRM: the vendor's column for it."""

_COMPANY = (
    *_texts(
        company=(FieldType.NAME, "Name"),
        phone=(FieldType.PHONE, "Phone"),
        website=(FieldType.URL, "Website"),
        linkedin=(FieldType.URL, "LinkedIn page"),
        street=(FieldType.TEXT, "Street"),
        city=(FieldType.TEXT, "City"),
        state=(FieldType.TEXT, "State"),
        zip=(FieldType.TEXT, "ZIP"),
        country=(FieldType.TEXT, "Country"),
        industry=(FieldType.TEXT, "Industry"),
        tier=(FieldType.TEXT, "Tier"),
        brands=(FieldType.LIST, "Brands"),
        trades=(FieldType.LIST, "Trades"),
        next_step=(FieldType.TEXT, "Next step"),
    ),
    Field("score", FieldType.NUMBER, "Lead score"),
    Field("expansion_score", FieldType.NUMBER, "Expansion score"),
    Field("sync_hash", FieldType.TEXT, "Sync hash", 64),
    Field("last_enriched_at", FieldType.MOMENT, "Last enriched at", 40),
    Field("source_run", FieldType.TEXT, "Source run", 64),
    Field("status", FieldType.TEXT, "Status", 100, readable_only=True),
    Field("owner", FieldType.TEXT, "Owner", 100, readable_only=True),
    Field("do_not_call", FieldType.FLAG, "Do not call", readable_only=True),
    Field("existing_customer", FieldType.FLAG, "Existing customer", readable_only=True),
)
_CONTACT = (
    *_texts(
        contact_name=(FieldType.NAME, "Name"),
        contact_title=(FieldType.TEXT, "Title"),
        email=(FieldType.EMAIL, "E-mail"),
        phone=(FieldType.PHONE, "Phone"),
    ),
    Field("email_opt_out", FieldType.FLAG, "E-mail opt-out", readable_only=True),
    Field("do_not_call", FieldType.FLAG, "Do not call", readable_only=True),
)
_NOTE = (Field("body", FieldType.TEXT, "Text", 30_000),)
_EMAIL_DRAFT = (
    Field("subject", FieldType.TEXT, "Subject", 255),
    Field("body", FieldType.TEXT, "Text", 30_000),
    Field("email", FieldType.EMAIL, "To", 254),
)
_OPPORTUNITY = (
    Field("status", FieldType.TEXT, "Status", 100, readable_only=True),
    Field("outcome", FieldType.TEXT, "open, won or lost", 10, readable_only=True),
    Field("value", FieldType.NUMBER, "Value in units of its currency", readable_only=True),
    Field("currency", FieldType.TEXT, "ISO 4217 code", 3, readable_only=True),
    Field("closed_at", FieldType.MOMENT, "When it was won or lost", 40, readable_only=True),
)

FIELDS: dict[Kind, dict[str, Field]] = {
    kind: {field.name: field for field in fields}
    for kind, fields in (
        (Kind.COMPANY, _COMPANY),
        (Kind.CONTACT, _CONTACT),
        (Kind.NOTE, _NOTE),
        (Kind.EMAIL_DRAFT, _EMAIL_DRAFT),
        (Kind.OPPORTUNITY, _OPPORTUNITY),
    )
}
"""Every field by kind and name. A connector exchanges those of them that ``Capabilities.fields`` names."""
