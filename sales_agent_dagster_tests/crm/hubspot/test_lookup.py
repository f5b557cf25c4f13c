"""Who of the CRM a lead may be."""

from __future__ import annotations

from sales_agent_dagster.crm.contract import Sent, Subject
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed
from sales_agent_dagster_tests.hubspot_server import RunningServer


def found(crm: HubSpot, kind: Kind, *subjects: Subject) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    return {
        key: [(one.record.remote_id, one.evidence) for one in candidates]
        for key, candidates in crm.lookup(kind, subjects).items()
    }


def test_companies_by_key_domain_and_phone(hubspot: RunningServer, crm: HubSpot) -> None:
    (ours,) = pushed(crm, create("c1", company="Ours", website="https://www.ours.example/start"))
    assert isinstance(ours, Sent)
    theirs = hubspot.add("companies", name="Theirs", domain="ours.example", phone="(512) 555-0100")
    other = hubspot.add("companies", name="Other", phone="512-555-0199")
    subject = Subject("c1", domains=("ours.example",), phones=("+15125550100",))
    assert found(crm, Kind.COMPANY, subject, Subject("c2", phones=("+15125550199",)), Subject("c3")) == {
        "c1": [(ours.remote_id, ("external_key", "domain")), (theirs, ("domain", "phone"))],
        "c2": [(other, ("phone",))],
        "c3": [],
    }


def test_what_the_search_finds_and_is_not_equal_is_no_candidate(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.add("companies", name="A", phone="512-555-0100 ext. 7")
    hubspot.add("companies", name="B", domain="other.example", website="https://acme.example")
    subject = Subject("c1", domains=("other.example",), phones=("+15125550100",))
    assert found(crm, Kind.COMPANY, subject) == {"c1": []}


def test_contacts_by_address_see_even_what_the_index_does_not(
    hubspot: RunningServer, connect: Connect
) -> None:
    hubspot.reset(index_lag_s=30)
    crm = connect()
    contact = hubspot.add("contacts", email="jo@acme.example")
    subjects = (
        Subject("p1", emails=("JO@acme.example", "x@acme.example")),
        Subject("p2", emails=("no@acme.example",)),
    )
    assert found(crm, Kind.CONTACT, *subjects) == {"p1": [(contact, ("email",))], "p2": []}


def test_archived_records_are_no_candidates(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.delete("companies", hubspot.add("companies", name="Gone", domain="gone.example"))
    assert found(crm, Kind.COMPANY, Subject("c1", domains=("gone.example",))) == {"c1": []}


def test_before_our_properties_exist_nothing_has_a_key(hubspot: RunningServer, connect: Connect) -> None:
    crm = connect(dry_run=True, ready=False)
    company = hubspot.add("companies", name="Acme", domain="acme.example")
    subject = Subject("c1", domains=("acme.example",))
    assert found(crm, Kind.COMPANY, subject) == {"c1": [(company, ("domain",))]}
    connect()
    (ours,) = pushed(connect(), create("c1", company="Ours"))
    assert isinstance(ours, Sent)
    assert (ours.remote_id, ("external_key",)) in found(crm, Kind.COMPANY, subject)["c1"]


def test_a_hundred_subjects_fit_the_limits_of_searches(hubspot: RunningServer, crm: HubSpot) -> None:
    subjects = [
        Subject(f"c{n}", domains=(f"a-rather-long-name-{n}.example",), phones=(f"+1512555{n:04d}",))
        for n in range(100)
    ]
    companies = [hubspot.add("companies", name="x", domain=one.domains[0]) for one in subjects]
    shared = [hubspot.add("companies", name="y", domain=subjects[0].domains[0]) for _ in range(250)]
    result = found(crm, Kind.COMPANY, *subjects)
    assert [result[f"c{n}"] for n in range(1, 100)] == [[(one, ("domain",))] for one in companies[1:]]
    assert [one for one, _ in result["c0"]] == [companies[0], *shared]
