"""Close: leads as companies, their contacts, notes and drafts. What surprised us is in ``BEHAVIOR.md``."""

from __future__ import annotations

from sales_agent_dagster.crm.close.connector import CloseConnector
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings

__all__ = ["CloseConnector", "connect"]


def connect(settings: Settings, options: TransportOptions) -> CloseConnector:
    """The connector. Opens no connection yet.

    Raises:
        ConfigurationError: there is no key.
    """
    if settings.close.api_key is None:
        raise ConfigurationError("Close needs an API key: set SALES_AGENT_CLOSE__API_KEY.")
    return CloseConnector(settings.close, options, settings.close.api_key)
