"""Which object and field of Salesforce holds which of our fields.

A lead is a company and a person in one record, so one Lead is a record of both kinds, under one id. Ids tell
their object by their first three characters: whatever was linked is written where it is, whatever the mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.crm.salesforce.places import PLACES, code_column
from sales_agent_dagster.settings import SalesforceSettings


class SObject(StrEnum):
    """Objects that we read or write."""

    ACCOUNT = "Account"
    CONTACT = "Contact"
    LEAD = "Lead"
    TASK = "Task"
    OPPORTUNITY = "Opportunity"
    EMAIL_RELATION = "EmailMessageRelation"


PREFIXES = {
    "001": SObject.ACCOUNT,
    "003": SObject.CONTACT,
    "00Q": SObject.LEAD,
    "00T": SObject.TASK,
    "006": SObject.OPPORTUNITY,
}
"""First characters of ids; the same in every organisation."""

HOLDERS = {
    Kind.COMPANY: (SObject.ACCOUNT, SObject.LEAD),
    Kind.CONTACT: (SObject.CONTACT, SObject.LEAD),
    Kind.NOTE: (SObject.TASK,),
    Kind.EMAIL_DRAFT: (SObject.TASK,),
    Kind.OPPORTUNITY: (SObject.OPPORTUNITY,),
}
"""Objects that hold records of a kind."""

_MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
NO_NAME = "[not provided]"
"""Last name of a lead without a person and of a contact without a name.

Salesforce asks for one, and people write this.
"""

_ADDRESS = {"street": "Street", "city": "City", "state": "State", "zip": "PostalCode", "country": "Country"}
_STANDARD = {
    (Kind.COMPANY, SObject.ACCOUNT): {
        "company": "Name",
        "phone": "Phone",
        "website": "Website",
        "industry": "Industry",
        **{name: f"Billing{column}" for name, column in _ADDRESS.items()},
    },
    (Kind.COMPANY, SObject.LEAD): {
        "company": "Company",
        "phone": "Phone",
        "website": "Website",
        "industry": "Industry",
        **_ADDRESS,
        "status": "Status",
        "do_not_call": "DoNotCall",
    },
    (Kind.CONTACT, SObject.CONTACT): {
        "contact_title": "Title",
        "email": "Email",
        "phone": "Phone",
        "email_opt_out": "HasOptedOutOfEmail",
        "do_not_call": "DoNotCall",
    },
    # The lead's own Phone is the company's.
    (Kind.CONTACT, SObject.LEAD): {
        "contact_title": "Title",
        "email": "Email",
        "phone": "MobilePhone",
        "email_opt_out": "HasOptedOutOfEmail",
        "do_not_call": "DoNotCall",
    },
    (Kind.NOTE, SObject.TASK): {"body": "Description"},
    (Kind.EMAIL_DRAFT, SObject.TASK): {},
    (Kind.OPPORTUNITY, SObject.OPPORTUNITY): {"status": "StageName", "value": "Amount"},
}
_DERIVED: dict[tuple[Kind, SObject], dict[str, tuple[str, ...]]] = {
    (Kind.COMPANY, SObject.ACCOUNT): {"owner": ("Owner.Name",), "existing_customer": ("Type",)},
    (Kind.COMPANY, SObject.LEAD): {"owner": ("Owner.Name",)},
    (Kind.CONTACT, SObject.CONTACT): {"contact_name": ("FirstName", "LastName")},
    (Kind.CONTACT, SObject.LEAD): {"contact_name": ("FirstName", "LastName")},
    (Kind.EMAIL_DRAFT, SObject.TASK): {
        "subject": ("Subject",),
        "body": ("Description",),
        "email": ("Description",),
    },
    (Kind.OPPORTUNITY, SObject.OPPORTUNITY): {
        "outcome": ("IsWon", "IsClosed"),
        "currency": ("CurrencyIsoCode",),
        "closed_at": ("CloseDate", "IsClosed"),
    },
}
"""Our fields that are made from columns by a rule of ``records``."""

_SYSTEM = ("Id", "IsDeleted", "SystemModstamp", "LastModifiedById")
_ALSO = {
    SObject.ACCOUNT: ("MasterRecordId",),
    SObject.CONTACT: ("MasterRecordId", "AccountId"),
    SObject.LEAD: ("MasterRecordId", "IsConverted", "ConvertedAccountId", "ConvertedContactId"),
    SObject.TASK: ("WhoId", "WhatId"),
    SObject.OPPORTUNITY: ("AccountId",),
}


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom field that people create.

    Attributes:
        column: its API name.
        setup: type and options, as the set-up pages name them.
        key: it must be an external id and unique.
    """

    kind: Kind
    name: str
    sobject: SObject
    column: str
    setup: str
    key: bool = False


