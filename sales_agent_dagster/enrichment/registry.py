"""The providers there are, by name, and making those that are in use.

A provider's module is imported when it is made: the embedded default never loads an HTTP client.
"""

from __future__ import annotations

from collections.abc import Callable

from sales_agent_dagster.enrichment.providers import Provider
from sales_agent_dagster.settings import Settings

Factory = Callable[[Settings], Provider | None]
"""Makes a provider; None without its key."""


def _website(settings: Settings) -> Provider | None:
    from sales_agent_dagster.enrichment.website.provider import build

    return build(settings)


FACTORIES: dict[str, Factory] = {
    "website": _website,
}
