"""The official client, logged in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from simple_salesforce import Salesforce

from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
from sales_agent_dagster_tests.salesforce_server.official import KEY, ToLoopback
from sales_agent_dagster_tests.salesforce_server.schema import Field


@pytest.fixture
def session(salesforce: RunningServer) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("https://", ToLoopback(salesforce.url))
        yield session


@pytest.fixture
def client(salesforce: RunningServer, session: requests.Session) -> Salesforce:
    for sobject in ("Account", "Contact", "Lead"):
        salesforce.add_field(sobject, Field(KEY, length=64, external_id=True, unique=True))
    return Salesforce(
        consumer_key=CLIENT_ID,
        consumer_secret=CLIENT_SECRET,
        domain="acme.my",
        session=session,
        version="67.0",
    )
