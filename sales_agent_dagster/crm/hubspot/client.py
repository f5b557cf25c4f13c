"""HubSpot's calls: paths of a version, searches, batches, associations, properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase

from sales_agent_dagster.crm.errors import Ambiguous, PermissionRefused, RecordGone, Unavailable
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

NUMBERED = {
    "objects": "/crm/v3/objects",
    "properties": "/crm/v3/properties",
    "associations": "/crm/v4/associations",
    "pipelines": "/crm/v3/pipelines",
}
"""Paths without a date, by family: each family gets its dated ones at a time of its own."""

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
        self._dated = settings.api_version
        self._bases = dict(NUMBERED) if settings.api_version == "v3" else dict[str, str]()
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
        """The version in use for properties: the one of the settings, or v3 where that is not served."""
        return "v3" if self._bases.get("properties") == NUMBERED["properties"] else self._dated

    def account(self) -> Raw:
        """The account's details; none where the token may not read them or they are not served."""
        try:
            return _parsed(self.transport.request("GET", "/account-info/v3/details"))
        except (PermissionRefused, RecordGone):
            return {}

    def clock(self, kind: Kind) -> datetime:
        """What HubSpot's clock says, UTC, by a call that needs no more than reading these objects."""
        return _clock_of(self._call("GET", "objects", OBJECTS[kind], params={"limit": 1}))

    def search(self, kind: Kind, body: Mapping[str, Any]) -> Raw:
        """One page of a search: ``results``, ``total`` and perhaps ``paging``."""
        path = f"{OBJECTS[kind]}/search"
        return _parsed(self._call("POST", "objects", path, json=body, reads=True, group="search"))

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
        path = f"{OBJECTS[kind]}/batch/read"
        results: list[Raw] = _parsed(
            self._call("POST", "objects", path, json=body, params=params, reads=True)
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
        path = f"{OBJECTS[kind]}/batch/{verb}"
        body = {"inputs": list(inputs)}
        reply = self._call("POST", "objects", path, json=body, idempotent=True, still=still)
        return _parsed(reply, wrote=True), reply.perhaps_done

    def archived(self, kind: Kind, properties: Sequence[str], after: str | None) -> Raw:
        """A page of all archived objects: HubSpot cannot tell those archived since."""
        params = {"archived": "true", "limit": BATCH, "properties": ",".join(properties)}
        if after:
            params["after"] = after
        return _parsed(self._call("GET", "objects", OBJECTS[kind], params=params))

    def archive(self, kind: Kind, record_id: str) -> None:
        """Move an object to the recycle bin; one that is not there is no error."""
        self._call("DELETE", "objects", f"{OBJECTS[kind]}/{record_id}")

    def gdpr_delete(self, contact_id: str) -> None:
        """Delete a contact and its history for good."""
        path = f"{OBJECTS[Kind.CONTACT]}/gdpr-delete"
        given: Raw = {"json": {"objectId": contact_id}, "idempotent": True}
        try:
            self._call("POST", "objects", path, **given)
        except RecordGone:
            # That may also say that this version of the API cannot do it.
            self.transport.request("POST", f"{NUMBERED['objects']}/{path}", **given)

    def associate(self, kind: Kind, other: Kind, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Make the default association of each pair; those that are made now."""
        inputs = [{"from": {"id": one}, "to": {"id": two}} for one, two in pairs]
        path = f"{OBJECTS[kind]}/{OBJECTS[other]}/batch/associate/default"
        reply = self._call("POST", "associations", path, json={"inputs": inputs}, idempotent=True)
        body = _parsed(reply, wrote=True)
        if not body.get("errors") and not body.get("results"):
            return set(pairs)  # done, and not a word of it
        return {(_end_id(made, "from"), _end_id(made, "to")) for made in body.get("results") or ()}

    def companies_of(self, kind: Kind, ids: Sequence[str]) -> dict[str, str]:
        """By object the company it belongs to: the primary one, else the first."""
        path = f"{OBJECTS[kind]}/{OBJECTS[Kind.COMPANY]}/batch/read"
        found: dict[str, str] = {}
        for some in chunks(ids, 1000):
            inputs = [{"id": record_id} for record_id in some]
            body = _parsed(self._call("POST", "associations", path, json={"inputs": inputs}, reads=True))
            for result in body.get("results", ()):
                ends = sorted(result.get("to", ()), key=_primary_first)
                if ends:
                    found[str(result["from"]["id"])] = str(ends[0]["toObjectId"])
        return found

    def properties(self, kind: Kind) -> dict[str, Raw]:
        """All property definitions by name."""
        body = _parsed(self._call("GET", "properties", OBJECTS[kind]))
        return {str(result["name"]): result for result in body.get("results", ())}

    def has_property(self, kind: Kind, name: str) -> bool:
        """Whether there is such a property."""
        try:
            self._call("GET", "properties", f"{OBJECTS[kind]}/{name}")
        except RecordGone:
            return False
        return True

    def create_property(self, kind: Kind, definition: Raw) -> None:
        """Create a property; its name makes it safe to send twice.

        Raises:
            ConflictFound: it is there already.
        """
        self._call("POST", "properties", OBJECTS[kind], json=definition, idempotent=True)

    def stages(self) -> dict[str, str]:
        """Labels of deal stages by id."""
        body = _parsed(self._call("GET", "pipelines", OBJECTS[Kind.OPPORTUNITY]))
        return {
            str(stage["id"]): str(stage["label"])
            for pipeline in body.get("results", ())
            for stage in pipeline.get("stages", ())
        }

    def _call(self, method: str, family: str, path: str, **given: Any) -> Reply:
        """One call below a family of paths; arguments as of ``Transport.request``.

        The paths with the settings' date are taken, until they answer 404 and those without a date do not:
        then these, for good.
        """
        if base := self._bases.get(family):
            return self.transport.request(method, f"{base}/{path}", **given)
        base = f"/crm/{family}/{self._dated}"
        try:
            reply = self.transport.request(method, f"{base}/{path}", **given)
        except RecordGone as error:
            if error.perhaps_done:
                raise
            base = NUMBERED[family]
            reply = self.transport.request(method, f"{base}/{path}", **given)
        self._bases[family] = base
        return reply


def next_page(body: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None on the last one."""
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)


def chunks(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Lists of at most ``size`` items, in order."""
    held = list(items)
    return (held[at : at + size] for at in range(0, len(held), size))


def _primary_first(end: Mapping[str, Any]) -> tuple[bool, int]:
    # 1 and 5: the primary company of a contact and of a deal.
    primary = any(kind.get("typeId") in (1, 5) for kind in end.get("associationTypes", ()))
    return (not primary, int(end["toObjectId"]))


def _end_id(made: Mapping[str, Any], end: str) -> str:
    """Id of an end of an association, in either of the two shapes that HubSpot's answers have."""
    told = made.get(end)
    return str(told.get("id") if isinstance(told, Mapping) else made.get(f"{end}ObjectId"))


def _parsed(reply: Reply, *, wrote: bool = False) -> Raw:
    body = reply.json()
    if isinstance(body, dict):
        return body
    kind = Ambiguous if wrote else Unavailable
    raise kind("HubSpot's answer is not what it should be.", status=reply.status, request_id=reply.request_id)


def _clock_of(reply: Reply) -> datetime:
    told = reply.headers.get("Date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC)
