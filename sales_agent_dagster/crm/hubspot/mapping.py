"""Our fields and HubSpot's properties: names, texts of values, and records from answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sales_agent_dagster.crm.contract import Record, Value
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, FIELDS, FieldType, Kind
from sales_agent_dagster.crm.hubspot.notes import fields_of_html, html_of
from sales_agent_dagster.domain.shared_hosts import is_shared_host
from sales_agent_dagster.domain.values.web import read_website
from sales_agent_dagster.settings import HubSpotSettings

OBJECTS = {
    Kind.COMPANY: "companies",
    Kind.CONTACT: "contacts",
    Kind.NOTE: "notes",
    Kind.EMAIL_DRAFT: "notes",
    Kind.OPPORTUNITY: "deals",
}
TYPE_IDS = {Kind.COMPANY: "0-2", Kind.CONTACT: "0-1", Kind.OPPORTUNITY: "0-3"}
"""In the addresses of records."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MERGED = "hs_merged_object_ids"
REPLIED = "hs_sales_email_last_replied"
"""When a contact last replied to a sales e-mail."""

CREATED = "createdate"
CUSTOMER = "customer"
CLEARED = ""
"""What empties a property."""

_STANDARD = {
    Kind.COMPANY: {
        "company": "name",
        "phone": "phone",
        "website": "website",
        "linkedin": "linkedin_company_page",
        "street": "address",
        "city": "city",
        "state": "state",
        "zip": "zip",
        "country": "country",
        "status": "hs_lead_status",
        "owner": "hubspot_owner_id",
    },
    Kind.CONTACT: {
        "contact_title": "jobtitle",
        "email": "email",
        "phone": "phone",
        "email_opt_out": "hs_email_optout",
    },
    Kind.OPPORTUNITY: {"value": "amount"},
}
_OWN = {
    Kind.COMPANY: (
        "industry",
        "tier",
        "brands",
        "trades",
        "next_step",
        "score",
        "expansion_score",
        "sync_hash",
        "last_enriched_at",
        "source_run",
    )
}
"""Kept in properties that we create: HubSpot's own industry takes only values of its list."""

_DERIVED = {
    Kind.COMPANY: ("existing_customer",),
    Kind.CONTACT: ("contact_name",),
    Kind.NOTE: ("body",),
    Kind.EMAIL_DRAFT: ("body", "subject", "email"),
    Kind.OPPORTUNITY: ("status", "outcome", "currency", "closed_at"),
}
_ALSO_READ = {
    Kind.COMPANY: ("domain", "lifecyclestage", MERGED),
    Kind.CONTACT: ("firstname", "lastname", MERGED, REPLIED),
    Kind.NOTE: ("hs_note_body",),
    Kind.EMAIL_DRAFT: ("hs_note_body",),
    Kind.OPPORTUNITY: (
        "dealstage",
        "pipeline",
        "hs_is_closed",
        "hs_is_closed_won",
        "deal_currency_code",
        "closedate",
        MERGED,
    ),
}


