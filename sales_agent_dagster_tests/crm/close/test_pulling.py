"""Reading changes: nothing is skipped, whatever the search and the log do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sales_agent_dagster.crm.close import CloseConnector, api
from sales_agent_dagster.crm.close.mapping import moment_of
from sales_agent_dagster.crm.contract import Event, EventAction, Page, Record
from sales_agent_dagster.crm.errors import InvalidRequest, Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster_tests.close_server.clock import object_time
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import create

OVERLAP = timedelta(minutes=5)


def records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def events(pages: Iterable[Page]) -> list[Event]:
    return [event for page in pages for event in page.events]


def utc(close: RunningClose) -> datetime:
    return datetime.fromtimestamp(close.clock.now(), UTC)


def test_a_pull_crosses_the_search_cap(connector: CloseConnector, close: RunningClose) -> None:
    close.options.search_cap = 230
    close.fill(503)
    pages = list(connector.pull("companies", None))
    found = records(pages)
    assert len(found) == len({record.remote_id for record in found}) == 503
    assert [record.modified_at for record in found] == sorted(record.modified_at for record in found)
    moments = [page.complete_to for page in pages]
    assert moments == sorted(moments)
    assert moments[-1] == found[-1].modified_at - OVERLAP


def test_a_search_that_does_not_count_is_read_to_its_end(
    connector: CloseConnector, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    close.options.search_cap = 50
    monkeypatch.setattr(api, "SEARCH_CAP", 50)
    asked = connector.api._search

    def uncounted(body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in asked(body).items() if name != "count"}

    monkeypatch.setattr(connector.api, "_search", uncounted)
    close.fill(120)
    found = records(connector.pull("companies", None))
    assert len(found) == len({record.remote_id for record in found}) == 120


def test_smaller_pages_than_asked_for(
    connector: CloseConnector, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, most, limits = connector.api._search, 100, []

    def bounded(body: dict[str, Any]) -> dict[str, Any]:
        if body["_limit"] > most:
            raise InvalidRequest("Too many.", status=400, fields={"_limit": f"At most {most}."})
        limits.append(body["_limit"])
        return asked(body)

    monkeypatch.setattr(connector.api, "_search", bounded)
    close.fill(250)
    assert len(records(connector.pull("companies", None))) == 250
    assert limits == [1, 100, 100, 100]
    most = 20
    with pytest.raises(InvalidRequest, match="Too many"):
        records(connector.pull("companies", None))


def test_more_of_one_instant_than_a_search_gives(connector: CloseConnector, close: RunningClose) -> None:
    close.options.search_cap = 50
    close.fill(120)
    status = close.ask("GET", "/status/lead/")["data"][1]["id"]
    query = {"type": "match_all"}
    body = {"s_query": {"query": query}, "type": "set_lead_status", "lead_status_id": status}
    close.ask("POST", "/bulk_action/edit/", body)
    close.fill(30)
    found = records(connector.pull("companies", None))
    assert len(found) == len({record.remote_id for record in found}) == 150
    assert len({record.modified_at for record in found}) == 31


def test_what_cannot_be_told_apart_is_said(connector: CloseConnector, close: RunningClose) -> None:
    close.options.search_cap = 50
    close.fill(60, same_instant=True)
    with pytest.raises(InvalidRequest, match="same instant"):
        records(connector.pull("companies", None))


def test_a_dead_cursor_starts_where_it_was(connector: CloseConnector, close: RunningClose) -> None:
    close.fill(600)
    found = []
    for page in connector.pull("companies", None):
        found += [record.remote_id for record in page.records]
        close.clock.advance(31)
    assert len(found) == len(set(found)) == 600
    started = [each for each in close.log if each.path == "/data/search/" and "cursor" not in each.body]
    assert len(started) > 2


def test_a_cursor_that_always_dies_is_given_up(connector: CloseConnector, close: RunningClose) -> None:
    close.options.cursor_ttl_s = -1.0
    close.fill(500, same_instant=True)
    with pytest.raises(Unavailable):
        records(connector.pull("companies", None))


def test_changes_while_it_is_read(connector: CloseConnector, close: RunningClose) -> None:
    close.options.search_cap = 210
    for _ in range(500):
        close.fill(1)
        close.clock.advance(10)
    ids = [lead["id"] for lead in close.objects("lead")]
    found: dict[str, Record] = {}
    complete_to = None
    for page in connector.pull("companies", None):
        found |= {record.remote_id: record for record in page.records}
        complete_to = page.complete_to
        # The index shows the present, whatever order the search had when it began: what comes next has a
        # date of now, and is no sign that everything before it has come.
        for key in ids[len(found) : len(found) + 5]:
            close.ask("PUT", f"/lead/{key}/", {"description": "changed"})
    changed = {lead["id"] for lead in close.objects("lead") if lead["description"]}
    assert set(ids) - found.keys() <= changed
    again = {record.remote_id for record in records(connector.pull("companies", complete_to))}
    assert changed <= again, "what moved on is later than the watermark"


class Follower:
    """Keeps what pulls bring, as a warehouse does."""

    def __init__(self, connector: CloseConnector) -> None:
        self._connector = connector
        self._watermark: datetime | None = None
        self.known: dict[str, datetime] = {}

    def pull(self) -> None:
        for page in self._connector.pull("companies", self._watermark):
            for record in page.records:
                at = record.modified_at
                self.known[record.remote_id] = max(at, self.known.get(record.remote_id, at))
            self._watermark = page.complete_to or self._watermark


def happen(close: RunningClose, action: str, number: int) -> None:
    leads = close.objects("lead")
    if action == "edit":
        lead = leads[number % len(leads)]["id"]
        close.ask("PUT", f"/lead/{lead}/", {"description": str(close.clock.now())})
    elif action == "new":
        close.fill(1 + number // 4)
    elif action == "bulk":
        status = close.ask("GET", "/status/lead/")["data"][number % 4]["id"]
        body = {"type": "set_lead_status", "lead_status_id": status}
        close.ask("POST", "/bulk_action/edit/", {"s_query": {"query": {"type": "match_all"}}, **body})
    else:
        close.clock.advance(number * 7.0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["edit", "new", "bulk", "wait", "pull"]), st.integers(0, 19)), max_size=20
    )
)
def test_no_change_is_missed_whenever_it_is_pulled(
    connector: CloseConnector, close: RunningClose, steps: list[tuple[str, int]]
) -> None:
    """The newest values of all leads have arrived once the index is still, whatever happened in between."""
    close.options.search_cap, close.options.index_lag_s = 7, 45
    close.fill(8)
    close.clock.advance(600)
    follower = Follower(connector)
    for action, number in steps:
        if action == "pull":
            follower.pull()
        else:
            happen(close, action, number)
    close.clock.advance(60)
    follower.pull()
    assert follower.known == {lead["id"]: moment_of(lead["date_updated"]) for lead in close.objects("lead")}
    for lead in close.objects("lead"):
        close.ask("DELETE", f"/lead/{lead['id']}/")
    close.clock.advance(60)


def test_a_quiet_crm_gives_nothing(connector: CloseConnector, close: RunningClose) -> None:
    assert [page.complete_to for page in connector.pull("companies", None)] == [None]
    close.fill(3)
    close.clock.advance(3_600)
    now = utc(close)
    pages = list(connector.pull("companies", now))
    assert (records(pages), pages[-1].complete_to) == ([], now)
    assert list(connector.pull("events", now))[-1].complete_to == now


def test_a_deleted_lead_is_not_shown_by_a_late_index(connector: CloseConnector, close: RunningClose) -> None:
    close.fill(2)
    close.clock.advance(120)
    close.options.index_lag_s = 60
    gone, kept = (lead["id"] for lead in close.objects("lead"))
    close.ask("DELETE", f"/lead/{gone}/")
    assert [record.remote_id for record in records(connector.pull("companies", None))] == [kept]


def test_contacts_have_their_own_dates(connector: CloseConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A", "contacts": [{"name": "Jo"}]})
    close.clock.advance(3_600)
    since = utc(close)
    contact = lead["contacts"][0]["id"]
    close.ask("POST", "/unsubscribe/email/", {"email": "jo@acme.com"})
    close.ask("PUT", f"/contact/{contact}/", {"emails": [{"email": "Jo@acme.com"}]})
    assert records(connector.pull("companies", since)) == []
    (record,) = records(connector.pull("contacts", since))
    assert (record.remote_id, record.company_id) == (contact, lead["id"])
    assert record.fields == {"contact_name": "Jo", "email": "Jo@acme.com", "email_opt_out": True}
    assert record.writer != connector.describe().writer


def test_opportunities(connector: CloseConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
    opportunity = close.ask("POST", "/opportunity/", {"lead_id": lead, "value": 1_250_00})["id"]
    other = close.ask("POST", "/opportunity/", {"lead_id": lead})["id"]
    found = records(connector.pull("opportunities", None))
    assert [(record.remote_id, dict(record.fields)) for record in found] == [
        (opportunity, {"status": "Demo", "outcome": "open", "value": 1250.0, "currency": "USD"}),
        (other, {"status": "Demo", "outcome": "open", "currency": "USD"}),
    ]
    close.clock.advance(3_600)
    since = utc(close)
    statuses = {each["label"]: each["id"] for each in close.ask("GET", "/status/opportunity/")["data"]}
    close.ask("PUT", f"/opportunity/{opportunity}/", {"status_id": statuses["Won"]})
    close.ask("DELETE", f"/opportunity/{other}/")
    pages = list(connector.pull("opportunities", since))
    by_id = {record.remote_id: record for record in records(pages)}
    won = by_id[opportunity]
    assert (won.fields["outcome"], won.fields["closed_at"]) == ("won", "2026-03-02T00:00:00+00:00")
    assert won.company_id == lead
    assert by_id[other].archived
    assert pages[-1].complete_to == since


def test_many_opportunities(connector: CloseConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
    ids = [close.ask("POST", "/opportunity/", {"lead_id": lead})["id"] for _ in range(230)]
    assert [record.remote_id for record in records(connector.pull("opportunities", None))] == ids
    since = utc(close) - timedelta(hours=1)
    pages = list(connector.pull("opportunities", since))
    assert sorted(record.remote_id for record in records(pages)) == sorted(ids)
    close.fault("stale", path="/opportunity/")
    close.ask("DELETE", f"/opportunity/{ids[0]}/")
    by_id = {record.remote_id: record for record in records(connector.pull("opportunities", since))}
    assert by_id[ids[0]].archived


def test_an_opportunity_that_goes_while_it_is_read(connector: CloseConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
    since = utc(close)
    ids = [close.ask("POST", "/opportunity/", {"lead_id": lead})["id"] for _ in range(101)]
    pages = connector.pull("opportunities", since)
    first = next(pages)
    (last,) = set(ids) - {record.remote_id for record in first.records}
    close.ask("DELETE", f"/opportunity/{last}/")
    assert [(record.remote_id, record.archived) for record in records(pages)] == [(last, True)]


def test_the_log_in_our_words(connector: CloseConnector, close: RunningClose) -> None:
    (sent,) = connector.push([create("k1", company="Acme", score=3.0, phone="+15125550123")])
    lead = sent.remote_id  # type: ignore[union-attr]
    close.clock.advance(3_600)
    since = utc(close)
    statuses = {each["label"]: each["id"] for each in close.ask("GET", "/status/lead/")["data"]}
    phone = connector.mapper.schema.ids[Kind.COMPANY]["phone"]
    change = {
        "name": "Acme Inc",
        "status_id": statuses["Do Not Contact"],
        f"custom.{phone}": None,
        "addresses": [{"city": "Austin"}],
    }
    close.ask("PUT", f"/lead/{lead}/", change)
    other = close.ask("POST", "/lead/", {"name": "Other", "contacts": [{"name": "Jo"}]})
    close.ask("POST", "/unsubscribe/email/", {"email": "Jo@acme.com"})
    mail = {"lead_id": lead, "status": "inbox", "sender": "Jo <Jo@Acme.com>"}
    close.ask("POST", "/activity/email/", mail)
    close.ask("POST", "/activity/note/", {"lead_id": lead, "note": "called"})
    close.ask("POST", "/lead/merge/", {"source": other["id"], "destination": lead})
    pages = list(connector.pull("events", since))
    assert [page.complete_to for page in pages[:-1]] == [None] * (len(pages) - 1)
    assert pages[-1].complete_to == since
    found = events(pages)
    updated = next(
        event for event in found if event.action is EventAction.UPDATED and event.remote_id == lead
    )
    assert updated.changed["company"] == "Acme Inc"
    assert updated.changed["phone"] is None
    assert updated.changed["city"] == "Austin"
    assert updated.changed["zip"] is None
    assert updated.changed["do_not_call"] is True
    assert updated.writer is not None
    assert updated.writer.endswith(" in person")
    assert updated.request_id is not None
    merged = [event for event in found if event.action is EventAction.MERGED]
    assert {(event.remote_id, event.merged_into) for event in merged} == {(other["id"], lead)}
    (unsubscribed,) = (event for event in found if event.action is EventAction.UNSUBSCRIBED)
    assert unsubscribed.address == "Jo@acme.com"
    (replied,) = (event for event in found if event.action is EventAction.REPLIED)
    assert (replied.address, replied.remote_id, replied.kind) == ("jo@acme.com", lead, Kind.COMPANY)
    kinds = {(event.kind, event.action) for event in found}
    assert (Kind.CONTACT, EventAction.CREATED) in kinds
    assert not any(event.action is EventAction.DELETED for event in found), "a merge's source is merged"


def test_our_own_changes_are_ours(connector: CloseConnector, close: RunningClose) -> None:
    list(connector.push([create("k1", company="Acme")]))
    (event,) = (each for each in events(connector.pull("events", None)) if each.kind is Kind.COMPANY)
    assert event.writer == connector.describe().writer
    assert event.changed["company"] == "Acme"


def test_the_log_is_read_again_within_five_minutes(connector: CloseConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
    close.clock.advance(3_600)
    close.ask("PUT", f"/lead/{lead}/", {"name": "B"})
    first = list(connector.pull("events", None))
    seen = {(event.event_id, event.updated_at) for event in events(first)}
    close.ask("PUT", f"/lead/{lead}/", {"url": "https://b.com"})
    grown = events(connector.pull("events", first[-1].complete_to))
    fresh = [event for event in grown if (event.event_id, event.updated_at) not in seen]
    assert len(fresh) == 1
    assert fresh[0].event_id in {key for key, _ in seen}, "the same event, grown since"
    assert {"company", "website"} <= fresh[0].changed.keys()


def test_a_stream_that_is_none(connector: CloseConnector) -> None:
    with pytest.raises(ValueError, match="no stream"):
        connector.pull("telepathy", None)


def test_dates_without_a_zone_are_utc() -> None:
    assert moment_of("2026-01-02T03:04:05.000001") == moment_of("2026-01-02T03:04:05.000001+00:00")
    assert moment_of(object_time(0.5)) == datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("since", [None, timedelta(days=11)])
def test_a_long_log_is_read_side_by_side(
    connector: CloseConnector, close: RunningClose, since: timedelta | None
) -> None:
    for burst in (120, 700, 1, 330):
        close.clock.advance(4 * 86_400)
        close.fill(burst)
    start = None if since is None else utc(close) - since
    pages = list(connector.pull("events", start))
    found = [event for page in pages for event in page.events]
    expected = [lead["id"] for lead in close.objects("lead")][0 if since is None else 120 :]
    assert {event.remote_id for event in found} == set(expected)
    assert len(found) < 1.1 * len(expected), "what is on a border comes twice, no more"
    assert [page.complete_to for page in pages][:-1] == [None] * (len(pages) - 1)
    assert pages[-1].complete_to == max(event.updated_at for event in found) - OVERLAP
    asked = [entry.params for entry in close.log if entry.path == "/event/"]
    assert len(asked) < 2 * len(expected) / 50 + 40
    assert len({params.get("date_updated__lte") for params in asked}) > 8


def test_an_instant_that_holds_more_than_a_reader_takes(
    connector: CloseConnector, close: RunningClose
) -> None:
    close.fill(450, same_instant=True)
    found = [event for page in connector.pull("events", None) for event in page.events]
    assert {event.remote_id for event in found} == {lead["id"] for lead in close.objects("lead")}
