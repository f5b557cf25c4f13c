"""An organisation that is set up for the sync, and a connector to it."""

from __future__ import annotations

from itertools import count
from typing import Any

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.operations import Action, Failed, FailureClass, Operation, PushResult
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import Layout
from sales_agent_dagster.settings import SalesforceSettings
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.custom import add_custom_fields
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET

KEY = "Sales_Agent_Key__c"
CONTACT_KEY = "Sales_Agent_Contact_Key__c"

ACME = {"company": "Acme", "website": "https://acme.example", "phone": "+13105550100", "score": 81.5}
ADA = {"contact_name": "Ada Lovelace", "email": "ada@acme.example", "contact_title": "CTO"}

_numbers = count(1)


def set_up(server: RunningServer, *but: str) -> None:
    """Add the custom fields of the sync, ``but`` for some columns."""
    add_custom_fields(server.org, Layout(SalesforceSettings()), *but)


def settings_of(server: RunningServer, **given: Any) -> SalesforceSettings:
    return SalesforceSettings(
        **{"instance_url": server.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **given}
    )


def connect(
    server: RunningServer, options: TransportOptions | None = None, **given: Any
) -> SalesforceConnector:
    return SalesforceConnector(settings_of(server, **given), options or options_of())


def options_of(**given: Any) -> TransportOptions:
    """Writes, and waits for nothing."""
    waiting = {"sleep": lambda seconds: None, "jitter": lambda: 0.0}
    return TransportOptions(**{"dry_run": False, "concurrency": 4, **waiting, **given})


def create(kind: Kind, key: str, **given: Any) -> Operation:
    """A create; ``company_id`` and ``contact_id`` are no fields."""
    links = {name: given.pop(name) for name in ("company_id", "contact_id") if name in given}
    return Operation(f"op-{next(_numbers)}", kind, Action.CREATE, key, given, **links)


def update(kind: Kind, remote_id: str, key: str = "k", **fields: Any) -> Operation:
    return Operation(f"op-{next(_numbers)}", kind, Action.UPDATE, key, fields, remote_id=remote_id)


def push(connector: SalesforceConnector, *operations: Operation) -> list[PushResult]:
    """Results in the order of the operations, exactly one each."""
    results = {result.op_id: result for result in connector.push(operations)}
    assert results.keys() == {operation.op_id for operation in operations}
    return [results[operation.op_id] for operation in operations]


def failed(result: object) -> tuple[FailureClass, str | None]:
    """Class and record of a failure, which must come with a remedy."""
    assert isinstance(result, Failed), result
    assert result.remedy.endswith((".", "how."))
    return result.failure, result.remote_id
