"""A connector to a fresh organisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster_tests.crm.salesforce.organisation import connect, set_up
from sales_agent_dagster_tests.salesforce_server import RunningServer


@pytest.fixture
def organisation(salesforce: RunningServer) -> RunningServer:
    """With the custom fields of the sync."""
    set_up(salesforce)
    return salesforce


@pytest.fixture
def leads(organisation: RunningServer) -> Iterator[SalesforceConnector]:
    """New companies become leads."""
    connector = connect(organisation)
    yield connector
    connector.close()


@pytest.fixture
def accounts(organisation: RunningServer) -> Iterator[SalesforceConnector]:
    """New companies become accounts with contacts."""
    connector = connect(organisation, object_mode="account_contact")
    yield connector
    connector.close()
