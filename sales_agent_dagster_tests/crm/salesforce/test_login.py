"""Tokens: both flows, their end, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sales_agent_dagster.crm.errors import AuthRefused, Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Deferred, FailureClass, Sent
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import SalesforceSettings
from sales_agent_dagster_tests.crm.salesforce.organisation import connect, create, options_of, push
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.clock import START
from sales_agent_dagster_tests.salesforce_server.keys import new_key, private_pem, public_pem
from sales_agent_dagster_tests.salesforce_server.oauth import USERNAME

KEY = new_key()
TOKEN = "/services/oauth2/token"


def tokens(server: RunningServer) -> int:
    return sum(asked.path == TOKEN for asked in server.log)


@contextmanager
def connected(server: RunningServer, **given: Any) -> Iterator[SalesforceConnector]:
    connector = connect(server, **given)
    yield connector
    connector.close()


def by_key(server: RunningServer, **given: Any) -> Any:
    """With an assertion. The assertion's times are real: so must the server's be."""
    server.reset(public_key=public_pem(KEY))
    server.clock.advance((datetime.now(UTC) - START).total_seconds())
    return connected(
        server, **{"client_secret": None, "username": USERNAME, "private_key": private_pem(KEY), **given}
    )


def test_one_token_serves_many_calls(organisation: RunningServer, leads: SalesforceConnector) -> None:
    for _ in range(3):
        assert leads.health().ok
    assert tokens(organisation) == 1


def test_an_expired_token_is_renewed_once_and_the_call_repeated(
    organisation: RunningServer, leads: SalesforceConnector
) -> None:
    leads.health()
    organisation.clock.advance(7201)
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, Sent)
    assert tokens(organisation) == 2


def test_many_threads_renew_a_token_once(organisation: RunningServer) -> None:
    with connected(organisation) as connector:
        push(connector, create(Kind.COMPANY, "k", company="Firm"))
        organisation.app.tokens.expire()
        operations = [create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(1600)]
        assert all(isinstance(result, Sent) for result in push(connector, *operations))
    assert tokens(organisation) == 2


def test_a_token_that_is_refused_again_stops_everything(
    organisation: RunningServer, leads: SalesforceConnector
) -> None:
    organisation.fault("expired", method="PATCH", times=100)
    results = push(leads, *(create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(3)))
    assert {result.failure for result in results if isinstance(result, Deferred)} == {FailureClass.AUTH}
    assert len(results) == 3


def test_a_wrong_secret_is_told_and_not_repeated_in_the_message(organisation: RunningServer) -> None:
    with connected(organisation, client_secret="not-the-secret") as connector:
        health = connector.health()
        assert not health.ok
        assert "invalid client credentials" in health.message
        assert "not-the-secret" not in health.message
        with pytest.raises(AuthRefused):
            connector.describe()


def test_a_login_that_is_down_refuses_nobody(organisation: RunningServer) -> None:
    organisation.fault("502", path="token", times=99)
    with connected(organisation) as connector:
        assert connector.health().message == "Salesforce's login answered 502."


def test_an_assertion_in_place_of_a_secret(salesforce: RunningServer, tmp_path: Path) -> None:
    with by_key(salesforce) as connector:
        assert connector.health().ok
    file = tmp_path / "key.pem"
    file.write_text(private_pem(KEY))
    with by_key(salesforce, private_key=None, private_key_path=file) as connector:
        assert connector.health().ok


@pytest.mark.parametrize("minutes", [-5, 5])
def test_an_assertion_is_made_by_the_server_s_clock_where_ours_is_wrong(
    salesforce: RunningServer, minutes: int
) -> None:
    with by_key(salesforce) as connector:
        salesforce.clock.advance(minutes * 60)
        assert connector.health().ok
    assert tokens(salesforce) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"private_key": private_pem(new_key())}, "invalid assertion"),
        ({"username": "other@acme.example"}, "hasn't approved"),
        ({"client_id": "other"}, "client identifier invalid"),
        ({"audience": "https://else.example"}, "audience is invalid"),
        ({"private_key": "nonsense"}, "PRIVATE_KEY is not the PEM"),
    ],
)
def test_a_wrong_assertion_is_refused(salesforce: RunningServer, given: dict[str, str], said: str) -> None:
    with by_key(salesforce, **given) as connector:
        health = connector.health()
    assert not health.ok
    assert said in health.message


def test_a_key_file_that_is_not_there(salesforce: RunningServer, tmp_path: Path) -> None:
    given = {"private_key": None, "private_key_path": tmp_path / "none.pem"}
    with (
        by_key(salesforce, **given) as connector,
        pytest.raises(ConfigurationError, match="PRIVATE_KEY_PATH"),
    ):
        connector.health()


def test_a_token_for_another_host_is_not_used(salesforce: RunningServer) -> None:
    with connected(salesforce, instance_url="http://localhost:1", login_url=salesforce.url) as connector:
        health = connector.health()
    assert "Set SALES_AGENT_SALESFORCE__INSTANCE_URL to that" in health.message
    assert salesforce.url in health.message
    assert tokens(salesforce) == len(salesforce.log)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["INSTANCE_URL", "CLIENT_ID", "USERNAME", "CLIENT_SECRET", "PRIVATE_KEY_PATH"]),
        ({"instance_url": "https://a.example", "client_id": "x", "private_key": "x"}, ["USERNAME"]),
        ({"client_secret": "x"}, ["INSTANCE_URL", "CLIENT_ID"]),
    ],
)
def test_missing_settings_are_named_all_at_once(given: dict[str, str], missing: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SalesforceConnector(SalesforceSettings(**given), options_of())
    for name in missing:
        assert f"SALES_AGENT_SALESFORCE__{name}" in str(caught.value)
    assert str(caught.value).count("SALES_AGENT_") == len(missing)


def test_secrets_are_shown_nowhere(salesforce: RunningServer) -> None:
    seen: list[Any] = []
    connector = SalesforceConnector(
        SalesforceSettings(instance_url=salesforce.url, client_id="x", client_secret="hush"),
        options_of(hook=seen.append),
    )
    connector.health()
    connector.close()
    assert "hush" not in repr(SalesforceSettings(client_secret="hush", private_key="hush"))
    assert seen == []


def test_an_answer_without_a_token_is_no_login(
    salesforce: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salesforce.app.tokens, "grant", lambda *given: {"token_type": "Bearer"})
    with connected(salesforce) as connector:
        assert connector.health().message == "Salesforce granted no token."


def test_a_login_that_is_down_is_no_refusal(salesforce: RunningServer) -> None:
    salesforce.fault("503", path="oauth2", times=100)
    with connected(salesforce) as connector, pytest.raises(Unavailable):
        connector.describe()
