"""The providers there are, by name, which of them are in use, and making those.

A provider's module is imported when it is made: the embedded default never loads an HTTP client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.enrichment.offline import OfflineProvider
from sales_agent_dagster.enrichment.providers import Provider
from sales_agent_dagster.enrichment.waterfall import Step, Waterfall
from sales_agent_dagster.settings import Settings


def _offline(settings: Settings) -> Provider:
    return OfflineProvider()


def _linkedin(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.linkedin import build

    return build(settings)


def _website(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.website.provider import build

    return build(settings)


def _apollo_company(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.apollo.company import build

    return build(settings)


def _apollo_person(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.apollo.person import build

    return build(settings)


def _hunter_domain(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.hunter.domain import build

    return build(settings)


def _hunter_finder(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.hunter.finder import build

    return build(settings)


def _hunter_verifier(settings: Settings) -> Provider:
    from sales_agent_dagster.enrichment.hunter.verifier import build

    return build(settings)


FACTORIES: Mapping[str, Callable[[Settings], Provider]] = {
    "offline": _offline,
    "linkedin": _linkedin,
    "website": _website,
    "apollo_company": _apollo_company,
    "apollo_person": _apollo_person,
    "hunter_domain": _hunter_domain,
    "hunter_finder": _hunter_finder,
    "hunter_verifier": _hunter_verifier,
}
"""How each of `providers.PROVIDER_NAMES` is made."""

NEEDS: Mapping[str, str] = {
    "linkedin": "linkedin_csv_path",
    "apollo_company": "apollo_api_key",
    "apollo_person": "apollo_api_key",
    "hunter_domain": "hunter_api_key",
    "hunter_finder": "hunter_api_key",
    "hunter_verifier": "hunter_api_key",
}
"""The setting without which a provider is off."""


def steps_in_use(settings: Settings, waterfall: Waterfall) -> list[Step]:
    """Steps that are enabled and have what they need, in order."""
    return [
        step
        for step in waterfall.steps
        if step.enabled
        and (step.provider not in NEEDS or getattr(settings, NEEDS[step.provider]) is not None)
    ]


def uses_network(settings: Settings, waterfall: Waterfall) -> bool:
    """Whether any provider in use asks somebody."""
    return any(step.provider not in ("offline", "linkedin") for step in steps_in_use(settings, waterfall))


def in_use_version(settings: Settings, waterfall: Waterfall) -> str:
    """Hash of the waterfall, of who is in use and of the file that one of them reads."""
    steps = steps_in_use(settings, waterfall)
    path = settings.linkedin_csv_path
    export = content_hash(path.read_bytes().hex()) if path is not None and path.is_file() else None
    return content_hash(waterfall.version, [step.provider for step in steps], export)


def make_providers(settings: Settings, waterfall: Waterfall) -> list[tuple[Step, Provider]]:
    """The providers in use, in order.

    Raises:
        ConfigurationError: a step wants fields that its provider does not offer, or a provider lacks
            something; every fault is listed.
    """
    made: list[tuple[Step, Provider]] = []
    faults = []
    for step in steps_in_use(settings, waterfall):
        try:
            provider = FACTORIES[step.provider](settings)
        except ConfigurationError as error:
            faults.append(str(error))
            continue
        if unknown := [name for name in step.wants if name not in provider.spec.offers]:
            faults.append(f"{step.provider} does not offer {', '.join(unknown)}")
        made.append((step, provider))
    if faults:
        raise ConfigurationError("The waterfall's providers are wrong:\n  " + "\n  ".join(faults))
    return made
