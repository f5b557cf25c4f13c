"""The organisation's schema: what of our fields it has, and how a person creates what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from sales_agent_dagster.crm.contract import Description, EnsuredField, FieldState, RemoteField
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.salesforce.client import Client, Row
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, Custom, Layout, SObject

_PAGES = {SObject.TASK: "Activity"}
"""Custom fields of tasks are created on the set-up page of activities."""


def fields_of(layout: Layout) -> dict[Kind, frozenset[str]]:
    """By kind the fields that some object has a place for."""
    return {
        kind: frozenset(name for sobject in holders for name in layout.sources(kind, sobject))
        for kind, holders in HOLDERS.items()
    }


class Schema:
    """The schema of one organisation.

    Args:
        company_object: what new companies become; its lengths and choices are told.
    """

    def __init__(self, client: Client, layout: Layout, company_object: SObject) -> None:
        self._client = client
        self._layout = layout
        self._company_object = company_object

    def describe(self) -> Description:
        """Account, writer, fields and the day's quota."""
        organization = self._client.tokens.organization_id
        rows = self._client.rows("SELECT Name FROM Organization")
        name = str(rows[0].get("Name")) if rows else self._client.url
        calls = self._client.limits().get("DailyApiRequests", {})
        fields = [one for kind in HOLDERS for one in self._fields(kind)]
        limits = {"daily_api_requests": float(calls.get("Max", 0))}
        return Description(f"{name} ({organization})", self._client.tokens.user_id, fields, limits)

    def ensure(self) -> list[EnsuredField]:
        """Every custom field, with what a person has to do where it is not as it must be."""
        self._client.forget_fields()
        return [self._ensured(custom) for custom in self._layout.customs]

    def _fields(self, kind: Kind) -> Iterator[RemoteField]:
        preferred = self._company_object if kind is Kind.COMPANY else HOLDERS[kind][0]
        for name, field in FIELDS[kind].items():
            holders = sorted(HOLDERS[kind], key=lambda one: one is not preferred)
            columns = [
                (sobject, columns[0])
                for sobject in holders
                if (columns := self._layout.sources(kind, sobject).get(name))
            ]
            if not columns:
                continue
            sobject, column = columns[0]
            found = self._client.fields(sobject).get(column, {})
            there = self._client.has(sobject, column)
            choices = found.get("picklistValues", ()) if found.get("restrictedPicklist") else ()
            yield RemoteField(
                kind,
                name,
                column if there else None,
                field.type,
                writable=bool(found.get("updateable")) and not field.readable_only,
                choices=tuple(one["value"] for one in choices if one.get("active")),
                length=found.get("length") or None,
            )

    def _ensured(self, custom: Custom) -> EnsuredField:
        found = self._client.fields(custom.sobject).get(custom.column)
        fault = _fault(custom, found)
        if fault is None:
            return EnsuredField(custom.kind, custom.name, FieldState.PRESENT)
        return EnsuredField(custom.kind, custom.name, FieldState.MISSING, fault)


def _fault(custom: Custom, found: Row | None) -> str | None:
    page = _PAGES.get(custom.sobject, custom.sobject)
    place = f"Setup, Object Manager, {page}, Fields & Relationships"
    bare = custom.column.removesuffix("__c")
    if found is None:
        return (
            f"{place}, New: {custom.setup}. Label {bare.replace('_', ' ')}, name {bare}. Then let the "
            "integration's user see and edit it (field-level security). If it is there already, only the "
            "last step is missing."
        )
    if custom.key and not (found.get("externalId") and found.get("unique")):
        return f"{place}, {bare}, Edit: it must be an External ID and Unique."
    if not found.get("updateable"):
        return f"{place}, {bare}, Set Field-Level Security: the integration's user must be able to edit it."
    return None
