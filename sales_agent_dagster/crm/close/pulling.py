"""Streams of changes: leads and contacts by search, opportunities and events from the event log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sales_agent_dagster.crm.close.api import CloseApi, segment
from sales_agent_dagster.crm.close.events import event_of, recently_deleted
from sales_agent_dagster.crm.close.log import RETENTION, log_pages, log_time
from sales_agent_dagster.crm.close.mapping import Mapper, moment_of
from sales_agent_dagster.crm.close.schema import PATHS
from sales_agent_dagster.crm.contract import Page, Record, Stream
from sales_agent_dagster.crm.errors import RecordGone
from sales_agent_dagster.crm.fields import Kind

OVERLAP = timedelta(minutes=5)
"""Changes may show up this much later than their date: the index lags, and near events are made one."""

STREAMS = (
    Stream("companies", frozenset({Kind.COMPANY})),
    Stream("contacts", frozenset({Kind.CONTACT})),
    Stream("opportunities", frozenset({Kind.OPPORTUNITY}), RETENTION),
    Stream("events", frozenset({Kind.COMPANY, Kind.CONTACT, Kind.OPPORTUNITY}), RETENTION),
)
_PER_PAGE = 100


def pull(api: CloseApi, mapper: Mapper, stream: str, since: datetime | None) -> Iterator[Page]:
    """Everything of a stream that changed at or after ``since``.

    Raises:
        ValueError: there is no such stream.
    """
    if stream == "companies":
        return _searched(api, mapper, Kind.COMPANY, since)
    if stream == "contacts":
        return _searched(api, mapper, Kind.CONTACT, since)
    if stream == "opportunities":
        return _all_opportunities(api, mapper) if since is None else _opportunities(api, mapper, since)
    if stream == "events":
        return _events(api, mapper, since)
    raise ValueError(f"Close has no stream {stream!r}.")


def _searched(api: CloseApi, mapper: Mapper, kind: Kind, since: datetime | None) -> Iterator[Page]:
    """Leads or contacts by ``date_updated``; a lead's date does not move when its contacts change."""
    path = PATHS[kind]
    newest = api.newest(path)
    if newest is None or (since is not None and moment_of(newest) < since):
        yield Page(complete_to=since)
        return
    deleted = recently_deleted(api, path)
    start = since.isoformat() if since is not None else None
    reached: datetime | None = None
    for values in api.changed(path, start, newest, mapper.columns(kind)):
        records = [mapper.record(kind, value) for value in values]
        in_order = [record.modified_at for record in records if record.modified_at <= moment_of(newest)]
        reached = max([*in_order, *([reached] if reached else [])], default=None)
        alive = [record for record in records if record.remote_id not in deleted]
        yield Page(alive, complete_to=_earlier(reached, since))


def _earlier(reached: datetime | None, since: datetime | None) -> datetime | None:
    """How far everything is surely there."""
    if reached is None:
        return since
    return max(reached - OVERLAP, since) if since is not None else reached - OVERLAP


def _all_opportunities(api: CloseApi, mapper: Mapper) -> Iterator[Page]:
    """The first time: the whole list. Changes made while it is read are those of the log's next reading."""
    started = _newest_event(api)
    records: list[Record] = []
    newest: datetime | None = None
    for value in api.listed("opportunity/"):
        record = mapper.record(Kind.OPPORTUNITY, value)
        newest = max(newest or record.modified_at, record.modified_at)
        records.append(record)
        if len(records) == _PER_PAGE:
            yield Page(records)
            records = []
    reached = started or newest
    yield Page(records, complete_to=reached - OVERLAP if reached else None)


def _opportunities(api: CloseApi, mapper: Mapper, since: datetime) -> Iterator[Page]:
    """Those that the log names, as they are now."""
    newest = _newest_event(api)
    latest: dict[str, dict[str, Any]] = {}
    for action in ("deleted", "updated", "created"):
        filters = {"object_type": "opportunity", "action": action, "date_updated__gte": log_time(since)}
        for page in api.events(**filters):
            for entry in page:
                latest.setdefault(entry["object_id"], entry)
    ids = list(latest)
    for at in range(0, len(ids), _PER_PAGE):
        some = ids[at : at + _PER_PAGE]
        yield Page(list(api.transport.each(lambda key: _current(api, mapper, key, latest[key]), some)))
    yield Page(complete_to=_earlier(newest, since))


def _newest_event(api: CloseApi) -> datetime | None:
    page = next(api.events(), None)
    return moment_of(page[0]["date_updated"]) if page else None


def _current(api: CloseApi, mapper: Mapper, key: str, entry: dict[str, Any]) -> Record:
    """An opportunity as it is now; archived when it is gone."""
    if entry["action"] != "deleted":
        try:
            return mapper.record(Kind.OPPORTUNITY, api.get(f"opportunity/{segment(key)}/"))
        except RecordGone:
            pass
    at = moment_of(entry["date_updated"])
    return Record(Kind.OPPORTUNITY, key, {}, at, company_id=entry.get("lead_id"), archived=True)


def _events(api: CloseApi, mapper: Mapper, since: datetime | None) -> Iterator[Page]:
    for entries, complete_to in _log(api, since):
        events = [event for entry in entries if (event := event_of(entry, mapper)) is not None]
        yield Page(events=events, complete_to=complete_to)


def _log(api: CloseApi, since: datetime | None) -> Iterator[tuple[Sequence[dict[str, Any]], datetime | None]]:
    """Pages of the log, the newest first; only the last one, an empty one, knows how far it is complete."""
    newest: datetime | None = None
    for page in log_pages(api, since):
        newest = newest or moment_of(page[0]["date_updated"])
        yield page, None
    yield (), _earlier(newest, since)
