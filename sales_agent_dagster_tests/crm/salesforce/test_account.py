"""Schema, set-up instructions, health, erasing."""

from __future__ import annotations

import re

import pytest

from sales_agent_dagster.crm.contract import FieldState
from sales_agent_dagster.crm.errors import InvalidRequest
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.operations import Deferred, Failed, Sent
from sales_agent_dagster.crm.salesforce import SalesforceConnector, connect
from sales_agent_dagster.crm.salesforce.layout import NO_NAME, full_id
from sales_agent_dagster.crm.salesforce.records import split_name
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.crm.salesforce import organisation as setting_up
from sales_agent_dagster_tests.crm.salesforce.organisation import CONTACT_KEY, KEY, create, options_of, push
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.ids import with_checksum


def test_the_account_and_its_schema(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.org.objects["lead"].change("Industry", restricted=True)
    found = leads.describe()
    assert found.account.startswith("Acme (00D")
    assert found.writer == organisation.org.integration
    assert found.limits["daily_api_requests"] == organisation.app.options.daily_calls
    fields = {(one.kind, one.name): one for one in found.fields}
    assert fields.keys() == {
        (kind, name) for kind, names in leads.capabilities.fields.items() for name in names
    }
    industry = fields[Kind.COMPANY, "industry"]
    assert (industry.remote_name, industry.choices[0]) == ("Industry", "Agriculture")
    assert fields[Kind.COMPANY, "score"].remote_name == "Sales_Agent_Score__c"
    assert fields[Kind.CONTACT, "email"].length == 80
    assert not fields[Kind.COMPANY, "status"].writable
    assert fields[Kind.COMPANY, "company"].writable


def test_every_field_of_ours_has_a_place(leads: SalesforceConnector) -> None:
    assert {kind: set(names) for kind, names in leads.capabilities.fields.items()} == {
        kind: set(names) for kind, names in FIELDS.items()
    }


def test_a_person_is_told_how_to_create_what_is_missing(
    leads: SalesforceConnector, salesforce: RunningServer
) -> None:
    salesforce.reset()
    missing = leads.ensure_fields(dry_run=False)
    assert {one.state for one in missing} == {FieldState.MISSING}
    told = "\n".join(str(one.instruction) for one in missing)
    assert "Object Manager, Lead, Fields & Relationships, New: Text, length 100, External ID, Unique" in told
    assert "Object Manager, Activity, " in told
    assert not salesforce.writes
    setting_up.set_up(salesforce)
    assert {one.state for one in leads.ensure_fields(dry_run=True)} == {FieldState.PRESENT}


def test_a_field_that_is_not_as_it_must_be_is_told(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.org.objects["lead"].change(KEY, unique=False)
    organisation.org.objects["account"].change("Sales_Agent_Tier__c", system=True)
    faults = [one.instruction for one in leads.ensure_fields(dry_run=True) if one.state is FieldState.MISSING]
    assert len(faults) == 2
    assert any("must be an External ID and Unique" in str(fault) for fault in faults)
    assert any("Field-Level Security" in str(fault) for fault in faults)


def test_health_tells_the_quota(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.app.options.daily_calls = 4
    assert leads.health().quota_left == 0.75
    assert leads.counters.quota_left == 0.75
    for _ in range(3):
        leads.health()
    spent = leads.health()
    assert not spent.ok
    assert "no more calls today; they come back over 24 hours. TotalRequests Limit exceeded" in spent.message


def test_a_retired_version_is_told(organisation: RunningServer) -> None:
    connector = setting_up.connect(organisation, api_version="20.0")
    with pytest.raises(InvalidRequest, match="API version"):
        connector.describe()
    [result] = push(connector, create(Kind.COMPANY, "k", company="x"))
    connector.close()
    assert not isinstance(result, Sent)


def test_a_version_that_the_organisation_has_not_got_is_told(organisation: RunningServer) -> None:
    connector = setting_up.connect(organisation, api_version="99.0")
    wanted = r"no API version 99\.0 here\. Set SALES_AGENT_SALESFORCE__API_VERSION to \d\d\.0\."
    assert re.search(wanted, connector.health().message)
    with pytest.raises(InvalidRequest, match=wanted):
        list(connector.pull("accounts", None))
    connector.close()


def test_erased_records_are_in_the_bin_and_gone_ones_are_done(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    account, contact, lead = (
        organisation.create("Account", Name="A"),
        organisation.create("Contact", LastName="L"),
        organisation.create("Lead", LastName="L", Company="C"),
    )
    assert all(isinstance(one, Sent) for one in leads.erase(Kind.COMPANY, [account, account]))
    results = list(leads.erase(Kind.CONTACT, [contact, lead]))
    assert {one.op_id for one in results if isinstance(one, Sent)} == {contact, lead}
    assert all(organisation.record(one)["IsDeleted"] for one in (account, contact, lead))
    [again] = leads.erase(Kind.CONTACT, [contact])
    assert isinstance(again, Sent)


def test_the_person_of_a_company_s_lead_is_emptied(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    lead = organisation.create(
        "Lead",
        FirstName="Ada",
        LastName="L",
        Company="C",
        Email="a@x.example",
        MobilePhone="1",
        **{KEY: "c", CONTACT_KEY: "a"},
    )
    [result] = leads.erase(Kind.CONTACT, [lead])
    assert isinstance(result, Sent)
    held = organisation.record(lead)
    assert (held["Name"], held["Email"], held["MobilePhone"], held[CONTACT_KEY]) == (
        NO_NAME,
        None,
        None,
        None,
    )
    assert (held["Company"], held["IsDeleted"]) == ("C", False)


def test_what_cannot_be_erased_is_told(leads: SalesforceConnector, organisation: RunningServer) -> None:
    lead = organisation.create("Lead", LastName="L", Company="C", **{KEY: "c"})
    organisation.convert(lead)
    [result] = leads.erase(Kind.CONTACT, [lead])
    assert isinstance(result, Failed)
    organisation.fault("forbidden", method="DELETE")
    [result] = leads.erase(Kind.COMPANY, [lead])
    assert isinstance(result, Deferred)


def test_connecting_from_settings(organisation: RunningServer, settings: Settings) -> None:
    given = settings.model_copy(update={"salesforce": setting_up.settings_of(organisation)})
    connector = connect(given, options_of())
    assert connector.health().ok
    connector.close()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("", None, NO_NAME),
        ("Cher", None, "Cher"),
        ("Ada King  Lovelace", "Ada King", "Lovelace"),
        ("a" * 30 + " " + "b" * 30 + " c", "a" * 30, "b" * 30 + " c"),
        ("a" * 60 + " b", None, "a" * 60 + " b"),
    ],
)
def test_names_are_cut_where_salesforce_takes_them(name: str, first: str | None, last: str) -> None:
    assert split_name(name) == (first, last)


def test_short_ids_get_their_checksum() -> None:
    assert full_id("001D000000IRFma") == with_checksum("001D000000IRFma")
    assert full_id("001D000000IRFmaIAH") == "001D000000IRFmaIAH"
