"""HubSpot's calls: paths of a version, searches, batches, associations, properties."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from sales_agent_dagster.crm.errors import Ambiguous, RecordGone, Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import Reply, TransportOptions
from sales_agent_dagster.crm.hubspot.dialect import SEARCH_PACE, HubSpotDialect, pace_of
from sales_agent_dagster.crm.hubspot.mapping import OBJECTS
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster.settings import HubSpotSettings

BATCH = 100
"""Most objects per batch call; of archived ones per page too."""

SEARCH_PAGE = 200
HISTORY_BATCH = 50
"""Most objects per batch read that asks for the history of values."""

Raw = dict[str, Any]


class _Bearer(AuthBase):
    def __init__(self, settings: HubSpotSettings) -> None:
        self._token = settings.token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        secret = self._token.get_secret_value() if self._token else ""
        request.headers["Authorization"] = f"Bearer {secret}"
        return request


class Client:
    """One account. Every method raises the errors of ``crm.errors``."""

    def __init__(self, settings: HubSpotSettings, options: TransportOptions) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._version: str | None = None
        self.transport = Transport(
            settings.base_url,
            _Bearer(settings),
            HubSpotDialect(),
            options,
            pace=pace_of(settings.requests_per_10s),
            paces={"search": SEARCH_PACE},
        )

    @property
    def version(self) -> str:
        """The API's version in use: the one of the settings, or v3 where the account does not serve it."""
        with self._lock:
            if self._version is None:
                self._version = self._served_version()
            return self._version

    def account(self) -> tuple[Raw, datetime]:
        """The account's details, and what HubSpot's clock says, UTC."""
        reply = self.transport.request("GET", "/account-info/v3/details")
        return _parsed(reply), _clock_of(reply)

    def search(self, kind: Kind, body: Mapping[str, Any]) -> Raw:
        """One page of a search: ``results``, ``total`` and perhaps ``paging``."""
        path = f"{self._objects(kind)}/search"
        reply = self.transport.request("POST", path, json=body, reads=True, group="search")
        return _parsed(reply)

    def read(
        self,
        kind: Kind,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        by: str | None = None,
        archived: bool = False,
        history: Sequence[str] = (),
    ) -> list[Raw]:
        """Those of the objects that there are, at most ``BATCH``; a merged one's id finds the survivor.

        Args:
            kind: of the objects.
            ids: values of the unique property ``by``, else ids.
            properties: to return.
            by: a unique property.
            archived: look among the archived ones instead.
            history: properties of which all former values are returned; then at most ``HISTORY_BATCH``.
        """
        body: Raw = {
            "inputs": [{"id": value} for value in dict.fromkeys(ids)],
            "properties": list(properties),
        }
        if by:
            body["idProperty"] = by
        if history:
            body["propertiesWithHistory"] = list(history)
        params = {"archived": "true"} if archived else None
        path = f"{self._objects(kind)}/batch/read"
        results: list[Raw] = _parsed(
            self.transport.request("POST", path, json=body, params=params, reads=True)
        ).get("results", [])
        return results

    def write(
        self, kind: Kind, verb: str, inputs: Sequence[Raw], still: Callable[[], bool] | None = None
    ) -> tuple[Raw, bool]:
        """A batch ``upsert`` or ``update``: sets values by key, so that twice is the same as once.

        ``still``: see ``Transport.request``.

        Returns:
            The answer, and whether rows that it refuses may have been written by an attempt before.
        """
        path = f"{self._objects(kind)}/batch/{verb}"
        reply = self.transport.request(
            "POST", path, json={"inputs": list(inputs)}, idempotent=True, still=still
        )
        return _parsed(reply, wrote=True), reply.perhaps_done

    def archived(self, kind: Kind, properties: Sequence[str], after: str | None) -> Raw:
        """A page of all archived objects: HubSpot cannot tell those archived since."""
        params = {"archived": "true", "limit": BATCH, "properties": ",".join(properties)}
        if after:
            params["after"] = after
        return _parsed(self.transport.request("GET", self._objects(kind), params=params))

    def archive(self, kind: Kind, record_id: str) -> None:
        """Move an object to the recycle bin; one that is not there is no error."""
        self.transport.request("DELETE", f"{self._objects(kind)}/{record_id}")

    def gdpr_delete(self, contact_id: str) -> None:
        """Delete a contact and its history for good."""
        path = f"{self._objects(Kind.CONTACT)}/gdpr-delete"
        self.transport.request("POST", path, json={"objectId": contact_id}, idempotent=True)

    def associate(self, kind: Kind, other: Kind, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Make the default association of each pair; those that are made now."""
        inputs = [{"from": {"id": one}, "to": {"id": two}} for one, two in pairs]
        path = f"{self._associations(kind, other)}/batch/associate/default"
        body = _parsed(
            self.transport.request("POST", path, json={"inputs": inputs}, idempotent=True), wrote=True
        )
        return {(str(made["from"]["id"]), str(made["to"]["id"])) for made in body.get("results", ())}

    def companies_of(self, kind: Kind, ids: Sequence[str]) -> dict[str, str]:
        """By object the company it belongs to: the primary one, else the first."""
        path = f"{self._associations(kind, Kind.COMPANY)}/batch/read"
        found: dict[str, str] = {}
        for some in chunks(ids, 1000):
            inputs = [{"id": record_id} for record_id in some]
            body = _parsed(self.transport.request("POST", path, json={"inputs": inputs}, reads=True))
            for result in body.get("results", ()):
                ends = sorted(result.get("to", ()), key=_primary_first)
                if ends:
                    found[str(result["from"]["id"])] = str(ends[0]["toObjectId"])
        return found

    def properties(self, kind: Kind) -> dict[str, Raw]:
        """All property definitions by name."""
        body = _parsed(self.transport.request("GET", self._properties(kind)))
        return {str(result["name"]): result for result in body.get("results", ())}

    def has_property(self, kind: Kind, name: str) -> bool:
        """Whether there is such a property."""
        try:
            self.transport.request("GET", f"{self._properties(kind)}/{name}")
        except RecordGone:
            return False
        return True

    def create_property(self, kind: Kind, definition: Raw) -> None:
        """Create a property; its name makes it safe to send twice.

        Raises:
            ConflictFound: it is there already.
        """
        self.transport.request("POST", self._properties(kind), json=definition, idempotent=True)

    def stages(self) -> dict[str, str]:
        """Labels of deal stages by id."""
        path = f"/crm/v3/pipelines/{OBJECTS[Kind.OPPORTUNITY]}"
        if self.version != "v3":
            path = f"/crm/pipelines/{self.version}/{OBJECTS[Kind.OPPORTUNITY]}"
        body = _parsed(self.transport.request("GET", path))
        return {
            str(stage["id"]): str(stage["label"])
            for pipeline in body.get("results", ())
            for stage in pipeline.get("stages", ())
        }

    def _served_version(self) -> str:
        wanted = self._settings.api_version
        if wanted == "v3":
            return wanted
        try:
            self.transport.request("GET", f"/crm/properties/{wanted}/companies/hs_object_id")
        except RecordGone:
            return "v3"
        return wanted

    def _objects(self, kind: Kind) -> str:
        version = self.version
        base = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
        return f"{base}/{OBJECTS[kind]}"

    def _properties(self, kind: Kind) -> str:
        version = self.version
        base = "/crm/v3/properties" if version == "v3" else f"/crm/properties/{version}"
        return f"{base}/{OBJECTS[kind]}"

    def _associations(self, kind: Kind, other: Kind) -> str:
        version = self.version
        base = "/crm/v4/associations" if version == "v3" else f"/crm/associations/{version}"
        return f"{base}/{OBJECTS[kind]}/{OBJECTS[other]}"


def chunks(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Lists of at most ``size`` items, in order."""
    held = list(items)
    return (held[at : at + size] for at in range(0, len(held), size))


def _primary_first(end: Mapping[str, Any]) -> tuple[bool, int]:
    # 1 and 5: the primary company of a contact and of a deal.
    primary = any(kind.get("typeId") in (1, 5) for kind in end.get("associationTypes", ()))
    return (not primary, int(end["toObjectId"]))


def _parsed(reply: Reply, *, wrote: bool = False) -> Raw:
    body = reply.json()
    if isinstance(body, dict):
        return body
    kind = Ambiguous if wrote else Unavailable
    raise kind("HubSpot's answer is not what it should be.", status=reply.status, request_id=reply.request_id)


def _clock_of(reply: Reply) -> datetime:
    told = reply.headers.get("Date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC)
