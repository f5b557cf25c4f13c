"""The organisation's schema: what of our fields it has, and how a person creates what is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from sales_agent_dagster.crm.contract import Description, EnsuredField, FieldState, RemoteField
from sales_agent_dagster.crm.errors import InvalidRequest, PermissionRefused
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.salesforce.client import Client, Row
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, Custom, Layout, SObject

_LOG = logging.getLogger(__name__)
_PAGES = {SObject.TASK: "Activity"}
"""Custom fields of tasks are created on the set-up page of activities."""

_SECURITY = "Set Field-Level Security"
_NOT_EVERYWHERE = frozenset({"CurrencyIsoCode"})
"""Standard fields that are only where something is switched on, and that nobody misses."""


class Held(Mapping[Kind, frozenset[str]]):
    """By kind the fields that the organisation has a place for; asks for its objects when first looked at.

    A field to write is one that the integration's user may see and edit in what new records become: others
    are left out of plans. None: the user may not see that object.
    """

    def __init__(self, client: Client, layout: Layout, company_object: SObject) -> None:
        self._client = client
        self._layout = layout
        self._company_object = company_object
        self._found: dict[Kind, frozenset[str]] = {}

    def __getitem__(self, kind: Kind) -> frozenset[str]:
        if kind not in self._found:
            self._found[kind] = self._of(kind)
        return self._found[kind]

    def __iter__(self) -> Iterator[Kind]:
        return iter(HOLDERS)

    def __len__(self) -> int:
        return len(HOLDERS)

    def _of(self, kind: Kind) -> frozenset[str]:
        sobject, *others = holders_of(kind, self._company_object)
        if not self._client.fields(sobject):
            return frozenset()
        elsewhere = {name for other in others for name in self._layout.sources(kind, other)}
        sources = self._layout.sources(kind, sobject)
        held, lacking = set(), []
        for name, field in FIELDS[kind].items():
            if field.readable_only or name not in sources:
                held |= {name} & (sources.keys() | elsewhere)
            elif self._client.takes(sobject, sources[name][0]):
                held.add(name)
            else:
                lacking.append(sources[name][0])
        key = self._layout.key(kind, sobject)
        if kind not in (Kind.OPPORTUNITY, Kind.EMAIL_DRAFT) and not self._client.takes(sobject, key):
            _LOG.warning(
                "The integration's user may not edit %s of the object %s: nothing can be created there. "
                "`sales-agent crm setup` says what to do.",
                key,
                sobject,
            )
        if lacking:
            _LOG.warning(
                "The integration's user may not edit %s of the object %s: left out. "
                "`sales-agent crm setup` says what to do.",
                ", ".join(dict.fromkeys(lacking)),
                sobject,
            )
        return frozenset(held)


def holders_of(kind: Kind, company_object: SObject) -> list[SObject]:
    """Objects that hold records of a kind; first what new ones become."""
    return sorted(HOLDERS[kind], key=lambda one: one is not company_object)


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
        calls = self._client.daily_calls()
        name = self._name()
        fields = [one for kind in HOLDERS for one in self._fields(kind)]
        limits = {"daily_api_requests": float(calls["Max"])} if "Max" in calls else {}
        return Description(f"{name} ({organization})", self._client.tokens.user_id, fields, limits)

    def _name(self) -> str:
        try:
            rows = self._client.rows("SELECT Name FROM Organization")
        except (PermissionRefused, InvalidRequest):
            # Nothing else than this text needs it.
            rows = []
        return str(rows[0].get("Name")) if rows else self._client.url

    def ensure(self) -> list[EnsuredField]:
        """Every custom field, with what a person has to do where it is not as it must be.

        After them what else the integration's user may not see: standard fields and whole objects.
        """
        self._client.forget_fields()
        customs = [self._ensured(custom) for custom in self._layout.customs if self._sees(custom.sobject)]
        return [*customs, *self._hidden()]

    def _fields(self, kind: Kind) -> Iterator[RemoteField]:
        for name, field in FIELDS[kind].items():
            columns = [
                (sobject, columns[0])
                for sobject in holders_of(kind, self._company_object)
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
                writable=self._client.takes(sobject, column) and not field.readable_only,
                choices=tuple(one["value"] for one in choices if one.get("active")),
                length=found.get("length") or None,
            )

    def _sees(self, sobject: SObject) -> bool:
        return bool(self._client.fields(sobject))

    def _ensured(self, custom: Custom) -> EnsuredField:
        found = self._client.fields(custom.sobject).get(custom.column)
        fault = _fault(custom, found)
        if fault is None:
            return EnsuredField(custom.kind, custom.name, FieldState.PRESENT)
        return EnsuredField(custom.kind, custom.name, FieldState.MISSING, fault)

    def _hidden(self) -> Iterator[EnsuredField]:
        told: set[str] = set()
        for kind, holders in HOLDERS.items():
            for sobject in holders:
                for name, fault in self._hidden_of(kind, sobject):
                    if fault not in told:
                        told.add(fault)
                        yield EnsuredField(kind, name, FieldState.MISSING, fault)

    def _hidden_of(self, kind: Kind, sobject: SObject) -> Iterator[tuple[str, str]]:
        if not self._sees(sobject):
            yield str(sobject), f"Setup, Permission Sets: let the integration's user use {sobject} records."
            return
        for name, (column, *_) in self._layout.sources(kind, sobject).items():
            if column.endswith("__c") or column in _NOT_EVERYWHERE:
                continue
            there = self._client.has(sobject, column)
            if there and (FIELDS[kind][name].readable_only or self._client.takes(sobject, column)):
                continue
            page = f"{_place(sobject)}, {column}, {_SECURITY}"
            yield name, f"{page}: the integration's user must be able to {'edit' if there else 'see'} it."


def _place(sobject: SObject) -> str:
    return f"Setup, Object Manager, {_PAGES.get(sobject, sobject)}, Fields & Relationships"


def _fault(custom: Custom, found: Row | None) -> str | None:
    place = _place(custom.sobject)
    bare = custom.column.removesuffix("__c")
    if found is None:
        return (
            f"{place}, New: {custom.setup}. Label {bare.replace('_', ' ')}, name {bare}. Then let the "
            "integration's user see and edit it (field-level security). If it is there already, only the "
            "last step is missing."
        )
    if custom.key and not (found.get("externalId", True) and found.get("unique", True)):
        return f"{place}, {bare}, Edit: it must be an External ID and Unique."
    if not found.get("updateable", True):
        return f"{place}, {bare}, {_SECURITY}: the integration's user must be able to edit it."
    return None
