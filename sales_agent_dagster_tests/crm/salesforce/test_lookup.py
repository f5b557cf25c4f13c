"""Who in the CRM may be the subject, by what."""

from __future__ import annotations

from sales_agent_dagster.crm.contract import Subject
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster_tests.crm.salesforce.organisation import CONTACT_KEY, KEY
from sales_agent_dagster_tests.salesforce_server import RunningServer

ACME = Subject("acme", ("Ada@acme.example",), ("acme.example",), ("+13105550100",))


def found(
    connector: SalesforceConnector, kind: Kind, *subjects: Subject
) -> list[tuple[str, tuple[str, ...]]]:
    candidates = connector.lookup(kind, subjects or [ACME])
    return [(one.record.remote_id, one.evidence) for some in candidates.values() for one in some]


def test_companies_by_every_key_best_first(leads: SalesforceConnector, organisation: RunningServer) -> None:
    by_phone = organisation.create("Account", Name="P", Phone="(310) 555-0100 x7")
    by_domain = organisation.create("Account", Name="D", Website="WWW.Acme.example/about")
    by_both = organisation.create(
        "Lead", LastName="L", Company="B", Website="http://acme.example", Phone="3105550100"
    )
    by_email = organisation.create("Lead", LastName="L", Company="E", Email="ada@acme.example")
    by_key = organisation.create("Account", Name="K", **{KEY: "ACME"})
    employer = organisation.create("Account", Name="C")
    organisation.create("Contact", LastName="L", Email="ada@acme.example", AccountId=employer)
    ranked = found(leads, Kind.COMPANY)
    assert ranked[0] == (by_key, ("external_key",))
    assert set(ranked[1:3]) == {(by_email, ("email",)), (employer, ("email",))}
    assert ranked[3:] == [
        (by_both, ("domain", "phone")),
        (by_domain, ("domain",)),
        (by_phone, ("phone",)),
    ]


def test_what_only_looks_alike_is_no_evidence(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.create("Account", Name="A", Website="https://notacme.example", Phone="(310) 555-0100 1")
    organisation.create("Account", Name="B", Website="https://acme.example.org", Phone="+44 20 3105 550100")
    organisation.create("Lead", LastName="L", Company="C", Email="ada@acme.example.org")
    deleted = organisation.create("Account", Name="D", Website="https://acme.example")
    organisation.delete(deleted)
    found_by = [evidence for _, evidence in found(leads, Kind.COMPANY)]
    assert "domain" not in [name for evidence in found_by for name in evidence]
    assert "email" not in [name for evidence in found_by for name in evidence]


def test_people_by_key_address_and_phone(leads: SalesforceConnector, organisation: RunningServer) -> None:
    contact = organisation.create("Contact", LastName="L", Email="ada@acme.example", Phone="310.555.0100")
    lead = organisation.create("Lead", LastName="L", Company="C", **{CONTACT_KEY: "acme"})
    mobile = organisation.create("Lead", LastName="L", Company="C", MobilePhone="310-555-0100", Phone="1")
    organisation.create("Lead", LastName="L", Company="C", Phone="310-555-0100", **{KEY: "acme"})
    assert found(leads, Kind.CONTACT) == [
        (lead, ("external_key",)),
        (contact, ("email", "phone")),
        (mobile, ("phone",)),
    ]


def test_a_converted_lead_s_key_counts_for_what_it_became(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    lead = organisation.create(
        "Lead", LastName="L", Company="C", Email="ada@acme.example", **{KEY: "acme", CONTACT_KEY: "acme"}
    )
    account, contact = organisation.convert(lead)
    assert found(leads, Kind.COMPANY) == [(account, ("external_key", "email"))]
    assert found(leads, Kind.CONTACT) == [(contact, ("external_key", "email"))]


def test_many_subjects_cost_few_calls_and_get_their_own(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    made = {
        f"key-{number}": organisation.create("Account", Name="x", Website=f"https://firm{number}.example")
        for number in range(50)
    }
    leads.describe()
    subjects = [
        Subject(key, (f"a{key}@x.example",), (f"firm{key[4:]}.example",), (f"+1310555{number:04}",))
        for number, key in enumerate(made)
    ]
    before = len(organisation.log)
    candidates = leads.lookup(Kind.COMPANY, subjects)
    assert {key: [one.record.remote_id for one in some] for key, some in candidates.items()} == {
        key: [one] for key, one in made.items()
    }
    assert len(organisation.log) - before <= 16


def test_notes_are_found_by_key(leads: SalesforceConnector, organisation: RunningServer) -> None:
    task = organisation.create("Task", Subject="Note", Description="x", **{KEY: "n1"})
    assert found(leads, Kind.NOTE, Subject("n1"), Subject("n2")) == [(task, ("external_key",))]
    assert leads.lookup(Kind.COMPANY, [Subject("nothing")]) == {}
