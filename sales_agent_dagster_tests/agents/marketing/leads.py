"""Leads for tests of the marketing agent."""

from typing import Any

from sales_agent_dagster.agents.marketing.state import CampaignLead


def fact(fact_id: str, value: str, confidence: float = 0.9) -> dict[str, Any]:
    field, source = fact_id.split(".")
    return {"id": fact_id, "field": field, "value": value, "source": source, "confidence": confidence}


def gap(**values: Any) -> dict[str, Any]:
    found = {"capability": "solar", "have": 9, "peers": 31, "basis": "territory", "group": "TX"}
    return {**found, **values}


GROWTH = {
    "territory": "TX",
    "territory_leads": 42,
    "same_oem_competitors": 37,
    "main_brand": "Generac",
    "gaps": [gap()],
}
FACTS = (
    fact("brands.file", "Cummins, Generac"),
    fact("trades.name", "electrical, plumbing"),
    fact("region_state.phone", "TX", 0.7),
)


def lead(**values: Any) -> CampaignLead:
    """A lead of which all is known, but for what is given."""
    known: dict[str, Any] = {
        "lead_id": "lead-1",
        "company_name": "Example Plumbing & Electric Service",
        "contact_first_name": "Maria",
        "contact_name": "Maria Example",
        "email_kind": "personal",
        "phone_kind": "geographic",
        "domain": "example.com",
        "timezone": "America/Chicago",
        "facts": FACTS,
        "growth": GROWTH,
    }
    return CampaignLead(**{**known, **values})


def bare(**values: Any) -> CampaignLead:
    """A lead of which only the name is known."""
    return CampaignLead(**{"lead_id": "lead-1", "company_name": "Example Works", **values})
