"""Object types, their properties, and what a value must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sales_agent_dagster_tests.hubspot_server.replies import Invalid, NotFound, Refused

TYPES = {
    "contacts": ("contact", "0-1"),
    "companies": ("company", "0-2"),
    "deals": ("deal", "0-3"),
    "notes": ("note", "0-46"),
    "emails": ("email", "0-49"),
}
"""Plural name: the other names that paths accept."""

_NAMES = {name: plural for plural, names in TYPES.items() for name in (plural, *names)}
MODIFIED = {"contacts": "lastmodifieddate"}
"""Property of the last change, where it is not ``hs_lastmodifieddate``: a surprise of the real one."""

MAX_UNIQUE = 10
MAX_TEXT = 65_536
_LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "other",
)
_INDUSTRIES = (
    "CONSTRUCTION",
    "ELECTRICAL_ELECTRONIC_MANUFACTURING",
    "MACHINERY",
    "RENEWABLES_ENVIRONMENT",
    "UTILITIES",
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")


@dataclass
class Property:
    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    unique: bool = False
    defined: bool = True
    read_only: bool = False
    options: tuple[str, ...] = ()
    description: str = ""
    archived: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": option.title(), "value": option, "displayOrder": at, "hidden": False}
                for at, option in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": self.defined,
            "formField": False,
            "archived": self.archived,
            "modificationMetadata": {
                "archivable": not self.defined,
                "readOnlyDefinition": self.defined,
                "readOnlyValue": self.read_only,
            },
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }


def _standard(kind: str) -> list[Property]:
    modified = MODIFIED.get(kind, "hs_lastmodifieddate")
    created = "hs_createdate" if kind in ("notes", "emails") else "createdate"
    return [
        *(Property(name, name, "datetime", "date", read_only=True) for name in (modified, created)),
        *(Property(name, name, read_only=True) for name in ("hs_object_id", "hs_merged_object_ids")),
        Property("hubspot_owner_id", "Owner"),
    ]


def _text(*names: str) -> list[Property]:
    return [Property(name, name) for name in names]


def _chosen(name: str, *options: str) -> Property:
    return Property(name, name, "enumeration", "select", options=options)


def _flag(name: str, **parts: Any) -> Property:
    return Property(name, name, "bool", "booleancheckbox", options=("true", "false"), **parts)


def defaults() -> dict[str, dict[str, Property]]:
    """The properties that every account has, as far as the product meets them."""
    place = ("address", "city", "state", "zip", "country", "phone", "website")
    own = {
        "contacts": [
            *_text("email", "firstname", "lastname", "jobtitle", "mobilephone", "company", *place),
            _chosen("lifecyclestage", *_LIFECYCLE),
            _chosen("hs_lead_status", "NEW", "OPEN", "CONNECTED", "UNQUALIFIED", "BAD_TIMING"),
            _flag("hs_email_optout"),
            Property("hs_sales_email_last_replied", "Replied", "datetime", "date", read_only=True),
        ],
        "companies": [
            *_text("name", "domain", "description", "linkedin_company_page", *place),
            Property("numberofemployees", "Employees", "number", "number"),
            _chosen("industry", *_INDUSTRIES),
            _chosen("lifecyclestage", *_LIFECYCLE),
            _chosen("hs_lead_status", "NEW", "OPEN", "CONNECTED", "UNQUALIFIED", "BAD_TIMING"),
        ],
        "deals": [
            *_text("dealname", "dealstage", "pipeline"),
            Property("amount", "Amount", "number", "number"),
            Property("closedate", "Close date", "datetime", "date"),
            _flag("hs_is_closed_won", read_only=True),
            _flag("hs_is_closed", read_only=True),
        ],
        "notes": [*_text("hs_note_body"), Property("hs_timestamp", "At", "datetime", "date")],
        "emails": [
            *_text("hs_email_subject", "hs_email_text", "hs_email_html", "hs_email_headers"),
            Property("hs_timestamp", "At", "datetime", "date"),
            _chosen("hs_email_direction", "EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"),
            _chosen("hs_email_status", "SENT", "BOUNCED", "FAILED", "SCHEDULED", "SENDING"),
        ],
    }
    found: dict[str, dict[str, Property]] = {}
    for kind, (singular, _) in TYPES.items():
        group = singular if kind in ("notes", "emails") else f"{singular}information"
        parts = [replace(part, group=group) for part in [*own[kind], *_standard(kind)]]
        found[kind] = {part.name: part for part in parts}
    return found


ALWAYS_SHOWN = {
    "contacts": ("email", "firstname", "lastname", "createdate", "lastmodifieddate", "hs_object_id"),
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "deals": (
        "dealname",
        "amount",
        "closedate",
        "pipeline",
        "dealstage",
        "createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
    ),
    "notes": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
    "emails": ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
}
"""Returned when no properties are asked for; the dates and the id are returned with any."""


def plural_of(name: str) -> str:
    """The plural of an object type's name in a path.

    Raises:
        Refused: there is no such type.
    """
    if name.lower() not in _NAMES:
        raise Refused(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")
    return _NAMES[name.lower()]


def modified_name(kind: str) -> str:
    return MODIFIED.get(kind, "hs_lastmodifieddate")


@lru_cache(65_536)
def stamp(ms: int) -> str:
    """``2026-03-02T09:30:00.000Z``: millisecond precision, always Z."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def moment(value: str) -> int:
    """Epoch milliseconds of a value given as such or in ISO 8601."""
    if re.fullmatch(r"-?\d+", value):
        return int(value)
    found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


