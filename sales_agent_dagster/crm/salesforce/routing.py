"""Where an operation is written: which object, by key or by id, and with which columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Action, Failed, FailureClass, Operation
from sales_agent_dagster.crm.salesforce.client import Client, Row
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, NO_NAME, Layout, SObject, sobject_of
from sales_agent_dagster.crm.salesforce.places import coded
from sales_agent_dagster.crm.salesforce.records import columns_of
from sales_agent_dagster.crm.salesforce.soql import one_of

_TASKS = (Kind.NOTE, Kind.EMAIL_DRAFT)


@dataclass(frozen=True, slots=True)
class Write:
    """One record to write.

    Attributes:
        key: external id by which it is found or created; None updates by ``columns["Id"]``.
        creates: told as created even where a part of a record that was there is filled.
    """

    operation: Operation
    sobject: SObject
    key: str | None
    columns: Row
    creates: bool = False

    @property
    def identity(self) -> str:
        """What may be in one request only once."""
        return str(self.columns[self.key] if self.key else self.columns["Id"]).casefold()


@dataclass
class Routed:
    """What to write, and what cannot be."""

    writes: list[Write] = field(default_factory=list)
    refused: list[Failed] = field(default_factory=list)

    def refuse(self, operation: Operation, failure: FailureClass, message: str, remedy: str) -> None:
        """Count one that cannot be written."""
        self.refused.append(Failed(operation.op_id, failure, message, remedy))


class Router:
    """Routes operations of one organisation."""

    def __init__(self, client: Client, finder: Finder, layout: Layout, company_object: SObject) -> None:
        self._client = client
        self._finder = finder
        self._layout = layout
        self._company_object = company_object

    def route(self, operations: Sequence[Operation]) -> Routed:
        """Writes of operations of kinds that do not need each other."""
        routed = Routed()
        in_leads = []
        for operation in operations:
            if operation.kind is Kind.CONTACT and _is_lead(operation.company_id) and not operation.remote_id:
                in_leads.append(operation)
            else:
                self._route(operation, routed)
        self._route_into_leads(in_leads, routed)
        return routed

    def _route(self, operation: Operation, routed: Routed) -> None:
        fault = self._fault(operation)
        if fault is not None:
            routed.refuse(operation, FailureClass.UNSUPPORTED, *fault)
            return
        if operation.action is Action.UPDATE:
            sobject = sobject_of(str(operation.remote_id)) or SObject.LEAD
            self._add(routed, operation, sobject, {"Id": operation.remote_id})
        elif operation.kind in _TASKS:
            self._add(routed, operation, SObject.TASK, _hangs_on(operation))
        elif operation.kind is Kind.CONTACT:
            self._add(routed, operation, SObject.CONTACT, _nameless(operation.company_id))
        elif self._company_object is SObject.LEAD:
            self._add(routed, operation, SObject.LEAD, {"LastName": NO_NAME})
        else:
            self._add(routed, operation, SObject.ACCOUNT, {})

    def _fault(self, operation: Operation) -> tuple[str, str] | None:
        """Message and remedy for what Salesforce cannot do, or not through us."""
        kind, updates = operation.kind, operation.action is Action.UPDATE
        if kind is Kind.OPPORTUNITY:
            return "Opportunities are only read.", "Change it in Salesforce."
        if updates and sobject_of(str(operation.remote_id)) not in HOLDERS[kind]:
            return f"{operation.remote_id} is no id of a {kind}.", "Pull, then sync again."
        if updates and kind is Kind.EMAIL_DRAFT:
            return "A draft is not changed once it is there.", "Create another one."
        if not updates and kind is not Kind.COMPANY and not (operation.company_id or operation.contact_id):
            return f"A {kind} needs its company's record.", "Sync the company first."
        return None

    def _add(
        self,
        routed: Routed,
        operation: Operation,
        sobject: SObject,
        given: Row,
        *,
        creates: bool = False,
    ) -> None:
        """Add a write, unless the organisation lacks one of its columns."""
        key = None if "Id" in given else self._layout.key(operation.kind, sobject)
        try:
            columns = columns_of(self._layout, operation.kind, sobject, operation.fields)
        except KeyError as error:
            message = f"{sobject} has no place for {error.args[0]}."
            routed.refuse(operation, FailureClass.UNSUPPORTED, message, "Leave the field to the CRM.")
            return
        if operation.action is Action.UPDATE and operation.kind is Kind.NOTE:
            columns = {"Description": columns["Description"]}
        named = {**given, **columns, **({key: operation.external_key} if key else {})}
        named = coded(named, partial(self._client.has, sobject), creates=key is not None)
        missing = [name for name in named if not self._client.has(sobject, name)]
        if missing:
            message = f"{sobject} has no field {', '.join(missing)} that the integration's user may see."
            if not self._client.fields(sobject):
                message = f"The integration's user may not see the object {sobject}."
            remedy = "Create it, or show it to the user: `sales-agent crm setup` says how."
            routed.refuse(operation, FailureClass.VALIDATION, message, remedy)
            return
        routed.writes.append(Write(operation, sobject, key, named, creates))

    def _route_into_leads(self, operations: Sequence[Operation], routed: Routed) -> None:
        """A lead holds one person: the first one becomes its person, others leads of the same company."""
        leads = self._leads(str(operation.company_id) for operation in operations)
        taken: dict[str, str] = {}
        for operation in operations:
            lead = leads.get(str(operation.company_id))
            if lead is None:
                message = "The lead that it belongs to is gone."
                routed.refuse(operation, FailureClass.GONE, message, "Pull, then sync again.")
            elif lead.get("IsConverted"):
                self._route_converted(operation, lead, routed)
            elif _is_place_of(operation, lead, self._layout) and _first(taken, operation, lead):
                key = {self._layout.lead_contact_key: operation.external_key}
                self._add(routed, operation, SObject.LEAD, {"Id": lead["Id"], **key}, creates=True)
            else:
                company = {"Company": lead["Company"], "LastName": NO_NAME}
                self._add(routed, operation, SObject.LEAD, company)

    def _route_converted(self, operation: Operation, lead: Row, routed: Routed) -> None:
        ours = lead.get(self._layout.lead_contact_key) == operation.external_key
        if ours and lead.get("ConvertedContactId"):
            self._add(routed, operation, SObject.CONTACT, {"Id": lead["ConvertedContactId"]})
        else:
            self._add(routed, operation, SObject.CONTACT, _nameless(lead["ConvertedAccountId"]))

    def _leads(self, ids: Iterable[str]) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for condition in one_of("Id", ids):
            rows.update({row["Id"]: row for row in self._finder.select(SObject.LEAD, condition)})
        return rows


def _nameless(account_id: str | None) -> Row:
    """What a contact has before its own fields: Salesforce takes none without a last name."""
    return {"AccountId": account_id, "LastName": NO_NAME}


def _is_lead(remote_id: str | None) -> bool:
    return sobject_of(remote_id or "") is SObject.LEAD


def _is_place_of(operation: Operation, lead: Row, layout: Layout) -> bool:
    """Whether the lead's person is this one already, or nobody."""
    key = lead.get(layout.lead_contact_key)
    if key:
        return bool(key == operation.external_key)
    wanted = columns_of(layout, Kind.CONTACT, SObject.LEAD, operation.fields)
    email, held = str(wanted.get("Email") or "").lower(), str(lead.get("Email") or "").lower()
    if email and held:
        return email == held
    names = _name(lead), _name(wanted)
    return names[0] == NO_NAME.casefold() or names[0] == names[1]


def _name(row: Row) -> str:
    return " ".join(filter(None, (row.get("FirstName"), row.get("LastName")))).casefold()


def _first(taken: dict[str, str], operation: Operation, lead: Row) -> bool:
    """Whether nobody else of this push takes the lead's place."""
    return taken.setdefault(lead["Id"], operation.external_key) == operation.external_key


def _hangs_on(operation: Operation) -> dict[str, Any]:
    """Whom a task is about. With a lead there is no second record."""
    who, what = operation.contact_id, operation.company_id
    if _is_lead(who) or _is_lead(what):
        return {"WhoId": who or what}
    return {name: value for name, value in (("WhoId", who), ("WhatId", what)) if value}
