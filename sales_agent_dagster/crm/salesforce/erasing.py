"""Erasing records. What is deleted lies in the recycle bin for 15 days; only people can empty it sooner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Action, Operation, PushResult, Sent
from sales_agent_dagster.crm.salesforce import outcomes
from sales_agent_dagster.crm.salesforce.client import MAX_COLLECTION, Client, Row
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.layout import NO_NAME, Layout, SObject, sobject_of
from sales_agent_dagster.crm.salesforce.soql import one_of


class Eraser:
    """Erases records of one organisation."""

    def __init__(self, client: Client, finder: Finder, layout: Layout) -> None:
        self._client = client
        self._finder = finder
        self._layout = layout

    def erase(self, kind: Kind, ids: Sequence[str]) -> Iterator[PushResult]:
        """One result per id. The person of a lead that is also a company of ours is emptied, not deleted."""
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), MAX_COLLECTION):
            some = unique[start : start + MAX_COLLECTION]
            try:
                shared = self._shared(some) if kind is Kind.CONTACT else set()
                emptied = [one for one in some if one in shared]
                deleted = [one for one in some if one not in shared]
                yield from self._told(kind, emptied, self._empty(emptied))
                yield from self._told(kind, deleted, self._client.delete(deleted) if deleted else [])
            except CrmError as error:
                yield from (outcomes.of_error(_operation(kind, one), error) for one in some)

    def _shared(self, ids: Sequence[str]) -> set[str]:
        leads = [one for one in ids if sobject_of(one) is SObject.LEAD]
        column = self._layout.company_key
        found: set[str] = set()
        for condition in one_of("Id", leads):
            rows = self._finder.select(SObject.LEAD, f"{condition} AND {column} != null")
            found.update(row["Id"] for row in rows)
        return found

    def _empty(self, ids: Sequence[str]) -> list[Row]:
        names = ["FirstName", "Title", "Email", "MobilePhone", self._layout.lead_contact_key]
        cleared = dict.fromkeys(names) | {"LastName": NO_NAME}
        return self._client.update(SObject.LEAD, [{"Id": one, **cleared} for one in ids]).rows if ids else []

    def _told(self, kind: Kind, ids: Sequence[str], rows: Sequence[Row]) -> Iterator[PushResult]:
        for one, row in zip(ids, rows, strict=True):
            if row.get("success") or outcomes.code_of(row) in outcomes.GONE:
                yield Sent(one, one, created=False)
            else:
                yield outcomes.of_result(_operation(kind, one), row, None)


def _operation(kind: Kind, remote_id: str) -> Operation:
    return Operation(remote_id, kind, Action.UPDATE, "", {}, remote_id=remote_id)
