"""Finding companies and people that the CRM has already; its words are not our equality."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import Subject
from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import create


def evidence(connector: CloseConnector, kind: Kind, subject: Subject) -> list[tuple[str, tuple[str, ...]]]:
    found = connector.lookup(kind, [subject])[subject.external_key]
    return [(candidate.record.remote_id, candidate.evidence) for candidate in found]


@pytest.fixture
def acme(connector: CloseConnector, close: RunningClose) -> str:
    person = {"name": "Jo", "emails": [{"email": "Jo@Acme.com"}], "phones": [{"phone": "512-555-0123"}]}
    lead = {"name": "Acme", "url": "https://www.Acme.com/about", "contacts": [person]}
    made = close.ask("POST", "/lead/", lead)
    # Their words hold Acme's, and they are somebody else.
    close.ask(
        "POST",
        "/lead/",
        {
            "name": "Neighbour",
            "url": "https://acme.com.example.net",
            "contacts": [{"name": "Big", "emails": [{"email": "big-jo@acme.com"}]}],
        },
    )
    return str(made["id"])


def test_each_key_finds(connector: CloseConnector, close: RunningClose, acme: str) -> None:
    def found(**keys: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        return evidence(connector, Kind.COMPANY, Subject("k1", **keys))

    assert found() == []
    assert found(emails=("jo@acme.com",)) == [(acme, ("email",))]
    assert found(domains=("acme.com",)) == [(acme, ("domain",))]
    assert found(phones=("+15125550123",)) == [(acme, ("phone",))]
    assert found(emails=("jo@acme.com",), domains=("acme.com",), phones=("+15125550123",)) == [
        (acme, ("email", "domain", "phone"))
    ]
    (sent,) = connector.push([create("k1", company="Ours", phone="+15125550199")])
    ours = sent.remote_id  # type: ignore[union-attr]
    assert found(emails=("jo@acme.com",)) == [(ours, ("external_key",)), (acme, ("email",))]
    other = Subject("k2", phones=("+15125550199",))
    assert evidence(connector, Kind.COMPANY, other) == [(ours, ("phone",))]


def test_people(connector: CloseConnector, close: RunningClose, acme: str) -> None:
    (contact,) = close.ask("GET", f"/lead/{acme}/")["contacts"]
    subject = Subject("c1", emails=("jo@acme.com",), domains=("acme.com",))
    assert evidence(connector, Kind.CONTACT, subject) == [(contact["id"], ("email",))]
    assert evidence(connector, Kind.CONTACT, Subject("c1", phones=("+15125550123",))) == [
        (contact["id"], ("phone",))
    ]
    record = connector.lookup(Kind.CONTACT, [subject])["c1"][0].record
    assert record.company_id == acme
    assert connector.lookup(Kind.NOTE, [subject]) == {"c1": []}


def test_many_at_once_and_the_oldest_first(connector: CloseConnector, close: RunningClose) -> None:
    names = [f"Lead {number}" for number in range(120)]
    for number, name in enumerate(names):
        contact = {"emails": [{"email": f"a{number // 2}@acme.com"}]}
        close.ask("POST", "/lead/", {"name": name, "contacts": [contact]})
    subjects = [Subject(f"k{number}", emails=(f"a{number}@acme.com",)) for number in range(60)]
    found = connector.lookup(Kind.COMPANY, subjects)
    assert {key: [each.record.fields["company"] for each in each_of] for key, each_of in found.items()} == {
        f"k{number}": names[number * 2 : number * 2 + 2] for number in range(60)
    }
    searches = [each for each in close.log if each.path == "/data/search/"]
    assert len(searches) == 2


def test_a_dead_cursor_in_a_lookup(connector: CloseConnector, close: RunningClose) -> None:
    contact = {"emails": [{"email": "info@acme.com"}]}
    for _ in range(201):
        close.ask("POST", "/lead/", {"name": "A", "contacts": [contact]})
    subject = Subject("k", emails=("info@acme.com",))
    assert len(connector.lookup(Kind.COMPANY, [subject])["k"]) == 201
    close.options.cursor_ttl_s = -1.0
    with pytest.raises(Unavailable):
        connector.lookup(Kind.COMPANY, [subject])


def test_reading_kinds_that_have_no_path(connector: CloseConnector) -> None:
    assert connector.read(Kind.NOTE, ["acti_x"]) == {}


def test_people_without_values_have_no_keys(
    connector: CloseConnector, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = connector.api.found

    def bare(*given: Any) -> list[dict[str, Any]]:
        empty = [{"emails": [{"email": None}, {}], "phones": [{}], "name": None}, {"emails": None}]
        return [{**value, "contacts": empty} for value in found(*given)]

    monkeypatch.setattr(connector.api, "found", bare)
    subject = Subject("k1", emails=("jo@acme.com",), domains=("acme.com",))
    assert evidence(connector, Kind.COMPANY, subject) == [(acme, ("domain",))]
