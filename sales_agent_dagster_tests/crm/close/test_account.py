"""The organisation: its fields, its health, and whom it says not to contact."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.close import CloseConnector, connect
from sales_agent_dagster.crm.contract import FieldState, SuppressionScope
from sales_agent_dagster.crm.errors import Ambiguous, InvalidRequest, PermissionRefused, RecordGone
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.registry import connect as connect_by_name
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.close_server import schema
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import MakeConnector


def test_fields_are_made_once(connector_to: MakeConnector, close: RunningClose) -> None:
    connector = connector_to()
    told = connector_to(dry_run=True).ensure_fields(dry_run=True)
    assert {field.state for field in told} == {FieldState.MISSING}
    assert close.writes() == []
    assert {field.state for field in connector.ensure_fields(dry_run=False)} == {FieldState.CREATED}
    made = len(close.writes())
    assert {field.state for field in connector.ensure_fields(dry_run=False)} == {FieldState.PRESENT}
    assert len(close.writes()) == made == len(told)
    types = {field["name"]: field["type"] for field in close.ask("GET", "/custom_field/lead/")["data"]}
    assert types["Sales Agent Key"] == "text"
    assert types["Sales Agent Sync hash"] == "hidden"
    assert types["Sales Agent Lead score"] == "number"
    assert types["Sales Agent Last enriched at"] == "datetime"
    assert [field["name"] for field in close.ask("GET", "/custom_field/contact/")["data"]] == [
        "Sales Agent Key"
    ]


def test_fields_that_people_made_are_left_alone(connector_to: MakeConnector, close: RunningClose) -> None:
    close.ask("POST", "/custom_field/lead/", {"name": "Tier", "type": "choices", "choices": ["x"]})
    taken = {"name": "Sales Agent Tier", "type": "choices", "choices": ["x"]}
    close.ask("POST", "/custom_field/lead/", taken)
    shared = close.ask("POST", "/custom_field/shared/", {"name": "Sales Agent Industry", "type": "text"})
    connector = connector_to()
    states = {
        field.name: field for field in connector.ensure_fields(dry_run=False) if field.kind is Kind.COMPANY
    }
    assert states["tier"].state is FieldState.MISSING
    assert "rename it" in str(states["tier"].instruction)
    assert states["industry"].state is FieldState.PRESENT
    described = {field.name: field for field in connector.describe().fields if field.kind is Kind.COMPANY}
    assert described["tier"].remote_name is None
    assert described["industry"].remote_name == f"custom.{shared['id']}"


def test_without_the_permission_it_says_who_can(connector_to: MakeConnector, close: RunningClose) -> None:
    close.options.manage_organization = False
    with pytest.raises(PermissionRefused, match="Manage Organization"):
        connector_to().ensure_fields(dry_run=False)


def test_an_account_without_hidden_fields_has_the_hash_in_a_text(
    connector_to: MakeConnector, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "TYPES", schema.TYPES - {"hidden"})
    connector = connector_to()
    states = {field.state for field in connector.ensure_fields(dry_run=False)}
    assert states == {FieldState.CREATED}
    assert {field.state for field in connector.ensure_fields(dry_run=True)} == {FieldState.PRESENT}
    types = {field["name"]: field["type"] for field in close.ask("GET", "/custom_field/lead/")["data"]}
    assert types["Sales Agent Sync hash"] == "text"


def test_a_refused_field_is_named(
    connector_to: MakeConnector, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "TYPES", schema.TYPES - {"number"})
    with pytest.raises(InvalidRequest, match=r"custom field 'Sales Agent Lead score' of a lead: .*type"):
        connector_to().ensure_fields(dry_run=False)
    monkeypatch.setattr(schema, "TYPES", frozenset({"text", "number", "datetime"}))
    close.fault("404", method="POST", path="/custom_field/contact/")
    with pytest.raises(RecordGone):
        connector_to().ensure_fields(dry_run=False)


def test_a_field_whose_answer_was_lost(connector_to: MakeConnector, close: RunningClose) -> None:
    close.fault("drop", method="POST", path="/custom_field/")
    connector_to().ensure_fields(dry_run=False)
    names = [field["name"] for field in close.ask("GET", "/custom_field/lead/")["data"]]
    assert len(names) == len(set(names)) == 13
    close.reset()
    close.fault("drop_before", method="POST", path="/custom_field/")
    with pytest.raises(Ambiguous):
        connector_to().ensure_fields(dry_run=False)


def test_what_is_described(connector: CloseConnector) -> None:
    description = connector.describe()
    assert description.account.startswith("Tests Ltd (orga_")
    described = {(field.kind, field.name) for field in description.fields}
    capable = {(kind, name) for kind, names in connector.capabilities.fields.items() for name in names}
    assert described == capable
    assert all(field.remote_name for field in description.fields)
    assert all(field.writable != FIELDS[field.kind][field.name].readable_only for field in description.fields)


def test_health(connector_to: MakeConnector, close: RunningClose) -> None:
    assert connector_to().health().ok
    refused = connector_to("nobody").health()
    said = "Close refuses SALES_AGENT_CLOSE__API_KEY: Unauthorized"
    assert (refused.ok, refused.message) == (False, said)
    close.fault("503", times=99)
    assert not connector_to().health().ok


def test_whom_not_to_contact(connector_to: MakeConnector, close: RunningClose) -> None:
    close.options.search_cap = 50
    for number in range(130):
        close.ask("POST", "/unsubscribe/email/", {"email": f"P{number}@acme.com"})
    close.ask("POST", "/blocked_phone_number/", {"phone": "+15125550123"})
    leads = [close.ask("POST", "/lead/", {"name": "A", "status": "Do Not Contact"})["id"] for _ in range(60)]
    close.fill(5)
    connector = connector_to()
    found = list(connector.suppressions(None))
    by_scope = {scope: [each.value for each in found if each.scope is scope] for scope in SuppressionScope}
    assert by_scope[SuppressionScope.EMAIL] == [f"p{number}@acme.com" for number in range(130)]
    assert by_scope[SuppressionScope.PHONE] == ["+15125550123"]
    assert sorted(by_scope[SuppressionScope.COMPANY]) == sorted(leads)
    assert all(each.since is not None for each in found if each.scope is SuppressionScope.EMAIL)
    none = connector_to(settings={"do_not_contact_statuses": ()})
    assert SuppressionScope.COMPANY not in {each.scope for each in none.suppressions(None)}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/unsubscribe/", "404"),
        ("/blocked_phone_number/", "402"),
        ("/blocked_phone_number/", "403"),
        ("/blocked_phone_number/", "404"),
    ],
)
def test_a_list_that_an_account_has_not_got_stops_nothing(
    connector: CloseConnector, close: RunningClose, caplog: pytest.LogCaptureFixture, path: str, status: str
) -> None:
    close.ask("POST", "/unsubscribe/email/", {"email": "jo@acme.com"})
    close.ask("POST", "/blocked_phone_number/", {"phone": "+15125550123"})
    lead = close.ask("POST", "/lead/", {"name": "A", "status": "Do Not Contact"})["id"]
    close.fault(status, method="GET", path=path)
    kept = "+15125550123" if path == "/unsubscribe/" else "jo@acme.com"
    assert [each.value for each in connector.suppressions(None)] == [kept, lead]
    assert path.strip("/") in caplog.text


def test_who_unsubscribed_must_be_seen(connector: CloseConnector, close: RunningClose) -> None:
    close.fault("403", method="GET", path="/unsubscribe/")
    with pytest.raises(PermissionRefused, match=r"does not let this API key GET unsubscribe/email/"):
        list(connector.suppressions(None))


def test_lists_that_do_not_say_whether_there_is_more(
    connector: CloseConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [{"phone": f"+1512555{number:04}"} for number in range(250)]

    def page(path: str, params: dict[str, int]) -> dict[str, object]:
        return {"data": numbers[params["_skip"] :][: params["_limit"]]}

    monkeypatch.setattr(connector.api, "get", page)
    assert list(connector.api.listed("blocked_phone_number/")) == numbers


def test_another_address_than_close_s(connector_to: MakeConnector, close: RunningClose) -> None:
    health = connector_to(settings={"base_url": close.url.replace("/v1", "/v9")}).health()
    assert not health.ok
    assert "SALES_AGENT_CLOSE__BASE_URL is not that of Close's API" in health.message
    assert "There is no me/ at http://127.0.0.1" in health.message


def test_statuses_say_what_they_are_set_to_say(connector_to: MakeConnector, close: RunningClose) -> None:
    lead = close.ask("POST", "/lead/", {"name": "A", "status": "Customer"})["id"]
    fields = connector_to().read(Kind.COMPANY, [lead])[lead].fields
    assert fields == {"company": "A", "status": "Customer", "existing_customer": True}
    other = connector_to(
        settings={"customer_statuses": ("Qualified",), "do_not_contact_statuses": ("Customer",)}
    )
    assert other.read(Kind.COMPANY, [lead])[lead].fields == {
        "company": "A",
        "status": "Customer",
        "do_not_call": True,
    }


def test_a_key_without_an_organisation_is_told(
    connector: CloseConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector.api, "get", lambda path: {"id": "user_1", "organizations": []})
    health = connector.health()
    assert (health.ok, "no organisation" in health.message) == (False, True)
    with pytest.raises(PermissionRefused):
        connector.describe()


def test_by_name(settings: Settings, close: RunningClose) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_CLOSE__API_KEY"):
        connect(settings, TransportOptions())
    keyed = settings.model_copy(
        update={"close": settings.close.model_validate({"api_key": "key", "base_url": close.url})}
    )
    connector = connect_by_name("close", keyed, TransportOptions())
    assert isinstance(connector, CloseConnector)
    connector.close()
    assert "key" not in repr(keyed.close.api_key)
