"""The CRMs that there are. Another one is a folder, a name here, and the contract tests."""

from __future__ import annotations

from importlib import import_module

from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings

CONNECTORS = ("close", "hubspot", "salesforce")
"""Folders of ``crm``; each has ``connect(settings, options) -> Connector``, imported only when asked for."""


def connect(name: str, settings: Settings, options: TransportOptions) -> Connector:
    """The connector of a CRM. Opens no connection yet.

    Raises:
        ConfigurationError: there is no such CRM, or its settings are missing or wrong.
    """
    if name not in CONNECTORS:
        raise ConfigurationError(f"There is no CRM {name!r}. Known are: {', '.join(CONNECTORS)}.")
    module = import_module(f"sales_agent_dagster.crm.{name}")
    connector: Connector = module.connect(settings, options)
    return connector
