"""HubSpot: companies, contacts, notes and deals. What surprises in it is in ``BEHAVIOR.md``."""

from __future__ import annotations

from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings

__all__ = ["HubSpot", "connect"]


def connect(settings: Settings, options: TransportOptions) -> HubSpot:
    """The connector. Opens no connection yet.

    Raises:
        ConfigurationError: there is no token.
    """
    if settings.hubspot.token is None:
        raise ConfigurationError("HubSpot needs a token: set SALES_AGENT_HUBSPOT__TOKEN.")
    return HubSpot(settings.hubspot, options)
