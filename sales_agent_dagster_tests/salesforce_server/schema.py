"""Objects and fields of the organisation, and how they describe themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        kind: the API's name of the type.
        length: most characters of a text.
        refers: object whose id it holds, for references; ``name`` then ends in Id or __c.
        system: kept by the server, never written by clients.
        required: no record without it.
        values: picklist values; ``restricted`` ones refuse others.
    """

    name: str
    kind: str = "string"
    length: int = 255
    refers: tuple[str, ...] = ()
    system: bool = False
    required: bool = False
    external_id: bool = False
    unique: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def relationship(self) -> str | None:
        """Name under which the record it refers to is written and queried."""
        if not self.refers:
            return None
        return self.name[:-1] + "r" if self.custom else self.name.removesuffix("Id")

    def describe(self) -> dict[str, Any]:
        textual = self.kind in TEXTS
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "type": self.kind,
            "length": self.length if textual or self.refers else 0,
            "custom": self.custom,
            "createable": not self.system,
            "updateable": not self.system,
            "nillable": not self.required,
            "defaultedOnCreate": self.kind == "boolean",
            "externalId": self.external_id,
            "idLookup": self.external_id or self.kind in ("id", "email"),
            "unique": self.unique,
            "caseSensitive": False,
            "filterable": self.kind != "textarea",
            "sortable": self.kind != "textarea",
            "restrictedPicklist": self.restricted,
            "picklistValues": [
                {"value": value, "label": value, "active": True, "defaultValue": False}
                for value in self.values
            ],
            "referenceTo": list(self.refers),
            "relationshipName": self.relationship,
        }


TEXTS = ("string", "textarea", "phone", "url", "email", "picklist")


@dataclass
class SObject:
    """One object type; ``fields`` by lower-case name, for the API ignores case in names."""

    name: str
    prefix: str
    fields: dict[str, Field] = field(default_factory=dict)

    def field(self, name: str) -> Field | None:
        return self.fields.get(name.lower())

    def relation(self, name: str) -> Field | None:
        """The reference that a relationship name such as Account goes through."""
        return next(
            (one for one in self.fields.values() if (one.relationship or "").lower() == name.lower()), None
        )

    def add(self, *fields: Field) -> None:
        self.fields.update({one.name.lower(): one for one in fields})

    def change(self, name: str, **changes: Any) -> None:
        self.add(replace(self.fields[name.lower()], **changes))

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.name,
            "keyPrefix": self.prefix,
            "custom": self.name.endswith("__c"),
            "createable": True,
            "updateable": True,
            "queryable": True,
            "fields": [one.describe() for one in self.fields.values()],
        }


def _system(mergeable: bool) -> list[Field]:
    fields = [
        Field("Id", "id", 18, system=True),
        Field("IsDeleted", "boolean", system=True),
        Field("CreatedDate", "datetime", system=True),
        Field("CreatedById", "reference", 18, ("User",), system=True),
        Field("LastModifiedDate", "datetime", system=True),
        Field("LastModifiedById", "reference", 18, ("User",), system=True),
        Field("SystemModstamp", "datetime", system=True),
        Field("OwnerId", "reference", 18, ("User",)),
    ]
    return [*fields, Field("MasterRecordId", "reference", 18, system=True)] if mergeable else fields


def _address(prefix: str) -> list[Field]:
    lengths = {"City": 40, "State": 80, "PostalCode": 20, "Country": 80}
    street = Field(f"{prefix}Street", "textarea")
    return [street, *(Field(prefix + name, length=length) for name, length in lengths.items())]


def _person() -> list[Field]:
    return [
        Field("FirstName", length=40),
        Field("LastName", length=80, required=True),
        Field("Name", length=121, system=True),
        Field("Title", length=128),
        Field("Email", "email", 80),
        Field("Phone", "phone", 40),
        Field("MobilePhone", "phone", 40),
        Field("LeadSource", "picklist", 255, values=("Web", "Partner", "Other")),
        Field("Description", "textarea", 32000),
        Field("HasOptedOutOfEmail", "boolean"),
        Field("DoNotCall", "boolean"),
    ]


_INDUSTRIES = ("Agriculture", "Construction", "Energy", "Engineering", "Retail", "Technology", "Other")
_RATINGS = ("Hot", "Warm", "Cold")