@dataclass
class Definitions:
    """All properties of an account."""

    kinds: dict[str, dict[str, Property]] = field(default_factory=defaults)

    def of(self, kind: str, name: str) -> Property | None:
        found = self.kinds[kind].get(name)
        return None if found is None or found.archived else found

    def unique_names(self, kind: str) -> list[str]:
        """Names of the properties by which a record can be addressed."""
        own = [part.name for part in self.kinds[kind].values() if part.unique and not part.archived]
        return ["email", *own] if kind == "contacts" else own

    def create(self, kind: str, given: Mapping[str, Any]) -> Property:
        name = str(given.get("name", ""))
        for needed in ("name", "label", "type", "fieldType", "groupName"):
            if not given.get(needed):
                raise Invalid(f"Invalid input JSON: required attributes are not set [{needed}]")
        if not _NAME.match(name):
            raise Invalid(
                f'Property name "{name}" is invalid: lower-case letters, digits and underscores only.'
            )
        if name in self.kinds[kind]:
            raise Refused(
                409,
                "OBJECT_ALREADY_EXISTS",
                f"A property named '{name}' already exists.",
                subCategory="PropertyDefinitionError.PROPERTY_EXISTS",
                context={"name": [name]},
            )
        unique = bool(given.get("hasUniqueValue"))
        if unique and sum(part.unique for part in self.kinds[kind].values()) >= MAX_UNIQUE:
            raise Invalid(f"Cannot have more than {MAX_UNIQUE} unique properties for an object type.")
        made = Property(
            name,
            str(given["label"]),
            str(given["type"]),
            str(given["fieldType"]),
            str(given["groupName"]),
            unique,
            defined=False,
            options=tuple(option["value"] for option in given.get("options") or ()),
            description=str(given.get("description") or ""),
        )
        self.kinds[kind][name] = made
        return made

    def archive(self, kind: str, name: str) -> None:
        found = self.of(kind, name)
        if found is None:
            raise NotFound(f"Property '{name}' does not exist.")
        del self.kinds[kind][name]

    def checked(self, kind: str, given: Mapping[str, Any]) -> dict[str, str | None]:
        """Values as they are stored: text, or None to clear.

        Raises:
            Invalid: naming every bad value, as HubSpot does, in one message and in ``errors``.
        """
        values: dict[str, str | None] = {}
        faults: list[dict[str, str]] = []
        for name, value in given.items():
            known = self.of(kind, name)
            if known is None:
                faults.append(_fault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
                continue
            if known.read_only:
                faults.append(
                    _fault(
                        name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.'
                    )
                )
                continue
            text = "" if value is None else _as_text(value)
            code = _wrong(known, text) if text else None
            if code:
                faults.append(_fault(name, code, f"{text[:60]!r} was not valid for {name} ({known.type})."))
                continue
            values[name] = _stored(known, text) if text else None
        if faults:
            told = ", ".join(
                f'{{"isValid":false,"message":"{fault["message"]}","error":"{fault["code"]}","name":"{fault["name"]}"}}'
                for fault in faults
            )
            errors = [
                {
                    "message": fault["message"],
                    "code": fault["code"],
                    "context": {"propertyName": [fault["name"]]},
                }
                for fault in faults
            ]
            raise Invalid(f"Property values were not valid: [{told}]", errors)
        return values


def _fault(name: str, code: str, message: str) -> dict[str, str]:
    return {"name": name, "code": code, "message": message.replace('"', "'")}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip()


def _wrong(known: Property, text: str) -> str | None:
    if len(text) > MAX_TEXT:
        return "PROPERTY_VALUE_TOO_LONG"
    if known.options and text not in known.options:
        return "INVALID_OPTION"
    if known.name == "email":
        return None if _EMAIL.match(text) else "INVALID_EMAIL"
    if known.type == "number":
        return None if re.fullmatch(r"-?\d+(\.\d+)?", text) else "INVALID_LONG"
    if known.type in ("date", "datetime"):
        try:
            moment(text)
        except ValueError:
            return "INVALID_DATE"
    return None


def _stored(known: Property, text: str) -> str:
    if known.name in ("email", "domain"):
        text = text.lower()
    if known.name == "domain":
        text = re.sub(r"^(https?://)?(www\.)?", "", text).partition("/")[0]
    if known.type == "number" and "." in text:
        text = text.rstrip("0").rstrip(".")
    if known.type == "datetime":
        text = stamp(moment(text))
    return text
