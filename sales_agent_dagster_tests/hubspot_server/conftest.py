"""HubSpot's official client, driven at the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sales_agent_dagster_tests.hubspot_server import TOKEN, RunningServer

if TYPE_CHECKING:
    from hubspot import HubSpot

KEY = {"label": "Key", "type": "string", "fieldType": "text", "hasUniqueValue": True}


@pytest.fixture
def client(hubspot: RunningServer) -> HubSpot:
    """HubSpot's own client, unmodified; objects have a unique property ``key``."""
    # Here and not above: the import takes long.
    from hubspot import HubSpot

    found = HubSpot(access_token=TOKEN, host=hubspot.url)
    for kind in ("companies", "contacts", "notes"):
        definition = {"name": "key", "groupName": "g", **KEY}
        hubspot.store.definitions.create(kind, definition)
    return found
