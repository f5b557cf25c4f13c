"""A connector to the stand-in, on the stand-in's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import Action, Operation, PushResult, Sent
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.settings import CloseSettings
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose

MakeConnector = Callable[..., CloseConnector]


@pytest.fixture
def connector_to(close: RunningClose) -> Iterator[MakeConnector]:
    """Makes connectors: ``connector_to(key=..., settings={...}, dry_run=True, ...)``."""
    made: list[CloseConnector] = []

    def make(key: str = API_KEY, settings: dict[str, Any] | None = None, **options: Any) -> CloseConnector:
        given = {
            "dry_run": False,
            "now": close.clock.now,
            "sleep": close.clock.advance,
            "jitter": lambda: 0.5,
            "read_timeout_s": 5.0,
            **options,
        }
        connector = CloseConnector(
            CloseSettings(**{"base_url": close.url, **(settings or {})}),
            TransportOptions(**given),
            SecretStr(key),
        )
        made.append(connector)
        return connector

    yield make
    for connector in made:
        connector.close()


@pytest.fixture
def connector(connector_to: MakeConnector) -> CloseConnector:
    """With its custom fields in place and nothing logged."""
    connector = connector_to()
    connector.ensure_fields(dry_run=False)
    return connector


def create(key: str, kind: Kind = Kind.COMPANY, op_id: str | None = None, **fields: Any) -> Operation:
    company_id = fields.pop("company_id", None)
    contact_id = fields.pop("contact_id", None)
    return Operation(
        op_id or f"op-{key}",
        kind,
        Action.CREATE,
        key,
        fields,
        company_id=company_id,
        contact_id=contact_id,
    )


def update(remote_id: str, kind: Kind = Kind.COMPANY, op_id: str = "op-update", **fields: Any) -> Operation:
    company_id = fields.pop("company_id", None)
    return Operation(op_id, kind, Action.UPDATE, "key", fields, remote_id=remote_id, company_id=company_id)


def only(results: Any) -> PushResult:
    (result,) = list(results)
    return result


def made(connector: CloseConnector, key: str = "k1", **fields: Any) -> str:
    result = only(connector.push([create(key, **{"company": "Acme", **fields})]))
    assert isinstance(result, Sent)
    return result.remote_id
