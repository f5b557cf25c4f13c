"""The account: its schema, our properties, versions of the API, health, limits."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.contract import Connector, FieldState, Sent
from sales_agent_dagster.crm.errors import PermissionRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.registry import connect as connect_by_name
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed
from sales_agent_dagster_tests.hubspot_server import RunningServer


def test_properties_are_created_once(hubspot: RunningServer, connect: Connect) -> None:
    plan = connect(dry_run=True, ready=False).ensure_fields(dry_run=True)
    assert {one.state for one in plan} == {FieldState.MISSING}
    assert hubspot.writes() == []
    crm = connect(ready=False)
    assert {one.state for one in crm.ensure_fields(dry_run=False)} == {FieldState.CREATED}
    count = len(hubspot.writes())
    assert {one.state for one in crm.ensure_fields(dry_run=False)} == {FieldState.PRESENT}
    assert len(hubspot.writes()) == count == len(plan)
    for kind in ("companies", "contacts", "notes"):
        assert hubspot.store.definitions.kinds[kind]["sales_agent_external_key"].unique


def test_a_property_of_the_wrong_kind_needs_a_person(hubspot: RunningServer, connect: Connect) -> None:
    shared = {"label": "x", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    for name in ("sales_agent_external_key", "sales_agent_score"):
        hubspot.store.definitions.create("companies", {"name": name, **shared})
    found = {(one.kind, one.name): one for one in connect(ready=False).ensure_fields(dry_run=False)}
    key, score = found[Kind.COMPANY, "external_key"], found[Kind.COMPANY, "score"]
    assert (key.state, score.state) == (FieldState.MISSING, FieldState.MISSING)
    assert "not unique" in str(key.instruction)
    assert "type is string in place of number" in str(score.instruction)


def test_a_faster_worker_s_property_is_no_error(hubspot: RunningServer, connect: Connect) -> None:
    hubspot.fail("drop", where="POST /properties/companies")
    states = [one.state for one in connect(ready=False).ensure_fields(dry_run=False)]
    assert states.count(FieldState.PRESENT) == 1


def test_what_hubspot_refuses_is_told_with_its_words(hubspot: RunningServer, connect: Connect) -> None:
    for number in range(10):
        unique = {
            "label": "x",
            "type": "string",
            "fieldType": "text",
            "groupName": "g",
            "hasUniqueValue": True,
        }
        hubspot.store.definitions.create("notes", {"name": f"u{number}", **unique})
    found = {(one.kind, one.name): one for one in connect(ready=False).ensure_fields(dry_run=False)}
    assert found[Kind.NOTE, "external_key"].state is FieldState.MISSING
    assert "more than 10 unique" in str(found[Kind.NOTE, "external_key"].instruction)
    assert found[Kind.COMPANY, "external_key"].state is FieldState.CREATED


def test_without_the_scope_it_says_so(hubspot: RunningServer, connect: Connect) -> None:
    hubspot.reset(scopes=False)
    with pytest.raises(PermissionRefused, match="scopes"):
        connect()


def test_the_description_names_the_account_and_its_fields(crm: HubSpot, connect: Connect) -> None:
    found = crm.describe()
    assert found.account == "HubSpot account 62515 (STANDARD), API 2026-09"
    assert found.writer is None
    assert connect(app_id="54321").describe().writer == "54321"
    fields = {(one.kind, one.name): one for one in found.fields}
    assert fields[Kind.COMPANY, "company"].remote_name == "name"
    assert fields[Kind.COMPANY, "score"].remote_name == "sales_agent_score"
    assert not fields[Kind.COMPANY, "status"].writable
    assert "OPEN" in fields[Kind.COMPANY, "status"].choices
    missing = {
        (one.kind, one.name): one for one in connect(property_prefix="x_", ready=False).describe().fields
    }
    assert missing[Kind.COMPANY, "score"].remote_name is None


@pytest.mark.parametrize(
    ("versions", "wanted", "used"),
    [
        (("v3", "v4", "2026-09"), "2026-09", "2026-09"),
        (("v3", "v4"), "2026-09", "v3"),
        (("v3", "v4", "2026-03"), "2026-03", "2026-03"),
        (("v3", "v4", "2026-09"), "v3", "v3"),
    ],
)
def test_the_dated_version_or_v3(
    hubspot: RunningServer, connect: Connect, versions: tuple[str, ...], wanted: str, used: str
) -> None:
    hubspot.reset(versions=versions)
    crm = connect(api_version=wanted)
    company = hubspot.add("companies", name="Acme")
    contact = create("p", Kind.CONTACT, company, email="jo@acme.example")
    assert isinstance(pushed(crm, contact)[0], Sent)
    assert [len(page.records) for page in crm.pull("contacts", None)] == [1]
    assert [len(page.records) for page in crm.pull("opportunities", None)] == [0]
    assert f"API {used}" in crm.describe().account
    assert all(used in one.path or "v4" in one.path for one in hubspot.writes() if one.status != 404)


def test_health_is_one_call_and_never_raises(hubspot: RunningServer, connect: Connect) -> None:
    hubspot.reset(daily=1000, ten_seconds=100)
    crm = connect(ready=False)
    health = crm.health()
    assert (health.ok, health.message, health.quota_left) == (True, "HubSpot account 62515", 0.999)
    assert len(hubspot.log) == 1
    hubspot.fail("401")
    refused = crm.health()
    assert not refused.ok
    assert refused.message.startswith("HubSpot refuses SALES_AGENT_HUBSPOT__TOKEN: ")


def test_the_registry_knows_it(hubspot: RunningServer, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_HUBSPOT__TOKEN"):
        connect_by_name("hubspot", settings, TransportOptions())
    given = {"token": "t", "base_url": hubspot.url}
    crm: Connector = connect_by_name(
        "hubspot",
        settings.model_copy(update={"hubspot": type(settings.hubspot)(**given)}),
        TransportOptions(),
    )
    refused = crm.health()
    assert not refused.ok
    assert refused.message.startswith("HubSpot refuses SALES_AGENT_HUBSPOT__TOKEN: ")
    assert "t" in repr(given)
    crm.close()


@pytest.mark.parametrize("headers", [True, False])
def test_a_push_stays_under_the_limit(hubspot: RunningServer, connect: Connect, headers: bool) -> None:
    hubspot.reset(ten_seconds=100, limit_headers=headers)
    crm = connect(ready=False)
    assert all(crm.health().ok for _ in range(115))
    assert hubspot.limits.refused <= (0 if headers else 5)
    assert hubspot.limits.busiest["ten_seconds"] <= 100


def test_searches_stay_under_theirs(hubspot: RunningServer, connect: Connect) -> None:
    hubspot.reset(search_second=5)
    crm = connect()
    rows = [{"name": f"C{number}"} for number in range(1800)]
    hubspot.add_many("companies", rows, step_s=0.001)
    before = hubspot.clock.now()
    assert sum(len(page.records) for page in crm.pull("companies", None)) == 1800
    assert hubspot.limits.refused == 0
    assert hubspot.limits.busiest["search"] == 5
    assert hubspot.clock.now() - before < 10 / 5 * 1.15


def test_a_storm_of_refusals_ends(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.fail("429", "429_bare", where="POST .*upsert", times=5)
    assert isinstance(pushed(crm, create("a"))[0], Sent)
    assert crm.counters.refusals == 10