STATES = {"OH": "Ohio", "TX": "Texas", "ON": "Ontario"}
COUNTRIES = {"US": "United States", "CA": "Canada"}
ADDRESSES = {"account": "Billing", "contact": "Mailing", "lead": ""}
"""Objects with an address, and how its fields begin."""


def add_place_codes(objects: dict[str, SObject]) -> None:
    """State and country picklists are switched on: each text gets a code."""
    for name, prefix in ADDRESSES.items():
        for part, codes in (("State", STATES), ("Country", COUNTRIES)):
            code = Field(f"{prefix}{part}Code", "picklist", 10, values=tuple(codes), restricted=True)
            objects[name].add(code)


def standard_objects() -> dict[str, SObject]:
    """A new organisation's objects, without custom fields, by lower-case name."""
    firm = [
        Field("Website", "url"),
        Field("Industry", "picklist", values=_INDUSTRIES),
        Field("Rating", "picklist", values=_RATINGS),
        Field("NumberOfEmployees", "int"),
        Field("AnnualRevenue", "currency"),
    ]
    converted = [
        Field("IsConverted", "boolean", system=True),
        Field("ConvertedDate", "date", system=True),
        Field("ConvertedAccountId", "reference", 18, ("Account",), system=True),
        Field("ConvertedContactId", "reference", 18, ("Contact",), system=True),
    ]
    statuses = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
    company = Field("Company", required=True)
    status = Field("Status", "picklist", values=statuses)
    task_statuses = ("Not Started", "In Progress", "Completed")
    made = [
        _sobject("Account", "001", True, [Field("Name", required=True), Field("Phone", "phone", 40), *firm,
                 Field("Type", "picklist", values=("Prospect", "Customer - Direct", "Customer - Channel")),
                 Field("Description", "textarea", 32000), *_address("Billing")]),
        _sobject("Contact", "003", True, [Field("AccountId", "reference", 18, ("Account",)), *_person(),
                 *_address("Mailing")]),
        _sobject("Lead", "00Q", True, [company, status, *_person(), *firm, *_address(""), *converted]),
        _sobject("Opportunity", "006", False, [
            Field("AccountId", "reference", 18, ("Account",)), Field("Name", length=120, required=True),
            Field("StageName", "picklist", required=True), Field("CloseDate", "date", required=True),
            Field("Amount", "currency"), Field("IsWon", "boolean", system=True),
            Field("IsClosed", "boolean", system=True)]),
        _sobject("Task", "00T", False, [
            Field("Subject"), Field("Description", "textarea", 32000), Field("ActivityDate", "date"),
            Field("Status", "picklist", values=task_statuses),
            Field("Priority", "picklist", values=("High", "Normal", "Low")),
            Field("TaskSubtype", "picklist", values=("Task", "Email", "Call"), restricted=True),
            Field("WhoId", "reference", 18, ("Contact", "Lead")),
            Field("WhatId", "reference", 18, ("Account", "Opportunity"))]),
        _sobject("Note", "002", False, [
            Field("Title", length=80, required=True), Field("Body", "textarea", 32000),
            Field("ParentId", "reference", 18, ("Account", "Contact", "Lead"), required=True)]),
        _sobject("EmailMessage", "02s", False, [
            Field("Incoming", "boolean"), Field("FromAddress", "email", 1000), Field("Subject", length=3000),
            Field("MessageDate", "datetime"), Field("TextBody", "textarea", 32000)]),
        _sobject("EmailMessageRelation", "0Cc", False, [
            Field("EmailMessageId", "reference", 18, ("EmailMessage",), required=True),
            Field("RelationId", "reference", 18, ("Contact", "Lead", "User")),
            Field("RelationType", "picklist", values=("FromAddress", "ToAddress"), restricted=True),
            Field("RelationAddress"),
            Field("RelationObjectType", "picklist", values=("Contact", "Lead", "User"))]),
        _sobject("User", "005", False, [
            Field("Username", required=True), Field("Name"), Field("Email", "email")]),
        _sobject("Organization", "00D", False, [Field("Name"), Field("IsSandbox", "boolean", system=True)]),
    ]  # fmt: skip
    return {one.name.lower(): one for one in made}


def _sobject(name: str, prefix: str, mergeable: bool, fields: Iterable[Field]) -> SObject:
    made = SObject(name, prefix)
    made.add(*_system(mergeable), *fields)
    return made
