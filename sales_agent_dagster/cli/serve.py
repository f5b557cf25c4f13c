"""``sales-agent serve``: the receiver of webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import say
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.service.serving import serve
from sales_agent_dagster.settings import Settings


def serve_webhooks(settings: Settings, host: str | None, port: int | None) -> None:
    """Serve until interrupted; ``host`` and ``port`` win over the settings.

    Raises:
        ConfigurationError: no CRM's webhooks can be verified, a setting is wrong, or the port is taken.
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    chosen = settings.model_copy(update={"service": settings.service.model_copy(update=given)})
    with open_warehouse(chosen) as warehouse:
        serve(chosen, warehouse, load_profile(chosen.profile_path), tell=_tell)


def _tell(addresses: Sequence[str]) -> None:
    *webhooks, health = addresses
    for address in webhooks:
        say(("Receives  ", "bold"), address)
    say(("Health    ", "bold"), f"{health}  (Ctrl-C stops it)")