def modified_property(kind: Kind) -> str:
    """Name of the property of the last change: contacts have another one than all else."""
    return "lastmodifieddate" if kind is Kind.CONTACT else "hs_lastmodifieddate"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What turns raw records into ours beside their properties.

    Attributes:
        portal, ui_host: of the account, for addresses.
        currency: of the account, ISO 4217.
        stages: labels of deal stages by id.
    """

    portal: str = ""
    ui_host: str = "app.hubspot.com"
    currency: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)


class FieldMap:
    """Names and values for one account's settings."""

    def __init__(self, settings: HubSpotSettings) -> None:
        self.key_property = f"{settings.property_prefix}{EXTERNAL_KEY}"
        """Property of the external key, with unique values, on companies, contacts and notes."""
        self.own: dict[Kind, dict[str, str]] = {
            kind: {name: f"{settings.property_prefix}{name}" for name in names}
            for kind, names in _OWN.items()
        }
        self.columns: dict[Kind, dict[str, str]] = {
            kind: {**_STANDARD.get(kind, {}), **self.own.get(kind, {})} for kind in OBJECTS
        }
        if settings.do_not_call_property:
            for kind in (Kind.COMPANY, Kind.CONTACT):
                self.columns[kind]["do_not_call"] = settings.do_not_call_property

    def fields_of(self, kind: Kind) -> frozenset[str]:
        """Our fields that HubSpot can hold."""
        return frozenset((*self.columns[kind], *_DERIVED.get(kind, ())))

    def wanted(self, kind: Kind) -> list[str]:
        """Properties to ask for: HubSpot returns no others."""
        key = [] if kind is Kind.OPPORTUNITY else [self.key_property]
        names = (*self.columns[kind].values(), *_ALSO_READ[kind], modified_property(kind))
        return list(dict.fromkeys([*names, *key]))

    def properties_of(self, kind: Kind, fields: Mapping[str, Value | None]) -> dict[str, str]:
        """Our fields as texts of HubSpot's properties; a cleared one is empty text.

        Raises:
            KeyError: HubSpot cannot hold the field.
        """
        if kind in (Kind.NOTE, Kind.EMAIL_DRAFT):
            return {"hs_note_body": html_of(kind, fields)}
        found: dict[str, str] = {}
        for name, value in fields.items():
            if name == "contact_name":
                found.update(_names_of(value))
                continue
            found[self.columns[kind][name]] = text_of(value)
            if name == "website" and kind is Kind.COMPANY:
                found.update(_domain_of(value))
        return found

    def record_of(
        self, kind: Kind, raw: Mapping[str, Any], around: Surroundings, company_id: str | None = None
    ) -> Record:
        """A record from an object of an answer."""
        properties: Mapping[str, str | None] = raw.get("properties") or {}
        held = {name: value for name, value in properties.items() if value not in (None, "")}
        fields = {
            name: value_of(kind, name, str(held[column]))
            for name, column in self.columns[kind].items()
            if column in held
        }
        fields.update(_derived(kind, held, around))
        if kind is Kind.COMPANY and "domain" in held:
            # People and HubSpot's own enrichment often know only the domain.
            fields.setdefault("website", str(held["domain"]))
        record_id, archived = str(raw["id"]), bool(raw.get("archived"))
        changed = held.get(modified_property(kind)) or raw.get("updatedAt")
        page = TYPE_IDS.get(kind)
        return Record(
            kind,
            record_id,
            fields,
            moment_of(str((raw.get("archivedAt") if archived else None) or changed)),
            external_key=held.get(self.key_property),
            company_id=company_id,
            archived=archived,
            absorbed=tuple(part for part in str(held.get(MERGED, "")).split(";") if part),
            url=f"https://{around.ui_host}/contacts/{around.portal}/record/{page}/{record_id}"
            if page and around.portal
            else None,
        )


def text_of(value: Value | None) -> str:
    """A value as HubSpot takes it: always text, numbers without exponent or needless zeros."""
    if value is None:
        return CLEARED
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return value


def moment_of(text: str) -> datetime:
    """A moment of an answer: ISO 8601 or milliseconds since 1970, UTC."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """As filters take moments; exact, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def value_of(kind: Kind, name: str, text: str) -> Value:
    """A property's text as the value of our field."""
    form = FIELDS[kind][name].type
    if form is FieldType.FLAG:
        return text.lower() == "true"
    if form is not FieldType.NUMBER:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _names_of(value: Value | None) -> dict[str, str]:
    first, _, last = " ".join(text_of(value).split()).rpartition(" ")
    return {"firstname": first, "lastname": last}


def _domain_of(website: Value | None) -> dict[str, str]:
    """HubSpot looks for companies by domain, and fills it from nothing that comes through the API."""
    found = read_website(text_of(website))
    if found.domain is None or found.host is None or is_shared_host(found.host):
        return {}
    return {"domain": found.domain}


def _derived(kind: Kind, held: Mapping[str, Any], around: Surroundings) -> dict[str, Value]:
    if kind is Kind.COMPANY:
        stage = held.get("lifecyclestage")
        return {"existing_customer": stage == CUSTOMER} if stage else {}
    if kind is Kind.CONTACT:
        name = " ".join(str(held[part]) for part in ("firstname", "lastname") if part in held)
        return {"contact_name": name} if name else {}
    if kind is Kind.OPPORTUNITY:
        return _deal(held, around)
    return fields_of_html(kind, str(held.get("hs_note_body", "")))


def _deal(held: Mapping[str, Any], around: Surroundings) -> dict[str, Value]:
    won, closed = held.get("hs_is_closed_won") == "true", held.get("hs_is_closed") == "true"
    stage = str(held.get("dealstage", ""))
    found: dict[str, Value | None] = {
        "outcome": "won" if won else "lost" if closed else "open",
        "status": around.stages.get(stage, stage),
        "currency": held.get("deal_currency_code") or around.currency,
        # Of an open deal it is only the day that somebody hopes for.
        "closed_at": held.get("closedate") if closed else None,
    }
    return {name: value for name, value in found.items() if value}