class Layout:
    """Columns for one organisation's settings."""

    def __init__(self, settings: SalesforceSettings) -> None:
        self._prefix = settings.field_prefix
        self.company_key = f"{self._prefix}Key__c"
        self.lead_contact_key = f"{self._prefix}Contact_Key__c"
        self.customs = tuple(self._keys()) + tuple(self._customs())
        self.columns: dict[tuple[Kind, SObject], dict[str, str]] = {
            held: dict(columns) for held, columns in _STANDARD.items()
        }
        for custom in self.customs:
            if not custom.key:
                self.columns[custom.kind, custom.sobject][custom.name] = custom.column

    def key(self, kind: Kind, sobject: SObject) -> str:
        """The column of our external key."""
        return self.lead_contact_key if (kind, sobject) == (Kind.CONTACT, SObject.LEAD) else self.company_key

    def sources(self, kind: Kind, sobject: SObject) -> dict[str, tuple[str, ...]]:
        """Per field of ours the columns that it is read from."""
        plain = {
            name: (column, code_column(column)) if name in PLACES else (column,)
            for name, column in self.columns[kind, sobject].items()
        }
        return {**plain, **_DERIVED.get((kind, sobject), {})}

    def selected(self, sobject: SObject) -> list[str]:
        """All columns to read of an object, for every kind that it holds."""
        names = dict.fromkeys([*_SYSTEM, *_ALSO[sobject]])
        for kind, holders in HOLDERS.items():
            if sobject in holders:
                if kind is not Kind.OPPORTUNITY:
                    names[self.key(kind, sobject)] = None
                for columns in self.sources(kind, sobject).values():
                    names.update(dict.fromkeys(columns))
        return list(names)

    def _keys(self) -> list[Custom]:
        made = []
        for kind, sobject in (
            (Kind.COMPANY, SObject.ACCOUNT),
            (Kind.COMPANY, SObject.LEAD),
            (Kind.CONTACT, SObject.CONTACT),
            (Kind.CONTACT, SObject.LEAD),
            (Kind.NOTE, SObject.TASK),
        ):
            setup = "Text, length 100, External ID, Unique (case-insensitive)"
            made.append(Custom(kind, "external_key", sobject, self.key(kind, sobject), setup, key=True))
        return made

    def _customs(self) -> list[Custom]:
        made = []
        for sobject in HOLDERS[Kind.COMPANY]:
            for name, field in FIELDS[Kind.COMPANY].items():
                standard = name in _STANDARD[Kind.COMPANY, sobject] or name in _DERIVED[Kind.COMPANY, sobject]
                if standard or field.readable_only:
                    continue
                column = f"{self._prefix}{name.title()}__c"
                made.append(Custom(Kind.COMPANY, name, sobject, column, _setup(field.type, field.length)))
        return made


def _setup(kind: FieldType, length: int | None) -> str:
    if kind is FieldType.NUMBER:
        return "Number, length 12, decimal places 6"
    if kind is FieldType.MOMENT:
        return "Date/Time"
    if kind is FieldType.URL:
        return "URL"
    most = length or 255
    return f"Text, length {most}" if most <= 255 else f"Text Area (Long), length {most}"


def sobject_of(remote_id: str) -> SObject | None:
    """The object of an id; None when it is none of ours."""
    return PREFIXES.get(remote_id[:3])


def full_id(remote_id: str) -> str:
    """The 18-character form of an id: the 15 characters tell some ids apart by case alone.

    Each of the last three characters tells which of five are upper case, the first one as the lowest bit.
    """
    if len(remote_id) != 15:
        return remote_id
    parts = (remote_id[at : at + 5] for at in (0, 5, 10))
    marks = (sum(char.isupper() << bit for bit, char in enumerate(part)) for part in parts)
    return remote_id + "".join(_MARKS[mark] for mark in marks)
