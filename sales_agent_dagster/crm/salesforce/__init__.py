"""Salesforce. What it does that nobody expects is in BEHAVIOR.md."""

from __future__ import annotations

from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.salesforce.connector import SalesforceConnector
from sales_agent_dagster.settings import Settings

__all__ = ["SalesforceConnector", "connect"]


def connect(settings: Settings, options: TransportOptions) -> SalesforceConnector:
    """The connector. Opens no connection yet.

    Raises:
        ConfigurationError: settings are missing.
    """
    return SalesforceConnector(settings.salesforce, options)
