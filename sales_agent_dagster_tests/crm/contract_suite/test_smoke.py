"""The check against a real CRM, on every vendor's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from sales_agent_dagster.crm.contract import Connector, EnsuredField, FieldState, Health
from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, Kind
from sales_agent_dagster.crm.http import Exchange
from sales_agent_dagster.crm.redacting import redacted
from sales_agent_dagster.crm.smoke import live_smoke
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand

TAG = "5ca1ab1e"


@pytest.fixture
def traffic() -> list[Exchange]:
    return []


@pytest.fixture
def connector(stand: Stand, traffic: list[Exchange], monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    """Whose traffic is told."""
    options = stand.options
    monkeypatch.setattr(
        stand, "options", lambda dry_run=False: replace(options(dry_run=dry_run), hook=traffic.append)
    )
    made = stand.connect()
    yield made
    made.close()


def ran(connector: Connector, stand: Stand) -> dict[str, tuple[bool, str]]:
    return {step.name: (step.ok, step.message) for step in live_smoke(connector, TAG, stand.advance)}


def test_a_company_is_made_read_and_deleted(
    connector: Connector, stand: Stand, traffic: list[Exchange]
) -> None:
    kept = stand.add(company="Somebody else's")
    steps = ran(connector, stand)
    assert [(name, ok) for name, (ok, _) in steps.items()] == [
        ("log in", True),
        ("fields", True),
        ("create", True),
        ("read", True),
        ("delete", True),
    ], steps
    assert [record.remote_id for record in stand.companies()] == [kept]
    told = orjson.dumps([redacted(one) for one in traffic]).decode()
    assert TAG in b"".join(one.sent for one in traffic).decode()
    for secret in (TAG, "smoke", "Somebody", kept, stand.server.url.split("//")[1]):
        assert secret not in told
    assert {one["status"] for one in orjson.loads(told)} <= {200, 201, 204, 207, 404}


def test_it_is_deleted_though_it_cannot_be_read(
    connector: Connector, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "read", lambda kind, ids: {})
    steps = ran(connector, stand)
    assert steps["read"] == (False, "It cannot be read.")
    assert steps["delete"][0]
    assert stand.companies() == []


def test_what_comes_back_otherwise_is_told(
    connector: Connector, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = connector.read

    def changed(kind: Kind, ids: Any) -> Any:
        return {one: replace(record, fields={"company": "?"}) for one, record in read(kind, ids).items()}

    monkeypatch.setattr(connector, "read", changed)
    steps = ran(connector, stand)
    assert steps["read"] == (False, "It does not come back as it was sent.")
    assert stand.companies() == []


@pytest.mark.parametrize("done", [True, False])
def test_a_lost_answer_leaves_nothing_behind(connector: Connector, stand: Stand, done: bool) -> None:
    stand.lose_the_next_create(done=done)
    steps = ran(connector, stand)
    if steps["create"][0]:
        assert steps["delete"][0], steps
        assert stand.companies() == []
    else:
        assert f"({TAG})" in steps["create"][1]


def test_a_bad_start_is_the_end(connector: Connector, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.clear_log()
    missing = [EnsuredField(Kind.COMPANY, EXTERNAL_KEY, FieldState.MISSING)]
    with monkeypatch.context() as patch:
        patch.setattr(connector, "ensure_fields", lambda *, dry_run: missing)
        steps = ran(connector, stand)
    assert not steps["fields"][0]
    assert EXTERNAL_KEY in steps["fields"][1]
    with monkeypatch.context() as patch:
        patch.setattr(connector, "health", lambda: Health(False, "refused"))
        assert ran(connector, stand) == {"log in": (False, "refused")}
    with monkeypatch.context() as patch:
        patch.setattr(connector, "push", _raise)
        assert ran(connector, stand)["create"] == (False, "down")
    assert stand.writes() == 0


def test_a_field_that_it_does_not_write_may_be_missing(
    connector: Connector, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [EnsuredField(Kind.COMPANY, "score", FieldState.MISSING)]
    monkeypatch.setattr(connector, "ensure_fields", lambda *, dry_run: missing)
    steps = ran(connector, stand)
    assert all(ok for ok, _ in steps.values())
    assert "score" in steps["fields"][1]


def test_what_could_not_be_deleted_is_told(
    connector: Connector, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "erase", lambda kind, ids: _sent(ids))
    ok, message = ran(connector, stand)["delete"]
    [left] = stand.companies()
    assert (ok, message) == (False, f"It is still there. Delete {left.remote_id} yourself.")


def _raise(operations: object) -> object:
    raise Unavailable("down")


def _sent(ids: Any) -> list[Any]:
    from sales_agent_dagster.crm.contract import Sent

    return [Sent(one, one, created=False) for one in ids]
