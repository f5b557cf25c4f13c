"""Calls to the REST API of one organisation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sales_agent_dagster.crm.errors import InvalidRequest, PermissionRefused, RecordGone
from sales_agent_dagster.crm.http import Reply, TransportOptions
from sales_agent_dagster.crm.rates import Pace
from sales_agent_dagster.crm.salesforce.dialect import SalesforceDialect
from sales_agent_dagster.crm.salesforce.layout import SObject
from sales_agent_dagster.crm.salesforce.tokens import Tokens, check_login
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster.settings import SalesforceSettings, variable_of

MAX_COLLECTION = 200
"""Most records of one collection request."""

PAGE_SIZE = 2000
"""Most rows of a query's page; they may be fewer."""

_PACE = Pace(start=100.0, most=1000.0, burst=25, step=20.0)
"""No limit per second is known: calls count by the day, and long ones by how many run at once."""

Row = dict[str, Any]


class Results(NamedTuple):
    """What became of the rows of one request.

    Attributes:
        rows: one result each, in their order.
        perhaps_done: those that are refused may have been written by an attempt whose answer was lost.
    """

    rows: list[Row]
    perhaps_done: bool


class Client:
    """The API. Safe to share between threads.

    Args:
        needed: the object without which there is nothing to do.

    Raises:
        ConfigurationError: settings are missing.
    """

    def __init__(self, settings: SalesforceSettings, options: TransportOptions, needed: SObject) -> None:
        self._needed = needed
        self.url = check_login(settings)
        self.tokens = Tokens(settings, self.url, options)
        self.transport = Transport(self.url, self.tokens, SalesforceDialect(), options, pace=_PACE)
        self._version = settings.api_version
        self._base = f"services/data/v{self._version}"
        self._lock = threading.Lock()
        self._described: dict[SObject, dict[str, Row]] = {}

    def close(self) -> None:
        """Close connections."""
        self.tokens.close()
        self.transport.close()

    def call(self, method: str, path: str, **given: Any) -> Reply:
        """A call below the version's path."""
        return self.transport.request(method, f"{self._base}/{path}", **given)

    def daily_calls(self) -> Mapping[str, Any]:
        """The day's calls, ``Max`` and ``Remaining``; empty for a user who may not see them.

        That takes the permission View Setup and Configuration, which nothing else here needs.

        Raises:
            InvalidRequest: the organisation has no such version of the API.
        """
        try:
            told = object_of(self.call("GET", "limits")).get("DailyApiRequests")
        except PermissionRefused:
            return {}
        except RecordGone:
            self._check_version()
            return {}
        return told if isinstance(told, dict) else {}

    def fields(self, sobject: SObject) -> dict[str, Row]:
        """The object's fields that the user may see, by name; asked for once.

        None: the user may not see the object.

        Raises:
            PermissionRefused: it is the object that is needed.
            InvalidRequest: the organisation has no such version of the API.
        """
        with self._lock:
            if sobject not in self._described:
                self._described[sobject] = self._describe(sobject)
            return self._described[sobject]

    def _describe(self, sobject: SObject) -> dict[str, Row]:
        try:
            described = object_of(self.call("GET", f"sobjects/{sobject}/describe"))
        except RecordGone as error:
            self._check_version()
            if sobject is self._needed:
                raise PermissionRefused(
                    f"The integration's user may not see the object {sobject}: let a permission set read, "
                    "create and edit it.",
                    status=error.status,
                ) from error
            return {}
        return {one["name"]: one for one in described.get("fields", ())}

    def _check_version(self) -> None:
        """Tell a version that the organisation has not got from what the user may not see: both are a 404."""
        try:
            told = self.transport.request("GET", "services/data").json()
        except RecordGone:
            return
        versions = [str(one.get("version")) for one in told] if isinstance(told, list) else []
        if versions and self._version not in versions:
            variable = variable_of("salesforce", "api_version")
            raise InvalidRequest(
                f"Salesforce has no API version {self._version} here. Set {variable} to {versions[-1]}."
            )

    def forget_fields(self) -> None:
        """Ask for the fields again: somebody may have created some."""
        with self._lock:
            self._described.clear()

    def has(self, sobject: SObject, column: str) -> bool:
        """Whether a column, or the reference that a path goes through, is there."""
        relation, dot, _ = column.partition(".")
        return (f"{relation}Id" if dot else column) in self.fields(sobject)

    def takes(self, sobject: SObject, column: str) -> bool:
        """Whether a column is there and the user may edit it."""
        found = self.fields(sobject).get(column)
        return found is not None and bool(found.get("updateable", True))

    def pages(self, query: str, *, deleted: bool = False) -> Iterator[list[Row]]:
        """Pages of a query; the addresses of further ones are followed as they are told.

        Args:
            query: SOQL.
            deleted: what is in the recycle bin, too.

        Raises:
            InvalidRequest: with the code ``dialect.EXPIRED_CURSOR`` when the cursor died on the way.
        """
        resource = "queryAll" if deleted else "query"
        wishes = {"Sforce-Query-Options": f"batchSize={PAGE_SIZE}"}
        reply = self.call("GET", resource, params={"q": query}, headers=wishes)
        while True:
            page = object_of(reply)
            yield list(page.get("records", ()))
            following = page.get("nextRecordsUrl")
            if not following:
                return
            reply = self.transport.request("GET", str(following))

    def rows(self, query: str, *, deleted: bool = False) -> list[Row]:
        """All rows of a query that has few."""
        return [row for page in self.pages(query, deleted=deleted) for row in page]

    def upsert(self, sobject: SObject, key: str, rows: Sequence[Row], still: Callable[[], bool]) -> Results:
        """Create or update by an external id in the rows; ``still``: see ``Transport.request``."""
        return self._collection(f"composite/sobjects/{sobject}/{key}", sobject, rows, still)

    def update(self, sobject: SObject, rows: Sequence[Row]) -> Results:
        """Update by the rows' ``Id``."""
        return self._collection("composite/sobjects", sobject, rows)

    def delete(self, ids: Sequence[str]) -> list[Row]:
        """Into the recycle bin; one result each, in their order."""
        params = {"ids": ",".join(ids), "allOrNone": "false"}
        return _results(self.call("DELETE", "composite/sobjects", params=params), len(ids))

    def _collection(
        self, path: str, sobject: SObject, rows: Sequence[Row], still: Callable[[], bool] | None = None
    ) -> Results:
        records = [{"attributes": {"type": sobject}, **row} for row in rows]
        # No duplicate rule is overruled: what it finds is for us to link.
        reply = self.call(
            "PATCH",
            path,
            still=still,
            json={"allOrNone": False, "records": records},
            headers={"Sforce-Duplicate-Rule-Header": "allowSave=false; includeRecordDetails=false"},
        )
        return Results(_results(reply, len(rows)), reply.perhaps_done)


def object_of(reply: Reply) -> Mapping[str, Any]:
    """The answer's JSON object.

    Raises:
        InvalidRequest: it is none.
    """
    body = reply.json()
    if not isinstance(body, dict):
        variable = variable_of("salesforce", "instance_url")
        raise InvalidRequest(
            f"Salesforce's answer is none of its API: {variable} must be the address of My Domain.",
            status=reply.status,
        )
    return body


def _results(reply: Reply, wanted: int) -> list[Row]:
    """One result per record: fewer or more could be given to the wrong ones."""
    body = reply.json()
    if not isinstance(body, list) or len(body) != wanted:
        raise InvalidRequest("Salesforce's answer has not one result per record.", status=reply.status)
    return body
